//! A folder of media as a catalog: every child is an entry, read when it is asked for.

mod assemble;
mod disk;
pub(super) mod listing;
mod naming;
mod sidecar;

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use self::assemble::{File, Findings};
use self::disk::{Name, Opened, Root, Stamp};
use self::listing::{Hint, Listing};
use self::naming::Child;
use self::sidecar::Sidecar;
use crate::entry::{Entry, EntryId};

/// A folder of media.
#[derive(Debug)]
pub(super) struct Library {
    root: Root,
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

/// An entry, or why it is left out, with what to look at to know that it is still so.
#[derive(Debug)]
pub(super) struct Reading {
    /// The entry, or why it is left out.
    pub(super) outcome: Result<Arc<Entry>, Fault>,
    basis: Vec<(String, Option<Stamp>)>,
    /// Whether any later change is sure to show in the basis.
    is_settled: bool,
}

/// The most names of an entry's folder, or of its attachments, that are looked at.
const FILES_MAX: usize = 10_000;

/// What a flavor, or any other file of an entry, occupies in memory: the structure with a few short texts.
const PART_WEIGHT: usize = 400;

/// The most names of the library's folder that are listed: each takes some 60 bytes in memory. Entries beyond are found
/// if their file's name can be guessed.
const CHILDREN_MAX: usize = 5_000_000;

/// The name of the library's own folder beneath itself.
const HERE: &str = ".";

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

/// What is gathered of one entry while it is read.
struct Gathering<'a> {
    root: &'a Root,
    now: SystemTime,
    basis: Vec<(String, Option<Stamp>)>,
    is_settled: bool,
    /// The folder that holds more files than are looked at.
    overfull: Option<String>,
}

impl Library {
    /// The library in the folder at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Library> {
        Ok(Library { root: Root::open(path)? })
    }

    /// Reads an entry as it is at `now`. `None` where there is none, or, without a hint, where only the names of the folder
    /// can tell.
    pub(super) fn read(&self, id: &EntryId, hint: Option<Hint<'_>>, now: SystemTime) -> io::Result<Option<Reading>> {
        let mut gathering = Gathering { root: &self.root, now, basis: Vec::new(), is_settled: true, overfull: None };
        gathering.look(HERE)?;
        let own = self.root.look(id.as_str())?;
        let is_folder = own.is_some_and(|stamp| stamp.is_folder);
        let own = own.filter(|_| naming::child(id.as_str(), is_folder) == Some(Child::Entry(id.as_str())));
        if is_folder && own.is_some() {
            // The folder's own stamp tells when it goes, so that the library's is not needed.
            gathering.basis.clear();
            gathering.is_settled = true;
            return gathering.folder(id);
        }
        let own = own.filter(|_| !is_folder);
        let file = match (self.guess(id)?, hint) {
            (Some(file), _) => Some(file),
            (None, _) if own.is_some() => own.map(|stamp| File { name: id.to_string(), stamp }),
            (None, Some(Hint::Named(name))) => self.file(name)?,
            (None, Some(Hint::Guessed)) => None,
            (None, None) => return Ok(None),
        };
        gathering.lone(id, file)
    }

    /// The file of an entry whose name can be guessed from the entry's.
    fn guess(&self, id: &EntryId) -> io::Result<Option<File>> {
        for name in naming::candidates(id) {
            if let Some(file) = self.file(&name)? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    fn file(&self, name: &str) -> io::Result<Option<File>> {
        let stamp = self.root.look(name)?.filter(|stamp| !stamp.is_folder);
        Ok(stamp.map(|stamp| File { name: name.to_owned(), stamp }))
    }

    /// True where nothing that a reading was made of has changed since.
    pub(super) fn is_current(&self, reading: &Reading) -> io::Result<bool> {
        if !reading.is_settled {
            return Ok(false);
        }
        for (path, stamp) in &reading.basis {
            if self.root.look(path)? != *stamp {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The names of the library's folder.
    pub(super) fn list(&self) -> io::Result<Listing> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let Opened { stamp, names, .. } = self.root.list(HERE, CHILDREN_MAX)?.ok_or_else(gone)?;
        let is_whole = names.len() < CHILDREN_MAX;
        let is_folder = |name: &str| Some(self.root.look(name).ok()??.is_folder);
        let mut listing = Listing::new(stamp, names, is_folder);
        listing.is_whole = is_whole;
        Ok(listing)
    }

    /// True where the folder's names are sure to be those of `listing` still.
    pub(super) fn is_listed(&self, listing: &Listing, read_at: SystemTime) -> io::Result<bool> {
        Ok(listing.stamp.is_settled(read_at) && self.root.look(HERE)? == Some(listing.stamp))
    }

    /// How often a folder's names were read.
    #[cfg(test)]
    pub(super) fn lists(&self) -> u64 {
        self.root.lists.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Reading {
    /// Bytes it occupies in memory, roughly.
    pub(super) fn weight(&self) -> usize {
        let basis: usize = self.basis.iter().map(|(path, _)| path.len() + size_of::<(String, Option<Stamp>)>()).sum();
        let Ok(entry) = &self.outcome else { return size_of::<Reading>() + basis };
        let parts = entry.flavors.len() + entry.thumbs.len() + entry.captions.len() + entry.attachments.len();
        size_of::<Reading>() + size_of::<Entry>() + basis + parts * PART_WEIGHT
    }
}

impl Gathering<'_> {
    fn note(&mut self, path: &str, stamp: Option<Stamp>) {
        self.is_settled &= stamp.is_none_or(|stamp| stamp.is_settled(self.now));
        self.basis.push((path.to_owned(), stamp));
    }

    fn look(&mut self, path: &str) -> io::Result<Option<Stamp>> {
        let stamp = self.root.look(path)?;
        self.note(path, stamp);
        Ok(stamp)
    }

    /// The entry that is one file, or a sidecar alone.
    fn lone(mut self, id: &EntryId, file: Option<File>) -> io::Result<Option<Reading>> {
        let path = naming::sidecar(id);
        let sidecar = self.sidecar(&path)?;
        if file.is_none() && sidecar.is_none() {
            return Ok(None);
        }
        if let Some(file) = &file {
            self.note(&file.name, Some(file.stamp));
        }
        let findings = Findings {
            id,
            base: "",
            files: file.into_iter().collect(),
            attachments: Vec::new(),
            named: Vec::new(),
            stated: sidecar.as_ref().map_or(0, |(stamp, _)| stamp.modified_secs()),
        };
        self.reading(findings, &path, sidecar.map(|(_, bytes)| bytes)).map(Some)
    }

    /// The entry that is a folder; `None` where it has gone meanwhile.
    fn folder(mut self, id: &EntryId) -> io::Result<Option<Reading>> {
        let base = format!("{id}/");
        let Some((stamp, files)) = self.files(id.as_str(), &base, "")? else { return Ok(None) };
        let path = format!("{base}{}", naming::FOLDER_SIDECAR);
        let has_sidecar = files.iter().any(|file| file.name == naming::FOLDER_SIDECAR);
        let sidecar = if has_sidecar { self.sidecar(&path)? } else { None };
        let attachments = self.files(&format!("{base}{}", naming::ATTACHMENTS), &base, naming::ATTACHMENTS)?;
        let findings = Findings {
            id,
            base: &base,
            files,
            attachments: attachments.map(|(_, files)| files).unwrap_or_default(),
            named: Vec::new(),
            stated: sidecar.as_ref().map_or(stamp.modified_secs(), |(stamp, _)| stamp.modified_secs()),
        };
        self.reading(findings, &path, sidecar.map(|(_, bytes)| bytes)).map(Some)
    }

    fn sidecar(&mut self, path: &str) -> io::Result<Option<(Stamp, Vec<u8>)>> {
        let read = self.root.read(path, sidecar::BYTES_MAX + 1)?;
        self.note(path, read.as_ref().map(|(stamp, _)| *stamp));
        Ok(read)
    }

    /// The files of the folder at `path`, in the order of their names, which begin behind `base`, with `inner` before
    /// each. Other folders in it, and files that are left alone, are not among them.
    fn files(&mut self, path: &str, base: &str, inner: &str) -> io::Result<Option<(Stamp, Vec<File>)>> {
        let Some(mut opened) = self.root.list(path, FILES_MAX)? else {
            self.note(path, None);
            return Ok(None);
        };
        self.note(path, Some(opened.stamp));
        if opened.names.len() == FILES_MAX {
            self.overfull = Some(path.to_owned());
            return Ok(Some((opened.stamp, Vec::new())));
        }
        let mut names = std::mem::take(&mut opened.names);
        names.retain(|name| name.is_folder != Some(true) && !naming::is_ignored(&name.text));
        names.sort_unstable_by(|a, b| a.text.cmp(&b.text));
        let mut files = Vec::with_capacity(names.len());
        for Name { text, .. } in names {
            let name = if inner.is_empty() { text.clone() } else { format!("{inner}/{text}") };
            let path = format!("{base}{name}");
            let stamp = self.root.look_within(&opened, &text, &path)?;
            self.note(&path, stamp);
            if let Some(stamp) = stamp.filter(|stamp| !stamp.is_folder) {
                files.push(File { name, stamp });
            }
        }
        Ok(Some((opened.stamp, files)))
    }

    /// The entry made of `findings` and the text of the sidecar at `path`.
    fn reading(mut self, mut findings: Findings<'_>, path: &str, text: Option<Vec<u8>>) -> io::Result<Reading> {
        if let Some(file) = self.overfull {
            let message = format!("{FILES_MAX} names or more, fewer are allowed");
            let outcome = Err(Fault { file, line: None, message });
            return Ok(Reading { outcome, basis: self.basis, is_settled: self.is_settled });
        }
        let text = text.unwrap_or_default();
        let fault = |line, message| Fault { file: path.to_owned(), line, message };
        let outcome = match parsed(&text) {
            Ok(sidecar) => {
                findings.named = self.named(&findings, &sidecar)?;
                let at = |offset| Some(sidecar::line(&text, offset));
                assemble::assemble(&findings, sidecar).map_err(|wrong| fault(at(wrong.offset), wrong.message))
            }
            Err(mistake) => Err(fault(Some(mistake.line), mistake.message)),
        };
        Ok(Reading { outcome: outcome.map(Arc::new), basis: self.basis, is_settled: self.is_settled })
    }

    /// The files that the sidecar names and that were not found by their names.
    fn named(&mut self, findings: &Findings<'_>, sidecar: &Sidecar) -> io::Result<Vec<File>> {
        let known = findings.files.iter().chain(&findings.attachments).map(|file| file.name.as_str());
        let mut seen: HashMap<&str, Option<Stamp>> = known.map(|name| (name, None)).collect();
        for name in sidecar.files().filter(|name| naming::is_inside(name)) {
            if !seen.contains_key(name) {
                let stamp = self.look(&format!("{}{name}", findings.base))?;
                seen.insert(name, stamp.filter(|stamp| !stamp.is_folder));
            }
        }
        let file = |(name, stamp): (&str, Option<Stamp>)| Some(File { name: name.to_owned(), stamp: stamp? });
        Ok(seen.into_iter().filter_map(file).collect())
    }
}

/// What the text of a sidecar says, if it is not too long for one.
fn parsed(text: &[u8]) -> Result<Sidecar, sidecar::Mistake> {
    if text.len() > sidecar::BYTES_MAX {
        let message = format!("longer than the {} bytes that are allowed", sidecar::BYTES_MAX);
        return Err(sidecar::Mistake { line: 1, message });
    }
    sidecar::parse(text)
}
