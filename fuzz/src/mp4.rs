//! Files of ISO BMFF: samples lie inside the file, and whatever is shown of them can be told and cut.

use std::ops::Range;

use vedette::media::mp4::{Reader, Step};
use vedette::media::time::Micros;
use vedette::media::{Index, Packing};
use vedette::packager::segments::Pace;
use vedette::packager::timeline::Window;
use vedette::packager::view;

/// More reads than a small file can need.
const READS_MAX: usize = 100_000;

fn index(bytes: &[u8]) -> Option<Index> {
    let (mut reader, mut range): (Reader, Range<u64>) = Reader::new(bytes.len() as u64);
    for _ in 0..READS_MAX {
        let part = bytes.get(range.start as usize..range.end as usize).expect("what is asked for lies inside the file");
        match reader.feed(part).ok()? {
            Step::Read(next) => range = next,
            Step::Done(index) => return Some(*index),
        }
    }
    panic!("the reader does not come to an end");
}

/// Throws `bytes` at it.
pub fn check(bytes: &[u8]) {
    let Some(index) = index(bytes) else { return };
    let facts = index.facts(bytes.len() as u64);
    assert!(facts.duration.0 >= 0, "{facts:?}");
    for track in &index.tracks {
        for sample in track.samples.range(0..track.samples.len()) {
            let end = sample.offset.checked_add(u64::from(sample.size)).expect("an end");
            assert!(end <= bytes.len() as u64 || track.packing != Packing::Plain, "{sample:?}");
            let reach = track.samples.frame_at(sample.time).expect("what is shown is found");
            assert!(track.samples.get(reach.target).is_some());
        }
    }
    let pace = Pace { target: Micros(6_000_000), first: Vec::new() };
    for view in view::views(&index, Window::default(), &pace) {
        let _ = (view.timeline(&index).is_some(), view.pieces(), view.weight());
    }
}
