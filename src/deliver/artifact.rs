//! Finished bytes, what they show, and what they took to make.

use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::entry::Source;
use crate::media::time::Micros;
use crate::packager::layout::{Layout, Slice};
use crate::packager::mpegts::Mux;
use crate::plan::cost::Cost;

/// Bytes of a time and of whether there is one.
const SHOWN_BYTES: usize = 9;

/// Finished bytes, or where they are to be found, with their type.
#[derive(Debug)]
pub struct Artifact {
    /// The bytes.
    pub body: Body,
    /// Their registered media type.
    pub media_type: Cow<'static, str>,
    /// The time of the frame shown; `None` for what has no time, or several.
    pub shown: Option<Micros>,
    /// What it took to make them.
    pub timings: Timings,
    /// Whether it was on disk, and not made.
    pub(super) was_on_disk: bool,
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
        /// The slices of the whole.
        layout: Arc<Layout>,
        /// The part of the whole.
        range: Range<u64>,
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
    /// The part.
    pub(super) range: Range<u64>,
}

impl Body {
    /// All of a layout over a file.
    pub(super) fn slices(source: Source, layout: Layout) -> Body {
        let range = 0..layout.len();
        Body::Slices { source, layout: Arc::new(layout), range }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Slices { range, .. } | Body::Muxed(Muxed { range, .. }) => range.end - range.start,
        }
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `arrangement` makes of them, one after the other: its bytes, and where it says so, ranges of this body.
    pub fn arranged(&self, arrangement: &Layout) -> Vec<Body> {
        let arranged = |slice: &Slice| match slice {
            Slice::Made(bytes) => Body::Bytes(bytes.clone()),
            Slice::Source(range) => self.part(range.clone()),
        };
        arrangement.slices().iter().map(arranged).collect()
    }

    /// Those of a range that lies inside.
    fn part(&self, range: Range<u64>) -> Body {
        match self {
            // Both ends lie inside bytes that are in memory.
            Body::Bytes(bytes) => Body::Bytes(bytes.slice(range.start as usize..range.end as usize)),
            Body::Slices { source, layout, range: whole } => {
                let range = whole.start + range.start..whole.start + range.end;
                Body::Slices { source: source.clone(), layout: Arc::clone(layout), range }
            }
            Body::Muxed(muxed) => {
                let start = muxed.range.start;
                Body::Muxed(Muxed { range: start + range.start..start + range.end, ..muxed.clone() })
            }
        }
    }

    /// Bytes it occupies in memory, roughly.
    fn weight(&self) -> usize {
        match self {
            Body::Bytes(bytes) => bytes.len(),
            Body::Slices { layout, .. } => layout.weight(),
            Body::Muxed(muxed) => muxed.mux.weight(),
        }
    }
}

impl Artifact {
    /// An artifact that nothing is measured of.
    pub fn new(body: Body, media_type: impl Into<Cow<'static, str>>) -> Artifact {
        Artifact {
            body,
            media_type: media_type.into(),
            shown: None,
            timings: Timings::default(),
            was_on_disk: false,
            compressed: OnceLock::new(),
        }
    }

    /// Bytes it occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        size_of::<Artifact>() + self.body.weight()
    }

    /// What a file holds that it is kept in: the length of its type and the type, whether it has a time and the time, its bytes.
    /// `None` for what is not at hand.
    pub(super) fn file(&self) -> Option<Bytes> {
        let Body::Bytes(bytes) = &self.body else { return None };
        let mut file = BytesMut::with_capacity(1 + self.media_type.len() + SHOWN_BYTES + bytes.len());
        file.put_u8(u8::try_from(self.media_type.len()).ok()?);
        file.put_slice(self.media_type.as_bytes());
        file.put_u8(u8::from(self.shown.is_some()));
        file.put_i64(self.shown.map_or(0, |shown| shown.0));
        file.put_slice(bytes);
        Some(file.freeze())
    }

    /// What such a file holds.
    pub(super) fn of_file(mut file: Bytes) -> Option<Artifact> {
        let length = usize::from(file.try_get_u8().ok()?);
        let media_type = (length <= file.len()).then(|| file.split_to(length))?;
        let media_type = String::from_utf8(media_type.into()).ok()?;
        let (has_time, time) = (file.try_get_u8().ok()?, file.try_get_i64().ok()?);
        let shown = (has_time == 1).then_some(Micros(time));
        Some(Artifact { shown, was_on_disk: true, ..Artifact::new(Body::Bytes(file), media_type) })
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
    /// Reading what was made before from disk.
    pub disk: Duration,
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
    /// The CPU time that all of it was estimated to take; no step.
    pub priced: Duration,
}

impl Timings {
    /// Those of steps that were estimated to take so much.
    pub(super) fn priced(cost: Cost) -> Timings {
        Timings { priced: Duration::from_micros(cost.micros), ..Timings::default() }
    }

    /// Each step by name, in order.
    pub fn steps(&self) -> [(&'static str, Duration); 7] {
        [
            ("disk", self.disk),
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
        self.disk += other.disk;
        self.queue += other.queue;
        self.index += other.index;
        self.read += other.read;
        self.decode += other.decode;
        self.scale += other.scale;
        self.encode += other.encode;
        self.priced += other.priced;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_file_holds_what_was_put_in(body in proptest::collection::vec(any::<u8>(), 0..100), shown: Option<i64>) {
            let shown = shown.map(Micros);
            let artifact = Artifact { shown, ..Artifact::new(Body::Bytes(body.clone().into()), "image/jpeg") };
            let again = Artifact::of_file(artifact.file().unwrap()).unwrap();
            prop_assert_eq!((again.shown, &again.media_type), (shown, &artifact.media_type));
            prop_assert!(matches!(&again.body, Body::Bytes(bytes) if *bytes == body));
            prop_assert!(again.was_on_disk && !artifact.was_on_disk);
        }

        #[test]
        fn any_file_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Artifact::of_file(bytes.into());
        }
    }
}
