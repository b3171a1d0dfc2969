//! The keeper: a process of this program that nothing foreign ever enters, and that workers are forked from.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, waitpid};

use super::channel::{Channel, Fault, Patience};
use super::confine::{self, Walls};
use super::message::{Order, Reply, Setup, Word};
use super::{Config, worker};
use crate::decode::limits::Limits;
use crate::decode::priority::give_way;
use crate::error::{Error, Kind, Result};

/// The command that makes a process of this program a keeper.
pub const COMMAND: &str = "__decode";

/// Longest start of a keeper on a busy machine: it loads a hundred libraries.
const START_MAX: Duration = Duration::from_secs(30);

/// Longest answer of a keeper on a busy machine: it only ever forks and waits.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// A keeper, as the service sees it. The process and its workers end when it is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    channel: Mutex<Channel>,
    child: Mutex<Child>,
}

/// A worker, as the service sees it. The process ends when it is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) channel: Channel,
    /// What stands around it.
    pub(super) walls: Walls,
    number: u32,
    keeper: Arc<Keeper>,
}

impl Keeper {
    /// Starts one.
    pub(super) fn start(config: &Config, limits: Limits) -> Result<Keeper> {
        let failed = |error: io::Error| Error::new(Kind::Unavailable, "no process for decoders").caused_by(error);
        let (ours, theirs) = pair().map_err(failed)?;
        let mut command = Command::new(&config.program);
        command.arg0("vedette").arg(COMMAND).env_clear().stdin(Stdio::from(theirs)).stdout(Stdio::null());
        // Where the loader finds libraries that are not at their usual place.
        command.envs(std::env::var_os("LD_LIBRARY_PATH").map(|path| ("LD_LIBRARY_PATH", path)));
        let child = command.spawn().map_err(failed)?;
        let keeper = Keeper { channel: Mutex::new(Channel::new(ours)), child: Mutex::new(child) };
        let setup = Setup { memory_max: config.memory_max, limits };
        let silent = |fault| failed(io::Error::other(fault));
        let channel = keeper.channel();
        channel.send(&setup, &[]).map_err(silent)?;
        match channel.receive(Some(patience(START_MAX))).map_err(silent)? {
            (Word::Ready, _) => drop(channel),
            (other, _) => return Err(failed(io::Error::other(format!("{other:?}")))),
        }
        Ok(keeper)
    }

    /// Another worker.
    pub(super) fn fork(self: &Arc<Keeper>) -> std::result::Result<Worker, Fault> {
        let (word, socket) = {
            let channel = self.channel();
            channel.send(&Order::Fork, &[])?;
            channel.receive_descriptor(patience(ANSWER_MAX))?
        };
        let Word::Forked(number) = word else { return Err(Fault::Nonsense("a keeper that does not fork")) };
        let channel = Channel::new(socket);
        match channel.receive(Some(patience(ANSWER_MAX)))? {
            (Reply::Ready(walls), _) => Ok(Worker { channel, walls, number, keeper: Arc::clone(self) }),
            _ => Err(Fault::Nonsense("a worker that is not ready")),
        }
    }

    fn channel(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Worker {
    /// How the process ended: by itself, or because of this.
    pub(super) fn end(&self) -> String {
        let channel = self.keeper.channel();
        let asked = channel.send(&Order::Ended(self.number), &[]);
        match asked.and_then(|()| channel.receive(Some(patience(ANSWER_MAX)))) {
            Ok((Word::Ended(how), _)) => how,
            _ => "its keeper ended too".to_owned(),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A keeper that is gone took it along.
        let _ = self.keeper.channel().send(&Order::End(self.number), &[]);
    }
}

fn patience<'a>(silence_max: Duration) -> Patience<'a> {
    Patience { stop: &|| false, silence_max }
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// What a process that was started with [`COMMAND`] does. It ends when the service does.
pub fn run() -> ExitCode {
    match keep() {
        Ok(()) | Err(Fault::Ended) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("vedette: {COMMAND} is how the service starts processes for its decoders: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn keep() -> std::result::Result<(), Fault> {
    confine::close_descriptors();
    confine::reset_signals();
    confine::be_dispensable();
    give_way();
    let channel = Channel::new(io::stdin().as_fd().try_clone_to_owned().map_err(Fault::System)?);
    let (setup, _) = channel.receive::<Setup>(None)?;
    worker::warm_up();
    let walls = confine::confine(setup.memory_max);
    channel.send(&Word::Ready, &[])?;
    Litter { setup, walls, alive: Vec::new(), ending: Vec::new() }.tend(&channel)
}

/// The workers of a keeper, from its side.
struct Litter {
    setup: Setup,
    walls: Walls,
    /// Those that were not told to end. How one ended by itself is kept by the system until it is asked for.
    alive: Vec<Pid>,
    /// Those that were.
    ending: Vec<Pid>,
}

impl Litter {
    /// Does what it is told until nobody is left to tell it.
    fn tend(mut self, channel: &Channel) -> std::result::Result<(), Fault> {
        loop {
            let (order, _) = channel.receive::<Order>(None)?;
            self.ending.retain(|worker| matches!(waitpid(Some(*worker), WaitOptions::NOHANG), Ok(None)));
            match order {
                Order::Fork => match self.fork() {
                    Ok((number, socket)) => channel.send_descriptor(&Word::Forked(number), &socket)?,
                    Err(error) => channel.send(&Word::Failed(error.to_string()), &[])?,
                },
                Order::End(number) => {
                    let ended = self.kill(number);
                    self.ending.extend(ended);
                }
                Order::Ended(number) => {
                    let ended =
                        self.kill(number).and_then(|worker| waitpid(Some(worker), WaitOptions::empty()).ok()?);
                    channel.send(&Word::Ended(ended.map(|(_, status)| told(status)).unwrap_or_default()), &[])?;
                }
            }
        }
    }

    fn fork(&mut self) -> io::Result<(u32, OwnedFd)> {
        let (ours, theirs) = pair()?;
        let keeper = getpid();
        // SAFETY: this process has one thread, so that its copy finds no lock held and no state torn.
        match unsafe { libc::fork() } {
            0 => self.become_worker(keeper, &theirs),
            pid => {
                let pid = Pid::from_raw(pid).filter(|_| pid > 0).ok_or_else(io::Error::last_os_error)?;
                self.alive.push(pid);
                Ok((number(pid), ours))
            }
        }
    }

    /// Makes the copy of this process that runs it a worker for the rest of its life.
    fn become_worker(&self, keeper: Pid, socket: &OwnedFd) -> ! {
        let served = catch_unwind(AssertUnwindSafe(|| -> std::result::Result<(), Fault> {
            // The first three descriptors are its own: the socket, and nothing to write to.
            rustix::stdio::dup2_stdin(socket)?;
            rustix::stdio::dup2_stderr(rustix::stdio::stdout())?;
            confine::close_descriptors();
            let channel = Channel::new(io::stdin().as_fd().try_clone_to_owned().map_err(Fault::System)?);
            let walls = confine::seal_off(self.walls);
            // Its keeper may have ended before it asked to die with it.
            if getppid() == Some(keeper) { worker::serve(&channel, self.setup, walls) } else { Ok(()) }
        }));
        let code = if matches!(served, Ok(Ok(()) | Err(Fault::Ended))) { 0 } else { 1 };
        // SAFETY: ends the process without what libraries of the keeper's want to do at its end.
        unsafe { libc::_exit(code) }
    }

    /// Kills a worker, and gives it away.
    fn kill(&mut self, ended: u32) -> Option<Pid> {
        let at = self.alive.iter().position(|worker| number(*worker) == ended)?;
        let worker = self.alive.swap_remove(at);
        // One that ended by itself stays ended as it did.
        let _ = kill_process(worker, Signal::KILL);
        Some(worker)
    }
}

fn number(worker: Pid) -> u32 {
    worker.as_raw_nonzero().get().unsigned_abs()
}

fn told(status: WaitStatus) -> String {
    match (status.terminating_signal(), status.exit_status()) {
        (Some(libc::SIGSYS), _) => "killed for a system call that it may not make".to_owned(),
        (Some(libc::SIGXCPU), _) => "killed for taking too much time".to_owned(),
        (Some(signal), _) => format!("killed by signal {signal}"),
        (None, code) => format!("exited with {}", code.unwrap_or_default()),
    }
}
