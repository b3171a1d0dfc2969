//! Playlists of the pieces of one entry, or of several, each behind a discontinuity (RFC 8216 section 4.3.3).

use std::fmt::{Display, Write};
use std::ops::Range;

use crate::media::time::{Micros, Timescale};
use crate::packager::name::{self, Form, Selection, Series};
use crate::packager::rendition::{Access, Rendition};

/// What an entry adds to a playlist.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// Where its files are, with a slash at the end; empty for beside the playlist.
    pub place: &'a str,
    /// How they are named.
    pub of: &'a Selection,
    /// What it is.
    pub rendition: &'a Rendition,
}

/// What a playlist lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// Segments.
    Segments,
    /// Keyframes, each a file of its own (section 4.3.3.6).
    Keyframes,
}

/// Units of the times that are written: five decimals.
const UNITS: u64 = 100_000;

/// The pieces of the renditions of some entries, one after the other, each with the head that goes with them.
pub fn playlist(links: &[Link<'_>], pieces: Pieces, form: Form) -> String {
    let mut text = Text::default();
    for Link { place, of, rendition } in links {
        let count = if pieces == Pieces::Segments { rendition.segments.len() } else { rendition.keyframes.len() };
        text.begin(rendition.timescale, (1 + count) * (place.len() + PIECE_BYTES));
        if form == Form::M4s {
            text.pieces += "#EXT-X-MAP:URI=\"";
            text.pieces += place;
            // Writing to a string cannot fail.
            let _ = name::init(of, &mut text.pieces);
            text.pieces += "\"\n";
        }
        match pieces {
            Pieces::Segments => {
                let uris = Uris::new(place, &Series::segments(of, form));
                for segment in &rendition.segments {
                    text.piece(segment.start, segment.duration);
                    text.address(&uris, segment.number);
                }
            }
            Pieces::Keyframes => {
                let uris = Uris::new(place, &Series::iframes(of, form));
                for frame in &rendition.keyframes {
                    text.piece(frame.start, frame.duration);
                    text.address(&uris, frame.number);
                }
            }
        }
    }
    let are_independent = links.iter().all(|link| link.rendition.access == Access::Independent);
    let independence = if are_independent { "#EXT-X-INDEPENDENT-SEGMENTS\n" } else { "" };
    // Fractions of seconds need version 3, EXT-X-MAP 6; EXT-X-I-FRAMES-ONLY 4, and EXT-X-MAP beside it 5 (section 7).
    match (pieces, form) {
        (Pieces::Segments, Form::M4s) => text.finish(6, independence),
        (Pieces::Segments, _) => text.finish(3, independence),
        (Pieces::Keyframes, Form::M4s) => text.finish(5, "#EXT-X-I-FRAMES-ONLY\n"),
        (Pieces::Keyframes, _) => text.finish(4, "#EXT-X-I-FRAMES-ONLY\n"),
    }
}

/// The segments of the captions of some entries, given by the stretches of each, to the very end. `uri` gives the address of a
/// segment by the place of its entry and its number.
pub fn captions<U: Display>(entries: &[Vec<Range<Micros>>], uri: impl Fn(usize, u32) -> U) -> String {
    let mut text = Text::default();
    for (place, stretches) in entries.iter().enumerate() {
        text.begin(Timescale::MICROS, stretches.len() * PIECE_BYTES);
        for (number, stretch) in (1u32..).zip(stretches) {
            let (start, end) = (stretch.start.0.max(0) as u64, stretch.end.0.max(0) as u64);
            text.piece(start, end.saturating_sub(start));
            // Writing to a string cannot fail.
            let _ = writeln!(text.pieces, ",\n{}", uri(place, number));
        }
    }
    text.finish(3, "")
}

/// The lines of pieces from behind their lengths on, which differ in numbers alone.
struct Uris {
    front: String,
    tail: String,
}

impl Uris {
    fn new(place: &str, names: &Series) -> Uris {
        Uris { front: [",\n", place, names.front].concat(), tail: [&names.tail, "\n"].concat() }
    }
}

/// A playlist in the making.
struct Text {
    timescale: Timescale,
    pieces: String,
    longest: u64,
}

impl Default for Text {
    fn default() -> Text {
        Text { timescale: Timescale::MICROS, pieces: String::new(), longest: 0 }
    }
}

impl Text {
    /// Goes on with an entry whose times have their own zero and unit, and which takes about so many bytes.
    fn begin(&mut self, timescale: Timescale, bytes: usize) {
        self.timescale = timescale;
        self.pieces.reserve(bytes);
        if !self.pieces.is_empty() {
            self.pieces += "#EXT-X-DISCONTINUITY\n";
        }
    }

    /// Adds the length of a piece by its start and its length in ticks, up to the comma. What is written is the distance between
    /// rounded times: a sum of it is never off by more than rounding one.
    fn piece(&mut self, start: u64, duration: u64) {
        let until = self.units(start.saturating_add(duration));
        let length = until.saturating_sub(self.units(start));
        self.longest = self.longest.max(length);
        let mut digits = itoa::Buffer::new();
        self.pieces += "#EXTINF:";
        self.pieces += digits.format(length / UNITS);
        self.pieces.push('.');
        // A one before the decimals keeps their zeros.
        self.pieces += &digits.format(UNITS + length % UNITS)[1..];
    }

    /// Adds the address of a piece.
    fn address(&mut self, uris: &Uris, number: u32) {
        self.pieces += &uris.front;
        self.pieces += itoa::Buffer::new().format(number);
        self.pieces += &uris.tail;
    }

    /// Rounded to the nearest.
    fn units(&self, ticks: u64) -> u64 {
        let timescale = u64::from(self.timescale.get());
        match ticks.checked_mul(UNITS).and_then(|units| units.checked_add(timescale / 2)) {
            Some(units) => units / timescale,
            None => {
                let units = (u128::from(ticks) * u128::from(UNITS) + u128::from(timescale / 2)) / u128::from(timescale);
                units.min(u64::MAX.into()) as u64
            }
        }
    }

    /// The whole text, with lines of its own behind the usual ones.
    fn finish(self, version: u8, head: &str) -> String {
        // No length, rounded to the nearest second, may exceed it (section 4.3.3.1).
        let target = (self.longest.saturating_add(UNITS / 2) / UNITS).max(1);
        let mut text = String::with_capacity(self.pieces.len() + head.len() + HEAD_BYTES);
        let (mut digits, mut seconds) = (itoa::Buffer::new(), itoa::Buffer::new());
        for part in [
            "#EXTM3U\n#EXT-X-VERSION:",
            digits.format(version),
            "\n#EXT-X-TARGETDURATION:",
            seconds.format(target),
            "\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:1\n",
            head,
            &self.pieces,
            "#EXT-X-ENDLIST\n",
        ] {
            text += part;
        }
        text
    }
}

/// Bytes of the lines of most pieces.
const PIECE_BYTES: usize = 48;

/// Bytes of the lines that every playlist has, at most.
const HEAD_BYTES: usize = 192;
