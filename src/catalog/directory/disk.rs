//! Looks at files beneath the library's folder, and at nothing else: no name or link leads out of it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::place::{FILES_MAX, Folder, Mark, NANOS, Stamp, Text};
use super::sidecar;

/// The folder of the library, held open: what it is called meanwhile does not matter.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
    #[cfg(test)]
    pub(super) lists: std::sync::atomic::AtomicU64,
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The name.
    pub(super) text: String,
    /// Whether it is a folder's; `None` where only a look can tell.
    pub(super) is_folder: Option<bool>,
}

/// A folder, and what its names were.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its stamp from before its names were read.
    pub(super) stamp: Stamp,
    /// Its names in the order of the file system; those that are not UTF-8 are left out.
    pub(super) names: Vec<Name>,
    folder: OwnedFd,
}

/// How often a look is repeated when a rename crossed it.
const RETRIES: u32 = 8;

impl Root {
    /// The folder at `path`. Fails where it is not one, or where the kernel cannot keep names inside it.
    pub(super) fn open(path: &Path) -> io::Result<Root> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        let root = Root {
            folder,
            #[cfg(test)]
            lists: std::sync::atomic::AtomicU64::new(0),
        };
        root.beneath(".", OFlags::PATH)?;
        Ok(root)
    }

    /// A name in a folder that is open needs no path walk, unless it is a link.
    fn look_beside(&self, folder: &OwnedFd, name: &str, path: &str) -> rustix::io::Result<Stat> {
        let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => self.look_through(path),
            _ => Ok(stat),
        }
    }

    fn look_through(&self, path: &str) -> rustix::io::Result<Stat> {
        rustix::fs::fstat(self.beneath(path, OFlags::PATH)?)
    }

    /// The folder at `path` with its names, `count_max` at most. `None` where there is no folder.
    pub(super) fn list(&self, path: &str, count_max: usize) -> io::Result<Option<Opened>> {
        #[cfg(test)]
        self.lists.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let Some(folder) = present(self.beneath(path, OFlags::RDONLY | OFlags::DIRECTORY))? else { return Ok(None) };
        let Some(stamp) = stamp(&rustix::fs::fstat(&folder)?) else { return Ok(None) };
        let mut names = Vec::new();
        for item in Dir::read_from(&folder)? {
            let item = item?;
            let Ok(text) = item.file_name().to_str() else { continue };
            if text == "." || text == ".." {
                continue;
            }
            if names.len() == count_max {
                break;
            }
            let is_folder = match item.file_type() {
                FileType::RegularFile => Some(false),
                FileType::Directory => Some(true),
                _ => None,
            };
            names.push(Name { text: text.to_owned(), is_folder });
        }
        Ok(Some(Opened { stamp, names, folder }))
    }

    fn beneath(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..RETRIES {
            match rustix::fs::openat2(&self.folder, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }
}

impl Root {
    /// As [`super::place::Place::look`].
    pub(super) fn look(&self, path: &str) -> io::Result<Option<Stamp>> {
        let seen =
            if path.contains('/') { self.look_through(path) } else { self.look_beside(&self.folder, path, path) };
        present(seen).map(|stat| stat.and_then(|stat| stamp(&stat)))
    }

    /// As [`super::place::Place::read`].
    pub(super) fn read(&self, path: &str) -> io::Result<Option<(Stamp, Text)>> {
        // A pipe under that name must not hold the reader up: it is opened without waiting and then turned away.
        let Some(file) = present(self.beneath(path, OFlags::RDONLY | OFlags::NONBLOCK))? else { return Ok(None) };
        let Some(stamp) = stamp(&rustix::fs::fstat(&file)?).filter(|stamp| !stamp.is_folder) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let limit = sidecar::BYTES_MAX as u64 + 1;
        io::Read::read_to_end(&mut io::Read::take(std::fs::File::from(file), limit), &mut bytes)?;
        let text = if bytes.len() > sidecar::BYTES_MAX { Text::TooLong } else { Text::Whole(bytes) };
        Ok(Some((stamp, text)))
    }

    /// As [`super::place::Place::files`].
    pub(super) fn files(&self, path: &str, wanted: &dyn Fn(&str) -> bool) -> io::Result<Option<Folder>> {
        let Some(Opened { stamp, names, folder }) = self.list(path, FILES_MAX)? else { return Ok(None) };
        if names.len() == FILES_MAX {
            return Ok(Some(Folder { stamp, files: Vec::new(), is_overfull: true }));
        }
        let names = names.into_iter().filter(|name| name.is_folder != Some(true) && wanted(&name.text));
        let mut files = Vec::new();
        for Name { text, .. } in names {
            let seen = present(self.look_beside(&folder, &text, &format!("{path}/{text}")))?;
            files.push((text, seen.and_then(|stat| self::stamp(&stat))));
        }
        Ok(Some(Folder { stamp, files, is_overfull: false }))
    }
}

/// What is seen of a file or folder; `None` for anything else.
fn stamp(stat: &Stat) -> Option<Stamp> {
    let is_folder = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => false,
        FileType::Directory => true,
        _ => return None,
    };
    Some(Stamp {
        is_folder,
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        modified: nanos(stat.st_mtime, stat.st_mtime_nsec),
        mark: Mark::Disk { changed: nanos(stat.st_ctime, stat.st_ctime_nsec), inode: stat.st_ino },
    })
}

/// Nanoseconds since 1970; times before count as 1970.
fn nanos(seconds: impl TryInto<u64>, nanos: impl TryInto<u64>) -> u128 {
    let since: Option<(u64, u64)> = seconds.try_into().ok().zip(nanos.try_into().ok());
    since.map_or(0, |(seconds, nanos)| u128::from(seconds) * NANOS + u128::from(nanos))
}

/// `None` for the errors that mean that nothing is there for us: no such name, or a way out of the library.
fn present<T>(seen: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match seen {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG | Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_are_1970() {
        assert_eq!((nanos(-1_i64, 5_i64), nanos(1_i64, 5_i64)), (0, 1_000_000_005));
    }
}
