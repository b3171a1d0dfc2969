//! Which stretches of a track are shown, and when (ISO/IEC 14496-12 section 8.6.6).
//!
//! Stretches may come in any order and repeat. A sample has one time, that of the first stretch that shows it; a look-up by
//! time finds it in every stretch. Empty edits, and those that hold one frame, leave the frame before them on display. The
//! rate of an edit is not followed.

/// A stretch of the media timeline on the presentation timeline, in ticks of the track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) struct Edit {
    /// When it starts in the presentation.
    pub(in crate::media) start: i64,
    /// How long it is; `None` for the rest of the track.
    pub(in crate::media) length: Option<i64>,
    /// The composition time that is on display at its start.
    pub(in crate::media) media: i64,
}

/// An edit that shows samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    start: i64,
    end: i64,
    /// The composition time of the first sample that it shows, which may have begun before it.
    pub(super) from: i64,
    /// The composition time at its end.
    pub(super) to: i64,
    /// From composition time to presentation time.
    shift: i64,
}

/// The edits of a track; without any, composition time is presentation time.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Windows {
    windows: Vec<Window>,
    /// What takes a sample that is not shown to a time that no other sample has.
    outside: i64,
}

impl Windows {
    /// The edits that show anything of a track whose samples are shown up to the composition time `end`, and last from
    /// `last`. `on_display` gives the composition time of the sample on display at one.
    pub(super) fn of(edits: &[Edit], last: i64, end: i64, on_display: impl Fn(i64) -> i64) -> Windows {
        let windows: Vec<Window> = edits
            .iter()
            .map(|edit| Window {
                start: edit.start,
                end: edit.length.map_or(i64::MAX, |length| edit.start.saturating_add(length)),
                from: on_display(edit.media),
                to: edit.length.map_or(i64::MAX, |length| edit.media.saturating_add(length)),
                shift: edit.start.saturating_sub(edit.media),
            })
            .filter(|window| window.from < window.to && window.start < window.end)
            .filter(|window| window.start.saturating_sub(window.shift) < end.max(last.saturating_add(1)))
            .collect();
        let outside = match windows[..] {
            [only] => only.shift,
            _ => last.saturating_add(1).saturating_neg(),
        };
        Windows { windows, outside }
    }

    /// How many stretches are shown by edits; none where all is shown.
    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }

    /// Bytes it occupies beside itself.
    pub(super) fn weight(&self) -> usize {
        self.windows.capacity() * size_of::<Window>()
    }

    /// When a sample is shown that has the composition time `media`. The one on display at the start has a time before it
    /// where it began earlier. One that is not shown has a time outside the only edit, or before zero where there are several.
    pub(super) fn time(&self, media: i64) -> i64 {
        if self.windows.is_empty() {
            return media;
        }
        match self.windows.iter().find(|window| window.shows(media)) {
            // Between stretches, the start of one must not reach into the one before.
            Some(window) if self.windows.len() > 1 => media.saturating_add(window.shift).max(window.start),
            Some(window) => media.saturating_add(window.shift),
            None => media.saturating_add(self.outside),
        }
    }

    /// Whether a sample with the composition time `media` is shown.
    pub(super) fn show(&self, media: i64) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|window| window.shows(media))
    }

    /// The composition time on display at the presentation time `at`.
    pub(super) fn media(&self, at: i64) -> i64 {
        let Some(current) = self.upto(at).next().or(self.windows.first()) else {
            return at;
        };
        at.saturating_sub(current.shift).clamp(current.from, current.to - 1)
    }

    /// The stretches that start at or before `at`, the latest first.
    pub(super) fn upto(&self, at: i64) -> impl Iterator<Item = &Window> {
        let count = self.windows.partition_point(|window| window.start <= at);
        self.windows[..count].iter().rev()
    }

    /// True where composition time is presentation time.
    pub(super) fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// The last composition time on display, where the track itself goes on to `last`.
    pub(super) fn last(&self, last: i64) -> i64 {
        self.windows.last().map_or(last, |window| last.min(window.to - 1))
    }

    /// When the presentation ends, where the track itself goes on to the composition time `end`.
    pub(super) fn end(&self, end: i64) -> i64 {
        let ends = self.windows.iter().map(|w| end.saturating_add(w.shift).clamp(w.start, w.end));
        ends.max().unwrap_or(end)
    }
}

impl Window {
    fn shows(&self, media: i64) -> bool {
        (self.from..self.to).contains(&media)
    }
}
