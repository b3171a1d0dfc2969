//! Small files made box by box for tests.

use super::boxes::tests::{atom, full, words};
use super::{Reader, Step};
use crate::error::Result;
use crate::media::Index;

/// A track under test. Every sample's bytes count up from its number.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) handler: &'static [u8; 4],
    pub(super) timescale: u32,
    pub(super) sizes: Vec<u32>,
    /// Samples in each chunk.
    pub(super) chunks: Vec<u32>,
    pub(super) entry: Vec<u8>,
    pub(super) matrix: [i32; 4],
    pub(super) shown: (u32, u32),
    pub(super) flags: u32,
    pub(super) language: u16,
    /// The boxes of `stbl` beside `stsd`, `stsz`, `stsc` and `stco`.
    pub(super) times: Vec<Vec<u8>>,
    /// Further boxes of `trak`.
    pub(super) more: Vec<u8>,
    /// Whether `moov` lists the samples, instead of fragments.
    pub(super) listed: bool,
}

/// Rows of a table behind their number.
pub(super) fn rows(kind: &[u8; 4], version: u8, numbers: &[u32], row: usize) -> Vec<u8> {
    full(kind, version, 0, &[&words(&[(numbers.len() / row) as u32]), &words(numbers)])
}

/// An entry of pictures with further boxes.
pub(super) fn picture_entry(kind: &[u8; 4], width: u16, height: u16, more: &[u8]) -> Vec<u8> {
    atom(kind, &[&[0; 24], &width.to_be_bytes(), &height.to_be_bytes(), &[0; 50], more])
}

/// An entry of sound with further boxes.
pub(super) fn sound_entry(kind: &[u8; 4], more: &[u8]) -> Vec<u8> {
    atom(kind, &[&[0; 16], &[0, 2, 0, 16, 0, 0, 0, 0, 0xbb, 0x80, 0, 0], more])
}

impl Made {
    /// AVC of 64x48, six frames of 1000 ticks, shown as 0 2 1 3 5 4, keyframes 0 and 3; two chunks.
    pub(super) fn video() -> Made {
        Made {
            handler: b"vide",
            timescale: 25_000,
            sizes: vec![50, 10, 20, 40, 10, 5],
            chunks: vec![4, 2],
            entry: picture_entry(b"avc1", 64, 48, &atom(b"avcC", &[b"config"])),
            matrix: [1, 0, 0, 1],
            shown: (64, 48),
            flags: 1,
            language: 0x55c4,
            times: vec![
                rows(b"stts", 0, &[6, 1000], 2),
                rows(b"ctts", 0, &[1, 1000, 1, 2000, 1, 0, 1, 1000, 1, 2000, 1, 0], 2),
                rows(b"stss", 0, &[1, 4], 1),
            ],
            more: atom(b"edts", &[&rows(b"elst", 0, &[240, 1000, 0x1_0000], 3)]),
            listed: true,
        }
    }

    /// Opus, eight samples of 960 ticks in two chunks.
    pub(super) fn sound() -> Made {
        Made {
            handler: b"soun",
            timescale: 48_000,
            sizes: vec![7; 8],
            chunks: vec![5, 3],
            entry: sound_entry(b"Opus", &atom(b"dOps", &[b"opus"])),
            times: vec![rows(b"stts", 0, &[8, 960], 2)],
            more: Vec::new(),
            shown: (0, 0),
            language: 0x15c7,
            ..Made::video()
        }
    }

    fn trak(&self, id: u32, offsets: &[u32]) -> Vec<u8> {
        let [a, b, c, d] = self.matrix.map(|cell| (cell << 16) as u32);
        let matrix = words(&[a, b, 0, c, d, 0, 0, 0, 0x4000_0000]);
        let head = words(&[0, 0, id, 0, 0, 0, 0, 0, 0]);
        let shown = words(&[self.shown.0 << 16, self.shown.1 << 16]);
        let (mut sizes, mut runs) = (vec![0, 0], Vec::new());
        if self.listed {
            sizes = [&[0, self.sizes.len() as u32], &self.sizes[..]].concat();
            runs = (1..).zip(&self.chunks).flat_map(|(chunk, samples)| [chunk, *samples, 1]).collect();
        }
        let times = if self.listed { self.times.concat() } else { rows(b"stts", 0, &[], 2) };
        let stbl = [
            full(b"stsd", 0, 0, &[&words(&[1]), &self.entry]),
            full(b"stsz", 0, 0, &[&words(&sizes)]),
            rows(b"stsc", 0, &runs, 3),
            rows(b"stco", 0, if self.listed { offsets } else { &[] }, 1),
            times,
        ];
        let mdhd = [words(&[0, 0, self.timescale, 0]), self.language.to_be_bytes().to_vec(), vec![0; 2]].concat();
        let mdia = [
            full(b"mdhd", 0, 0, &[&mdhd]),
            full(b"hdlr", 0, 0, &[&[0; 4], self.handler, &[0; 13]]),
            atom(b"minf", &[&atom(b"stbl", &[&stbl.concat()])]),
        ];
        let tkhd = full(b"tkhd", 0, self.flags, &[&head, &matrix, &shown]);
        atom(b"trak", &[&tkhd, &self.more, &atom(b"mdia", &[&mdia.concat()])])
    }
}

/// A `moov` box of tracks whose chunks lie at these offsets, with further boxes.
pub(super) fn moov(tracks: &[Made], offsets: &[Vec<u32>], more: &[u8]) -> Vec<u8> {
    let matrix = words(&[0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]);
    let mvhd = full(b"mvhd", 0, 0, &[&words(&[0, 0, 1000, 240, 0, 0, 0, 0]), &[0; 0], &matrix]);
    let traks: Vec<u8> = (1..).zip(tracks).zip(offsets).flat_map(|((id, made), at)| made.trak(id, at)).collect();
    atom(b"moov", &[&mvhd, &traks, more])
}

/// A file of tracks, `moov` last. Chunks of the tracks take turns.
pub(super) fn file(tracks: &[Made]) -> Vec<u8> {
    let ftyp = atom(b"ftyp", &[b"isom", &[0; 4]]);
    let (mut data, mut offsets) = (Vec::new(), vec![Vec::new(); tracks.len()]);
    let mut next = vec![0; tracks.len()];
    for chunk in 0..tracks.iter().map(|made| made.chunks.len()).max().unwrap_or(0) {
        for (track, made) in tracks.iter().enumerate() {
            let Some(samples) = made.chunks.get(chunk) else { continue };
            offsets[track].push((ftyp.len() + 8 + data.len()) as u32);
            for number in next[track]..next[track] + *samples as usize {
                data.extend((0..made.sizes[number]).map(|byte| (number as u32 + byte) as u8));
            }
            next[track] += *samples as usize;
        }
    }
    [ftyp, atom(b"mdat", &[&data]), moov(tracks, &offsets, &[])].concat()
}

/// The same file with `moov` before the media.
pub(super) fn moov_first(tracks: &[Made]) -> Vec<u8> {
    let last = file(tracks);
    let media = u32::from_be_bytes([last[16], last[17], last[18], last[19]]) as usize;
    let moov = last.len() - 16 - media;
    let moved = last[16 + media..].to_vec();
    let mut file = [&last[..16], &moved, &last[16..16 + media]].concat();
    for at in 0..moov {
        if file[16 + at..].starts_with(b"stco") {
            let count = file[16 + at + 11] as usize;
            for row in 0..count {
                let cell = 16 + at + 12 + row * 4;
                let offset = u32::from_be_bytes([file[cell], file[cell + 1], file[cell + 2], file[cell + 3]]);
                file[cell..cell + 4].copy_from_slice(&(offset + moov as u32).to_be_bytes());
            }
        }
    }
    file
}

/// What a fragment says of one track.
pub(super) struct Run<'a> {
    pub(super) track: u32,
    pub(super) decode_time: u32,
    /// Size, duration, flags and composition offset of each sample.
    pub(super) samples: &'a [(u32, u32, u32, i32)],
}

/// `moof` and `mdat` with the samples of these runs, one after the other.
pub(super) fn fragment(runs: &[Run<'_>]) -> Vec<u8> {
    let made = |at: u32| {
        let mut at = at;
        let traf = |run: &Run<'_>| {
            let rows: Vec<u32> = run.samples.iter().flat_map(|row| [row.1, row.0, row.2, row.3 as u32]).collect();
            let head = words(&[run.samples.len() as u32, at]);
            at += run.samples.iter().map(|row| row.0).sum::<u32>();
            let parts = [
                full(b"tfhd", 0, 0x2_0000, &[&words(&[run.track])]),
                full(b"tfdt", 0, 0, &[&words(&[run.decode_time])]),
                full(b"trun", 1, 0xf01, &[&head, &words(&rows)]),
            ];
            atom(b"traf", &[&parts.concat()])
        };
        atom(b"moof", &[&full(b"mfhd", 0, 0, &[&words(&[1])]), &runs.iter().map(traf).collect::<Vec<_>>().concat()])
    };
    let moof = made(made(0).len() as u32 + 8);
    let length: u32 = runs.iter().flat_map(|run| run.samples).map(|row| row.0).sum();
    [moof, atom(b"mdat", &[&vec![0; length as usize]])].concat()
}

/// The start of a fragmented file of tracks whose samples last `durations` ticks unless said otherwise.
pub(super) fn init(tracks: &[Made], durations: &[u32]) -> Vec<u8> {
    let trex = |(id, duration): (u32, &u32)| full(b"trex", 0, 0, &[&words(&[id, 1, *duration, 4, 0])]);
    let mvex = atom(b"mvex", &[&(1..).zip(durations).map(trex).collect::<Vec<_>>().concat()]);
    let unlisted: Vec<Made> = tracks.iter().map(|made| Made { listed: false, ..made.clone() }).collect();
    let moov = moov(&unlisted, &vec![Vec::new(); tracks.len()], &mvex);
    [atom(b"ftyp", &[b"iso6", &[0; 4]]), moov].concat()
}

/// The index of a file, and the ranges that were asked for.
pub(super) fn read(file: &[u8]) -> (Result<Index>, Vec<std::ops::Range<u64>>) {
    let size = file.len() as u64;
    let (mut reader, mut range) = Reader::new(size);
    let mut asked = Vec::new();
    loop {
        assert!(range.end <= size && (range.start < range.end || size == 0), "{range:?} of {size}");
        asked.push(range.clone());
        match reader.feed(&file[range.start as usize..range.end as usize]) {
            Ok(Step::Read(next)) => range = next,
            Ok(Step::Done(index)) => return (Ok(*index), asked),
            Err(error) => return (Err(error), asked),
        }
    }
}
