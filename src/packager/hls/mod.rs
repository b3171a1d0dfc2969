//! HLS playlists as text (RFC 8216, and its second edition in draft-pantos-hls-rfc8216bis).

mod attributes;
mod chain;
mod multivariant;

use std::fmt::{Display, Write};
use std::ops::Range;

use super::name::{File, Form, Selection};
use super::rendition::{Access, Rendition};
use crate::media::time::{Micros, Timescale};

pub use self::chain::{Link, Pieces, captions_chain, chain};
pub use self::multivariant::multivariant;

/// Units of the times that are written: five decimals.
const UNITS: u64 = 100_000;

/// The segments of a rendition, named `of`, whose addresses `uri` gives.
pub fn media_playlist<U: Display>(
    rendition: &Rendition,
    of: &Selection,
    form: Form,
    uri: impl Fn(&File) -> U,
) -> String {
    let mut text = Playlist::new(rendition.timescale);
    for segment in &rendition.segments {
        let file = File::Segment { number: segment.number, of: of.clone(), form };
        text.piece(segment.start, segment.duration, uri(&file));
    }
    let mut head = String::new();
    if rendition.access == Access::Independent {
        head += "#EXT-X-INDEPENDENT-SEGMENTS\n";
    }
    if form == Form::M4s {
        head += &map(uri(&File::Init(of.clone())));
    }
    // Fractions of seconds need version 3, EXT-X-MAP 6 (RFC 8216 section 7).
    text.finish(if form == Form::M4s { 6 } else { 3 }, &head)
}

/// The keyframes of a rendition of pictures, each a file of its own (RFC 8216 section 4.3.3.6).
pub fn iframe_playlist<U: Display>(
    rendition: &Rendition,
    of: &Selection,
    form: Form,
    uri: impl Fn(&File) -> U,
) -> String {
    let mut text = Playlist::new(rendition.timescale);
    for frame in &rendition.keyframes {
        let file = File::Iframe { number: frame.number, of: of.clone(), form };
        text.piece(frame.start, frame.duration, uri(&file));
    }
    let mut head = "#EXT-X-I-FRAMES-ONLY\n".to_owned();
    if form == Form::M4s {
        head += &map(uri(&File::Init(of.clone())));
    }
    // EXT-X-I-FRAMES-ONLY needs version 4, EXT-X-MAP beside it 5.
    text.finish(if form == Form::M4s { 5 } else { 4 }, &head)
}

/// The segments of captions, one for each stretch of the presentation, to its very end.
pub fn captions_playlist<U: Display>(stretches: &[Range<Micros>], of: &Selection, uri: impl Fn(&File) -> U) -> String {
    let mut text = Playlist::new(Timescale::MICROS);
    for (number, stretch) in (1u32..).zip(stretches) {
        let file = File::Segment { number, of: of.clone(), form: Form::Vtt };
        let (start, end) = (stretch.start.0.max(0) as u64, stretch.end.0.max(0) as u64);
        text.piece(start, end.saturating_sub(start), uri(&file));
    }
    text.finish(3, "")
}

/// The segments of captions as the dialect's API lists them: whole seconds, lines that end in CR LF.
pub fn dialect_captions<U: Display>(seconds: u32, total: u64, uri: impl Fn(u32) -> U) -> String {
    let mut text = format!(
        "#EXTM3U\r\n#EXT-X-TARGETDURATION:{seconds}\r\n#EXT-X-VERSION:3\r\n#EXT-X-MEDIA-SEQUENCE:1\r\n\
         #EXT-X-PLAYLIST-TYPE:VOD\r\n"
    );
    let (mut left, mut number) = (total, 0u32);
    while left > 0 {
        let length = left.min(seconds.max(1).into());
        (left, number) = (left - length, number.saturating_add(1));
        // Writing to a string cannot fail.
        let _ = write!(text, "#EXTINF:{length}.0,\r\n{}\r\n", uri(number));
    }
    text + "#EXT-X-ENDLIST\r\n"
}

fn map(uri: impl Display) -> String {
    format!("#EXT-X-MAP:URI=\"{uri}\"\n")
}

/// A media playlist in the making.
struct Playlist {
    timescale: Timescale,
    pieces: String,
    longest: u64,
}

impl Playlist {
    fn new(timescale: Timescale) -> Playlist {
        Playlist { timescale, pieces: String::new(), longest: 0 }
    }

    /// Goes on with an entry whose times have their own zero and unit.
    fn begin(&mut self, timescale: Timescale) {
        self.timescale = timescale;
        if !self.pieces.is_empty() {
            self.pieces += "#EXT-X-DISCONTINUITY\n";
        }
    }

    /// Adds a piece by its start and its length in ticks. What is written is the distance between rounded times: a sum of it
    /// is never off by more than rounding one.
    fn piece(&mut self, start: u64, duration: u64, uri: impl Display) {
        let until = self.units(start.saturating_add(duration));
        let length = until.saturating_sub(self.units(start));
        self.longest = self.longest.max(length);
        // Writing to a string cannot fail.
        let _ = writeln!(self.pieces, "#EXTINF:{}.{:05},\n{uri}", length / UNITS, length % UNITS);
    }

    fn units(&self, ticks: u64) -> u64 {
        let timescale = u128::from(self.timescale.get());
        let units = (u128::from(ticks) * u128::from(UNITS) + timescale / 2) / timescale;
        units.min(u64::MAX.into()) as u64
    }

    /// The whole text, with lines of its own behind the usual ones.
    fn finish(self, version: u8, head: &str) -> String {
        // No length, rounded to the nearest second, may exceed it (RFC 8216 section 4.3.3.1).
        let target = self.longest.saturating_add(UNITS / 2) / UNITS;
        let mut text = format!("#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-TARGETDURATION:{}\n", target.max(1));
        text += "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:1\n";
        text += head;
        text += &self.pieces;
        text += "#EXT-X-ENDLIST\n";
        text
    }
}
