//! The names in the library's folder, sorted by the entry that they belong to.

use std::cmp::Ordering;

use super::Fault;
use super::disk::Name;
use super::naming::{self, Child};
use super::place::Stamp;
use crate::entry::EntryId;
use crate::origin::Listed;

/// The children of the library's folder at one time.
#[derive(Debug)]
pub(in crate::catalog) struct Listing {
    /// The folder's stamp from before its names were read; `None` for names in a store.
    pub(super) stamp: Option<Stamp>,
    /// Whether all names of the folder are in it.
    pub(in crate::catalog) is_whole: bool,
    children: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: Box<str>,
    /// How much of the name is the entry's id; no file system has names of more than 255 bytes.
    id_len: u8,
    role: Role,
}

/// What a row is to its entry, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Folder,
    File,
    Sidecar,
}

/// What a listing knows of an entry that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::catalog) enum Hint<'a> {
    /// It is a folder, a sidecar, or a file that is found by guessing its name.
    Guessed,
    /// It is this file, unless there is one with a better name by now.
    Named(&'a str),
}

impl Row {
    fn new(name: String, is_folder: bool) -> Option<Row> {
        let (id, role) = match naming::child(&name, is_folder)? {
            Child::Entry(id) => (id, if is_folder { Role::Folder } else { Role::File }),
            Child::Sidecar(id) => (id, Role::Sidecar),
        };
        let id_len = u8::try_from(id.len()).ok()?;
        Some(Row { name: name.into_boxed_str(), id_len, role })
    }

    fn id(&self) -> &str {
        &self.name[..usize::from(self.id_len)]
    }

    /// Rows of one entry stand together, best first.
    fn order(&self, other: &Row) -> Ordering {
        let rank = || naming::rank(&self.name).cmp(&naming::rank(&other.name));
        self.id().cmp(other.id()).then(self.role.cmp(&other.role)).then_with(rank)
    }
}

impl Listing {
    /// The listing of `names`. `is_folder` says of a name whether it is a folder's, where the name itself cannot tell;
    /// `None` where it is neither a folder's nor a file's.
    pub(super) fn new(stamp: Option<Stamp>, names: Vec<Name>, is_folder: impl Fn(&str) -> Option<bool>) -> Listing {
        let row = |name: Name| {
            let is_folder = name.is_folder.or_else(|| is_folder(&name.text))?;
            Row::new(name.text, is_folder)
        };
        let mut children: Vec<Row> = names.into_iter().filter_map(row).collect();
        children.sort_unstable_by(Row::order);
        Listing { stamp, is_whole: true, children }
    }

    /// The listing of files and folders right at the front of a store.
    pub(in crate::catalog) fn of_store(listed: &Listed) -> Listing {
        let name = |text: &str, is_folder| Name { text: text.to_owned(), is_folder: Some(is_folder) };
        let files = listed.files.iter().map(|source| name(&source.location, false));
        let folders = listed.folders.iter().map(|folder| name(folder, true));
        Listing::new(None, files.chain(folders).collect(), |_| None)
    }

    /// What it knows of `id`; `None` where it has no such name.
    pub(in crate::catalog) fn hint(&self, id: &EntryId) -> Option<Hint<'_>> {
        let start = self.children.partition_point(|row| row.id() < id.as_str());
        let best = self.children.get(start).filter(|row| row.id() == id.as_str())?;
        let is_guessed = best.role != Role::File || naming::rank(&best.name).is_guessed();
        Some(if is_guessed { Hint::Guessed } else { Hint::Named(&best.name) })
    }

    /// Its entries in the order of their ids.
    pub(in crate::catalog) fn ids(&self) -> impl Iterator<Item = EntryId> {
        self.groups().filter_map(|rows| EntryId::new(rows[0].id()))
    }

    /// Names that nobody will be answered from.
    pub(in crate::catalog) fn left_out(&self) -> impl Iterator<Item = Fault> {
        let fault = |row: &Row, message: String| Fault { file: row.name.to_string(), line: None, message };
        self.groups().flat_map(move |rows| {
            let winner = &rows[0];
            if EntryId::new(winner.id()).is_none() {
                let message = "left out: an entry's name is 1 to 128 of A-Z a-z 0-9 _ - .";
                return vec![fault(winner, message.to_owned())];
            }
            // A sidecar beside the winning file belongs to it; beside a folder it does not.
            let is_left_out = |row: &&Row| winner.role == Role::Folder || row.role == Role::File;
            let message = || format!("left out: entry {} is {}", winner.id(), winner.name);
            rows[1..].iter().filter(is_left_out).map(|row| fault(row, message())).collect()
        })
    }

    fn groups(&self) -> impl Iterator<Item = &[Row]> {
        self.children.chunk_by(|a, b| a.id() == b.id())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listing(names: &[&str]) -> Listing {
        let name = |text: &&str| match text.strip_suffix('/') {
            Some(folder) => Name { text: folder.to_owned(), is_folder: Some(true) },
            None => Name { text: (*text).to_owned(), is_folder: Some(false) },
        };
        Listing::new(None, names.iter().map(name).collect(), |_| None)
    }

    #[track_caller]
    fn check(names: &[&str], id: &str, expected: Option<Hint<'_>>) {
        assert_eq!(listing(names).hint(&EntryId::new(id).unwrap()), expected, "{names:?} {id}");
    }

    #[test]
    fn entries_are_found_by_id() {
        check(&["a.mp4", "b.bin"], "a", Some(Hint::Guessed));
        check(&["a.mp4", "b.bin"], "b", Some(Hint::Named("b.bin")));
        check(&["a.mp4", "b.bin"], "c", None);
        check(&["b.zip", "b.bin", "b.toml"], "b", Some(Hint::Named("b.bin")));
        check(&["b.bin", "b.mp4"], "b", Some(Hint::Guessed));
        check(&["b.bin", "b/"], "b", Some(Hint::Guessed));
        check(&["b.toml"], "b", Some(Hint::Guessed));
        check(&["b.Mp4"], "b", Some(Hint::Named("b.Mp4")));
        check(&["b"], "b", Some(Hint::Guessed));
        check(&["b.part", ".b", "b~"], "b", None);
        check(&["a.b.mp4", "a-b.mp4", "a.mp4", "a_.mp4"], "a", Some(Hint::Guessed));
    }

    #[test]
    fn what_is_left_out_is_said() {
        let listing = listing(&["a.mp4", "a.jpg", "a.toml", "b/", "b.mp4", "b.toml", "my\nfilm.mp4", "c.bin"]);
        let faults: Vec<String> = listing.left_out().map(|fault| fault.to_string()).collect();
        assert_eq!(
            faults,
            [
                "a.jpg: left out: entry a is a.mp4",
                "b.mp4: left out: entry b is b",
                "b.toml: left out: entry b is b",
                "my\\nfilm.mp4: left out: an entry's name is 1 to 128 of A-Z a-z 0-9 _ - .",
            ]
        );
        assert_eq!(listing.ids().map(|id| id.to_string()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    proptest! {
        #[test]
        fn every_id_of_a_listing_is_found(names in proptest::collection::vec("[a-c.]{1,4}(/|\\.mp4|\\.toml|\\.x)?", 0..30)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let listing = listing(&names);
            for id in listing.ids() {
                prop_assert!(listing.hint(&id).is_some());
            }
            prop_assert!(listing.ids().is_sorted());
        }
    }
}
