//! A library at an origin elsewhere: each entry is looked for by itself, and no names are listed but those that may be its own.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::Semaphore;

use super::directory::Fault;
use super::directory::far::Far;
use super::directory::gather::Reading;
use super::directory::listing::Listing;
use super::directory::place::FILES_MAX;
use super::directory::rulebook::{self, Rulebook};
use super::directory::view::{Answer, View, Wish};
use super::directory::{naming, sidecar};
use super::{ROUNDS_MAX, unreadable, unsettled, walked};
use crate::entry::{Entry, EntryId, Source};
use crate::error::{Error, Kind, Result};
use crate::origin::{Listed, Origin};

/// Most entries that are looked for at once.
const LOOKS_MAX: usize = 64;

/// Most requests at once for one entry.
const ASKS_MAX: usize = 16;

/// A file with its bytes, which are missing where they are too many for a sidecar.
type Read = (Source, Option<Bytes>);

/// The names at the front of a store.
pub(super) struct Names {
    /// They, by entry.
    listing: Listing,
    files: BTreeMap<String, Source>,
    folders: HashSet<String>,
    /// The library's own profiles, or why they cannot be read.
    rules: Result<Option<Read>>,
    /// Whether there are more.
    pub(super) is_cut: bool,
}

/// A library at an origin.
#[derive(Debug)]
pub(super) struct Bucket {
    origin: Origin,
    far: Arc<Far>,
    rulebook: Arc<Rulebook>,
    looks: Semaphore,
}

impl Bucket {
    /// The library at the origin that `origin` reads from. Asks for nothing yet.
    pub(super) fn new(origin: Origin, far: Arc<Far>) -> Bucket {
        Bucket { origin, far, rulebook: Arc::default(), looks: Semaphore::new(LOOKS_MAX) }
    }

    /// `known` where it is still so, else what the origin has now.
    pub(super) async fn look(&self, id: &EntryId, known: Option<Arc<Reading>>) -> Result<Option<Arc<Reading>>> {
        let could_list = self.origin.can_list();
        let looked = self.look_from(self.view(id), id, known.clone()).await;
        // The store has only just turned out not to tell names: what it has is looked for without.
        if looked.is_err() && could_list && !self.origin.can_list() {
            return self.look_from(self.view(id), id, known).await;
        }
        looked
    }

    /// Whether it tells its names, as far as is known.
    pub(super) fn can_list(&self) -> bool {
        self.origin.can_list()
    }

    /// The names at the front of the store, `count_max` at most, and the library's own profiles.
    pub(super) async fn names(&self, count_max: usize) -> Result<Names> {
        let listed = self.origin.list("", count_max).await?;
        let listing = Listing::of_store(&listed);
        let files = listed.files.into_iter().map(|source| (source.location.to_string(), source));
        let files: BTreeMap<String, Source> = files.collect();
        let may_have = listed.is_cut || files.contains_key(naming::ACCESS_CONTROL);
        let rules = if may_have { self.read(naming::ACCESS_CONTROL).await } else { Ok(None) };
        Ok(Names { listing, files, folders: listed.folders.into_iter().collect(), rules, is_cut: listed.is_cut })
    }

    /// Every entry of `names`, each read when it is drawn, after the faults of names that belong to none.
    pub(super) fn walk(&self, names: Names) -> BoxStream<'_, std::result::Result<Arc<Entry>, Fault>> {
        let faults = self.rule_faults(&names);
        let names = Arc::new(names);
        let all = Arc::clone(&names);
        walked(&names.listing, faults, move |id| self.read_listed(id, Arc::clone(&all)).boxed())
    }

    fn rule_faults(&self, names: &Names) -> Vec<Fault> {
        match &names.rules {
            Ok(None) => Vec::new(),
            Ok(Some((_, text))) => rulebook::faults(Some(&self.rulebook.rules(text.clone().into()))),
            Err(error) => {
                vec![Fault { file: naming::ACCESS_CONTROL.to_owned(), line: None, message: error.to_string() }]
            }
        }
    }

    /// Reads an entry of which `names` has been told.
    async fn read_listed(&self, id: EntryId, names: Arc<Names>) -> Result<Option<Arc<Reading>>> {
        let (mut view, prefix) = (self.view(&id), format!("{id}."));
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        let own = names.files.range::<str, _>(from).take_while(|(name, _)| name.starts_with(&prefix));
        let files = own.map(|(_, source)| source.clone()).collect();
        view.learn(Answer::File(id.to_string(), names.files.get(id.as_str()).cloned()));
        view.learn(Answer::Names(prefix, Listed { files, is_cut: names.is_cut, ..Listed::default() }));
        // Where they cannot be read, that is found by the entries that need them.
        if let Ok(rules) = &names.rules {
            view.learn(Answer::Text(naming::ACCESS_CONTROL.to_owned(), rules.clone()));
        }
        if !names.folders.contains(id.as_str()) && !names.is_cut {
            view.learn(Answer::Names(format!("{id}/"), Listed::default()));
        }
        self.look_from(view, &id, None).await
    }

    fn view(&self, id: &EntryId) -> View {
        View::new(id, self.origin.can_list(), Arc::clone(&self.far), Arc::clone(&self.rulebook))
    }

    async fn look_from(
        &self,
        mut view: View,
        id: &EntryId,
        known: Option<Arc<Reading>>,
    ) -> Result<Option<Arc<Reading>>> {
        let _permit = self.looks.acquire().await.map_err(|_| Error::new(Kind::Internal, "the catalog is closed"))?;
        if let Some(known) = known
            && self.settled(&mut view, |view| view.is_current(&known)).await?
        {
            return Ok(Some(known));
        }
        let now = SystemTime::now();
        Ok(self.settled(&mut view, |view| view.read(id, now)).await?.map(Arc::new))
    }

    /// What `look` gives once all that counts was asked for.
    async fn settled<T>(&self, view: &mut View, look: impl Fn(&View) -> io::Result<T>) -> Result<T> {
        for _ in 0..ROUNDS_MAX {
            let seen = look(view).map_err(unreadable)?;
            let wishes = view.wishes();
            if wishes.is_empty() {
                return Ok(seen);
            }
            let answers = stream::iter(wishes).map(|wish| self.ask(wish)).buffer_unordered(ASKS_MAX);
            // All are waited for, also where one fails: of an origin that comes back, one request is what tells.
            let answers: Vec<Result<Answer>> = answers.collect().await;
            for answer in answers {
                view.learn(answer?);
            }
        }
        Err(unsettled())
    }

    async fn ask(&self, wish: Wish) -> Result<Answer> {
        match wish {
            Wish::File(path) => self.origin.find(&path).await.map(|seen| Answer::File(path, seen)),
            Wish::Far(url) => self.far.find(&url).await.map(|()| Answer::Far),
            Wish::Names(prefix) => {
                let listed = self.origin.list(&prefix, FILES_MAX).await?;
                Ok(Answer::Names(prefix, listed))
            }
            Wish::Text(path) => {
                let read = self.read(&path).await?;
                Ok(Answer::Text(path, read))
            }
        }
    }

    async fn read(&self, path: &str) -> Result<Option<Read>> {
        match self.origin.fetch(path, sidecar::BYTES_MAX).await {
            Err(error) if error.kind() == Kind::TooLarge => {
                Ok(self.origin.find(path).await?.map(|source| (source, None)))
            }
            fetched => Ok(fetched?.map(|(source, bytes)| (source, Some(bytes)))),
        }
    }
}
