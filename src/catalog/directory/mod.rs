//! A folder of media as a catalog: every child is an entry, read when it is asked for.

mod assemble;
mod disk;
pub(super) mod far;
pub(super) mod gather;
pub(super) mod listing;
pub(super) mod naming;
pub(super) mod place;
pub(super) mod rulebook;
pub(super) mod sidecar;
pub(super) mod view;

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use self::disk::{Opened, Root};
use self::far::Far;
use self::gather::{HERE, Reading};
use self::listing::{Hint, Listing};
use self::place::{Folder, Place, Stamp, Text};
use self::rulebook::{Rulebook, Rules};
use crate::entry::EntryId;

/// A folder of media, whose sidecars may name files elsewhere.
#[derive(Debug)]
pub(super) struct Library {
    root: Root,
    far: Arc<Far>,
    rulebook: Rulebook,
}

/// The folder, and what is known of files elsewhere, as one read sees them.
#[derive(Debug)]
pub(super) struct Sight<'a> {
    library: &'a Library,
    unseen: RefCell<Vec<String>>,
}

/// Why a file, or the entry that it speaks of, is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, named from the library's folder on.
    pub file: String,
    /// The line in it, from 1 on, where there is one to point at.
    pub line: Option<u32>,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// The most names of a library that are listed: each takes some 60 bytes in memory. Entries beyond are found if their
/// file's name can be guessed, and in a store.
pub(super) const CHILDREN_MAX: usize = 5_000_000;

impl fmt::Display for Fault {
    /// One line, whatever the names in it hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        for c in format!("{}{line}: {}", self.file, self.message).chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
        }
        Ok(())
    }
}

impl Library {
    /// The library in the folder at `path`.
    pub(super) fn open(path: &Path, far: Arc<Far>) -> io::Result<Library> {
        Ok(Library { root: Root::open(path)?, far, rulebook: Rulebook::default() })
    }

    /// A sight of it.
    pub(super) fn sight(&self) -> Sight<'_> {
        Sight { library: self, unseen: RefCell::default() }
    }

    /// Its own profiles of rules; `None` where it has no file of them.
    pub(super) fn rules(&self) -> io::Result<Option<Arc<Rules>>> {
        rulebook::read(&self.sight()).map(|(_, rules)| rules)
    }

    /// The names of the library's folder.
    pub(super) fn list(&self) -> io::Result<Listing> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let Opened { stamp, names, .. } = self.root.list(HERE, CHILDREN_MAX)?.ok_or_else(gone)?;
        let is_whole = names.len() < CHILDREN_MAX;
        let is_folder = |name: &str| Some(self.root.look(name).ok()??.is_folder);
        let mut listing = Listing::new(Some(stamp), names, is_folder);
        listing.is_whole = is_whole;
        Ok(listing)
    }

    /// True where the folder's names are sure to be those of `listing` still.
    pub(super) fn is_listed(&self, listing: &Listing, read_at: SystemTime) -> io::Result<bool> {
        let is_settled = listing.stamp.as_ref().is_some_and(|stamp| stamp.is_settled(read_at));
        Ok(is_settled && self.root.look(HERE)? == listing.stamp)
    }

    /// How often a folder's names were read.
    #[cfg(test)]
    pub(super) fn lists(&self) -> u64 {
        self.root.lists.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Sight<'_> {
    /// Reads an entry as it is at `now`. `None` where there is none, or, without a hint, where only the names of the folder
    /// can tell.
    pub(super) fn read(&self, id: &EntryId, hint: Option<Hint<'_>>, now: SystemTime) -> io::Result<Option<Reading>> {
        gather::read(self, id, hint, now)
    }

    /// True where nothing that a reading was made of has changed since.
    pub(super) fn is_current(&self, reading: &Reading) -> io::Result<bool> {
        reading.is_current(self)
    }

    /// URLs that nobody has looked at, but that count: what was seen is only so when there are none.
    pub(super) fn unseen(self) -> Vec<String> {
        self.unseen.into_inner()
    }
}

impl Place for Sight<'_> {
    fn look(&self, path: &str) -> io::Result<Option<Stamp>> {
        if !naming::is_url(path) {
            return self.library.root.look(path);
        }
        let seen = self.library.far.seen(path);
        if seen.is_none() {
            self.unseen.borrow_mut().push(path.to_owned());
        }
        Ok(seen.flatten())
    }

    fn read(&self, path: &str) -> io::Result<Option<(Stamp, Text)>> {
        self.library.root.read(path)
    }

    fn refusal(&self, name: &str) -> Option<String> {
        if naming::is_url(name) { self.library.far.refusal(name) } else { None }
    }

    fn rulebook(&self) -> &Rulebook {
        &self.library.rulebook
    }

    fn files(&self, path: &str, wanted: &dyn Fn(&str) -> bool) -> io::Result<Option<Folder>> {
        self.library.root.files(path, wanted)
    }
}
