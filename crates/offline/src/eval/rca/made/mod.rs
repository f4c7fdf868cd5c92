//! Incidents that nobody had: systems, faults and measurements by chance, unlike those of the published sets.
//!
//! Five to a hundred services in trees with shared stores, queues and circles; a value per second or per five minutes;
//! long or short times before and after; days of traffic, gaps, counters, other names; with or without traces, lines, a
//! graph and a time of begin; ten kinds of faults, and none. Nothing is tuned to these cases: they tell whether what was
//! learned from a few systems holds on others.

mod course;
mod dice;
mod requests;
mod shop;
mod told;

use diagnose::case::{Call, Case, onset};
use fastrand::Rng;

use super::labeled::Labeled;
use crate::bad_input::BadInput;
use crate::csv_file;
use crate::rca::metrics_file;
use course::{Clock, Fault, Point, Wrong};
use dice::{chance, log_between, one_of};
use requests::Walk;
use shop::Shop;

/// Of so many cases one is without a fault.
const QUIET: usize = 3;
/// Seconds between two values.
const STEPS: [f64; 7] = [1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0];
/// When the first of these cases begins, seconds since 1970.
const FROM: i64 = 1_700_000_000;
/// Requests that are told of before and during.
const MOST_TRACES: (usize, usize) = (150, 100);
/// Every day of traffic has so many seconds.
const DAY_SECS: f64 = 86_400.0;

/// So many cases, always the same for a seed.
///
/// # Errors
/// If what was written cannot be read, which would be a fault of the reader.
pub fn cases(n: usize, seed: u64) -> Result<Vec<Labeled>, BadInput> {
    (0..n).map(|nth| one(nth, &mut Rng::with_seed(seed.wrapping_mul(1_000_003) + nth as u64))).collect()
}

fn one(nth: usize, random: &mut Rng) -> Result<Labeled, BadInput> {
    let shop = Shop::new(random);
    let clock = clock(random);
    let wrong = one_of(random, &Wrong::ALL).filter(|_| !nth.is_multiple_of(QUIET));
    let fault = wrong.map(|it| course::fault(&shop, it, clock.n_after, random));
    let points = course::run(&shop, fault.as_ref(), &clock, random);
    let began = FROM + (clock.n_before as f64 * clock.step_secs) as i64;
    let text = told::csv(&shop, &points, &clock, FROM, random);
    let table = csv_file::parse("made.csv", text.as_bytes())?;
    let mut case = Case { at: began * 1000, metrics: metrics_file::read(&table)?, ..Case::default() };
    let told = if chance(random, 0.45) {
        told_of(&shop, fault.as_ref(), &points, &clock, random)
    } else {
        requests::Told::default()
    };
    (case.spans, case.logs) = (told.spans, told.lines);
    if chance(random, 0.3) {
        case.spans.clear();
    }
    if chance(random, 0.4) {
        case.calls = calls(&shop);
    }
    // Somebody notices it a little later, or the begin is not told.
    let is_told = chance(random, 0.7);
    case.at += (random.f64() * 40_000.0).min(clock.n_after as f64 * clock.step_secs * 200.0) as i64;
    if !is_told {
        case.at = onset(&case).unwrap_or(case.at);
    }
    Ok(Labeled {
        set: "made",
        system: system(&case).to_owned(),
        fault: wrong.map_or("none", Wrong::as_str).to_owned(),
        name: format!(
            "{nth} ({}{})",
            described(&shop, &clock, fault.as_ref()),
            if is_told { "" } else { ", not told" }
        ),
        service: fault.and_then(|it| shop.services.get(it.service)).map(|it| it.name.clone()),
        case,
        indicator: None,
        commit: None,
    })
}

fn clock(random: &mut Rng) -> Clock {
    let step_secs = one_of(random, &STEPS).unwrap_or(1.0);
    let longest = if step_secs > 30.0 { 120.0 } else { 700.0 };
    Clock {
        step_secs,
        n_before: log_between(random, 12.0, longest) as usize,
        n_after: log_between(random, 5.0, longest / 3.0) as usize,
        day: DAY_SECS / step_secs,
        swing: if chance(random, 0.5) { random.f64() * 0.7 } else { 0.0 },
    }
}

/// The most that a case holds besides metrics.
fn system(case: &Case) -> &'static str {
    match (case.spans.is_empty(), case.logs.is_empty(), case.calls.is_empty()) {
        (false, _, _) => "traces",
        (true, false, _) => "lines",
        (true, true, false) => "graph",
        (true, true, true) => "metrics",
    }
}

fn described(shop: &Shop, clock: &Clock, fault: Option<&Fault>) -> String {
    format!(
        "{} services, {} s, {}+{}, swing {:.2}, size {:.2}, ramp {}, share {:.2}",
        shop.services.len(),
        clock.step_secs,
        clock.n_before,
        clock.n_after,
        clock.swing,
        fault.map_or(0.0, |it| it.size),
        fault.map_or(0, |it| it.ramp),
        fault.and_then(|it| shop.usual_shares().get(it.service).copied()).unwrap_or(0.0),
    )
}

fn calls(shop: &Shop) -> Vec<Call> {
    let name = |nth: usize| shop.services.get(nth).map(|it| it.name.clone()).unwrap_or_default();
    let of = |(nth, it): (usize, &shop::Service)| -> Vec<Call> {
        it.callees.iter().map(|(callee, _)| Call { caller: name(nth), callee: name(*callee) }).collect()
    };
    shop.services.iter().enumerate().flat_map(of).collect()
}

/// Requests, evenly spread over the last part of the time before and the first one during.
fn told_of(
    shop: &Shop,
    fault: Option<&Fault>,
    points: &[Vec<Point>],
    clock: &Clock,
    random: &mut Rng,
) -> requests::Told {
    let is_linked = chance(random, 0.5);
    let mut walk = Walk { shop, fault, is_linked, told: requests::Told::default() };
    let long = |secs: f64| (secs / clock.step_secs).ceil() as usize;
    let before = clock.n_before.saturating_sub(long(900.0))..clock.n_before;
    let during = clock.n_before..points.len().min(clock.n_before + long(600.0));
    let mut nth = 0;
    for (range, most) in [(before, MOST_TRACES.0), (during, MOST_TRACES.1)] {
        for _ in 0..most {
            let step = random.usize(range.clone());
            let within = random.f64() * clock.step_secs * 1000.0;
            let start = FROM * 1000 + (step as f64 * clock.step_secs * 1000.0 + within) as i64;
            if let Some(points) = points.get(step) {
                walk.request(points, nth, start, step >= clock.n_before, random);
            }
            nth += 1;
        }
    }
    walk.told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_the_same_for_a_seed_and_has_what_a_case_needs() {
        let (first, second) = (cases(12, 5).unwrap(), cases(12, 5).unwrap());
        for (one, other) in first.iter().zip(&second) {
            assert_eq!((&one.name, &one.service, &one.fault), (&other.name, &other.service, &other.fault));
            assert_eq!(one.case.metrics.len(), other.case.metrics.len());
            assert!(one.case.metrics.iter().all(|it| it.times.is_sorted()));
        }
        assert!(first.iter().any(|it| it.service.is_none()) && first.iter().any(|it| it.service.is_some()));
    }
}
