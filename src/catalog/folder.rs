//! A library on a disk: looked at from threads that may block, the names of its folder kept for a while.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::directory::far::Far;
use super::directory::gather::Reading;
use super::directory::listing::Listing;
use super::directory::rulebook::Rules;
use super::directory::{Library, Sight};
use super::{ROUNDS_MAX, unreadable, unsettled};
use crate::entry::EntryId;
use crate::error::{Error, Kind, Result};

/// Most looks at the disk at once: enough to keep a slow disk busy, few enough to leave threads to others.
const LOOKS_MAX: usize = 32;

/// A folder whose names take longer than this to read is read again only after so many times as long.
const LISTING_CHEAP: Duration = Duration::from_millis(20);
/// How many times as long.
const LISTING_REST: u32 = 10;

/// Most names that the log tells of at once.
const TOLD_MAX: usize = 20;

/// A folder of media, with what is remembered of its names.
#[derive(Debug)]
pub(super) struct Folder {
    library: Arc<Library>,
    far: Arc<Far>,
    ttl: Duration,
    looks: Semaphore,
    names: RwLock<Option<Names>>,
    /// Held while the folder's names are read, so that they are read once.
    names_gate: tokio::sync::Mutex<()>,
}

/// The names of the library's folder, and how much is known of their truth.
#[derive(Clone, Debug)]
struct Names {
    listing: Arc<Listing>,
    read_at: SystemTime,
    read: Instant,
    cost: Duration,
    /// `None` where they are to be looked at again.
    checked: Option<Instant>,
    /// Whether the folder was seen to have just these names at the last check.
    is_exact: bool,
}

impl Folder {
    /// The folder at `path`, whose names are looked at again after `ttl`. Reads no names yet. Blocks for a moment.
    pub(super) fn open(path: &Path, ttl: Duration, far: Arc<Far>) -> Result<Folder> {
        let cannot = |error: io::Error| {
            let message = format!("the media folder {} cannot be opened", path.display());
            Error::new(Kind::Unavailable, message).caused_by(error)
        };
        Ok(Folder {
            library: Arc::new(Library::open(path, Arc::clone(&far)).map_err(cannot)?),
            far,
            ttl,
            looks: Semaphore::new(LOOKS_MAX),
            names: RwLock::default(),
            names_gate: tokio::sync::Mutex::default(),
        })
    }

    /// True where the folder was seen lately to have no name for `id`.
    pub(super) fn lacks(&self, id: &EntryId, now: Instant) -> bool {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let exact = names.as_ref().filter(|names| names.is_exact && names.is_fresh(now, self.ttl));
        exact.is_some_and(|names| names.listing.hint(id).is_none())
    }

    /// Has the names looked at again before any is said not to be there.
    pub(super) fn doubt_names(&self) {
        if let Some(names) = self.names.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
            names.checked = None;
        }
    }

    /// `known` where it is still so, else what is on the disk now.
    pub(super) async fn look(&self, id: &EntryId, known: Option<Arc<Reading>>) -> Result<Option<Arc<Reading>>> {
        let wanted = id.clone();
        let first = move |sight: &Sight<'_>| match &known {
            Some(known) if sight.is_current(known)? => Ok(Some(Arc::clone(known))),
            _ => Ok(sight.read(&wanted, None, SystemTime::now())?.map(Arc::new)),
        };
        if let Some(reading) = self.settled(first).await? {
            return Ok(Some(reading));
        }
        let listing = self.listing().await?;
        match listing.hint(id) {
            None => Ok(None),
            Some(_) => self.read_listed(id.clone(), listing).await,
        }
    }

    /// Reads an entry with the help of a listing.
    pub(super) async fn read_listed(&self, id: EntryId, listing: Arc<Listing>) -> Result<Option<Arc<Reading>>> {
        self.settled(move |sight| Ok(sight.read(&id, listing.hint(&id), SystemTime::now())?.map(Arc::new))).await
    }

    /// The library's own profiles of rules; `None` where it has no file of them.
    pub(super) async fn rules(&self) -> Result<Option<Arc<Rules>>> {
        self.blocking(Library::rules).await
    }

    /// The names of the folder, looked at lately.
    pub(super) async fn listing(&self) -> Result<Arc<Listing>> {
        let _gate = self.names_gate.lock().await;
        let now = Instant::now();
        let known = self.names.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(names) = known.as_ref().filter(|names| names.is_fresh(now, self.ttl)) {
            return Ok(Arc::clone(&names.listing));
        }
        let names = self.blocking(move |library| Names::look(library, known, now)).await?;
        let listing = Arc::clone(&names.listing);
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = Some(names);
        Ok(listing)
    }

    /// What `look` gives once all files elsewhere that count were looked at.
    async fn settled<T: Send + 'static>(
        &self,
        look: impl Fn(&Sight<'_>) -> io::Result<T> + Clone + Send + 'static,
    ) -> Result<T> {
        for _ in 0..ROUNDS_MAX {
            let look = look.clone();
            let seen = move |library: &Library| {
                let sight = library.sight();
                Ok((look(&sight)?, sight.unseen()))
            };
            let (found, unseen) = self.blocking(seen).await?;
            if unseen.is_empty() {
                return Ok(found);
            }
            join_all(unseen.iter().map(|url| self.far.find(url))).await.into_iter().collect::<Result<()>>()?;
        }
        Err(unsettled())
    }

    async fn blocking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Library) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let stopped = |_| Error::new(Kind::Internal, "the library's reader stopped");
        let _permit = self.looks.acquire().await.map_err(|_| Error::new(Kind::Internal, "the catalog is closed"))?;
        let library = Arc::clone(&self.library);
        tokio::task::spawn_blocking(move || look(&library)).await.map_err(stopped)?.map_err(unreadable)
    }

    /// How often a folder's names were read.
    #[cfg(test)]
    pub(super) fn lists(&self) -> u64 {
        self.library.lists()
    }
}

impl Names {
    fn is_fresh(&self, now: Instant, ttl: Duration) -> bool {
        self.checked.is_some_and(|checked| now.saturating_duration_since(checked) < ttl)
    }

    /// The names as they are, or `known` ones where nothing changed or reading them again would take too much of the time.
    fn look(library: &Library, known: Option<Names>, now: Instant) -> io::Result<Names> {
        if let Some(names) = &known {
            let is_same = library.is_listed(&names.listing, names.read_at)?;
            let rests = now.saturating_duration_since(names.read) < names.cost.saturating_mul(LISTING_REST);
            if is_same || (rests && names.cost > LISTING_CHEAP) {
                let is_exact = is_same && names.listing.is_whole;
                return Ok(Names { checked: Some(now), is_exact, ..names.clone() });
            }
        }
        let read_at = SystemTime::now();
        let start = Instant::now();
        let listing = Arc::new(library.list()?);
        tell_left_out(&listing, known.as_ref().map(|names| &*names.listing));
        let is_exact = listing.is_whole;
        Ok(Names { listing, read_at, read: now, cost: start.elapsed(), checked: Some(now), is_exact })
    }
}

/// Tells the log of names that belong to no entry and were not told of before.
fn tell_left_out(listing: &Listing, before: Option<&Listing>) {
    let told: HashSet<String> = before.into_iter().flat_map(Listing::left_out).map(|fault| fault.to_string()).collect();
    let faults = listing.left_out().map(|fault| fault.to_string());
    for fault in faults.filter(|fault| !told.contains(fault)).take(TOLD_MAX) {
        tracing::warn!("{fault}");
    }
}
