//! When did it begin, if nobody tells? Each series is split where its two parts differ most, and the splits vote.

use std::collections::BTreeMap;

use signal::LogLevel;

use super::input::{Case, Metric};
use super::scale::quantile;

/// Fewer values are not split, and no part has fewer than the other number.
const MIN_VALUES: usize = 12;
const MIN_PART: usize = 3;
/// A split counts if it explains so much more than chance does in a series without one, in squared widths of its noise.
const CONVINCING: f64 = 30.0;
/// And if the parts differ by so many widths.
const MIN_CHANGE: f64 = 1.5;
/// The noise is at least this share of the level, and of the largest distance from it.
const FLOOR_OF_LEVEL: f64 = 0.02;
const FLOOR_OF_RANGE: f64 = 0.01;
/// Values further from the middle than so many widths count as that far.
const FARTHEST: f64 = 20.0;
/// Splits this close together mean the same begin.
const TOGETHER_MS: i64 = 60_000;
/// The first begin that has this share of the votes of the strongest is it: what ends again is not where it begins.
const FIRST_SHARE: f64 = 0.6;
/// So many of the strongest votes count.
const MAX_VOTES: usize = 2000;
/// Spans and lines are counted in so many stretches of time.
const N_STRETCHES: i64 = 120;

/// The likeliest begin of the incident, milliseconds since 1970; `None` if nothing changes.
///
/// Where usual values are given apart, the others are from the incident, and it begins with them.
pub fn onset(case: &Case) -> Option<i64> {
    let (with_normal, alone): (Vec<&Metric>, Vec<&Metric>) =
        case.metrics.iter().partition(|it| it.normal.len() >= MIN_PART);
    if with_normal.len() > alone.len() {
        return with_normal.iter().filter_map(|it| it.times.first().copied()).min();
    }
    let (spans, lines) = (|| case.spans.iter(), || case.logs.iter());
    if spans().any(|it| it.is_normal) || lines().any(|it| it.is_normal) {
        let spans = spans().filter(|it| !it.is_normal).map(|it| it.start);
        return spans.chain(lines().filter(|it| !it.is_normal).map(|it| it.time)).min();
    }
    let mut votes: Vec<(i64, f64)> = alone.iter().filter_map(|it| split(&it.times, &it.values)).collect();
    votes.extend(of_events(case).values().filter_map(|it| split(&it.0, &it.1)));
    votes.sort_by(|a, b| b.1.total_cmp(&a.1));
    votes.truncate(MAX_VOTES);
    votes.sort_by_key(|it| it.0);
    most_voted(&votes)
}

/// Where a series is split best, and how much that explains.
fn split(times: &[i64], values: &[f64]) -> Option<(i64, f64)> {
    let points: Vec<(i64, f64)> =
        times.iter().copied().zip(values.iter().copied()).filter(|it| it.1.is_finite()).collect();
    if points.len() < MIN_VALUES {
        return None;
    }
    let mut buffer: Vec<f64> = points.iter().map(|it| it.1).collect();
    let middle = quantile(&mut buffer, 0.5)?;
    let range = points.iter().map(|it| (it.1 - middle).abs()).fold(0.0, f64::max);
    buffer.clear();
    buffer.extend(points.iter().zip(points.iter().skip(1)).map(|(a, b)| (b.1 - a.1).abs()));
    let noise = quantile(&mut buffer, 0.75)?.max(middle.abs() * FLOOR_OF_LEVEL).max(range * FLOOR_OF_RANGE);
    if noise <= 0.0 {
        return None;
    }
    buffer.clear();
    buffer.extend(points.iter().map(|it| ((it.1 - middle) / noise).clamp(-FARTHEST, FARTHEST)));
    let (place, gain) = best_split(&buffer)?;
    Some((points.get(place)?.0, gain))
}

/// The first place of the second part, and the root of what the split explains, by sums from the left.
fn best_split(values: &[f64]) -> Option<(usize, f64)> {
    let whole: f64 = values.iter().sum();
    let n = values.len() as f64;
    let (mut left, mut best) = (0.0, (0, 0.0));
    for (idx, value) in values.iter().enumerate() {
        let (n_left, n_right) = (idx as f64, n - idx as f64);
        let is_inside = idx >= MIN_PART && values.len() - idx >= MIN_PART;
        let change = (whole - left) / n_right - left / n_left.max(1.0);
        let gain = change * change * n_left * n_right / n;
        if is_inside && change.abs() >= MIN_CHANGE && gain > best.1 {
            best = (idx, gain);
        }
        left += value;
    }
    (best.1 >= CONVINCING).then(|| (best.0, best.1.ln()))
}

/// Times of splits and what they weigh, in order of time: the place where most weight is close together.
fn most_voted(votes: &[(i64, f64)]) -> Option<i64> {
    let near = |from: i64| votes.iter().filter(move |it| it.0 >= from && it.0 <= from + TOGETHER_MS);
    let weight = |from: i64| near(from).map(|it| it.1).sum::<f64>();
    let most = votes.iter().map(|it| weight(it.0)).fold(0.0, f64::max);
    let first = votes.iter().map(|it| it.0).find(|it| weight(*it) >= most * FIRST_SHARE)?;
    // Of the minute that was found, the strongest splits tell best.
    near(first).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|it| it.0)
}

/// Times and values.
type Series = (Vec<i64>, Vec<f64>);
/// By stretch of time: what was added up, and how often.
type Sums = BTreeMap<i64, (f64, f64)>;

/// Durations and failures of spans and bad lines, by service and stretch of time.
fn of_events(case: &Case) -> BTreeMap<(&str, u8), Series> {
    let spans = || case.spans.iter().filter(|it| !it.is_normal);
    let lines = || case.logs.iter().filter(|it| !it.is_normal);
    let times = || spans().map(|it| it.start).chain(lines().map(|it| it.time));
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return BTreeMap::new() };
    let stretch = ((last - first) / N_STRETCHES).max(1000);
    let mut sums: BTreeMap<(&str, u8), Sums> = BTreeMap::new();
    let mut add = |service, what: u8, time: i64, value: f64| {
        let sum = sums.entry((service, what)).or_default().entry((time - first) / stretch).or_default();
        *sum = (sum.0 + value, sum.1 + 1.0);
    };
    for it in spans() {
        add(it.service.as_str(), 0, it.start, (it.millis + 1.0).ln());
        add(it.service.as_str(), 1, it.start, f64::from(u8::from(it.is_error)));
    }
    for it in lines() {
        let is_bad = it.level.unwrap_or_else(|| LogLevel::of_text(&it.text)) >= LogLevel::Error;
        add(it.service.as_str(), 2, it.time, f64::from(u8::from(is_bad)));
    }
    let series =
        |sums: Sums| -> Series { sums.into_iter().map(|(at, (sum, n))| (first + at * stretch, sum / n)).unzip() };
    sums.into_iter().map(|(key, sums)| (key, series(sums))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::input::Span;
    use super::*;

    const AT: i64 = 1_700_000_000_000;

    fn metric(service: &str, value: impl Fn(i64) -> f64) -> Metric {
        let times: Vec<i64> = (-300..200).map(|it| AT + it * 1000).collect();
        let values = (-300..200).map(|it| value(it) + it.rem_euclid(7) as f64 / 10.0).collect();
        Metric { service: service.to_owned(), indicator: "cpu".to_owned(), normal: vec![], times, values }
    }

    /// Guarantees: MUST 784 of docs/specs/diagnosis.md.
    #[test]
    fn series_that_change_together_tell_the_begin() {
        let metrics = vec![
            metric("a", |it| if it >= 0 { 9.0 } else { 3.0 }),
            metric("b", |it| if it >= 5 { 20.0 } else { 18.0 }),
            metric("c", |it| if it == -200 { 90.0 } else { 4.0 }),
            metric("d", |_| 5.0),
        ];
        let found = onset(&Case { metrics, ..Case::default() }).unwrap();
        assert!((found - AT).abs() <= 10_000, "{}", found - AT);
        assert_eq!(onset(&Case { metrics: vec![metric("d", |_| 5.0)], ..Case::default() }), None);
    }

    /// Guarantees: MUST 784 of docs/specs/diagnosis.md.
    #[test]
    fn spans_alone_tell_it_and_files_of_the_usual_tell_it_by_their_end() {
        let span = |it: i64| Span {
            service: "a".to_owned(),
            start: AT + it * 1000,
            millis: if it >= 0 { 200.0 } else { 20.0 } + it.rem_euclid(5) as f64,
            ..Span::default()
        };
        let found = onset(&Case { spans: (-300..200).map(span).collect(), ..Case::default() }).unwrap();
        assert!((found - AT).abs() <= 10_000, "{}", found - AT);
        let apart = Metric { normal: vec![3.0; 50], ..metric("a", |_| 9.0) };
        assert_eq!(onset(&Case { metrics: vec![apart], ..Case::default() }), Some(AT - 300_000));
    }
}
