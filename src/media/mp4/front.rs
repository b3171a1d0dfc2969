//! A file whose `moov` comes last, as one whose `moov` comes first: where the box is, and its tables for its new place.

use std::ops::Range;

use super::boxes::{Atom, HEADER_MAX, header};

/// Where the `moov` of a file lies behind its media, and where it would lie before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// Where it would lie: behind `ftyp`.
    pub front: u64,
    /// Where it lies, its header included.
    pub moov: Range<u64>,
}

/// What a search wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// The bytes of this range, which lies inside the file and is not empty.
    Read(Range<u64>),
    /// Nothing: this was found.
    Done(Option<Late>),
}

/// A search for the `moov` of a file, header by header.
#[derive(Clone, Debug)]
pub struct Finder {
    size: u64,
    at: u64,
    boxes: u32,
    front: Option<u64>,
    has_media: bool,
}

/// Most boxes that are passed over.
const BOXES_MAX: u32 = 64;

/// The largest `moov` that is moved: that of many hours.
const MOOV_MAX: u64 = 64 << 20;

impl Finder {
    /// A search in a file of `size` bytes, and what it wants first.
    pub fn new(size: u64) -> (Finder, Search) {
        let finder = Finder { size, at: 0, boxes: 0, front: None, has_media: false };
        let first = finder.ask();
        (finder, first)
    }

    /// What it wants once it has what it asked for. What is no plain file of `ftyp`, media and `moov` has no late `moov`.
    pub fn feed(&mut self, bytes: &[u8]) -> Search {
        let Ok(Some(header)) = header(bytes) else { return Search::Done(None) };
        let end = header.size.and_then(|size| self.at.checked_add(size)).unwrap_or(self.size);
        let range = self.at..end;
        self.boxes += 1;
        if end > self.size || self.boxes > BOXES_MAX {
            return Search::Done(None);
        }
        match &header.kind {
            b"ftyp" if self.at == 0 => self.front = Some(end),
            b"mdat" => self.has_media = true,
            b"moov" => {
                let front = self.front.filter(|_| self.has_media && end - range.start <= MOOV_MAX);
                return Search::Done(front.map(|front| Late { front, moov: range }));
            }
            b"moof" => return Search::Done(None),
            _ => {}
        }
        self.at = end;
        self.ask()
    }

    fn ask(&self) -> Search {
        let range = self.at..self.at.saturating_add(HEADER_MAX).min(self.size);
        if range.is_empty() { Search::Done(None) } else { Search::Read(range) }
    }
}

/// The bytes of a `moov` box, header included, for its place in front: the offsets of media that moves behind it grow by its
/// size. `None` where an offset would not fit, or the box cannot be read.
pub fn moved(moov: &[u8], late: &Late) -> Option<Vec<u8>> {
    let head = header(moov).ok()??;
    let body = moov.get(usize::try_from(head.length).ok()?..)?;
    let mut bytes = moov.to_vec();
    let start = moov.len() - body.len();
    for trak in (Atom { kind: *b"moov", body }).children() {
        let trak = trak.ok()?;
        if trak.kind != *b"trak" {
            continue;
        }
        let Some(mdia) = trak.child(*b"mdia").ok()? else { continue };
        let Some(minf) = mdia.child(*b"minf").ok()? else { continue };
        let Some(stbl) = minf.child(*b"stbl").ok()? else { continue };
        for table in stbl.children() {
            let table = table.ok()?;
            let place = start + table.body.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
            match &table.kind {
                b"stco" => shift::<4>(bytes.get_mut(place..place + table.body.len())?, late)?,
                b"co64" => shift::<8>(bytes.get_mut(place..place + table.body.len())?, late)?,
                _ => {}
            }
        }
    }
    Some(bytes)
}

/// Moves the offsets of a table (ISO/IEC 14496-12 section 8.7.5).
fn shift<const WIDTH: usize>(table: &mut [u8], late: &Late) -> Option<()> {
    let by = late.moov.end - late.moov.start;
    let (head, offsets) = table.split_first_chunk_mut::<8>()?;
    let [_, _, _, _, c0, c1, c2, c3] = *head;
    let count = u32::from_be_bytes([c0, c1, c2, c3]) as usize;
    let offsets = offsets.get_mut(..count.checked_mul(WIDTH)?)?;
    for field in offsets.chunks_exact_mut(WIDTH) {
        let mut wide = [0; 8];
        wide[8 - WIDTH..].copy_from_slice(field);
        let offset = u64::from_be_bytes(wide);
        if (late.front..late.moov.start).contains(&offset) {
            let moved = offset.checked_add(by)?.to_be_bytes();
            if moved[..8 - WIDTH].iter().any(|byte| *byte != 0) {
                return None;
            }
            field.copy_from_slice(&moved[8 - WIDTH..]);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Made, file, moov_first};
    use super::*;
    use crate::media::mp4::{Reader, Step};

    fn find(bytes: &[u8]) -> Option<Late> {
        let (mut finder, mut search) = Finder::new(bytes.len() as u64);
        loop {
            match search {
                Search::Read(range) => search = finder.feed(&bytes[range.start as usize..range.end as usize]),
                Search::Done(found) => return found,
            }
        }
    }

    fn samples(bytes: &[u8]) -> Vec<Vec<u8>> {
        let (mut reader, mut range) = Reader::new(bytes.len() as u64);
        let index = loop {
            match reader.feed(&bytes[range.start as usize..range.end as usize]).unwrap() {
                Step::Read(next) => range = next,
                Step::Done(index) => break index,
            }
        };
        let all = index.tracks.iter().flat_map(|track| track.samples.range(0..u32::MAX).collect::<Vec<_>>());
        all.map(|s| bytes[s.offset as usize..s.offset as usize + s.size as usize].to_vec()).collect()
    }

    #[test]
    fn samples_are_found_where_they_went() {
        let bytes = file(&[Made::video(), Made::sound()]);
        let late = find(&bytes).unwrap();
        let (front, moov) = (late.front as usize, late.moov.start as usize..late.moov.end as usize);
        let made = moved(&bytes[moov.clone()], &late).unwrap();
        let whole = [&bytes[..front], &made, &bytes[front..moov.start], &bytes[moov.end..]].concat();
        assert_eq!((whole.len(), find(&whole)), (bytes.len(), None));
        assert_eq!(samples(&whole), samples(&bytes));
    }

    #[test]
    fn what_is_in_front_already_is_left() {
        assert_eq!(find(&moov_first(&[Made::video()])), None);
        assert_eq!(find(b""), None);
        assert_eq!(find(b"not a file of boxes at all"), None);
        let bytes = file(&[Made::video()]);
        for cut in 0..bytes.len() {
            assert!(find(&bytes[..cut]).is_none_or(|late| late.moov.end <= cut as u64), "{cut}");
        }
    }

    #[test]
    fn offsets_that_do_not_fit_are_refused() {
        let late = Late { front: 16, moov: 0xffff_fff0..0x1_0000_0010 };
        let table = |offset: u32| [[0, 0, 0, 0, 0, 0, 0, 1].to_vec(), offset.to_be_bytes().to_vec()].concat();
        assert_eq!(shift::<4>(&mut table(0xffff_ffe1), &late), None);
        let mut fits = table(0x100);
        assert_eq!(shift::<4>(&mut fits, &late), Some(()));
        assert_eq!(fits[8..], 0x120u32.to_be_bytes());
    }
}
