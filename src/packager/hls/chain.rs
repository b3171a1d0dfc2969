//! Playlists of several entries, each behind a discontinuity (RFC 8216 section 4.3.2.3).

use std::fmt::Display;
use std::ops::Range;

use super::{Playlist, map};
use crate::media::time::{Micros, Timescale};
use crate::packager::name::{File, Form, Selection};
use crate::packager::rendition::{Access, Rendition};

/// What an entry adds to a playlist.
#[derive(Clone, Debug)]
pub struct Link {
    /// How its files are named.
    pub of: Selection,
    /// What it is.
    pub rendition: Rendition,
}

/// What a playlist lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// Segments.
    Segments,
    /// Keyframes, each a file of its own.
    Keyframes,
}

/// The pieces of several entries, each with the head that goes with them. `uri` gives the address of a file of an entry by
/// the place of that entry.
pub fn chain<U: Display>(links: &[Link], pieces: Pieces, form: Form, uri: impl Fn(usize, &File) -> U) -> String {
    let mut text = Playlist::new(Timescale::MICROS);
    for (place, Link { of, rendition }) in links.iter().enumerate() {
        text.begin(rendition.timescale);
        if form == Form::M4s {
            text.pieces += &map(uri(place, &File::Init(of.clone())));
        }
        match pieces {
            Pieces::Segments => rendition.segments.iter().for_each(|segment| {
                let file = File::Segment { number: segment.number, of: of.clone(), form };
                text.piece(segment.start, segment.duration, uri(place, &file));
            }),
            Pieces::Keyframes => rendition.keyframes.iter().for_each(|frame| {
                let file = File::Iframe { number: frame.number, of: of.clone(), form };
                text.piece(frame.start, frame.duration, uri(place, &file));
            }),
        }
    }
    let are_independent = links.iter().all(|link| link.rendition.access == Access::Independent);
    // As for one entry: EXT-X-MAP needs version 6, or 5 beside EXT-X-I-FRAMES-ONLY.
    match (pieces, form) {
        (Pieces::Segments, Form::M4s) => text.finish(6, independence(are_independent)),
        (Pieces::Segments, _) => text.finish(3, independence(are_independent)),
        (Pieces::Keyframes, Form::M4s) => text.finish(5, "#EXT-X-I-FRAMES-ONLY\n"),
        (Pieces::Keyframes, _) => text.finish(4, "#EXT-X-I-FRAMES-ONLY\n"),
    }
}

fn independence(are_independent: bool) -> &'static str {
    if are_independent { "#EXT-X-INDEPENDENT-SEGMENTS\n" } else { "" }
}

/// The segments of the captions of several entries, given by the stretches of each. `uri` gives the address of a segment by
/// the place of its entry and its number.
pub fn captions_chain<U: Display>(entries: &[Vec<Range<Micros>>], uri: impl Fn(usize, u32) -> U) -> String {
    let mut text = Playlist::new(Timescale::MICROS);
    for (place, stretches) in entries.iter().enumerate() {
        text.begin(Timescale::MICROS);
        for (number, stretch) in (1u32..).zip(stretches) {
            let (start, end) = (stretch.start.0.max(0) as u64, stretch.end.0.max(0) as u64);
            text.piece(start, end.saturating_sub(start), uri(place, number));
        }
    }
    text.finish(3, "")
}
