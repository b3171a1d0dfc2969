//! Remembers results within a bound of bytes, and makes each at most once at a time; on a disk, too.

pub mod disk;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::quality::RandomState;
use futures_util::FutureExt;
use quick_cache::sync::DefaultLifecycle;
use quick_cache::{OptionsBuilder, Weighter};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::error::{Error, Kind, Result};

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of values, as the weigher counts them.
    pub bytes_max: u64,
    /// How long a value may take to make; whoever waits for it longer gets [`Kind::TimedOut`].
    pub age_max: Duration,
    /// How long a lasting failure is remembered.
    pub failures_kept: Duration,
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was there.
    Hit,
    /// It was made for this caller.
    Miss,
    /// It was being made for another caller already.
    Shared,
}

/// Values by key. Clones share them.
pub struct Cache<K, V>(Arc<Inner<K, V>>);

struct Inner<K, V> {
    kept: Kept<K, V>,
    open: Mutex<Open<K, V>>,
    limits: Limits,
}

/// Finished values, those that are asked for again before others.
type Kept<K, V> = quick_cache::sync::Cache<K, V, Scale<K, V>, RandomState>;

/// Weighs values.
struct Scale<K, V>(Arc<Weigh<K, V>>);

type Weigh<K, V> = dyn Fn(&K, &V) -> usize + Send + Sync;

/// What is not a finished value.
struct Open<K, V> {
    flights: HashMap<K, Flight<V>>,
    failures: HashMap<K, (Error, Instant)>,
    flights_begun: u64,
}

/// A value that is being made.
struct Flight<V> {
    number: u64,
    waiters: usize,
    outcome: watch::Receiver<Option<Result<V>>>,
    task: AbortHandle,
}

/// A waiter's share in a flight; the last one to leave cancels it.
struct Seat<K: Hash + Eq, V> {
    cache: Arc<Inner<K, V>>,
    key: K,
    number: u64,
}

/// Most failures remembered: they are small, and come and go within seconds.
const FAILURES_MAX: usize = 4096;

/// The smallest part of a cache that is locked apart: a value larger than a part is not kept.
const PART_BYTES: u64 = 128 << 20;

/// Threads beyond so many meet at one part or another.
const PARTS_MAX: u64 = 16;

/// How many values a cache has, within two orders of magnitude. It remembers half as many names of what it threw away.
const ITEMS: u64 = 16 << 10;

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Cache(Arc::clone(&self.0))
    }
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// An empty cache, whose values occupy as many bytes as `weigh` says.
    pub fn new(limits: Limits, weigh: impl Fn(&K, &V) -> usize + Send + Sync + 'static) -> Self {
        let kept = kept(limits.bytes_max, Scale(Arc::new(weigh)));
        let open = Open { flights: HashMap::new(), failures: HashMap::new(), flights_begun: 0 };
        Cache(Arc::new(Inner { kept, open: Mutex::new(open), limits }))
    }

    /// The value, if it is kept.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.kept.get(key)
    }

    /// Whether the value is kept or being made.
    pub fn is_coming(&self, key: &K) -> bool {
        self.0.kept.contains_key(key) || self.0.open().flights.contains_key(key)
    }

    /// Keeps a value that was made at once.
    pub fn keep(&self, key: K, value: V) {
        self.0.kept.insert(key, value);
    }

    /// The value, made by `make` if it is neither kept nor being made. The maker is a task of its own: it goes on as long as
    /// anyone waits for it, and is dropped when nobody does. Its failure goes to everyone who waits.
    pub async fn get_or_make<M, F>(&self, key: K, make: M) -> Result<(V, Outcome)>
    where
        M: FnOnce() -> F,
        F: Future<Output = Result<V>> + Send + 'static,
    {
        if let Some(value) = self.get(&key) {
            return Ok((value, Outcome::Hit));
        }
        let (seat, mut flight, outcome) = match self.board(key, make)? {
            Boarding::Kept(value) => return Ok((value, Outcome::Hit)),
            Boarding::Seat(seat, flight, outcome) => (seat, flight, outcome),
        };
        let landed = match flight.wait_for(Option::is_some).await {
            Ok(result) => result.clone(),
            Err(_) => None,
        };
        drop(seat);
        let result = landed.unwrap_or_else(|| Err(Error::new(Kind::Unavailable, "the service is stopping")));
        Ok((result?, outcome))
    }

    fn board<M, F>(&self, key: K, make: M) -> Result<Boarding<K, V>>
    where
        M: FnOnce() -> F,
        F: Future<Output = Result<V>> + Send + 'static,
    {
        let mut open = self.0.open();
        if let Some(error) = open.remembered_failure(&key) {
            return Err(error);
        }
        // A maker stores its value before its flight ends: with no flight to be seen, it may have landed since the first look.
        if !open.flights.contains_key(&key)
            && let Some(value) = self.get(&key)
        {
            return Ok(Boarding::Kept(value));
        }
        let (flight, outcome) = match open.flights.get_mut(&key) {
            Some(flight) => {
                flight.waiters += 1;
                (flight, Outcome::Shared)
            }
            None => {
                let flight = self.depart(&mut open.flights_begun, key.clone(), make);
                (open.flights.entry(key.clone()).or_insert(flight), Outcome::Miss)
            }
        };
        let seat = Seat { cache: Arc::clone(&self.0), key, number: flight.number };
        Ok(Boarding::Seat(seat, flight.outcome.clone(), outcome))
    }

    fn depart<M, F>(&self, begun: &mut u64, key: K, make: M) -> Flight<V>
    where
        M: FnOnce() -> F,
        F: Future<Output = Result<V>> + Send + 'static,
    {
        *begun += 1;
        let number = *begun;
        let (sender, outcome) = watch::channel(None);
        let (cache, age_max, work) = (Arc::clone(&self.0), self.0.limits.age_max, make());
        let task = tokio::spawn(async move {
            let made = tokio::time::timeout(age_max, AssertUnwindSafe(work).catch_unwind()).await;
            let result = match made {
                Ok(Ok(result)) => result,
                Ok(Err(_panic)) => Err(Error::new(Kind::Internal, "the service failed on this request")),
                Err(_elapsed) => {
                    Err(Error::new(Kind::TimedOut, format!("not finished within {} s", age_max.as_secs())))
                }
            };
            cache.land(&key, number, &result);
            // Nobody may be left to hear it.
            let _ = sender.send(Some(result));
        });
        Flight { number, waiters: 1, outcome, task: task.abort_handle() }
    }
}

impl<K, V> Clone for Scale<K, V> {
    fn clone(&self) -> Self {
        Scale(Arc::clone(&self.0))
    }
}

impl<K, V> Weighter<K, V> for Scale<K, V> {
    fn weight(&self, key: &K, value: &V) -> u64 {
        // What weighs nothing would be kept for ever.
        self.0(key, value).max(1) as u64
    }
}

/// Room for values of so many bytes.
fn kept<K: Hash + Eq, V: Clone>(bytes_max: u64, scale: Scale<K, V>) -> Kept<K, V> {
    let parts = (bytes_max / PART_BYTES).clamp(1, PARTS_MAX) as usize;
    let items = bytes_max.min(ITEMS) as usize;
    let options =
        OptionsBuilder::new().shards(parts).estimated_items_capacity(items).weight_capacity(bytes_max).build();
    let (hasher, lifecycle) = (RandomState::default(), DefaultLifecycle::default());
    match options {
        Ok(options) => Kept::with_options(options, scale, hasher, lifecycle),
        // It only misses a capacity that was not given.
        Err(_) => Kept::with(items, bytes_max, scale, hasher, lifecycle),
    }
}

enum Boarding<K: Hash + Eq, V> {
    Kept(V),
    Seat(Seat<K, V>, watch::Receiver<Option<Result<V>>>, Outcome),
}

impl<K, V> Inner<K, V> {
    fn open(&self) -> MutexGuard<'_, Open<K, V>> {
        // No code that can panic runs under the lock but the caller's constructor of a future, which changes nothing.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Inner<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Ends a flight: its value is kept first, so that whoever sees no flight sees the value.
    fn land(&self, key: &K, number: u64, result: &Result<V>) {
        if let Ok(value) = result {
            self.kept.insert(key.clone(), value.clone());
        }
        let mut open = self.open();
        if open.flights.get(key).is_some_and(|flight| flight.number == number) {
            open.flights.remove(key);
        }
        if let Err(error) = result
            && error.is_lasting()
        {
            open.remember_failure(key.clone(), error.clone(), self.limits.failures_kept);
        }
    }
}

impl<K: Hash + Eq, V> Open<K, V> {
    fn remembered_failure(&mut self, key: &K) -> Option<Error> {
        let (error, until) = self.failures.get(key)?;
        if Instant::now() < *until {
            return Some(error.clone());
        }
        self.failures.remove(key);
        None
    }

    fn remember_failure(&mut self, key: K, error: Error, kept: Duration) {
        let now = Instant::now();
        if self.failures.len() >= FAILURES_MAX {
            self.failures.retain(|_, (_, until)| now < *until);
        }
        if self.failures.len() < FAILURES_MAX && !kept.is_zero() {
            self.failures.insert(key, (error, now + kept));
        }
    }
}

impl<K: Hash + Eq, V> Drop for Seat<K, V> {
    fn drop(&mut self) {
        let mut open = self.cache.open();
        let Some(flight) = open.flights.get_mut(&self.key) else { return };
        if flight.number != self.number {
            return;
        }
        flight.waiters -= 1;
        if flight.waiters == 0 {
            flight.task.abort();
            open.flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    const LIMITS: Limits =
        Limits { bytes_max: 1000, age_max: Duration::from_secs(60), failures_kept: Duration::from_secs(5) };

    /// A cache of numbers, with a count of how many were made and how many makers were dropped before they finished.
    struct Counted {
        cache: Cache<u32, u32>,
        made: Arc<AtomicUsize>,
        dropped: Arc<AtomicUsize>,
        gate: Arc<Notify>,
    }

    struct OnDrop(Arc<AtomicUsize>);

    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Counted {
        fn new() -> Arc<Counted> {
            let cache = Cache::new(LIMITS, |_, _| 1);
            Arc::new(Counted { cache, made: Arc::default(), dropped: Arc::default(), gate: Arc::default() })
        }

        fn made(&self) -> usize {
            self.made.load(Ordering::SeqCst)
        }

        /// Asks for `key`, whose maker waits for the gate and then gives `result`.
        async fn ask(self: Arc<Self>, key: u32, result: Result<u32>) -> Result<(u32, Outcome)> {
            let (made, dropped, gate) = (Arc::clone(&self.made), Arc::clone(&self.dropped), Arc::clone(&self.gate));
            let make = || async move {
                made.fetch_add(1, Ordering::SeqCst);
                let guard = OnDrop(dropped);
                gate.notified().await;
                std::mem::forget(guard);
                result
            };
            self.cache.get_or_make(key, make).await
        }
    }

    async fn settle() {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_equal_misses_are_one_make() {
        let counted = Counted::new();
        let asks: Vec<_> = (0..10_000).map(|_| tokio::spawn(Arc::clone(&counted).ask(7, Ok(42)))).collect();
        settle().await;
        counted.gate.notify_one();
        let mut outcomes = HashMap::new();
        for ask in asks {
            let (value, outcome) = ask.await.unwrap().unwrap();
            assert_eq!(value, 42);
            *outcomes.entry(outcome).or_insert(0) += 1;
        }
        assert_eq!(counted.made(), 1);
        assert_eq!(outcomes, HashMap::from([(Outcome::Miss, 1), (Outcome::Shared, 9_999)]));
        assert_eq!(Arc::clone(&counted).ask(7, Ok(0)).await.unwrap(), (42, Outcome::Hit));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_caller_may_leave() {
        let counted = Counted::new();
        let first = tokio::spawn(Arc::clone(&counted).ask(7, Ok(1)));
        settle().await;
        let second = tokio::spawn(Arc::clone(&counted).ask(7, Ok(2)));
        settle().await;
        assert!(counted.cache.is_coming(&7) && !counted.cache.is_coming(&8));
        first.abort();
        settle().await;
        counted.gate.notify_one();
        assert_eq!(second.await.unwrap().unwrap(), (1, Outcome::Shared));
        assert_eq!(counted.made(), 1);
        assert!(counted.cache.is_coming(&7));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_nobody_waits_for_is_dropped() {
        let counted = Counted::new();
        let asks: Vec<_> = (0..3).map(|_| tokio::spawn(Arc::clone(&counted).ask(7, Ok(1)))).collect();
        settle().await;
        asks.iter().for_each(|ask| ask.abort());
        settle().await;
        assert_eq!(counted.dropped.load(Ordering::SeqCst), 1);
        assert!(counted.cache.0.open().flights.is_empty());
        let again = tokio::spawn(Arc::clone(&counted).ask(7, Ok(2)));
        settle().await;
        counted.gate.notify_one();
        assert_eq!(again.await.unwrap().unwrap(), (2, Outcome::Miss));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_goes_to_everyone_and_is_remembered_only_if_it_lasts() {
        for (kind, makes_after_1s, makes_after_9s) in [(Kind::Unsupported, 1, 2), (Kind::Busy, 2, 3)] {
            let counted = Counted::new();
            let failure = || Err(Error::new(kind, "no"));
            let asks: Vec<_> = (0..100).map(|_| tokio::spawn(Arc::clone(&counted).ask(7, failure()))).collect();
            settle().await;
            counted.gate.notify_one();
            for ask in asks {
                assert_eq!(ask.await.unwrap().unwrap_err().kind(), kind);
            }
            assert_eq!(counted.made(), 1);
            for (wait, makes) in [(1, makes_after_1s), (8, makes_after_9s)] {
                tokio::time::advance(Duration::from_secs(wait)).await;
                counted.gate.notify_one();
                assert_eq!(Arc::clone(&counted).ask(7, failure()).await.unwrap_err().kind(), kind);
                assert_eq!(counted.made(), makes, "{kind:?}");
                // A gate that no maker waited at must not stay open for the next one.
                let _ = counted.gate.notified().now_or_never();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_a_failure_of_that_request_alone() {
        let cache: Cache<u32, u32> = Cache::new(LIMITS, |_, _| 1);
        let error = cache.get_or_make(7, || async { panic!("on purpose") }).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert_eq!(cache.get_or_make(7, || async { Ok(1) }).await.unwrap(), (1, Outcome::Miss));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_has_an_age_limit() {
        let counted = Counted::new();
        let ask = tokio::spawn(Arc::clone(&counted).ask(7, Ok(1)));
        settle().await;
        tokio::time::advance(Duration::from_secs(59)).await;
        let late = tokio::spawn(Arc::clone(&counted).ask(7, Ok(1)));
        settle().await;
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(ask.await.unwrap().unwrap_err().kind(), Kind::TimedOut);
        assert_eq!(late.await.unwrap().unwrap_err().kind(), Kind::TimedOut);
        assert_eq!(counted.dropped.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn bytes_are_bounded() {
        let cache: Cache<u32, Vec<u8>> = Cache::new(LIMITS, |_, value: &Vec<u8>| value.len());
        for key in 0..100 {
            cache.get_or_make(key, || async { Ok(vec![0; 100]) }).await.unwrap();
        }
        assert!(cache.0.kept.weight() <= 1000);
        assert!((1..=10).contains(&(0..100).filter(|key| cache.get(key).is_some()).count()));
    }

    #[tokio::test]
    async fn failures_are_bounded() {
        let cache: Cache<u32, u32> = Cache::new(LIMITS, |_, _| 1);
        for key in 0..2 * FAILURES_MAX as u32 {
            cache.get_or_make(key, || async { Err(Error::unsupported("no")) }).await.unwrap_err();
        }
        assert_eq!(cache.0.open().failures.len(), FAILURES_MAX);
    }
}
