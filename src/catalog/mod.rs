//! Loads entries: each is read when it is asked for, and looked at again when it has not been for a while.

pub mod directory;
mod folder;
mod recent;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, Shared};
use futures_util::{FutureExt, Stream, StreamExt, stream};

use self::directory::Fault;
use self::directory::gather::Reading;
use self::folder::Folder;
use self::recent::{Age, Recent};
use crate::entry::{Entry, EntryId};
use crate::error::{Code, Error, Kind, Result};

/// The settings of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The folder of media.
    pub media: PathBuf,
    /// How long an entry is used before its files are looked at again.
    pub entry_ttl: Duration,
    /// Most bytes of entries kept, roughly.
    pub entries_bytes_max: u64,
}

/// What changes on disk shows within about this time.
const ENTRY_TTL: Duration = Duration::from_secs(1);

/// Some twenty thousand entries of a few flavors.
const ENTRIES_BYTES_MAX: u64 = 64 << 20;

/// Most ids remembered to be nobody's. They are short, and a scan for ids gains nothing by pushing others out.
const ABSENT_MAX: usize = 16_384;

/// Most entries that are read at once when all of them are.
const WALK_WIDTH: usize = 8;

impl Default for Config {
    fn default() -> Config {
        Config { media: PathBuf::from("media"), entry_ttl: ENTRY_TTL, entries_bytes_max: ENTRIES_BYTES_MAX }
    }
}

/// Where entries come from: a folder of media. Clones are the same catalog.
#[derive(Clone, Debug)]
pub struct Catalog {
    shared: Arc<Store>,
}

/// A read under way, for all who wait for it.
type Flight = Shared<BoxFuture<'static, Result<Arc<Entry>>>>;

struct Store {
    library: Folder,
    present: Recent<Arc<Reading>>,
    absent: Recent<()>,
    flights: Mutex<HashMap<EntryId, Flight>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("library", &self.library).finish_non_exhaustive()
    }
}

impl Catalog {
    /// The catalog that `config` describes. Reads no names yet. Blocks for a moment.
    pub fn open(config: &Config) -> Result<Catalog> {
        let weight_max = usize::try_from(config.entries_bytes_max).unwrap_or(usize::MAX);
        let shared = Store {
            library: Folder::open(&config.media, config.entry_ttl)?,
            present: Recent::new(config.entry_ttl, weight_max),
            absent: Recent::new(config.entry_ttl, ABSENT_MAX),
            flights: Mutex::default(),
        };
        Ok(Catalog { shared: Arc::new(shared) })
    }

    /// The entry called `id`. Not found where there is none, or where what is said of it is wrong.
    pub async fn entry(&self, id: &EntryId) -> Result<Arc<Entry>> {
        let now = Instant::now();
        match self.shared.present.get(id, now) {
            Some((reading, Age::Fresh)) => answer(id, &reading),
            Some((reading, Age::Due)) => self.fly(id, Some(reading)).await,
            None if self.shared.is_absent(id, now) => Err(not_found(id)),
            None => self.fly(id, None).await,
        }
    }

    /// Reads the names of the library ahead of the first request that needs them, and gives their number.
    pub async fn survey(&self) -> Result<usize> {
        let listing = self.shared.library.listing().await?;
        Ok(listing.ids().count())
    }

    /// Every entry in the order of ids, each read when it is drawn, after the faults of names that belong to none.
    pub async fn walk(&self) -> Result<impl Stream<Item = std::result::Result<Arc<Entry>, Fault>>> {
        let library = &self.shared.library;
        let listing = library.listing().await?;
        let left_out: Vec<Fault> = listing.left_out().collect();
        let ids: Vec<EntryId> = listing.ids().collect();
        let read = move |id: EntryId| {
            let listing = Arc::clone(&listing);
            async move {
                match library.read_listed(&id, listing).await {
                    Ok(reading) => reading.map(|reading| reading.outcome.clone()),
                    Err(error) => Some(Err(Fault { file: id.to_string(), line: None, message: error.to_string() })),
                }
            }
        };
        let entries = stream::iter(ids).map(read).buffered(WALK_WIDTH).filter_map(std::future::ready);
        Ok(stream::iter(left_out.into_iter().map(Err)).chain(entries))
    }

    /// Joins the read of `id` that is under way, or starts one. It goes on when those who wait for it leave.
    fn fly(&self, id: &EntryId, known: Option<Arc<Reading>>) -> Flight {
        let mut flights = lock(&self.shared.flights);
        if let Some(flight) = flights.get(id) {
            return flight.clone();
        }
        let landing = Landing { store: Arc::clone(&self.shared), id: id.clone() };
        let task = tokio::spawn(async move { landing.store.fetch(&landing.id, known).await });
        let crashed = |_| Err(Error::new(Kind::Internal, "the entry's read was cut short"));
        let flight = task.map(move |joined| joined.unwrap_or_else(crashed)).boxed().shared();
        flights.insert(id.clone(), flight.clone());
        flight
    }
}

/// Ends a flight, whichever way it ends.
struct Landing {
    store: Arc<Store>,
    id: EntryId,
}

impl Drop for Landing {
    fn drop(&mut self) {
        lock(&self.store.flights).remove(&self.id);
    }
}

impl Store {
    /// True where `id` was found to be nobody's lately, or where the folder has no such name.
    fn is_absent(&self, id: &EntryId, now: Instant) -> bool {
        if matches!(self.absent.get(id, now), Some(((), Age::Fresh))) {
            return true;
        }
        self.library.lacks(id, now)
    }

    /// Reads `id`, unless what is `known` of it is still so, and remembers what it finds.
    async fn fetch(&self, id: &EntryId, known: Option<Arc<Reading>>) -> Result<Arc<Entry>> {
        let checked = Instant::now();
        let reading = match self.library.look(id, known.clone()).await {
            Ok(reading) => reading,
            // What was known is a better answer than none while the disk is away.
            Err(error) => match known {
                Some(known) => {
                    tracing::warn!(entry = %id, ?error, "the entry is served as it was");
                    return answer(id, &known);
                }
                None => return Err(error),
            },
        };
        let Some(reading) = reading else {
            self.present.remove(id);
            self.absent.put(id, (), 1, checked);
            return Err(not_found(id));
        };
        if let Err(fault) = &reading.outcome {
            let is_told = known.is_some_and(|known| known.outcome.as_ref() == Err(fault));
            if !is_told {
                tracing::warn!(entry = %id, "left out: {fault}");
            }
        }
        let answer = answer(id, &reading);
        self.present.put(id, Arc::clone(&reading), reading.weight(), checked);
        answer
    }
}

fn answer(id: &EntryId, reading: &Reading) -> Result<Arc<Entry>> {
    match &reading.outcome {
        Ok(entry) => Ok(Arc::clone(entry)),
        // What is wrong with it is for those who keep the library, not for those who ask.
        Err(_) => Err(not_found(id)),
    }
}

fn not_found(id: &EntryId) -> Error {
    Error::coded(Code::EntryNotFound, format!("there is no entry {id}"))
}

fn unreadable(error: io::Error) -> Error {
    Error::new(Kind::Unavailable, "the library cannot be read").caused_by(error)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
