//! Who goes first where threads want the same core: those that answer requests, then those that decode and encode.
//!
//! Everything here is a wish: where the system does not let it, or does not know of it, all are equal.

#![allow(unsafe_code)]

use std::io;
use std::mem::size_of;

/// How far what decodes and encodes stands back, in the system's steps of niceness: a core that both want goes to the answer
/// nine times of ten. With half of it hits wait five times as long while decoders are busy as they do otherwise; with more,
/// programs beside the service would hold decoders up.
const NICENESS: i32 = 10;

/// How long a thread that answers keeps a core that others want, in nanoseconds: the shortest that Linux takes (6.12 and
/// later, see `Documentation/scheduler/sched-eevdf.rst`). What wants to run for less than who runs may begin at once; without
/// it, being favoured helps only once a decoder has had a core for some milliseconds.
const SLICE: u64 = 100_000;

/// Makes the calling thread, and the threads and processes that it starts, stand back behind those that answer.
pub fn give_way() {
    let _ = reschedule(|attributes| {
        attributes.sched_nice = attributes.sched_nice.max(NICENESS);
        // The system's own, if this thread was started by one that answers.
        attributes.sched_runtime = 0;
    });
}

/// Makes the calling thread, which answers requests, begin as soon as it has something to do.
pub fn go_first() {
    let _ = reschedule(|attributes| attributes.sched_runtime = SLICE);
}

/// Changes how the system schedules the calling thread.
fn reschedule(change: impl FnOnce(&mut libc::sched_attr)) -> io::Result<()> {
    let mut attributes = attributes()?;
    change(&mut attributes);
    // SAFETY: the system reads `size` bytes of it, which are all that it has.
    result(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) })
}

/// How the system schedules the calling thread.
fn attributes() -> io::Result<libc::sched_attr> {
    let size = size_of::<libc::sched_attr>() as u32;
    let mut attributes = libc::sched_attr {
        size,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the system writes at most `size` bytes, which are all that it has.
    result(unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) })?;
    Ok(attributes)
}

fn result(code: libc::c_long) -> io::Result<()> {
    match code {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn who_gives_way_stands_back_and_so_does_what_it_starts() {
        let usual = attributes().unwrap();
        let (own, inherited) = thread::spawn(|| {
            go_first();
            give_way();
            (attributes().unwrap(), thread::spawn(|| attributes().unwrap()).join().unwrap())
        })
        .join()
        .unwrap();
        let nice = usual.sched_nice.max(NICENESS);
        assert_eq!((own.sched_nice, inherited.sched_nice), (nice, nice));
        assert_eq!((own.sched_runtime, inherited.sched_runtime), (usual.sched_runtime, usual.sched_runtime));
        assert_eq!(attributes().unwrap().sched_nice, usual.sched_nice);
    }

    #[test]
    fn who_answers_has_short_slices_where_the_system_knows_of_them() {
        let usual = attributes().unwrap();
        let own = thread::spawn(|| {
            go_first();
            attributes().unwrap()
        });
        let own = own.join().unwrap();
        // Zero where the system has one length for all.
        let wanted = if usual.sched_runtime == 0 { 0 } else { SLICE };
        assert_eq!((own.sched_nice, own.sched_runtime), (usual.sched_nice, wanted));
    }
}
