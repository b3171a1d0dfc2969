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
    len: u64,
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
        let (from, to) = (part.start.min(self.len()), part.end.min(self.len()));
        match self {
            // Both ends lie inside bytes that are in memory.
            Slice::Made(bytes) => Slice::Made(bytes.slice(from as usize..to as usize)),
            Slice::Source(range) => Slice::Source(range.start + from..range.start + to),
        }
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
        self.len = self.len.saturating_add(slice.len());
        if let (Some(Slice::Source(last)), Slice::Source(next)) = (self.slices.last_mut(), &slice)
            && last.end == next.start
        {
            last.end = next.end;
            return;
        }
        self.slices.push(slice);
    }

    /// How many bytes the body has.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True where it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slices in order.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// The body from one byte to another; what lies outside is left out.
    pub fn part(&self, range: Range<u64>) -> Layout {
        let (mut part, mut at) = (Layout::default(), 0u64);
        for slice in &self.slices {
            let end = at.saturating_add(slice.len());
            if end > range.start && at < range.end {
                part.push(slice.part(range.start.saturating_sub(at)..range.end - at));
            }
            at = end;
        }
        part
    }
}
