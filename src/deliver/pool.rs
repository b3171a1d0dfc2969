//! Threads that decode and encode, and what waits for them: bounded in number and memory, and served fairly.
//!
//! Whoever wants something made takes a [`Turn`], which counts as waiting until its first piece of work begins; where too much
//! waits, or it would wait for too long, it is refused before anything is read. The parts of a turn hold the memory that
//! stays between pieces: samples that were read, tiles that were placed. A piece holds what it takes while it is worked on. Of
//! all memory one half is for the one and one half for the other, so that what is held never keeps pieces from being worked on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::books::{Part, Piece, State, refusal};
use super::fair::{Flow, Place};
use super::standing::{self, Waiting};
use super::stop::Stop;
use crate::decode::priority::give_way;
use crate::error::{Error, Kind, Result};
use crate::plan::cost::Cost;

/// The size of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads; zero for one a core.
    pub workers: usize,
    /// Most turns that wait for a thread.
    pub queue_max: usize,
    /// Most of those of one client.
    pub client_queue_max: usize,
    /// How long a turn may wait for a thread.
    pub queue_wait: Duration,
    /// Most bytes of memory that work may take at once, by its estimates.
    pub memory_max: u64,
}

/// How busy a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Load {
    /// Threads.
    pub workers: usize,
    /// Threads at work.
    pub busy: usize,
    /// Turns that wait.
    pub queued: usize,
    /// Most that may wait.
    pub queue_max: usize,
    /// What has not begun, by its estimates.
    pub queued_cost: Duration,
    /// How long that would take.
    pub queued_wait: Duration,
    /// Bytes of memory that work takes, by its estimates.
    pub memory: u64,
    /// Most bytes that it may take.
    pub memory_max: u64,
}

impl Load {
    /// Whether whoever has all of what waits may have no more.
    pub fn is_full(&self) -> bool {
        standing::is_full(self.queued, self.queue_max)
    }

    /// Threads that have nothing to do and nothing coming.
    pub fn idle(&self) -> usize {
        self.workers.saturating_sub(self.busy).saturating_sub(self.queued)
    }
}

/// A pool of threads. The threads end when it is dropped, each after the work it is at.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

/// Leave to have work done, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    shared: Arc<Shared>,
    number: u64,
    /// The turn that this one is a part of, or itself.
    whole: u64,
    flow: Flow,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    work_came: Condvar,
    limits: Limits,
}

/// A place in one of the lines, which is given up when it is dropped.
struct Spot<'a> {
    turn: &'a Turn,
    place: Place,
    line: Which,
}

/// A turn that waits for something else than workers, until it is dropped.
struct Aside<'a>(&'a Turn);

#[derive(Clone, Copy)]
enum Which {
    Parts,
    Pieces,
}

impl Pool {
    /// A pool of that size. Fails where the system has no threads left.
    pub fn new(limits: Limits) -> Result<Pool> {
        let workers = match limits.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            stated => stated,
        };
        let state = State { workers, ..State::default() };
        let pool = Pool { shared: Arc::new(Shared { state: Mutex::new(state), work_came: Condvar::new(), limits }) };
        for number in 0..workers {
            let shared = Arc::clone(&pool.shared);
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            let cannot = |error| Error::new(Kind::Unavailable, "no thread for a worker").caused_by(error);
            thread.spawn(move || shared.work()).map_err(cannot)?;
        }
        Ok(pool)
    }

    /// How busy the pool is.
    pub fn load(&self) -> Load {
        let (state, limits) = (self.shared.state(), &self.shared.limits);
        let Waiting { count, micros } = state.standing.all();
        Load {
            workers: state.workers,
            busy: state.busy,
            queued: count,
            queue_max: limits.queue_max,
            queued_cost: Duration::from_micros(micros),
            queued_wait: state.wait(micros),
            memory: state.held + state.taken,
            memory_max: limits.memory_max,
        }
    }

    /// A turn for work of so many microseconds. Fails with [`Kind::Busy`], and with how long to stay away, where as much waits
    /// as may, or it would wait for too long.
    pub fn enter(&self, flow: Flow, cost: Cost) -> Result<Turn> {
        let mut state = self.shared.state();
        state.check(flow, cost, &self.shared.limits)?;
        let number = state.admit(flow, Waiting { count: 1, micros: cost.micros });
        Ok(Turn { shared: Arc::clone(&self.shared), number, whole: number, flow })
    }
}

impl Turn {
    /// A turn that goes on with this one, and holds the memory of `cost` once there is room: it is never refused for others,
    /// and where this one has begun it waits as long as the whole may take. Fails with [`Kind::TooLarge`] where there will
    /// never be room.
    pub async fn part(&self, cost: Cost) -> Result<Turn> {
        self.shared.check_memory(cost.memory)?;
        let number = self.shared.state().divide(self.whole, self.flow, cost.micros);
        let part = Turn { shared: Arc::clone(&self.shared), number, whole: self.whole, flow: self.flow };
        if cost.memory > 0 {
            part.hold(cost.memory).await?;
        }
        Ok(part)
    }

    /// Waits until there is room for so many bytes, which are held from then on.
    async fn hold(&self, memory: u64) -> Result<()> {
        let (grant, granted) = oneshot::channel();
        let place = {
            let mut state = self.shared.state();
            let place = state.place(self.number, 0);
            state.parts.push(self.flow, place, memory, Part { turn: self.number, memory, grant });
            state.let_in(&self.shared.limits);
            place
        };
        let _spot = Spot { turn: self, place, line: Which::Parts };
        self.patient(granted, || false).await
    }

    /// What `work` gives, which waits for something else than workers: an origin that is slow takes nobody's place in the queue.
    /// Then it is as if it came anew: fails as [`Pool::enter`] does where too much waits by then.
    pub async fn aside<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.shared.state().step_aside(self.whole);
        let _aside = Aside(self);
        let outcome = work.await?;
        let state = self.shared.state();
        if let Some(ticket) = state.turns.get(&self.whole).filter(|ticket| ticket.waiting.count > 0) {
            state.check(self.flow, Cost { micros: ticket.waiting.micros, ..Cost::NOTHING }, &self.shared.limits)?;
        }
        Ok(outcome)
    }

    /// What `work` gives on one of the threads, and how long it waited for one. Leaving early takes the work out of the line, or
    /// tells it to stop. [`Kind::Busy`] where its turn has not begun and none is free for too long; [`Kind::TooLarge`] where
    /// there will never be memory for it.
    pub async fn run<T, W>(&self, cost: Cost, work: W) -> Result<(T, Duration)>
    where
        T: Send + 'static,
        W: FnOnce(&Stop) -> Result<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let (stop, asked) = (Stop::default(), Instant::now());
        let begun = Arc::new(AtomicBool::new(false));
        let job = {
            let (stop, begun) = (stop.clone(), Arc::clone(&begun));
            move || {
                begun.store(true, Ordering::Release);
                let queued = asked.elapsed();
                let result = catch_unwind(AssertUnwindSafe(|| work(&stop)))
                    .unwrap_or_else(|_panic| Err(Error::new(Kind::Internal, "the service failed on this request")));
                let is_done = result.is_ok() && !stop.is_set();
                // Nobody may be left to hear it.
                let _ = sender.send(result.map(|value| (value, queued)));
                is_done
            }
        };
        let _stopping = stop.on_drop();
        let _spot = self.queue(cost, Box::new(job))?;
        self.patient(receiver, || begun.load(Ordering::Acquire)).await?
    }

    /// What comes through `receiver`; for no longer than a turn may wait that has not begun, nor has what it waits for.
    async fn patient<T>(&self, mut receiver: oneshot::Receiver<T>, begun: impl Fn() -> bool) -> Result<T> {
        let stopping = |_| Error::new(Kind::Unavailable, "the service is stopping");
        if self.shared.has_begun(self.whole) {
            return receiver.await.map_err(stopping);
        }
        match tokio::time::timeout(self.shared.limits.queue_wait, &mut receiver).await {
            Ok(result) => result.map_err(stopping),
            Err(_elapsed) if begun() => receiver.await.map_err(stopping),
            Err(_elapsed) => {
                let state = self.shared.state();
                let wait = state.wait(state.standing.ahead(self.flow, 0));
                Err(refusal("timeout", "all workers are busy for too long", wait))
            }
        }
    }

    fn queue(&self, cost: Cost, work: Box<dyn FnOnce() -> bool + Send>) -> Result<Spot<'_>> {
        self.shared.check_memory(cost.memory)?;
        let mut state = self.shared.state();
        state.numbers += 1;
        let number = state.numbers;
        let place = state.place(self.number, number);
        if let Some(ticket) = state.turns.get_mut(&self.number) {
            ticket.spent = ticket.spent.saturating_add(cost.micros);
        }
        let piece = Piece { turn: self.number, whole: self.whole, cost, work };
        state.pieces.push(self.flow, place, cost.micros, piece);
        drop(state);
        self.shared.work_came.notify_one();
        Ok(Spot { turn: self, place, line: Which::Pieces })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Work, the only thing that can panic, runs outside the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_memory(&self, memory: u64) -> Result<()> {
        let most = self.limits.half();
        if memory <= most {
            return Ok(());
        }
        metrics::counter!("vedette_shed_total", "reason" => "memory").increment(1);
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let message =
            format!("it takes about {} MiB of memory to make, more than the {} MiB allowed", mib(memory), most >> 20);
        Err(Error::too_large(message))
    }

    fn has_begun(&self, turn: u64) -> bool {
        self.state().turns.get(&turn).is_none_or(|ticket| ticket.waiting.count == 0)
    }

    fn work(&self) {
        give_way();
        let mut state = self.state();
        while !state.closed {
            let Some(piece) = state.begin(&self.limits) else {
                state = self.work_came.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let since = Instant::now();
            let took = (piece.work)().then(|| since.elapsed());
            state = self.state();
            state.end(piece.cost, took);
            // There may be memory for more than the one that this thread takes next.
            self.work_came.notify_one();
        }
    }
}

impl Drop for Spot<'_> {
    fn drop(&mut self) {
        let Spot { turn, place, line } = *self;
        let mut state = turn.shared.state();
        // What a piece holds may be large, or take a lock of its own when it goes: not under this one.
        match line {
            Which::Parts => {
                let left = state.parts.remove(turn.flow, place);
                state.let_in(&turn.shared.limits);
                drop(state);
                drop(left);
            }
            Which::Pieces => {
                let left = state.pieces.remove(turn.flow, place);
                drop(state);
                if left.is_some() {
                    // What stands behind it may need less memory.
                    turn.shared.work_came.notify_one();
                }
            }
        }
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.0.shared.state().step_back(self.0.whole);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let Some(ticket) = state.turns.remove(&self.number) else { return };
        state.standing.go(ticket.flow, ticket.counted());
        state.held -= ticket.held;
        state.let_in(&self.shared.limits);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let left = {
            let mut state = self.shared.state();
            state.closed = true;
            (std::mem::take(&mut state.pieces), std::mem::take(&mut state.parts))
        };
        drop(left);
        self.shared.work_came.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::task::JoinHandle;

    use super::*;
    use crate::entry::PartnerId;
    use crate::error::Code;

    const LIMITS: Limits = Limits {
        workers: 1,
        queue_max: 2,
        client_queue_max: 100,
        queue_wait: Duration::from_secs(10),
        memory_max: 2000,
    };

    const MINE: Flow = flow(1, 1);

    const fn flow(partner: i64, client: u8) -> Flow {
        let client = std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, client));
        Flow { partner: PartnerId(partner), client: Some(client) }
    }

    fn of(micros: u64, memory: u64) -> Cost {
        Cost { micros, memory, ..Cost::NOTHING }
    }

    /// A pool whose only worker is at work until the sender is dropped.
    async fn occupied(limits: Limits) -> (Arc<Pool>, mpsc::Sender<()>, JoinHandle<bool>) {
        occupied_by(limits, Cost::NOTHING).await
    }

    async fn occupied_by(limits: Limits, cost: Cost) -> (Arc<Pool>, mpsc::Sender<()>, JoinHandle<bool>) {
        let pool = Arc::new(Pool::new(limits).unwrap());
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let turn = pool.enter(flow(9, 9), cost).unwrap();
        let task = tokio::spawn(async move {
            let work = move |_: &Stop| {
                begin.send(()).unwrap();
                let _ = released.recv();
                Ok(())
            };
            turn.run(cost, work).await.is_ok()
        });
        begun.await.unwrap();
        (pool, release, task)
    }

    /// Work of a turn that was let in, which gives seven.
    fn queue(turn: Turn, cost: Cost) -> JoinHandle<Result<(u8, Duration)>> {
        tokio::spawn(async move { turn.run(cost, |_| Ok(7)).await })
    }

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    async fn until(pool: &Pool, is_so: impl Fn(Load) -> bool) {
        while !is_so(pool.load()) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_what_begins_and_takes_what_goes_on() {
        let (pool, release, first) = occupied(LIMITS).await;
        let turns = [flow(1, 1), flow(2, 1)].map(|flow| pool.enter(flow, Cost::NOTHING).unwrap());
        let refused = pool.enter(flow(3, 1), Cost::NOTHING).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Busy, Some(Code::TooManyProcesses)));
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(1)));
        let [one, other] = turns;
        let part = one.part(Cost::NOTHING).await.unwrap();
        let waiting = [queue(one, Cost::NOTHING), queue(other, Cost::NOTHING), queue(part, Cost::NOTHING)];
        settle().await;
        let load = pool.load();
        assert_eq!((load.workers, load.busy, load.queued, load.queue_max), (1, 1, 2, 2));
        assert!(load.is_full());
        drop(release);
        for task in waiting {
            assert_eq!(task.await.unwrap().unwrap().0, 7);
        }
        assert!(first.await.unwrap());
        until(&pool, |load| load == Load { workers: 1, queue_max: 2, memory_max: 2000, ..Load::default() }).await;
    }

    #[tokio::test]
    async fn one_client_has_no_more_than_its_share_waiting() {
        let (pool, release, _first) = occupied(Limits { queue_max: 100, client_queue_max: 3, ..LIMITS }).await;
        let mut turns: Vec<Turn> = (0..3).map(|_| pool.enter(MINE, Cost::NOTHING).unwrap()).collect();
        assert!(pool.enter(MINE, Cost::NOTHING).unwrap_err().message().contains("of this client"));
        turns.push(pool.enter(flow(1, 2), Cost::NOTHING).unwrap());
        turns.remove(0);
        pool.enter(MINE, Cost::NOTHING).unwrap();
        drop(release);
    }

    #[tokio::test]
    async fn who_would_wait_for_too_long_is_refused_at_once_and_told_for_how_long() {
        let second = 1_000_000;
        let (pool, release, _first) = occupied_by(Limits { queue_max: 100, ..LIMITS }, of(4 * second, 0)).await;
        let greedy = pool.enter(MINE, of(30 * second, 0)).unwrap();
        let refused = pool.enter(MINE, of(second, 0)).unwrap_err();
        assert_eq!(refused.kind(), Kind::Busy);
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(32)));
        assert!(refused.message().contains("in 32 s"), "{refused}");
        let other = pool.enter(flow(1, 2), of(second, 0)).unwrap();
        assert_eq!(pool.load().queued_cost, Duration::from_secs(31));
        assert_eq!(pool.load().queued_wait, Duration::from_secs(33), "with what is worked on");
        // What goes on with work is a part of what it was said to take.
        let part = greedy.part(of(20 * second, 0)).await.unwrap();
        assert_eq!(pool.load().queued_cost, Duration::from_secs(31));
        drop((greedy, part, other));
        assert_eq!(pool.load().queued_cost, Duration::ZERO);
        drop(release);
    }

    #[tokio::test]
    async fn a_greedy_client_delays_others_by_no_more_than_a_piece() {
        let (pool, release, _first) = occupied(Limits { queue_max: 1000, ..LIMITS }).await;
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for client in [vec![1; 60], vec![2; 3]].concat() {
            let (turn, served) = (pool.enter(flow(1, client), of(100, 0)).unwrap(), Arc::clone(&served));
            tasks.push(tokio::spawn(async move {
                turn.run(of(100, 0), move |_| {
                    served.lock().unwrap().push(client);
                    Ok(())
                })
                .await
            }));
        }
        settle().await;
        drop(release);
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let served = served.lock().unwrap();
        let last = served.iter().rposition(|client| *client == 2).unwrap();
        assert!(last <= 6, "{served:?}");
    }

    #[tokio::test]
    async fn memory_is_counted_and_what_does_not_fit_waits() {
        let (pool, release, first) = occupied_by(Limits { workers: 2, ..LIMITS }, of(0, 600)).await;
        let turn = pool.enter(MINE, Cost::NOTHING).unwrap();
        let large = {
            let turn = pool.enter(flow(1, 2), Cost::NOTHING).unwrap();
            queue(turn, of(0, 500))
        };
        settle().await;
        assert_eq!((pool.load().busy, pool.load().memory), (1, 600), "one worker is free, and there is no room");
        let held = turn.part(of(0, 700)).await.unwrap();
        let held = (held, turn.part(of(0, 300)).await.unwrap());
        assert_eq!((pool.load().memory, pool.load().memory_max), (1600, 2000), "of the other half");
        let waits = tokio::spawn(async move {
            let part = turn.part(of(0, 400)).await.unwrap();
            part.run(of(0, 0), |_| Ok(())).await.unwrap();
        });
        settle().await;
        assert!(!waits.is_finished() && !large.is_finished());
        drop(release);
        assert_eq!(large.await.unwrap().unwrap().0, 7);
        assert!(first.await.unwrap());
        drop(held);
        waits.await.unwrap();
        until(&pool, |load| load.memory == 0 && load.busy == 0).await;
    }

    #[tokio::test]
    async fn what_will_never_fit_is_refused() {
        let pool = Pool::new(LIMITS).unwrap();
        let turn = pool.enter(MINE, Cost::NOTHING).unwrap();
        for refused in [
            turn.part(of(0, 1001)).await.map(drop).unwrap_err(),
            turn.run(of(0, 1001), |_| Ok(())).await.map(drop).unwrap_err(),
        ] {
            assert_eq!(refused.kind(), Kind::TooLarge, "{refused}");
        }
        assert!(turn.part(of(0, 1000)).await.is_ok() && turn.run(of(0, 1000), |_| Ok(())).await.is_ok());
    }

    #[tokio::test]
    async fn who_leaves_makes_room() {
        let (pool, release, _first) = occupied(LIMITS).await;
        let waiting = queue(pool.enter(MINE, of(10, 0)).unwrap(), of(10, 900));
        settle().await;
        assert_eq!(pool.load().queued, 1);
        waiting.abort();
        until(&pool, |load| load.queued == 0 && load.queued_cost.is_zero()).await;
        let turn = Arc::new(pool.enter(MINE, Cost::NOTHING).unwrap());
        let held = turn.part(of(0, 1000)).await.unwrap();
        let other = Arc::clone(&turn);
        let waiting = tokio::spawn(async move { other.part(of(0, 1000)).await.map(drop) });
        settle().await;
        waiting.abort();
        let _ = waiting.await;
        drop(held);
        assert_eq!(pool.load().memory, 0, "who had left is not let in");
        drop(release);
    }

    #[tokio::test]
    async fn who_waits_for_an_origin_takes_nobodys_place_and_then_comes_anew() {
        let (pool, release, _first) = occupied(LIMITS).await;
        for is_full in [false, true] {
            let turn = pool.enter(MINE, of(10, 0)).unwrap();
            let (arrive, arrived) = oneshot::channel();
            let far = tokio::spawn(async move {
                let outcome = turn.aside(async { arrived.await.map_err(|_| Error::invalid("nothing")) }).await;
                outcome.map(|()| turn)
            });
            until(&pool, |load| load.queued == 0 && load.queued_cost.is_zero()).await;
            let others = is_full.then(|| [flow(2, 1), flow(3, 1)].map(|flow| pool.enter(flow, of(10, 0)).unwrap()));
            arrive.send(()).unwrap();
            match far.await.unwrap() {
                Ok(turn) => {
                    assert!(!is_full);
                    assert_eq!((pool.load().queued, pool.load().queued_cost), (1, Duration::from_micros(10)));
                    drop(turn);
                }
                Err(refused) => assert!(is_full && refused.kind() == Kind::Busy, "{refused:?}"),
            }
            drop(others);
            until(&pool, |load| load.queued == 0 && load.queued_cost.is_zero()).await;
        }
        drop(release);
    }

    #[tokio::test]
    async fn ten_thousand_come_and_go() {
        let (pool, release, first) = occupied(Limits { queue_max: 20_000, client_queue_max: 20_000, ..LIMITS }).await;
        let turns = (0..10_000).map(|i| pool.enter(flow(i % 7, (i % 200) as u8), of(100, 1)).unwrap());
        let tasks: Vec<_> = turns.map(|turn| queue(turn, of(100, 1))).collect();
        settle().await;
        assert_eq!(pool.load().queued, 10_000);
        let (kept, left): (Vec<_>, Vec<_>) = tasks.into_iter().enumerate().partition(|(number, _)| number % 100 == 0);
        left.iter().for_each(|(_, task)| task.abort());
        until(&pool, |load| load.queued == 100).await;
        drop(release);
        for (_, task) in kept {
            assert_eq!(task.await.unwrap().unwrap().0, 7);
        }
        assert!(first.await.unwrap());
        until(&pool, |load| load.busy == 0 && load.queued == 0 && load.memory == 0).await;
    }

    #[tokio::test]
    async fn who_leaves_stops_the_work() {
        let pool = Arc::new(Pool::new(LIMITS).unwrap());
        let (begin, begun) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let turn = pool.enter(MINE, Cost::NOTHING).unwrap();
        let task = tokio::spawn(async move {
            let work = move |stop: &Stop| {
                begin.send(()).unwrap();
                while !stop.is_set() {
                    std::thread::yield_now();
                }
                tell.send(()).unwrap();
                Ok(())
            };
            turn.run(Cost::NOTHING, work).await
        });
        begun.await.unwrap();
        task.abort();
        told.await.unwrap();
    }

    #[tokio::test]
    async fn waiting_in_the_queue_has_a_limit() {
        let (pool, release, first) = occupied(LIMITS).await;
        tokio::time::pause();
        let late = queue(pool.enter(MINE, Cost::NOTHING).unwrap(), Cost::NOTHING).await.unwrap().unwrap_err();
        assert_eq!(late.kind(), Kind::Busy);
        assert_eq!(pool.load().queued, 0);
        drop(release);
        assert!(first.await.unwrap(), "work that began is waited for, however long it takes");
    }

    #[tokio::test]
    async fn what_has_begun_waits_for_as_long_as_it_takes() {
        let pool = Arc::new(Pool::new(LIMITS).unwrap());
        let turn = pool.enter(MINE, Cost::NOTHING).unwrap();
        turn.run(Cost::NOTHING, |_| Ok(())).await.unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let blocker = pool.enter(MINE, Cost::NOTHING).unwrap();
        let blocking = tokio::spawn(async move {
            let work = move |_: &Stop| {
                begin.send(()).unwrap();
                let _ = released.recv();
                Ok(())
            };
            blocker.run(Cost::NOTHING, work).await.map(drop)
        });
        begun.await.unwrap();
        tokio::time::pause();
        let waiting = queue(turn, Cost::NOTHING);
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert!(!waiting.is_finished());
        drop(release);
        assert_eq!(waiting.await.unwrap().unwrap().0, 7);
        blocking.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_and_the_worker_lives() {
        let pool = Pool::new(LIMITS).unwrap();
        let turn = pool.enter(MINE, Cost::NOTHING).unwrap();
        let error = turn.run(of(1, 1), |_| -> Result<()> { panic!("on purpose") }).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert_eq!(turn.run(of(1, 1), |_| Ok(1)).await.unwrap().0, 1);
    }

    #[tokio::test]
    async fn workers_stand_back_behind_those_that_answer() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let pool = Pool::new(LIMITS).unwrap();
        let turn = pool.enter(MINE, Cost::NOTHING).unwrap();
        let (of_worker, _) = turn.run(Cost::NOTHING, move |_| Ok(niceness())).await.unwrap();
        assert!(of_worker > niceness() || niceness() == 19, "{of_worker}");
    }
}
