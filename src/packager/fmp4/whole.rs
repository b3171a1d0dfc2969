//! A part of a file as a file of its own, not in fragments: `moov` written anew over the source's own samples.

use std::ops::Range;

use super::boxes::Boxes;
use super::movie::{self, Length};
use crate::error::{Error, Result};
use crate::media::time::{Ticks, Timescale, rescale};
use crate::packager::layout::Layout;
use crate::packager::timeline::Timeline;

/// Ticks a second of the movie as a whole.
const MOVIE: u32 = 1000;

/// Most samples of all tracks together, seven hours of pictures and sound: twelve bytes each in the tables, and as much as fifty
/// in the layout where they lie apart.
const SAMPLES_MAX: u32 = 2 << 20;

/// A run of samples of one track that lie together.
struct Chunk {
    /// Its place among the timelines.
    timeline: usize,
    /// By their places in decoding order.
    samples: Range<u32>,
    /// Where it lies in the new file, from the start of the media.
    at: u64,
}

/// A movie of the samples of `timelines`, in the order in which they lie in the source, so that what lies together there is
/// read together. Fails where there are too many.
pub(super) fn write(timelines: &[Timeline<'_>]) -> Result<Layout> {
    let count: u32 = timelines.iter().map(|timeline| timeline.numbers().len() as u32).fold(0, u32::saturating_add);
    if count > SAMPLES_MAX {
        return Err(Error::too_large(format!("the part has {count} samples, at most {SAMPLES_MAX} are taken")));
    }
    let (chunks, media) = chunks(timelines);
    // The tables are as long wherever the media begins.
    let front = head(timelines, &chunks, 0, media.len()).len() as u64;
    let mut layout = Layout::default();
    layout.made(head(timelines, &chunks, front, media.len()));
    media.slices().iter().for_each(|slice| layout.push(slice.clone()));
    Ok(layout)
}

/// The samples by where they lie, and where that is.
fn chunks(timelines: &[Timeline<'_>]) -> (Vec<Chunk>, Layout) {
    let mut all: Vec<(u64, u32, u32, usize)> = Vec::new();
    for (place, timeline) in timelines.iter().enumerate() {
        all.extend(
            timeline.samples(timeline.numbers()).map(|sample| (sample.offset, sample.size, sample.number, place)),
        );
    }
    all.sort_unstable();
    let (mut chunks, mut media): (Vec<Chunk>, Layout) = (Vec::new(), Layout::default());
    for (offset, size, number, timeline) in all {
        match chunks.last_mut() {
            Some(chunk) if chunk.timeline == timeline && chunk.samples.end == number => chunk.samples.end += 1,
            _ => chunks.push(Chunk { timeline, samples: number..number + 1, at: media.len() }),
        }
        media.source(offset..offset.saturating_add(size.into()));
    }
    // Chunks are listed in decoding order (ISO/IEC 14496-12 section 8.7.5), wherever they lie.
    chunks.sort_by_key(|chunk| (chunk.timeline, chunk.samples.start));
    (chunks, media)
}

/// All that comes before the media, of which there are `media` bytes behind the first `front` of the file.
fn head(timelines: &[Timeline<'_>], chunks: &[Chunk], front: u64, media: u64) -> Vec<u8> {
    let mut boxes = Boxes::with_capacity(4096);
    boxes.atom(b"ftyp", |ftyp| {
        ftyp.bytes(b"isom");
        ftyp.u32(0x200);
        ftyp.bytes(b"isomiso2mp41");
    });
    let longest = timelines.iter().map(movie_length).max().unwrap_or_default();
    boxes.atom(b"moov", |moov| {
        movie::mvhd(moov, Length { timescale: MOVIE, ticks: longest }, timelines.len() as u32);
        for (place, timeline) in timelines.iter().enumerate() {
            let mine = chunks.iter().filter(|chunk| chunk.timeline == place);
            let chunks: Vec<&Chunk> = mine.collect();
            movie::trak(moov, timeline, place as u32 + 1, movie_length(timeline), |stbl| {
                tables(stbl, timeline, &chunks, front);
            });
        }
    });
    // A size of 64 bits, whatever it is (section 4.2).
    boxes.u32(1);
    boxes.bytes(b"mdat");
    boxes.u64(media.saturating_add(16));
    boxes.into_bytes()
}

/// The length of a presentation in ticks of the movie.
fn movie_length(timeline: &Timeline<'_>) -> u64 {
    let ticks = Ticks(i64::try_from(timeline.duration()).unwrap_or(i64::MAX));
    let movie = Timescale::new(MOVIE).unwrap_or(Timescale::MICROS);
    rescale(ticks, timeline.timescale(), movie).0.max(0) as u64
}

/// The tables of a track behind its description (sections 8.6 and 8.7).
fn tables(stbl: &mut Boxes, timeline: &Timeline<'_>, chunks: &[&Chunk], front: u64) {
    let samples = || timeline.samples(timeline.numbers());
    runs(stbl, (b"stts", 0), samples().map(|sample| sample.duration));
    let shifts = || {
        samples()
            .map(|sample| super::late(timeline, sample))
            .map(|sample| sample.shown.saturating_sub(sample.decode) as i32)
    };
    if shifts().any(|shift| shift != 0) {
        runs(stbl, (b"ctts", 1), shifts().map(|shift| shift as u32));
    }
    let first = timeline.numbers().start;
    if samples().any(|sample| !sample.keyframe) {
        let keyframes: Vec<u32> = samples().filter(|sample| sample.keyframe).map(|s| s.number - first + 1).collect();
        stbl.full(b"stss", 0, 0, |stss| {
            stss.u32(keyframes.len() as u32);
            keyframes.iter().for_each(|number| stss.u32(*number));
        });
    }
    stsc(stbl, chunks);
    stbl.full(b"stsz", 0, 0, |stsz| {
        stsz.u32(0);
        stsz.u32(timeline.numbers().len() as u32);
        samples().for_each(|sample| stsz.u32(sample.size));
    });
    stbl.full(b"co64", 0, 0, |co64| {
        co64.u32(chunks.len() as u32);
        chunks.iter().for_each(|chunk| co64.u64(front.saturating_add(chunk.at)));
    });
}

/// A table of how often each number comes in a row.
fn runs(stbl: &mut Boxes, (kind, version): (&[u8; 4], u8), numbers: impl Iterator<Item = u32>) {
    let mut rows: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match rows.last_mut() {
            Some((count, last)) if *last == number => *count += 1,
            _ => rows.push((1, number)),
        }
    }
    stbl.full(kind, version, 0, |table| {
        table.u32(rows.len() as u32);
        for (count, number) in &rows {
            table.u32(*count);
            table.u32(*number);
        }
    });
}

/// How many samples each chunk has (section 8.7.4).
fn stsc(stbl: &mut Boxes, chunks: &[&Chunk]) {
    let mut rows: Vec<(u32, u32)> = Vec::new();
    for (number, chunk) in (1u32..).zip(chunks) {
        let count = chunk.samples.len() as u32;
        if rows.last().is_none_or(|(_, last)| *last != count) {
            rows.push((number, count));
        }
    }
    stbl.full(b"stsc", 0, 0, |stsc| {
        stsc.u32(rows.len() as u32);
        for (number, count) in &rows {
            stsc.u32(*number);
            stsc.u32(*count);
            stsc.u32(1);
        }
    });
}
