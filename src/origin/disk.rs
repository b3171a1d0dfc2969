//! Blocks in files, which outlive the service: each checked before it is used, all together within a bound.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use rustix::fs::{FlockOperation, Mode, OFlags};
use tokio::sync::Semaphore;

use super::blocks::Key;

/// What a file's name and checksum are made with. It changes when the form of the files does: the old ones are then no
/// one's, and go as the oldest.
const FORM: &str = "vedette block of an origin's file, form 1";

/// Bytes of the checksum that a file begins with.
const HEAD: usize = 32;

/// File systems give room in such pieces.
const PAGE: u64 = 4096;

/// Most blocks that wait to be written; what comes while the disk is slower than the network is not kept.
const WRITES_MAX: usize = 32;

/// How long nothing is written after a write failed: a full disk does not become empty at once.
const REST: Duration = Duration::from_secs(10);

/// Blocks in a folder. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    block_size: u64,
    index: Mutex<Index>,
    /// Held as long as the folder is used: two services in one folder would not keep within its bound.
    _lock: File,
    writes: Arc<Semaphore>,
    writes_begun: AtomicU64,
    rests: Mutex<Option<Instant>>,
}

/// A block's name in the folder.
type Id = blake3::Hash;

/// Which files there are, and which of them was used the longest ago.
#[derive(Debug, Default)]
struct Index {
    files: HashMap<Id, Entry>,
    by_use: BTreeMap<u64, Id>,
    bytes: u64,
    bytes_max: u64,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    used: u64,
}

impl Disk {
    /// The blocks of `block_size` bytes in `folder`, which take no more than `bytes_max` bytes there. Fails where the folder
    /// cannot be written, and where another service uses it.
    pub(super) fn open(folder: &Path, block_size: u64, bytes_max: u64) -> io::Result<Disk> {
        fs::create_dir_all(folder)?;
        let lock = private(OpenOptions::new().create(true)).truncate(false).open(folder.join("lock"))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let index = Index { bytes_max, uses: u64::MAX / 2, ..Index::default() };
        let disk = Disk(Arc::new(Inner {
            folder: folder.to_owned(),
            block_size,
            index: Mutex::new(index),
            _lock: lock,
            writes: Arc::new(Semaphore::new(WRITES_MAX)),
            writes_begun: AtomicU64::new(0),
            rests: Mutex::default(),
        }));
        Ok(disk)
    }

    /// Looks at the files that are there from before, and removes those beyond the bound. Blocks, long for a large folder;
    /// what is there can be read meanwhile.
    pub(super) fn survey(&self) {
        let mut found = self.0.found();
        found.sort_unstable_by_key(|(modified, ..)| *modified);
        let mut gone = Vec::new();
        {
            let mut index = self.0.index();
            for (at, (_, id, bytes)) in found.into_iter().enumerate() {
                index.add_before(id, bytes, at as u64);
            }
            index.shrink(&mut gone);
        }
        gone.iter().for_each(|id| self.0.remove_file(id));
    }

    /// The block, if it is there and undamaged.
    pub(super) async fn get(&self, key: &Key) -> Option<Bytes> {
        let (inner, id) = (Arc::clone(&self.0), self.id(key));
        let read = tokio::task::spawn_blocking(move || inner.get(&id)).await.ok().flatten();
        let outcome = if read.is_some() { "vedette_cache_hits_total" } else { "vedette_cache_misses_total" };
        metrics::counter!(outcome, "cache" => "disk").increment(1);
        read
    }

    /// Writes the block, soon, if there is time for it.
    pub(super) fn keep(&self, key: &Key, bytes: Bytes) {
        let Ok(permit) = Arc::clone(&self.0.writes).try_acquire_owned() else { return };
        let (inner, id) = (Arc::clone(&self.0), self.id(key));
        tokio::task::spawn_blocking(move || {
            inner.keep(&id, &bytes);
            drop(permit);
        });
    }

    fn id(&self, key: &Key) -> Id {
        let mut hasher = blake3::Hasher::new_derive_key(FORM);
        hasher.update(&self.0.block_size.to_le_bytes());
        hasher.update(&key.number.to_le_bytes());
        hasher.update(key.name.as_bytes());
        hasher.finalize()
    }
}

/// Of what a file says it holds, and of which block it says that.
fn checksum(id: &Id, bytes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(id.as_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// For the service alone: what is in the files may be for few eyes.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.write(true).mode(0o600)
}

impl Inner {
    fn path(&self, id: &Id) -> PathBuf {
        let name = id.to_hex();
        self.folder.join(&name[..2]).join(&name[2..])
    }

    fn get(&self, id: &Id) -> Option<Bytes> {
        match self.read(id) {
            Ok(bytes) => {
                self.index().touch(id);
                Some(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.index().remove(id);
                None
            }
            Err(error) => {
                tracing::warn!(%error, file = %self.path(id).display(), "a block on disk is of no use");
                self.index().remove(id);
                self.remove_file(id);
                None
            }
        }
    }

    fn read(&self, id: &Id) -> io::Result<Bytes> {
        // Whatever came to be under that name: no link is followed, and no pipe waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(self.path(id), flags, Mode::empty())?);
        let length = file.metadata()?.len();
        if !file.metadata()?.is_file() || length < HEAD as u64 || length - HEAD as u64 > self.block_size {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no block"));
        }
        let mut bytes = Vec::with_capacity(length as usize);
        file.take(length).read_to_end(&mut bytes)?;
        let mut bytes = Bytes::from(bytes);
        let head = bytes.split_to(HEAD.min(bytes.len()));
        // In constant time, which nobody needs, but equality of hashes is so.
        if blake3::Hash::from_slice(&head).ok() != Some(checksum(id, &bytes)) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is damaged"));
        }
        Ok(bytes)
    }

    fn keep(&self, id: &Id, bytes: &[u8]) {
        if self.rests().is_some_and(|until| Instant::now() < until) {
            return;
        }
        if let Err(error) = self.write(id, bytes) {
            tracing::warn!(%error, folder = %self.folder.display(), "blocks cannot be written; again in {REST:?}");
            metrics::counter!("vedette_cache_failures_total", "cache" => "disk").increment(1);
            *self.rests() = Some(Instant::now() + REST);
            return;
        }
        let mut gone = Vec::new();
        {
            let mut index = self.index();
            index.add(*id, (HEAD + bytes.len()) as u64);
            index.shrink(&mut gone);
        }
        gone.iter().for_each(|id| self.remove_file(id));
    }

    /// A name is given to what is whole alone; what the system loses in a crash fails its checksum.
    fn write(&self, id: &Id, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(id);
        let number = self.writes_begun.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!("new-{number}"));
        let write = || {
            let mut file = private(OpenOptions::new().create(true)).truncate(true).open(&temporary)?;
            file.write_all(checksum(id, bytes).as_bytes())?;
            file.write_all(bytes)?;
            drop(file);
            fs::rename(&temporary, &path).or_else(|error| match (error.kind(), path.parent()) {
                (io::ErrorKind::NotFound, Some(parent)) => {
                    fs::create_dir_all(parent)?;
                    fs::rename(&temporary, &path)
                }
                _ => Err(error),
            })
        };
        let written = write();
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// The files that are there: when each was written, which block it is, and its length.
    fn found(&self) -> Vec<(SystemTime, Id, u64)> {
        let mut found = Vec::new();
        for folder in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let first = folder.file_name();
            let Some(first) = first.to_str().filter(|name| name.len() == 2) else { continue };
            for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                let id = file.file_name().to_str().and_then(|rest| Id::from_hex(format!("{first}{rest}")).ok());
                let metadata = file.metadata().ok().filter(fs::Metadata::is_file);
                if let Some((id, metadata)) = id.zip(metadata) {
                    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    found.push((modified, id, metadata.len()));
                }
            }
        }
        found
    }

    fn remove_file(&self, id: &Id) {
        let path = self.path(id);
        if fs::remove_file(&path).is_err_and(|error| error.kind() == io::ErrorKind::IsADirectory) {
            let _ = fs::remove_dir(&path);
        }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rests(&self) -> MutexGuard<'_, Option<Instant>> {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn add(&mut self, id: Id, bytes: u64) {
        self.uses += 1;
        self.put(id, bytes, self.uses);
    }

    /// Adds a file of before, unless it was written again since; `used` is less than any use since.
    fn add_before(&mut self, id: Id, bytes: u64, used: u64) {
        if !self.files.contains_key(&id) {
            self.put(id, bytes, used);
        }
    }

    fn put(&mut self, id: Id, bytes: u64, used: u64) {
        self.remove(&id);
        let bytes = bytes.next_multiple_of(PAGE);
        self.bytes += bytes;
        self.by_use.insert(used, id);
        self.files.insert(id, Entry { bytes, used });
    }

    fn touch(&mut self, id: &Id) {
        if let Some(entry) = self.files.get_mut(id) {
            self.uses += 1;
            self.by_use.remove(&entry.used);
            entry.used = self.uses;
            self.by_use.insert(entry.used, *id);
        }
    }

    fn remove(&mut self, id: &Id) {
        if let Some(entry) = self.files.remove(id) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }

    /// Takes out what was used the longest ago, until the rest is within the bound.
    fn shrink(&mut self, gone: &mut Vec<Id>) {
        while self.bytes > self.bytes_max
            && let Some((_, id)) = self.by_use.first_key_value()
        {
            let id = *id;
            self.remove(&id);
            gone.push(id);
        }
    }
}
