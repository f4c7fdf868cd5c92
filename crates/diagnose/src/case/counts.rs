//! Which numbers are counts, and how much do counts vary by chance alone?
//!
//! Three failures in a minute that usually has one are chance, whatever the last ten minutes had: counts are Poisson at
//! best. And with more requests more of them fail: failures are compared as a share of requests where these are counted.

use std::borrow::Cow;

use super::input::{Case, Metric};
use super::kind::Kind;
use super::volume::Volumes;

/// Numbers are multiples of the smallest one if they are that near to one, as a share of it.
const NEAR: f64 = 0.02;
/// Failures are of these requests if they are hardly ever more than these.
const WITHIN: f64 = 0.95;
/// Words that say that a number is a share already.
const SHARES: [&str; 5] = ["rate", "ratio", "percent", "pct", "share"];

/// What one event adds to a number, if the numbers are counts of events (per second or per interval).
pub(crate) fn quantum(usual: &[f64], later: &[f64]) -> Option<f64> {
    let finite = || usual.iter().chain(later).copied().filter(|it| it.is_finite() && *it != 0.0);
    if is_whole(usual) && is_whole(later) {
        return Some(1.0);
    }
    let least = finite().fold(f64::INFINITY, f64::min);
    let is_multiple = |it: f64| (it / least - (it / least).round()).abs() < NEAR;
    (least > 0.0 && least.is_finite() && finite().all(is_multiple)).then_some(least)
}

/// Whether numbers are as those of counts are: whole, and not below 0.
pub(crate) fn is_whole(values: &[f64]) -> bool {
    values.iter().filter(|it| it.is_finite()).all(|it| it.fract() == 0.0 && *it >= 0.0)
}

/// Whether a name says that a number is a share of something.
pub(crate) fn is_share(indicator: &str) -> bool {
    let name = indicator.to_ascii_lowercase();
    name.contains('%') || SHARES.iter().any(|it| name.contains(it))
}

/// How much a share of so many requests varies by chance; not less than by one of them.
pub(crate) fn chance_of_share(share: f64, requests: f64) -> f64 {
    let (share, requests) = (share.clamp(0.0, 1.0), requests.max(1.0));
    (share * (1.0 - share) / requests).sqrt().max(1.0 / requests)
}

/// How much counts around a level vary by chance.
pub(crate) fn chance(level: f64, quantum: f64) -> f64 {
    quantum * (level.max(0.0) / quantum + 1.0).sqrt()
}

/// The same failures as a share of the requests that the service answers, if they are counted at the same times.
pub(crate) fn of_requests<'a>(
    case: &'a Case,
    metric: &'a Metric,
    kind: Kind,
    volumes: &Volumes<'_>,
) -> Cow<'a, Metric> {
    if kind != Kind::Error || is_share(&metric.indicator) {
        return Cow::Borrowed(metric);
    }
    let asked = volumes
        .series(case, &metric.service)
        .filter(|it| it.times == metric.times && it.normal.len() == metric.normal.len() && !std::ptr::eq(*it, metric));
    let Some(asked) = asked.filter(|it| is_within(metric, it)) else { return Cow::Borrowed(metric) };
    let shares = |failed: &[f64], asked: &[f64]| -> Vec<f64> {
        let share = |(failed, asked): (&f64, &f64)| {
            // Nobody fails where nobody asks; of how many is not known where that is a gap.
            match () {
                () if *failed == 0.0 => 0.0,
                () if asked.is_nan() => f64::NAN,
                () => (failed / failed.max(*asked)).clamp(0.0, 1.0),
            }
        };
        failed.iter().zip(asked).map(share).collect()
    };
    Cow::Owned(Metric {
        normal: shares(&metric.normal, &asked.normal),
        values: shares(&metric.values, &asked.values),
        ..metric.clone()
    })
}

fn is_within(failed: &Metric, asked: &Metric) -> bool {
    let pairs = || failed.normal.iter().chain(&failed.values).zip(asked.normal.iter().chain(&asked.values));
    let known = pairs().filter(|it| it.0.is_finite() && it.1.is_finite());
    let (n, n_within, most) = known.fold((0.0, 0.0, 0.0_f64), |it, (failed, asked)| {
        (it.0 + 1.0, it.1 + f64::from(u8::from(failed <= asked)), it.2.max(*failed))
    });
    // What is never more than 1 is a share already, unless it is counted.
    n > 0.0 && n_within >= n * WITHIN && (most > 1.0 || quantum(&failed.normal, &failed.values) == Some(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 842 of docs/specs/diagnosis.md.
    #[test]
    fn counts_are_known_by_what_one_event_adds() {
        assert_eq!(quantum(&[0.0, 3.0, 1.0], &[7.0]), Some(1.0));
        let tenth = quantum(&[0.0, 0.2, 0.1], &[0.7]).unwrap();
        assert!((tenth - 0.1).abs() < 1e-12);
        assert_eq!(quantum(&[0.31, 0.2, 0.17], &[]), None);
        assert_eq!((chance(0.0, 1.0), chance(8.0, 1.0)), (1.0, 3.0));
        assert_eq!((chance_of_share(0.0, 50.0), chance_of_share(0.5, 25.0)), (0.02, 0.1));
    }

    /// Guarantees: MUST 842 of docs/specs/diagnosis.md.
    #[test]
    fn failures_are_shares_of_requests_where_both_are_counted() {
        let metric = |indicator: &str, values: &[f64]| Metric {
            service: "a".to_owned(),
            indicator: indicator.to_owned(),
            times: (0..values.len() as i64).collect(),
            values: values.to_vec(),
            ..Metric::default()
        };
        let gap = f64::NAN;
        let metrics = vec![metric("requests", &[10.0, 20.0, 0.0, gap]), metric("errors", &[1.0, 5.0, 0.0, 3.0])];
        let case = Case { metrics, ..Case::default() };
        let volumes = Volumes::of(&case, &[Kind::Workload, Kind::Error]);
        let shares = of_requests(&case, &case.metrics[1], Kind::Error, &volumes);
        assert_eq!(shares.values[..3], [0.1, 0.25, 0.0]);
        assert!(shares.values[3].is_nan());
        let rate = metric("error_rate", &[1.0, 5.0, 0.0, 0.0]);
        assert_eq!(of_requests(&case, &rate, Kind::Error, &volumes).values, rate.values);
    }
}
