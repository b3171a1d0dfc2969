//! Threads that decode and encode, with a bounded queue before them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::{Code, Error, Kind, Result};

/// The size of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads; zero for one a core.
    pub workers: usize,
    /// Most pieces of work that wait for a thread.
    pub queue_max: usize,
    /// How long a piece of work that begins something may wait for a thread.
    pub queue_wait: Duration,
}

/// Whether a piece of work begins something or goes on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It begins: refused where the queue is full.
    Begin,
    /// It is a part of something begun, which a refusal would waste: the queue takes it even when it is full,
    /// and it waits as long as the whole may take.
    Continue,
}

/// How busy a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Load {
    /// Threads.
    pub workers: usize,
    /// Threads at work.
    pub busy: usize,
    /// Pieces of work that wait.
    pub queued: usize,
    /// Most that may wait.
    pub queue_max: usize,
}

impl Load {
    /// Whether what begins now is refused.
    pub fn is_full(&self) -> bool {
        self.queued >= self.queue_max
    }

    /// Threads that have nothing to do and nothing coming.
    pub fn idle(&self) -> usize {
        self.workers.saturating_sub(self.busy).saturating_sub(self.queued)
    }
}

/// Asked by work in progress: does anyone still wait for it?
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// True where the work should be given up.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A pool of threads. The threads end when it is dropped, each after the work it is at.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    limits: Limits,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    work_came: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Job>,
    workers: usize,
    busy: usize,
    jobs_begun: u64,
    closed: bool,
}

struct Job {
    number: u64,
    work: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({})", self.number)
    }
}

/// Takes a job back when its caller leaves.
struct Ticket {
    shared: Arc<Shared>,
    number: u64,
    stop: Stop,
}

impl Pool {
    /// A pool of that size. Fails where the system has no threads left.
    pub fn new(limits: Limits) -> Result<Pool> {
        let workers = match limits.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            stated => stated,
        };
        let state = State { workers, ..State::default() };
        let pool = Pool { shared: Arc::new(Shared { state: Mutex::new(state), work_came: Condvar::new() }), limits };
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
        let state = self.shared.state();
        Load { workers: state.workers, busy: state.busy, queued: state.queue.len(), queue_max: self.limits.queue_max }
    }

    /// What `work` gives on one of the threads, and how long it waited for one. Leaving early takes the work out of the queue,
    /// or tells it to stop. [`Kind::Busy`] where the queue is full or does not move.
    pub async fn run<T, W>(&self, admission: Admission, work: W) -> Result<(T, Duration)>
    where
        T: Send + 'static,
        W: FnOnce(&Stop) -> Result<T> + Send + 'static,
    {
        let (sender, mut receiver) = oneshot::channel();
        let (stop, asked) = (Stop::default(), Instant::now());
        let begun = Arc::new(AtomicBool::new(false));
        let job = {
            let (stop, begun) = (stop.clone(), Arc::clone(&begun));
            move || {
                begun.store(true, Ordering::Release);
                let queued = asked.elapsed();
                let result = catch_unwind(AssertUnwindSafe(|| work(&stop)))
                    .unwrap_or_else(|_panic| Err(Error::new(Kind::Internal, "the service failed on this request")));
                // Nobody may be left to hear it.
                let _ = sender.send(result.map(|value| (value, queued)));
            }
        };
        let _ticket = self.enqueue(admission, Box::new(job), stop)?;
        let stopping = || Error::new(Kind::Unavailable, "the service is stopping");
        let patience = match admission {
            Admission::Begin => self.limits.queue_wait,
            // The whole has a deadline of its own.
            Admission::Continue => Duration::MAX,
        };
        match tokio::time::timeout(patience, &mut receiver).await {
            Ok(result) => result.map_err(|_| stopping())?,
            Err(_elapsed) if begun.load(Ordering::Acquire) => receiver.await.map_err(|_| stopping())?,
            Err(_elapsed) => {
                Err(Error::coded(Code::TooManyProcesses, "all workers are busy for too long, try again later"))
            }
        }
    }

    fn enqueue(&self, admission: Admission, work: Box<dyn FnOnce() + Send>, stop: Stop) -> Result<Ticket> {
        let mut state = self.shared.state();
        let free = state.workers.saturating_sub(state.busy);
        if admission == Admission::Begin && state.queue.len() >= free + self.limits.queue_max {
            let message = format!("{} requests wait for a worker, try again later", state.queue.len());
            return Err(Error::coded(Code::TooManyProcesses, message));
        }
        state.jobs_begun += 1;
        let number = state.jobs_begun;
        state.queue.push_back(Job { number, work });
        drop(state);
        self.shared.work_came.notify_one();
        Ok(Ticket { shared: Arc::clone(&self.shared), number, stop })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Work, the only thing that can panic, runs outside the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.state();
        while !state.closed {
            let Some(job) = state.queue.pop_front() else {
                state = self.work_came.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.busy += 1;
            drop(state);
            (job.work)();
            state = self.state();
            state.busy -= 1;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.stop.0.store(true, Ordering::Relaxed);
        let mut state = self.shared.state();
        let place = state.queue.iter().position(|job| job.number == self.number);
        let job = place.and_then(|place| state.queue.remove(place));
        // What the job holds may be large, or take a lock of its own when it goes.
        drop(state);
        drop(job);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let queue = {
            let mut state = self.shared.state();
            state.closed = true;
            std::mem::take(&mut state.queue)
        };
        drop(queue);
        self.shared.work_came.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LIMITS: Limits = Limits { workers: 1, queue_max: 2, queue_wait: Duration::from_secs(10) };

    /// A pool whose only worker is at work until the sender is dropped.
    async fn occupied(limits: Limits) -> (Arc<Pool>, mpsc::Sender<()>, tokio::task::JoinHandle<bool>) {
        let pool = Arc::new(Pool::new(limits).unwrap());
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let task = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                let work = move |_: &Stop| {
                    begin.send(()).unwrap();
                    let _ = released.recv();
                    Ok(())
                };
                pool.run(Admission::Begin, work).await.is_ok()
            }
        });
        begun.await.unwrap();
        (pool, release, task)
    }

    fn queue(pool: &Arc<Pool>, admission: Admission) -> tokio::task::JoinHandle<Result<(u8, Duration)>> {
        let pool = Arc::clone(pool);
        tokio::spawn(async move { pool.run(admission, |_| Ok(7)).await })
    }

    async fn queued(pool: &Pool, expected: usize) {
        while pool.load().queued != expected {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_what_begins_and_takes_what_goes_on() {
        let (pool, release, first) = occupied(LIMITS).await;
        let waiting = [queue(&pool, Admission::Begin), queue(&pool, Admission::Begin)];
        queued(&pool, 2).await;
        let refused = queue(&pool, Admission::Begin).await.unwrap().unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Busy, Some(Code::TooManyProcesses)));
        let part = queue(&pool, Admission::Continue);
        queued(&pool, 3).await;
        assert_eq!(pool.load(), Load { workers: 1, busy: 1, queued: 3, queue_max: 2 });
        assert!(pool.load().is_full());
        drop(release);
        for task in waiting.into_iter().chain([part]) {
            assert_eq!(task.await.unwrap().unwrap().0, 7);
        }
        assert!(first.await.unwrap());
    }

    #[tokio::test]
    async fn who_leaves_the_queue_makes_room() {
        let (pool, release, _first) = occupied(LIMITS).await;
        let waiting = queue(&pool, Admission::Begin);
        queued(&pool, 1).await;
        waiting.abort();
        queued(&pool, 0).await;
        drop(release);
    }

    #[tokio::test]
    async fn who_leaves_stops_the_work() {
        let pool = Arc::new(Pool::new(LIMITS).unwrap());
        let (begin, begun) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let task = tokio::spawn(async move {
            let work = move |stop: &Stop| {
                begin.send(()).unwrap();
                while !stop.is_set() {
                    std::thread::yield_now();
                }
                tell.send(()).unwrap();
                Ok(())
            };
            pool.run(Admission::Begin, work).await
        });
        begun.await.unwrap();
        task.abort();
        told.await.unwrap();
    }

    #[tokio::test]
    async fn waiting_in_the_queue_has_a_limit() {
        let (pool, release, first) = occupied(LIMITS).await;
        tokio::time::pause();
        let late = queue(&pool, Admission::Begin).await.unwrap().unwrap_err();
        assert_eq!(late.kind(), Kind::Busy);
        assert_eq!(pool.load().queued, 0);
        drop(release);
        assert!(first.await.unwrap(), "work that began is waited for, however long it takes");
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_and_the_worker_lives() {
        let pool = Pool::new(LIMITS).unwrap();
        let error = pool.run(Admission::Begin, |_| -> Result<()> { panic!("on purpose") }).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert_eq!(pool.run(Admission::Begin, |_| Ok(1)).await.unwrap().0, 1);
    }
}
