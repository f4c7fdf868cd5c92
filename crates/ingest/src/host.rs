//! How is this host? Its own metrics every second: processor, memory, disks, network, load, pressure, processes.

mod kernel;
mod processes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sysinfo::{DiskRefreshKind, Disks, MemoryRefreshKind, Networks, System};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use signal::{Clock, Labels, SeriesPoints, Timestamp};

use crate::host::processes::TopProcesses;
use crate::{Counts, ErrorKind, HostConfig, Reason, Refused, Sink, Source};

/// Measures this host until `shutdown` becomes true. A measurement that the sink cannot take is dropped and counted:
/// the next one follows at once, and waiting would only make it old.
pub async fn watch_host(
    config: HostConfig,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    mut shutdown: watch::Receiver<bool>,
) {
    if !config.enabled {
        return;
    }
    let mut sampler = match HostSampler::new(&config) {
        Ok(sampler) => sampler,
        Err(error) => {
            counts.error(Source::Host, ErrorKind::Unreachable);
            warn!(%error, "This host cannot be measured.");
            return;
        }
    };
    info!(host = sampler.host(), interval_ms = config.interval_ms, "Host is watched.");
    let mut ticks = tokio::time::interval(Duration::from_millis(config.interval_ms));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = shutdown.wait_for(|it| *it) => return,
        }
        let time = clock.now();
        // Reading /proc and statvfs may block, for example on a network disk that hangs.
        let measured = tokio::task::spawn_blocking(move || {
            let batch = sampler.sample(time);
            (sampler, batch)
        });
        let Ok((returned, batch)) = measured.await else {
            counts.error(Source::Host, ErrorKind::Failed);
            warn!("The host measurement has panicked; this host is not watched any more.");
            return;
        };
        sampler = returned;
        deliver(batch, &*sink, &counts).await;
    }
}

async fn deliver(batch: Vec<SeriesPoints>, sink: &dyn Sink, counts: &Counts) {
    if batch.is_empty() {
        return;
    }
    let n_points = batch.len() as u64;
    counts.received(Source::Host, n_points);
    let outcome = sink.samples(Source::Host, batch).await;
    counts.outcome(Source::Host, &outcome);
    if let Err(refused) = outcome {
        counts.dropped(Source::Host, Reason::Refused, n_points);
        if !matches!(refused, Refused::Busy { .. }) {
            warn!(%refused, "Host metrics were not taken.");
        }
    }
}

/// Measures this host; rates are differences to the measurement before.
pub struct HostSampler {
    host: String,
    system: System,
    disks: Disks,
    networks: Networks,
    processes: TopProcesses,
    previous: Option<Instant>,
}

impl HostSampler {
    /// A sampler; its first measurement has no rates.
    pub fn new(config: &HostConfig) -> Result<Self, crate::Error> {
        let unreachable = |error: sysinfo::Error| crate::Error::Unreachable(format!("this host: {error}"));
        Ok(Self {
            host: config.host.clone().unwrap_or_else(name),
            system: System::new().map_err(unreachable)?,
            disks: Disks::new_with_refreshed_list().map_err(unreachable)?,
            networks: Networks::new_with_refreshed_list().map_err(unreachable)?,
            processes: TopProcesses::new(config.top_processes),
            previous: None,
        })
    }

    /// The value of the label `host`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// All metrics now. The first call measures what later rates are compared with, and returns only what is no rate.
    pub fn sample(&mut self, time: Timestamp) -> Vec<SeriesPoints> {
        let elapsed_secs = self.previous.replace(Instant::now()).map(|it| it.elapsed().as_secs_f64());
        let elapsed_secs = elapsed_secs.filter(|it| *it > 0.05);
        let mut batch = Batch { host: &self.host, time, series: Vec::with_capacity(96) };
        processor(&mut self.system, elapsed_secs.is_some(), &mut batch);
        memory(&mut self.system, &mut batch);
        disks(&mut self.disks, elapsed_secs, &mut batch);
        networks(&mut self.networks, elapsed_secs, &mut batch);
        kernel::load_and_pressure(&mut batch);
        self.processes.sample(&mut self.system, elapsed_secs, &mut batch);
        batch.series
    }
}

/// The name of this host.
pub(crate) fn name() -> String {
    System::host_name().ok().filter(|it| !it.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// Series of one instant.
struct Batch<'a> {
    host: &'a str,
    time: Timestamp,
    series: Vec<SeriesPoints>,
}

impl Batch<'_> {
    fn add(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let pairs = labels.iter().copied().chain([("__name__", name), ("host", self.host)]);
        self.series.push(SeriesPoints::one(Labels::new(pairs), self.time, value));
    }

    /// A derived share, in hundredths of a percent: finer digits are noise, and they would cost seven bytes a point on
    /// disk instead of one.
    fn add_percent(&mut self, name: &str, labels: &[(&str, &str)], percent: f64) {
        self.add(name, labels, (percent * 100.0).round() / 100.0);
    }

    /// A derived rate in whole bytes per second, for the same reason.
    fn add_rate(&mut self, name: &str, labels: &[(&str, &str)], bytes: u64, secs: f64) {
        self.add(name, labels, (bytes as f64 / secs).round());
    }
}

fn processor(system: &mut System, has_previous: bool, batch: &mut Batch<'_>) {
    system.refresh_cpu_usage();
    if !has_previous {
        return;
    }
    batch.add_percent("host_cpu_percent", &[], f64::from(system.global_cpu_usage()));
    for (idx, core) in system.cpus().iter().enumerate() {
        batch.add_percent("host_cpu_core_percent", &[("core", &idx.to_string())], f64::from(core.usage()));
    }
}

fn memory(system: &mut System, batch: &mut Batch<'_>) {
    system.refresh_memory_specifics(MemoryRefreshKind::everything());
    let total = system.total_memory() as f64;
    // What could be had without swapping counts as free, as `free` and the kernel's MemAvailable do.
    let used = total - system.available_memory() as f64;
    batch.add("host_memory_used_bytes", &[], used);
    batch.add("host_memory_total_bytes", &[], total);
    if total > 0.0 {
        batch.add_percent("host_memory_used_percent", &[], 100.0 * used / total);
    }
    let swap = system.total_swap() as f64;
    if swap > 0.0 {
        batch.add_percent("host_swap_used_percent", &[], 100.0 * system.used_swap() as f64 / swap);
    }
}

fn disks(disks: &mut Disks, elapsed_secs: Option<f64>, batch: &mut Batch<'_>) {
    disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage().with_io_usage());
    let (mut read, mut written) = (0, 0);
    let mut devices = vec![];
    for disk in disks.iter() {
        let total = disk.total_space() as f64;
        // Images that are mounted read-only (snap, ISO) are always full and tell nothing.
        if total > 0.0 && !disk.is_read_only() {
            let used = total - disk.available_space() as f64;
            let mount = disk.mount_point().to_string_lossy();
            batch.add_percent("host_disk_used_percent", &[("mount", &mount)], 100.0 * used / total);
        }
        // A device that is mounted twice is counted once.
        if !devices.contains(&disk.name()) {
            devices.push(disk.name());
            read += disk.usage().read_bytes;
            written += disk.usage().written_bytes;
        }
    }
    if let Some(secs) = elapsed_secs {
        batch.add_rate("host_disk_read_bytes_per_second", &[], read, secs);
        batch.add_rate("host_disk_written_bytes_per_second", &[], written, secs);
    }
}

fn networks(networks: &mut Networks, elapsed_secs: Option<f64>, batch: &mut Batch<'_>) {
    networks.refresh(true);
    let Some(secs) = elapsed_secs else { return };
    for (interface, data) in networks.iter() {
        let interface = interface.to_string_lossy();
        if interface != "lo" {
            let labels = [("interface", &*interface)];
            batch.add_rate("host_network_received_bytes_per_second", &labels, data.received(), secs);
            batch.add_rate("host_network_sent_bytes_per_second", &labels, data.transmitted(), secs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(batch: &[SeriesPoints]) -> Vec<&str> {
        batch.iter().map(|it| it.labels.name()).collect()
    }

    #[test]
    fn derived_values_are_short_decimals() {
        let mut batch = Batch { host: "here", time: Timestamp::from_secs(1), series: vec![] };
        for (percent, expected) in
            [(100.0 / 3.0, 33.33), (99.999, 100.0), (0.005, 0.01), (0.0, 0.0), (237.4561, 237.46)]
        {
            batch.add_percent("percent", &[], percent);
            assert_eq!(batch.series.pop().unwrap().points[0].value, expected);
        }
        for (bytes, secs, expected) in
            [(1000, 1.003, 997.0), (1, 3.0, 0.0), (2, 3.0, 1.0), (u64::MAX, 1.0, u64::MAX as f64)]
        {
            batch.add_rate("rate", &[], bytes, secs);
            assert_eq!(batch.series.pop().unwrap().points[0].value, expected);
        }
    }

    /// Time that this thread has really run.
    fn on_processor() -> Duration {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
    }

    /// Guarantees: MUST 30 and 31 of docs/specs/ingest.md: the first measurement has no rates, the second has all.
    #[test]
    fn the_second_measurement_has_rates() {
        let config = HostConfig { host: Some("here".to_owned()), top_processes: 100, ..HostConfig::default() };
        let mut sampler = HostSampler::new(&config).unwrap();
        let first = sampler.sample(Timestamp::from_secs(1));
        assert!(names(&first).contains(&"host_memory_used_percent"));
        assert!(!names(&first).contains(&"host_cpu_percent"));
        // Busy until the kernel has given this thread enough time; no sleep, the work is the waiting.
        let begin = Instant::now();
        let enough = sysinfo::MINIMUM_CPU_UPDATE_INTERVAL;
        while begin.elapsed() < enough || on_processor() < enough {
            std::hint::spin_loop();
        }
        let second = sampler.sample(Timestamp::from_secs(2));
        for name in [
            "host_cpu_percent",
            "host_cpu_core_percent",
            "host_memory_used_percent",
            "host_memory_used_bytes",
            "host_memory_total_bytes",
            "host_disk_read_bytes_per_second",
            "host_disk_written_bytes_per_second",
            "host_load1",
            "host_load5",
            "host_load15",
            "host_processes",
        ] {
            assert!(names(&second).contains(&name), "{name}");
        }
        for series in &second {
            let value = series.points[0].value;
            assert_eq!(series.labels.get("host"), Some("here"));
            assert!(value.is_finite() && value >= 0.0, "{} {value}", series.labels);
            // Not one value has more digits than the store keeps in a byte or two.
            assert_eq!((value * 100.0).round() / 100.0, value, "{}", series.labels);
            if series.labels.name().ends_with("used_percent") || series.labels.name() == "host_cpu_percent" {
                assert!(value <= 100.0, "{} {value}", series.labels);
            }
        }
        // This test was busy: it is among the top processes, named by pid and command.
        let pid = std::process::id().to_string();
        let own = second
            .iter()
            .find(|it| it.labels.name() == "host_process_cpu_percent" && it.labels.get("pid") == Some(pid.as_str()));
        let own = own.expect("a busy process is reported");
        assert!(own.labels.get("command").unwrap().contains("ingest"), "{}", own.labels);
        assert!(own.labels.get("start_time").unwrap().parse::<u64>().unwrap() > 1_600_000_000);
    }
}
