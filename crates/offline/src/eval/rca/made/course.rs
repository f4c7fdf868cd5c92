//! How does a made-up system fare from step to step, before a fault and during it?
//!
//! Requests spread from callers to callees, a busy service takes longer for each, and callers wait for and fail with
//! those whom they ask. Nothing here knows how causes are ranked.

use fastrand::Rng;

use super::dice::{chance, log_between, normal};
use super::shop::{Role, Shop};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Cpu,
    Memory,
    Disk,
    Delay,
    Loss,
    Kill,
    Config,
    Errors,
    Exception,
    Traffic,
}

impl Wrong {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Delay,
        Self::Loss,
        Self::Kill,
        Self::Config,
        Self::Errors,
        Self::Exception,
        Self::Traffic,
    ];

    /// Its name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Delay => "delay",
            Self::Loss => "loss",
            Self::Kill => "kill",
            Self::Config => "config",
            Self::Errors => "errors",
            Self::Exception => "exception",
            Self::Traffic => "traffic",
        }
    }
}

/// A fault of a service.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub wrong: Wrong,
    pub service: usize,
    /// 0 is little, 1 is much.
    pub size: f64,
    /// It takes so many steps to be there wholly.
    pub ramp: usize,
}

/// When things happen.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub step_secs: f64,
    pub n_before: usize,
    pub n_after: usize,
    /// Steps of a day of traffic, and how much it moves.
    pub day: f64,
    pub swing: f64,
}

/// A service in one step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Point {
    pub rps: f64,
    pub busy: f64,
    pub own_ms: f64,
    /// What its callers wait for it, without the way.
    pub ms: f64,
    /// The way to and from it.
    pub way_ms: f64,
    pub failing: f64,
    /// What fails there without anybody whom it asks.
    pub own_failing: f64,
    pub memory: f64,
    pub disk: f64,
    pub loss: f64,
    pub waiting: f64,
    pub restarts: f64,
    pub is_up: bool,
}

/// Longer than this nobody waits.
const TIMEOUT_MS: f64 = 8000.0;
const WAY_MS: f64 = 0.4;

/// All services, step by step.
pub fn run(shop: &Shop, fault: Option<&Fault>, clock: &Clock, random: &mut Rng) -> Vec<Vec<Point>> {
    let usual: Vec<f64> = shop.usual_shares().into_iter().map(|it| it * shop.rps).collect();
    let phase = random.f64();
    let mut drift = 0.0;
    let mut steps: Vec<Vec<Point>> = vec![];
    for step in 0..clock.n_before + clock.n_after {
        drift = drift * 0.95 + normal(random) * 0.02;
        let wave = (std::f64::consts::TAU * (step as f64 / clock.day + phase)).sin();
        let rps = shop.rps * (1.0 + clock.swing * wave) * f64::exp(drift);
        let since = (step + 1).saturating_sub(clock.n_before);
        let here = fault.filter(|_| since > 0);
        let share = here.map_or(0.0, |it| (since as f64 / it.ramp.max(1) as f64).min(1.0));
        let before = steps.last().map(Vec::as_slice).unwrap_or_default();
        steps.push(one(shop, &usual, rps, here.map(|it| (it, share, since)), before));
    }
    steps
}

type Now<'a> = Option<(&'a Fault, f64, usize)>;

fn one(shop: &Shop, usual: &[f64], rps: f64, now: Now<'_>, before: &[Point]) -> Vec<Point> {
    let mut points: Vec<Point> = shop.services.iter().map(|it| idle(it.memory)).collect();
    let is = |nth: usize, wrong: Wrong| now.is_some_and(|(it, ..)| it.service == nth && it.wrong == wrong);
    let (size, share, since) = now.map_or((0.0, 0.0, 0), |(it, share, since)| (it.size, share, since));
    let more = if now.is_some_and(|it| it.0.wrong == Wrong::Traffic) { 1.0 + share * (1.0 + 4.0 * size) } else { 1.0 };
    points.first_mut().into_iter().for_each(|it| it.rps = rps * more);
    for (nth, service) in shop.services.iter().enumerate() {
        // A pod that was killed is back after a while.
        let is_up = !(is(nth, Wrong::Kill) && since <= 4 + (size * 20.0) as usize);
        let Some(point) = points.get_mut(nth) else { continue };
        point.is_up = is_up;
        let own = if is_up { point.rps } else { 0.0 };
        for (callee, often) in &service.callees {
            let asked = if *callee > nth { own } else { before.get(nth).map_or(0.0, |it| it.rps) };
            points.get_mut(*callee).into_iter().for_each(|it| it.rps += asked * often);
        }
    }
    for (nth, service) in shop.services.iter().enumerate() {
        let Some(point) = points.get_mut(nth) else { continue };
        let load = point.rps / usual.get(nth).copied().unwrap_or(1.0).max(1e-9);
        point.busy = service.busy * load;
        let mut slower = 1.0;
        point.own_failing = service.failing;
        point.disk = load;
        if is(nth, Wrong::Cpu) {
            point.busy += share * (0.4 + 0.55 * size);
        } else if is(nth, Wrong::Memory) {
            point.memory *= 1.0 + share * (0.3 + 3.0 * size);
            slower += share * size;
        } else if is(nth, Wrong::Disk) {
            point.disk *= 1.0 + share * (4.0 + 40.0 * size);
            slower += share * (0.5 + 5.0 * size);
        } else if is(nth, Wrong::Delay) {
            point.way_ms += share * (30.0 + 500.0 * size);
        } else if is(nth, Wrong::Loss) {
            point.loss = share * (0.02 + 0.2 * size);
            point.way_ms += point.loss * 400.0;
            point.own_failing += point.loss * 0.4;
        } else if is(nth, Wrong::Config) {
            slower += share * (1.0 + 6.0 * size);
            point.waiting += share * (5.0 + 50.0 * size);
        } else if is(nth, Wrong::Errors) {
            point.own_failing += share * (0.1 + 0.7 * size);
            slower *= 0.7;
        } else if is(nth, Wrong::Exception) {
            point.own_failing += share * (0.05 + 0.4 * size);
        }
        if !point.is_up {
            *point = Point { own_failing: 1.0, is_up: false, way_ms: point.way_ms, ..Point::default() };
        } else if is(nth, Wrong::Kill) {
            point.restarts = 1.0;
        }
        let busy = point.busy.min(0.96);
        point.own_ms = service.own_ms * slower * (1.0 + 0.7 * busy * busy / (1.0 - busy));
        point.waiting += point.rps * point.own_ms / 1000.0;
    }
    wait(shop, &mut points);
    points
}

fn idle(memory: f64) -> Point {
    Point { way_ms: WAY_MS, memory, is_up: true, ..Point::default() }
}

/// From the last to the first: callers wait for and fail with whom they ask.
fn wait(shop: &Shop, points: &mut [Point]) {
    for (nth, service) in shop.services.iter().enumerate().rev() {
        let Some(mut point) = points.get(nth).copied() else { continue };
        let (mut ms, mut works) = (point.own_ms, 1.0 - point.own_failing.min(1.0));
        for (callee, often) in service.callees.iter().filter(|it| it.0 > nth) {
            let waits = shop.services.get(*callee).is_some_and(|it| it.role != Role::Queue);
            let Some(asked) = points.get(*callee).filter(|_| waits) else { continue };
            ms += often * (asked.ms + asked.way_ms);
            works *= 1.0 - (asked.failing * often.min(1.0)).min(1.0) * 0.9;
        }
        point.ms = ms.min(TIMEOUT_MS);
        point.failing = 1.0 - works;
        if let Some(it) = points.get_mut(nth) {
            *it = point;
        }
    }
}

/// A fault by chance, of a service that is asked for something.
pub fn fault(shop: &Shop, wrong: Wrong, n_after: usize, random: &mut Rng) -> Fault {
    let shares = shop.usual_shares();
    let asked: Vec<usize> =
        (0..shop.services.len()).filter(|it| shares.get(*it).is_some_and(|it| *it > 0.05)).collect();
    let service =
        if wrong == Wrong::Traffic { 0 } else { asked.get(random.usize(..asked.len().max(1))).copied().unwrap_or(0) };
    let is_slow = matches!(wrong, Wrong::Memory) || chance(random, 0.2);
    let ramp = if is_slow { log_between(random, 1.0, n_after as f64) as usize } else { 1 };
    Fault { wrong, service, size: random.f64(), ramp }
}
