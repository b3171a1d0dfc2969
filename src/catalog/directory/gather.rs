//! From the place of a library to one entry in it: which files are its own, and what its sidecar says of them.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use super::Fault;
use super::assemble::{self, File, Findings};
use super::listing::Hint;
use super::naming::{self, Child};
use super::place::{FILES_MAX, Folder, Place, Stamp, Text};
use super::rulebook;
use super::sidecar::{self, Sidecar};
use crate::entry::{Entry, EntryId};
use crate::rules::Profile;
use crate::tables::line;

/// An entry, or why it is left out, with what to look at to know that it is still so.
#[derive(Debug)]
pub(in crate::catalog) struct Reading {
    /// The entry, or why it is left out.
    pub(in crate::catalog) outcome: Result<Arc<Entry>, Fault>,
    basis: Vec<(String, Option<Stamp>)>,
    /// Whether any later change is sure to show in the basis.
    is_settled: bool,
}

/// What a flavor, or any other file of an entry, occupies in memory: the structure with a few short texts.
const PART_WEIGHT: usize = 400;

/// The name of the library's own folder beneath itself.
pub(super) const HERE: &str = ".";

/// What is gathered of one entry while it is read.
struct Gathering<'a> {
    place: &'a dyn Place,
    now: SystemTime,
    basis: Vec<(String, Option<Stamp>)>,
    is_settled: bool,
    /// The folder that holds more files than are looked at.
    overfull: Option<String>,
}

/// Reads an entry as it is at `now`. `None` where there is none, or, without a hint, where only the names of the library's
/// folder can tell.
pub(super) fn read(
    place: &dyn Place,
    id: &EntryId,
    hint: Option<Hint<'_>>,
    now: SystemTime,
) -> io::Result<Option<Reading>> {
    let mut gathering = Gathering { place, now, basis: Vec::new(), is_settled: true, overfull: None };
    gathering.look(HERE)?;
    let own = place.look(id.as_str())?;
    let is_folder = own.as_ref().is_some_and(|stamp| stamp.is_folder);
    let own = own.filter(|_| naming::child(id.as_str(), is_folder) == Some(Child::Entry(id.as_str())));
    if is_folder && own.is_some() {
        // The folder's own stamp tells when it goes, so that the library's is not needed.
        gathering.basis.clear();
        gathering.is_settled = true;
        return gathering.folder(id);
    }
    let own = own.filter(|_| !is_folder);
    let file = match (guess(place, id)?, own, hint) {
        (Some(file), ..) => Some(file),
        (None, Some(stamp), _) => Some(File { name: id.to_string(), stamp }),
        (None, None, Some(Hint::Named(name))) => file(place, name)?,
        (None, None, Some(Hint::Guessed)) => None,
        (None, None, None) => return Ok(None),
    };
    gathering.lone(id, file)
}

/// The file of an entry whose name can be guessed from the entry's.
fn guess(place: &dyn Place, id: &EntryId) -> io::Result<Option<File>> {
    for name in naming::candidates(id) {
        if let Some(file) = file(place, &name)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn file(place: &dyn Place, name: &str) -> io::Result<Option<File>> {
    let stamp = place.look(name)?.filter(|stamp| !stamp.is_folder);
    Ok(stamp.map(|stamp| File { name: name.to_owned(), stamp }))
}

impl Reading {
    /// True where nothing that it was made of has changed since.
    pub(super) fn is_current(&self, place: &dyn Place) -> io::Result<bool> {
        if !self.is_settled {
            return Ok(false);
        }
        // All are looked at, for those that are not known yet are then asked for at once.
        let mut is_same = true;
        for (path, stamp) in &self.basis {
            is_same &= place.look(path)? == *stamp;
        }
        Ok(is_same)
    }

    /// The URLs elsewhere that it was made of.
    pub(in crate::catalog) fn urls(&self) -> impl Iterator<Item = &str> {
        self.basis.iter().map(|(path, _)| path.as_str()).filter(|path| naming::is_url(path))
    }

    /// Bytes it occupies in memory, roughly.
    pub(in crate::catalog) fn weight(&self) -> usize {
        let basis: usize = self.basis.iter().map(|(path, _)| path.len() + size_of::<(String, Option<Stamp>)>()).sum();
        let Ok(entry) = &self.outcome else { return size_of::<Reading>() + basis };
        let parts = entry.flavors.len() + entry.thumbs.len() + entry.captions.len() + entry.attachments.len();
        size_of::<Reading>() + size_of::<Entry>() + basis + parts * PART_WEIGHT
    }
}

impl Gathering<'_> {
    fn note(&mut self, path: &str, stamp: Option<Stamp>) {
        self.is_settled &= stamp.as_ref().is_none_or(|stamp| stamp.is_settled(self.now));
        self.basis.push((path.to_owned(), stamp));
    }

    fn look(&mut self, path: &str) -> io::Result<Option<Stamp>> {
        let stamp = self.place.look(path)?;
        self.note(path, stamp.clone());
        Ok(stamp)
    }

    /// The entry that is one file, or a sidecar alone.
    fn lone(mut self, id: &EntryId, file: Option<File>) -> io::Result<Option<Reading>> {
        let path = naming::sidecar(id);
        let sidecar = path.as_deref().map_or(Ok(None), |path| self.sidecar(path))?;
        if file.is_none() && sidecar.is_none() {
            return Ok(None);
        }
        if let Some(file) = &file {
            self.note(&file.name, Some(file.stamp.clone()));
        }
        let findings = Findings {
            id,
            base: "",
            files: file.into_iter().collect(),
            attachments: Vec::new(),
            named: Vec::new(),
            refused: Vec::new(),
            profile: None,
            stated: sidecar.as_ref().map_or(0, |(stamp, _)| stamp.modified_secs()),
        };
        self.reading(findings, path.as_deref().unwrap_or_default(), sidecar.map(|(_, text)| text)).map(Some)
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
            refused: Vec::new(),
            profile: None,
            stated: sidecar.as_ref().map_or(stamp.modified_secs(), |(stamp, _)| stamp.modified_secs()),
        };
        self.reading(findings, &path, sidecar.map(|(_, text)| text)).map(Some)
    }

    fn sidecar(&mut self, path: &str) -> io::Result<Option<(Stamp, Text)>> {
        let read = self.place.read(path)?;
        self.note(path, read.as_ref().map(|(stamp, _)| stamp.clone()));
        Ok(read)
    }

    /// The files of the folder at `path`, in the order of their names, which begin behind `base`, with `inner` before
    /// each. Other folders in it, and files that are left alone, are not among them.
    fn files(&mut self, path: &str, base: &str, inner: &str) -> io::Result<Option<(Stamp, Vec<File>)>> {
        let wanted = |name: &str| !naming::is_ignored(name);
        let Some(Folder { stamp, files: mut seen, is_overfull }) = self.place.files(path, &wanted)? else {
            self.note(path, None);
            return Ok(None);
        };
        self.note(path, Some(stamp.clone()));
        if is_overfull {
            self.overfull = Some(path.to_owned());
        }
        seen.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut files = Vec::with_capacity(seen.len());
        for (text, stamp) in seen {
            let name = if inner.is_empty() { text } else { format!("{inner}/{text}") };
            self.note(&format!("{base}{name}"), stamp.clone());
            if let Some(stamp) = stamp.filter(|stamp| !stamp.is_folder) {
                files.push(File { name, stamp });
            }
        }
        Ok(Some((stamp, files)))
    }

    /// The entry made of `findings` and the text of the sidecar at `path`.
    fn reading(mut self, mut findings: Findings<'_>, path: &str, text: Option<Text>) -> io::Result<Reading> {
        if let Some(file) = self.overfull {
            let message = format!("{FILES_MAX} names or more, fewer are allowed");
            let outcome = Err(Fault { file, line: None, message });
            return Ok(Reading { outcome, basis: self.basis, is_settled: self.is_settled });
        }
        let fault = |line, message| Fault { file: path.to_owned(), line, message };
        let outcome = match text.unwrap_or(Text::Whole(Vec::new())) {
            Text::TooLong => {
                Err(fault(Some(1), format!("longer than the {} bytes that are allowed", sidecar::BYTES_MAX)))
            }
            Text::Whole(text) => match sidecar::parse(&text) {
                Ok(sidecar) => {
                    self.find_named(&mut findings, &sidecar)?;
                    findings.profile = sidecar.access_control.as_deref().map_or(Ok(None), |name| self.profile(name))?;
                    let at = |offset| Some(line(&text, offset));
                    assemble::assemble(&findings, sidecar).map_err(|wrong| fault(at(wrong.offset), wrong.message))
                }
                Err(mistake) => Err(fault(Some(mistake.line), mistake.message)),
            },
        };
        Ok(Reading { outcome: outcome.map(Arc::new), basis: self.basis, is_settled: self.is_settled })
    }

    /// Looks for the files that the sidecar names and that were not found by their names.
    fn find_named(&mut self, findings: &mut Findings<'_>, sidecar: &Sidecar) -> io::Result<()> {
        let known = findings.files.iter().chain(&findings.attachments);
        let mut seen: HashSet<String> = known.map(|file| file.name.clone()).collect();
        for name in sidecar.files() {
            if (!naming::is_url(name) && !naming::is_inside(name)) || !seen.insert(name.to_owned()) {
                continue;
            }
            let is_secret = findings.base.is_empty() && name == naming::ACCESS_CONTROL;
            let secret = is_secret.then(|| format!("{name} is not for viewers, no entry may have it"));
            if let Some(reason) = secret.or_else(|| self.place.refusal(name)) {
                findings.refused.push((name.to_owned(), reason));
                continue;
            }
            let stamp = self.look(&naming::location(findings.base, name))?;
            let stamp = stamp.filter(|stamp| !stamp.is_folder);
            findings.named.extend(stamp.map(|stamp| File { name: name.to_owned(), stamp }));
        }
        Ok(())
    }
    /// The profile that the library itself defines under a name.
    fn profile(&mut self, name: &str) -> io::Result<Option<Arc<Profile>>> {
        let (stamp, rules) = rulebook::read(self.place)?;
        self.note(naming::ACCESS_CONTROL, stamp);
        Ok(rules.and_then(|rules| rules.as_ref().as_ref().ok()?.get(name).cloned()))
    }
}
