//! What a process gives up for good before it touches foreign bytes.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getpid, set_dumpable_behavior, set_parent_process_death_signal,
    setrlimit,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};
use serde::{Deserialize, Serialize};

/// Address space beside what [`confine`] is told: libraries, their data, and files handed over.
const ADDRESSES_BESIDE: u64 = 4 << 30;

/// Seconds of CPU that a process may take in its life. It is replaced long before; this ends one that nobody watches any more.
const CPU_SECONDS_MAX: u64 = 1800;

/// Descriptors that a worker may hold: the first three, its channel, and one frame at a time.
const DESCRIPTORS_MAX: u64 = 8;

/// More than are open in a process that is about to be confined.
const DESCRIPTORS_BEFORE: libc::c_int = 4096;

/// Which walls stand around a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// It gains no privileges, by no program, and no other process looks into it.
    pub privileges: bool,
    /// Memory, CPU time, descriptors and files are limited.
    pub limits: bool,
    /// Landlock: no file system, no network, no signals to others. Partly where the kernel knows less.
    pub landlock: Wall,
    /// Seccomp: no system calls but those that decoding takes.
    pub seccomp: Wall,
}

/// How far a wall stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wall {
    /// Wholly.
    Whole,
    /// As far as the kernel knows it.
    Part,
    /// Not at all: the kernel does not know it.
    None,
}

impl Walls {
    /// Each by its name, and how far it stands.
    pub fn each(&self) -> [(&'static str, Wall); 4] {
        let whole = |stands| if stands { Wall::Whole } else { Wall::None };
        [
            ("privileges", whole(self.privileges)),
            ("limits", whole(self.limits)),
            ("landlock", self.landlock),
            ("seccomp", self.seccomp),
        ]
    }
}

impl Wall {
    /// How much of it stands, of one.
    pub(super) fn share(self) -> f64 {
        match self {
            Wall::Whole => 1.0,
            Wall::Part => 0.5,
            Wall::None => 0.0,
        }
    }
}

impl fmt::Display for Walls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, wall)) in self.each().into_iter().enumerate() {
            let stands = match wall {
                Wall::Whole => "in force",
                Wall::Part => "in part",
                Wall::None => "not in force",
            };
            write!(f, "{}{name} {stands}", if number > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// Closes every descriptor but the first three: what another process left open is none of this one's business.
pub(super) fn close_descriptors() {
    // SAFETY: whoever calls this uses none of them any more.
    let is_done = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } == 0;
    // Linux before 5.9 closes them one by one.
    for descriptor in if is_done { 0..0 } else { 3..DESCRIPTORS_BEFORE } {
        // SAFETY: as above; a number that none has fails and harms nothing.
        unsafe { libc::close(descriptor) };
    }
}

/// Where memory runs out, the system is to end a worker before the service.
pub(super) fn be_dispensable() {
    // It is no worse for the service than without where it cannot be said.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
}

/// Leaves the signals that a terminal or a service manager sends to a whole group to the process that started this one, and
/// lets those of a crash end this one as if nobody had ever asked for them.
pub(super) fn reset_signals() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: what the system does by itself takes no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2] {
        // SAFETY: to ignore a signal takes no handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Gives up what this process and those forked from it never need: files, the network, privileges, and memory beyond
/// `memory_max` bytes. They may still fork.
pub(super) fn confine(memory_max: u64) -> Walls {
    let limits = [
        (Resource::Core, 0),
        (Resource::Data, memory_max),
        (Resource::As, memory_max.saturating_add(ADDRESSES_BESIDE)),
        (Resource::Fsize, memory_max),
        (Resource::Cpu, CPU_SECONDS_MAX),
    ];
    Walls {
        privileges: rustix::thread::set_no_new_privs(true).is_ok()
            && set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok(),
        limits: limits.into_iter().all(|(resource, most)| limit(resource, most)),
        landlock: match restrict() {
            Ok(RulesetStatus::FullyEnforced) => Wall::Whole,
            Ok(RulesetStatus::PartiallyEnforced) => Wall::Part,
            Ok(RulesetStatus::NotEnforced) | Err(_) => Wall::None,
        },
        seccomp: Wall::None,
    }
}

/// Gives up the rest, for a process that [`confine`] was told of: new processes, and every system call that decoding does
/// not take, which kills it. It dies with the process that it was forked from.
pub(super) fn seal_off(walls: Walls) -> Walls {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    Walls {
        limits: walls.limits && limit(Resource::Nofile, DESCRIPTORS_MAX),
        seccomp: match filters().map(|filters| filters.iter().try_for_each(|filter| apply_filter(filter))) {
            Ok(Ok(())) => Wall::Whole,
            Ok(Err(_)) | Err(_) => Wall::None,
        },
        ..walls
    }
}

fn limit(resource: Resource, most: u64) -> bool {
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).is_ok()
}

/// Landlock without a rule: whatever it handles is forbidden.
fn restrict() -> Result<RulesetStatus, RulesetError> {
    let known = ABI::V6;
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(known))?
        .handle_access(AccessNet::from_all(known))?
        .scope(Scope::from_all(known))?;
    Ok(ruleset.create()?.restrict_self()?.ruleset)
}

/// The system calls that a worker makes, whatever their arguments.
const CALLS: &[i64] = &[
    // Its channel.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_ppoll,
    libc::SYS_close,
    // Memory; what makes pages executable is left out below.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_memfd_create,
    libc::SYS_fstat,
    // Locks, time, chance.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_restart_syscall,
    // Its end.
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What libraries try, and do well without: it fails as if nothing were there that is theirs.
const REFUSED: &[i64] = &[
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_getcwd,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
];

/// Of the answers of all filters to a call the harshest counts.
fn filters() -> Result<[BpfProgram; 2], BackendError> {
    let architecture = std::env::consts::ARCH.try_into()?;
    let refused = REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    let denied = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    let refusing = SeccompFilter::new(refused, SeccompAction::Allow, denied, architecture)?;
    let killing = SeccompFilter::new(allowed()?, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?;
    Ok([refusing.try_into()?, killing.try_into()?])
}

fn allowed() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let calls = [CALLS, REFUSED].concat().into_iter();
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = calls.map(|call| (call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_poll, Vec::new());
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let protection = || rule(2, SeccompCmpOp::MaskedEq(executable), 0);
    rules.insert(libc::SYS_mmap, vec![protection()?]);
    rules.insert(libc::SYS_mprotect, vec![protection()?]);
    let seals = [libc::F_ADD_SEALS, libc::F_GET_SEALS, libc::F_GETFD, libc::F_GETFL].map(libc::c_int::unsigned_abs);
    let commands = seals.map(|command| rule(1, SeccompCmpOp::Eq, command.into()));
    rules.insert(libc::SYS_fcntl, commands.into_iter().collect::<Result<_, _>>()?);
    // A process that aborts sends the signal to itself.
    let own = u64::from(getpid().as_raw_nonzero().get().unsigned_abs());
    rules.insert(libc::SYS_tgkill, vec![rule(0, SeccompCmpOp::Eq, own)?]);
    Ok(rules)
}

/// A call is allowed where one of its arguments is as `compared` to `value`.
fn rule(argument: u8, compared: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compared, value)?])
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};

    use super::*;

    /// Which of the probes below a copy of this test process runs.
    const PROBE: &str = "VEDETTE_TEST_PROBE";

    /// What is tried, and what comes of it behind Landlock alone.
    type Probe = (&'static str, fn() -> io::Result<()>);

    const PROBES: &[Probe] = &[
        ("nothing", || Ok(())),
        ("memory", || super::super::sealed::Filling::new()?.seal().map(drop)),
        ("read a file", || File::open("/etc/passwd").map(drop)),
        ("read its own program", || File::open("/proc/self/exe").map(drop)),
        ("write a file", || File::create(std::env::temp_dir().join("vedette-probe")).map(drop)),
        ("listen", || TcpListener::bind("127.0.0.1:0").map(drop)),
        ("send", || UdpSocket::bind("127.0.0.1:0").map(drop)),
        ("run a program", || Command::new("/bin/true").status().map(drop)),
        ("start a thread", || std::thread::Builder::new().spawn(|| ()).map(drop)),
        ("signal its parent", || {
            let parent = rustix::process::getppid().ok_or(io::ErrorKind::NotFound)?;
            Ok(rustix::process::kill_process(parent, Signal::CONT)?)
        }),
        ("make memory executable", || {
            let all = rustix::mm::ProtFlags::all();
            // SAFETY: a new mapping at an address of the system's choice overlaps nothing.
            unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), 4096, all, rustix::mm::MapFlags::PRIVATE)? };
            Ok(())
        }),
        ("raise its limits", || {
            Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(DESCRIPTORS_MAX), maximum: Some(DESCRIPTORS_MAX) })?)
        }),
    ];

    /// Runs in a copy of the test process alone, as threads of this one would go on without walls.
    #[test]
    #[ignore = "it is run by the tests below"]
    fn probe() {
        let wanted = std::env::var(PROBE).unwrap_or_default();
        let (name, is_sealed_off) =
            wanted.strip_suffix(" behind seccomp").map_or((&*wanted, false), |name| (name, true));
        let Some((_, run)) = PROBES.iter().find(|(known, _)| *known == name) else { return };
        let mut walls = confine(8 << 30);
        if is_sealed_off {
            walls = seal_off(walls);
        }
        let code = match run() {
            Ok(()) => 0,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => 1,
            Err(_) => 2,
        };
        let stands = walls.privileges && walls.limits && (walls.seccomp == Wall::Whole) == is_sealed_off;
        std::process::exit(if stands { code } else { 3 });
    }

    fn tried(probe: &str) -> ExitStatus {
        let name = concat!(module_path!(), "::probe").split_once("::").unwrap().1;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--ignored", "--test-threads=1"]).env(PROBE, probe);
        command.output().unwrap().status
    }

    #[test]
    fn a_worker_decodes_and_does_nothing_else() {
        for (name, _) in PROBES {
            let status = tried(&format!("{name} behind seccomp"));
            match *name {
                "nothing" | "memory" => assert_eq!(status.code(), Some(0), "{name}: {status}"),
                "read a file" | "read its own program" | "write a file" => {
                    assert_eq!(status.code(), Some(1), "{name}: {status}");
                }
                _ => assert_eq!(status.signal(), Some(libc::SIGSYS), "{name}: {status}"),
            }
        }
    }

    #[test]
    fn without_seccomp_landlock_still_keeps_from_files_ports_and_signals() {
        for name in ["read a file", "read its own program", "write a file", "listen", "signal its parent"] {
            let status = tried(name);
            assert_eq!(status.code(), Some(1), "{name}: {status}");
        }
    }

    #[test]
    fn walls_say_how_far_they_stand() {
        let walls = Walls { privileges: true, limits: true, landlock: Wall::Part, seccomp: Wall::None };
        assert_eq!(walls.to_string(), "privileges in force, limits in force, landlock in part, seccomp not in force");
    }
}
