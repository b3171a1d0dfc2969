//! Files beneath one folder, opened so that nothing outside it is ever reached, and kept open for a while.

use std::collections::HashMap;
use std::fs::File;
use std::io::IoSliceMut;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::{Errno, ReadWriteFlags};

use crate::entry::Source;
use crate::error::{Code, Error, Kind, Result};

/// Most files kept open.
const OPEN_MAX: usize = 256;

/// What it costs about as much to read along as to seek over.
const GAP_MAX: u64 = 64 * 1024;

/// Most ranges of one read: the system takes 1024 pieces, and between two ranges lies one more.
const PIECES_MAX: usize = 500;

/// Most bytes between the ranges of one read, which are read along and dropped.
const DROPPED_MAX: u64 = 4 * GAP_MAX;

/// Bytes between looks at what is in memory: about as much as the system reads at once, and lets go of.
const PROBE_EVERY: usize = 256 * 1024;

/// How often an open that met a rename under way is tried again (openat2 says EAGAIN then).
const OPEN_TRIES: u32 = 8;

/// A folder and the files beneath it that are open.
#[derive(Debug)]
pub(super) struct Folder {
    root: OwnedFd,
    open: Mutex<HashMap<Source, Kept>>,
}

#[derive(Debug)]
struct Kept {
    opened: Local,
    used: u64,
}

/// An open file at the version that the catalog saw. Clones share it.
#[derive(Clone, Debug)]
pub struct Local {
    file: Arc<File>,
    source: Source,
}

impl Folder {
    pub(super) fn open(root: &Path) -> Result<Folder> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(root, flags, Mode::empty()).map_err(|errno| {
            Error::new(Kind::Unavailable, format!("the folder {} cannot be opened", root.display())).caused_by(errno)
        })?;
        Ok(Folder { root, open: Mutex::default() })
    }

    /// The file of `source` if it is open already.
    pub(super) fn opened(&self, source: &Source) -> Option<Local> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = open.values().map(|kept| kept.used).max().unwrap_or(0);
        let kept = open.get_mut(source)?;
        kept.used = newest + 1;
        Some(kept.opened.clone())
    }

    /// Opens the file of `source`, or finds it open.
    pub(super) fn find(&self, source: &Source) -> Result<Local> {
        if let Some(opened) = self.opened(source) {
            return Ok(opened);
        }
        let opened = Local { file: Arc::new(self.open_beneath(&source.location)?), source: source.clone() };
        opened.check_version()?;
        self.keep(opened.clone());
        Ok(opened)
    }

    fn open_beneath(&self, location: &str) -> Result<File> {
        // Never wait for the other end of a pipe.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut tries = 0;
        loop {
            tries += 1;
            match rustix::fs::openat2(&self.root, location, flags, Mode::empty(), resolve) {
                Ok(file) => return Ok(File::from(file)),
                Err(Errno::AGAIN | Errno::INTR) if tries < OPEN_TRIES => {}
                Err(errno) => return Err(failure(location, errno)),
            }
        }
    }

    fn keep(&self, opened: Local) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = open.values().map(|kept| kept.used).max().unwrap_or(0);
        let mut closed = None;
        if open.len() >= OPEN_MAX {
            let oldest = open.iter().min_by_key(|(_, kept)| kept.used).map(|(source, _)| source.clone());
            closed = oldest.and_then(|source| open.remove(&source));
        }
        open.insert(opened.source.clone(), Kept { opened, used: newest + 1 });
        drop(open);
        drop(closed);
    }
}

/// Why a file could not be opened. What lies outside the folder is as good as not there.
fn failure(location: &str, errno: Errno) -> Error {
    let error = match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::XDEV | Errno::LOOP | Errno::NAMETOOLONG | Errno::INVAL => {
            Error::coded(Code::FileNotFound, format!("the file {location} is not there"))
        }
        _ => Error::new(Kind::Unavailable, format!("the file {location} cannot be opened now")),
    };
    error.caused_by(errno)
}

impl Local {
    /// The file's length in bytes.
    pub fn size(&self) -> u64 {
        self.source.size
    }

    /// The bytes of `range`, exactly that many. Blocks.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let length = range.end.saturating_sub(range.start).min(super::READ_BYTES_MAX);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, range.start).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::UnexpectedEof => self.changed(),
            _ => {
                let message = format!("the file {} cannot be read now", self.source.location);
                Error::new(Kind::Unavailable, message).caused_by(cause)
            }
        })?;
        // After reading: what was written over in between shows in the time, and is thrown away.
        self.check_version()?;
        Ok(bytes.into())
    }

    /// The bytes of several ranges, one after another, in a buffer that is as long as they are together. What lies between
    /// ranges that follow each other closely is read along and dropped, so that interleaved tracks cost one read. Blocks.
    pub fn gather(&self, ranges: &[Range<u64>], mut buffer: &mut [u8]) -> Result<()> {
        let (mut dropped, mut rest) = (Vec::new(), ranges);
        while let Some((run, behind)) = rest.split_at_checked(together(rest)).filter(|(run, _)| !run.is_empty()) {
            let length: u64 = run.iter().map(|range| range.end - range.start).sum();
            let (front, after) = buffer.split_at_mut(usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len()));
            self.read_scattered(run, front, &mut dropped)?;
            (buffer, rest) = (after, behind);
        }
        // After reading: what was written over in between shows in the time, and is thrown away.
        self.check_version()
    }

    /// One read over neighbouring ranges, those into `buffer`, what lies between them into `dropped`.
    fn read_scattered(&self, run: &[Range<u64>], mut buffer: &mut [u8], dropped: &mut Vec<u8>) -> Result<()> {
        let [first, ..] = run else { return Ok(()) };
        let gaps = run.windows(2).map(|pair| (pair[1].start - pair[0].end) as usize);
        dropped.resize(gaps.clone().sum::<usize>().max(dropped.len()), 0);
        let mut spare = &mut dropped[..];
        let mut pieces = Vec::with_capacity(2 * run.len());
        for (range, gap) in run.iter().zip(gaps.chain([0])) {
            let (piece, rest) = buffer.split_at_mut(((range.end - range.start) as usize).min(buffer.len()));
            let (skipped, left) = spare.split_at_mut(gap);
            (buffer, spare) = (rest, left);
            pieces.push(IoSliceMut::new(piece));
            if gap > 0 {
                pieces.push(IoSliceMut::new(skipped));
            }
        }
        let (mut pieces, mut at) = (&mut pieces[..], first.start);
        while !pieces.is_empty() {
            match rustix::io::preadv(&self.file, pieces, at) {
                Ok(0) => return Err(self.changed()),
                Ok(count) => {
                    IoSliceMut::advance_slices(&mut pieces, count);
                    at += count as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => {
                    let message = format!("the file {} cannot be read now", self.source.location);
                    return Err(Error::new(Kind::Unavailable, message).caused_by(errno));
                }
            }
        }
        Ok(())
    }

    /// Fills the front of `buffer` from `offset` on; how many bytes, zero only at the end of the file. Blocks.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    /// Whether the file can be sent from the system's memory: [`Self::is_in_memory`] can tell what is there.
    pub fn is_sendable(&self) -> bool {
        !matches!(self.probe(0), Err(Errno::OPNOTSUPP | Errno::NOSYS))
    }

    /// Whether the bytes of `range` are in the system's memory, as far as a look here and there tells. Does not wait for a disk.
    pub fn is_in_memory(&self, range: &Range<u64>) -> bool {
        let mut places = range.clone().step_by(PROBE_EVERY).chain([range.end.saturating_sub(1)]);
        places.all(|place| self.probe(place).is_ok())
    }

    /// Whether the byte at `offset` can be had at once.
    fn probe(&self, offset: u64) -> std::result::Result<(), Errno> {
        let mut byte = [0];
        let pieces = &mut [IoSliceMut::new(&mut byte)];
        rustix::io::preadv2(&self.file, pieces, offset, ReadWriteFlags::NOWAIT).map(|_count| ())
    }

    /// Sends bytes from the start of `range` to a socket that does not wait, without a copy of them in this process; how many.
    pub fn send(&self, socket: impl AsFd, range: Range<u64>) -> std::io::Result<u64> {
        let mut offset = range.start;
        let count = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        match rustix::fs::sendfile(socket, &self.file, Some(&mut offset), count)? {
            0 if count > 0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            sent => Ok(sent as u64),
        }
    }

    /// Fails where the file was changed since the catalog saw it.
    pub fn check_version(&self) -> Result<()> {
        // Before every file that is sent: by the call that asks for least.
        let found = rustix::fs::fstat(&self.file).map_err(|cause| {
            Error::new(Kind::Unavailable, format!("the file {} cannot be read now", self.source.location))
                .caused_by(cause)
        })?;
        if !FileType::from_raw_mode(found.st_mode).is_file() {
            return Err(Error::coded(Code::FileNotFound, format!("{} is not a file", self.source.location)));
        }
        let size = u64::try_from(found.st_size).unwrap_or_default();
        let is_same = size == self.source.size && self.source.is_of_file(size, modified_nanos(&found));
        if is_same { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> Error {
        let message = format!("the file {} was changed while it was being read", self.source.location);
        Error::new(Kind::Changed, message)
    }
}

/// How many of the first ranges are read at once.
fn together(ranges: &[Range<u64>]) -> usize {
    let mut dropped = 0;
    let gaps = ranges.windows(2).map(|pair| pair[1].start.checked_sub(pair[0].end).filter(|gap| *gap <= GAP_MAX));
    let joined = gaps.take(PIECES_MAX - 1).map_while(|gap| {
        dropped += gap?;
        (dropped <= DROPPED_MAX).then_some(())
    });
    (joined.count() + 1).min(ranges.len())
}

/// Nanoseconds from 1970 to when a file was changed last; none for one from before.
fn modified_nanos(found: &Stat) -> u128 {
    u128::try_from(found.st_mtime).map_or(0, |seconds| seconds * 1_000_000_000 + u128::from(found.st_mtime_nsec))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::UNIX_EPOCH;

    use super::super::Origin;
    use super::*;

    /// As the catalog finds it.
    fn version(metadata: &fs::Metadata) -> Arc<str> {
        let modified = metadata.modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
        Source::file_version(metadata.len(), modified.as_nanos())
    }

    /// A folder of its own for one test, gone with it.
    struct Library(PathBuf);

    impl Library {
        fn new(name: &str) -> Library {
            let path = std::env::temp_dir().join(format!("vedette-origin-{}-{name}", std::process::id()));
            fs::create_dir_all(path.join("root/inner")).unwrap();
            Library(path)
        }

        fn write(&self, location: &str, bytes: &[u8]) -> Source {
            fs::write(self.0.join("root").join(location), bytes).unwrap();
            self.source(location)
        }

        fn source(&self, location: &str) -> Source {
            let metadata = fs::metadata(self.0.join("root").join(location)).unwrap();
            let (size, version) = (metadata.len(), version(&metadata));
            Source { location: location.into(), size, modified: 0, version }
        }

        fn origin(&self) -> Origin {
            Origin::folder(&self.0.join("root")).unwrap()
        }
    }

    impl Drop for Library {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[track_caller]
    fn check(result: Result<Bytes>, expected: std::result::Result<&[u8], Kind>) {
        assert_eq!(result.as_deref().map_err(Error::kind), expected);
    }

    #[tokio::test]
    async fn gives_exactly_the_range() {
        let library = Library::new("range");
        let source = library.write("inner/a", b"0123456789");
        let origin = library.origin();
        check(origin.read(&source, 0..10).await, Ok(b"0123456789"));
        check(origin.read(&source, 3..5).await, Ok(b"34"));
        check(origin.read(&source, 10..10).await, Ok(b""));
        check(origin.read(&source, 3..11).await, Err(Kind::Unsupported));
        #[expect(clippy::reversed_empty_ranges)]
        let reversed = 5..3;
        check(origin.read(&source, reversed).await, Err(Kind::Unsupported));
    }

    #[test]
    fn what_is_read_along_is_bounded() {
        let sparse = |count: u64, gap: u64| (0..count).map(|at| at * (gap + 8)..at * (gap + 8) + 8).collect::<Vec<_>>();
        let cases =
            [(3, 0, 3), (600, 0, PIECES_MAX), (9, GAP_MAX, 5), (9, GAP_MAX + 1, 1), (600, 1000, 263), (0, 0, 0)];
        for (count, gap, expected) in cases {
            assert_eq!(together(&sparse(count, gap)), expected, "{count} {gap}");
        }
        assert_eq!(together(&[8..16, 0..8]), 1);
    }

    #[tokio::test]
    async fn ranges_are_gathered_in_their_order() {
        let library = Library::new("gather");
        let bytes: Vec<u8> = (0..1_000_000u32).map(|at| (at.wrapping_mul(7919) >> 8) as u8).collect();
        let opened = library.origin().open(&library.write("a", &bytes)).await.unwrap();
        let ranges: Vec<Range<u64>> =
            (0..40).map(|at| at * 20_000 + at..at * 20_000 + 3 * at).chain(std::iter::once(5..9)).collect();
        let expected: Vec<u8> =
            ranges.iter().flat_map(|range| bytes[range.start as usize..range.end as usize].to_vec()).collect();
        let mut buffer = vec![0; expected.len()];
        opened.gather(&ranges, &mut buffer).unwrap();
        assert!(buffer == expected);
    }

    #[tokio::test]
    async fn a_changed_file_is_not_mixed_with_what_it_was() {
        let library = Library::new("changed");
        let source = library.write("a", b"0123456789");
        let origin = library.origin();
        check(origin.read(&source, 0..2).await, Ok(b"01"));
        let longer = library.write("a", b"0123456789ab");
        check(origin.read(&source, 0..2).await, Err(Kind::Changed));
        check(origin.read(&longer, 10..12).await, Ok(b"ab"));
        library.write("a", b"0");
        check(origin.read(&longer, 10..12).await, Err(Kind::Changed));
    }

    #[tokio::test]
    async fn nothing_outside_the_folder_is_found() {
        let library = Library::new("outside");
        fs::write(library.0.join("secret"), b"secret").unwrap();
        let root = library.0.join("root");
        std::os::unix::fs::symlink("../secret", root.join("relative")).unwrap();
        std::os::unix::fs::symlink(library.0.join("secret"), root.join("absolute")).unwrap();
        let inner = library.write("inner/a", b"inside");
        std::os::unix::fs::symlink("inner/a", root.join("link")).unwrap();
        let origin = library.origin();
        let outside = fs::metadata(library.0.join("secret")).unwrap();
        let absolute = library.0.join("secret").to_str().unwrap().to_owned();
        for location in ["../secret", "relative", "absolute", absolute.as_str(), "inner/../../secret", "a\0b", ""] {
            let source = Source { location: location.into(), size: 6, modified: 0, version: version(&outside) };
            check(origin.read(&source, 0..6).await, Err(Kind::NotFound));
        }
        check(origin.read(&Source { location: "link".into(), ..inner }, 0..6).await, Ok(b"inside"));
    }

    #[tokio::test]
    async fn what_is_no_file_is_not_found() {
        let library = Library::new("kinds");
        let origin = library.origin();
        check(origin.read(&library.source("inner"), 0..0).await, Err(Kind::NotFound));
        let gone = Source { location: "gone".into(), size: 1, modified: 0, version: "1-1".into() };
        check(origin.read(&gone, 0..1).await, Err(Kind::NotFound));
    }

    #[tokio::test]
    async fn files_kept_open_are_bounded() {
        let library = Library::new("bounded");
        let origin = library.origin();
        for number in 0..OPEN_MAX + 20 {
            let source = library.write(&format!("inner/{number}"), number.to_string().as_bytes());
            check(origin.read(&source, 0..source.size).await, Ok(number.to_string().as_bytes()));
        }
        let folder = origin.folder.unwrap();
        assert_eq!(folder.open.lock().unwrap().len(), OPEN_MAX);
        assert!(folder.opened(&library.source("inner/0")).is_none());
    }
}
