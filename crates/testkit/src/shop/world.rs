//! How do traffic, load and trouble spread through the shop in one second?
//!
//! Callees are worked out before their callers, so that a slow callee makes its callers slow, lets their calls time
//! out and fills their pools within the same second.

use fastrand::Rng;

use super::host::{Host, HostHarm};
use super::layout::{DAY_SECS, ENTRY_RPS, EXTERNAL, HOSTS, SERVICES, ServiceSpec};
use super::random::{Wander, chance, poisson, share_above};

pub(super) const MEGABYTE: f64 = 1024.0 * 1024.0;
/// A connection is not waited for longer than this.
pub(super) const POOL_TIMEOUT_SECS: f64 = 2.0;
/// Share of requests that fail on a good day.
const USUAL_ERROR_SHARE: f64 = 0.0002;

/// Median, 95th and 99th percentile, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
}

/// What faults do to a service in this second.
#[derive(Clone, Debug)]
pub(super) struct ServiceHarm {
    /// Its own work takes this many times as long.
    pub(super) slowdown: f64,
    /// Share of requests that fail by itself.
    pub(super) error_share: f64,
    /// How far memory is from its usual value (0) to the limit (1).
    pub(super) memory_share: f64,
    /// Share of the pool that is not given back.
    pub(super) leaked_share: f64,
    /// It does not run.
    pub(super) is_down: bool,
}

impl Default for ServiceHarm {
    fn default() -> Self {
        Self { slowdown: 1.0, error_share: 0.0, memory_share: 0.0, leaked_share: 0.0, is_down: false }
    }
}

/// One call of one service to a peer.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) peer: &'static str,
    share: f64,
    timeout_secs: f64,
    noise: Wander,
    /// Set by faults: seconds that an answer takes longer, and the share of calls without any answer.
    pub(super) harm_secs: f64,
    pub(super) harm_share: f64,
    /// Seen by the caller.
    pub(super) seen: Quantiles,
    pub(super) error_share: f64,
    pub(super) errors_total: f64,
}

/// One service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) spec: &'static ServiceSpec,
    pub(super) version: String,
    pub(super) pid: u32,
    pub(super) harm: ServiceHarm,
    pub(super) calls: Vec<Call>,
    pub(super) rps: f64,
    pub(super) latency: Quantiles,
    pub(super) error_share: f64,
    pub(super) ok_total: f64,
    pub(super) failed_total: f64,
    pub(super) cpu_percent: f64,
    pub(super) memory_bytes: f64,
    pub(super) pool_in_use: f64,
    pub(super) pool_wait_secs: f64,
    pub(super) queue_depth: f64,
    pub(super) gc_pause_secs: f64,
    noise: ServiceNoise,
}

#[derive(Clone, Debug)]
struct ServiceNoise {
    demand: Wander,
    latency: Wander,
    tail: Wander,
    far_tail: Wander,
    cpu: Wander,
    memory: Wander,
    pool: Wander,
    wait: Wander,
    pause: Wander,
}

impl ServiceNoise {
    fn new() -> Self {
        Self {
            demand: Wander::new(0.6, 0.025),
            latency: Wander::new(0.6, 0.03),
            tail: Wander::new(0.4, 0.035),
            far_tail: Wander::new(0.3, 0.06),
            cpu: Wander::new(0.5, 0.04),
            memory: Wander::new(0.95, 0.006),
            pool: Wander::new(0.5, 0.09),
            wait: Wander::new(0.4, 0.12),
            pause: Wander::new(0.3, 0.12),
        }
    }
}

impl Service {
    fn new(idx: usize, spec: &'static ServiceSpec) -> Self {
        let calls = spec.calls.iter().map(|it| Call {
            peer: it.peer,
            share: it.share,
            timeout_secs: it.timeout_secs,
            noise: Wander::new(0.4, 0.04),
            harm_secs: 0.0,
            harm_share: 0.0,
            seen: Quantiles::default(),
            error_share: 0.0,
            errors_total: 0.0,
        });
        Self {
            spec,
            version: spec.version.to_owned(),
            pid: 1_204 + 37 * u32::try_from(idx).unwrap_or(0),
            harm: ServiceHarm::default(),
            calls: calls.collect(),
            rps: 0.0,
            latency: Quantiles::default(),
            error_share: 0.0,
            ok_total: 0.0,
            failed_total: 0.0,
            cpu_percent: 0.0,
            memory_bytes: 0.0,
            pool_in_use: 0.0,
            pool_wait_secs: 0.0,
            queue_depth: 0.0,
            gc_pause_secs: 0.0,
            noise: ServiceNoise::new(),
        }
    }

    /// Requests and what they cost; `load` is 1 in the middle of the day.
    fn demand(&mut self, load: f64, rng: &mut Rng) {
        let is_up = if self.harm.is_down { 0.0 } else { 1.0 };
        self.rps = ENTRY_RPS * self.spec.traffic * load * self.noise.demand.factor(rng) * is_up;
        let work = self.rps / (ENTRY_RPS * self.spec.traffic);
        self.cpu_percent = (2.0 + self.spec.cpu_percent * work) * self.noise.cpu.factor(rng) * (0.1 + 0.9 * is_up);
        let usual = self.spec.memory_mb * (0.97 + 0.03 * load) * self.noise.memory.factor(rng);
        let grown = usual + (self.spec.memory_limit_mb - usual) * self.harm.memory_share;
        self.memory_bytes = grown.min(self.spec.memory_limit_mb) * MEGABYTE * (0.2 + 0.8 * is_up);
        // A heap that is nearly full is collected more often and for longer.
        let pressure = ((self.harm.memory_share - 0.45) / 0.55).clamp(0.0, 1.0);
        self.gc_pause_secs = 0.012 * self.noise.pause.factor(rng) * (1.0 + 25.0 * pressure * pressure);
    }

    /// What the calls look like from here, then latency, errors, pool and queue.
    fn serve(&mut self, callees: &[Self], contention: f64, rng: &mut Rng) {
        for call in &mut self.calls {
            call.work(callees, rng);
        }
        let load = self.rps / (ENTRY_RPS * self.spec.traffic);
        let crowding = 1.0 + 0.04 * (load - 1.0).max(-0.5);
        let own_usual = self.spec.own_ms / 1000.0;
        let own = own_usual * crowding * contention * self.harm.slowdown * self.noise.latency.factor(rng)
            + 0.3 * (self.gc_pause_secs - 0.02).max(0.0);
        let calls_p50: f64 = self.calls.iter().map(|it| it.share * it.seen.p50).sum();
        self.use_pool(load, self.slowness(own, calls_p50), rng);
        let wait = self.pool_wait_secs;
        let calls_p95: f64 = self.calls.iter().map(|it| (it.share * 3.0).min(1.0) * it.seen.p95).sum();
        let calls_p99: f64 = self.calls.iter().map(|it| (it.share * 8.0).min(1.0) * it.seen.p99).sum();
        let tail = self.noise.tail.factor(rng);
        // Now and then one slow disk or one big basket makes a single second's far tail long.
        let hiccup = if chance(rng, 0.004) { 1.4 + rng.f64() } else { 1.0 };
        let p50 = own + calls_p50 + 0.6 * wait;
        let p95 = (own * 2.4 * tail + calls_p95 * 0.85 + wait).max(p50 * 1.15);
        let p99 =
            (own * 4.2 * tail * self.noise.far_tail.factor(rng) * hiccup + calls_p99 * 0.85 + wait).max(p95 * 1.1);
        self.latency = Quantiles { p50, p95, p99 };
        self.count(rng);
    }

    /// How many times longer a connection is held than usual. Only calls to the partner outside are made while one is
    /// held; most services give it back before they call others.
    fn slowness(&self, own_secs: f64, calls_p50: f64) -> f64 {
        let own_usual = self.spec.own_ms / 1000.0;
        if !self.spec.calls.iter().any(|it| it.peer == EXTERNAL) {
            return own_secs / own_usual;
        }
        (own_secs + calls_p50) / (own_usual + usual_answer(EXTERNAL).p50)
    }

    /// Little's law: connections in use follow requests times the time a connection is held.
    fn use_pool(&mut self, load: f64, slowness: f64, rng: &mut Rng) {
        if self.spec.pool_max == 0.0 {
            self.queue_depth = poisson(rng, 1.5 * load * slowness.clamp(1.0, 60.0));
            return;
        }
        let held = 0.22 * self.spec.pool_max * load * slowness.max(0.2).sqrt() * self.noise.pool.factor(rng);
        let leaked = self.harm.leaked_share * self.spec.pool_max;
        self.pool_in_use = (held + leaked).min(self.spec.pool_max).round();
        let crowding = (((held + leaked) / self.spec.pool_max - 0.75) / 0.25).clamp(0.0, 1.0);
        let full_wait = 0.4 * POOL_TIMEOUT_SECS * crowding * crowding;
        self.pool_wait_secs = (0.0012 + full_wait) * self.noise.wait.factor(rng);
        self.queue_depth = poisson(rng, 1.5 * load + 0.5 * self.rps * self.pool_wait_secs.min(1.0) * crowding);
    }

    fn count(&mut self, rng: &mut Rng) {
        let pool = ((self.pool_wait_secs / POOL_TIMEOUT_SECS - 0.1) / 0.3).clamp(0.0, 1.0) * 0.35;
        // Some failures are bridged by a cache, a default or a second try.
        let calls: f64 = self.calls.iter().map(|it| it.share.min(1.0) * it.error_share * 0.6).sum();
        self.error_share = (USUAL_ERROR_SHARE + self.harm.error_share + pool + calls).min(0.97);
        let failed = poisson(rng, self.rps * self.error_share).min(self.rps.round());
        self.failed_total += failed;
        self.ok_total += (self.rps.round() - failed).max(0.0);
        let rps = self.rps;
        for call in &mut self.calls {
            call.errors_total += poisson(rng, rps * call.share * call.error_share);
        }
    }
}

impl Call {
    fn work(&mut self, callees: &[Service], rng: &mut Rng) {
        let noise = self.noise.factor(rng);
        let callee = callees.iter().find(|it| it.spec.name == self.peer);
        let answer = callee.map_or_else(|| usual_answer(self.peer), |it| it.latency);
        let (p50, p95) = (answer.p50 * noise + 0.001 + self.harm_secs, answer.p95 * noise + 0.002 + self.harm_secs);
        let p99 = answer.p99 * noise + 0.003 + self.harm_secs;
        let late = share_above(p50, p95, self.timeout_secs);
        // A time-out fires a little late.
        let limit = |it: f64| it.min(self.timeout_secs * (1.0 + 0.2 * (noise - 1.0).abs()));
        self.seen = Quantiles { p50: limit(p50), p95: limit(p95), p99: limit(p99) };
        let answered_badly = callee.map_or(USUAL_ERROR_SHARE, |it| if it.harm.is_down { 1.0 } else { it.error_share });
        self.error_share = (late + answered_badly + self.harm_share).min(0.97);
    }
}

/// How fast a peer answers on a good day; exact only for the external one, whose series nobody has.
fn usual_answer(peer: &str) -> Quantiles {
    if peer == EXTERNAL {
        return Quantiles { p50: 0.11, p95: 0.24, p99: 0.38 };
    }
    let own = SERVICES.iter().find(|it| it.name == peer).map_or(0.01, |it| it.own_ms / 1000.0);
    Quantiles { p50: own * 1.3, p95: own * 3.0, p99: own * 5.0 }
}

/// The whole shop.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) services: Vec<Service>,
    pub(super) hosts: Vec<Host>,
    /// Set by faults: how many times the usual traffic comes.
    pub(super) traffic: f64,
    entry: Wander,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            services: SERVICES.iter().enumerate().map(|(idx, it)| Service::new(idx, it)).collect(),
            hosts: HOSTS.iter().enumerate().map(|(idx, it)| Host::new(idx, it)).collect(),
            traffic: 1.0,
            entry: Wander::new(0.9, 0.015),
        }
    }

    /// Takes back what faults have set, before they set it anew.
    pub(super) fn heal(&mut self) {
        self.traffic = 1.0;
        for service in &mut self.services {
            service.harm = ServiceHarm::default();
            for call in &mut service.calls {
                (call.harm_secs, call.harm_share) = (0.0, 0.0);
            }
        }
        for host in &mut self.hosts {
            host.harm = HostHarm::default();
        }
    }

    /// One second passes; `second` counts from the start of the shop.
    pub(super) fn pass(&mut self, second: u64, rng: &mut Rng) {
        let rhythm = 1.0 + 0.3 * (std::f64::consts::TAU * second as f64 / DAY_SECS).sin();
        let load = rhythm * self.traffic * self.entry.factor(rng);
        for service in &mut self.services {
            service.demand(load, rng);
        }
        for host in &mut self.hosts {
            host.follow(&self.services, rng);
        }
        for idx in 0..self.services.len() {
            let (callees, rest) = self.services.split_at_mut(idx);
            if let Some(service) = rest.first_mut() {
                let host = self.hosts.iter().find(|it| it.name == service.spec.host);
                service.serve(callees, host.map_or(1.0, Host::contention), rng);
            }
        }
    }

    pub(super) fn service_mut(&mut self, name: &str) -> Option<&mut Service> {
        self.services.iter_mut().find(|it| it.spec.name == name)
    }

    pub(super) fn host_mut(&mut self, name: &str) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|it| it.name == name)
    }
}
