//! ISO BMFF in: boxes to an index (ISO/IEC 14496-12). Does no I/O: it says which bytes it needs next.

mod boxes;
mod entry;
#[cfg(test)]
mod fixture;
mod fragments;
pub mod front;
pub mod items;
mod meta;
mod movie;
mod tables;

use std::ops::Range;

use self::boxes::{Atom, HEADER_MAX, Header};
use self::fragments::{Fragment, Growing};
use self::movie::Movie;
use self::tables::Budget;
use super::{Container, Index};
use crate::error::{Error, Result};

/// Bytes of the first read: most files for the web have all of `moov`, or the header of what is before it, in here.
const HEAD: u64 = 64 << 10;

/// Bytes of a read on the way through a fragmented file: most `moof` boxes fit.
const STRIDE: u64 = 16 << 10;

/// Largest `moov` that is read. Two hours take 7 MB; nginx-vod draws the same line.
const MOOV_MAX: u64 = 128 << 20;

/// Largest `moof` that is read. One of a minute takes 100 KB.
const MOOF_MAX: u64 = 16 << 20;

/// Most boxes at the top level: a million fragments of four boxes each, which is two weeks of a second each.
const BOXES_MAX: u32 = 1 << 22;

/// Reads an index step by step.
#[derive(Debug)]
pub struct Reader {
    size: u64,
    /// The range asked for last.
    asked: Range<u64>,
    /// Where the next box starts.
    at: u64,
    /// How much to ask for at a box of unknown size.
    stride: u64,
    boxes: u32,
    /// Where the first `moof` was passed over because `moov` was still to come.
    passed: Option<u64>,
    budget: Budget,
    found: Option<Found>,
}

/// The tracks of a fragmented file, as far as they are known.
#[derive(Debug)]
struct Found {
    tracks: Vec<Growing>,
    fault: Option<Error>,
    fragments: u32,
}

/// What a reader wants next.
#[derive(Debug)]
pub enum Step {
    /// The bytes of this range, which lies inside the file and is not empty.
    Read(Range<u64>),
    /// Nothing: here is the index.
    Done(Box<Index>),
}

/// What to do after a box.
enum Next {
    /// The box behind it.
    Box(u64),
    /// Read these bytes first, then this box again.
    Need(Range<u64>),
    /// Nothing: all is known.
    Finished(Index),
}

/// True where the first bytes of a file (16 are enough) look like ISO BMFF.
pub fn recognises(head: &[u8]) -> bool {
    const FIRST: [&[u8; 4]; 12] =
        [b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"sidx", b"pdin", b"uuid"];
    let kind = head.get(4..8);
    kind.is_some_and(|kind| FIRST.iter().any(|first| *first == kind))
}

impl Reader {
    /// A reader of a file of `size` bytes, and the first range it needs; that is empty only for an empty file.
    pub fn new(size: u64) -> (Reader, Range<u64>) {
        let asked = 0..size.min(HEAD);
        let reader = Reader {
            size,
            asked: asked.clone(),
            at: 0,
            stride: HEAD,
            boxes: 0,
            passed: None,
            budget: Budget::new(),
            found: None,
        };
        (reader, asked)
    }

    /// Takes the bytes of the range asked for last, and says what comes next. Fails with `unsupported` where the file is not
    /// ISO BMFF, is damaged, or has no tracks that can be used, with `too large` where it is beyond a limit.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Step> {
        let asked = self.asked.clone();
        if bytes.len() as u64 != asked.end - asked.start || bytes.is_empty() {
            let (got, wanted) = (bytes.len(), asked.end - asked.start);
            return Err(Error::unsupported(format!("the file ends early: {got} of {wanted} bytes at {}", asked.start)));
        }
        if asked.start == 0 && !recognises(bytes) {
            return Err(Error::unsupported("the file is not an MP4: it does not start with a box of one"));
        }
        while asked.contains(&self.at) {
            let there = &bytes[(self.at - asked.start) as usize..];
            match self.step(there)? {
                Next::Box(at) => self.at = at,
                Next::Need(range) => return Ok(self.ask(range)),
                Next::Finished(index) => return Ok(Step::Done(Box::new(index))),
            }
        }
        if self.at < self.size {
            return Ok(self.ask(self.at..self.at.saturating_add(self.stride).min(self.size)));
        }
        self.end().map(|index| Step::Done(Box::new(index)))
    }

    fn ask(&mut self, range: Range<u64>) -> Step {
        self.asked = range.clone();
        Step::Read(range)
    }

    /// Looks at the box that starts at `self.at`, of which `there` is read.
    fn step(&mut self, there: &[u8]) -> Result<Next> {
        let left = self.size - self.at;
        let header = match boxes::header(there) {
            Ok(Some(header)) => header,
            Ok(None) if left > there.len() as u64 => {
                return Ok(Next::Need(self.at..self.at + left.min(self.stride.max(HEADER_MAX))));
            }
            // Something else behind the last box.
            Ok(None) => return Ok(Next::Box(self.size)),
            Err(_) if self.found.is_some() => return Ok(Next::Box(self.size)),
            Err(error) => return Err(error),
        };
        match (&header.kind, &self.found) {
            (b"moov", None) => self.moov(header, there),
            (b"moof", Some(_)) => self.moof(header, there),
            (kind, _) => {
                if *kind == *b"moof" {
                    self.passed = self.passed.or(Some(self.at));
                }
                self.behind(header)
            }
        }
    }

    /// The box behind this one.
    fn behind(&mut self, header: Header) -> Result<Next> {
        self.boxes += 1;
        if self.boxes > BOXES_MAX {
            return Err(Error::too_large(format!("the file has more than {BOXES_MAX} boxes")));
        }
        Ok(Next::Box(header.size.map_or(self.size, |size| self.at.saturating_add(size).min(self.size))))
    }

    /// The body of a box, or what to read for it. `None` where the file ends before the box does.
    fn body<'a>(
        &self,
        header: Header,
        there: &'a [u8],
        max: u64,
    ) -> Result<Option<std::result::Result<Atom<'a>, Next>>> {
        let left = self.size - self.at;
        let size = header.size.unwrap_or(left);
        if size > left {
            return Ok(None);
        }
        if size > max {
            let name = boxes::name(header.kind);
            return Err(Error::too_large(format!("the box '{name}' has {size} bytes, {max} are allowed")));
        }
        let whole = there.get(header.length as usize..size as usize);
        let atom = whole.map(|body| Atom { kind: header.kind, body });
        // With the header of the box behind it, which says where to go on.
        Ok(Some(atom.ok_or(Next::Need(self.at..self.at + left.min(size + HEADER_MAX)))))
    }

    fn moov(&mut self, header: Header, there: &[u8]) -> Result<Next> {
        let moov = match self.body(header, there, MOOV_MAX)? {
            Some(Ok(moov)) => moov,
            Some(Err(need)) => return Ok(need),
            None => {
                let (size, left) = (header.size.unwrap_or(0), self.size - self.at);
                return Err(boxes::damaged(header.kind, &format!("is cut short: it has {left} of {size} bytes")));
            }
        };
        let Movie { tracks, fragmented, fault } = movie::read(moov, self.size, &mut self.budget)?;
        if !fragmented {
            let tracks = tracks.into_iter().map(|draft| draft.track).collect();
            return finished(Index { container: Container::Mp4, tracks }, fault).map(Next::Finished);
        }
        let tracks = tracks.into_iter().map(Growing::of).collect::<Result<Vec<_>>>()?;
        self.found = Some(Found { tracks, fault, fragments: 0 });
        self.stride = STRIDE;
        match self.passed {
            Some(first) => Ok(Next::Box(first)),
            None => self.behind(header),
        }
    }

    fn moof(&mut self, header: Header, there: &[u8]) -> Result<Next> {
        let moof = match self.body(header, there, MOOF_MAX)? {
            Some(Ok(moof)) => moof,
            Some(Err(need)) => return Ok(need),
            // A file that is still written to, or was cut: what came before is whole.
            None => return Ok(Next::Box(self.size)),
        };
        let whole = header.length + moof.body.len() as u64;
        self.stride = self.stride.max((whole + HEADER_MAX).next_power_of_two());
        if let Some(found) = &mut self.found {
            let fragment = Fragment { moof, at: self.at, file_size: self.size };
            fragment.add_to(&mut found.tracks, &mut self.budget)?;
            found.fragments += 1;
        }
        self.behind(header)
    }

    /// The index at the end of the file.
    fn end(&mut self) -> Result<Index> {
        let Some(Found { tracks, fault, fragments }) = self.found.take() else {
            return Err(Error::unsupported(
                "the file has no index: no box 'moov' in it; it may be cut short, or still be written to",
            ));
        };
        let container = if fragments == 0 { Container::Mp4 } else { Container::FragmentedMp4 };
        finished(Index { container, tracks: fragments::finish(tracks) }, fault)
    }
}

/// The index, unless the file has pictures and all of them are unusable.
fn finished(index: Index, fault: Option<Error>) -> Result<Index> {
    match fault {
        Some(fault) if index.tracks.iter().all(|track| track.video().is_none()) => Err(fault),
        _ => Ok(index),
    }
}

#[cfg(test)]
mod tests;
