//! What a worker is asked, and what it answers.

use serde::{Deserialize, Serialize};

use super::confine::Walls;
use super::drawn::Drawn;
use crate::decode::demux::Passage;
use crate::decode::limits::Limits;
use crate::error::Kind;
use crate::media::picture::{Orientation, Size};
use crate::media::time::{Ticks, Timescale};
use crate::media::{Codec, VideoFormat};
use crate::thumbnail::{Encoding, Layout};

/// The first word to the keeper.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    /// Most bytes of memory of each worker.
    pub(super) memory_max: u64,
    /// How large a picture may be.
    pub(super) limits: Limits,
}

/// What the keeper is told.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Another worker.
    Fork,
    /// This one is to end.
    End(u32),
    /// This one has ended; how?
    Ended(u32),
}

/// What the keeper answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// It is there.
    Ready,
    /// A worker, whose channel comes with it.
    Forked(u32),
    /// How one ended, for the log.
    Ended(String),
    /// The system has no room for what was asked.
    Failed(String),
}

/// A piece of work. What is bulky comes behind it: samples, a file, a picture.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Work {
    /// Frames of a run of samples.
    Frames {
        /// Their stream.
        stream: Stream,
        /// The samples, one after another.
        samples: Vec<Sample>,
        /// When the frames are shown.
        wanted: Vec<Ticks>,
    },
    /// What a keyframe says of its shape.
    Shape(Stream),
    /// What the header of a stored picture says.
    Header,
    /// A stored picture, with its sides halved so many times.
    Still(u8),
    /// The samples of a container of so many bytes.
    Scan(u64),
    /// Some samples of one.
    Demux(Passage, u64),
    /// A picture of that size to be written.
    Write(Size, Layout, Encoding),
}

/// How pictures are coded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    pub(super) timescale: Timescale,
    pub(super) codec: Codec,
    pub(super) config: Vec<u8>,
    pub(super) format: VideoFormat,
}

/// The lengths of a sample and of its opacity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) time: Ticks,
    pub(super) length: u64,
    pub(super) alpha: Option<u64>,
}

/// What a worker says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// It is there, behind these walls.
    Ready(Walls),
    /// It is at it.
    Alive,
    /// So many bytes of the file are wanted from there on.
    Read(u64, u32),
    /// A frame shown at that time, whose planes come with it.
    Frame(Ticks, Drawn),
    /// A stored picture, whose pixels come with it.
    Still(Drawn),
    /// What a header says: size, orientation, and how often its sides can be halved.
    Header(Size, Orientation, u8),
    /// What a keyframe says of its shape, completing what was known.
    Shape(Option<VideoFormat>),
    /// The samples of a container, which come with it.
    Scanned,
    /// The lengths of the samples that were wanted, and of their opacity. Their bytes come with it.
    Demuxed(Vec<(u64, Option<u64>)>),
    /// A picture was written; the file comes with it.
    Written,
    /// All frames wanted were handed over, of so many samples.
    Done(u64),
    /// The work was given up as it was asked to, after so many samples.
    Stopped(u64),
    /// It cannot be done.
    Failed {
        /// What can be done about it.
        kind: Kind,
        /// For whoever asked.
        message: String,
        /// For the log.
        cause: String,
    },
}

/// What a worker hears in the middle of its work.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Heard {
    /// Go on.
    GoOn,
    /// The bytes of the file come with it.
    Bytes,
    /// They cannot be read.
    Unreadable,
    /// Nobody waits for it any more.
    Stop,
}
