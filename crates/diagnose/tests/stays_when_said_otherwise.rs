//! Does the answer stay when services and metrics have other names, units, orders and times?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use diagnose::case::{Case, Line, Metric, Ranking, Span, rank};

const AT: i64 = 1_700_000_000_000;
const SERVICES: [&str; 4] = ["web", "cart", "pay", "stock"];

fn metric(service: &str, indicator: &str, secs: std::ops::Range<i64>, value: impl Fn(i64) -> f64) -> Metric {
    let mut random = fastrand::Rng::with_seed(service.len() as u64 * 31 + indicator.len() as u64);
    let times: Vec<i64> = secs.clone().map(|it| AT + it * 1000).collect();
    let values = secs.map(|it| value(it) * (1.0 + random.f64() / 10.0)).collect();
    Metric { service: service.to_owned(), indicator: indicator.to_owned(), normal: vec![], times, values }
}

/// `pay` is busy and fails from the begin on; `cart`, which asks it, gets slow.
fn shop() -> Case {
    let mut case = Case { at: AT, ..Case::default() };
    for service in SERVICES {
        let during = move |name: &str, it: i64, factor: f64| if service == name && it >= 0 { factor } else { 1.0 };
        let range = -400..300;
        case.metrics.push(metric(service, "cpu", range.clone(), |it| 0.2 * during("pay", it, 9.0)));
        case.metrics.push(metric(service, "mem", range.clone(), |_| 2e8));
        case.metrics.push(metric(service, "latency-90", range.clone(), |it| 0.05 * during("cart", it, 1.8)));
        case.metrics.push(metric(service, "error", range, |it| if during("pay", it, 9.0) > 1.0 { 4.0 } else { 0.0 }));
    }
    case
}

fn first(ranking: &Ranking) -> (&str, f64) {
    let it = &ranking.causes[0];
    (&it.service, (it.confidence * 1000.0).round())
}

/// Guarantees: MUST 780 of docs/specs/diagnosis.md.
#[test]
fn names_orders_units_and_times_do_not_matter() {
    let plain = rank(&shop());
    assert_eq!(first(&plain).0, "pay");
    let sure = first(&plain).1;
    for new in [["zz", "yy", "b", "aa"], ["a", "b", "zz", "d"], ["s1", "s2", "s3", "s4"]] {
        let mut case = shop();
        for it in &mut case.metrics {
            it.service = new[SERVICES.iter().position(|name| *name == it.service).unwrap()].to_owned();
        }
        assert_eq!(first(&rank(&case)), (new[2], sure), "{new:?}");
    }
    for names in [
        ["cpu_usage", "memory_usage", "latency", "errors"],
        [
            "container-cpu-usage-seconds-total",
            "container-memory-working-set-bytes",
            "istio-latency-90",
            "istio-error-total",
        ],
    ] {
        let mut case = shop();
        for (nth, it) in case.metrics.iter_mut().enumerate() {
            it.indicator = names[nth % 4].to_owned();
        }
        assert_eq!(first(&rank(&case)), ("pay", sure), "{names:?}");
    }
    for (indicator, factor) in [("cpu", 1e3), ("cpu", 1e-4), ("mem", 1e-6), ("latency-90", 1e3), ("latency-90", 1e6)] {
        let mut case = shop();
        for it in case.metrics.iter_mut().filter(|it| it.indicator == indicator) {
            it.values.iter_mut().for_each(|it| *it *= factor);
        }
        let ranking = rank(&case);
        assert_eq!(first(&ranking), ("pay", sure), "{indicator} {factor}");
    }
    let mut case = shop();
    case.metrics.reverse();
    case.at += 86_400_000;
    case.metrics.iter_mut().flat_map(|it| &mut it.times).for_each(|it| *it += 86_400_000);
    assert_eq!(first(&rank(&case)), ("pay", sure));
}

/// Scenario: nothing ever fails but the guilty one, so that no series tells how much failures usually vary.
/// Guarantees: MUST 785 and 786 of docs/specs/diagnosis.md.
#[test]
fn what_never_moved_counts_when_it_does_and_what_nobody_owns_is_nobodys_fault() {
    let mut case = Case { at: AT, ..Case::default() };
    for service in SERVICES {
        let errors = move |it: i64| if it >= 0 && service == "pay" { 12.0 } else { 0.0 };
        case.metrics.push(metric(service, "error", -400..300, errors));
    }
    case.metrics.push(metric("", "error", -400..300, |it| if it >= 0 { 99.0 } else { 0.0 }));
    let ranking = rank(&case);
    assert_eq!((first(&ranking).0, ranking.causes.len()), ("pay", 1));
}

/// Guarantees: MUST 787 of docs/specs/diagnosis.md.
#[test]
fn half_a_minute_before_is_enough() {
    let mut case = shop();
    for it in &mut case.metrics {
        let n_cut = it.times.partition_point(|time| *time < AT - 30_000);
        it.times.drain(..n_cut);
        it.values.drain(..n_cut);
    }
    assert_eq!(first(&rank(&case)).0, "pay");
}

/// Scenario: two services break alike, far beyond what is usual; which is worse is still to be seen.
/// Guarantees: MUST 788 of docs/specs/diagnosis.md.
#[test]
fn of_two_that_are_far_off_the_further_one_is_first() {
    for (near, far) in [("a", "b"), ("b", "a")] {
        let busy = |factor: f64| move |it: i64| if it >= 0 { factor } else { 1.0 };
        let metrics = vec![
            metric(near, "cpu", -400..300, busy(60.0)),
            metric(far, "cpu", -400..300, busy(900.0)),
            metric("c", "cpu", -400..300, busy(1.0)),
        ];
        assert_eq!(first(&rank(&Case { at: AT, metrics, ..Case::default() })).0, far);
    }
}

/// Scenario: an hour of much traffic beside three minutes of little: a shift of a few percent is none in either.
/// Guarantees: MUST 789 of docs/specs/diagnosis.md.
#[test]
fn many_requests_do_not_make_a_small_difference_a_large_one() {
    let strongest = |per_second: i64| {
        let mut case = Case { at: AT, ..Case::default() };
        for nth in -300 * per_second..120 * per_second {
            let start = AT + nth * 1000 / per_second;
            let says_so = nth.rem_euclid(100) < if nth < 0 { 50 } else { 56 };
            let trace = format!("t{nth}");
            let (id, service, operation) = ("a".to_owned(), "pay".to_owned(), "charge".to_owned());
            let span = Span { trace: trace.clone(), id, service, operation, start, millis: 5.0, ..Span::default() };
            case.spans.push(span);
            let text = if says_so { "card is known" } else { "card is new here" }.to_owned();
            let (service, span) = ("pay".to_owned(), "a".to_owned());
            case.logs.push(Line { time: start, service, text, trace, span, ..Line::default() });
        }
        rank(&case).findings.first().map_or(0.0, |it| it.strength)
    };
    let (few, many) = (strongest(2), strongest(200));
    assert!(many <= few * 2.5 + 1.0, "{few} {many}");
}
