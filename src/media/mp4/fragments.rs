//! Movie fragments: samples listed by `moof` boxes along the file (ISO/IEC 14496-12 section 8.8).

use super::boxes::{Atom, Cursor, damaged};
use super::movie::{Defaults, Draft};
use super::tables::Budget;
use crate::error::Result;
use crate::media::Track;
use crate::media::samples::{Collector, Edit, Raw};
use crate::media::time::{Micros, Ticks};

/// The sample is not a place to start decoding (section 8.8.3.1).
const NON_SYNC: u32 = 1 << 16;
/// The sample needs others; says more than `NON_SYNC` where writers leave that at zero.
const DEPENDS: u32 = 1 << 24;
const DEPENDS_MASK: u32 = 3 << 24;

/// A track that fragments add to.
#[derive(Debug)]
pub(super) struct Growing {
    draft: Draft,
    collector: Collector,
    /// When the next sample is decoded where its fragment does not say.
    next: i64,
}

impl Growing {
    /// A track as `moov` left it.
    pub(super) fn of(mut draft: Draft) -> Result<Growing> {
        let (mut collector, mut next) = (Collector::new(), 0);
        for sample in std::mem::take(&mut draft.track.samples).range(0..u32::MAX) {
            next = sample.decode_time.0.saturating_add(sample.duration.into());
            collector.push(Raw {
                offset: sample.offset,
                size: sample.size,
                decode_time: sample.decode_time,
                time: sample.time,
                duration: sample.duration,
                keyframe: sample.keyframe,
            })?;
        }
        Ok(Growing { draft, collector, next })
    }

    /// Adds a sample that is decoded when the last one ends, and is composed `shift` ticks later.
    fn push(&mut self, sample: Listed) -> Result<()> {
        let Listed { offset, size, duration, shift, keyframe } = sample;
        let (decode_time, time) = (Ticks(self.next), Ticks(self.next.saturating_add(shift)));
        self.next = self.next.saturating_add(duration.into());
        self.collector.push(Raw { offset, size, decode_time, time, duration, keyframe })
    }

    /// When its first sample is decoded; `None` where it has no samples, zero where its edits say when it starts and ends.
    fn start(&self) -> Option<i64> {
        let bounded = self.draft.edits.iter().any(|edit| edit.length.is_some());
        self.collector.first_decoded().map(|first| if bounded { 0 } else { first.0 })
    }

    /// The track, with its presentation moved so that `start` is its beginning.
    fn finish(self, start: Micros) -> Track {
        let Growing { mut draft, collector, .. } = self;
        let later = start.ticks(draft.track.timescale).0;
        match &mut draft.edits[..] {
            [] if later > 0 => draft.edits.push(Edit { start: 0, length: None, media: later }),
            edits => edits.iter_mut().for_each(|edit| edit.media = edit.media.saturating_add(later)),
        }
        Track { samples: collector.finish_edited(draft.edits), ..draft.track }
    }
}

/// The finished tracks. The first sample that is decoded starts the presentation: a recording cut out of a live stream
/// counts its time from the start of that stream.
pub(super) fn finish(tracks: Vec<Growing>) -> Vec<Track> {
    let starts = tracks.iter().filter_map(|track| Some(Ticks(track.start()?).micros(track.draft.track.timescale)));
    let start = starts.min().unwrap_or_default().max(Micros(0));
    tracks.into_iter().map(|track| track.finish(start)).collect()
}

/// A sample as a fragment lists it.
struct Listed {
    offset: u64,
    size: u32,
    duration: u32,
    shift: i64,
    keyframe: bool,
}

/// A `moof` box, and the file around it.
pub(super) struct Fragment<'a> {
    /// The box.
    pub(super) moof: Atom<'a>,
    /// Where it starts in the file.
    pub(super) at: u64,
    /// The length of the file.
    pub(super) file_size: u64,
}

impl Fragment<'_> {
    /// Adds the samples of the fragment to the tracks that are known. Those that lie beyond the end of the file are left
    /// out with all that follow in their run: the file is still growing, or was cut.
    pub(super) fn add_to(&self, tracks: &mut [Growing], budget: &mut Budget) -> Result<()> {
        let mut end = self.at;
        for child in self.moof.children() {
            let traf = child?;
            if traf.kind == *b"traf" {
                end = self.track(traf, end, tracks, budget)?;
            }
        }
        Ok(())
    }

    /// Adds the samples of one track; where the data of its last run ends. `previous` is where that of the track before did.
    fn track(&self, traf: Atom<'_>, previous: u64, tracks: &mut [Growing], budget: &mut Budget) -> Result<u64> {
        let (_, flags, mut tfhd) = traf.required(*b"tfhd")?.full()?;
        let id = tfhd.u32()?;
        let track = tracks.iter_mut().find(|track| track.draft.track.id == id);
        let defaults = track.as_ref().map_or(Defaults::default(), |track| track.draft.defaults);
        let (base, defaults) = header(flags, tfhd, defaults, if flags & 0x2_0000 != 0 { self.at } else { previous })?;
        let mut run = Run { base, end: base, defaults, track, file_size: self.file_size };
        if let Some(tfdt) = traf.child(*b"tfdt")? {
            run.restart(decode_time(tfdt)?);
        }
        for child in traf.children() {
            let trun = child?;
            if trun.kind == *b"trun" {
                run.add(trun, budget)?;
            }
        }
        Ok(run.end)
    }
}

/// The base of data offsets, and what holds for samples that do not say, by the rest of `tfhd` (section 8.8.7).
fn header(flags: u32, mut tfhd: Cursor<'_>, track: Defaults, base: u64) -> Result<(u64, Defaults)> {
    let base = if flags & 1 != 0 { tfhd.u64()? } else { base };
    if flags & 2 != 0 {
        tfhd.u32()?;
    }
    let mut field = |flag: u32, default: u32| if flags & flag != 0 { tfhd.u32() } else { Ok(default) };
    let defaults = Defaults {
        duration: field(0x08, track.duration)?,
        size: field(0x10, track.size)?,
        flags: field(0x20, track.flags)?,
    };
    Ok((base, defaults))
}

/// When the first sample of a fragment is decoded (section 8.8.12).
fn decode_time(tfdt: Atom<'_>) -> Result<i64> {
    let (version, _, mut cursor) = tfdt.full()?;
    let time = if version == 1 { cursor.u64()? } else { cursor.u32()?.into() };
    // A quarter of the range leaves room for every sum made of it.
    let honest = i64::try_from(time).ok().filter(|time| *time <= i64::MAX / 4);
    honest.ok_or_else(|| damaged(tfdt.kind, &format!("claims a decoding time of {time}")))
}

/// The runs of samples of one track in a fragment.
struct Run<'t> {
    base: u64,
    /// Where the data of the last run ended.
    end: u64,
    defaults: Defaults,
    /// `None` for a track that `moov` does not know: its data still has to be passed over.
    track: Option<&'t mut Growing>,
    file_size: u64,
}

impl Run<'_> {
    fn restart(&mut self, decode_time: i64) {
        if let Some(track) = &mut self.track {
            track.next = decode_time;
        }
    }

    /// Adds the samples of a `trun` box (section 8.8.8).
    fn add(&mut self, trun: Atom<'_>, budget: &mut Budget) -> Result<()> {
        let (_, flags, mut cursor) = trun.full()?;
        let count = cursor.u32()?;
        let mut at = match flags & 1 {
            0 => self.end,
            _ => self.base.saturating_add_signed(i64::from(cursor.u32()? as i32)),
        };
        let first_flags = if flags & 4 != 0 { Some(cursor.u32()?) } else { None };
        let fields = (flags & 0xf00).count_ones() as usize;
        cursor.clone().table(count, fields * 4)?;
        budget.take(count)?;
        let mut inside = true;
        for place in 0..count {
            let mut field = |flag: u32, default: u32| if flags & flag != 0 { cursor.u32() } else { Ok(default) };
            let duration = field(0x100, self.defaults.duration)?;
            let size = field(0x200, self.defaults.size)?;
            let own = field(0x400, self.defaults.flags)?;
            let shift = i64::from(field(0x800, 0)? as i32);
            let own = first_flags.filter(|_| place == 0).unwrap_or(own);
            let end = at.saturating_add(size.into());
            inside &= end <= self.file_size;
            if let Some(track) = self.track.as_mut().filter(|_| inside) {
                let keyframe = own & NON_SYNC == 0 && own & DEPENDS_MASK != DEPENDS;
                track.push(Listed { offset: at, size, duration, shift, keyframe })?;
            }
            at = end;
        }
        self.end = at;
        Ok(())
    }
}
