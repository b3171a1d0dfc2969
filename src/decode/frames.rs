//! Decoded frames of a video track, from its samples.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::decoder::{self, Decoder, Frame, Output};
use super::limits::Limits;
use super::planes;
use crate::error::{Error, Kind, Result};
use crate::media::picture::Size;
use crate::media::time::Ticks;
use crate::media::{Codec, Track, VideoFormat, codec};
use crate::thumbnail::Picture;

/// One sample's bytes, with the time its frame is shown.
#[derive(Clone, Debug)]
pub struct Coded {
    /// When its frame is shown, in the track's timescale.
    pub time: Ticks,
    /// Its bytes as the container carries them.
    pub data: Bytes,
    /// The same frame's opacity, coded as a grey picture of the same codec beside it, as WebM does it.
    pub alpha: Option<Bytes>,
}

/// Most decoders kept open without work.
const IDLE_MAX: usize = 16;

/// Longest that a decoder is kept without work: its frame buffers are some tens of megabytes at 1080p.
const IDLE_AGE_MAX: Duration = Duration::from_secs(60);

/// Most bytes that idle decoders may hold together, by the estimate of [`Idle::weight`].
const IDLE_BYTES_MAX: u64 = 512 << 20;

/// Open decoders kept for the next use, by codec configuration. A fresh one costs some milliseconds of allocation.
#[derive(Debug)]
pub struct Decoders {
    idle: Mutex<Vec<Idle>>,
    idle_bytes_max: u64,
    pixels_max: u64,
}

/// What a decoder was opened with.
#[derive(Clone, Debug, PartialEq)]
struct Setup {
    codec: Codec,
    config: Bytes,
    coded: Size,
    tag: u32,
}

#[derive(Debug)]
struct Idle {
    setup: Setup,
    decoder: Decoder,
    since: Instant,
}

impl Idle {
    /// About eight frames of two bytes and a half a pixel.
    fn weight(&self) -> u64 {
        self.setup.coded.area().saturating_mul(20)
    }
}

/// Fails with [`Kind::Unsupported`] where the pictures of `track` are of a codec that is not decoded.
pub fn check_support(track: &Track) -> Result<()> {
    decoder::name(track.codec).map(drop)
}

/// Fails with [`Kind::TooLarge`] where the pictures of `track` are larger than what is decoded.
pub fn check_size(track: &Track, limits: Limits) -> Result<()> {
    decoder::check_size(track.video().map(|format| format.coded).unwrap_or_default(), limits.video_pixels_max)
}

impl Default for Decoders {
    fn default() -> Decoders {
        Decoders::new(Limits::default().video_pixels_max)
    }
}

/// Samples to be decoded in one go, and what is wanted of them.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The track they belong to.
    pub track: &'a Track,
    /// Samples in decoding order, the first of them a keyframe.
    pub samples: &'a [Coded],
    /// When the frames wanted are shown, in any order.
    pub wanted: &'a [Ticks],
}

impl Decoders {
    /// None open yet, for pictures of at most `pixels_max`.
    pub fn new(pixels_max: u64) -> Decoders {
        Decoders::keeping(IDLE_BYTES_MAX, pixels_max)
    }

    /// The same, but those without work hold no more than so many bytes together, by an estimate.
    pub(super) fn keeping(idle_bytes_max: u64, pixels_max: u64) -> Decoders {
        Decoders { idle: Mutex::default(), idle_bytes_max, pixels_max }
    }

    /// Decodes a run and hands over the frames wanted of it, in any order, each once. Samples that no wanted frame refers to
    /// are skipped. Blocks for as long as it takes; asks `stop` between samples whether to give up, which is
    /// [`Kind::TimedOut`].
    ///
    /// Where damage keeps a wanted frame from coming out, the nearest decoded frame before it stands in, else the first
    /// one after it. Fails with [`Kind::Unsupported`] where there is none either.
    pub fn decode(
        &self,
        run: Run<'_>,
        stop: &dyn Fn() -> bool,
        on_frame: &mut dyn FnMut(Ticks, Picture) -> Result<()>,
    ) -> Result<()> {
        if run.samples.iter().all(|sample| sample.alpha.is_none()) {
            return self.decode_opaque(run, stop, on_frame);
        }
        let mut veils = self.veils(run, stop)?;
        self.decode_opaque(run, stop, &mut |time, mut picture| {
            if let Some(veil) = veils.remove(&time) {
                planes::add_alpha(&mut picture, veil);
            }
            on_frame(time, picture)
        })
    }

    /// The opacity of the frames wanted, as grey pictures. None where it is damaged, which leaves the frames opaque.
    fn veils(&self, run: Run<'_>, stop: &dyn Fn() -> bool) -> Result<HashMap<Ticks, Picture>> {
        let veil =
            |sample: &Coded| Coded { time: sample.time, data: sample.alpha.clone().unwrap_or_default(), alpha: None };
        let samples: Vec<Coded> = run.samples.iter().map(veil).collect();
        let mut veils = HashMap::new();
        let decoded = self.decode_opaque(Run { samples: &samples, ..run }, stop, &mut |time, picture| {
            veils.insert(time, picture);
            Ok(())
        });
        match decoded {
            Err(error) if error.kind() != Kind::Unsupported => Err(error),
            Ok(()) | Err(_) => Ok(veils),
        }
    }

    fn decode_opaque(
        &self,
        run: Run<'_>,
        stop: &dyn Fn() -> bool,
        on_frame: &mut dyn FnMut(Ticks, Picture) -> Result<()>,
    ) -> Result<()> {
        let Run { track, samples, wanted } = run;
        let Some(format) = track.video() else {
            return Err(Error::new(Kind::Internal, "a track without pictures was to be decoded"));
        };
        let tag = decoder::tag(track.codec, samples.first().map_or(&[], |first| &first.data));
        let setup = Setup { codec: track.codec, config: track.config.clone(), coded: format.coded, tag };
        let mut decoder = match self.take(&setup) {
            Some(decoder) => decoder,
            None => Decoder::open(track, tag, self.pixels_max)?,
        };
        let mut pass = Pass { track, format, samples, targets: targets(samples, wanted), shown: 0, on_frame };
        let outcome = pass.run(&mut decoder, stop);
        let is_sound = match &outcome {
            Ok(clean) => *clean,
            Err(error) => error.kind() == Kind::TimedOut,
        };
        if is_sound {
            decoder.reset();
            self.put(Idle { setup, decoder, since: Instant::now() });
        }
        outcome.map(drop)
    }

    fn take(&self, setup: &Setup) -> Option<Decoder> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().rposition(|idle| idle.setup == *setup)?;
        Some(idle.remove(at).decoder)
    }

    fn put(&self, back: Idle) {
        let mut dropped = Vec::new();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(back);
        let is_stale = |oldest: &Idle| oldest.since.elapsed() > IDLE_AGE_MAX;
        while idle.len() > IDLE_MAX || total(&idle) > self.idle_bytes_max || idle.first().is_some_and(is_stale) {
            dropped.push(idle.remove(0));
        }
        // Closing takes a while: not under the lock.
        drop(idle);
        drop(dropped);
    }
}

fn total(idle: &[Idle]) -> u64 {
    idle.iter().map(Idle::weight).fold(0, u64::saturating_add)
}

/// A wanted frame on its way.
#[derive(Debug)]
struct Target {
    /// The sample that holds it.
    number: usize,
    /// The time it was asked by.
    time: Ticks,
    /// What is shown instead if it does not come out, with its time.
    stand_in: Option<(Ticks, Arc<Frame>)>,
    /// Whether it came out.
    is_done: bool,
}

/// The wanted frames in decoding order, each once. A time that no sample has is answered by the sample shown before it.
fn targets(samples: &[Coded], wanted: &[Ticks]) -> Vec<Target> {
    let by_time: HashMap<Ticks, usize> = samples.iter().enumerate().rev().map(|(number, s)| (s.time, number)).collect();
    let before = |time: Ticks| {
        let shown = samples.iter().enumerate().filter(|(_, sample)| sample.time <= time);
        shown.max_by_key(|(_, sample)| sample.time).map_or(0, |(number, _)| number)
    };
    let number = |time: Ticks| by_time.get(&time).copied().unwrap_or_else(|| before(time));
    let target = |&time: &Ticks| Target { number: number(time), time, stand_in: None, is_done: false };
    let mut targets: Vec<Target> = wanted.iter().map(target).collect();
    targets.sort_by_key(|target| (target.number, target.time));
    targets.dedup_by_key(|target| target.time);
    targets
}

/// One run of samples through a decoder.
struct Pass<'a> {
    track: &'a Track,
    format: &'a VideoFormat,
    samples: &'a [Coded],
    targets: Vec<Target>,
    /// Frames that came out without a number so far.
    shown: usize,
    on_frame: &'a mut dyn FnMut(Ticks, Picture) -> Result<()>,
}

impl Pass<'_> {
    /// True where the decoder met no damage.
    fn run(&mut self, decoder: &mut Decoder, stop: &dyn Fn() -> bool) -> Result<bool> {
        let Some(last) = self.targets.last().map(|target| target.number) else { return Ok(true) };
        let mut clean = true;
        for (number, sample) in self.samples.iter().enumerate().take(last + 1) {
            if stop() {
                return Err(Error::new(Kind::TimedOut, "decoding took longer than allowed"));
            }
            if number > 0 && !self.is_wanted(number) && self.is_droppable(sample) {
                continue;
            }
            clean &= decoder.send(&sample.data, number as i64)?;
            clean &= self.collect(decoder)?;
        }
        decoder.finish();
        clean &= self.collect(decoder)?;
        self.settle()?;
        Ok(clean)
    }

    fn is_wanted(&self, number: usize) -> bool {
        self.targets.binary_search_by_key(&number, |target| target.number).is_ok()
    }

    fn is_droppable(&self, sample: &Coded) -> bool {
        codec::droppable(self.track.codec, &self.track.config, &sample.data)
    }

    /// Takes what the decoder has. True where nothing of it was damaged.
    fn collect(&mut self, decoder: &mut Decoder) -> Result<bool> {
        let mut clean = true;
        // A decoder holds back 16 frames and a few more; the bound only guards against one that never stops.
        for _ in 0..self.samples.len() + 64 {
            match decoder.receive()? {
                Output::Frame(frame) => self.sort_in(Arc::new(frame))?,
                Output::Damaged => clean = false,
                Output::Hungry | Output::Drained => return Ok(clean),
            }
        }
        Ok(false)
    }

    fn sort_in(&mut self, frame: Arc<Frame>) -> Result<()> {
        let number = frame.number().filter(|&number| number < self.samples.len()).unwrap_or_else(|| self.next_shown());
        let Some(time) = self.samples.get(number).map(|sample| sample.time) else { return Ok(()) };
        let (codec, format) = (self.track.codec, self.format);
        for target in &mut self.targets {
            if target.is_done {
                continue;
            }
            if target.number == number {
                target.is_done = true;
                target.stand_in = None;
                (self.on_frame)(target.time, planes::picture(&frame, codec, format)?)?;
            } else if stands_in_better(target, time) {
                target.stand_in = Some((time, Arc::clone(&frame)));
            }
        }
        Ok(())
    }

    /// The sample of a frame that came out without a number: frames come in the order they are shown.
    fn next_shown(&mut self) -> usize {
        let mut order: Vec<usize> = (0..self.samples.len()).collect();
        order.sort_by_key(|&number| self.samples[number].time);
        self.shown += 1;
        order.get(self.shown - 1).copied().unwrap_or(usize::MAX)
    }

    /// Answers what did not come out with what stands in for it.
    fn settle(&mut self) -> Result<()> {
        for target in self.targets.iter_mut().filter(|target| !target.is_done) {
            let Some((_, frame)) = target.stand_in.take() else {
                let at = target.time.micros(self.track.timescale);
                return Err(Error::unsupported(format!("the frame at {at} s is damaged and cannot be decoded")));
            };
            (self.on_frame)(target.time, planes::picture(&frame, self.track.codec, self.format)?)?;
        }
        Ok(())
    }
}

/// Whether a frame shown at `time` stands in for a target better than what it has: the latest before it, else the first after.
fn stands_in_better(target: &Target, time: Ticks) -> bool {
    let wanted = target.time;
    match &target.stand_in {
        None => true,
        Some((held, _)) if *held <= wanted => time <= wanted && time > *held,
        Some((held, _)) => time <= wanted || time < *held,
    }
}
