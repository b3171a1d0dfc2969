//! Files at other origins, read through their blocks.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::behalf::Asking;
use super::blocks::{Blocks, File, Run};
use super::client::{Client, Patience};
use super::guard::Reach;
use super::place::{self, Place, Target, is_url, not_there};
use super::store::Store;
use super::{Config, Listed};
use crate::cache::disk::{Disk, Room};
use crate::entry::Source;
use crate::error::{Error, Kind, Result};

/// The origins that the settings allow, and what is in memory of their files.
#[derive(Debug)]
pub(super) struct Origins {
    /// The longest URLs first, so that the first that holds a URL is the one that is meant.
    stores: Vec<Arc<Store>>,
    /// The one beneath which the library's own paths lie.
    base: Option<Arc<Store>>,
    blocks: Blocks,
    runtime: Runtime,
    ahead_max: u64,
    /// Whether blocks are to be on disk as well.
    wants_disk: bool,
}

/// Threads of their own for what comes from other origins. On those of the service, reads that block while they wait for
/// bytes could take the last thread that looks up a name or a block on disk, and wait for ever.
#[derive(Debug)]
struct Runtime(Option<tokio::runtime::Runtime>, Handle);

/// What metrics and the log call blocks on disk.
const LABEL: &str = "blocks_disk";

const THREADS: usize = 2;
const BLOCKING_THREADS_MAX: usize = 64;

impl Runtime {
    fn start() -> Result<Runtime> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(THREADS).max_blocking_threads(BLOCKING_THREADS_MAX).thread_name("origin").enable_all();
        let runtime = builder.build().map_err(|cause| {
            Error::new(Kind::Unavailable, "there are no threads for other origins").caused_by(cause)
        })?;
        let handle = runtime.handle().clone();
        Ok(Runtime(Some(runtime), handle))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // The last clone may go on a thread that must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A file at an origin, at the version that the catalog saw. Clones share what is read ahead.
#[derive(Clone, Debug)]
pub struct Remote {
    file: Arc<File>,
    blocks: Blocks,
    runtime: Handle,
    ahead: Arc<Mutex<Ahead>>,
    ahead_max: u64,
}

/// Leave for a thread to wait for the bytes of an origin, as long as it is held.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

/// What is read before it is asked for.
#[derive(Debug, Default)]
struct Ahead {
    /// Where the last read ended.
    end: u64,
    /// How much is read ahead; twice as much each time that a read goes on where the last one ended.
    bytes: u64,
    /// Up to where it was.
    until: u64,
    held: Vec<Arc<Run>>,
}

impl Origins {
    /// The origins of `config`, and that of `base` where the library rests at one.
    pub(super) fn new(base: Option<&str>, config: &Config, environment: &[(String, String)]) -> Result<Origins> {
        let runtime = Runtime::start()?;
        let invalid = |text: &str, reason| Error::invalid(format!("{text:?} is no origin: {reason}"));
        let place = |text: &str, reach| Place::new(text, reach).map_err(|reason| invalid(text, reason));
        let reach = if config.private { Reach::Anywhere } else { Reach::Public };
        let base = base.map(|base| place(base, Reach::Anywhere)).transpose()?;
        let mut places = base.iter().cloned().map(Ok).collect::<Result<Vec<_>>>()?;
        for text in &config.origins {
            places.push(place(text, reach)?);
        }
        let patience =
            Patience { connect: config.connect_timeout, response: config.response_timeout, body: config.read_timeout };
        let client = Client::new(places.clone(), patience);
        let mut stores = Vec::with_capacity(places.len());
        for place in places {
            stores.push(Arc::new(Store::new(place, &client, config, environment)?));
        }
        let base = base.and_then(|_| stores.first().cloned());
        stores.sort_by_key(|store| std::cmp::Reverse(store.place.url.as_str().len()));
        let room =
            |folder: &PathBuf| Room { folder: folder.join("blocks"), bytes_max: config.disk_bytes_max, label: LABEL };
        let disk = config.disk.as_ref().map(room).and_then(Disk::open_or_do_without);
        let blocks = Blocks::new(config.block_bytes, config.blocks_bytes_max, disk, runtime.1.clone());
        let wants_disk = config.disk.is_some();
        Ok(Origins { stores, base, blocks, runtime, ahead_max: config.ahead_bytes_max, wants_disk })
    }

    pub(super) fn measure(&self) {
        if self.wants_disk {
            Disk::measure(self.blocks.disk(), LABEL);
        }
    }

    /// The store that has `location`, and what the file is there.
    fn locate(&self, location: &str) -> Result<(&Arc<Store>, Target)> {
        let found = if is_url(location) {
            let url = place::parse(location)?;
            let store = self.stores.iter().find(|store| store.place.holds(&url));
            store.and_then(|store| Some((store, store.place.target(&url)?)))
        } else {
            self.base.as_ref().and_then(|store| Some((store, store.place.beneath(location)?)))
        };
        found.ok_or_else(|| not_there(location))
    }

    pub(super) fn open(&self, source: &Source) -> Result<Remote> {
        let (store, target) = self.locate(&source.location)?;
        let name = format!("{}@{}", store.name(&target), source.version).into();
        let asking = Asking::current();
        let file = File { store: Arc::clone(store), target, source: source.clone(), name, asking };
        Ok(Remote {
            file: Arc::new(file),
            blocks: self.blocks.clone(),
            runtime: self.runtime.1.clone(),
            ahead: Arc::default(),
            ahead_max: self.ahead_max,
        })
    }

    pub(super) async fn find(&self, location: &str) -> Result<Option<Source>> {
        let (store, target) = self.locate(location)?;
        store.find(&target, location).await
    }

    pub(super) async fn fetch(&self, location: &str, bytes_max: usize) -> Result<Option<(Source, Bytes)>> {
        let (store, target) = self.locate(location)?;
        store.fetch(&target, location, bytes_max).await
    }

    pub(super) async fn list(&self, prefix: &str, count_max: usize) -> Result<Listed> {
        self.base.as_ref().ok_or_else(|| not_there(prefix))?.list(prefix, count_max).await
    }

    /// Whether the names of the library's files can be listed.
    pub(super) fn can_list(&self) -> bool {
        self.base.as_ref().is_some_and(|store| store.can_list())
    }

    /// Why no file is looked for at `url`; `None` where one is.
    pub(super) fn refusal(&self, url: &str) -> Option<String> {
        self.locate(url).err()?;
        let allowed: Vec<&str> = self.stores.iter().map(|store| store.place.url.as_str()).collect();
        Some(place::refusal(url, &allowed))
    }
}

impl Remote {
    pub(super) fn size(&self) -> u64 {
        self.file.source.size
    }

    /// The bytes of `range`, exactly that many.
    pub(super) async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        super::check_range(&self.file.source, &range)?;
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(usize::MAX)];
        self.blocks.gather(&self.file, std::slice::from_ref(&range), &mut bytes).await?;
        Ok(bytes.into())
    }

    /// Fills the front of `buffer` from `offset` on; how many bytes, zero only at the end of the file.
    pub(super) async fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let end = offset.saturating_add(buffer.len() as u64).min(self.size());
        let range = offset.min(end)..end;
        let count = (range.end - range.start) as usize;
        self.read_ahead(&range);
        self.blocks.gather(&self.file, std::slice::from_ref(&range), &mut buffer[..count]).await?;
        Ok(count)
    }

    /// The bytes of several ranges, one after another, in a buffer that is as long as they are together.
    pub async fn gather(&self, ranges: &[Range<u64>], buffer: &mut [u8]) -> Result<()> {
        for range in ranges {
            super::check_range(&self.file.source, range)?;
        }
        self.blocks.gather(&self.file, ranges, buffer).await
    }

    /// Begins to fetch what is going to be read next; what was expected before is given up where it has not come.
    pub fn expect(&self, ranges: &[Range<u64>]) {
        let runs = self.blocks.expect(&self.file, ranges);
        let before = std::mem::replace(&mut self.open().held, runs);
        drop(before);
    }

    /// Waits until the first of what is expected has come.
    pub async fn bring(&self, ranges: &[Range<u64>]) -> Result<()> {
        let runs = self.blocks.bring(&self.file, ranges).await?;
        self.open().held.extend(runs);
        Ok(())
    }

    pub(super) async fn turn(&self) -> Result<Turn> {
        self.file.store.turn().await.map(Turn)
    }

    /// Reads on where reads follow each other, for readers that do not say what they are going to read.
    fn read_ahead(&self, range: &Range<u64>) {
        let mut ahead = self.open();
        let goes_on = range.start == ahead.end && range.start > 0;
        ahead.bytes = if goes_on { (2 * ahead.bytes).max(self.blocks.size()).min(self.ahead_max) } else { 0 };
        ahead.until = if goes_on { ahead.until } else { 0 };
        ahead.end = range.end;
        // In large steps: each costs a request.
        let is_enough = ahead.until.saturating_sub(range.end) > ahead.bytes / 2;
        if ahead.bytes == 0 || is_enough {
            return;
        }
        ahead.until = range.end.saturating_add(ahead.bytes).min(self.size());
        let next = range.start..ahead.until;
        drop(ahead);
        self.expect(std::slice::from_ref(&next));
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `work` gives, on a thread that may block.
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}
