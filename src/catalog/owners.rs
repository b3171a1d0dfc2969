//! Whose file an attachment, a caption file or a picture is, by its own name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::task::JoinHandle;

use super::recent::Recent;
use super::{Catalog, Home};
use crate::entry::{Entry, EntryId};
use crate::error::{Code, Error, Kind, Result};

/// Most entries that a name is tried against: a derived name is that of its entry with something behind a `_`, which may
/// have a few of its own.
const FRONTS_MAX: usize = 4;

/// The library is not gone through again for names of its own before so many times as long as that took.
const REST: u32 = 50;

/// Nor before this.
const REST_MIN: Duration = Duration::from_secs(5);

/// Longest that a request waits for the library to be gone through the first time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Nor is one elsewhere before this.
const REST_MIN_FAR: Duration = Duration::from_secs(60);

/// Most names of their own that are remembered.
const NAMES_MAX: usize = 500_000;

/// Most names at the front of a library elsewhere that is gone through: each may cost requests.
const FAR_MAX: usize = 10_000;

/// Most names of files elsewhere that are remembered because their entries were asked for.
const LEARNED_MAX: usize = 100_000;

/// Names of files that do not begin with those of their entries.
#[derive(Debug)]
pub(super) struct Owners {
    /// Those of entries elsewhere that were read, whether or not their library can be gone through.
    learned: Recent<Box<str>, EntryId>,
    /// As the library had them when it was gone through last.
    found: Mutex<Option<Arc<Found>>>,
    /// Held while the library is gone through, so that this is done once.
    gate: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Found {
    owners: HashMap<Box<str>, EntryId>,
    at: Instant,
    rest: Duration,
}

impl Catalog {
    /// The entry that has an attachment, captions or a picture called `asset`. Not found where none has.
    pub async fn owner(&self, asset: &str) -> Result<Arc<Entry>> {
        if let Some(id) = self.shared.owners.learned(asset)
            && let Some(entry) = self.having(&id, asset).await?
        {
            return Ok(entry);
        }
        let ends = asset.match_indices('_').map(|(at, _)| at).rev().take(FRONTS_MAX);
        for id in ends.filter_map(|end| EntryId::new(&asset[..end])) {
            if let Some(entry) = self.having(&id, asset).await? {
                return Ok(entry);
            }
        }
        if let Some(id) = self.named(asset).await?
            && let Some(entry) = self.having(&id, asset).await?
        {
            return Ok(entry);
        }
        Err(Error::coded(Code::EntryNotFound, format!("no entry has a file called {asset}")))
    }

    /// The entry called `id`, if it has the file.
    async fn having(&self, id: &EntryId, asset: &str) -> Result<Option<Arc<Entry>>> {
        match self.entry(id).await {
            Ok(entry) => Ok(Some(entry).filter(|entry| assets(entry).any(|own| own == asset))),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The entry that gave a file this name of its own. One that is new may not be known yet: that it was asked for has the
    /// library gone through again, if it tells its names.
    async fn named(&self, asset: &str) -> Result<Option<EntryId>> {
        if matches!(&self.shared.home, Home::Bucket(bucket) if !bucket.can_list()) {
            return Ok(None);
        }
        if let Some(found) = self.shared.owners.known() {
            let owner = found.owners.get(asset);
            let is_idle = || self.shared.owners.gate.try_lock().is_ok();
            if owner.is_none() && !found.is_fresh() && is_idle() {
                self.search_aside();
            }
            return Ok(owner.cloned());
        }
        let busy = |_| Error::new(Kind::Busy, "the library is being gone through for the names of its files");
        let stopped = |_| Error::new(Kind::Internal, "the search for names was cut short");
        let search = self.search_aside();
        let found = tokio::time::timeout(PATIENCE, search).await.map_err(busy)?.map_err(stopped)??;
        Ok(found.owners.get(asset).cloned())
    }

    /// Goes through the library in a task of its own, which goes on when those who wait for it leave.
    fn search_aside(&self) -> JoinHandle<Result<Arc<Found>>> {
        let catalog = self.clone();
        tokio::spawn(async move { catalog.search().await })
    }

    /// Goes through the library, unless another has done so meanwhile.
    async fn search(&self) -> Result<Arc<Found>> {
        let _gate = self.shared.owners.gate.lock().await;
        if let Some(found) = self.shared.owners.known().filter(|found| found.is_fresh()) {
            return Ok(found);
        }
        let found = Arc::new(self.gathered().await?);
        *self.shared.owners.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&found));
        Ok(found)
    }

    /// The names of files all over the library that do not lead to their entries; none in one elsewhere that is too large to
    /// be gone through.
    async fn gathered(&self) -> Result<Found> {
        let begun = Instant::now();
        let mut owners = HashMap::new();
        let (mut entries, rest_min) = match &self.shared.home {
            Home::Folder(_) => (self.walk().await?, REST_MIN),
            Home::Bucket(bucket) => {
                let names = bucket.names(FAR_MAX).await?;
                (if names.is_cut { stream::empty().boxed() } else { bucket.walk(names) }, REST_MIN_FAR)
            }
        };
        while let Some(entry) = entries.next().await {
            let Ok(entry) = entry else { continue };
            let foreign = foreign(&entry).take(NAMES_MAX.saturating_sub(owners.len()));
            owners.extend(foreign.map(|asset| (asset.into(), entry.id.clone())));
        }
        Ok(Found { owners, at: Instant::now(), rest: begun.elapsed().saturating_mul(REST).max(rest_min) })
    }
}

impl Owners {
    /// Nobody's.
    pub(super) fn new() -> Owners {
        let learned = Recent::new(Duration::MAX, LEARNED_MAX);
        Owners { learned, found: Mutex::default(), gate: tokio::sync::Mutex::default() }
    }

    /// Remembers the names of the files of `entry`, which rests elsewhere.
    pub(super) fn learn(&self, entry: &Entry) {
        for asset in foreign(entry) {
            self.learned.put(&asset.into(), entry.id.clone(), 1, Instant::now());
        }
    }

    fn learned(&self, asset: &str) -> Option<EntryId> {
        self.learned.get(&asset.into(), Instant::now()).map(|(id, _)| id)
    }

    fn known(&self) -> Option<Arc<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Found {
    fn is_fresh(&self) -> bool {
        self.at.elapsed() < self.rest
    }
}

/// Whether the name of a file leads to its entry.
fn is_derived(asset: &str, id: &EntryId) -> bool {
    asset.strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with('_') && rest.matches('_').count() <= FRONTS_MAX)
}

/// The names of an entry's files that do not lead to it.
fn foreign(entry: &Entry) -> impl Iterator<Item = &str> {
    assets(entry).filter(|asset| !is_derived(asset, &entry.id))
}

/// The names of an entry's files that are no flavors.
fn assets(entry: &Entry) -> impl Iterator<Item = &str> {
    let attachments = entry.attachments.iter().map(|attachment| attachment.id.as_str());
    let captions = entry.captions.iter().map(|caption| caption.id.as_str());
    attachments.chain(captions).chain(entry.thumbs.iter().map(|thumb| thumb.id.as_str()))
}
