//! What can be asked of the place where a library rests, whatever it is.

use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::rulebook::Rulebook;
use crate::entry::Source;

/// A place of files. Paths begin at the library; `/` stands between their parts.
pub(super) trait Place {
    /// What is at `path`: `None` where there is neither a file nor a folder, or where it leads out of the library.
    fn look(&self, path: &str) -> io::Result<Option<Stamp>>;

    /// The file at `path` with its stamp; `None` where there is none.
    fn read(&self, path: &str) -> io::Result<Option<(Stamp, Text)>>;

    /// Why no file is looked for at `name`; `None` where one is, and for every path.
    fn refusal(&self, name: &str) -> Option<String>;

    /// What the library's own profiles of rules were when they were read last.
    fn rulebook(&self) -> &Rulebook;

    /// The folder at `path` with its files whose names are `wanted`; `None` where there is no folder.
    fn files(&self, path: &str, wanted: &dyn Fn(&str) -> bool) -> io::Result<Option<Folder>>;
}

/// The bytes of a sidecar, or of the library's own profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::catalog) enum Text {
    /// All of them.
    Whole(Vec<u8>),
    /// They are more than a sidecar may have.
    TooLong,
}

impl From<Option<Bytes>> for Text {
    /// Bytes that are missing were too many.
    fn from(bytes: Option<Bytes>) -> Text {
        bytes.map_or(Text::TooLong, |bytes| Text::Whole(bytes.into()))
    }
}

/// The most names of an entry's folder, or of its attachments, that are looked at.
pub(in crate::catalog) const FILES_MAX: usize = 10_000;

/// A folder, and the files in it.
#[derive(Debug)]
pub(super) struct Folder {
    /// Its stamp from before its names were read.
    pub(super) stamp: Stamp,
    /// Names with what was seen of each; nothing where it has gone meanwhile. None at all where there are too many.
    pub(super) files: Vec<(String, Option<Stamp>)>,
    /// Whether it has [`FILES_MAX`] names or more.
    pub(super) is_overfull: bool,
}

/// What is seen of a file or folder without opening it. Equal stamps of one name mean unchanged bytes, or names for a
/// folder, if the stamp had [settled](Stamp::is_settled) when it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Whether it is a folder; otherwise it is a regular file.
    pub(super) is_folder: bool,
    /// Length in bytes.
    pub(super) size: u64,
    /// When its bytes changed last, in nanoseconds since 1970.
    pub(super) modified: u128,
    /// What else tells a change.
    pub(super) mark: Mark,
}

/// What else than size and time tells that something was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Of a file on a disk.
    Disk {
        /// When anything of it changed last, in nanoseconds since 1970.
        changed: u128,
        /// Its number in the file system.
        inode: u64,
    },
    /// Of an object in a store: its version.
    Object(Arc<str>),
}

/// How coarse a file system's clock may be: FAT counts in steps of two seconds. A change within the same step as the one
/// before leaves no trace in the times.
const CLOCK_STEP_NANOS: u128 = 2_000_000_000;

/// Nanoseconds of a second.
pub(super) const NANOS: u128 = 1_000_000_000;

impl Stamp {
    /// The stamp of an object.
    pub(super) fn of_object(source: &Source) -> Stamp {
        Stamp {
            is_folder: false,
            size: source.size,
            modified: u128::from(source.modified) * NANOS,
            mark: Mark::Object(Arc::clone(&source.version)),
        }
    }

    /// The stamp of a file of `size` bytes on a disk that changed `modified` seconds after 1970.
    #[cfg(test)]
    pub(super) fn of_file(size: u64, modified: u64) -> Stamp {
        let modified = u128::from(modified) * NANOS;
        Stamp { is_folder: false, size, modified, mark: Mark::Disk { changed: modified, inode: 0 } }
    }

    /// The version of the file.
    pub(super) fn version(&self) -> Arc<str> {
        match &self.mark {
            Mark::Disk { .. } => Source::file_version(self.size, self.modified),
            Mark::Object(version) => Arc::clone(version),
        }
    }

    /// When its bytes changed last, in seconds since 1970.
    pub(super) fn modified_secs(&self) -> u64 {
        u64::try_from(self.modified / NANOS).unwrap_or(u64::MAX)
    }

    /// False while another change could still leave the same stamp, because the last one is as recent as that.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let Mark::Disk { changed, .. } = self.mark else { return true };
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let is_old = |at: u128| at > now || now - at >= CLOCK_STEP_NANOS;
        is_old(self.modified) && is_old(changed)
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
    fn an_objects_version_is_its_own() {
        let source = Source { location: "a".into(), size: 3, modified: 100, version: "\"tag\"".into() };
        let stamp = Stamp::of_object(&source);
        assert_eq!((stamp.version(), stamp.modified_secs()), (source.version, 100));
        assert!(stamp.is_settled(UNIX_EPOCH + Duration::from_secs(100)));
        assert_eq!(Stamp::of_file(3, 100).version(), Source::file_version(3, 100 * NANOS));
    }
}
