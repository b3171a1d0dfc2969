//! The index of an MP4 against what ffprobe reads from it, and against damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use vedette::error::Result;
use vedette::media::Index;
use vedette::media::mp4::{Reader, Step, items};
use vedette::media::samples::Sample;
use vedette::media::time::Ticks;

use crate::support::{library, media};

/// Reads an index the way an origin would, and counts the reads.
fn read(file: &[u8]) -> (Result<Index>, usize) {
    let (mut reader, mut range) = Reader::new(file.len() as u64);
    for reads in 1.. {
        match reader.feed(&file[range.start as usize..range.end as usize]) {
            Ok(Step::Read(next)) => range = next,
            Ok(Step::Done(index)) => return (Ok(*index), reads),
            Err(error) => return (Err(error), reads),
        }
    }
    unreachable!()
}

/// A sample as ffprobe sees it: time, size, offset, and whether it is a keyframe.
type Packet = (i64, u32, u64, bool);

fn packets(file: &Path, stream: &str) -> Vec<Packet> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", stream, "-show_packets", "-of", "csv=p=0"])
        .args(["-show_entries", "packet=pts,size,pos,flags"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let packet = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        Some((fields[0].parse().ok()?, fields[1].parse().ok()?, fields[2].parse().ok()?, fields[3].starts_with('K')))
    };
    let mut packets: Vec<Packet> = text.lines().filter_map(packet).collect();
    packets.sort_by_key(|packet| packet.2);
    packets
}

fn ours(samples: impl Iterator<Item = Sample>) -> Vec<Packet> {
    let mut packets: Vec<Packet> = samples.map(|s| (s.time.0, s.size, s.offset, s.keyframe)).collect();
    packets.sort_by_key(|packet| packet.2);
    packets
}

#[track_caller]
fn check(name: &str, reads_max: usize) {
    let path = media(name);
    let (index, reads) = read(&fs::read(&path).unwrap());
    let index = index.unwrap();
    let track = index.video().unwrap();
    let expected = packets(&path, "v:0");
    assert!(!expected.is_empty(), "{name}");
    assert_eq!(ours(track.samples.range(0..u32::MAX)), expected, "{name}");
    assert!(reads <= reads_max, "{name} took {reads} reads");
}

#[test]
fn samples_are_those_that_ffprobe_finds() {
    for name in ["0_avc.mp4", "0_hevc.mp4", "0_hevc10.mp4", "0_av1.mp4", "0_mpeg4.mp4", "0_prores.mov", "0_mov.mov"] {
        check(name, 3);
    }
    for name in ["0_vfr.mp4", "0_opengop_avc.mp4", "0_opengop_hevc.mp4", "0_co64.mp4", "0_signed_offsets.mp4"] {
        check(name, 3);
    }
    for name in ["0_edit_trimmed.mp4", "0_edit_empty.mp4", "0_one_frame.mp4", "0_moov_last.mp4", "0_long.mp4"] {
        check(name, 3);
    }
    // A read a fragment.
    for name in ["0_fragmented.mp4", "0_fragmented_sidx.mp4"] {
        check(name, 10);
    }
}

#[test]
fn sound_is_found_too() {
    let path = media("0_hills.mp4");
    let index = read(&fs::read(&path).unwrap()).0.unwrap();
    let track = index.tracks.iter().find(|track| track.video().is_none()).unwrap();
    let (found, expected) = (ours(track.samples.range(0..u32::MAX)), packets(&path, "a:0"));
    assert!(!expected.is_empty());
    assert_eq!(
        found.iter().map(|p| (p.0, p.1, p.2)).collect::<Vec<_>>(),
        expected.iter().map(|p| (p.0, p.1, p.2)).collect::<Vec<_>>()
    );
}

/// The files of the library with one of these endings.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let files = fs::read_dir(library()).unwrap().map(|entry| entry.unwrap().path());
    let ending = |path: &PathBuf| path.extension().is_some_and(|found| endings.iter().any(|ending| found == *ending));
    let mut files: Vec<PathBuf> = files.filter(ending).collect();
    files.sort();
    files
}

/// Numbers without a pattern that are the same on every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % limit as u64) as usize
    }
}

/// Changes a few bytes near either end, where indexes lie, or cuts the end off.
fn damaged(whole: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    if numbers.below(4) == 0 {
        bytes.truncate(numbers.below(whole.len()));
        return bytes;
    }
    for _ in 0..=numbers.below(4) {
        let near = numbers.below(bytes.len().min(4096));
        let place = if numbers.below(2) == 0 { near } else { bytes.len() - 1 - near };
        bytes[place] = [0, 0xff, 0x80, numbers.below(256) as u8][numbers.below(4)];
    }
    bytes
}

#[test]
fn damage_to_any_file_is_survived() {
    let mut numbers = Numbers(7);
    let (mut survived, mut refused) = (0, 0);
    for path in files(&["mp4", "mov"]) {
        let whole = fs::read(&path).unwrap();
        for _ in 0..if whole.len() > 1 << 20 { 5 } else { 60 } {
            match read(&damaged(&whole, &mut numbers)).0 {
                Ok(index) => {
                    survived += 1;
                    for track in &index.tracks {
                        let end = track.samples.end();
                        let _ = [Ticks(i64::MIN), Ticks(0), end].map(|at| track.samples.frame_at(at));
                    }
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(survived > 100 && refused > 100, "{survived} survived, {refused} refused");
}

#[test]
fn damage_to_a_stored_picture_is_survived() {
    let mut numbers = Numbers(11);
    let files = files(&["avif"]);
    assert!(!files.is_empty());
    for path in files {
        let whole = fs::read(&path).unwrap();
        for _ in 0..500 {
            let _ = items::picture(&damaged(&whole, &mut numbers));
        }
    }
}
