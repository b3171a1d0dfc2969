//! What is known of a store around one entry, and what is yet to be asked of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::disk::Name;
use super::far::Far;
use super::gather::{self, HERE, Reading};
use super::listing::Listing;
use super::naming;
use super::place::{FILES_MAX, Folder, Mark, Place, Stamp, Text};
use super::rulebook::Rulebook;
use crate::entry::{EntryId, Source};
use crate::origin::Listed;

/// The part of a store around one entry, as far as it is known. Whoever looks at what is not known yet sees nothing, and
/// leaves a wish: when all wishes are fulfilled, what is seen is so.
#[derive(Debug)]
pub(in crate::catalog) struct View {
    /// The entry's id, which is the name of its folder.
    id: String,
    /// Whether the store tells the names of its files. Where it does not, few names are tried.
    is_listable: bool,
    files: BTreeMap<String, Option<Stamp>>,
    texts: HashMap<String, Option<Text>>,
    names: HashMap<String, Names>,
    wishes: RefCell<BTreeSet<Wish>>,
    far: Arc<Far>,
    rulebook: Arc<Rulebook>,
}

/// What is to be asked of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::catalog) enum Wish {
    /// What is seen of the file at this path.
    File(String),
    /// What is seen at this absolute URL.
    Far(String),
    /// The bytes of the file at this path.
    Text(String),
    /// The files whose paths begin so, up to the next slash, [`FILES_MAX`] at most.
    Names(String),
}

/// What was answered to a wish. What is missing is not there.
#[derive(Debug)]
pub(in crate::catalog) enum Answer {
    /// What is seen of a file.
    File(String, Option<Source>),
    /// A file with its bytes, which are missing where they are too many for a sidecar.
    Text(String, Option<(Source, Option<Bytes>)>),
    /// The files and folders whose paths begin so.
    Names(String, Listed),
    /// Something elsewhere was looked at.
    Far,
}

/// The names that begin with some text.
#[derive(Debug)]
struct Names {
    folders: BTreeSet<String>,
    /// Whether these are all.
    is_whole: bool,
}

impl View {
    /// A view of the surroundings of `id` by someone who has not looked yet.
    pub(in crate::catalog) fn new(id: &EntryId, is_listable: bool, far: Arc<Far>, rulebook: Arc<Rulebook>) -> View {
        View {
            id: id.to_string(),
            is_listable,
            files: BTreeMap::new(),
            texts: HashMap::new(),
            names: HashMap::new(),
            wishes: RefCell::default(),
            far,
            rulebook,
        }
    }

    /// What is to be asked before what was seen counts; nothing where it does.
    pub(in crate::catalog) fn wishes(&mut self) -> Vec<Wish> {
        let wishes = self.wishes.take();
        // With its text comes what is seen of a file.
        let is_read = |wish: &Wish| matches!(wish, Wish::File(path) if wishes.contains(&Wish::Text(path.clone())));
        wishes.iter().filter(|wish| !is_read(wish)).cloned().collect()
    }

    /// Takes an answer.
    pub(in crate::catalog) fn learn(&mut self, answer: Answer) {
        match answer {
            Answer::File(path, seen) => self.learn_file(path, seen.as_ref()),
            Answer::Text(path, seen) => {
                self.learn_file(path.clone(), seen.as_ref().map(|(source, _)| source));
                self.texts.insert(path, seen.map(|(_, bytes)| bytes.into()));
            }
            Answer::Names(prefix, listed) => {
                listed.files.iter().for_each(|file| self.learn_file(file.location.to_string(), Some(file)));
                let folders = listed.folders.into_iter().collect();
                self.names.insert(prefix, Names { folders, is_whole: !listed.is_cut });
            }
            Answer::Far => {}
        }
    }

    fn learn_file(&mut self, path: String, seen: Option<&Source>) {
        self.files.insert(path, seen.map(Stamp::of_object));
    }

    /// True where nothing that `reading` was made of is known to have changed.
    pub(in crate::catalog) fn is_current(&self, reading: &Reading) -> io::Result<bool> {
        reading.is_current(self)
    }

    /// Reads the entry as far as it is known.
    pub(in crate::catalog) fn read(&self, id: &EntryId, now: SystemTime) -> io::Result<Option<Reading>> {
        gather::read(self, id, self.listing().hint(id), now)
    }

    /// The names that may be of the entry.
    fn listing(&self) -> Listing {
        let files = self.beside().map(|text| Name { text: text.to_owned(), is_folder: Some(false) });
        let folder = self.folder_stamp(&self.id).map(|_| Name { text: self.id.clone(), is_folder: Some(true) });
        // Where nobody tells names, a sidecar is looked for under its own.
        let sidecar = (!self.is_listable).then(|| format!("{}.{}", self.id, naming::SIDECAR));
        let sidecar = sidecar.map(|text| Name { text, is_folder: Some(false) });
        Listing::new(None, files.chain(folder).chain(sidecar).collect(), |_| None)
    }

    fn wish(&self, wish: Wish) {
        self.wishes.borrow_mut().insert(wish);
    }

    /// Files beside the entry's folder that may be the entry's own by their names.
    fn beside(&self) -> impl Iterator<Item = &str> {
        let seen = self.files.iter().filter(|(path, seen)| seen.is_some() && !path.contains('/'));
        let is_own = |path: &&str| {
            path.strip_prefix(self.id.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        seen.map(|(path, _)| path.as_str()).filter(is_own)
    }

    /// The names known to be at `prefix`, a wish for them otherwise.
    fn names(&self, prefix: &str) -> Option<&Names> {
        let names = self.names.get(prefix);
        if names.is_none() {
            self.wish(Wish::Names(prefix.to_owned()));
        }
        names
    }

    /// What is seen of the file at `path`.
    fn file(&self, path: &str) -> Option<Stamp> {
        if let Some(seen) = self.files.get(path) {
            return seen.clone();
        }
        let is_open = match self.prefix(path) {
            Some(prefix) if self.is_listable => self.names(&prefix).is_some_and(|names| !names.is_whole),
            Some(_) if !path.contains('/') => naming::is_tried(path),
            _ => true,
        };
        if is_open {
            self.wish(Wish::File(path.to_owned()));
        }
        None
    }

    /// The text that the names with which `path` is asked for begin with; `None` where it is asked for alone.
    fn prefix(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(&self.id)?;
        match rest.rsplit_once('/') {
            None if rest.starts_with('.') => Some(format!("{}.", self.id)),
            Some(("", _)) => Some(format!("{}/", self.id)),
            Some((folder, _)) if folder.strip_prefix('/') == Some(naming::ATTACHMENTS) => {
                Some(format!("{}/{}/", self.id, naming::ATTACHMENTS))
            }
            _ => None,
        }
    }

    /// The stamp of the library's own folder: that of the names that may be of the entry.
    fn here(&self) -> Stamp {
        let folder = self.folder_stamp(&self.id).map(|_| self.id.as_str());
        if !self.is_listable {
            // Which of the names that are tried is there first is not asked again while it is there.
            return stamp_of(folder, 0);
        }
        self.names(&format!("{}.", self.id));
        self.bare();
        stamp_of(folder.into_iter().chain(self.beside()), 0)
    }

    /// The file of the very name of the entry, which is no matter where a folder or a better name is there. Without an
    /// extension, a name that cannot be listed is too likely to be answered with some page.
    fn bare(&self) -> Option<Stamp> {
        if !self.is_listable || self.folder_stamp(&self.id).is_some() {
            return None;
        }
        self.names(&format!("{}.", self.id)).zip(self.names(&format!("{}/", self.id)))?;
        let is_own = |name: &&str| naming::split(name).0 == self.id;
        let is_beaten = self.beside().filter(is_own).any(|name| naming::rank(name) < naming::rank(&self.id));
        if is_beaten { None } else { self.file(&self.id) }
    }

    /// The stamp of the folder at `path`: a store has files whose names begin with it, and else no folder.
    fn folder_stamp(&self, path: &str) -> Option<Stamp> {
        if !self.is_listable {
            let sidecar = self.text(&format!("{}/{}", self.id, naming::FOLDER_SIDECAR));
            return sidecar.map(|_| stamp_of([path], 0));
        }
        if let Some((parent, name)) = path.rsplit_once('/') {
            let has = |names: &Names| names.folders.contains(name) || !names.is_whole;
            self.names(&format!("{parent}/")).filter(|names| has(names))?;
        }
        let names = self.names(&format!("{path}/"))?;
        let latest = self.within(path).map(|(_, seen)| seen.modified).max().unwrap_or_default();
        let files = self.within(path).map(|(name, _)| name);
        let mut all = files.chain(names.folders.iter().map(String::as_str)).peekable();
        all.peek()?;
        Some(stamp_of(all, latest))
    }

    /// The files right in the folder at `path`.
    fn within<'a>(&'a self, path: &str) -> impl Iterator<Item = (&'a str, &'a Stamp)> {
        let prefix = format!("{path}/");
        let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
        let all = self.files.range(from).map_while(move |(path, seen)| Some((path.strip_prefix(&prefix)?, seen)));
        all.filter(|(name, _)| !name.contains('/')).filter_map(|(name, seen)| Some((name, seen.as_ref()?)))
    }

    fn text(&self, path: &str) -> Option<(Stamp, Text)> {
        match self.texts.get(path) {
            Some(text) => self.files.get(path)?.clone().zip(text.clone()),
            None => {
                // What is asked for alone may as well be read at once.
                if !self.is_listable || self.prefix(path).is_none() || self.file(path).is_some() {
                    self.wish(Wish::Text(path.to_owned()));
                }
                None
            }
        }
    }
}

impl Place for View {
    fn look(&self, path: &str) -> io::Result<Option<Stamp>> {
        if path == HERE {
            return Ok(Some(self.here()));
        }
        if naming::is_url(path) {
            let seen = self.far.seen(path);
            if seen.is_none() {
                self.wish(Wish::Far(path.to_owned()));
            }
            return Ok(seen.flatten());
        }
        Ok(match path.strip_prefix(&self.id) {
            Some("") => self.folder_stamp(path).or_else(|| self.bare()),
            Some(inner) if inner.strip_prefix('/') == Some(naming::ATTACHMENTS) => self.folder_stamp(path),
            _ => self.file(path),
        })
    }

    fn read(&self, path: &str) -> io::Result<Option<(Stamp, Text)>> {
        Ok(self.text(path))
    }

    fn refusal(&self, name: &str) -> Option<String> {
        if naming::is_url(name) { self.far.refusal(name) } else { None }
    }

    fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    fn files(&self, path: &str, wanted: &dyn Fn(&str) -> bool) -> io::Result<Option<Folder>> {
        let Some(stamp) = self.folder_stamp(path) else { return Ok(None) };
        let names = self.names.get(&format!("{path}/"));
        if names.is_some_and(|names| !names.is_whole) {
            return Ok(Some(Folder { stamp, files: Vec::new(), is_overfull: true }));
        }
        let files = self.within(path).filter(|(name, _)| wanted(name));
        let files = files.map(|(name, seen)| (name.to_owned(), Some(seen.clone()))).take(FILES_MAX);
        Ok(Some(Folder { stamp, files: files.collect(), is_overfull: false }))
    }
}

/// The stamp of a folder with these names, whose latest file changed at `modified`.
fn stamp_of<'a>(names: impl IntoIterator<Item = &'a str>, modified: u128) -> Stamp {
    let mut hasher = DefaultHasher::new();
    names.into_iter().for_each(|name| name.hash(&mut hasher));
    Stamp { is_folder: true, size: 0, modified, mark: Mark::Object(format!("{:x}", hasher.finish()).into()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::origin::Origin;

    /// A store in memory that counts how often it is asked.
    struct Store {
        files: Vec<(Source, &'static str)>,
        is_listable: bool,
    }

    /// What was asked for, a list for each time that one had to wait.
    type Rounds = Vec<Vec<Wish>>;

    impl Store {
        fn with(files: &[(&str, &'static str)], is_listable: bool) -> Store {
            let source = |(location, text): &(&str, &'static str)| {
                let version = format!("\"{text}\"").into();
                (Source { location: (*location).into(), size: text.len() as u64, modified: 100, version }, *text)
            };
            Store { files: files.iter().map(source).collect(), is_listable }
        }

        fn answer(&self, wish: Wish) -> Answer {
            let find = |path: &str| self.files.iter().find(|(source, _)| *source.location == *path).cloned();
            match wish {
                Wish::File(path) => Answer::File(path.clone(), find(&path).map(|(source, _)| source)),
                Wish::Text(path) => {
                    Answer::Text(path.clone(), find(&path).map(|(source, text)| (source, Some(text.into()))))
                }
                Wish::Far(url) => panic!("{url} is looked at"),
                Wish::Names(prefix) => {
                    assert!(self.is_listable, "{prefix} is listed");
                    let mut listed = Listed::default();
                    for (source, _) in &self.files {
                        match source.location.strip_prefix(&prefix).map(|rest| rest.split_once('/')) {
                            Some(Some((folder, _))) => listed.folders.push(folder.to_owned()),
                            Some(None) => listed.files.push(source.clone()),
                            None => {}
                        }
                    }
                    Answer::Names(prefix, listed)
                }
            }
        }

        fn ask<T>(&self, id: &EntryId, question: impl Fn(&View) -> T) -> (T, Rounds) {
            let origin = Origin::folder(&std::env::temp_dir()).unwrap();
            let far = Arc::new(Far::new(origin, Duration::ZERO, Duration::ZERO));
            let (mut view, mut rounds) = (View::new(id, self.is_listable, far, Arc::default()), Rounds::new());
            loop {
                let answer = question(&view);
                let wishes = view.wishes();
                if wishes.is_empty() {
                    return (answer, rounds);
                }
                rounds.push(wishes.clone());
                wishes.into_iter().for_each(|wish| view.learn(self.answer(wish)));
            }
        }

        fn read(&self, entry: &str) -> (Option<Reading>, Rounds) {
            let id = EntryId::new(entry).unwrap();
            let now = SystemTime::now();
            self.ask(&id, |view| view.read(&id, now).unwrap())
        }
    }

    /// Checks what is found of the entry `0_a`, and in how many rounds of how many requests.
    #[track_caller]
    fn check(files: &[(&str, &'static str)], is_listable: bool, found: &str, requests: &[usize]) {
        let store = Store::with(files, is_listable);
        let (reading, rounds) = store.read("0_a");
        let shown = reading.as_ref().map_or("-".to_owned(), |reading| match &reading.outcome {
            Ok(entry) => {
                let flavors = entry.flavors.iter().map(|flavor| &*flavor.source.location).collect::<Vec<_>>();
                format!(
                    "{} +{}",
                    flavors.join(" "),
                    entry.captions.len() + entry.thumbs.len() + entry.attachments.len()
                )
            }
            Err(fault) => fault.to_string(),
        });
        let asked: Vec<usize> = rounds.iter().map(Vec::len).collect();
        assert_eq!((shown.as_str(), &asked[..]), (found, requests), "{files:?}: {rounds:?}");
        if let Some(reading) = reading {
            let id = EntryId::new("0_a").unwrap();
            assert!(store.ask(&id, |view| view.is_current(&reading).unwrap()).0, "{files:?}");
            let mut changed = files.to_vec();
            changed[0].1 = "name = 'changed'";
            let store = Store::with(&changed, is_listable);
            assert!(!store.ask(&id, |view| view.is_current(&reading).unwrap()).0, "{files:?}");
        }
    }

    #[test]
    fn names_that_can_be_listed() {
        check(&[("0_b.mp4", "")], true, "-", &[2, 1]);
        check(&[("0_a.mp4", ""), ("0_b.mp4", "")], true, "0_a.mp4 +0", &[2]);
        check(&[("0_a.xyz", "")], true, "0_a.xyz +0", &[2, 1]);
        check(&[("0_a", "")], true, "0_a +0", &[2, 1]);
        check(&[("0_a.mp4", ""), ("0_a.toml", "")], true, "0_a.mp4 +0", &[2, 1]);
        check(&[("0_a.toml", "")], true, " +0", &[2, 2]);
        let rows = "[[flavors]]\nfile = 'low/360.mp4'";
        check(&[("0_a.mp4", ""), ("0_a.toml", rows), ("low/360.mp4", "")], true, "0_a.mp4 low/360.mp4 +0", &[2, 1, 1]);
        let folder = [("0_a/b.mp4", ""), ("0_a/b.en.vtt", ""), ("0_a/thumb.jpg", ""), ("0_a/hls/1.ts", "")];
        check(&folder, true, "0_a/b.mp4 +2", &[2]);
        let more = [("0_a/entry.toml", "name = 'A'"), ("0_a/attachments/x.pdf", "")];
        check(&[&folder[..], &more].concat(), true, "0_a/b.mp4 +3", &[2, 2]);
    }

    #[test]
    fn names_that_cannot() {
        let tried = naming::candidates(&EntryId::new("0_a").unwrap()).filter(|name| naming::is_tried(name)).count();
        check(&[("0_b.mp4", "")], false, "-", &[2 + tried]);
        check(&[("0_a.mp4", "")], false, "0_a.mp4 +0", &[2 + tried]);
        check(&[("0_a.toml", "name = 'A'"), ("0_a.mp4", "")], false, "0_a.mp4 +0", &[2 + tried]);
        let rows =
            "[[flavors]]\nfile = 'b.mp4'\n[[captions]]\nfile = 'b.en.vtt'\n[[attachments]]\nfile = 'attachments/x'";
        let files = [("0_a/entry.toml", rows), ("0_a/b.mp4", ""), ("0_a/b.en.vtt", ""), ("0_a/attachments/x", "")];
        check(&files, false, "0_a/b.mp4 +2", &[2 + tried, 3]);
        check(&files[..2], false, "0_a/entry.toml:3: there is no file \"b.en.vtt\" beside this", &[2 + tried, 3]);
    }
}
