//! Turns at what is not priced: reading what files are, and computing for players.

use std::sync::Arc;

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use super::sources;
use crate::error::{Error, Kind, Result};

/// Most media indexes that are read at once in a folder.
const READINGS_MAX: usize = 8;

/// Most bytes that are in memory of stored pictures and of large tables while it is found out what they are.
const HELD_MAX: u64 = 512 << 20;

/// The unit that such bytes are counted in.
const HELD_UNIT: u64 = 1 << 20;

/// Most clips that are laid out at once: each may take a hundred megabytes.
const CLIPS_MAX: usize = 2;

/// The turns that there are. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    readings: Arc<Semaphore>,
    /// Bytes of [`HELD_MAX`] that are left, in units of [`HELD_UNIT`].
    held: Arc<Semaphore>,
    /// What is computed for players: as much at once as there are workers.
    computing: Arc<Semaphore>,
    clips: Arc<Semaphore>,
}

impl Turns {
    /// All turns, beside so many workers.
    pub(super) fn new(workers: usize) -> Turns {
        Turns {
            readings: Arc::new(Semaphore::new(READINGS_MAX)),
            held: Arc::new(Semaphore::new((HELD_MAX / HELD_UNIT) as usize)),
            computing: Arc::new(Semaphore::new(workers)),
            clips: Arc::new(Semaphore::new(CLIPS_MAX)),
        }
    }

    /// A turn at reading an index in a folder, which lasts until it is dropped.
    pub(super) async fn reading(&self) -> Result<SemaphorePermit<'_>> {
        self.readings.acquire().await.map_err(stopping)
    }

    /// A turn at laying out a clip, which lasts until it is dropped.
    pub(super) async fn clip(&self) -> Result<SemaphorePermit<'_>> {
        self.clips.acquire().await.map_err(stopping)
    }

    /// Leave to have so many bytes in memory, which lasts until it is dropped.
    pub(super) async fn hold(&self, bytes: u64) -> Result<SemaphorePermit<'_>> {
        let units = bytes.min(HELD_MAX).div_ceil(HELD_UNIT) as u32;
        self.held.acquire_many(units).await.map_err(stopping)
    }

    /// What `work`, which reads nothing, makes for players, on a thread of its own, in its turn: a crowd that asks for much of
    /// that would leave no processor to what is at hand.
    pub(super) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = Arc::clone(&self.computing).acquire_owned().await.map_err(stopping)?;
        sources::blocking(move |stop| {
            // Held by the thread, which goes on when nobody waits for it any more.
            let _turn = turn;
            stop.check()?;
            work()
        })
        .await
    }
}

fn stopping(error: AcquireError) -> Error {
    Error::new(Kind::Internal, "the service is stopping").caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_crowd_has_as_much_computed_at_once_as_there_are_workers() {
        let (turns, at_once, most) = (Turns::new(3), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let computed = (0..300).map(|number| {
            let (at_once, most) = (Arc::clone(&at_once), Arc::clone(&most));
            turns.compute(move || {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                at_once.fetch_sub(1, Ordering::SeqCst);
                Ok(number)
            })
        });
        let computed: Vec<_> = join_all(computed).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(computed, (0..300).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 3, "{most:?}");
    }

    #[tokio::test]
    async fn what_is_held_has_a_bound() {
        let turns = Turns::new(1);
        // More than there is waits for all of it, and not for ever.
        drop(turns.hold(u64::MAX).await.unwrap());
        let (first, second) = (turns.hold(HELD_MAX / 2).await.unwrap(), turns.hold(HELD_MAX / 2).await);
        assert!(futures_util::FutureExt::now_or_never(turns.hold(1)).is_none());
        drop(first);
        assert!(futures_util::FutureExt::now_or_never(turns.hold(1)).is_some_and(|held| held.is_ok()));
        drop(second);
    }
}
