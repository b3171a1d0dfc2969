//! From what was asked to what will be done: source chosen, times clamped, geometry resolved, everything decided.

pub mod key;

use std::sync::Arc;

use self::key::Key;
use crate::access::Grant;
use crate::entry::{Entry, EntryId, PartnerId, Source};
use crate::error::Result;
use crate::media::Facts;
use crate::media::time::Micros;
use crate::request::{Accepts, Request};
use crate::thumbnail::{Encoding, Geometry};

/// A decided request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The name of the result, and its ETag.
    pub key: Key,
    /// What to do.
    pub work: Work,
    /// The entry it is of.
    pub entry: EntryId,
    /// Whose entry it is.
    pub partner: PartnerId,
    /// How long the answer may be kept, in seconds.
    pub max_age: u32,
    /// When what it is made of last changed, in seconds since 1970.
    pub modified: u64,
    /// Whether the client's `Accept` had a say.
    pub negotiated: bool,
}

/// What to do, fully decided: everything that changes bytes is in here, and two requests for the same bytes are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// One picture.
    Thumbnail { subject: Subject, geometry: Geometry, encoding: Encoding },
    /// A row of pictures of one size.
    Strip { tiles: Tiles, geometry: Geometry, encoding: Encoding },
}

/// What a picture is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A frame of a video.
    Frame { source: Source, at: Micros, precision: Precision },
    /// A stored picture.
    Still { source: Source },
    /// A picture of our own.
    Placeholder(Placeholder),
}

/// What the tiles of a strip are of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tiles {
    /// Frames of one video, in the order of the tiles.
    Frames { source: Source, moments: Vec<Micros>, precision: Precision },
    /// The same picture so many times.
    Copies { subject: Subject, count: u32 },
}

/// Which frame answers for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// The frame on display.
    Exact,
    /// The keyframe at or before it.
    Keyframe,
}

/// The pictures that stand for content without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placeholder {
    /// A video or image that has no content yet.
    Draft,
    /// Sound without a picture.
    Audio,
}

/// What a site decides about thumbnails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Most pixels of a finished picture.
    pub output_pixels_max: u64,
    /// Most slices of a strip.
    pub slices_max: u32,
    /// Quality where none is asked for.
    pub quality: u8,
    /// The moment shown where none is asked for.
    pub thumb_offset: Micros,
    /// Seconds that an answer about a ready entry may be kept.
    pub max_age: u32,
    /// Seconds that a placeholder or an answer about an entry that is not ready may be kept.
    pub max_age_unready: u32,
    /// Whether a draft is an error instead of a placeholder.
    pub draft_is_error: bool,
}

/// What is known of a source: its facts, or why there are none.
pub type Known<'a> = (&'a Source, Result<Arc<Facts>>);

/// The sources of `entry` whose facts [`plan`] needs, without repeats.
pub fn sources<'a>(_request: &Request, _entry: &'a Entry) -> Vec<&'a Source> {
    todo!()
}

/// What will be done for `request`. `known` holds the facts of [`sources`].
pub fn plan(
    _request: &Request,
    _entry: &Entry,
    _known: &[Known<'_>],
    _grant: Grant,
    _accepts: Accepts,
    _policy: &Policy,
) -> Result<Plan> {
    todo!()
}
