//! Each kind of work that a worker does, as the service asks for it: what goes there, and what is believed of what comes back.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::channel::{Bulk, Channel, Fault, Patience, sealed};
use super::message::{Heard, Reply, Sample, Stream, Work};
use super::raster;
use super::worker::BLOCK_BYTES;
use super::{Cage, Trouble, given_up, is_broken};
use crate::decode::demux::Passage;
use crate::decode::frames::{Coded, Run};
use crate::decode::place::count_passed;
use crate::decode::planes::sample_aspect;
use crate::decode::scan::{Collected, ReadAt};
use crate::decode::stills;
use crate::error::{Error, Kind, Result};
use crate::media::time::Ticks;
use crate::media::{Facts, Index, Track, VideoFormat};
use crate::thumbnail::{Encoding, Picture, Raster};

/// Most bytes of a table of samples: some fifty for each that is read, and the configurations of all streams.
const TABLE_BYTES_MAX: u64 = 320 << 20;

/// Most bytes of the samples of a passage with their opacity.
const PASSAGE_BYTES_MAX: u64 = 512 << 20;

/// Most bytes of a file for each pixel of the picture that is written as one, and beside them.
const WRITTEN_BYTES_MAX: u64 = 8;
const WRITTEN_BYTES_MORE: u64 = 1 << 20;

/// Longest that a picture may take to be written, in one go that says nothing. Whoever waits gives up long before.
const WRITTEN_WITHIN: Duration = Duration::from_secs(600);

/// Longest message of a worker that anybody is shown.
const MESSAGE_CHARS_MAX: usize = 400;

/// Longest that a worker may take for a sample once it was told to stop; then it is ended.
const CALLED_OFF_WITHIN: Duration = Duration::from_millis(250);

/// Work on files as a whole, which leaves no decoder open. Work on frames is told apart by how they are coded.
const WHOLE_FILES: u64 = 1;

type Tried<T> = std::result::Result<T, Trouble>;

/// Anything else than what may come now.
const UNASKED: Trouble = Trouble::Worker(Fault::Nonsense("what it was not asked for"));

impl Cage {
    /// As [`crate::decode::frames::Decoders::decode`].
    pub(in crate::decode) fn frames(
        &self,
        run: Run<'_>,
        stop: &dyn Fn() -> bool,
        on_frame: &mut dyn FnMut(Ticks, Picture) -> Result<()>,
    ) -> Result<()> {
        let stream = stream(run.track)?;
        let mut missing = run.wanted.to_vec();
        self.call(alike(&stream), stop, |worker, patience| {
            let (samples, bulk) = laid_out(run.samples);
            let work = Work::Frames { stream: stream.clone(), samples, wanted: missing.clone() };
            worker.channel.send(&work, &bulk)?;
            loop {
                let (reply, bulk) = match next(&worker.channel, patience) {
                    Err(Trouble::Worker(Fault::Stopped)) => return Err(called_off(&worker.channel, run)),
                    other => other?,
                };
                match (reply, bulk) {
                    (Reply::Frame(time, drawn), bulk) if missing.contains(&time) => {
                        let picture = drawn.put_together(bulk, self.limits.video_pixels_max)?;
                        worker.channel.send(&Heard::GoOn, &[])?;
                        // What was handed over once is not asked for again.
                        missing.retain(|wanted| *wanted != time);
                        on_frame(time, picture).map_err(Trouble::Asker)?;
                    }
                    (Reply::Done(passed), _) => {
                        count_passed(believed(passed, run));
                        return Ok(());
                    }
                    _ => return Err(UNASKED),
                }
            }
        })
    }

    /// As [`crate::decode::probe::complete`].
    pub(in crate::decode) fn shape(&self, track: &Track, keyframe: &[u8]) -> Result<Option<VideoFormat>> {
        let Some(known) = track.video() else { return Ok(None) };
        let stream = stream(track)?;
        self.call(alike(&stream), &|| false, |worker, patience| {
            worker.channel.send(&Work::Shape(stream.clone()), &[keyframe])?;
            let (Reply::Shape(found), _) = next(&worker.channel, patience)? else { return Err(UNASKED) };
            Ok(found.map(|VideoFormat { coded, sample_aspect: (wide, high), color, .. }| {
                let sample_aspect = sample_aspect(wide.into(), high.into());
                VideoFormat { coded, sample_aspect, color, ..*known }
            }))
        })
    }

    /// As [`stills::facts`].
    pub(in crate::decode) fn facts(&self, file: &[u8]) -> Result<Facts> {
        let front = stills::front(file);
        self.call(WHOLE_FILES, &|| false, |worker, patience| {
            worker.channel.send(&Work::Header, &[front])?;
            match next(&worker.channel, patience)? {
                (Reply::Header(size, orientation, halvings @ 0..=stills::HALVINGS_MAX), _) => {
                    stills::check_size(size, self.limits).map_err(Trouble::Refused)?;
                    Ok(stills::Header { size, orientation, halvings }.facts())
                }
                _ => Err(UNASKED),
            }
        })
    }

    /// As [`stills::decode`].
    pub(in crate::decode) fn still(&self, file: &[u8], halvings: u8, stop: &dyn Fn() -> bool) -> Result<Picture> {
        self.call(WHOLE_FILES, stop, |worker, patience| {
            worker.channel.send(&Work::Still(halvings), &[file])?;
            match next(&worker.channel, patience)? {
                (Reply::Still(drawn), bulk) => Ok(drawn.put_together(bulk, self.limits.still_pixels_max)?),
                _ => Err(UNASKED),
            }
        })
    }

    /// As [`crate::decode::scan::scan`].
    pub(in crate::decode) fn scan(&self, reader: &mut dyn ReadAt, stop: &dyn Fn() -> bool) -> Result<Index> {
        let table = self.call(WHOLE_FILES, stop, |worker, patience| {
            worker.channel.send(&Work::Scan(reader.size()), &[])?;
            let (reply, bulk) = served(&worker.channel, reader, patience)?;
            let Reply::Scanned = reply else { return Err(UNASKED) };
            let length = bulk.len();
            let table = if length <= TABLE_BYTES_MAX { bulk.open(length)? } else { return Err(UNASKED) };
            let table: Collected = postcard::from_bytes(&table).map_err(|_| Fault::Nonsense("a table that is none"))?;
            if table.is_believable() { Ok(table) } else { Err(UNASKED) }
        })?;
        table.index()
    }

    /// As [`crate::decode::demux::demux`].
    pub(in crate::decode) fn demux(
        &self,
        reader: &mut dyn ReadAt,
        passage: &Passage,
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<Coded>> {
        self.call(WHOLE_FILES, stop, |worker, patience| {
            worker.channel.send(&Work::Demux(passage.clone(), reader.size()), &[])?;
            match served(&worker.channel, reader, patience)? {
                (Reply::Demuxed(lengths), bulk) => Ok(cut(passage, &lengths, bulk)?),
                _ => Err(UNASKED),
            }
        })
    }

    /// As [`crate::thumbnail::encode::encode`].
    pub(in crate::decode) fn write(
        &self,
        raster: Raster,
        encoding: &Encoding,
        stop: &dyn Fn() -> bool,
    ) -> Result<Bytes> {
        let cannot = || Error::new(Kind::Unavailable, "the picture could not be written");
        let work = Work::Write(raster.size, raster.pixels.layout(), *encoding);
        let most = raster.size.area().saturating_mul(WRITTEN_BYTES_MAX).saturating_add(WRITTEN_BYTES_MORE);
        let samples = sealed(&raster::take_apart(&raster.pixels)).map_err(|fault| cannot().caused_by(fault))?;
        // From here on it is in memory once.
        drop(raster);
        let written = self.call(WHOLE_FILES, stop, |worker, patience| {
            worker.channel.send_sealed(&work, &samples)?;
            match next(&worker.channel, Patience { silence_max: WRITTEN_WITHIN, ..patience })? {
                (Reply::Written, bulk) if bulk.len() <= most => {
                    let length = bulk.len();
                    // What is kept for long is not kept in pages of its own.
                    Ok(Bytes::from(bulk.open(length)?.to_vec()))
                }
                _ => Err(UNASKED),
            }
        });
        // What was decoded before has no part in it.
        written.map_err(|error| if is_broken(&error) { cannot().caused_by(error) } else { error })
    }
}

fn stream(track: &Track) -> Result<Stream> {
    let none = || Error::new(Kind::Internal, "a track without pictures was to be decoded");
    let format = *track.video().ok_or_else(none)?;
    Ok(Stream { timescale: track.timescale, codec: track.codec, config: track.config.to_vec(), format })
}

/// A number that streams have in common which one open decoder serves.
fn alike(stream: &Stream) -> u64 {
    let mut hasher = DefaultHasher::new();
    (stream.codec, &stream.config, stream.format.coded).hash(&mut hasher);
    hasher.finish()
}

/// Samples as they travel.
fn laid_out(samples: &[Coded]) -> (Vec<Sample>, Vec<&[u8]>) {
    let length = |bytes: &Bytes| bytes.len() as u64;
    let head = |coded: &Coded| Sample {
        time: coded.time,
        length: length(&coded.data),
        alpha: coded.alpha.as_ref().map(length),
    };
    let parts = samples.iter().flat_map(|coded| [Some(&coded.data), coded.alpha.as_ref()]);
    (samples.iter().map(head).collect(), parts.flatten().map(|bytes| &bytes[..]).collect())
}

/// The next word of a worker about its work.
fn next(channel: &Channel, patience: Patience<'_>) -> Tried<(Reply, Bulk)> {
    loop {
        match channel.receive(Some(patience))? {
            (Reply::Alive, _) => {}
            (Reply::Failed { kind, message, cause }, _) => {
                return Err(Trouble::Refused(refusal(kind, &message).caused_by(shown(&cause))));
            }
            answer => return Ok(answer),
        }
    }
}

/// Tells a worker to give up its run, which it does before the next sample. It is of use to others where it says that it has:
/// otherwise the word may still be on its way to it.
fn called_off(channel: &Channel, run: Run<'_>) -> Trouble {
    let since = Instant::now();
    let patience = Patience { stop: &|| since.elapsed() > CALLED_OFF_WITHIN, silence_max: CALLED_OFF_WITHIN };
    let answer = channel.send(&Heard::Stop, &[]).and_then(|()| {
        loop {
            match channel.receive(Some(patience))?.0 {
                // It said so before it heard.
                Reply::Alive | Reply::Frame(..) => {}
                answer => return Ok(answer),
            }
        }
    });
    match answer {
        Ok(Reply::Stopped(passed)) => {
            count_passed(believed(passed, run));
            Trouble::Refused(given_up())
        }
        _ => Trouble::Worker(Fault::Stopped),
    }
}

/// How many samples of a run a worker passed, of what it says: each once, and once more for its opacity.
fn believed(passed: u64, run: Run<'_>) -> u64 {
    passed.min(2 * run.samples.len() as u64)
}

/// A refusal of a worker, of which no more is believed than that its work cannot be done.
fn refusal(kind: Kind, message: &str) -> Error {
    let is_about_media =
        matches!(kind, Kind::Unsupported | Kind::TooLarge | Kind::Busy | Kind::Unavailable | Kind::TimedOut);
    Error::new(if is_about_media { kind } else { Kind::Internal }, shown(message))
}

fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(MESSAGE_CHARS_MAX).collect()
}

/// The answer of a worker that reads the file behind `reader` on its way to it.
fn served(channel: &Channel, reader: &mut dyn ReadAt, patience: Patience<'_>) -> Tried<(Reply, Bulk)> {
    let mut failure = None;
    loop {
        match next(channel, patience) {
            Ok((Reply::Read(offset, length), _)) if u64::from(length) <= BLOCK_BYTES => {
                let mut block = vec![0; length as usize];
                match filled(reader, offset, &mut block) {
                    Ok(count) => channel.send(&Heard::Bytes, &[&block[..count]])?,
                    Err(error) => {
                        failure = Some(error);
                        channel.send(&Heard::Unreadable, &[])?;
                    }
                }
            }
            Err(Trouble::Refused(error)) => {
                return Err(Trouble::Refused(match failure {
                    Some(failure) => Error::new(Kind::Unavailable, "the file could not be read").caused_by(failure),
                    None => error,
                }));
            }
            other => return other,
        }
    }
}

/// Fills `block` from `offset` of a file on; how much of it there is.
fn filled(reader: &mut dyn ReadAt, offset: u64, block: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < block.len() {
        match reader.read_at(offset.saturating_add(count as u64), &mut block[count..])? {
            0 => break,
            more => count += more,
        }
    }
    Ok(count)
}

/// The samples of a passage that lie one after another in `bulk`.
fn cut(passage: &Passage, lengths: &[(u64, Option<u64>)], bulk: Bulk) -> std::result::Result<Vec<Coded>, Fault> {
    let samples = passage.samples();
    let are_those = samples.iter().map(|sample| u64::from(sample.size)).eq(lengths.iter().map(|(length, _)| *length));
    let alpha = |(_, alpha): &(u64, Option<u64>)| alpha.unwrap_or(0);
    let total = lengths.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.0)?.checked_add(alpha(part)));
    let total = total.filter(|&total| are_those && total <= PASSAGE_BYTES_MAX);
    let mut rest = bulk.open(total.ok_or(Fault::Nonsense("other samples than those wanted"))?)?;
    let mut take = |length: u64| rest.split_to(length as usize);
    let coded = samples.iter().zip(lengths).map(|(sample, &(length, alpha))| Coded {
        time: sample.time,
        data: take(length),
        alpha: alpha.map(&mut take),
    });
    Ok(coded.collect())
}
