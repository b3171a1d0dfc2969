//! Loads entries: each is read when it is asked for, and looked at again when it has not been for a while.

pub mod directory;
mod owners;
mod recent;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;

use self::directory::listing::Listing;
use self::directory::{Fault, Library, Reading};
use self::owners::Owners;
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

/// Most looks at the disk at once: enough to keep a slow disk busy, few enough to leave threads to others.
const LOOKS_MAX: usize = 32;

/// A folder whose names take longer than this to read is read again only after so many times as long.
const LISTING_CHEAP: Duration = Duration::from_millis(20);
/// How many times as long.
const LISTING_REST: u32 = 10;

/// Most names that the log tells of at once.
const TOLD_MAX: usize = 20;

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
    library: Library,
    ttl: Duration,
    present: Recent<Arc<Reading>>,
    absent: Recent<()>,
    flights: Mutex<HashMap<EntryId, Flight>>,
    looks: Semaphore,
    names: RwLock<Option<Names>>,
    owners: Owners,
    /// Held while the folder's names are read, so that they are read once.
    names_gate: tokio::sync::Mutex<()>,
}

/// The names of the library's folder, and how much is known of their truth.
#[derive(Clone)]
struct Names {
    listing: Arc<Listing>,
    read_at: SystemTime,
    read: Instant,
    cost: Duration,
    checked: Instant,
    /// Whether the folder was seen to have just these names at the last check.
    is_exact: bool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("library", &self.library).finish_non_exhaustive()
    }
}

impl Catalog {
    /// The catalog that `config` describes. Reads no names yet. Blocks for a moment.
    pub fn open(config: &Config) -> Result<Catalog> {
        let cannot = |error: io::Error| {
            let message = format!("the media folder {} cannot be opened", config.media.display());
            Error::new(Kind::Unavailable, message).caused_by(error)
        };
        let weight_max = usize::try_from(config.entries_bytes_max).unwrap_or(usize::MAX);
        let shared = Store {
            library: Library::open(&config.media).map_err(cannot)?,
            ttl: config.entry_ttl,
            present: Recent::new(config.entry_ttl, weight_max),
            absent: Recent::new(config.entry_ttl, ABSENT_MAX),
            flights: Mutex::default(),
            looks: Semaphore::new(LOOKS_MAX),
            names: RwLock::default(),
            owners: Owners::default(),
            names_gate: tokio::sync::Mutex::default(),
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
        let listing = self.shared.listing().await?;
        Ok(listing.ids().count())
    }

    /// Every entry in the order of ids, each read when it is drawn, after the faults of names that belong to none. Blocks.
    pub fn walk(&self) -> Result<impl Iterator<Item = std::result::Result<Arc<Entry>, Fault>>> {
        let library = &self.shared.library;
        let listing = library.list().map_err(unreadable)?;
        let left_out: Vec<Fault> = listing.left_out().collect();
        let ids: Vec<EntryId> = listing.ids().collect();
        let entry = move |id: EntryId| match library.read(&id, listing.hint(&id), SystemTime::now()) {
            Ok(reading) => Some(reading?.outcome),
            Err(error) => Some(Err(Fault { file: id.to_string(), line: None, message: error.to_string() })),
        };
        Ok(left_out.into_iter().map(Err).chain(ids.into_iter().filter_map(entry)))
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
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let exact = names.as_ref().filter(|names| names.is_exact && names.is_fresh(now, self.ttl));
        exact.is_some_and(|names| names.listing.hint(id).is_none())
    }

    /// Reads `id`, unless what is `known` of it is still so, and remembers what it finds.
    async fn fetch(self: &Arc<Store>, id: &EntryId, known: Option<Arc<Reading>>) -> Result<Arc<Entry>> {
        let checked = Instant::now();
        let reading = match self.look(id, known.clone()).await {
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

    /// `known` where it is still so, else what is on the disk now.
    async fn look(self: &Arc<Store>, id: &EntryId, known: Option<Arc<Reading>>) -> Result<Option<Arc<Reading>>> {
        let wanted = id.clone();
        let first = move |library: &Library| match known {
            Some(known) if library.is_current(&known)? => Ok(Some(known)),
            _ => Ok(library.read(&wanted, None, SystemTime::now())?.map(Arc::new)),
        };
        if let Some(reading) = self.blocking(first).await? {
            return Ok(Some(reading));
        }
        let listing = self.listing().await?;
        let wanted = id.clone();
        let second = move |library: &Library| match listing.hint(&wanted) {
            None => Ok(None),
            hint => Ok(library.read(&wanted, hint, SystemTime::now())?.map(Arc::new)),
        };
        self.blocking(second).await
    }

    /// The names of the library's folder, looked at lately.
    async fn listing(self: &Arc<Store>) -> Result<Arc<Listing>> {
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

    async fn blocking<T: Send + 'static>(
        self: &Arc<Store>,
        look: impl FnOnce(&Library) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let stopped = |_| Error::new(Kind::Internal, "the library's reader stopped");
        let _permit = self.looks.acquire().await.map_err(|_| Error::new(Kind::Internal, "the catalog is closed"))?;
        let store = Arc::clone(self);
        tokio::task::spawn_blocking(move || look(&store.library)).await.map_err(stopped)?.map_err(unreadable)
    }
}

impl Names {
    fn is_fresh(&self, now: Instant, ttl: Duration) -> bool {
        now.saturating_duration_since(self.checked) < ttl
    }

    /// The names as they are, or `known` ones where nothing changed or reading them again would take too much of the time.
    fn look(library: &Library, known: Option<Names>, now: Instant) -> io::Result<Names> {
        if let Some(names) = &known {
            let is_same = library.is_listed(&names.listing, names.read_at)?;
            let rests = now.saturating_duration_since(names.read) < names.cost.saturating_mul(LISTING_REST);
            if is_same || (rests && names.cost > LISTING_CHEAP) {
                let is_exact = is_same && names.listing.is_whole;
                return Ok(Names { checked: now, is_exact, ..names.clone() });
            }
        }
        let read_at = SystemTime::now();
        let start = Instant::now();
        let listing = Arc::new(library.list()?);
        tell_left_out(&listing, known.as_ref().map(|names| &*names.listing));
        let is_exact = listing.is_whole;
        Ok(Names { listing, read_at, read: now, cost: start.elapsed(), checked: now, is_exact })
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
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::sync::atomic::{AtomicU32, Ordering};

    use proptest::prelude::*;

    use super::*;
    use crate::entry::{EntryKind, Status};

    const LONG: Duration = Duration::from_secs(3600);

    /// A folder that goes with its test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Folder {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("vedette-catalog-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Folder(path)
        }

        fn with(files: &[(&str, &str)]) -> Folder {
            let folder = Folder::new();
            for (name, text) in files {
                folder.write(name, text);
            }
            folder
        }

        /// Writes a file, or makes a folder where the name ends in a slash.
        fn write(&self, name: &str, text: &str) {
            let path = self.0.join(name);
            if name.ends_with('/') {
                return fs::create_dir_all(path).unwrap();
            }
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// Makes many names of empty files: links to a few, which cost less than files of their own.
        fn fill(&self, names: impl Iterator<Item = String>) {
            for (at, name) in names.enumerate() {
                // A file of ext4 has 65,000 names at most.
                let original = self.0.join(format!(".{}", at / 50_000));
                if at % 50_000 == 0 {
                    fs::File::create(&original).unwrap();
                }
                fs::hard_link(original, self.0.join(name)).unwrap();
            }
        }

        fn catalog(&self, entry_ttl: Duration) -> Catalog {
            Catalog::open(&Config { media: self.0.clone(), entry_ttl, ..Config::default() }).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn id(text: &str) -> EntryId {
        EntryId::new(text).unwrap()
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
    }

    /// An entry as `kind status: location@size …`; `-` where there is none.
    async fn show(catalog: &Catalog, entry: &str) -> String {
        match catalog.entry(&id(entry)).await {
            Ok(entry) => {
                let files = entry.flavors.iter().map(|flavor| &flavor.source);
                let files: Vec<String> = files.map(|s| format!("{}@{}", s.location, s.size)).collect();
                format!("{:?} {:?}: {}", entry.kind, entry.status, files.join(" "))
            }
            Err(error) => {
                assert_eq!((error.kind(), error.code()), (Kind::NotFound, Some(Code::EntryNotFound)), "{error:?}");
                "-".to_owned()
            }
        }
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], entry: &str, expected: &str) {
        let folder = Folder::with(files);
        let shown = run(async { show(&folder.catalog(LONG), entry).await });
        assert_eq!(shown, expected, "{files:?} {entry}");
    }

    #[test]
    fn every_child_is_an_entry() {
        check(&[("0_a.mp4", "xyz")], "0_a", "Video Ready: 0_a.mp4@3");
        check(&[("0_a.MOV", "")], "0_a", "Video Ready: 0_a.MOV@0");
        check(&[("0_a.Mp4", "")], "0_a", "Video Ready: 0_a.Mp4@0");
        check(&[("0_a.jpg", "x")], "0_a", "Image Ready: 0_a.jpg@1");
        check(&[("0_a.mp3", "x")], "0_a", "Audio Ready: 0_a.mp3@1");
        check(&[("0_a.pdf", "x")], "0_a", "Document Ready: 0_a.pdf@1");
        check(&[("0_a.xyz", "x")], "0_a", "Data Ready: 0_a.xyz@1");
        check(&[("0_a", "x")], "0_a", "Data Ready: 0_a@1");
        check(&[("a.b.c.mp4", "x")], "a.b.c", "Video Ready: a.b.c.mp4@1");
        check(&[("0_a.mp4", "x")], "0_a.mp4", "-");
        check(&[("0_a.mp4.part", "x")], "0_a.mp4", "-");
        check(&[("0_a.mp4", "x")], "0_b", "-");
        check(&[("0_a/", "")], "0_a", "Video NoContent: ");
        check(&[("0_a/entry.toml", "name = 'soon'\ntype = 'image'")], "0_a", "Image NoContent: ");
        check(&[("0_a/b.mp4", "x"), ("0_a/c.webm", "xx")], "0_a", "Video Ready: 0_a/b.mp4@1 0_a/c.webm@2");
        check(&[("0_a/b.mp4", "x"), ("0_a/sub/c.mp4", "")], "0_a", "Video Ready: 0_a/b.mp4@1");
        check(&[("0_a.toml", "name = 'soon'")], "0_a", "Video NoContent: ");
    }

    #[test]
    fn one_of_several_files_wins() {
        check(&[("0_a.jpg", ""), ("0_a.mp4", "")], "0_a", "Video Ready: 0_a.mp4@0");
        check(&[("0_a.mp4", ""), ("0_a/b.jpg", "")], "0_a", "Image Ready: 0_a/b.jpg@0");
        check(&[("0_a.zip", ""), ("0_a.bin", "")], "0_a", "Data Ready: 0_a.bin@0");
        check(&[("0_a.Mp4", ""), ("0_a.jpg", "")], "0_a", "Image Ready: 0_a.jpg@0");
        check(&[("0_a.bin", ""), ("0_a.toml", "name = 'x'")], "0_a", "Data Ready: 0_a.bin@0");
    }

    #[test]
    fn a_sidecar_is_heeded() {
        let rows = "status = 'blocked'\n[[flavors]]\nfile = 'low/360.mp4'";
        check(
            &[("0_a.mp4", "x"), ("0_a.toml", rows), ("low/360.mp4", "")],
            "0_a",
            "Video Blocked: 0_a.mp4@1 low/360.mp4@0",
        );
        check(&[("0_a.mp4", "x"), ("0_a.toml", "status = 'gone'")], "0_a", "-");
        check(&[("0_a/b.mp4", "x"), ("0_a/entry.toml", "type = 'audio'")], "0_a", "Audio Ready: 0_a/b.mp4@1");
        check(&[("0_a/b.mp4", "x"), ("0_a/entry.toml", "nmae = 'x'")], "0_a", "-");
        check(&[("0_a/b.mp4", "x"), ("0_a/entry.toml", &"#".repeat(300_000))], "0_a", "-");
    }

    #[test]
    fn links_do_not_lead_out() {
        let outside = Folder::with(&[("secret.mp4", "secret"), ("f/a.mp4", "secret")]);
        let folder = Folder::with(&[("0_in.mp4", "x"), ("0_mix/a.mp4", "x")]);
        let link = |to: PathBuf, name: &str| std::os::unix::fs::symlink(to, folder.0.join(name)).unwrap();
        link(outside.0.join("secret.mp4"), "0_out.mp4");
        link(outside.0.join("f"), "0_folder");
        link(PathBuf::from("../secret.mp4"), "0_up.mp4");
        link(PathBuf::from("0_in.mp4"), "0_ok.mp4");
        link(PathBuf::from("../0_in.mp4"), "0_mix/b.mp4");
        link(outside.0.join("secret.mp4"), "0_mix/c.mp4");
        link(PathBuf::from("0_loop.mp4"), "0_loop.mp4");
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.0.join("0_pipe.mp4"), rustix::fs::Mode::RWXU).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.0.join("0_in.toml"), rustix::fs::Mode::RWXU).unwrap();
        run(async {
            let catalog = folder.catalog(LONG);
            for (entry, expected) in [
                ("0_out", "-"),
                ("0_folder", "-"),
                ("0_up", "-"),
                ("0_loop", "-"),
                ("0_pipe", "-"),
                ("0_ok", "Video Ready: 0_ok.mp4@1"),
                ("0_in", "Video Ready: 0_in.mp4@1"),
                ("0_mix", "Video Ready: 0_mix/a.mp4@1 0_mix/b.mp4@1"),
            ] {
                assert_eq!(show(&catalog, entry).await, expected, "{entry}");
            }
        });
    }

    #[test]
    fn what_changes_shows() {
        let folder = Folder::with(&[("0_a.mp4", "x")]);
        run(async {
            let catalog = folder.catalog(Duration::ZERO);
            let version = async || catalog.entry(&id("0_a")).await.unwrap().flavors[0].source.version.clone();
            assert_eq!(show(&catalog, "0_b").await, "-");
            folder.write("0_b.bin", "x");
            assert_eq!(show(&catalog, "0_b").await, "Data Ready: 0_b.bin@1");
            folder.write("0_b.mp4", "x");
            assert_eq!(show(&catalog, "0_b").await, "Video Ready: 0_b.mp4@1");
            let before = version().await;
            assert_eq!(before, version().await);
            folder.write("0_a.mp4", "xy");
            assert_ne!(before, version().await);
            folder.write("0_a.toml", "name = 3");
            assert_eq!(show(&catalog, "0_a").await, "-");
            folder.write("0_a.toml", "name = 'A'");
            assert_eq!(catalog.entry(&id("0_a")).await.unwrap().name, "A");
            fs::remove_file(folder.0.join("0_a.mp4")).unwrap();
            assert_eq!(show(&catalog, "0_a").await, "Video NoContent: ");
            fs::remove_file(folder.0.join("0_a.toml")).unwrap();
            assert_eq!(show(&catalog, "0_a").await, "-");
            folder.write("0_a/x.mp4", "");
            assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a/x.mp4@0");
            folder.write("0_a/attachments/x.pdf", "");
            assert_eq!(catalog.entry(&id("0_a")).await.unwrap().attachments.len(), 1);
            folder.write("0_a/entry.toml", "[[flavors]]\nfile = 'deep/y.mp4'");
            assert_eq!(show(&catalog, "0_a").await, "-");
            folder.write("0_a/deep/y.mp4", "");
            assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a/x.mp4@0 0_a/deep/y.mp4@0");
        });
    }

    #[test]
    fn what_does_not_change_is_not_read_again() {
        let folder = Folder::with(&[("0_a/a.mp4", ""), ("0_a/entry.toml", "name = 'A'"), ("0_b.mp4", "")]);
        let library = Library::open(&folder.0).unwrap();
        let read = |entry, now| library.read(&id(entry), None, now).unwrap().unwrap();
        let later = SystemTime::now() + Duration::from_secs(10);
        for entry in ["0_a", "0_b"] {
            let settled = read(entry, later);
            assert!(library.is_current(&settled).unwrap(), "{entry}");
            assert!(!library.is_current(&read(entry, SystemTime::now())).unwrap(), "{entry} has only just changed");
        }
        let (a, b) = (read("0_a", later), read("0_b", later));
        let lists = library.lists();
        folder.write("0_a/entry.toml", "name = 'B'");
        assert!(!library.is_current(&a).unwrap() && library.is_current(&b).unwrap());
        folder.write("0_b.avi", "");
        assert!(!library.is_current(&b).unwrap());
        assert_eq!(library.lists(), lists);
    }

    #[test]
    fn a_great_library_is_not_read_to_find_one_entry() {
        let folder = Folder::new();
        folder.fill((0..100_000).map(|n| format!("0_{n:06}.mp4")));
        folder.write("0_data.xyz", "");
        run(async {
            let catalog = folder.catalog(LONG);
            let lists = || catalog.shared.library.lists();
            assert_eq!(show(&catalog, "0_054321").await, "Video Ready: 0_054321.mp4@0");
            assert_eq!(lists(), 0, "a known extension is found without the names of the others");
            assert_eq!(show(&catalog, "0_data").await, "Data Ready: 0_data.xyz@0");
            assert_eq!(show(&catalog, "0_nobody").await, "-");
            assert_eq!(catalog.survey().await.unwrap(), 100_001);
            assert_eq!(lists(), 1, "one read of the names serves all who need them");
            assert!(catalog.shared.is_absent(&id("0_other"), Instant::now()), "no look is needed to know it");
        });
    }

    #[test]
    fn a_folder_of_too_many_files_is_a_fault() {
        let folder = Folder::new();
        folder.write("0_a/", "");
        folder.fill((0..10_000).map(|n| format!("0_a/{n}.mp4")));
        let fault = folder.catalog(LONG).walk().unwrap().next().unwrap().unwrap_err();
        assert_eq!(fault.to_string(), "0_a: 10000 names or more, fewer are allowed");
        fs::remove_file(folder.0.join("0_a/7.mp4")).unwrap();
        assert!(folder.catalog(LONG).walk().unwrap().next().unwrap().is_ok());
    }

    /// Waits until no read is under way: one ends a moment after its answer is out.
    async fn all_land(catalog: &Catalog) {
        let landed = async {
            while !lock(&catalog.shared.flights).is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), landed).await.expect("every read ends");
    }

    #[test]
    fn a_crowd_is_served_by_one_read() {
        let folder = Folder::with(&[("0_a/a.mp4", ""), ("0_a/attachments/", "")]);
        run(async {
            let catalog = folder.catalog(LONG);
            let crowd = (0..200).map(|_| {
                let catalog = catalog.clone();
                tokio::spawn(async move { catalog.entry(&id("0_a")).await.unwrap() })
            });
            let entries = futures_util::future::join_all(crowd).await;
            let first = entries[0].as_ref().unwrap();
            assert!(entries.iter().all(|entry| Arc::ptr_eq(entry.as_ref().unwrap(), first)));
            assert_eq!(catalog.shared.library.lists(), 2, "the folder and its attachments, once");
            all_land(&catalog).await;
        });
    }

    #[test]
    fn a_read_outlives_who_asked_for_it() {
        let folder = Folder::with(&[("0_a.mp4", "")]);
        run(async {
            let catalog = folder.catalog(LONG);
            drop(catalog.fly(&id("0_a"), None));
            assert!(catalog.entry(&id("0_a")).await.is_ok());
            let gone = tokio::time::timeout(Duration::ZERO, catalog.entry(&id("0_gone"))).await;
            assert!(gone.is_err() || gone.is_ok_and(|answer| answer.is_err()));
            assert!(catalog.entry(&id("0_gone")).await.is_err());
            all_land(&catalog).await;
        });
    }

    #[test]
    fn all_faults_are_found() {
        let folder = Folder::with(&[
            ("0_a.mp4", ""),
            ("0_a.jpg", ""),
            ("0_b.mp4", ""),
            ("0_b.toml", "name = 'b'\n\nbitrate = 3"),
            ("0_c/entry.toml", "[[flavors]]\nfile = 'x.mp4'"),
            ("my film.mp4", ""),
        ]);
        let catalog = folder.catalog(LONG);
        let (entries, faults): (Vec<_>, Vec<_>) = catalog.walk().unwrap().partition(|item| item.is_ok());
        let ids: Vec<String> = entries.into_iter().map(|entry| entry.unwrap().id.to_string()).collect();
        assert_eq!(ids, ["0_a"]);
        let faults: Vec<String> = faults.into_iter().map(|fault| fault.unwrap_err().to_string()).collect();
        assert_eq!(
            faults[..2],
            [
                "0_a.jpg: left out: entry 0_a is 0_a.mp4".to_owned(),
                "my film.mp4: left out: an entry's name is 1 to 128 of A-Z a-z 0-9 _ - .".to_owned(),
            ]
        );
        assert!(faults[2].starts_with("0_b.toml:3: unknown key `bitrate`, expected one of"), "{}", faults[2]);
        assert_eq!(faults[3], "0_c/entry.toml:1: there is no file \"x.mp4\" beside this");
        assert_eq!(faults.len(), 4);
    }

    #[test]
    fn a_folder_that_is_none_is_refused() {
        let folder = Folder::with(&[("a.mp4", "")]);
        for name in ["nowhere", "a.mp4"] {
            let config = Config { media: folder.0.join(name), ..Config::default() };
            assert!(Catalog::open(&config).is_err_and(|error| error.message().contains(name)));
        }
    }

    #[test]
    fn drafts_and_kinds_are_told_apart() {
        let folder = Folder::with(&[("0_a/entry.toml", "status = 'deleted'"), ("0_b/thumb.jpg", "")]);
        run(async {
            let catalog = folder.catalog(LONG);
            assert_eq!(catalog.entry(&id("0_a")).await.unwrap().status, Status::Deleted);
            let b = catalog.entry(&id("0_b")).await.unwrap();
            assert_eq!((b.kind, b.status, b.thumbs.len()), (EntryKind::Video, Status::NoContent, 1));
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_bytes_may_be_names(names in proptest::collection::vec(
            proptest::collection::vec(1_u8.., 1..40), 1..12), text in "\\PC{0,60}") {
            let folder = Folder::with(&[("0_f/a.mp4", "")]);
            for name in names.iter().filter(|name| !name.contains(&b'/')) {
                let _ = fs::write(folder.0.join(OsStr::from_bytes(name)), &text);
                let _ = fs::write(folder.0.join("0_f").join(OsStr::from_bytes(name)), &text);
            }
            let catalog = folder.catalog(LONG);
            prop_assert!(catalog.walk().unwrap().count() > 0);
        }
    }
}
