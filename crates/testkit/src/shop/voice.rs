//! What do the services write into their logs? Natural templates with ids, amounts and durations.

use std::fmt::Write as _;

use fastrand::Rng;
use signal::{Labels, LogRecord, Timestamp};

use super::layout::{SERVICES, ServiceSpec};
use super::random::{gauss, poisson};
use super::world::Service;

/// Something a service says on a usual day: level, lines per second in the middle of the day, text.
type Phrase = (&'static str, &'static str, f64, &'static str);

#[rustfmt::skip]
const PHRASES: [Phrase; 34] = [
    ("gateway", "info", 0.60, "{method} {path} 200 in {ms} ms client={ip} request_id={hex}"),
    ("gateway", "info", 0.15, "{method} {path} 304 in {ms} ms client={ip} request_id={hex}"),
    ("gateway", "warn", 0.03, "{method} {path} 404 in {ms} ms client={ip} request_id={hex}"),
    ("gateway", "info", 0.05, "TLS handshake with {ip} took {ms} ms"),
    ("gateway", "warn", 0.02, "Rate limit of client {ip} reached, {n} requests delayed"),
    ("catalog", "info", 0.35, "Listed {n} products of category {word} in {ms} ms"),
    ("catalog", "info", 0.20, "Product {sku} served from cache"),
    ("catalog", "debug", 0.10, "Cache miss for {sku}, loading from database"),
    ("catalog", "warn", 0.02, "Slow query took {ms} ms: SELECT * FROM products WHERE category = ?"),
    ("cart", "info", 0.30, "Added {sku} to cart {hex} of {user}, {n} items"),
    ("cart", "info", 0.08, "Removed {sku} from cart {hex} of {user}"),
    ("cart", "info", 0.04, "Cart {hex} expired after {id} minutes"),
    ("cart", "warn", 0.01, "Cart {hex} was changed by two sessions, kept the later one"),
    ("checkout", "info", 0.25, "Order {id} of {user} accepted, total {amount} EUR"),
    ("checkout", "info", 0.12, "Order {id} is being priced, {n} items, coupon {word}"),
    ("checkout", "warn", 0.02, "Order {id} was retried after {ms} ms"),
    ("checkout", "info", 0.05, "Sent confirmation of order {id} to {user}"),
    ("payments", "info", 0.25, "Authorized {amount} EUR for order {id} with card ending {n}{n}{n}{n} in {ms} ms"),
    ("payments", "info", 0.10, "Captured payment {hex} of {amount} EUR"),
    ("payments", "warn", 0.02, "Card of {user} was declined: insufficient funds"),
    ("payments", "info", 0.02, "Settled batch {id} with {n} payments"),
    ("inventory", "info", 0.40, "Reserved {n} of {sku} for order {id} in {ms} ms"),
    ("inventory", "info", 0.15, "Stock of {sku} is {id}"),
    ("inventory", "warn", 0.02, "Stock of {sku} is low: {n} left"),
    ("inventory", "info", 0.01, "Vacuum of table stock removed {id} row versions in {ms} ms"),
    ("shipping", "info", 0.15, "Label {hex} printed for order {id}, parcel of {amount} kg"),
    ("shipping", "info", 0.10, "Quote for {country}: {amount} EUR, {n} days"),
    ("shipping", "warn", 0.01, "Address of order {id} could not be normalized, kept as written"),
    ("shipping", "info", 0.03, "Carrier pickup {id} confirmed at dock {n}"),
    ("recommendations", "info", 0.20, "Ranked {id} candidates for {user} in {ms} ms"),
    ("recommendations", "info", 0.10, "Model features of {user} refreshed, {n} new events"),
    ("recommendations", "warn", 0.01, "No history for {user}, using bestsellers"),
    ("recommendations", "info", 0.01, "Loaded embedding table version {id} in {ms} ms"),
    ("shipping", "error", 0.004, "Tracking number {hex} was refused by the carrier: checksum mismatch"),
];
const WORDS: [&str; 8] = ["garden", "books", "toys", "spring", "kitchen", "welcome", "sport", "music"];
const COUNTRIES: [&str; 6] = ["DE", "FR", "PL", "NL", "AT", "IT"];
const PATHS: [&str; 6] = ["/", "/products", "/products/{id}", "/cart", "/checkout", "/search?q={word}"];

/// The streams of the shop and its random words.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    streams: Vec<((&'static str, &'static str), Labels)>,
}

impl Voice {
    pub(super) fn new() -> Self {
        let levels = ["debug", "info", "warn", "error", "fatal"];
        let all = SERVICES.iter().flat_map(|it| levels.map(|level| ((it.name, level), stream(it, level))));
        Self { streams: all.collect() }
    }

    /// What is said on a usual day; faults speak through the same [`Words`].
    pub(super) fn words<'a>(&'a self, now: Timestamp, services: &'a [Service], rng: &'a mut Rng) -> Words<'a> {
        Words { streams: &self.streams, services, now, rng, lines: vec![] }
    }
}

fn stream(spec: &ServiceSpec, level: &str) -> Labels {
    Labels::new([("service", spec.name), ("host", spec.host), ("level", level)])
}

/// Log lines of one second.
pub(super) struct Words<'a> {
    streams: &'a [((&'static str, &'static str), Labels)],
    services: &'a [Service],
    now: Timestamp,
    rng: &'a mut Rng,
    /// What was said so far.
    pub(super) lines: Vec<LogRecord>,
}

impl Words<'_> {
    /// All usual lines of this second; a service that is away says nothing.
    pub(super) fn chat(&mut self) {
        for (service, level, per_second, text) in PHRASES {
            let found = self.services.iter().find(|it| it.spec.name == service);
            let Some(found) = found else { continue };
            let work = found.rps / (super::layout::ENTRY_RPS * found.spec.traffic);
            self.say(service, level, per_second * work, text);
        }
    }

    /// Says a line as often as a rate per second makes it come, at most once per second if the rate is 50 or more.
    pub(super) fn say(&mut self, service: &str, level: &str, per_second: f64, text: &str) {
        let count = if per_second >= 50.0 { 1 } else { poisson(self.rng, per_second) as usize };
        let Some((_, labels)) = self.streams.iter().find(|((it, its_level), _)| *it == service && *its_level == level)
        else {
            return;
        };
        for _ in 0..count {
            let line = self.fill(service, text);
            self.lines.push(LogRecord::new(self.now, labels.clone(), line));
        }
    }

    fn fill(&mut self, service: &str, text: &str) -> String {
        let mut line = String::with_capacity(text.len() + 24);
        let mut rest = text;
        while let Some((before, (name, after))) =
            rest.split_once('{').and_then(|(before, it)| it.split_once('}').map(|it| (before, it)))
        {
            line.push_str(before);
            self.put(service, name, &mut line);
            rest = after;
        }
        line.push_str(rest);
        line
    }

    fn put(&mut self, service: &str, name: &str, line: &mut String) {
        let found = self.services.iter().find(|it| it.spec.name == service);
        let rng = &mut *self.rng;
        let pick = |rng: &mut Rng, from: &[&'static str]| rng.choice(from.iter()).copied().unwrap_or("");
        // Writing to a String cannot fail.
        let _ = match name {
            "id" => write!(line, "{}", rng.u32(100..99_999)),
            "hex" => write!(line, "{:08x}", rng.u32(..)),
            "n" => write!(line, "{}", rng.u32(1..10)),
            "ms" => {
                let median = found.map_or(0.02, |it| it.latency.p50) * 1000.0;
                write!(line, "{:.1}", median * (0.5 * gauss(rng)).exp())
            }
            "amount" => write!(line, "{:.2}", (3.2 + 0.9 * gauss(rng)).exp()),
            "sku" => write!(line, "SKU-{}", rng.u32(1_000..9_999)),
            "user" => write!(line, "user-{}", rng.u32(1..50_000)),
            "ip" => write!(line, "10.{}.{}.{}", rng.u8(0..32), rng.u8(..), rng.u8(1..255)),
            "method" => write!(line, "{}", pick(rng, &["GET", "GET", "GET", "POST"])),
            "word" => write!(line, "{}", pick(rng, &WORDS)),
            "country" => write!(line, "{}", pick(rng, &COUNTRIES)),
            "max" => write!(line, "{}", found.map_or(0.0, |it| it.spec.pool_max)),
            "path" => {
                let path = pick(rng, &PATHS);
                let path = self.fill(service, path);
                write!(line, "{path}")
            }
            // What is left is the name of the service itself.
            _ => write!(line, "{service}"),
        };
    }
}
