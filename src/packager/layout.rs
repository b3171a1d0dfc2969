//! A body as a list of slices: bytes made here, and ranges of a source. Its length is arithmetic.

use std::ops::Range;

use bytes::Bytes;

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slice {
    /// Bytes made here.
    Made(Bytes),
    /// Bytes of the source.
    Source(Range<u64>),
}

/// A body as slices, one after another. None is empty, and no two neighbours could be one.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Layout {
    slices: Vec<Slice>,
    /// Where each slice ends in the body.
    ends: Vec<u64>,
}

impl Slice {
    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        match self {
            Slice::Made(bytes) => bytes.len() as u64,
            Slice::Source(range) => range.end.saturating_sub(range.start),
        }
    }

    /// True where it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes from one place to another within it; what lies outside is left out.
    fn part(&self, part: Range<u64>) -> Slice {
        let from = part.start.min(self.len());
        let to = part.end.clamp(from, self.len());
        match self {
            // Both ends lie inside bytes that are in memory.
            Slice::Made(bytes) => Slice::Made(bytes.slice(from as usize..to as usize)),
            Slice::Source(range) => Slice::Source(range.start + from..range.start + to),
        }
    }
}

/// A range of the source alone.
impl From<Range<u64>> for Layout {
    fn from(range: Range<u64>) -> Layout {
        let mut layout = Layout::default();
        layout.source(range);
        layout
    }
}

impl Layout {
    /// Adds bytes made here at the end.
    pub fn made(&mut self, bytes: impl Into<Bytes>) {
        self.push(Slice::Made(bytes.into()));
    }

    /// Adds a range of the source at the end; one that goes on where the last ended grows it.
    pub fn source(&mut self, range: Range<u64>) {
        self.push(Slice::Source(range));
    }

    /// Adds a slice at the end.
    pub fn push(&mut self, slice: Slice) {
        if slice.is_empty() {
            return;
        }
        let end = self.len().saturating_add(slice.len());
        if let (Some(Slice::Source(last)), Slice::Source(next)) = (self.slices.last_mut(), &slice)
            && last.end == next.start
        {
            last.end = next.end;
            self.ends.pop();
        } else {
            self.slices.push(slice);
        }
        self.ends.push(end);
    }

    /// How many bytes the body has.
    pub fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// True where it has none.
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    /// Bytes it occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        let made = self.slices.iter().map(|slice| match slice {
            Slice::Made(bytes) => bytes.len(),
            Slice::Source(_) => 0,
        });
        made.sum::<usize>() + size_of_val(&self.slices[..]) + size_of_val(&self.ends[..])
    }

    /// The slices in order.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// The body from one byte to another; what lies outside is left out. Takes as long as the part is, however long the body.
    pub fn part(&self, range: Range<u64>) -> Layout {
        let mut part = Layout::default();
        let first = self.ends.partition_point(|end| *end <= range.start);
        for (place, slice) in self.slices.iter().enumerate().skip(first) {
            let start = place.checked_sub(1).map_or(0, |last| self.ends[last]);
            if start >= range.end {
                break;
            }
            part.push(slice.part(range.start.saturating_sub(start)..range.end - start));
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a layout stands for, of a source whose bytes count up.
    fn bytes(layout: &Layout) -> Vec<u8> {
        let byte = |slice: &Slice| match slice {
            Slice::Made(made) => made.to_vec(),
            Slice::Source(range) => range.clone().map(|at| at as u8).collect(),
        };
        layout.slices().iter().flat_map(byte).collect()
    }

    fn layouts() -> impl Strategy<Value = Layout> {
        let made = prop::collection::vec(any::<u8>(), 0..20).prop_map(|made| Slice::Made(made.into()));
        let source = (0u64..100, 0u64..30).prop_map(|(at, len)| Slice::Source(at..at + len));
        prop::collection::vec(prop_oneof![made, source], 0..20).prop_map(|slices| {
            let mut layout = Layout::default();
            slices.into_iter().for_each(|slice| layout.push(slice));
            layout
        })
    }

    proptest! {
        #[test]
        fn a_part_of_a_layout_is_that_part_of_the_whole(layout in layouts(), from in 0u64..500, len in 0u64..500) {
            let whole = bytes(&layout);
            prop_assert_eq!(layout.len(), whole.len() as u64);
            prop_assert_eq!(layout.is_empty(), whole.is_empty());
            prop_assert!(layout.slices().iter().all(|slice| !slice.is_empty()));
            let part = layout.part(from..from + len);
            let (start, end) = ((from as usize).min(whole.len()), ((from + len) as usize).min(whole.len()));
            prop_assert_eq!(bytes(&part), &whole[start..end]);
            prop_assert_eq!(part.len(), (end - start) as u64);
        }
    }

    #[test]
    fn ranges_that_go_on_are_one() {
        let mut layout = Layout::default();
        layout.made(Bytes::new());
        layout.source(10..20);
        layout.source(20..20);
        layout.source(20..25);
        layout.source(5..5);
        layout.source(10..12);
        assert_eq!(layout.slices(), [Slice::Source(10..25), Slice::Source(10..12)]);
    }

    #[test]
    fn nonsense_is_survived() {
        let mut layout = Layout::default();
        layout.source(0..u64::MAX);
        layout.made(vec![1, 2]);
        layout.push(Slice::Source(Range { start: 9, end: 3 }));
        assert_eq!(layout.len(), u64::MAX);
        assert_eq!(layout.part(u64::MAX - 1..u64::MAX).len(), 1);
        assert!(layout.part(Range { start: 9, end: 3 }).is_empty());
    }
}
