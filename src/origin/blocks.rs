//! Blocks of files at other origins: each fetched once, neighbours together, and kept for a while.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::behalf::{Asking, on_behalf};
use super::place::Target;
use super::store::{Store, changed};
use crate::cache::disk::{Disk, Id};
use crate::cache::{Cache, Limits};
use crate::entry::Source;
use crate::error::{Error, Kind, Result};

/// Most bytes asked for at once: as much again is on its way to the reader meanwhile.
const RUN_MAX: u64 = 4 << 20;

/// What names of blocks on disk are made with.
const FORM: &str = "vedette block of an origin's file, form 2";

/// A file at one version, at its origin.
#[derive(Debug)]
pub(super) struct File {
    pub(super) store: Arc<Store>,
    pub(super) target: Target,
    pub(super) source: Source,
    /// What no other file at no other version is called.
    pub(super) name: Arc<str>,
    /// On whose behalf it was opened.
    pub(super) asking: Option<Asking>,
}

/// The blocks that are kept, and those on their way. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Blocks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kept: Cache<Key, Bytes>,
    disk: Option<Disk>,
    coming: Coming,
    /// Bytes of a block; the last of a file is shorter.
    size: u64,
    runtime: Handle,
}

/// One block of one file at one version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) name: Arc<str>,
    pub(super) number: u64,
}

/// The run that brings a block, by the block.
type Coming = Arc<Mutex<HashMap<Key, Weak<Run>>>>;

/// Neighbouring blocks on their way. They are given up when nobody holds the run any more.
#[derive(Debug)]
pub(super) struct Run {
    blocks: Arc<Slots>,
    keys: Vec<Key>,
    task: AbortHandle,
    coming: Coming,
}

#[derive(Debug)]
struct Slots {
    first: u64,
    slots: Vec<OnceLock<Bytes>>,
    /// Told of each block that has come; holds why no more come.
    told: watch::Sender<Option<Error>>,
}

/// Tells those who wait that no more blocks come, also where the task that brings them fails.
struct Ending(Arc<Slots>);

impl Drop for Ending {
    fn drop(&mut self) {
        let gave_up = || Error::new(Kind::Internal, "a block did not come");
        self.0.told.send_modify(|ended| {
            ended.get_or_insert_with(gave_up);
        });
    }
}

/// A block, or who brings it.
enum Seat {
    Here(Bytes),
    Coming(Arc<Run>),
}

/// A part of a block and where it belongs.
struct Piece {
    number: u64,
    within: Range<usize>,
    at: usize,
}

impl Blocks {
    /// No blocks, each of `size` bytes, of which `bytes_max` are kept in memory at most.
    /// What fetches them runs on `runtime`.
    pub(super) fn new(size: u64, bytes_max: u64, disk: Option<Disk>, runtime: Handle) -> Blocks {
        // Blocks are put here when they have come; nothing is made by the cache itself.
        let limits = Limits { bytes_max, age_max: Duration::ZERO, failures_kept: Duration::ZERO };
        let kept = Cache::new(limits, |key: &Key, bytes: &Bytes| bytes.len() + key.name.len());
        Blocks(Arc::new(Inner { kept, disk, coming: Coming::default(), size, runtime }))
    }

    /// The disk, if there is one.
    pub(super) fn disk(&self) -> Option<&Disk> {
        self.0.disk.as_ref()
    }

    /// Bytes of a block.
    pub(super) fn size(&self) -> u64 {
        self.0.size
    }

    /// The bytes of several ranges of `file`, one after another, in a buffer that is as long as they are together.
    pub(super) async fn gather(&self, file: &Arc<File>, ranges: &[Range<u64>], buffer: &mut [u8]) -> Result<()> {
        let pieces = self.pieces(ranges);
        let mut rest = &pieces[..];
        while !rest.is_empty() {
            let numbers = self.next_numbers(rest);
            let end = rest.iter().position(|piece| Some(&piece.number) > numbers.last()).unwrap_or(rest.len());
            let (now, later) = rest.split_at(end);
            let _next = self.begin_all(file, &self.next_numbers(later));
            let blocks = self.get(file, &numbers).await?;
            for piece in now {
                let block = numbers.binary_search(&piece.number).ok().and_then(|at| blocks.get(at));
                let part = block.and_then(|block| block.get(piece.within.clone()));
                let place = buffer.get_mut(piece.at..piece.at + piece.within.len());
                let (Some(part), Some(place)) = (part, place) else { return Err(changed(&file.source.location)) };
                place.copy_from_slice(part);
            }
            rest = later;
        }
        Ok(())
    }

    /// Waits until what of `ranges` is asked for at once has come. It is here as long as the runs are held.
    pub(super) async fn bring(&self, file: &Arc<File>, ranges: &[Range<u64>]) -> Result<Vec<Arc<Run>>> {
        let numbers = self.next_numbers(&self.pieces(ranges));
        let mut runs = Vec::new();
        for (seat, number) in self.seats(file, &numbers).into_iter().zip(numbers) {
            if let Seat::Coming(run) = seat {
                run.block(number).await?;
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// Begins to fetch what of `ranges` is neither kept nor coming. It comes as long as the runs are held.
    pub(super) fn expect(&self, file: &Arc<File>, ranges: &[Range<u64>]) -> Vec<Arc<Run>> {
        self.begin_all(file, &self.next_numbers(&self.pieces(ranges)))
    }

    fn begin_all(&self, file: &Arc<File>, numbers: &[u64]) -> Vec<Arc<Run>> {
        let mut runs: Vec<Arc<Run>> = Vec::new();
        for seat in self.seats(file, numbers) {
            if let Seat::Coming(run) = seat
                && !runs.last().is_some_and(|last| Arc::ptr_eq(last, &run))
            {
                runs.push(run);
            }
        }
        runs
    }

    /// The parts of blocks that `ranges` are made of, in the order of the blocks.
    fn pieces(&self, ranges: &[Range<u64>]) -> Vec<Piece> {
        let (size, mut pieces, mut at) = (self.0.size, Vec::new(), 0);
        for range in ranges {
            let mut start = range.start;
            while start < range.end {
                let (number, within) = (start / size, (start % size) as usize);
                let end = range.end.min((number + 1) * size);
                let length = (end - start) as usize;
                pieces.push(Piece { number, within: within..within + length, at });
                (start, at) = (end, at + length);
            }
        }
        pieces.sort_by_key(|piece| piece.number);
        pieces
    }

    /// The first blocks that `pieces` are of, as many as are asked for at once.
    fn next_numbers(&self, pieces: &[Piece]) -> Vec<u64> {
        let mut numbers: Vec<u64> = Vec::new();
        for piece in pieces {
            if numbers.last() != Some(&piece.number) {
                if numbers.len() as u64 * self.0.size >= RUN_MAX {
                    break;
                }
                numbers.push(piece.number);
            }
        }
        numbers
    }

    /// The blocks of these numbers, which ascend.
    async fn get(&self, file: &Arc<File>, numbers: &[u64]) -> Result<Vec<Bytes>> {
        let mut blocks = Vec::with_capacity(numbers.len());
        let mut misses = 0;
        for (seat, number) in self.seats(file, numbers).into_iter().zip(numbers) {
            blocks.push(match seat {
                Seat::Here(bytes) => bytes,
                Seat::Coming(run) => {
                    misses += 1;
                    run.block(*number).await?
                }
            });
        }
        metrics::counter!("vedette_cache_hits_total", "cache" => "blocks").increment(blocks.len() as u64 - misses);
        metrics::counter!("vedette_cache_misses_total", "cache" => "blocks").increment(misses);
        Ok(blocks)
    }

    /// For each number its block, or the run that brings it. Runs begin for what is missing.
    fn seats(&self, file: &Arc<File>, numbers: &[u64]) -> Vec<Seat> {
        let mut seats: Vec<Option<Seat>> =
            numbers.iter().map(|number| self.0.kept.get(&file.key(*number)).map(Seat::Here)).collect();
        let mut coming = open(&self.0.coming);
        for (seat, number) in seats.iter_mut().zip(numbers).filter(|(seat, _)| seat.is_none()) {
            let run = coming.get(&file.key(*number)).and_then(Weak::upgrade).filter(|run| run.brings(*number));
            let run = run.map(Seat::Coming);
            // A block is kept before its run ends: with no run to be seen, it may have come since the first look.
            *seat = run.or_else(|| self.0.kept.get(&file.key(*number)).map(Seat::Here));
        }
        let missing: Vec<u64> =
            numbers.iter().zip(&seats).filter(|(_, seat)| seat.is_none()).map(|(number, _)| *number).collect();
        let mut begun = Vec::with_capacity(missing.len());
        for neighbours in missing.chunk_by(|one, next| one + 1 == *next) {
            let run = self.begin(file, neighbours);
            coming.extend(run.keys.iter().map(|key| (key.clone(), Arc::downgrade(&run))));
            begun.extend(neighbours.iter().map(|_| Arc::clone(&run)));
        }
        drop(coming);
        let mut begun = begun.into_iter().map(Seat::Coming);
        seats.into_iter().filter_map(|seat| seat.or_else(|| begun.next())).collect()
    }

    fn begin(&self, file: &Arc<File>, numbers: &[u64]) -> Arc<Run> {
        let slots = numbers.iter().map(|_| OnceLock::new()).collect();
        let first = numbers.first().copied().unwrap_or_default();
        let blocks = Arc::new(Slots { first, slots, told: watch::Sender::new(None) });
        let keys = numbers.iter().map(|number| file.key(*number)).collect();
        let (inner, file, ending) = (Arc::clone(&self.0), Arc::clone(file), Ending(Arc::clone(&blocks)));
        let asking = file.asking.clone();
        let task = self.0.runtime.spawn(on_behalf(asking, async move {
            if let Err(error) = inner.fetch(&file, &ending.0).await {
                ending.0.told.send_replace(Some(error));
            }
        }));
        Arc::new(Run { blocks, keys, task: task.abort_handle(), coming: Arc::clone(&self.0.coming) })
    }
}

impl Inner {
    /// Brings the blocks of `slots`: those on disk from there, the others from the origin.
    async fn fetch(&self, file: &File, slots: &Slots) -> Result<()> {
        let mut missing = Vec::new();
        for number in slots.first..slots.first + slots.slots.len() as u64 {
            match self.on_disk(file, number).await {
                Some(block) => self.put(file, slots, number, block),
                None => missing.push(number),
            }
        }
        for neighbours in missing.chunk_by(|one, next| one + 1 == *next) {
            self.download(file, slots, neighbours).await?;
        }
        Ok(())
    }

    /// What a block is called on disk.
    fn id(&self, key: &Key) -> Id {
        Id::of(FORM, &[&self.size.to_le_bytes(), &key.number.to_le_bytes(), key.name.as_bytes()])
    }

    async fn on_disk(&self, file: &File, number: u64) -> Option<Bytes> {
        let block = self.disk.as_ref()?.get(self.id(&file.key(number))).await?;
        (block.len() as u64 == self.length(file, number)).then_some(block)
    }

    /// Fetches neighbouring blocks in one request.
    async fn download(&self, file: &File, slots: &Slots, numbers: &[u64]) -> Result<()> {
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return Ok(()) };
        let range = first * self.size..last * self.size + self.length(file, *last);
        let mut pieces = file.store.get(&file.target, &file.source, range).await?;
        let mut left = Bytes::new();
        for number in *first..=*last {
            let length = self.length(file, number) as usize;
            // A buffer of its own: a part of what came would keep all of that in memory.
            let mut block = BytesMut::with_capacity(length);
            while block.len() < length {
                if left.is_empty() {
                    left = pieces.next().await.unwrap_or_else(|| Err(changed(&file.source.location)))?;
                }
                block.extend_from_slice(&left.split_to(left.len().min(length - block.len())));
            }
            let block = block.freeze();
            if let Some(disk) = &self.disk {
                disk.keep(self.id(&file.key(number)), block.clone());
            }
            self.put(file, slots, number, block);
        }
        Ok(())
    }

    fn put(&self, file: &File, slots: &Slots, number: u64, block: Bytes) {
        self.kept.keep(file.key(number), block.clone());
        if let Some(slot) = slots.slot(number) {
            let _ = slot.set(block);
        }
        slots.told.send_modify(|_| {});
    }

    /// Bytes of a block.
    fn length(&self, file: &File, number: u64) -> u64 {
        self.size.min(file.source.size.saturating_sub(number * self.size))
    }
}

impl File {
    fn key(&self, number: u64) -> Key {
        Key { name: Arc::clone(&self.name), number }
    }
}

impl Slots {
    fn slot(&self, number: u64) -> Option<&OnceLock<Bytes>> {
        self.slots.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}

impl Run {
    /// Whether the block is here or may still come.
    fn brings(&self, number: u64) -> bool {
        self.blocks.told.borrow().is_none() || self.blocks.slot(number).is_some_and(|slot| slot.get().is_some())
    }

    async fn block(&self, number: u64) -> Result<Bytes> {
        let here = || self.blocks.slot(number).and_then(OnceLock::get).cloned();
        let mut told = self.blocks.told.subscribe();
        let ended = told.wait_for(|ended| ended.is_some() || here().is_some()).await;
        let failure = ended.ok().and_then(|ended| ended.clone());
        here().ok_or_else(|| failure.unwrap_or_else(|| Error::new(Kind::Internal, "a block did not come")))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.task.abort();
        let mut coming = open(&self.coming);
        for key in &self.keys {
            // Another run may have been begun for the same block since.
            if coming.get(key).is_some_and(|run| run.strong_count() == 0) {
                coming.remove(key);
            }
        }
    }
}

fn open(coming: &Coming) -> MutexGuard<'_, HashMap<Key, Weak<Run>>> {
    // No code that can panic runs under the lock.
    coming.lock().unwrap_or_else(PoisonError::into_inner)
}
