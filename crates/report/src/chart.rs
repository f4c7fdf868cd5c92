//! How does a series look? An inline SVG: line, expected band, anomalous spans, axes, and a text for screen readers.

use maud::{Markup, html};

use signal::{Point, Score, TimeRange, Timestamp};

use crate::Chart;
use crate::words;

/// The most points that are drawn of a line or of an edge of the band.
pub const MAX_POINTS: usize = 400;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 24.0;
const N_TICKS: u32 = 4;

/// The chart; `idx` makes its ids unique on the page.
pub fn svg(chart: &Chart, idx: usize) -> Markup {
    let Some(scale) = Scale::of(chart) else {
        return html! { p.muted { "No points are stored for this series in the time of the incident." } };
    };
    let points: Vec<(Timestamp, f64)> = chart.points.iter().map(|it| (it.time, it.value)).collect();
    let (title_id, text_id) = (format!("chart-{idx}-title"), format!("chart-{idx}-text"));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby=(format!("{title_id} {text_id}")) {
            title id=(title_id) { (words::shown(&chart.labels.to_string())) }
            desc id=(text_id) { (description(chart)) }
            @for span in &chart.anomalous { (anomalous(span, &scale)) }
            @if !chart.band.is_empty() { polygon.band points=(band(&chart.band, &scale)) {} }
            (axes(&scale))
            path.line d=(path(&thinned(&points), &scale)) {}
        }
    }
}

/// What the picture shows, in words.
pub fn description(chart: &Chart) -> String {
    let values = || chart.points.iter().map(|it| it.value).filter(|it| it.is_finite());
    let (lowest, highest) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let ends = chart.points.first().zip(chart.points.last());
    let when = ends.map(|(first, last)| format!(" from {} to {}", first.time, last.time)).unwrap_or_default();
    let spans: Vec<String> =
        chart.anomalous.iter().take(5).map(|it| format!("anomalous from {} to {}", it.from, it.to)).collect();
    let spans = if spans.is_empty() { "no anomalous span".to_owned() } else { spans.join("; ") };
    let (lowest, highest) = (words::number(lowest), words::number(highest));
    format!("{} points{when}, between {lowest} and {highest}; {spans}.", chart.points.len())
}

/// At most [`MAX_POINTS`] points: the lowest and the highest of each bucket, so that no peak is lost.
fn thinned(points: &[(Timestamp, f64)]) -> Vec<(Timestamp, f64)> {
    if points.len() <= MAX_POINTS {
        return points.to_vec();
    }
    let bucket_size = points.len().div_ceil(MAX_POINTS / 2);
    let extremes = points.chunks(bucket_size).flat_map(|bucket| {
        let known = || bucket.iter().filter(|(_, value)| value.is_finite());
        let lowest = known().min_by(|one, other| one.1.total_cmp(&other.1));
        let highest = known().max_by(|one, other| one.1.total_cmp(&other.1));
        match lowest.zip(highest) {
            None => bucket.first().into_iter().copied().collect(),
            Some((lowest, highest)) if lowest.0 == highest.0 => vec![*lowest],
            Some((lowest, highest)) if highest.0 < lowest.0 => vec![*highest, *lowest],
            Some((lowest, highest)) => vec![*lowest, *highest],
        }
    });
    extremes.collect()
}

/// From time and value to a place in the picture.
struct Scale {
    from: Timestamp,
    to: Timestamp,
    lowest: f64,
    highest: f64,
}

impl Scale {
    /// None if there is no finite point.
    fn of(chart: &Chart) -> Option<Self> {
        let known = || chart.points.iter().filter(|it| it.value.is_finite());
        let times = || known().map(|it: &Point| it.time);
        let (from, to) = (times().min()?, times().max()?);
        let (lowest, highest) =
            known().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it.value), high.max(it.value)));
        let range = (highest - lowest).max(highest.abs() * 0.01).max(1e-9);
        // A wide band may double the height; it must not flatten the line.
        let edges = || chart.band.iter().flat_map(|(_, it)| [it.yhat_lower, it.yhat_upper]).filter(|it| it.is_finite());
        let low = edges().fold(lowest, f64::min).max(lowest - range) - range * 0.05;
        let high = edges().fold(highest, f64::max).min(highest + range) + range * 0.05;
        (low.is_finite() && high.is_finite() && high > low).then_some(Self { from, to, lowest: low, highest: high })
    }

    fn x(&self, time: Timestamp) -> f64 {
        let span = self.to.secs_since(self.from).max(1e-3);
        let share = (time.secs_since(self.from) / span).clamp(0.0, 1.0);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = ((value - self.lowest) / (self.highest - self.lowest)).clamp(0.0, 1.0);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    fn place(&self, time: Timestamp, value: f64) -> String {
        format!("{:.1},{:.1}", self.x(time), self.y(value))
    }
}

/// A gap where a value is no number.
fn path(points: &[(Timestamp, f64)], scale: &Scale) -> String {
    let mut path = String::new();
    let mut is_down = false;
    for (time, value) in points {
        if value.is_finite() {
            path.push(if is_down { 'L' } else { 'M' });
            path.push_str(&scale.place(*time, *value));
        }
        is_down = value.is_finite();
    }
    path
}

fn band(band: &[(Timestamp, Score)], scale: &Scale) -> String {
    let edge = |choose: fn(&Score) -> f64| {
        let edge = band.iter().map(|(time, score)| (*time, choose(score)));
        thinned(&edge.filter(|(_, value)| value.is_finite()).collect::<Vec<_>>())
    };
    let (upper, lower) = (edge(|it| it.yhat_upper), edge(|it| it.yhat_lower));
    let corners = upper.iter().chain(lower.iter().rev()).map(|(time, value)| scale.place(*time, *value));
    corners.collect::<Vec<_>>().join(" ")
}

fn anomalous(span: &TimeRange, scale: &Scale) -> Markup {
    let (from, to) = (scale.x(span.from), scale.x(span.to));
    html! {
        rect.anomalous x=(format!("{from:.1}")) y=(TOP) width=(format!("{:.1}", (to - from).max(2.0)))
            height=(HEIGHT - TOP - BOTTOM) {}
    }
}

fn axes(scale: &Scale) -> Markup {
    let shares = || (0..=N_TICKS).map(|it| f64::from(it) / f64::from(N_TICKS));
    let values = shares().map(|it| scale.lowest + it * (scale.highest - scale.lowest));
    let span = scale.to.since(scale.from);
    let times = (0..=N_TICKS).map(|it| scale.from.plus(span * it / N_TICKS));
    html! {
        @for value in values {
            @let y = format!("{:.1}", scale.y(value));
            line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
            text.label x=(LEFT - 6.0) y=(y) text-anchor="end" dominant-baseline="middle" { (words::number(value)) }
        }
        @for (idx, time) in times.enumerate() {
            @let anchor = match idx { 0 => "start", 4 => "end", _ => "middle" };
            text.label x=(format!("{:.1}", scale.x(time))) y=(HEIGHT - 6.0) text-anchor=(anchor) { (time_of_day(time)) }
        }
    }
}

fn time_of_day(time: Timestamp) -> String {
    time.to_string().get(11..19).unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::Labels;

    fn chart(values: impl IntoIterator<Item = f64>) -> Chart {
        let points = values.into_iter().enumerate();
        let points = points.map(|(idx, value)| Point { time: Timestamp::from_secs(1_700_000_000 + idx as i64), value });
        Chart { labels: Labels::metric("m", &[]), points: points.collect(), band: vec![], anomalous: vec![] }
    }

    #[test]
    fn thinning_keeps_order_and_peaks() {
        let chart = chart((0..100_000).map(|it| if it == 54_321 { 1e6 } else { f64::from(it % 7) }));
        let points: Vec<_> = chart.points.iter().map(|it| (it.time, it.value)).collect();
        let thin = thinned(&points);
        assert!(thin.len() <= MAX_POINTS, "{}", thin.len());
        assert!(thin.iter().any(|(_, value)| *value == 1e6));
        assert!(thin.is_sorted_by_key(|(time, _)| *time));
        assert_eq!(thinned(&points[..MAX_POINTS]), &points[..MAX_POINTS]);
    }

    #[test]
    fn a_chart_of_anything_is_drawn_or_says_so() {
        for values in [vec![], vec![f64::NAN], vec![f64::INFINITY, f64::NAN]] {
            assert!(svg(&chart(values), 0).into_string().contains("No points are stored"));
        }
        for values in [vec![5.0], vec![0.0, 0.0], vec![1.0, f64::NAN, 3.0], vec![-1e300, 1e300], vec![1e308, -1e308]] {
            let text = svg(&chart(values.clone()), 0).into_string();
            assert!(!text.contains("NaN") && !text.contains("inf"), "{values:?}: {text}");
        }
        assert_eq!(svg(&chart([1.0, f64::NAN, 3.0]), 0).into_string().matches('M').count(), 2, "a gap");
    }
}
