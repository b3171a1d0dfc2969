//! The cage: foreign bytes are decoded in processes of their own, which can do nothing but decode, and write pictures that take
//! long: a process can be ended in the middle.
//!
//! ```text
//! service ── Order ──▶ keeper        started as this program with [`COMMAND`]; nothing foreign enters it
//!    ▲  │                │ fork      one thread, libraries loaded, files and network given up
//!    │  └── Work ─────▶ worker       seccomp; samples and files come to it, descriptors do not
//!    └───── Reply ───────┘           planes in sealed memory; the service believes no number of it
//! ```

mod channel;
mod confine;
mod drawn;
mod keeper;
mod message;
mod raster;
mod sealed;
mod task;
mod worker;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use self::channel::{Fault, Patience};
pub use self::confine::{Wall, Walls};
pub use self::keeper::{COMMAND, run};
use self::keeper::{Keeper, Worker};
use super::limits::Limits;
use crate::error::{Error, Kind, Result};

/// How a cage is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This program.
    pub program: PathBuf,
    /// Most bytes of memory of each worker.
    pub memory_max: u64,
    /// Longest that a worker may say nothing while it works: then it hangs, and is ended.
    pub silence_max: Duration,
}

/// How often a piece of work is tried: what ended one worker may have been the worker's fault.
const ATTEMPTS: u32 = 2;

/// After so much work, and so much time, another worker takes the place of one: what leaked into it, or took it over, ends.
const WORKS_MAX: u32 = 500;
const AGE_MAX: Duration = Duration::from_secs(600);

/// Worker processes, and what keeps them.
#[derive(Debug)]
pub(super) struct Cage {
    config: Config,
    limits: Limits,
    /// Workers that are kept ready.
    spare: usize,
    keeper: Mutex<Option<Arc<Keeper>>>,
    idle: Mutex<Vec<Member>>,
    counts: Arc<Counts>,
    walls: OnceLock<Walls>,
}

/// How many workers there are and were.
#[derive(Debug, Default)]
struct Counts {
    alive: AtomicU64,
    started: AtomicU64,
}

/// A worker with its past.
#[derive(Debug)]
struct Member {
    worker: Worker,
    /// What it did last: work like it finds an open decoder there.
    last: u64,
    works: u32,
    since: Instant,
    counts: Arc<Counts>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.counts.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a piece of work was not done.
#[derive(Debug)]
enum Trouble {
    /// The worker is no good any more.
    Worker(Fault),
    /// It cannot be done, as the worker says.
    Refused(Error),
    /// Whoever wanted it cannot go on.
    Asker(Error),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::Worker(fault)
    }
}

/// What ended a worker twice.
#[derive(Debug)]
struct Broke(String);

impl std::fmt::Display for Broke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broke {}

/// What work comes to that nobody waits for any more.
fn given_up() -> Error {
    Error::new(Kind::TimedOut, "decoding took longer than allowed")
}

/// Whether `error` is that a file ended the processes that were to decode it.
pub fn is_broken(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<Broke>())
}

impl Cage {
    /// An empty one, which keeps `spare` workers ready. The first is started by the first work, or by [`Cage::open`].
    pub(super) fn new(config: Config, limits: Limits, spare: usize) -> Cage {
        Cage {
            config,
            limits,
            spare,
            keeper: Mutex::default(),
            idle: Mutex::default(),
            counts: Arc::default(),
            walls: OnceLock::new(),
        }
    }

    /// Starts the workers that are kept ready, and tells what stands around them.
    pub(super) fn open(&self) -> Result<Walls> {
        let first = self.start()?;
        let walls = first.worker.walls;
        self.put(first);
        self.fill()?;
        Ok(walls)
    }

    /// Tells the metrics how many workers there are, and what stands around them.
    pub(super) fn measure(&self) {
        metrics::gauge!("vedette_decode_workers").set(self.alive() as f64);
        let started = self.counts.started.load(Ordering::Relaxed);
        metrics::counter!("vedette_decode_workers_started_total").absolute(started);
        for (name, wall) in self.walls.get().iter().flat_map(|walls| walls.each()) {
            metrics::gauge!("vedette_decode_wall", "wall" => name).set(wall.share());
        }
    }

    fn alive(&self) -> u64 {
        self.counts.alive.load(Ordering::Relaxed)
    }

    /// What `attempt` gets of a worker, the one that did `like` last if it is there. Where the worker breaks, another tries.
    fn call<T>(
        &self,
        like: u64,
        stop: &dyn Fn() -> bool,
        mut attempt: impl FnMut(&Worker, Patience<'_>) -> std::result::Result<T, Trouble>,
    ) -> Result<T> {
        let patience = Patience { stop, silence_max: self.config.silence_max };
        let mut how = String::new();
        for _ in 0..ATTEMPTS {
            let mut member = self.take(like)?;
            let outcome = attempt(&member.worker, patience);
            match outcome {
                Ok(done) => {
                    member.last = like;
                    self.put(member);
                    return Ok(done);
                }
                Err(Trouble::Refused(error)) => {
                    self.put(member);
                    return Err(error);
                }
                // In the middle of its work it is of no use to others.
                Err(Trouble::Asker(error)) => return Err(error),
                Err(Trouble::Worker(Fault::Stopped)) => return Err(given_up()),
                Err(Trouble::Worker(fault)) => {
                    how = self.bury(&member.worker, &fault);
                    drop(member);
                    self.fill()?;
                }
            }
        }
        let message = "the file cannot be decoded: its decoder broke, and so did a second one";
        Err(Error::new(Kind::Unavailable, message).caused_by(Broke(how)))
    }

    /// Tells the log of a worker that broke; why, in words.
    fn bury(&self, worker: &Worker, fault: &Fault) -> String {
        let ended = worker.end();
        let (why, how) = match fault {
            Fault::Silent => ("hung", format!("said nothing for {:?}", self.config.silence_max)),
            Fault::Nonsense(what) => ("lied", format!("sent {what}")),
            Fault::Ended | Fault::Stopped | Fault::System(_) => ("crashed", ended),
        };
        metrics::counter!("vedette_decode_workers_lost_total", "reason" => why).increment(1);
        tracing::warn!(reason = why, how, "a process that decodes was lost");
        format!("a process that decodes {why}: {how}")
    }

    fn take(&self, like: u64) -> Result<Member> {
        loop {
            let taken = {
                let mut idle = self.idle();
                let at = idle.iter().rposition(|member| member.last == like).or(idle.len().checked_sub(1));
                at.map(|at| idle.remove(at))
            };
            match taken {
                // One that ended while it had nothing to do says nothing about what is to be done.
                Some(member) if !member.worker.channel.is_quiet() => drop(member),
                Some(member) => return Ok(member),
                None => return self.start(),
            }
        }
    }

    fn put(&self, mut member: Member) {
        member.works += 1;
        let is_old = member.works >= WORKS_MAX || member.since.elapsed() > AGE_MAX;
        let mut idle = self.idle();
        if !is_old && idle.len() < self.spare {
            idle.push(member);
        }
    }

    /// Starts as many workers as are to be there.
    fn fill(&self) -> Result<()> {
        while self.alive() < self.spare as u64 {
            let member = self.start()?;
            self.idle().insert(0, member);
        }
        Ok(())
    }

    /// Another worker; of another keeper, where the one there was is gone.
    fn start(&self) -> Result<Member> {
        let failed = |fault: Fault| Error::new(Kind::Unavailable, "no process for a decoder").caused_by(fault);
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let forked = match keeper.as_ref().map(Keeper::fork) {
            Some(Ok(worker)) => Ok(worker),
            Some(Err(_)) | None => {
                // Those that the one before kept end with it.
                *keeper = None;
                let fresh = Arc::new(Keeper::start(&self.config, self.limits)?);
                keeper.insert(fresh).fork()
            }
        };
        let worker = forked.map_err(failed)?;
        worker.channel.limit_sending(self.config.silence_max).map_err(|error| failed(Fault::System(error)))?;
        let _ = self.walls.set(worker.walls);
        self.counts.started.fetch_add(1, Ordering::Relaxed);
        self.counts.alive.fetch_add(1, Ordering::Relaxed);
        Ok(Member { worker, last: 0, works: 0, since: Instant::now(), counts: Arc::clone(&self.counts) })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Member>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
