//! Work, fully decided: what is made, of what, and what pictures are of.

use super::playback::{Cues, Cut, Presentation};
use super::sequence::{Chain, Words};
use crate::entry::Source;
use crate::media::time::Micros;
use crate::packager::Container;
use crate::packager::name::Selection;
use crate::packager::segments::Pace;
use crate::packager::silence::Silence;
use crate::packager::timeline::Window;
use crate::thumbnail::{Encoding, Geometry, placeholder};

/// What to do, fully decided: everything that changes bytes is in here, and two requests for the same bytes are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// One picture.
    Thumbnail {
        /// What it is of.
        subject: Subject,
        /// Its size and part.
        geometry: Geometry,
        /// How it is written.
        encoding: Encoding,
    },
    /// A row of two or more pictures of one size, from left to right without gaps.
    Strip {
        /// What they are of.
        tiles: Tiles,
        /// The size and part of each.
        geometry: Geometry,
        /// How the row is written.
        encoding: Encoding,
    },
    /// A multivariant playlist or a manifest.
    Presentation(Box<Presentation>),
    /// A playlist of segments.
    Playlist {
        /// What is cut.
        cut: Box<Cut>,
        /// The tracks, as file names spell them.
        of: Selection,
        /// Whether it lists keyframes alone.
        iframes: bool,
    },
    /// The head that the segments of a track have in common.
    Init(Box<Cut>),
    /// A segment.
    Segment {
        /// What is cut.
        cut: Box<Cut>,
        /// Its number, from one.
        number: u32,
        /// Whether it is a keyframe alone.
        iframe: bool,
    },
    /// A playlist of captions.
    CaptionList {
        /// The caption file, as file names spell it.
        of: Selection,
        /// How long the presentation is.
        length: Micros,
        /// How segments are cut.
        pace: Pace,
    },
    /// Captions, whole or a segment of them.
    Cues(Box<Cues>),
    /// A stored file, or a part of it as a file of its own.
    Stored {
        /// The file.
        source: Source,
        /// The part.
        window: Window,
        /// Whether what a player reads first comes first.
        moov_first: bool,
    },
    /// A playlist of several entries.
    Chain(Box<Chain>),
    /// A playlist of the captions of several entries.
    CaptionChain {
        /// What each entry adds.
        words: Vec<Words>,
        /// How segments are cut.
        pace: Pace,
    },
    /// A manifest of several entries, a period each.
    Periods(Vec<Presentation>),
    /// Sound that nobody hears.
    Silence {
        /// What it is like.
        silence: Silence,
        /// The number of the segment, from one; `None` for the head of them all.
        number: Option<u32>,
        /// How segments are wrapped.
        container: Container,
        /// How segments are cut.
        pace: Pace,
    },
    /// Captions as the API has them.
    Transcript {
        /// The caption file.
        source: Source,
        /// What is made of it.
        style: Style,
    },
    /// A playlist of the segments that the API cuts captions into.
    TranscriptList {
        /// How long each is.
        seconds: u32,
        /// How long they are together, in seconds.
        total: u64,
    },
    /// A text that needs nothing more.
    Written {
        /// The text.
        body: String,
        /// Its media type.
        media_type: &'static str,
    },
}

impl Work {
    /// Whether it only computes, once the indexes of its sources are there.
    pub fn is_light(&self) -> bool {
        match self {
            Work::Presentation(_)
            | Work::Playlist { .. }
            | Work::Init(_)
            | Work::Segment { .. }
            | Work::CaptionList { .. }
            | Work::Silence { .. }
            | Work::TranscriptList { .. }
            | Work::Written { .. } => true,
            Work::Thumbnail { .. }
            | Work::Strip { .. }
            | Work::Cues(_)
            | Work::Transcript { .. }
            | Work::Chain(_)
            | Work::CaptionChain { .. }
            | Work::Periods(_)
            | Work::Stored { .. } => false,
        }
    }

    /// Whether pictures are decoded for it: what takes many times as long to make as to read again.
    pub fn is_drawn(&self) -> bool {
        let is_decoded = |subject: &Subject| matches!(subject, Subject::Frame { .. } | Subject::Still { .. });
        match self {
            Work::Thumbnail { subject, .. } | Work::Strip { tiles: Tiles::Copies { subject, .. }, .. } => {
                is_decoded(subject)
            }
            Work::Strip { tiles: Tiles::Frames { .. }, .. } => true,
            _ => false,
        }
    }

    /// Whether it makes text, which is worth compressing on its way.
    pub fn is_text(&self) -> bool {
        match self {
            Work::Presentation(_)
            | Work::Playlist { .. }
            | Work::CaptionList { .. }
            | Work::Cues(_)
            | Work::Chain(_)
            | Work::CaptionChain { .. }
            | Work::Periods(_)
            | Work::Transcript { .. }
            | Work::TranscriptList { .. }
            | Work::Written { .. } => true,
            Work::Thumbnail { .. }
            | Work::Strip { .. }
            | Work::Init(_)
            | Work::Segment { .. }
            | Work::Silence { .. }
            | Work::Stored { .. } => false,
        }
    }
}

/// What the API makes of captions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// JSON of all cues.
    Json,
    /// WebVTT of all cues.
    WebVtt,
    /// WebVTT of those cues that are shown in a stretch.
    Segment {
        /// Where it begins.
        from: Micros,
        /// Where it ends.
        to: Micros,
        /// The time that ten seconds of a transport stream stand for.
        local: Micros,
    },
}

/// What a picture is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A frame of a video.
    Frame {
        /// The video.
        source: Source,
        /// The moment, not after the last frame.
        at: Micros,
        /// Whether the frame itself is shown or the keyframe before it.
        precision: Precision,
    },
    /// A stored picture.
    Still {
        /// The picture.
        source: Source,
    },
    /// A picture of our own.
    Placeholder(Placeholder),
    /// One pixel of the background: what is seen of a part that lies wholly outside of its source. Nothing is opened.
    Blank,
}

/// What the tiles of a strip are of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tiles {
    /// Frames of one video, in the order of the tiles.
    Frames {
        /// The video.
        source: Source,
        /// As [`Subject::Frame`] has it, one a tile; not all equal. They do not fall.
        moments: Vec<Micros>,
        /// Whether the frames themselves are shown or the keyframes before them.
        precision: Precision,
    },
    /// The same picture several times.
    Copies {
        /// The picture.
        subject: Subject,
        /// How many times, at least two.
        count: u32,
    },
}

/// Which frame answers for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// The frame on display.
    Exact,
    /// The keyframe at or before it.
    Keyframe,
}

/// The pictures that stand for content without one, as the plan calls them.
pub type Placeholder = placeholder::Kind;
