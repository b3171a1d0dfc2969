//! Where foreign bytes are decoded: in the cage, or in this process.

use std::cell::Cell;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::cage::{self, Cage, Walls};
use super::demux::{Passage, demux};
use super::frames::{Coded, Decoders, Run};
use super::limits::Limits;
use super::scan::{ReadAt, scan};
use super::{probe, stills};
use crate::error::Result;
use crate::media::time::Ticks;
use crate::media::{Facts, Index, Track, VideoFormat};
use crate::thumbnail::encode::encode;
use crate::thumbnail::{Encoding, Picture, Raster};

/// What stands between the service and the bytes that it decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Processes that can do nothing but decode.
    Process,
    /// Nothing: a fault of a decoder is one of the service.
    None,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Isolation::Process => "process",
            Isolation::None => "none",
        })
    }
}

impl FromStr for Isolation {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Isolation, ()> {
        match text {
            "process" => Ok(Isolation::Process),
            "none" => Ok(Isolation::None),
            _ => Err(()),
        }
    }
}

/// The settings of where foreign bytes are decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What stands between.
    pub isolation: Isolation,
    /// How processes are started and limited.
    pub cage: cage::Config,
}

/// What a stored picture of the default limits takes, twice.
const MEMORY_MAX: u64 = 2 << 30;

/// The largest pictures take some seconds on a slow machine, and nothing can be heard meanwhile.
const SILENCE_MAX: Duration = Duration::from_secs(20);

impl Default for Config {
    fn default() -> Config {
        let program = PathBuf::from("/proc/self/exe");
        let cage = cage::Config { program, memory_max: MEMORY_MAX, silence_max: SILENCE_MAX };
        Config { isolation: Isolation::Process, cage }
    }
}

/// Where foreign bytes are decoded. Clones share it. Everything blocks.
#[derive(Clone, Debug)]
pub struct Place(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Here(Decoders),
    Caged(Cage),
}

/// Counts samples that decoders passed on the way to frames.
pub(super) fn count_passed(samples: u64) {
    metrics::counter!("vedette_decode_samples_total").increment(samples);
}

impl Place {
    /// A place for pictures within `limits`, with as many processes ready as work goes on at once, and one more.
    pub fn new(config: &Config, limits: Limits, at_once: usize) -> Place {
        let kind = match config.isolation {
            Isolation::Process => Kind::Caged(Cage::new(config.cage.clone(), limits, at_once.saturating_add(1))),
            Isolation::None => Kind::Here(Decoders::new(limits.video_pixels_max)),
        };
        Place(Arc::new(Inner { limits, kind }))
    }

    /// In this process.
    pub fn here(limits: Limits) -> Place {
        Place::new(&Config { isolation: Isolation::None, ..Config::default() }, limits, 0)
    }

    /// How large a picture may be.
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// Starts what will be needed; what stands around it, `None` for nothing.
    pub fn open(&self) -> Result<Option<Walls>> {
        match &self.0.kind {
            Kind::Here(_) => Ok(None),
            Kind::Caged(cage) => cage.open().map(Some),
        }
    }

    /// Tells the metrics how its processes fare.
    pub fn measure(&self) {
        if let Kind::Caged(cage) = &self.0.kind {
            cage.measure();
        }
    }

    /// Decodes frames of a video, as [`Decoders::decode`] does.
    pub fn frames(
        &self,
        run: Run<'_>,
        stop: &dyn Fn() -> bool,
        on_frame: &mut dyn FnMut(Ticks, Picture) -> Result<()>,
    ) -> Result<()> {
        match &self.0.kind {
            Kind::Here(decoders) => {
                let passed = Cell::new(0);
                let counted = || {
                    stop() || {
                        passed.set(passed.get() + 1);
                        false
                    }
                };
                let outcome = decoders.decode(run, &counted, on_frame);
                count_passed(passed.get());
                outcome
            }
            Kind::Caged(cage) => cage.frames(run, stop, on_frame),
        }
    }

    /// The format of `track` completed by what the picture in `keyframe` says, as [`probe::complete`] has it.
    pub fn shape(&self, track: &Track, keyframe: &[u8]) -> Result<Option<VideoFormat>> {
        match &self.0.kind {
            Kind::Here(_) => probe::complete(track, keyframe, self.0.limits),
            Kind::Caged(cage) => cage.shape(track, keyframe),
        }
    }

    /// What the header of a stored picture says, as [`stills::facts`] has it.
    pub fn facts(&self, file: &[u8]) -> Result<Facts> {
        match &self.0.kind {
            Kind::Here(_) => stills::facts(file, self.0.limits),
            Kind::Caged(cage) => cage.facts(file),
        }
    }

    /// A stored picture, as [`stills::decode`] gives it.
    pub fn still(&self, file: Bytes, halvings: u8, stop: &dyn Fn() -> bool) -> Result<Picture> {
        match &self.0.kind {
            Kind::Here(_) => stills::decode(file, halvings, self.0.limits),
            Kind::Caged(cage) => cage.still(&file, halvings, stop),
        }
    }

    /// The bytes of a file that shows `raster`, as [`encode`] gives them. A process that writes is ended in the middle of it
    /// once `stop` says so; in this one nothing ends it.
    pub fn write(&self, raster: Raster, encoding: &Encoding, stop: &dyn Fn() -> bool) -> Result<Bytes> {
        match &self.0.kind {
            Kind::Here(_) => Ok(encode(&raster, encoding)?.into()),
            Kind::Caged(cage) => cage.write(raster, encoding, stop),
        }
    }

    /// The index of the file behind `reader`, as [`scan`] makes it.
    pub fn scan(&self, reader: &mut dyn ReadAt, stop: &dyn Fn() -> bool) -> Result<Index> {
        match &self.0.kind {
            Kind::Here(_) => scan(reader, stop),
            Kind::Caged(cage) => cage.scan(reader, stop),
        }
    }

    /// Some samples of the file behind `reader`, as [`demux`] finds them.
    pub fn demux(&self, reader: &mut dyn ReadAt, passage: &Passage, stop: &dyn Fn() -> bool) -> Result<Vec<Coded>> {
        match &self.0.kind {
            Kind::Here(_) => demux(reader, passage, stop),
            Kind::Caged(cage) => cage.demux(reader, passage, stop),
        }
    }
}
