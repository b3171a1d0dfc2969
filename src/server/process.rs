//! What the service takes of its machine, under the names that Prometheus has for it.

use rustix::time::{ClockId, clock_gettime};

/// Puts it among the metrics; what this system does not tell is left out.
pub(super) fn measure() {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    metrics::gauge!("process_cpu_seconds_total").set(used.tv_sec as f64 + used.tv_nsec as f64 / 1e9);
    if let Some(bytes) = resident() {
        metrics::gauge!("process_resident_memory_bytes").set(bytes as f64);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // One of them is the folder itself.
        metrics::gauge!("process_open_fds").set(open.count().saturating_sub(1) as f64);
    }
}

/// Bytes of memory that are its own.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}
