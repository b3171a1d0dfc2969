//! Loads entries: each is read when it is asked for, and looked at again when it has not been for a while.

mod bucket;
pub mod directory;
mod folder;
mod owners;
mod recent;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, Shared};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};

use self::bucket::Bucket;
use self::directory::far::Far;
use self::directory::gather::Reading;
use self::directory::listing::Listing;
use self::directory::rulebook;
use self::directory::{CHILDREN_MAX, Fault};
use self::folder::Folder;
use self::owners::Owners;
use self::recent::{Age, Recent};
use crate::entry::{Entry, EntryId};
use crate::error::{Code, Error, Kind, Result};
use crate::origin::{self, Origin, carried};

/// The settings of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The folder of media, or the URL of an origin beneath which they rest.
    pub media: PathBuf,
    /// How long an entry is used before its files are looked at again; `None` for a time that suits where they rest.
    pub entry_ttl: Option<Duration>,
    /// Most bytes of entries kept, roughly.
    pub entries_bytes_max: u64,
    /// How long an entry is used whose library cannot be asked whether it is still so.
    pub stale_max: Duration,
}

/// What changes on disk shows within about this time.
const ENTRY_TTL: Duration = Duration::from_secs(1);
/// What changes elsewhere is asked for about as often: a request for names costs time, and at most stores money.
const ENTRY_TTL_FAR: Duration = Duration::from_secs(30);

/// A day: long enough for somebody to repair what is broken.
const STALE_MAX: Duration = Duration::from_secs(86_400);

/// Some twenty thousand entries of a few flavors.
const ENTRIES_BYTES_MAX: u64 = 64 << 20;

/// Most ids remembered to be nobody's. They are short, and a scan for ids gains nothing by pushing others out.
const ABSENT_MAX: usize = 16_384;

/// Most entries that are read at once when all of them are.
const WALK_WIDTH: usize = 16;

/// How often more may turn out to be asked for: names, then a sidecar, then the files that it names.
const ROUNDS_MAX: usize = 8;

impl Default for Config {
    fn default() -> Config {
        Config {
            media: PathBuf::from("media"),
            entry_ttl: None,
            entries_bytes_max: ENTRIES_BYTES_MAX,
            stale_max: STALE_MAX,
        }
    }
}

/// Where entries come from: a library of media. Clones are the same catalog.
#[derive(Clone, Debug)]
pub struct Catalog {
    shared: Arc<Store>,
}

/// A read under way, for all who wait for it.
type Flight = Shared<BoxFuture<'static, Result<Arc<Entry>>>>;

struct Store {
    home: Home,
    far: Arc<Far>,
    present: Recent<EntryId, Arc<Known>>,
    absent: Recent<EntryId, ()>,
    flights: Mutex<HashMap<EntryId, Flight>>,
    /// How often anything was forgotten: what a read found that began before is not remembered.
    forgotten: AtomicU64,
    owners: Owners,
    stale_max: Duration,
}

/// What is known of an entry.
#[derive(Debug)]
struct Known {
    reading: Arc<Reading>,
    /// When it was seen to be so.
    seen: Instant,
    /// Whether the library could not be asked since.
    is_doubtful: AtomicBool,
}

impl Known {
    /// How long ago it was seen, where nobody can tell whether it is still so.
    fn doubt(&self) -> Option<Duration> {
        self.is_doubtful.load(Ordering::Relaxed).then(|| self.seen.elapsed())
    }
}

/// Where the library rests.
#[derive(Debug)]
enum Home {
    Folder(Folder),
    Bucket(Bucket),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Catalog {
    /// The catalog that `config` describes, of a library whose files `origin` reads. Reads no names yet. Blocks for a moment.
    pub fn open(config: &Config, origin: Origin) -> Result<Catalog> {
        let is_far = origin::is_remote(&config.media);
        let ttl = config.entry_ttl.unwrap_or(if is_far { ENTRY_TTL_FAR } else { ENTRY_TTL });
        let ttl_far = config.entry_ttl.unwrap_or(ENTRY_TTL_FAR);
        let far = Arc::new(Far::new(origin.clone(), ttl_far, config.stale_max));
        let home = match is_far {
            true => Home::Bucket(Bucket::new(origin, Arc::clone(&far))),
            false => Home::Folder(Folder::open(&config.media, ttl, Arc::clone(&far))?),
        };
        let weight_max = usize::try_from(config.entries_bytes_max).unwrap_or(usize::MAX);
        let shared = Store {
            home,
            far,
            present: Recent::new(ttl, weight_max),
            absent: Recent::new(ttl, ABSENT_MAX),
            flights: Mutex::default(),
            forgotten: AtomicU64::default(),
            owners: Owners::new(),
            stale_max: config.stale_max,
        };
        Ok(Catalog { shared: Arc::new(shared) })
    }

    /// The entry called `id`. Not found where there is none, or where what is said of it is wrong.
    pub async fn entry(&self, id: &EntryId) -> Result<Arc<Entry>> {
        let now = Instant::now();
        match self.shared.present.get(id, now) {
            // What has not been seen for too long is as good as nothing.
            Some((known, _)) if known.doubt() > Some(self.shared.stale_max) => self.fly(id, Some(known)).await,
            Some((known, Age::Fresh)) => answer(id, &known.reading),
            Some((known, Age::Due)) => {
                let flight = self.fly(id, Some(Arc::clone(&known)));
                match self.shared.home {
                    Home::Folder(_) => flight.await,
                    // A look elsewhere takes its time, and nobody waits for it who can have what was known.
                    Home::Bucket(_) => answer(id, &known.reading),
                }
            }
            None if self.shared.is_absent(id, now) => Err(not_found(id)),
            None => self.fly(id, None).await,
        }
    }

    /// The entry called `id`, where nothing has to be looked at for it, and nothing makes it doubtful.
    pub fn glance(&self, id: &EntryId) -> Option<Arc<Entry>> {
        let known = self.shared.present.fresh(id, Instant::now()).filter(|known| known.doubt().is_none())?;
        answer(id, &known.reading).ok()
    }

    /// How long ago the entry called `id` was seen, where nobody can tell whether it is still so because its library cannot be
    /// asked; `None` where that is not in doubt.
    pub fn doubt(&self, id: &EntryId) -> Option<Duration> {
        self.shared.present.fresh(id, Instant::now())?.doubt()
    }

    /// Forgets what is known of `id`: a file of it turned out to be another by now.
    pub fn forget(&self, id: &EntryId) {
        self.shared.begin_anew();
        if let Some((known, _)) = self.shared.present.get(id, Instant::now()) {
            known.reading.urls().for_each(|url| self.shared.far.forget(url));
        }
        self.shared.present.remove(id);
        self.shared.absent.remove(id);
    }

    /// Forgets what is known of all entries.
    pub fn forget_all(&self) {
        self.shared.begin_anew();
        self.shared.far.forget_all();
        self.shared.present.clear();
        self.shared.absent.clear();
    }

    /// Reads the names of the library's folder, and its own profiles of rules, ahead of the first request that needs them, and
    /// gives the number of entries; `None` for a library elsewhere, whose names are never read for a request.
    pub async fn survey(&self) -> Result<Option<usize>> {
        match &self.shared.home {
            Home::Folder(folder) => {
                folder.rules().await?;
                Ok(Some(folder.listing().await?.ids().count()))
            }
            Home::Bucket(_) => Ok(None),
        }
    }

    /// Every entry in the order of ids, each read when it is drawn, after the faults of names that belong to none, and of the
    /// library's own profiles of rules. Fails with [`Kind::Unsupported`] where an origin does not tell the names of its files.
    pub async fn walk(&self) -> Result<BoxStream<'_, std::result::Result<Arc<Entry>, Fault>>> {
        match &self.shared.home {
            Home::Folder(folder) => {
                let rules = folder.rules().await?;
                let listing = folder.listing().await?;
                let all = Arc::clone(&listing);
                Ok(walked(&listing, rulebook::faults(rules.as_deref()), move |id| {
                    folder.read_listed(id, Arc::clone(&all)).boxed()
                }))
            }
            Home::Bucket(bucket) => Ok(bucket.walk(bucket.names(CHILDREN_MAX).await?)),
        }
    }

    /// Joins the read of `id` that is under way, or starts one. It goes on when those who wait for it leave.
    fn fly(&self, id: &EntryId, known: Option<Arc<Known>>) -> Flight {
        let mut flights = lock(&self.shared.flights);
        if let Some(flight) = flights.get(id) {
            return flight.clone();
        }
        // One may have landed since nothing was known.
        if known.is_none()
            && let Some(entry) = self.glance(id)
        {
            return std::future::ready(Ok(entry)).boxed().shared();
        }
        let landing = Landing { store: Arc::clone(&self.shared), id: id.clone() };
        let task = tokio::spawn(carried(async move { landing.store.fetch(&landing.id, known).await }));
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
        let lacks = || matches!(&self.home, Home::Folder(folder) if folder.lacks(id, now));
        matches!(self.absent.get(id, now), Some(((), Age::Fresh))) || lacks()
    }

    /// Nobody joins the reads that are under way, nothing of what they find is remembered, and no name is known to be missing.
    fn begin_anew(&self) {
        self.forgotten.fetch_add(1, Ordering::Relaxed);
        if let Home::Folder(folder) = &self.home {
            folder.doubt_names();
        }
        let flights = std::mem::take(&mut *lock(&self.flights));
        drop(flights);
    }

    /// Reads `id`, unless what is `known` of it is still so, and remembers what it finds.
    async fn fetch(&self, id: &EntryId, known: Option<Arc<Known>>) -> Result<Arc<Entry>> {
        let (checked, forgotten) = (Instant::now(), self.forgotten.load(Ordering::Relaxed));
        let is_recent = || self.forgotten.load(Ordering::Relaxed) == forgotten;
        let before = known.as_ref().map(|known| Arc::clone(&known.reading));
        let looked = match &self.home {
            Home::Folder(folder) => folder.look(id, before.clone()).await,
            Home::Bucket(bucket) => bucket.look(id, before.clone()).await,
        };
        let reading = match looked {
            Ok(reading) => reading,
            // What was known is a better answer than none while the library is away.
            Err(error) => return self.as_it_was(id, known.as_deref(), error),
        };
        let Some(reading) = reading else {
            self.present.remove(id);
            if is_recent() {
                self.absent.put(id, (), 1, checked);
            }
            return Err(not_found(id));
        };
        if let Err(fault) = &reading.outcome {
            let is_told = before.is_some_and(|before| before.outcome.as_ref() == Err(fault));
            if !is_told {
                tracing::warn!(entry = %id, "left out: {fault}");
            }
        }
        let answer = answer(id, &reading);
        if let (Home::Bucket(_), Ok(entry)) = (&self.home, &answer) {
            self.owners.learn(entry);
        }
        if is_recent() {
            let weight = reading.weight();
            let known = Known { reading, seen: checked, is_doubtful: AtomicBool::new(false) };
            self.present.put(id, Arc::new(known), weight, checked);
        }
        answer
    }

    /// What was known of an entry, which is a better answer than none while its library is away, but not for ever.
    fn as_it_was(&self, id: &EntryId, known: Option<&Known>, error: Error) -> Result<Arc<Entry>> {
        let Some(known) = known else { return Err(error) };
        let is_told = known.is_doubtful.swap(true, Ordering::Relaxed);
        if known.seen.elapsed() > self.stale_max {
            return Err(error);
        }
        if !is_told {
            tracing::warn!(entry = %id, ?error, "the entry is served as it was");
        }
        answer(id, &known.reading)
    }
}

/// The faults of a listing, then `more`, then its entries as `read` finds them.
fn walked<'a>(
    listing: &Listing,
    more: Vec<Fault>,
    read: impl Fn(EntryId) -> BoxFuture<'a, Result<Option<Arc<Reading>>>> + Send + 'a,
) -> BoxStream<'a, std::result::Result<Arc<Entry>, Fault>> {
    let left_out: Vec<Fault> = listing.left_out().collect();
    let ids: Vec<EntryId> = listing.ids().collect();
    let found = move |id: EntryId| {
        let reading = read(id.clone());
        async move {
            match reading.await {
                Ok(reading) => reading.map(|reading| reading.outcome.clone()),
                Err(error) => Some(Err(Fault { file: id.to_string(), line: None, message: error.to_string() })),
            }
        }
    };
    let entries = stream::iter(ids).map(found).buffered(WALK_WIDTH).filter_map(std::future::ready);
    stream::iter(left_out.into_iter().chain(more).map(Err)).chain(entries).boxed()
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

fn unsettled() -> Error {
    Error::new(Kind::Unavailable, "the library changes faster than it can be read")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
