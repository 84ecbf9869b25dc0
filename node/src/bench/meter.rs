//! Clocks and memory of this process.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time that this thread has used.
pub(super) fn cpu() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// CPU time that all threads of this process have used.
pub(super) fn process_cpu() -> Duration {
    read(ClockId::ProcessCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// CPU time that something takes, and what it gives.
pub(super) fn cpu_of<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let before = cpu();
    let result = work();
    (cpu().saturating_sub(before), result)
}

/// CPU time of all threads that something takes, and what it gives.
pub(super) fn process_cpu_of<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let before = process_cpu();
    let result = work();
    (process_cpu().saturating_sub(before), result)
}

/// The middle one of some measurements.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The measurement below which a share of sorted ones lie.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// Most memory that this process has had, in megabytes.
pub(super) fn peak_rss_mb() -> f64 {
    status_mb("VmHWM:")
}

/// Memory that this process has now, in megabytes.
pub(super) fn rss_mb() -> f64 {
    status_mb("VmRSS:")
}

/// A field of `/proc/self/status`; not a number where there is no such file.
fn status_mb(field: &str) -> f64 {
    status_mb_of("self", field)
}

/// A field of `/proc/PID/status`; not a number where there is no such file.
pub(super) fn status_mb_of(process: &str, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.split_whitespace().next());
    value
        .and_then(|kb| kb.parse::<f64>().ok())
        .map_or(f64::NAN, |kb| kb / 1024.0)
}
