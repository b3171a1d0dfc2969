//! Finished bytes, what they show, and what they took to make.

use std::time::Duration;

use bytes::Bytes;

use crate::media::time::Micros;

/// Finished bytes with their type.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The bytes.
    pub body: Bytes,
    /// Their registered media type.
    pub media_type: &'static str,
    /// The time of the frame shown; `None` for what has no time, or several.
    pub shown: Option<Micros>,
    /// What it took to make them.
    pub timings: Timings,
}

impl Artifact {
    /// Bytes it occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        size_of::<Artifact>() + self.body.len()
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
