//! Looks at files beneath the library's folder, and at nothing else: no name or link leads out of it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// The folder of the library, held open: what it is called meanwhile does not matter.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
    #[cfg(test)]
    pub(super) lists: std::sync::atomic::AtomicU64,
}

/// What is seen of a file or folder without opening it. Equal stamps of one name mean unchanged bytes, or names for a
/// folder, if the stamp had [settled](Stamp::is_settled) when it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Whether it is a folder; otherwise it is a regular file.
    pub(super) is_folder: bool,
    /// Length in bytes.
    pub(super) size: u64,
    /// When its bytes changed last, in nanoseconds since 1970.
    pub(super) modified: u128,
    changed: u128,
    inode: u64,
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

/// How coarse a file system's clock may be: FAT counts in steps of two seconds. A change within the same step as the one
/// before leaves no trace in the times.
const CLOCK_STEP_NANOS: u128 = 2_000_000_000;

/// How often a look is repeated when a rename crossed it.
const RETRIES: u32 = 8;

const NANOS: u128 = 1_000_000_000;

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

    /// What is at `path`: `None` where there is neither a file nor a folder, or where it leads out of the library.
    pub(super) fn look(&self, path: &str) -> io::Result<Option<Stamp>> {
        let seen =
            if path.contains('/') { self.look_through(path) } else { self.look_beside(&self.folder, path, path) };
        present(seen).map(|stat| stat.and_then(|stat| Stamp::of(&stat)))
    }

    /// What is at `path`, which is `name` in an opened folder.
    pub(super) fn look_within(&self, opened: &Opened, name: &str, path: &str) -> io::Result<Option<Stamp>> {
        present(self.look_beside(&opened.folder, name, path)).map(|stat| stat.and_then(|stat| Stamp::of(&stat)))
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

    /// The file at `path` with its stamp, its first `bytes_max` bytes at most; `None` where there is none.
    pub(super) fn read(&self, path: &str, bytes_max: usize) -> io::Result<Option<(Stamp, Vec<u8>)>> {
        // A pipe under that name must not hold the reader up: it is opened without waiting and then turned away.
        let Some(file) = present(self.beneath(path, OFlags::RDONLY | OFlags::NONBLOCK))? else { return Ok(None) };
        let Some(stamp) = Stamp::of(&rustix::fs::fstat(&file)?).filter(|stamp| !stamp.is_folder) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        io::Read::read_to_end(&mut io::Read::take(std::fs::File::from(file), limit), &mut bytes)?;
        Ok(Some((stamp, bytes)))
    }

    /// The folder at `path` with its names, `count_max` at most. `None` where there is no folder.
    pub(super) fn list(&self, path: &str, count_max: usize) -> io::Result<Option<Opened>> {
        #[cfg(test)]
        self.lists.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let Some(folder) = present(self.beneath(path, OFlags::RDONLY | OFlags::DIRECTORY))? else { return Ok(None) };
        let Some(stamp) = Stamp::of(&rustix::fs::fstat(&folder)?) else { return Ok(None) };
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

impl Stamp {
    fn of(stat: &Stat) -> Option<Stamp> {
        let is_folder = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => false,
            FileType::Directory => true,
            _ => return None,
        };
        Some(Stamp {
            is_folder,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: nanos(stat.st_mtime, stat.st_mtime_nsec),
            changed: nanos(stat.st_ctime, stat.st_ctime_nsec),
            inode: stat.st_ino,
        })
    }

    /// The stamp of a file of `size` bytes that changed `modified` seconds after 1970.
    #[cfg(test)]
    pub(super) fn of_file(size: u64, modified: u64) -> Stamp {
        let modified = u128::from(modified) * NANOS;
        Stamp { is_folder: false, size, modified, changed: modified, inode: 0 }
    }

    /// When its bytes changed last, in seconds since 1970.
    pub(super) fn modified_secs(&self) -> u64 {
        u64::try_from(self.modified / NANOS).unwrap_or(u64::MAX)
    }

    /// False while another change could still leave the same stamp, because the last one is as recent as that.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let is_old = |at: u128| at > now || now - at >= CLOCK_STEP_NANOS;
        is_old(self.modified) && is_old(self.changed)
    }
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stamp_settles_with_time() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let stamp = Stamp::of_file(1, 100);
        assert!(!stamp.is_settled(at(100)) && !stamp.is_settled(at(101)));
        assert!(stamp.is_settled(at(102)));
        assert!(stamp.is_settled(at(99)), "a time to come does not come from a change made now");
    }

    #[test]
    fn times_before_1970_are_1970() {
        assert_eq!((nanos(-1_i64, 5_i64), nanos(1_i64, 5_i64)), (0, 1_000_000_005));
    }
}
