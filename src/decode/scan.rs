//! The index of a container that is not ISO BMFF, by one pass of libavformat over it.

use serde::{Deserialize, Serialize};

use super::demuxer::{Demuxer, Depth, Packet, STREAMS_MAX};
use super::order::Order;
use super::packed::Packed;
use super::streams::Stream;
use super::timeline;
use crate::error::{Error, Result};
use crate::media::{Codec, Container, Index, Media, Packing, Track};

/// Random access to the bytes of a file, blocking.
pub trait ReadAt {
    /// Fills the front of `buffer` from `offset` on; how many bytes, zero only at the end of the file.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize>;
    /// The file's length in bytes.
    fn size(&self) -> u64;
}

/// A file in memory.
impl ReadAt for &[u8] {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = self.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn size(&self) -> u64 {
        self.len() as u64
    }
}

/// Most samples of all tracks together: about 50 bytes each while they are collected.
const SAMPLES_MAX: usize = 4 << 20;

/// How far behind the place where libavformat found a sample its bytes may begin: Matroska, FLV and AVI put up to 30 bytes
/// of headers before them.
const HEADER_BYTES_MAX: usize = 48;

/// One sample as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Found {
    /// Where its bytes begin, or where libavformat found it if they do not lie in one run.
    pub(super) offset: u64,
    /// Bytes.
    pub(super) size: u32,
    /// Whether decoding can start here.
    pub(super) keyframe: bool,
    /// Length in units of the container, zero where unknown.
    pub(super) duration: u32,
    /// Decoding time in units of the container.
    pub(super) decode_time: Option<i64>,
    /// Presentation time in units of the container.
    pub(super) time: Option<i64>,
    /// Its place in the order of showing, where its bytes say.
    pub(super) order: Option<i32>,
    /// Whether its frame is ever shown.
    pub(super) is_shown: bool,
}

/// A track being collected.
struct Growing {
    stream: Stream,
    order: Option<Order>,
    packed: Option<Packed>,
    /// Whether the bytes of all samples so far lie in one run each.
    is_plain: bool,
    /// Where each sample was found, in case that they do not.
    positions: Vec<u64>,
    /// Where the last sample was found.
    position: u64,
    found: Vec<Found>,
}

/// What one pass over a file found.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Collected {
    container: Container,
    tracks: Vec<Grown>,
}

/// A track that was collected.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Grown {
    stream: Stream,
    is_plain: bool,
    found: Vec<Found>,
}

/// The index of the file behind `reader`. Reads it whole; asks `stop` at every read whether to give up, which is
/// [`crate::error::Kind::TimedOut`].
pub fn scan(reader: &mut dyn ReadAt, stop: &dyn Fn() -> bool) -> Result<Index> {
    collect(reader, stop)?.index()
}

/// What the file behind `reader` holds, as [`scan`] reads it.
pub(super) fn collect(reader: &mut dyn ReadAt, stop: &dyn Fn() -> bool) -> Result<Collected> {
    let mut demuxer = Demuxer::open(reader, stop, Depth::Streams)?;
    let mut growing: Vec<Option<Growing>> = Vec::new();
    let (mut count, mut scratch) = (0, Vec::new());
    while let Some(packet) = demuxer.next()? {
        while growing.len() <= packet.stream && growing.len() < demuxer.stream_count() {
            growing.push(begin(&demuxer, growing.len()));
        }
        if let Some(Some(track)) = growing.get_mut(packet.stream) {
            count += track.take(&mut demuxer, packet, &mut scratch);
        }
        if count > SAMPLES_MAX {
            return Err(Error::too_large(format!("the file holds more than {SAMPLES_MAX} samples")));
        }
    }
    let container = match demuxer.name().to_bytes() {
        b"matroska,webm" => Container::Matroska,
        _ => Container::Other,
    };
    let tracks = growing.into_iter().flatten().map(Growing::finish).collect::<Result<_>>()?;
    Ok(Collected { container, tracks })
}

/// The track of the stream at place `at`, unless it is none.
fn begin(demuxer: &Demuxer<'_>, at: usize) -> Option<Growing> {
    let stream = demuxer.stream(at).filter(|stream| !stream.is_attached)?;
    let name = demuxer.name().to_bytes();
    let is_video = matches!(stream.media, Media::Video(_));
    // Only containers that keep a sample in one piece are worth the comparing; and opacity lies apart from its sample.
    let is_sound = matches!(stream.media, Media::Audio(_));
    let is_plain = match name {
        b"matroska,webm" | b"flv" => (is_video || is_sound) && !stream.has_alpha,
        b"avi" => is_video,
        b"mp3" => is_sound,
        _ => false,
    };
    let has_times = matches!(name, b"matroska,webm" | b"flv");
    let order = if is_video && !has_times { Order::of_codec(stream.codec, &stream.config) } else { None };
    let packed = Packed::of_codec(stream.codec);
    Some(Growing { stream, order, packed, is_plain, positions: Vec::new(), position: 0, found: Vec::new() })
}

impl Growing {
    /// Takes the last sample of `demuxer`; how many it became.
    fn take(&mut self, demuxer: &mut Demuxer<'_>, packet: Packet, scratch: &mut Vec<u8>) -> usize {
        let before = self.found.len();
        // A sample that shares a packet of the container with the one before it has no place of its own.
        let position = packet.position.unwrap_or(self.position);
        self.position = position;
        let order = self.order.as_mut().and_then(|order| order.next(demuxer.data()));
        let payload = if self.is_plain { demuxer.payload(position, HEADER_BYTES_MAX, scratch) } else { None };
        let is_scattered = self.is_plain && payload.is_none();
        let data = demuxer.data();
        let sample = Found {
            offset: payload.unwrap_or(position),
            size: u32::try_from(data.len()).unwrap_or(u32::MAX),
            keyframe: packet.keyframe,
            duration: u32::try_from(packet.duration).unwrap_or(0),
            decode_time: packet.decode_time,
            time: packet.time,
            order,
            is_shown: shows(self.stream.codec, data),
        };
        match &mut self.packed {
            None => self.push(sample, position),
            Some(packed) => {
                for part in packed.take(self.stream.codec, data, packet.decode_time) {
                    let (start, size) = (part.bytes.start as u64, part.bytes.len() as u32);
                    let keyframe = sample.keyframe && start == 0;
                    self.push(Found { offset: sample.offset + start, size, keyframe, ..sample }, position);
                }
            }
        }
        if is_scattered {
            self.scatter();
        }
        self.found.len() - before
    }

    fn push(&mut self, sample: Found, position: u64) {
        if self.is_plain {
            self.positions.push(position);
        }
        self.found.push(sample);
    }

    /// Gives up on samples in one run: offsets become the places where libavformat finds them.
    fn scatter(&mut self) {
        self.is_plain = false;
        for (found, position) in self.found.iter_mut().zip(self.positions.drain(..)) {
            found.offset = position;
        }
    }
}

/// Whether the frame of a sample is shown: VP8 marks its alternate references (RFC 6386 section 9.1).
fn shows(codec: Codec, sample: &[u8]) -> bool {
    const SHOW_FRAME: u8 = 1 << 4;
    codec != Codec::Vp8 || sample.first().is_none_or(|first| first & SHOW_FRAME != 0)
}

impl Collected {
    /// The index, with the presentation starting at zero: where the first frame of the first video track is shown.
    pub(super) fn index(self) -> Result<Index> {
        let Collected { container, mut tracks } = self;
        tracks.iter_mut().for_each(|track| timeline::complete(&mut track.found));
        let is_video = |track: &&Grown| matches!(track.stream.media, Media::Video(_)) && !track.found.is_empty();
        let start = tracks.iter().find(is_video).or(tracks.first()).map(|track| {
            let first = timeline::start(&track.found);
            timeline::Start { time: first, ticks: track.stream.ticks, timescale: track.stream.timescale }
        });
        let tracks = tracks.into_iter().map(|track| track.into_track(start)).collect::<Result<_>>()?;
        Ok(Index { container, tracks })
    }

    /// Whether it is what [`collect`] may give.
    pub(super) fn is_believable(&self) -> bool {
        let count = self.tracks.iter().map(|track| track.found.len()).fold(0, usize::saturating_add);
        let are_streams = self.tracks.iter().all(|track| track.stream.is_believable());
        self.tracks.len() <= STREAMS_MAX && count <= SAMPLES_MAX && are_streams
    }
}

impl Growing {
    /// Gives packed pictures places of their own. Fails where their bytes do not lie in one run.
    fn finish(mut self) -> Result<Grown> {
        if let Some(packed) = self.packed.take().filter(Packed::any) {
            if !self.is_plain {
                return Err(Error::unsupported(
                    "pictures of MPEG-4 that are packed together are read from AVI and Matroska alone",
                ));
            }
            packed.deal(&mut self.found);
        }
        Ok(Grown { stream: self.stream, is_plain: self.is_plain, found: self.found })
    }
}

impl Grown {
    fn into_track(self, start: Option<timeline::Start>) -> Result<Track> {
        let Stream { id, codec, config, media, language, timescale, ticks, .. } = self.stream;
        let zero = start.map_or(0, |start| start.in_units(timescale, ticks));
        let samples = timeline::samples(&self.found, zero, ticks)?;
        let packing = if self.is_plain { Packing::Plain } else { Packing::Demuxed };
        let captions = Default::default();
        Ok(Track { id, timescale, language, codec, config, media, samples, packing, captions })
    }
}
