//! Are expressions answered as a real Prometheus answers them, on the same samples?
//!
//! The expressions come from a seeded generator. The Prometheus of Debian is of version 2, Sentinel speaks version 3;
//! what the two do differently on purpose is kept out:
//! - windows are open on the left in 3: samples lie 123 ms behind whole seconds and evaluations 500 ms behind, so that
//!   no sample lies on the edge of a window, of the look-back or of a subquery;
//! - `holt_winters` has another name, and functions that 2.42 does not know are not asked for;
//! - `.` in regular expressions fits line ends in 3: no value has one;
//! - the deviation of a single NaN or infinity is NaN in 3 and 0 in 2: deviations are of measured values;
//! - steps of a subquery lie on whole minutes, so windows within one another could share an edge: there are none;
//! - `predict_linear` over a window that `@` fixes is computed once in 2 and at each step in 3.
//!
//! - behind a gap a counter that is near 0 is extrapolated less far in 3: counters begin high, and rare ones only grow.
//!
//! Of equal values `topk` takes any: it is asked of values that are not equal.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;

use crate::support::client::{encoded, send};
use crate::support::prometheus::Prometheus;
use crate::support::remote_write::{Row, STALE, write};
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::is_there;
use crate::support::wait_for;

/// Expressions that are compared, each at one instant and over a range.
const N_QUERIES: usize = 600;
const STEP_MS: i64 = 15_000;
/// Two hours of samples.
const N_SAMPLES: i64 = 480;
/// 2026-01-31T12:00:00Z.
const END_SECS: i64 = 1_769_860_800;
const SEED: u64 = 20_261_126;

/// Counters with resets, gauges, gaps, staleness markers and histograms, over several labels.
fn rows(begin: i64, random: &mut Rng) -> Vec<Row> {
    let time = |idx: i64| begin + idx * STEP_MS + 123;
    let mut rows = vec![];
    for (idx, (job, instance)) in
        [("api", "a:1"), ("api", "b:1"), ("web", "a:2"), ("web", "b:2"), ("db", "c:1")].into_iter().enumerate()
    {
        let target = [("job", job), ("instance", instance)];
        // A target that goes away for a while ends its series with a marker.
        let is_gone = move |it: i64| idx == 3 && (200..260).contains(&it);
        let mut gauge = |name: &str, pairs: &[(&str, &str)], value: &mut dyn FnMut(i64) -> f64| {
            let mut samples = vec![];
            for it in 0..N_SAMPLES {
                if is_gone(it) {
                    if !is_gone(it - 1) {
                        samples.push((time(it), STALE));
                    }
                    continue;
                }
                samples.push((time(it), value(it)));
            }
            rows.push(Row::new(name, &[&target, pairs].concat(), samples));
        };
        gauge("up", &[], &mut |it| f64::from(u8::from(it % 97 != 5)));
        let base = 100.0 * (idx as f64 + 1.0);
        let mut noise = random.fork();
        gauge("memory_bytes", &[], &mut |it| ((base + it as f64).sin() * 50.0 + base + noise.f64() * 9.0) * 1e6);
        for code in ["200", "404", "500"] {
            for method in ["get", "post"] {
                let (mut count, mut noise) = (1e6, random.fork());
                gauge("http_requests_total", &[("code", code), ("method", method)], &mut |it| {
                    // It begins again now and then.
                    count = if it % (150 + 31 * idx as i64) == 149 { 0.0 } else { count + noise.u32(0..40) as f64 };
                    count
                });
            }
        }
        let (mut counts, mut noise) = ([1e4, 2e4, 3e4, 4e4, 5e4], random.fork());
        let bounds = ["0.1", "0.5", "1", "5", "+Inf"];
        let mut all: Vec<Vec<(i64, f64)>> = vec![vec![]; 7];
        let mut sum = 1e5;
        for it in 0..N_SAMPLES {
            for _ in 0..noise.u32(0..6) {
                let value = noise.f64().powi(3) * 8.0;
                sum += value;
                let first = [0.1, 0.5, 1.0, 5.0, f64::INFINITY].iter().position(|it| value <= *it).unwrap();
                counts[first..].iter_mut().for_each(|it| *it += 1.0);
            }
            for (bucket, count) in counts.iter().enumerate() {
                all[bucket].push((time(it), *count));
            }
            all[5].push((time(it), sum));
            all[6].push((time(it), counts[4]));
        }
        for (bound, samples) in bounds.iter().zip(&all) {
            let pairs = [target[0], target[1], ("le", bound)];
            rows.push(Row::new("request_seconds_bucket", &pairs, samples.clone()));
        }
        rows.push(Row::new("request_seconds_sum", &target, all[5].clone()));
        rows.push(Row::new("request_seconds_count", &target, all[6].clone()));
    }
    // Rare, with long gaps; and one of each target's job, for matching.
    let rare = (0..N_SAMPLES).filter(|it| it % 40 < 3).map(|it| (time(it), 100.0 + (it / 7) as f64)).collect();
    rows.push(Row::new("queue_depth", &[("job", "db"), ("queue", "q 1")], rare));
    for (job, team) in [("api", "shop"), ("web", "shop"), ("db", "core")] {
        let samples = (0..N_SAMPLES).map(|it| (time(it), 1.0)).collect();
        rows.push(Row::new("job_info", &[("job", job), ("team", team)], samples));
    }
    rows
}

/// Makes expressions.
struct Grammar {
    random: Rng,
    is_in_subquery: bool,
}

impl Grammar {
    fn one<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.random.usize(0..all.len())]
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(0..100) < percent
    }

    fn selector(&mut self, name: &str) -> String {
        let mut matchers = vec![];
        if self.chance(50) {
            matchers.push(self.one(&[
                "job=\"api\"",
                "job!=\"db\"",
                "job=~\"a.*|web\"",
                "job!~\"w.b\"",
                "instance=~\"[ab]:.\"",
                "job=~\".+\"",
                "nothing=\"\"",
                "instance!=\"\"",
            ]));
        }
        if name == "http_requests_total" && self.chance(50) {
            matchers.push(self.one(&["code=\"200\"", "code=~\"4..|5..\"", "method=\"get\"", "code!=\"500\""]));
        }
        if matchers.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", matchers.join(",")) }
    }

    fn moved(&mut self) -> String {
        let mut text = String::new();
        if self.chance(15) {
            text.push_str(self.one(&[" offset 5m", " offset 1h", " offset 90s", " offset -10m"]));
        }
        if self.chance(8) {
            text.push_str(self.one(&[" @ start()", " @ end()"]));
        }
        text
    }

    fn name(&mut self) -> &'static str {
        self.one(&[
            "up",
            "memory_bytes",
            "http_requests_total",
            "http_requests_total",
            "request_seconds_count",
            "queue_depth",
            "request_seconds_sum",
            "job_info",
        ])
    }

    fn window(&mut self) -> &'static str {
        self.one(&["40s", "1m", "5m", "17m", "1h"])
    }

    fn range(&mut self, depth: u32) -> String {
        if depth > 0 && !self.is_in_subquery && self.chance(20) {
            self.is_in_subquery = true;
            let inner = self.vector(depth - 1);
            self.is_in_subquery = false;
            let step = self.one(&["30s", "1m", "7m"]);
            let window = self.one(&["5m", "20m", "1h"]);
            let moved = self.moved();
            return format!("({inner})[{window}:{step}]{moved}");
        }
        let name = self.name();
        let (selector, window, moved) = (self.selector(name), self.window(), self.moved());
        format!("{selector}[{window}]{moved}")
    }

    fn over_time(&mut self, depth: u32) -> String {
        let range = self.range(depth);
        match self.random.u32(0..12) {
            0 => format!("quantile_over_time({}, {range})", self.one(&["0.5", "0.9", "0", "1"])),
            1 => {
                let name = self.name();
                let (selector, window) = (self.selector(name), self.window());
                format!("predict_linear({selector}[{window}], {})", self.one(&["60", "3600"]))
            }
            _ => {
                let function = self.one(&[
                    "rate",
                    "rate",
                    "rate",
                    "increase",
                    "irate",
                    "delta",
                    "idelta",
                    "deriv",
                    "resets",
                    "changes",
                    "avg_over_time",
                    "sum_over_time",
                    "min_over_time",
                    "max_over_time",
                    "count_over_time",
                    "last_over_time",
                    "stddev_over_time",
                    "stdvar_over_time",
                    "present_over_time",
                    "absent_over_time",
                ]);
                format!("{function}({range})")
            }
        }
    }

    fn grouping(&mut self) -> &'static str {
        self.one(&[
            "",
            " by (job)",
            " by (job, code)",
            " without (instance)",
            " by ()",
            " without (code, method)",
            " by (nothing)",
        ])
    }

    fn aggregate(&mut self, depth: u32) -> String {
        let (inner, grouping) = (self.vector(depth - 1), self.grouping());
        match self.random.u32(0..12) {
            0 => format!("quantile{grouping}({}, {inner})", self.one(&["0.25", "0.99"])),
            1 => {
                let (operator, number) = (self.one(&["topk", "bottomk"]), self.one(&["1", "3"]));
                let (selector, moved) = (self.selector("memory_bytes"), self.moved());
                format!("{operator}{grouping}({number}, {selector}{moved})")
            }
            3 => {
                let operator = self.one(&["stddev", "stdvar"]);
                let name = self.name();
                format!("{operator}{grouping}({})", self.selector(name))
            }
            2 => format!("count_values{grouping}(\"value\", round({inner}, 1000))"),
            _ => {
                let operator = self.one(&["sum", "sum", "avg", "min", "max", "count", "group"]);
                format!("{operator}{grouping}({inner})")
            }
        }
    }

    fn call(&mut self, depth: u32) -> String {
        let inner = self.vector(depth - 1);
        match self.random.u32(0..13) {
            0 => format!("clamp({inner}, 1, 1000)"),
            1 => format!("clamp_max({inner}, {})", self.one(&["10", "1e7"])),
            2 => format!("round({}, 0.5)", self.selector("memory_bytes")),
            3 => format!("label_replace({inner}, \"zone\", \"$1-x\", \"instance\", \"(.):.*\")"),
            4 => format!("label_join({inner}, \"both\", \"/\", \"job\", \"instance\")"),
            5 => {
                let (by, window) = (self.one(&["le", "le, job", "le, instance"]), self.window());
                let phi = self.one(&["0.5", "0.9", "0.99"]);
                format!("histogram_quantile({phi}, sum by ({by}) (rate(request_seconds_bucket[{window}])))")
            }
            6 => format!("absent({inner})"),
            7 => format!("vector(scalar({inner}))"),
            8 => format!("{}({inner})", self.one(&["hour", "minute", "day_of_week", "month"])),
            9 => "time()".to_owned(),
            _ => {
                let function = self.one(&[
                    "abs",
                    "ceil",
                    "floor",
                    "exp",
                    "ln",
                    "log2",
                    "log10",
                    "sqrt",
                    "sgn",
                    "sin",
                    "cos",
                    "atan",
                    "deg",
                    "sort",
                    "sort_desc",
                    "timestamp",
                ]);
                format!("{function}({inner})")
            }
        }
    }

    fn binary(&mut self, depth: u32) -> String {
        let left = self.vector(depth - 1);
        if self.chance(45) {
            let operator = self.one(&["+", "-", "*", "/", "%", "^", ">", "<=", "!=", "== bool", "> bool", "atan2"]);
            let number = self.one(&["2", "0.5", "1000", "-3", "1e9", "Inf"]);
            return if self.chance(70) {
                format!("({left}) {operator} {number}")
            } else {
                format!("{number} {operator} ({left})")
            };
        }
        if self.chance(35) {
            let side = self.one(&["* on (job) group_left (team) job_info", "+ on (job) group_left () job_info"]);
            return format!("({left}) {side}");
        }
        let right = self.vector(depth - 1);
        if self.chance(40) {
            let operator = self.one(&["and", "or", "unless"]);
            let matching = self.one(&["", " on (job)", " ignoring (code, method)", " on ()"]);
            return format!("({left}) {operator}{matching} ({right})");
        }
        let operator = self.one(&["+", "-", "*", "/", ">", "< bool"]);
        let matching = self.one(&["", " on (job, instance)", " ignoring (code)", " on (job) group_left ()"]);
        if self.chance(50) {
            // Both sides by the same labels, so that they find each other.
            return format!("sum by (job) ({left}) {operator} sum by (job) ({right})");
        }
        format!("({left}) {operator}{matching} ({right})")
    }

    fn vector(&mut self, depth: u32) -> String {
        if depth == 0 {
            if self.chance(40) {
                return self.over_time(0);
            }
            let name = self.name();
            let (selector, moved) = (self.selector(name), self.moved());
            return format!("{selector}{moved}");
        }
        match self.random.u32(0..10) {
            0..=2 => self.aggregate(depth),
            3..=4 => self.call(depth),
            5..=6 => self.binary(depth),
            7 => format!("-({})", self.vector(depth - 1)),
            _ => self.over_time(depth),
        }
    }
}

/// An answer without the order of its series: labels to instants to values; or the type of the error.
type Answer = Result<BTreeMap<String, BTreeMap<String, f64>>, String>;

fn ask(address: SocketAddr, path: &str) -> Answer {
    let json = send(address, "GET", path, &[], b"").unwrap().json();
    if json["status"] != "success" {
        return Err(format!("{}: {}", json["errorType"].as_str().unwrap(), json["error"].as_str().unwrap()));
    }
    let pair = |it: &Value| (it[0].to_string(), it[1].as_str().unwrap().parse::<f64>().unwrap());
    let result = &json["data"]["result"];
    if json["data"]["resultType"] == "scalar" {
        return Ok(BTreeMap::from([("scalar".to_owned(), BTreeMap::from([pair(result)]))]));
    }
    let series = result.as_array().unwrap().iter().map(|it| {
        let labels: BTreeMap<&String, &Value> = it["metric"].as_object().unwrap().iter().collect();
        let values =
            it["values"].as_array().map_or_else(|| vec![pair(&it["value"])], |all| all.iter().map(pair).collect());
        (format!("{labels:?}"), values.into_iter().collect())
    });
    Ok(series.collect())
}

/// Values are equal to 1e-9 of their size; what is left of a difference of large numbers may be as small as 1e-6.
fn is_near(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3)
}

fn is_same(a: &Answer, b: &Answer) -> bool {
    let (Ok(a), Ok(b)) = (a, b) else {
        let kind = |it: &Answer| it.as_ref().err().map(|it| it.split(':').next().unwrap_or("").to_owned());
        return kind(a) == kind(b);
    };
    a.len() == b.len()
        && a.iter().zip(b).all(|((a_labels, a), (b_labels, b))| {
            a_labels == b_labels
                && a.len() == b.len()
                && a.iter().zip(b).all(|((a_time, a), (b_time, b))| a_time == b_time && is_near(*a, *b))
        })
}

/// The first thing that differs, for people.
fn difference(ours: &Answer, theirs: &Answer) -> String {
    let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return format!("ours {ours:?}\n  theirs {theirs:?}") };
    let keys: std::collections::BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for key in keys {
        let (Some(ours), Some(theirs)) = (ours.get(key), theirs.get(key)) else {
            return format!("{key}: ours {:?}, theirs {:?}", ours.get(key), theirs.get(key));
        };
        let times: std::collections::BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for time in times {
            let (ours, theirs) = (ours.get(time), theirs.get(time));
            if !matches!((ours, theirs), (Some(a), Some(b)) if is_near(*a, *b)) {
                return format!("{key} at {time}: ours {ours:?}, theirs {theirs:?}");
            }
        }
    }
    "none".to_owned()
}

/// Guarantees: MUST 361 of docs/specs/query-api.md.
#[test]
fn generated_expressions_have_the_answers_of_prometheus() {
    if !is_there("prometheus", "the same expressions on the same samples") {
        return;
    }
    let folder = Folder::new("like-prometheus");
    let flags = ["--web.enable-remote-write-receiver", "--enable-feature=promql-negative-offset"];
    let prometheus = Prometheus::start(&folder, "global: {scrape_interval: 1m}\n", &flags);
    let server = Server::start("like-prometheus", QUIET);
    // Always the same instants, so that every run asks the same.
    let end = END_SECS * 1000;
    let begin = end - N_SAMPLES * STEP_MS;
    let rows = rows(begin, &mut Rng::with_seed(SEED));
    for address in [server.address, prometheus.address] {
        write(address, &rows);
    }
    let count = "/api/v1/query?query=count(%7B__name__%3D~%22.%2B%22%7D)&time=";
    let at = |it: i64| format!("{}.{:03}", it / 1000, it % 1000);
    wait_for(Duration::from_secs(120), "all samples can be read", || {
        let path = format!("{count}{}", at(end - 500));
        is_same(&ask(server.address, &path), &ask(prometheus.address, &path)).then_some(())
    });
    let mut grammar = Grammar { random: Rng::with_seed(SEED), is_in_subquery: false };
    let (mut wrong, mut n_errors, mut n_empty, mut n_values) = (vec![], 0, 0, 0);
    for _ in 0..N_QUERIES {
        let depth = grammar.random.u32(0..4);
        let expression = grammar.vector(depth);
        let time = begin + grammar.random.i64(3_600..7_190) * 1000 + 500;
        let query = encoded(&expression);
        let step = [15, 60, 47][grammar.random.usize(0..3)];
        for path in [
            format!("/api/v1/query?query={query}&time={}", at(time)),
            format!("/api/v1/query_range?query={query}&start={}&end={}&step={step}", at(time - 1_800_000), at(time)),
        ] {
            let (ours, theirs) = (ask(server.address, &path), ask(prometheus.address, &path));
            match &theirs {
                Err(_) => n_errors += 1,
                Ok(it) if it.is_empty() => n_empty += 1,
                Ok(it) => n_values += it.values().map(BTreeMap::len).sum::<usize>(),
            }
            if !is_same(&ours, &theirs) {
                wrong.push(format!("{expression}\n  {path}\n  {}", difference(&ours, &theirs)));
            }
        }
    }
    eprintln!(
        "{N_QUERIES} expressions, seed {SEED}: {n_values} values compared; {n_empty} answers empty, {n_errors} errors of {}",
        2 * N_QUERIES
    );
    assert!(wrong.is_empty(), "{} of {} answers differ:\n{}", wrong.len(), 2 * N_QUERIES, wrong.join("\n"));
    assert!(n_errors * 4 < 2 * N_QUERIES && n_empty * 3 < 2 * N_QUERIES, "most expressions say something");
}
