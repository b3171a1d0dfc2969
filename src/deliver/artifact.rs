//! Finished bytes, what they show, and what they took to make.

use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::entry::Source;
use crate::media::time::Micros;
use crate::packager::layout::{Layout, Slice};
use crate::packager::mpegts::Mux;

/// Finished bytes, or where they are to be found, with their type.
#[derive(Debug)]
pub struct Artifact {
    /// The bytes.
    pub body: Body,
    /// Their registered media type.
    pub media_type: &'static str,
    /// The time of the frame shown; `None` for what has no time, or several.
    pub shown: Option<Micros>,
    /// What it took to make them.
    pub timings: Timings,
    /// The same bytes compressed, once somebody asked for them.
    pub(super) compressed: OnceLock<Bytes>,
}

/// The bytes of an artifact. Their number is known before any media is read.
#[derive(Clone, Debug)]
pub enum Body {
    /// At hand.
    Bytes(Bytes),
    /// Some at hand, the others in a stored file.
    Slices {
        /// The file.
        source: Source,
        /// The slices.
        layout: Layout,
    },
    /// Of a segment that is multiplexed as it is read.
    Muxed(Muxed),
}

/// A part of a segment of a transport stream, and where its samples are.
#[derive(Clone, Debug)]
pub struct Muxed {
    /// The file of its pictures.
    pub(super) pictures: Option<Source>,
    /// The file of its sound.
    pub(super) sound: Option<Source>,
    /// The segment.
    pub(super) mux: Arc<Mux>,
    /// What of it, multiplexed, is sent.
    pub(super) layout: Layout,
}

impl Body {
    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Slices { layout, .. } => layout.len(),
            Body::Muxed(muxed) => muxed.layout.len(),
        }
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that `arrangement` makes of them: its bytes, and where it says so, ranges of this body.
    pub fn arranged(&self, arrangement: &Layout) -> Body {
        match self {
            Body::Bytes(bytes) => Body::Bytes(collected(bytes, arrangement)),
            Body::Slices { source, layout } => {
                Body::Slices { source: source.clone(), layout: layout.arranged(arrangement) }
            }
            Body::Muxed(muxed) => Body::Muxed(Muxed { layout: muxed.layout.arranged(arrangement), ..muxed.clone() }),
        }
    }

    /// Bytes it occupies in memory, roughly.
    fn weight(&self) -> usize {
        match self {
            Body::Bytes(bytes) => bytes.len(),
            Body::Slices { layout, .. } => {
                let made = layout.slices().iter().map(|slice| match slice {
                    Slice::Made(bytes) => bytes.len(),
                    Slice::Source(_) => 0,
                });
                made.sum::<usize>() + size_of_val(layout.slices())
            }
            Body::Muxed(muxed) => muxed.mux.weight(),
        }
    }
}

/// The bytes that `arrangement` makes of others in memory; what lies outside of them is left out. A single range is not
/// copied.
pub(super) fn collected(bytes: &Bytes, arrangement: &Layout) -> Bytes {
    let part = |range: &Range<u64>| {
        let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(bytes.len());
        usize::try_from(range.start).unwrap_or(usize::MAX).min(end)..end
    };
    if let [Slice::Source(range)] = arrangement.slices() {
        return bytes.slice(part(range));
    }
    let mut collected = Vec::new();
    for slice in arrangement.slices() {
        match slice {
            Slice::Made(made) => collected.extend_from_slice(made),
            Slice::Source(range) => collected.extend_from_slice(&bytes[part(range)]),
        }
    }
    collected.into()
}

impl Artifact {
    /// An artifact that nothing is measured of.
    pub fn new(body: Body, media_type: &'static str) -> Artifact {
        Artifact { body, media_type, shown: None, timings: Timings::default(), compressed: OnceLock::new() }
    }

    /// Bytes it occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        size_of::<Artifact>() + self.body.weight()
    }

    /// The bytes as gzip has them (RFC 1952); `None` where they are not at hand.
    pub fn gzip(&self) -> Option<Bytes> {
        let Body::Bytes(bytes) = &self.body else { return None };
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::default());
            // Writing to memory cannot fail.
            let _ = encoder.write_all(bytes);
            Bytes::from(encoder.finish().unwrap_or_default())
        };
        Some(self.compressed.get_or_init(compress).clone())
    }
}

/// How long the steps of making an artifact took. A step that others had done already took no time. Steps that ran side by
/// side count each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Timings {
    /// Waiting for a worker.
    pub queue: Duration,
    /// Reading and parsing the media index.
    pub index: Duration,
    /// Reading samples or a stored picture.
    pub read: Duration,
    /// Decoding.
    pub decode: Duration,
    /// Cropping, scaling, and colour.
    pub scale: Duration,
    /// Writing the picture.
    pub encode: Duration,
}

impl Timings {
    /// Each step by name, in order.
    pub fn steps(&self) -> [(&'static str, Duration); 6] {
        [
            ("queue", self.queue),
            ("index", self.index),
            ("read", self.read),
            ("decode", self.decode),
            ("scale", self.scale),
            ("encode", self.encode),
        ]
    }

    /// Counts the steps of another part of the same artifact in.
    pub fn add(&mut self, other: Timings) {
        self.queue += other.queue;
        self.index += other.index;
        self.read += other.read;
        self.decode += other.decode;
        self.scale += other.scale;
        self.encode += other.encode;
    }
}
