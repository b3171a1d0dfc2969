//! How long it takes to read the index of a two-hour file, and to find a frame in it.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use vedette::media::Index;
use vedette::media::mp4::{Reader, Step};
use vedette::media::time::Ticks;

/// 30 frames a second and 46.875 runs of AAC a second.
const FRAMES: u32 = 216_000;
const SOUNDS: u32 = 337_500;

fn words(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_be_bytes).collect()
}

fn atom(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
}

fn full(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    atom(kind, &[&[0; 4], &parts.concat()])
}

fn counted(kind: &[u8; 4], rows: u32, table: &[u8]) -> Vec<u8> {
    full(kind, &[&rows.to_be_bytes(), table])
}

/// The tables of a track, whose chunks hold a frame each, or the sound that goes with it.
struct Tables {
    handler: &'static [u8; 4],
    timescale: u32,
    delta: u32,
    sizes: Vec<u32>,
    /// Samples in each chunk.
    chunks: Vec<u32>,
    entry: Vec<u8>,
    more: Vec<u8>,
}

impl Tables {
    fn trak(&self, id: u32, offsets: &[u32]) -> Vec<u8> {
        let matrix = words([0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]);
        let samples = self.sizes.len() as u32;
        let mut rows: Vec<[u32; 3]> = Vec::new();
        for (chunk, samples) in (1..).zip(&self.chunks) {
            if rows.last().is_none_or(|row| row[1] != *samples) {
                rows.push([chunk, *samples, 1]);
            }
        }
        let stbl = [
            counted(b"stsd", 1, &self.entry),
            counted(b"stts", 1, &words([samples, self.delta])),
            counted(b"stsc", rows.len() as u32, &words(rows.concat())),
            full(b"stsz", &[&words([0, samples]), &words(self.sizes.iter().copied())]),
            counted(b"stco", offsets.len() as u32, &words(offsets.iter().copied())),
            self.more.clone(),
        ];
        let mdia = [
            full(b"mdhd", &[&words([0, 0, self.timescale, samples * self.delta, 0x55c4_0000])]),
            full(b"hdlr", &[&[0; 4], self.handler, &[0; 13]]),
            atom(b"minf", &[&atom(b"stbl", &[&stbl.concat()])]),
        ];
        let tkhd = full(b"tkhd", &[&words([0, 0, id, 0, 0, 0, 0, 0, 0]), &matrix, &words([0, 0])]);
        atom(b"trak", &[&tkhd, &atom(b"mdia", &[&mdia.concat()])])
    }
}

fn video() -> Tables {
    // A keyframe each two seconds; B-frames in pairs, so that no two composition offsets in a row are the same.
    let size = |frame: u32| if frame.is_multiple_of(60) { 90_000 } else { 3_000 + frame * 7919 % 20_000 };
    let shifts = (0..FRAMES).flat_map(|frame| [1, [2002, 5005, 2002, 0, 1001][(frame % 5) as usize]]);
    let keyframes = words((0..FRAMES / 60).map(|gop| gop * 60 + 1));
    Tables {
        handler: b"vide",
        timescale: 30_000,
        delta: 1001,
        sizes: (0..FRAMES).map(size).collect(),
        chunks: vec![1; FRAMES as usize],
        entry: atom(b"avc1", &[&[0; 24], &[7, 128, 4, 56], &[0; 50], &atom(b"avcC", &[&[1, 100, 0, 40, 255, 224, 0]])]),
        more: [counted(b"ctts", FRAMES, &words(shifts)), counted(b"stss", FRAMES / 60, &keyframes)].concat(),
    }
}

fn sound() -> Tables {
    let chunks: Vec<u32> = (0..FRAMES).map(|frame| (frame + 1) * 25 / 16 - frame * 25 / 16).collect();
    Tables {
        handler: b"soun",
        timescale: 48_000,
        delta: 1024,
        sizes: (0..SOUNDS).map(|run| 300 + run * 7919 % 100).collect(),
        chunks,
        entry: atom(b"mp4a", &[&[0; 16], &[0, 2, 0, 16, 0, 0, 0, 0, 0xbb, 0x80, 0, 0]]),
        more: Vec::new(),
    }
}

/// A file whose `moov` comes first, up to where its media would start, and the length that it would have.
fn two_hours() -> (Vec<u8>, u64) {
    let tracks = [video(), sound()];
    let mut offsets = [Vec::new(), Vec::new()];
    let (mut at, mut next) = (8_000_000u32, [0, 0]);
    for chunk in 0..FRAMES as usize {
        for (track, tables) in tracks.iter().enumerate() {
            offsets[track].push(at);
            let samples = tables.chunks[chunk] as usize;
            at += tables.sizes[next[track]..next[track] + samples].iter().sum::<u32>();
            next[track] += samples;
        }
    }
    let traks: Vec<u8> =
        (1..).zip(&tracks).flat_map(|(id, tables)| tables.trak(id, &offsets[id as usize - 1])).collect();
    let mvhd = full(b"mvhd", &[&words([0, 0, 1000, 7_200_000]), &[0; 80]]);
    let media = [&1u32.to_be_bytes()[..], b"mdat", &u64::from(at - 7_000_000).to_be_bytes()].concat();
    let file = [atom(b"ftyp", &[b"isom", &[0; 4]]), atom(b"moov", &[&mvhd, &traks]), media].concat();
    (file, at.into())
}

fn read(file: &[u8], size: u64) -> Index {
    let (mut reader, mut asked) = Reader::new(size);
    loop {
        match reader.feed(&file[asked.start as usize..asked.end as usize]) {
            Ok(Step::Read(range)) => asked = range,
            Ok(Step::Done(index)) => return *index,
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn index(criterion: &mut Criterion) {
    let (file, size) = two_hours();
    let index = read(&file, size);
    assert_eq!(index.tracks.iter().map(|track| track.samples.len()).sum::<u32>(), FRAMES + SOUNDS);
    eprintln!("two hours: moov {} bytes, index {} bytes", file.len(), index.weight());
    criterion.bench_function("index/two hours", |bench| bench.iter(|| read(black_box(&file), size)));

    let Some(video) = index.video() else {
        panic!("the file has no pictures");
    };
    let end = video.samples.end().0;
    let mut at = 0;
    criterion.bench_function("index/frame at", |bench| {
        bench.iter(|| {
            at = (at + 1_234_567) % end;
            black_box(video.samples.frame_at(Ticks(at)))
        })
    });
    criterion.bench_function("index/samples of a GOP", |bench| {
        bench.iter(|| {
            at = (at + 1_234_567) % end;
            let reach = video.samples.frame_at(Ticks(at))?;
            Some(video.samples.range(reach.from..reach.target + 1).map(|sample| u64::from(sample.size)).sum::<u64>())
        })
    });
}

criterion_group!(benches, index);
criterion_main!(benches);
