//! Which services does a made-up system have, who calls whom, and how much can each of them take?

use std::collections::BTreeSet;

use fastrand::Rng;

use super::dice::{chance, log_between};

/// What a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It answers requests, and asks others for some of them.
    Plain,
    /// It answers requests and asks nobody.
    Store,
    /// It takes messages for others; nobody waits for it.
    Queue,
}

/// One service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Milliseconds of its own for a request, with nothing else to do.
    pub own_ms: f64,
    /// Which share of what it can take is usual.
    pub busy: f64,
    /// Bytes of memory.
    pub memory: f64,
    /// Which share of requests fails there usually.
    pub failing: f64,
    /// Whom it asks, and how often for each of its own requests.
    pub callees: Vec<(usize, f64)>,
}

/// A system. Requests come in at the first service.
#[derive(Clone, Debug)]
pub struct Shop {
    /// All services; callers stand before their callees, but for a few circles.
    pub services: Vec<Service>,
    /// Requests per second at the first one.
    pub rps: f64,
}

const SUBJECTS: [&str; 40] = [
    "cart", "order", "pay", "user", "stock", "search", "media", "ship", "price", "review", "mail", "geo", "rate",
    "profile", "token", "ledger", "ticket", "seat", "route", "train", "station", "food", "ad", "coupon", "invoice",
    "image", "video", "chat", "notify", "session", "catalog", "basket", "compose", "timeline", "graph", "text", "url",
    "feed", "bill", "quote",
];
const PLAIN_ENDS: [&str; 5] = ["", "-service", "service", "-api", "_svc"];
const STORE_ENDS: [&str; 4] = ["-db", "-mysql", "-redis", "-mongo"];
/// Services of a small and of a large system.
const SIZES: (f64, f64) = (5.0, 100.0);
const STORES: f64 = 0.25;
const QUEUES: f64 = 0.08;
/// How often a service is called by a second one, and how often somebody is called back.
const SHARED: f64 = 0.35;
const CIRCLES: f64 = 0.15;

impl Shop {
    /// A system by chance.
    pub fn new(random: &mut Rng) -> Self {
        let n = log_between(random, SIZES.0, SIZES.1) as usize;
        let names = names(n, random);
        let mut services: Vec<Service> = vec![];
        for (nth, (name, role)) in names.into_iter().enumerate() {
            let callers: Vec<usize> = (0..nth).filter(|it| services.get(*it).is_some_and(Service::asks)).collect();
            let n_callers = 1 + usize::from(chance(random, SHARED));
            for _ in 0..n_callers {
                // Near callers are likelier, so that chains grow as deep as they do in real systems.
                let place = (random.f64().sqrt() * callers.len() as f64) as usize;
                let often = log_between(random, 0.1, 3.0);
                let caller = callers.get(place).and_then(|it| services.get_mut(*it));
                if let Some(it) = caller.filter(|it| it.callees.iter().all(|it| it.0 != nth)) {
                    it.callees.push((nth, often));
                }
            }
            services.push(Service::new(name, role, random));
        }
        let plain: Vec<usize> = (1..n).filter(|it| services.get(*it).is_some_and(Service::asks)).collect();
        if chance(random, CIRCLES) && plain.len() > 2 {
            let (first, last) = (plain.first().copied().unwrap_or(0), plain.last().copied().unwrap_or(0));
            services.get_mut(last).into_iter().for_each(|it| it.callees.push((first, 0.02)));
        }
        Self { services, rps: log_between(random, 3.0, 800.0) }
    }

    /// Requests of each service per request that comes in.
    pub fn usual_shares(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.services.len()];
        shares.first_mut().into_iter().for_each(|it| *it = 1.0);
        for (nth, service) in self.services.iter().enumerate() {
            let own = shares.get(nth).copied().unwrap_or(0.0);
            for (callee, often) in service.callees.iter().filter(|it| it.0 > nth) {
                shares.get_mut(*callee).into_iter().for_each(|it| *it += own * often);
            }
        }
        shares
    }
}

impl Service {
    fn new(name: String, role: Role, random: &mut Rng) -> Self {
        Self {
            name,
            role,
            own_ms: log_between(random, 0.5, 40.0),
            busy: 0.03 + random.f64() * 0.4,
            memory: log_between(random, 2e7, 4e9),
            failing: if chance(random, 0.5) { 0.0 } else { log_between(random, 1e-4, 1e-2) },
            callees: vec![],
        }
    }

    fn asks(&self) -> bool {
        self.role == Role::Plain
    }
}

fn names(n: usize, random: &mut Rng) -> Vec<(String, Role)> {
    let end = PLAIN_ENDS.get(random.usize(..PLAIN_ENDS.len())).copied().unwrap_or_default();
    let mut known = BTreeSet::new();
    let mut names = vec![("front-end".to_owned(), Role::Plain)];
    while names.len() < n {
        let subject = SUBJECTS.get(random.usize(..SUBJECTS.len())).copied().unwrap_or("x");
        let number = if n > 40 { format!("{}", random.usize(1..4)) } else { String::new() };
        // The one that is called first has to be able to call others.
        let dice = if names.len() < 3 { 1.0 } else { random.f64() };
        let (role, end) = match dice {
            it if it < STORES => (Role::Store, STORE_ENDS.get(random.usize(..STORE_ENDS.len())).copied().unwrap_or("")),
            it if it < STORES + QUEUES => (Role::Queue, "-queue"),
            _ => (Role::Plain, end),
        };
        let name = format!("{subject}{number}{end}");
        if known.insert(name.clone()) {
            names.push((name, role));
        }
    }
    names
}
