//! How does a fault go over time? From the first sign over its ramp to the recovery after a remedy.

use fastrand::Rng;
use signal::{Change, ChangeKind, Timestamp};

use super::fault::{Fault, Remedy};
use super::host::ForeignProcess;
use super::layout::{CORES, services_on};
use super::random::gauss;
use super::voice::Words;
use super::world::World;

/// A remedied fault is forgotten after this: every signal is back by then.
const RECOVERY_SECS: f64 = 16.0;
/// A leak fills the memory in this time.
const LEAK_SECS: f64 = 75.0;
/// After the kernel killed a service it is away for this long.
const OUTAGE_SECS: f64 = 4.0;
/// The version that a rolled out fault or decoy brings.
const NEXT_BUILD: &str = "-rc.7";

/// A fault that is going on, or from which the shop recovers.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) fault: Fault,
    pub(super) since: Timestamp,
    age_secs: f64,
    /// Seconds since it was ended, and how strong it was then.
    ended: Option<(f64, f64)>,
    /// Smooth random factor of this fault.
    wobble: f64,
}

impl Course {
    pub(super) fn new(fault: Fault, since: Timestamp) -> Self {
        Self { fault, since, age_secs: 0.0, ended: None, wobble: 0.0 }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Begins the recovery.
    pub(super) fn end(&mut self) {
        if self.ended.is_none() {
            self.ended = Some((0.0, self.strength()));
        }
    }

    /// True when nothing of it is left.
    pub(super) fn is_gone(&self) -> bool {
        let recovery = if self.fault == Fault::TrafficRise { 90.0 } else { RECOVERY_SECS };
        let is_news = matches!(self.fault, Fault::HarmlessDeploy { .. });
        self.ended.is_some_and(|(secs, _)| secs > recovery) || is_news && self.age_secs > 60.0
    }

    /// One second passes.
    pub(super) fn pass(&mut self, rng: &mut Rng) {
        self.age_secs += 1.0;
        self.wobble = 0.7 * self.wobble + 0.07 * gauss(rng);
        if let Some((secs, _)) = &mut self.ended {
            *secs += 1.0;
        }
    }

    /// How strong it is now, 0 to 1.
    fn strength(&self) -> f64 {
        if let Some((secs, before)) = self.ended {
            let fade_secs = match self.fault {
                Fault::TrafficRise => 60.0,
                Fault::CpuMiner { .. } => 1.5,
                _ => 6.0,
            };
            return before * (1.0 - secs / fade_secs).max(0.0);
        }
        let age = self.age_secs;
        match self.fault {
            Fault::CpuMiner { .. } => (age / 3.0).min(1.0),
            Fault::MemoryLeak { .. } => ((age % (LEAK_SECS + OUTAGE_SECS)) / LEAK_SECS).min(1.0),
            Fault::PoolExhaustion { .. } => (age / 25.0).min(1.0),
            // Replicas take the new version one after the other.
            Fault::BadDeploy { .. } => ((age - 2.0).max(0.0) / 3.0).floor().min(4.0) / 4.0,
            Fault::DiskFilling { .. } => (age / 70.0).min(1.0),
            Fault::DependencyTimeout { .. } => ((age - 1.0).max(0.0) / 6.0).min(1.0),
            Fault::HarmlessDeploy { .. } => 0.0,
            Fault::TrafficRise => (age / 60.0).min(1.0),
        }
    }

    /// Sets what it does to the world in this second.
    pub(super) fn harm(&self, world: &mut World) {
        let strength = self.strength();
        let shaken = (strength * (1.0 + self.wobble)).clamp(0.0, 1.15);
        match &self.fault {
            Fault::CpuMiner { host, pid, start_time } => {
                if let Some(host) = world.host_mut(host).filter(|_| strength > 0.0) {
                    let cores = (0.93 * CORES as f64 * shaken).min(CORES as f64);
                    host.harm.cores_taken = cores;
                    host.harm.process = Some(ForeignProcess { pid: *pid, start_time: *start_time, cores });
                }
            }
            Fault::MemoryLeak { service } => {
                if let Some(service) = world.service_mut(service) {
                    service.harm.memory_share = strength;
                    service.harm.is_down = self.is_outage();
                    service.harm.slowdown += 2.5 * ((strength - 0.6) / 0.4).max(0.0);
                }
            }
            Fault::PoolExhaustion { service } => {
                if let Some(service) = world.service_mut(service) {
                    service.harm.leaked_share = strength * (1.0 + 0.2 * self.wobble);
                }
            }
            Fault::BadDeploy { service } => {
                if let Some(service) = world.service_mut(service) {
                    service.harm.error_share = 0.42 * shaken;
                    service.harm.slowdown += 1.6 * shaken;
                }
            }
            Fault::DiskFilling { host } => self.fill_disk(host, strength, world),
            Fault::DependencyTimeout { caller, peer } => {
                let found = world.service_mut(caller);
                if let Some(call) = found.and_then(|it| it.calls.iter_mut().find(|it| it.peer == peer)) {
                    call.harm_secs = 3.0 * shaken;
                    call.harm_share = 0.35 * shaken;
                }
            }
            Fault::HarmlessDeploy { .. } => {}
            Fault::TrafficRise => world.traffic *= 1.0 + 0.8 * strength,
        }
    }

    fn fill_disk(&self, host: &str, strength: f64, world: &mut World) {
        let Some(found) = world.host_mut(host) else { return };
        found.harm.disk_share = strength;
        let is_writing = self.ended.is_none();
        if is_writing {
            found.harm.written_bytes = 150.0e6 * (self.age_secs / 4.0).min(1.0) * (1.0 + self.wobble).max(0.2);
        }
        let is_full = strength > 0.97;
        for service in services_on(host) {
            if let Some(service) = world.service_mut(service).filter(|_| is_full) {
                service.harm.error_share += 0.3 * (1.0 + self.wobble).max(0.1);
                service.harm.slowdown += 0.5;
            }
        }
    }

    fn is_outage(&self) -> bool {
        self.ended.is_none() && self.age_secs % (LEAK_SECS + OUTAGE_SECS) > LEAK_SECS
    }

    /// What is deployed in this second, and its effect on version and process ids.
    pub(super) fn changes(&self, now: Timestamp, world: &mut World) -> Vec<Change> {
        let is_first = self.age_secs == 1.0 && self.ended.is_none();
        let is_remedied = self.ended.is_some_and(|(secs, _)| secs == 1.0);
        match &self.fault {
            Fault::BadDeploy { service } | Fault::HarmlessDeploy { service } if is_first => deploy(now, service, world),
            Fault::BadDeploy { service } if is_remedied => roll_back(now, service, world),
            Fault::MemoryLeak { service } | Fault::PoolExhaustion { service } if is_remedied || self.is_killed() => {
                restart(service, world);
                vec![]
            }
            _ => vec![],
        }
    }

    /// True in the second in which the kernel kills the service.
    fn is_killed(&self) -> bool {
        self.is_outage() && self.age_secs % (LEAK_SECS + OUTAGE_SECS) <= LEAK_SECS + 1.0
    }

    /// What is said because of it in this second.
    pub(super) fn speak(&self, words: &mut Words<'_>) {
        let strength = self.strength();
        let is_ended = self.ended.is_some();
        match &self.fault {
            Fault::MemoryLeak { service } if !is_ended => self.speak_of_memory(service, strength, words),
            Fault::PoolExhaustion { service } if strength > 0.7 => {
                words.say(service, "error", 2.5 * strength, "Timeout acquiring connection from pool {service}-db after 2000 ms (in use {max}/{max}, waiting {n})");
                words.say(
                    service,
                    "error",
                    0.8 * strength,
                    "GET /internal/{service}/{id} failed: no database connection available request_id={hex}",
                );
            }
            Fault::BadDeploy { service } if strength > 0.0 => {
                words.say(service, "error", 3.0 * strength, "Unhandled exception java.lang.IllegalStateException: unexpected null in field 'discount_v2' at PriceRules.apply(PriceRules.java:88) request_id={hex}");
                words.say(service, "error", 1.0 * strength, "POST /api/{service} 500 in {ms} ms user={user}");
            }
            Fault::DiskFilling { host } if !is_ended => {
                if let Some(writer) = services_on(host).next() {
                    words.say(writer, "debug", 12.0, "Dumping full request and response request_id={hex} bytes={id}");
                }
                for service in services_on(host).filter(|_| strength > 0.97) {
                    words.say(
                        service,
                        "error",
                        2.0,
                        "Cannot write /var/lib/{service}/journal-{n}.log: No space left on device",
                    );
                }
            }
            Fault::DependencyTimeout { caller, peer } if strength > 0.1 => {
                words.say(
                    caller,
                    "error",
                    2.5 * strength,
                    &format!("Call to {peer} timed out after 2000 ms attempt {{n}} request_id={{hex}}"),
                );
                words.say(
                    caller,
                    "warn",
                    0.5 * strength,
                    &format!("Circuit breaker for {peer} is half open, {{n}} calls rejected"),
                );
            }
            Fault::CpuMiner { host, .. } if strength > 0.5 && !is_ended => {
                for service in services_on(host) {
                    words.say(service, "warn", 0.15, "Worker thread starved, scheduled {ms} ms late");
                }
            }
            _ => {}
        }
        self.speak_of_the_end(words);
    }

    fn speak_of_memory(&self, service: &str, strength: f64, words: &mut Words<'_>) {
        if strength > 0.6 {
            words.say(service, "warn", 0.7 * strength, "GC pause of {ms} ms, old generation is nearly full");
        }
        if self.is_killed() {
            words.say(service, "fatal", 50.0, "java.lang.OutOfMemoryError: Java heap space; container of {service} was killed by the kernel (OOMKilled)");
        }
        let cycle_secs = self.age_secs % (LEAK_SECS + OUTAGE_SECS);
        if self.age_secs > LEAK_SECS && cycle_secs < 1.0 {
            words.say(service, "info", 50.0, "Started {service} in {n} seconds");
        }
    }

    fn speak_of_the_end(&self, words: &mut Words<'_>) {
        let Some((secs, _)) = self.ended else { return };
        let Some(remedy) = self.fault.remedy() else { return };
        let (owner, line) = match (remedy, secs as u64) {
            (Remedy::Restart { service }, 1) => (service, "Rolling restart of {service} begins, draining connections"),
            (Remedy::Restart { service }, 5) => (service, "Rolling restart of {service} is done"),
            (Remedy::Rollback { service }, 5) => (service, "Rollback of {service} is done"),
            (Remedy::Failover { .. }, 1) => match &self.fault {
                Fault::DependencyTimeout { caller, .. } => (caller.clone(), "Switched {service} to the standby route"),
                _ => return,
            },
            _ => return,
        };
        words.say(&owner, "info", 50.0, line);
    }
}

fn deploy(now: Timestamp, name: &str, world: &mut World) -> Vec<Change> {
    let Some(service) = world.service_mut(name) else { return vec![] };
    service.version = format!("{}{NEXT_BUILD}", service.spec.version);
    service.pid += 1_000;
    let title = format!("Deploy {name} {}", service.version);
    vec![rollout(now, name, title, &service.version)]
}

fn roll_back(now: Timestamp, name: &str, world: &mut World) -> Vec<Change> {
    let Some(service) = world.service_mut(name) else { return vec![] };
    service.version = service.spec.version.to_owned();
    service.pid += 1_000;
    let title = format!("Roll back {name} to {}", service.version);
    vec![rollout(now, name, title, &service.version)]
}

fn rollout(now: Timestamp, service: &str, title: String, version: &str) -> Change {
    let (service, version) = (service.to_owned(), Some(version.to_owned()));
    Change { time: now, service, kind: ChangeKind::Deploy, title, version }
}

fn restart(name: &str, world: &mut World) {
    if let Some(service) = world.service_mut(name) {
        service.pid += 1_000;
    }
}
