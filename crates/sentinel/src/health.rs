//! Is the process ready, and how does it use its machine?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal::{Meter, Metric};
use store::Store;

/// Readiness: true once all tasks run, false while the store cannot write or the process stops.
pub struct Health {
    store: Arc<Store>,
    is_running: AtomicBool,
}

impl Health {
    /// Not ready yet.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, is_running: AtomicBool::new(false) }
    }

    /// All tasks run (or, with false, are being stopped).
    pub fn set_running(&self, is_running: bool) {
        self.is_running.store(is_running, Ordering::Release);
    }
}

impl serve::Health for Health {
    fn ready(&self) -> Result<(), String> {
        if !self.is_running.load(Ordering::Acquire) {
            return Err("starting or stopping".to_owned());
        }
        self.store.complaint().map_or(Ok(()), |it| Err(format!("store: {it}")))
    }

    fn mode(&self) -> String {
        "all".to_owned()
    }
}

impl Meter for Health {
    fn metrics(&self) -> Vec<Metric> {
        let build = Metric::gauge("sentinel_build_info", "Version of this binary.", 1.0);
        let mut metrics = vec![build.label("version", env!("CARGO_PKG_VERSION"))];
        if let Some(bytes) = resident_bytes() {
            metrics.push(Metric::gauge("process_resident_memory_bytes", "Resident memory of this process.", bytes));
        }
        metrics
    }
}

/// Resident memory of this process, from /proc.
pub fn resident_bytes() -> Option<f64> {
    resident_bytes_of("self")
}

/// Resident memory of a process, from /proc.
pub fn resident_bytes_of(pid: &str) -> Option<f64> {
    status_bytes(pid, "VmRSS:")
}

/// The most resident memory that a process has had so far, from /proc.
pub fn peak_resident_bytes_of(pid: &str) -> Option<f64> {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: &str, field: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix(field))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// Seconds of processor time that a process has used so far on all cores, from /proc.
pub fn cpu_seconds_of(pid: &str) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; behind it user and system time are the 12th and 13th field.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: Vec<f64> = fields.split(' ').skip(11).take(2).filter_map(|it| it.parse().ok()).collect();
    // Linux counts them in hundredths of a second, whatever the kernel's own clock (USER_HZ).
    Some(ticks.iter().sum::<f64>() / 100.0)
}
