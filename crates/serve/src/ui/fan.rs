//! How does a forecast look? A line of what was, a fan of what may be; drawn on the server, so that it needs no script.

use maud::{Markup, html};
use signal::Timestamp;

use super::text;
use crate::forecasts::ForecastChart;

/// Size of the large picture, in its own units.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 280.0;
/// Room for numbers at the left and times below.
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 22.0;

/// A line without axes; the part from `n_actual` on is forecast.
pub fn spark(values: &[f64], n_actual: usize) -> Markup {
    let scale =
        Scale::of(values.iter().copied(), (0.0, values.len().saturating_sub(1) as f64), (0.0, 120.0), (26.0, 2.0));
    let part = |from: usize, to: usize| {
        let points = values.iter().enumerate().take(to).skip(from);
        line(points.map(|(idx, value)| Some(scale.place(idx as f64, *value))))
    };
    html! {
        @if values.len() > 1 {
            svg.fan-spark viewBox="0 0 120 28" aria-hidden="true" {
                path.measured d=(part(0, n_actual)) {}
                path.ahead d=(part(n_actual.saturating_sub(1), values.len())) {}
            }
        }
    }
}

/// Measured values, what was forecast for them, and the newest forecast with its intervals.
pub fn chart(it: &ForecastChart) -> Markup {
    let secs = |time: Timestamp| time.secs_f64();
    let times = it.actual.iter().map(|it| it.0).chain(it.forecast.iter().map(|it| it.time));
    let (first, last) = times.fold((f64::MAX, f64::MIN), |(a, b), it| (a.min(secs(it)), b.max(secs(it))));
    if first >= last {
        return html! { p.muted { "There are no values yet." } };
    }
    let bounds = it.forecast.iter().flat_map(|it| it.intervals.iter().flat_map(|it| [it.1, it.2]));
    let values = it.actual.iter().filter_map(|it| it.1).chain(bounds);
    let values = values.chain(it.forecast.iter().map(|it| it.value)).chain(it.recorded.iter().map(|it| it.1));
    let scale = Scale::of(values, (first, last), (LEFT, WIDTH - 4.0), (HEIGHT - BOTTOM, 6.0));
    let at = |time: Timestamp, value: f64| scale.place(secs(time), value);
    let measured = line(it.actual.iter().map(|(time, value)| value.map(|it| at(*time, it))));
    let recorded = line(it.recorded.iter().map(|(time, value)| Some(at(*time, *value))));
    let newest = it.actual.iter().rev().find_map(|(time, value)| value.map(|it| at(*time, it)));
    let ahead = line(newest.map(Some).into_iter().chain(it.forecast.iter().map(|it| Some(at(it.time, it.value)))));
    let n_levels = it.forecast.first().map_or(0, |it| it.intervals.len());
    html! {
        svg.fan viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" data-testid="fan" aria-label=(said(it)) {
            @for share in [0.0, 0.5, 1.0] { (scale.tick_value(share)) }
            @for share in [0.0, 0.5, 1.0] { (scale.tick_time(share)) }
            @for level in 0..n_levels { path.interval d=(band(it, level, &scale)) {} }
            path.recorded d=(recorded) {}
            path.measured d=(measured) {}
            path.ahead d=(ahead) data-testid="ahead" {}
        }
    }
}

/// For those who do not see the picture.
fn said(it: &ForecastChart) -> String {
    let newest = it.actual.iter().rev().find_map(|it| it.1).map_or_else(|| "nothing".to_owned(), text::number);
    match it.forecast.last() {
        Some(last) => format!("{newest} now, {} expected at {}", text::number(last.value), text::instant(last.time)),
        None => format!("{newest} now, no forecast"),
    }
}

fn band(it: &ForecastChart, level: usize, scale: &Scale) -> String {
    let edge = |pick: fn(&(f64, f64, f64)) -> f64| {
        let place = move |point: &crate::forecasts::ForecastPoint| {
            point.intervals.get(level).map(|it| scale.place(point.time.secs_f64(), pick(it)))
        };
        it.forecast.iter().filter_map(place).collect::<Vec<_>>()
    };
    let (lower, upper) = (edge(|it| it.1), edge(|it| it.2));
    let around: Vec<String> = lower.iter().chain(upper.iter().rev()).map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    if around.is_empty() { String::new() } else { format!("M{}Z", around.join("L")) }
}

/// A path through points; gaps begin anew.
/// A line through points, broken where there is none.
pub fn line(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut is_down = false;
    for point in points {
        match point {
            Some((x, y)) => {
                path.push_str(&format!("{}{x:.1} {y:.1}", if is_down { "L" } else { "M" }));
                is_down = true;
            }
            None => is_down = false,
        }
    }
    path
}

/// From values to places.
struct Scale {
    times: (f64, f64),
    values: (f64, f64),
    across: (f64, f64),
    down: (f64, f64),
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>, times: (f64, f64), across: (f64, f64), down: (f64, f64)) -> Self {
        let finite = values.filter(|it| it.is_finite());
        let (low, high) = finite.fold((f64::MAX, f64::MIN), |(a, b), it| (a.min(it), b.max(it)));
        let room = if high > low { (high - low) * 0.04 } else { high.abs().max(1.0) * 0.1 };
        let values = if low > high { (0.0, 1.0) } else { (low - room, high + room) };
        Self { times, values, across, down }
    }

    fn place(&self, time: f64, value: f64) -> (f64, f64) {
        let share = |(low, high): (f64, f64), it: f64| if high > low { (it - low) / (high - low) } else { 0.5 };
        let between = |(from, to): (f64, f64), share: f64| from + (to - from) * share;
        (between(self.across, share(self.times, time)), between(self.down, share(self.values, value)))
    }

    fn tick_value(&self, share: f64) -> Markup {
        let value = self.values.0 + (self.values.1 - self.values.0) * share;
        let (_, y) = self.place(self.times.0, value);
        html! {
            path.grid d=(format!("M{} {y:.1}H{}", self.across.0, self.across.1)) {}
            text x=(format!("{}", self.across.0 - 6.0)) y=(format!("{:.1}", y + 4.0)) text-anchor="end" { (text::number(value)) }
        }
    }

    fn tick_time(&self, share: f64) -> Markup {
        let secs = self.times.0 + (self.times.1 - self.times.0) * share;
        let (x, _) = self.place(secs, self.values.0);
        let anchor = if share > 0.9 {
            "end"
        } else if share < 0.1 {
            "start"
        } else {
            "middle"
        };
        let whole = text::instant(Timestamp::from_secs(secs as i64));
        html! { text x=(format!("{x:.1}")) y=(format!("{}", HEIGHT - 5.0)) text-anchor=(anchor) { (whole.get(5..16).unwrap_or(&whole)) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_break_the_line() {
        let points = [Some((0.0, 1.0)), None, Some((2.0, 3.0)), Some((3.0, 4.0))];
        assert_eq!(line(points.into_iter()), "M0.0 1.0M2.0 3.0L3.0 4.0");
    }

    #[test]
    fn flat_and_empty_series_have_a_scale() {
        let flat = Scale::of([5.0, 5.0].into_iter(), (0.0, 1.0), (0.0, 100.0), (20.0, 0.0));
        assert_eq!(flat.place(0.5, 5.0), (50.0, 10.0));
        let empty = Scale::of([f64::NAN].into_iter(), (0.0, 0.0), (0.0, 100.0), (20.0, 0.0));
        assert!(empty.place(0.0, 0.5).0.is_finite());
        assert!(spark(&[1.0], 1).into_string().is_empty());
    }
}
