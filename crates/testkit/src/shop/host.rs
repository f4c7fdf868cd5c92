//! What do the services of a host do to it, and it to them? CPU, memory, disk, network, load and pressure.

use fastrand::Rng;

use super::layout::CORES;
use super::random::Wander;
use super::world::{MEGABYTE, Service};

/// What faults do to a host in this second.
#[derive(Clone, Debug, Default)]
pub(super) struct HostHarm {
    /// Cores taken by a foreign process.
    pub(super) cores_taken: f64,
    /// How far the disk is from its usual fill (0) to full (1).
    pub(super) disk_share: f64,
    /// Further bytes written per second.
    pub(super) written_bytes: f64,
    /// The foreign process.
    pub(super) process: Option<ForeignProcess>,
}

/// A process that does not belong to the shop.
#[derive(Clone, Debug)]
pub(super) struct ForeignProcess {
    pub(super) pid: u32,
    pub(super) start_time: i64,
    pub(super) cores: f64,
}

/// One host.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) name: &'static str,
    pub(super) harm: HostHarm,
    pub(super) cpu_percent: f64,
    pub(super) core_percent: [f64; CORES],
    pub(super) memory_bytes: f64,
    pub(super) disk_percent: f64,
    pub(super) read_bytes: f64,
    pub(super) written_bytes: f64,
    pub(super) received_bytes: f64,
    pub(super) sent_bytes: f64,
    pub(super) loads: [f64; 3],
    pub(super) cpu_pressure: f64,
    pub(super) io_pressure: f64,
    pub(super) processes: f64,
    usual_disk_percent: f64,
    noise: HostNoise,
}

#[derive(Clone, Debug)]
struct HostNoise {
    cpu: Wander,
    cores: [Wander; CORES],
    memory: Wander,
    read: Wander,
    written: Wander,
    network: Wander,
    pressure: Wander,
    processes: Wander,
}

/// Memory of every host, in bytes.
pub(super) const HOST_MEMORY_BYTES: f64 = 16.0 * 1024.0 * MEGABYTE;

impl Host {
    pub(super) fn new(idx: usize, name: &'static str) -> Self {
        let usual_disk_percent = 48.0 + 4.0 * idx as f64;
        Self {
            name,
            harm: HostHarm::default(),
            cpu_percent: 0.0,
            core_percent: [0.0; CORES],
            memory_bytes: 0.0,
            disk_percent: usual_disk_percent,
            read_bytes: 0.0,
            written_bytes: 0.0,
            received_bytes: 0.0,
            sent_bytes: 0.0,
            loads: [0.9; 3],
            cpu_pressure: 0.0,
            io_pressure: 0.0,
            processes: 180.0,
            usual_disk_percent,
            noise: HostNoise {
                cpu: Wander::new(0.5, 0.5),
                cores: std::array::from_fn(|_| Wander::new(0.5, 0.08)),
                memory: Wander::new(0.95, 0.004),
                read: Wander::new(0.5, 0.15),
                written: Wander::new(0.5, 0.12),
                network: Wander::new(0.5, 0.04),
                pressure: Wander::new(0.7, 0.2),
                processes: Wander::new(0.9, 2.0),
            },
        }
    }

    /// Resources follow from what the services of this host do.
    pub(super) fn follow(&mut self, services: &[Service], rng: &mut Rng) {
        let mine = || services.iter().filter(|it| it.spec.host == self.name);
        let cores = CORES as f64;
        let wanted = 4.0 + mine().map(|it| it.cpu_percent).sum::<f64>() / cores + self.harm.cores_taken / cores * 100.0;
        let rps: f64 = mine().map(|it| it.rps).sum();
        let memory: f64 = mine().map(|it| it.memory_bytes).sum();
        let noise = &mut self.noise;
        self.cpu_percent = (wanted + noise.cpu.next(rng)).clamp(0.5, 99.9 - 0.4 * rng.f64());
        for (core, wander) in self.core_percent.iter_mut().zip(&mut noise.cores) {
            *core = (self.cpu_percent * wander.factor(rng)).clamp(0.2, 100.0);
        }
        self.memory_bytes = (1_500.0 * MEGABYTE + memory) * noise.memory.factor(rng);
        self.usual_disk_percent += 0.0004 * rng.f64();
        self.disk_percent = self.usual_disk_percent + (100.0 - self.usual_disk_percent) * self.harm.disk_share;
        let is_writable = if self.disk_percent > 99.9 { 0.1 } else { 1.0 };
        self.written_bytes =
            (0.8 * MEGABYTE * noise.written.factor(rng) + 9_000.0 * rps + self.harm.written_bytes) * is_writable;
        self.read_bytes = (0.3 * MEGABYTE + 2_000.0 * rps) * noise.read.factor(rng);
        self.received_bytes = (20_000.0 + 3_500.0 * rps) * noise.network.factor(rng);
        self.sent_bytes = (20_000.0 + 14_000.0 * rps) * noise.network.factor(rng);
        let runnable = wanted / 100.0 * cores * (1.0 + ((wanted - 80.0) / 40.0).clamp(0.0, 1.0));
        for (load, window_secs) in self.loads.iter_mut().zip([60.0, 300.0, 900.0]) {
            *load += (runnable - *load) / window_secs;
        }
        let contention = contention(wanted) - 1.0;
        self.cpu_pressure +=
            ((0.6 * noise.pressure.factor(rng) + 25.0 * contention).min(95.0) - self.cpu_pressure) / 4.0;
        let writing = self.harm.written_bytes / (200.0 * MEGABYTE);
        self.io_pressure += ((0.5 * noise.pressure.factor(rng) + 40.0 * writing).min(95.0) - self.io_pressure) / 4.0;
        self.processes = (180.0 + noise.processes.next(rng)).round();
    }

    pub(super) fn contention(&self) -> f64 {
        let writing = 0.6 * (self.harm.written_bytes / (200.0 * MEGABYTE)).min(1.0);
        contention(self.cpu_percent + 25.0 * (self.harm.cores_taken / CORES as f64)) + writing
    }
}

/// How many times slower work is when this share of the CPU is wanted: nothing below 70 %, then it queues.
fn contention(wanted_percent: f64) -> f64 {
    1.0 + 2.2 * ((wanted_percent - 70.0) / 40.0).clamp(0.0, 1.6).powi(2)
}
