//! What a worker does: one piece of work after another, until nobody asks any more.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::channel::{Channel, Fault};
use super::confine::Walls;
use super::drawn::{self, Drawn};
use super::message::{Heard, Reply, Sample, Setup, Stream, Work};
use super::raster;
use crate::decode::demux::{Passage, demux};
use crate::decode::frames::{Coded, Decoders, Run};
use crate::decode::scan::{ReadAt, collect};
use crate::decode::{decoder, probe, stills};
use crate::error::{Error, Kind, Result};
use crate::media::samples::Samples;
use crate::media::time::Ticks;
use crate::media::{Media, Packing, Track};
use crate::thumbnail::Picture;
use crate::thumbnail::encode::encode;

/// How often a worker says that it is at it.
const ALIVE_EVERY: Duration = Duration::from_millis(500);

/// The share of a worker's memory that decoders without work may hold.
const IDLE_SHARE: u64 = 8;

/// Bytes of a file that are asked for at once, and how many such blocks are kept: what is looked at again was read just before.
pub(super) const BLOCK_BYTES: u64 = 256 << 10;
const BLOCKS_MAX: usize = 8;

/// Does once what every worker would do by itself, and what it can do no more: to load libraries.
pub(super) fn warm_up() {
    decoder::silence();
    // Names in transport streams are in this one where they say nothing else. Others are left as they are.
    let [to, from] = [c"UTF-8", c"ISO6937"];
    // SAFETY: both are C strings. What is opened stays open for all workers.
    unsafe { libc::iconv_open(to.as_ptr(), from.as_ptr()) };
}

/// Serves whoever is at the other end of `channel`.
pub(super) fn serve(channel: &Channel, setup: Setup, walls: Walls) -> std::result::Result<(), Fault> {
    channel.send(&Reply::Ready(walls), &[])?;
    let decoders = Decoders::keeping(setup.memory_max / IDLE_SHARE, setup.limits.video_pixels_max);
    let desk =
        Desk { channel, setup, decoders, said: Cell::default(), passed: Cell::default(), is_stopped: Cell::default() };
    loop {
        let (work, bulk) = channel.receive::<Work>(None)?;
        let length = bulk.len();
        let bulk = bulk.open(length)?;
        desk.said.set(Some(Instant::now()));
        let outcome = catch_unwind(AssertUnwindSafe(|| desk.work(work, bulk)))
            .unwrap_or_else(|_panic| Err(Error::new(Kind::Internal, "the service failed on this request")));
        match outcome {
            Ok(Answer { head, bulk }) => desk.answer(&head, &bulk)?,
            Err(error) => channel.send(&refusal(&error), &[])?,
        }
    }
}

fn refusal(error: &Error) -> Reply {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    Reply::Failed { kind: error.kind(), message: error.message().to_owned(), cause }
}

/// An answer, and what is bulky about it.
struct Answer {
    head: Reply,
    bulk: Vec<Bytes>,
}

impl Answer {
    fn plain(head: Reply) -> Answer {
        Answer { head, bulk: Vec::new() }
    }

    fn picture(head: impl FnOnce(Drawn) -> Reply, picture: &Picture) -> Answer {
        let (drawn, bulk) = drawn::take_apart(picture);
        Answer { head: head(drawn), bulk }
    }
}

/// Where the work is done.
struct Desk<'a> {
    channel: &'a Channel,
    setup: Setup,
    decoders: Decoders,
    /// When the other end heard of this one last.
    said: Cell<Option<Instant>>,
    /// Samples that were passed of the run at hand.
    passed: Cell<u64>,
    /// Whether the other end has said that nobody waits for it any more.
    is_stopped: Cell<bool>,
}

impl Desk<'_> {
    fn work(&self, work: Work, bulk: Bytes) -> Result<Answer> {
        let limits = self.setup.limits;
        match work {
            Work::Frames { stream, samples, wanted } => self.frames(&stream, &samples, &wanted, bulk),
            Work::Shape(stream) => Ok(Answer::plain(Reply::Shape(probe::complete(&stream.track(), &bulk, limits)?))),
            Work::Header => {
                let stills::Header { size, orientation, halvings } = stills::header(&bulk, limits)?;
                Ok(Answer::plain(Reply::Header(size, orientation, halvings)))
            }
            Work::Still(halvings) => Ok(Answer::picture(Reply::Still, &stills::decode(bulk, halvings, limits)?)),
            Work::Scan(size) => {
                let collected = collect(&mut Served::new(self.channel, size), &|| false)?;
                let table = postcard::to_stdvec(&collected).map_err(lost)?;
                Ok(Answer { head: Reply::Scanned, bulk: vec![table.into()] })
            }
            Work::Demux(passage, size) => self.demux(&passage, size),
            Work::Write(size, layout, encoding) => {
                let raster = raster::put_together(size, layout, &bulk);
                drop(bulk);
                Ok(Answer { head: Reply::Written, bulk: vec![encode(&raster, &encoding)?.into()] })
            }
        }
    }

    fn frames(&self, stream: &Stream, samples: &[Sample], wanted: &[Ticks], mut bulk: Bytes) -> Result<Answer> {
        let mut take = |length: u64| bulk.split_to(bulk.len().min(usize::try_from(length).unwrap_or(usize::MAX)));
        let coded = |sample: &Sample| Coded {
            time: sample.time,
            data: take(sample.length),
            alpha: sample.alpha.map(&mut take),
        };
        let samples: Vec<Coded> = samples.iter().map(coded).collect();
        let run = Run { track: &stream.track(), samples: &samples, wanted };
        self.passed.set(0);
        self.is_stopped.set(false);
        let decoded = self.decoders.decode(run, &|| self.is_stopped(), &mut |time, picture| {
            let Answer { head, bulk } = Answer::picture(|drawn| Reply::Frame(time, drawn), &picture);
            self.answer(&head, &bulk).map_err(lost)?;
            // One frame at a time: those that nobody took yet occupy memory.
            self.hear().map_err(lost)
        });
        match decoded {
            _ if self.is_stopped.get() => Ok(Answer::plain(Reply::Stopped(self.passed.get()))),
            Err(error) => Err(error),
            Ok(()) => Ok(Answer::plain(Reply::Done(self.passed.get()))),
        }
    }

    fn demux(&self, passage: &Passage, size: u64) -> Result<Answer> {
        let coded = demux(&mut Served::new(self.channel, size), passage, &|| false)?;
        let alpha = |coded: &Coded| coded.alpha.as_ref().map(|alpha| alpha.len() as u64);
        let lengths = coded.iter().map(|coded| (coded.data.len() as u64, alpha(coded))).collect();
        let bulk = coded.into_iter().flat_map(|coded| [Some(coded.data), coded.alpha]).flatten();
        Ok(Answer { head: Reply::Demuxed(lengths), bulk: bulk.collect() })
    }

    /// Waits for a word about the run at hand.
    fn hear(&self) -> std::result::Result<(), Fault> {
        let (word, _) = self.channel.receive::<Heard>(None)?;
        self.is_stopped.set(matches!(word, Heard::Stop));
        Ok(())
    }

    /// Whether to give up the run at hand before the next of its samples.
    fn is_stopped(&self) -> bool {
        let is_stopped = self.is_stopped.get() || self.stop() || {
            // Whoever says something now says no good.
            !self.channel.is_quiet() && (self.hear().is_err() || self.is_stopped.get())
        };
        self.passed.set(self.passed.get() + u64::from(!is_stopped));
        is_stopped
    }

    /// Never true: who waits no longer ends the process. Says now and then that this one is at it.
    fn stop(&self) -> bool {
        if self.said.get().is_none_or(|said| said.elapsed() > ALIVE_EVERY) {
            self.said.set(Some(Instant::now()));
            // Where nobody listens, the end of the work will tell.
            let _ = self.channel.send(&Reply::Alive, &[]);
        }
        false
    }

    fn answer(&self, head: &Reply, bulk: &[Bytes]) -> std::result::Result<(), Fault> {
        const NOTHING: [u8; 64] = [0; 64];
        let (mut length, mut parts) = (0_u64, Vec::with_capacity(2 * bulk.len()));
        for part in bulk {
            // Samples lie side by side; planes begin where they are fast to read.
            let gap = if matches!(head, Reply::Demuxed(_)) { 0 } else { drawn::padding(length) };
            parts.extend([&NOTHING[..gap as usize], part]);
            length += gap + part.len() as u64;
        }
        self.channel.send(head, &parts)
    }
}

/// The connection to whoever asked broke, or what is to be said cannot be.
fn lost(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Internal, "a worker lost whom it works for").caused_by(cause)
}

impl Stream {
    /// A track of such pictures, without samples.
    fn track(&self) -> Track {
        Track {
            id: 1,
            timescale: self.timescale,
            language: None,
            codec: self.codec,
            config: Bytes::copy_from_slice(&self.config),
            media: Media::Video(self.format),
            samples: Samples::default(),
            packing: Packing::Plain,
            captions: Default::default(),
        }
    }
}

/// A file that the other end reads.
struct Served<'a> {
    channel: &'a Channel,
    size: u64,
    /// The blocks read last, by their number.
    blocks: RefCell<VecDeque<(u64, Bytes)>>,
}

impl<'a> Served<'a> {
    fn new(channel: &'a Channel, size: u64) -> Served<'a> {
        Served { channel, size, blocks: RefCell::default() }
    }

    fn block(&self, number: u64) -> io::Result<Bytes> {
        let mut blocks = self.blocks.borrow_mut();
        if let Some((_, bytes)) = blocks.iter().rev().find(|(known, _)| *known == number) {
            return Ok(bytes.clone());
        }
        let bytes = self.read(number)?;
        if blocks.len() == BLOCKS_MAX {
            blocks.pop_front();
        }
        blocks.push_back((number, bytes.clone()));
        Ok(bytes)
    }

    fn read(&self, number: u64) -> io::Result<Bytes> {
        let start = number * BLOCK_BYTES;
        let length = self.size.saturating_sub(start).min(BLOCK_BYTES);
        self.channel.send(&Reply::Read(start, length as u32), &[]).map_err(io::Error::other)?;
        match self.channel.receive::<Heard>(None).map_err(io::Error::other)? {
            (Heard::Bytes, bulk) => {
                let length = bulk.len();
                bulk.open(length).map_err(io::Error::other)
            }
            _ => Err(io::Error::other("the file cannot be read")),
        }
    }
}

impl ReadAt for Served<'_> {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.size {
            return Ok(0);
        }
        let block = self.block(offset / BLOCK_BYTES)?;
        let rest = block.get((offset % BLOCK_BYTES) as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn size(&self) -> u64 {
        self.size
    }
}
