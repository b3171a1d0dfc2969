//! Values in files, which outlive the service: each checked before it is used, all together within a bound.
//!
//! A value on a disk is a hint, and everything that is wrong with it is a miss: a name is given to what is whole alone, what
//! the system lost in a crash or a disk returns damaged fails its checksum, and a disk that is full, slow or gone is done
//! without.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use tokio::sync::Semaphore;

/// What checksums are made with. It changes when the form of the files does: the old ones then fail theirs.
const FORM: &str = "vedette file of a kept value, form 2";

/// Bytes of the checksum that a file begins with.
const HEAD: usize = blake3::OUT_LEN;

/// What the names of files begin with that are being written.
const NEW: &[u8] = b"new-";

/// File systems give room in such pieces.
const PAGE: u64 = 4096;

/// Most bytes that wait to be written, and so of one value; what comes while the disk is slower is not kept.
const WAITING_MAX: usize = 32 << 20;

/// Most reads at once. A disk that hangs holds no more threads than these.
const READS_MAX: usize = 32;

/// How long a read may take: what is on disk is there to be had sooner than it is made.
const READ_MAX: Duration = Duration::from_millis(500);

/// How long it may take to begin with a folder.
const OPEN_MAX: Duration = Duration::from_secs(10);

/// How long nothing is written after a write failed, and nothing read after a read failed or took too long: a full disk does not
/// become empty at once, nor a slow one fast.
const REST: Duration = Duration::from_secs(10);

/// Where values are kept, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The folder, for the service alone.
    pub folder: PathBuf,
    /// Most bytes of files there.
    pub bytes_max: u64,
    /// What metrics and the log call it.
    pub label: &'static str,
}

/// Values in a folder. Clones share it.
#[derive(Clone, Debug)]
pub struct Disk {
    inner: Arc<Inner>,
    /// To the thread that writes, which ends when nobody sends any more.
    writes: Sender<(Id, Bytes)>,
}

#[derive(Debug)]
struct Inner {
    room: Room,
    index: Mutex<Index>,
    reads: Arc<Semaphore>,
    reads_rest: Rest,
    /// Bytes that wait to be written.
    waiting: AtomicUsize,
    writes_begun: AtomicU64,
    writes_rest: Rest,
    /// Held as long as the folder is used: two services in one folder would not keep within its bound.
    _lock: File,
}

/// The name of a value in its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u128);

/// Whether something is not tried for a while.
#[derive(Debug, Default)]
struct Rest(Mutex<Option<Instant>>);

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

impl Id {
    /// The name of what `parts` name together, among those of one `form` of value.
    pub fn of(form: &str, parts: &[&[u8]]) -> Id {
        let mut hasher = blake3::Hasher::new_derive_key(form);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut name = [0; 16];
        hasher.finalize_xof().fill(&mut name);
        Id(u128::from_be_bytes(name))
    }

    fn from_hex(text: &str) -> Option<Id> {
        u128::from_str_radix(text, 16).ok().map(Id).filter(|id| id.to_string() == text)
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Disk {
    /// The values in `room`. Those beyond the bound go soon; what is there can be read meanwhile. Fails where the folder cannot
    /// be written, and where another service uses it.
    pub fn open(room: Room) -> io::Result<Disk> {
        let inner = Arc::new(Inner::open(room)?);
        let (writes, values) = channel::<(Id, Bytes)>();
        let writer = Arc::clone(&inner);
        std::thread::Builder::new().name("disk".to_owned()).spawn(move || {
            writer.survey();
            for (id, bytes) in values {
                writer.keep(&id, &bytes);
                writer.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
        })?;
        Ok(Disk { inner, writes })
    }

    /// The same, or nothing where it cannot be had in time: the service goes on without, and the log says why.
    pub fn open_or_do_without(room: Room) -> Option<Disk> {
        let (folder, label) = (room.folder.clone(), room.label);
        let warn = |error: &io::Error| tracing::warn!(%error, folder = %folder.display(), "{label} is done without");
        in_time(move || Disk::open(room)).inspect_err(warn).ok()
    }

    /// Tells the metrics whether a disk that is wanted could be had, and how much is on it.
    pub fn measure(disk: Option<&Disk>, label: &'static str) {
        metrics::gauge!("vedette_cache_disk_open", "cache" => label).set(if disk.is_some() { 1.0 } else { 0.0 });
        if let Some(disk) = disk {
            metrics::gauge!("vedette_cache_bytes", "cache" => label).set(disk.inner.index().bytes as f64);
        }
    }

    /// The value, if it is there and undamaged, within half a second.
    pub async fn get(&self, id: Id) -> Option<Bytes> {
        let read = if self.inner.reads_rest.is_on() { None } else { self.read(id).await };
        let outcome = if read.is_some() { "vedette_cache_hits_total" } else { "vedette_cache_misses_total" };
        metrics::counter!(outcome, "cache" => self.inner.room.label).increment(1);
        read
    }

    async fn read(&self, id: Id) -> Option<Bytes> {
        let inner = Arc::clone(&self.inner);
        let read = async {
            let turn = Arc::clone(&inner.reads).acquire_owned().await.ok()?;
            let read = move || {
                let _turn = turn;
                inner.get(&id)
            };
            tokio::task::spawn_blocking(read).await.ok().flatten()
        };
        tokio::time::timeout(READ_MAX, read).await.unwrap_or_else(|_| {
            self.inner.told(&self.inner.reads_rest, "reads", &io::ErrorKind::TimedOut.into());
            None
        })
    }

    /// Writes the value, soon, if there is time for it.
    pub fn keep(&self, id: Id, bytes: Bytes) {
        let waiting = self.inner.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        if waiting + bytes.len() > WAITING_MAX {
            self.inner.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
            return;
        }
        // Without the thread there is nobody to tell.
        let _ = self.writes.send((id, bytes));
    }
}

/// What `work`, by which a folder begins to be used, gives within some seconds: a disk that hangs does not keep a service from
/// starting. What comes of it later is dropped.
pub fn in_time<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let (given, taken) = channel();
    std::thread::Builder::new().name("disk-open".to_owned()).spawn(move || drop(given.send(work())))?;
    taken.recv_timeout(OPEN_MAX).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Of what a file says it holds, and of which value it says that.
fn checksum(id: &Id, bytes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key(FORM);
    hasher.update(&id.0.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// For the service alone: what is in the files may be for few eyes.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.write(true).mode(0o600)
}

impl Rest {
    fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
    }

    fn is_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }
}

impl Inner {
    fn open(room: Room) -> io::Result<Inner> {
        fs::create_dir_all(&room.folder)?;
        let lock = private(OpenOptions::new().create(true)).truncate(false).open(room.folder.join("lock"))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let is_new = |file: &fs::DirEntry| file.file_name().as_encoded_bytes().starts_with(NEW);
        for left in fs::read_dir(&room.folder)?.flatten().filter(is_new) {
            fs::remove_file(left.path())?;
        }
        let index = Index { bytes_max: room.bytes_max, uses: u64::MAX / 2, ..Index::default() };
        Ok(Inner {
            room,
            index: Mutex::new(index),
            reads: Arc::new(Semaphore::new(READS_MAX)),
            reads_rest: Rest::default(),
            waiting: AtomicUsize::new(0),
            writes_begun: AtomicU64::new(0),
            writes_rest: Rest::default(),
            _lock: lock,
        })
    }

    /// Looks at the files that are there from before, and removes those beyond the bound. Blocks, long for a large folder.
    fn survey(&self) {
        let mut found = self.found();
        found.sort_unstable_by_key(|(modified, ..)| *modified);
        let mut gone = Vec::new();
        {
            let mut index = self.index();
            for (at, (_, id, bytes)) in found.into_iter().enumerate() {
                index.add_before(id, bytes, at as u64);
            }
            index.shrink(&mut gone);
        }
        gone.iter().for_each(|id| self.remove_file(id));
    }

    fn path(&self, id: &Id) -> PathBuf {
        let name = id.to_string();
        self.room.folder.join(&name[..2]).join(&name[2..])
    }

    fn get(&self, id: &Id) -> Option<Bytes> {
        match self.read(id) {
            Ok(bytes) => {
                self.index().touch(id);
                Some(bytes)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                self.index().remove(id);
                None
            }
            Err(error) => {
                let is_of_no_value = error.kind() == io::ErrorKind::InvalidData;
                if is_of_no_value || Errno::from_io_error(&error) == Some(Errno::IO) {
                    let file = self.path(id);
                    tracing::warn!(%error, file = %file.display(), "a file of {} is of no use", self.room.label);
                    self.index().remove(id);
                    self.remove_file(id);
                }
                // Without descriptors, memory or a disk the next read fails as well, and the file may be as good as ever.
                if !is_of_no_value {
                    self.told(&self.reads_rest, "reads", &error);
                }
                None
            }
        }
    }

    fn read(&self, id: &Id) -> io::Result<Bytes> {
        // Whatever came to be under that name: no link is followed, and no pipe waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let no_value = || io::Error::new(io::ErrorKind::InvalidData, "it holds no value");
        let file = match rustix::fs::open(self.path(id), flags, Mode::empty()) {
            // A link, a socket, a file that somebody has a lease of.
            Err(Errno::LOOP | Errno::NXIO | Errno::AGAIN) => return Err(no_value()),
            opened => File::from(opened?),
        };
        let length = file.metadata()?.len();
        if !file.metadata()?.is_file() || !(HEAD as u64..=(HEAD + WAITING_MAX) as u64).contains(&length) {
            return Err(no_value());
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
        if self.writes_rest.is_on() {
            return;
        }
        if let Err(error) = self.write(id, bytes) {
            return self.told(&self.writes_rest, "writes", &error);
        }
        let mut gone = Vec::new();
        {
            let mut index = self.index();
            index.add(*id, (HEAD + bytes.len()) as u64);
            index.shrink(&mut gone);
        }
        gone.iter().for_each(|id| self.remove_file(id));
    }

    /// Tells of a failure, after which there is a rest.
    fn told(&self, rest: &Rest, what: &str, error: &io::Error) {
        rest.begin();
        let Room { folder, label, .. } = &self.room;
        tracing::warn!(%error, folder = %folder.display(), "no {what} of {label} on disk; again in {REST:?}");
        metrics::counter!("vedette_cache_failures_total", "cache" => *label).increment(1);
    }

    /// A name is given to what is whole alone; what the system loses in a crash fails its checksum.
    fn write(&self, id: &Id, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(id);
        let number = self.writes_begun.fetch_add(1, Ordering::Relaxed);
        let temporary = self.room.folder.join(format!("new-{number}"));
        let write = || {
            // Whatever came to be under that name is not written to, nor waited for.
            let mut file = private(OpenOptions::new().create_new(true)).open(&temporary)?;
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

    /// The files that are there: when each was written, which value it holds, and its length.
    fn found(&self) -> Vec<(SystemTime, Id, u64)> {
        let mut found = Vec::new();
        for folder in fs::read_dir(&self.room.folder).into_iter().flatten().flatten() {
            let first = folder.file_name();
            let Some(first) = first.to_str().filter(|name| name.len() == 2) else { continue };
            for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                let id = file.file_name().to_str().and_then(|rest| Id::from_hex(&format!("{first}{rest}")));
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    const BLOCK: u64 = 10_000;

    /// A folder that is gone when the test is over.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("vedette-disk-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Scratch(path)
        }

        fn room(&self, bytes_max: u64) -> Room {
            Room { folder: self.0.clone(), bytes_max, label: "blocks_disk" }
        }

        fn disk(&self, bytes_max: u64) -> Inner {
            let disk = Inner::open(self.room(bytes_max)).unwrap();
            disk.survey();
            disk
        }

        /// Bytes of all blocks here.
        fn bytes(&self) -> u64 {
            let folders = fs::read_dir(&self.0).unwrap().map(|folder| folder.unwrap().path());
            let files = folders.filter(|folder| folder.is_dir()).flat_map(|folder| fs::read_dir(folder).unwrap());
            files.map(|file| file.unwrap().metadata().unwrap().len().next_multiple_of(PAGE)).sum()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn id(number: u64) -> Id {
        Id::of("test", &[b"film@1", &number.to_le_bytes()])
    }

    /// What the block of a number holds, which no other does.
    fn block(number: u64) -> Bytes {
        let length = BLOCK - number % 7;
        (0..length).map(|at| (at.wrapping_mul(31) ^ number.wrapping_mul(0x9e37_79b9) >> (at % 16)) as u8).collect()
    }

    fn keep(disk: &Inner, number: u64) {
        disk.keep(&id(number), &block(number));
    }

    fn get(disk: &Inner, number: u64) -> Option<Bytes> {
        disk.get(&id(number))
    }

    /// How many of the first `count` blocks there are. Each that is there is right.
    #[track_caller]
    fn check_all(disk: &Inner, count: u64) -> u64 {
        let found = (0..count).filter_map(|number| get(disk, number).map(|bytes| (number, bytes)));
        found.inspect(|(number, bytes)| assert!(*bytes == block(*number), "block {number}")).count() as u64
    }

    #[tokio::test]
    async fn values_outlive_the_service() {
        let scratch = Scratch::new("outlive");
        let disk = Disk::open(scratch.room(1 << 20)).unwrap();
        assert_eq!(disk.get(id(1)).await, None);
        disk.keep(id(1), block(1));
        while disk.get(id(1)).await.is_none() {
            tokio::task::yield_now().await;
        }
        drop(disk);
        // A write holds the folder until it is over.
        let again = loop {
            match Disk::open(scratch.room(1 << 20)) {
                Ok(disk) => break disk,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(again.get(id(1)).await, Some(block(1)));
        for other in [Id::of("test", &[b"film@2", &1_u64.to_le_bytes()]), id(2)] {
            assert_eq!(again.get(other).await, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_takes_too_long_is_a_miss_and_so_are_the_next() {
        let scratch = Scratch::new("slow");
        let disk = Disk::open(scratch.room(1 << 20)).unwrap();
        keep(&disk.inner, 1);
        let turns = Arc::clone(&disk.inner.reads).acquire_many_owned(READS_MAX as u32).await.unwrap();
        let begun = tokio::time::Instant::now();
        assert_eq!(disk.get(id(1)).await, None);
        assert_eq!(begun.elapsed(), READ_MAX);
        drop(turns);
        assert_eq!(disk.get(id(1)).await, None, "it rests");
        assert_eq!(begun.elapsed(), READ_MAX);
        *disk.inner.reads_rest.0.lock().unwrap() = Some(Instant::now());
        assert_eq!(disk.get(id(1)).await, Some(block(1)));
    }

    #[test]
    fn names_of_files_are_read_as_they_are_written() {
        assert_eq!(Id::from_hex(&id(1).to_string()), Some(id(1)));
        for other in ["", "+1", "1", "0000000000000000000000000000000G", "0000000000000000000000000000000A"] {
            assert_eq!(Id::from_hex(other), None, "{other}");
        }
        assert_ne!(Id::of("test", &[b"ab", b"c"]), Id::of("test", &[b"a", b"bc"]));
    }

    #[test]
    fn what_was_used_the_longest_ago_goes() {
        let scratch = Scratch::new("bound");
        let per_block = (BLOCK + HEAD as u64).next_multiple_of(PAGE);
        let disk = scratch.disk(10 * per_block);
        for number in 0..10 {
            keep(&disk, number);
        }
        assert!(get(&disk, 0).is_some());
        (10..15).for_each(|number| keep(&disk, number));
        assert_eq!(scratch.bytes(), 10 * per_block);
        let there: Vec<u64> = (0..15).filter(|number| get(&disk, *number).is_some()).collect();
        assert_eq!(there, [0, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
        drop(disk);
        let smaller = scratch.disk(3 * per_block);
        assert_eq!((scratch.bytes(), check_all(&smaller, 15)), (3 * per_block, 3));
    }

    #[test]
    fn a_folder_has_one_user() {
        let scratch = Scratch::new("lock");
        let disk = scratch.disk(1 << 20);
        assert!(Inner::open(scratch.room(1 << 20)).is_err());
        keep(&disk, 1);
        drop(disk);
        assert!(get(&scratch.disk(1 << 20), 1).is_some());
    }

    /// Writes blocks for ever, or as many as the variable says: a process of its own, for others to end.
    #[test]
    #[ignore = "it is the child of other tests"]
    fn child() {
        let Some(folder) = std::env::var_os("VEDETTE_TEST_DISK") else { return };
        let count = std::env::var("VEDETTE_TEST_COUNT").ok().and_then(|count| count.parse().ok());
        let disk = Inner::open(Room { folder: folder.into(), bytes_max: 1 << 30, label: "blocks_disk" }).unwrap();
        for number in 0..count.unwrap_or(u64::MAX) {
            keep(&disk, number % 500);
        }
        assert_eq!(check_all(&disk, count.unwrap_or(0)), 0, "only what fits is there");
    }

    /// The child, started by a shell that says `first`.
    fn start_child(folder: &Path, first: &str, count: Option<u64>) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{first} exec \"$0\" --ignored --exact cache::disk::tests::child"));
        command.arg(std::env::current_exe().unwrap()).env("VEDETTE_TEST_DISK", folder);
        command.envs(count.map(|count| ("VEDETTE_TEST_COUNT", count.to_string())));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    #[test]
    fn a_kill_in_the_middle_of_writes_does_no_harm() {
        for round in 0..8 {
            let scratch = Scratch::new("kill");
            let mut child = start_child(&scratch.0, "", None).spawn().unwrap();
            while fs::read_dir(&scratch.0).unwrap().count() < 25 {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(7 * round));
            child.kill().unwrap();
            child.wait().unwrap();
            let disk = scratch.disk(1 << 30);
            assert!(check_all(&disk, 500) >= 20);
            let is_new = |file: &fs::DirEntry| file.file_name().as_encoded_bytes().starts_with(NEW);
            assert!(!fs::read_dir(&scratch.0).unwrap().flatten().any(|file| is_new(&file)), "nothing half is left");
        }
    }

    /// A file that may not grow further fails a write in its middle, as a full disk does.
    #[test]
    fn a_disk_without_room_is_done_without() {
        let scratch = Scratch::new("full");
        // In units of 512 bytes: half a block.
        let status = start_child(&scratch.0, "ulimit -f 10; trap '' XFSZ;", Some(5)).status().unwrap();
        assert!(status.success());
        assert_eq!(scratch.bytes(), 0);
        let disk = scratch.disk(1 << 20);
        keep(&disk, 1);
        assert!(get(&disk, 1).is_some(), "there is room again");
    }

    /// The locks of a folder that somebody else has made pipes of: whoever opens them waits for ever.
    #[test]
    fn a_folder_that_hangs_is_done_without() {
        let scratch = Scratch::new("hang-open");
        assert!(Command::new("mkfifo").arg(scratch.0.join("lock")).status().unwrap().success());
        assert!(Disk::open_or_do_without(scratch.room(1 << 20)).is_none());
    }

    /// Threads of a disk that do not come back, whatever they wait for: nobody waits for them.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_disk_that_hangs_holds_up_nobody() {
        let scratch = Scratch::new("hang");
        let disk = Disk::open(scratch.room(1 << 30)).unwrap();
        keep(&disk.inner, 1);
        let inner = Arc::clone(&disk.inner);
        let (held, hangs) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let hanging = std::thread::spawn(move || {
            let _index = inner.index();
            held.send(()).unwrap();
            let _ = released.recv();
        });
        hangs.recv().unwrap();
        for number in 2..102 {
            disk.keep(id(number), Bytes::from(vec![0; 1 << 20]));
        }
        assert!(disk.inner.waiting.load(Ordering::Relaxed) <= WAITING_MAX);
        let reads = (0..4 * READS_MAX).map(|_| disk.get(id(1)));
        assert!(futures_util::future::join_all(reads).await.iter().all(Option::is_none));
        assert!(disk.inner.reads_rest.is_on());
        drop(release);
        hanging.join().unwrap();
    }

    /// What a process without descriptors cannot open is as good as before.
    #[test]
    #[ignore = "it is the child of another test"]
    fn child_without_descriptors() {
        let Some(folder) = std::env::var_os("VEDETTE_TEST_DISK") else { return };
        let disk = Inner::open(Room { folder: folder.into(), bytes_max: 1 << 30, label: "blocks_disk" }).unwrap();
        keep(&disk, 1);
        let taken: Vec<File> = std::iter::repeat_with(|| File::open("/dev/null")).map_while(Result::ok).collect();
        assert_eq!((get(&disk, 1), disk.reads_rest.is_on()), (None, true));
        drop(taken);
        assert_eq!(get(&disk, 1), Some(block(1)));
    }

    #[test]
    fn files_that_could_not_be_opened_are_kept() {
        let scratch = Scratch::new("descriptors");
        let child = "cache::disk::tests::child_without_descriptors";
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit -n 64; exec \"$0\" --ignored --exact {child}"));
        command.arg(std::env::current_exe().unwrap()).env("VEDETTE_TEST_DISK", &scratch.0);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }

    #[test]
    fn after_a_failure_nothing_is_written_for_a_while() {
        let scratch = Scratch::new("rest");
        let disk = scratch.disk(1 << 20);
        keep(&disk, 1);
        // A file where a folder should be.
        let path = disk.path(&id(2));
        fs::write(path.parent().unwrap(), b"").unwrap();
        keep(&disk, 2);
        assert!(disk.writes_rest.is_on());
        keep(&disk, 3);
        assert_eq!((get(&disk, 1), get(&disk, 2), get(&disk, 3)), (Some(block(1)), None, None));
        *disk.writes_rest.0.lock().unwrap() = Some(Instant::now());
        keep(&disk, 3);
        assert_eq!(get(&disk, 3), Some(block(3)));
    }

    /// Something that befalls a file.
    #[derive(Clone, Debug)]
    enum Harm {
        Flip(usize),
        Cut(usize),
        Grow(Vec<u8>),
        Fill(u8),
        Remove,
        Swap,
        Link,
        Folder,
        Pipe,
    }

    fn harms() -> impl Strategy<Value = Harm> {
        prop_oneof![
            (0..8 * (HEAD + BLOCK as usize)).prop_map(Harm::Flip),
            (0..HEAD + BLOCK as usize).prop_map(Harm::Cut),
            proptest::collection::vec(any::<u8>(), 1..100).prop_map(Harm::Grow),
            any::<u8>().prop_map(Harm::Fill),
            Just(Harm::Remove),
            Just(Harm::Swap),
            Just(Harm::Link),
            Just(Harm::Folder),
            Just(Harm::Pipe),
        ]
    }

    fn befall(harm: &Harm, file: &Path, other: &Path) -> io::Result<()> {
        let mut bytes = fs::read(file)?;
        match harm {
            Harm::Flip(at) => {
                let at = at % (8 * bytes.len().max(1));
                bytes[at / 8] ^= 1 << (at % 8);
                fs::write(file, bytes)
            }
            Harm::Cut(at) => fs::write(file, &bytes[..*at % bytes.len().max(1)]),
            Harm::Grow(more) => fs::write(file, [bytes, more.clone()].concat()),
            Harm::Fill(byte) => fs::write(file, vec![*byte; bytes.len()]),
            Harm::Remove => fs::remove_file(file),
            Harm::Swap => {
                fs::write(file, fs::read(other)?)?;
                fs::write(other, bytes)
            }
            Harm::Link => fs::remove_file(file).and_then(|()| std::os::unix::fs::symlink(other, file)),
            Harm::Folder => fs::remove_file(file).and_then(|()| fs::create_dir(file)),
            Harm::Pipe => {
                fs::remove_file(file)?;
                assert!(Command::new("mkfifo").arg(file).status()?.success());
                Ok(())
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn whatever_befalls_the_files_a_read_is_right_or_a_miss(
            harms in proptest::collection::vec((0..6_u64, 0..6_u64, harms()), 1..6),
        ) {
            let scratch = Scratch::new("harm");
            let disk = scratch.disk(1 << 20);
            (0..6).for_each(|number| keep(&disk, number));
            let path = |number| disk.path(&id(number));
            for (number, other, harm) in &harms {
                // What an earlier harm has made of a file may spare it this one.
                let is_file = |number| fs::symlink_metadata(path(number)).is_ok_and(|metadata| metadata.is_file());
                if is_file(*number) && is_file(*other) {
                    let _ = befall(harm, &path(*number), &path(*other));
                }
            }
            check_all(&disk, 6);
            disk.survey();
            (0..6).for_each(|number| keep(&disk, number));
            prop_assert_eq!(check_all(&disk, 6), 6, "and what was harmed is written again");
        }
    }
}
