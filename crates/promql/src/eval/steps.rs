//! What happens from sample to sample? `changes`, `resets`, and the difference of the last two.

use std::sync::Arc;

use super::Evaluator;
use super::column::Cell;
use super::window::Window;
use crate::ast::Boundary;
use crate::histogram::{Histogram, Incompatible, ResetHint};

/// A sample of either kind.
#[derive(Clone, Copy)]
enum Either<'w> {
    Float(f64),
    Histogram(&'w Arc<Histogram>),
}

/// A sample with its time, and when its counter began.
#[derive(Clone, Copy)]
struct Moment<'w> {
    time: i64,
    start: i64,
    value: Either<'w>,
}

/// True if the counter of the later sample began after the earlier one.
fn began_anew(before: Moment<'_>, after: Moment<'_>) -> bool {
    super::rate::began_anew(&[before.start, after.start], 0, before.time, after.time)
}

/// The samples of both kinds in order of time, of each kind the last `most`.
fn moments<'w>(window: &Window<'w>, most: usize) -> Vec<Moment<'w>> {
    let start = |starts: &[i64], idx: usize| starts.get(idx).copied().unwrap_or(0);
    let skipped = window.floats.len().saturating_sub(most);
    let floats = window.floats.iter().enumerate().skip(skipped).map(|(idx, it)| Moment {
        time: it.time,
        start: start(window.float_starts, idx),
        value: Either::Float(it.value),
    });
    let skipped = window.histograms.len().saturating_sub(most);
    let histograms = window.histograms.iter().enumerate().skip(skipped).map(|(idx, it)| Moment {
        time: it.time,
        start: start(window.histogram_starts, idx),
        value: Either::Histogram(&it.value),
    });
    let mut all: Vec<_> = floats.chain(histograms).collect();
    if !window.histograms.is_empty() {
        all.sort_by_key(|it| it.time);
    }
    all
}

/// The samples of both kinds in order of time; of an anchored window, those before the anchor are left out.
fn in_order<'w>(window: &Window<'w>) -> Option<Vec<Moment<'w>>> {
    let mut all = moments(window, usize::MAX);
    if window.boundary == Boundary::Plain {
        return Some(all);
    }
    let behind = all.partition_point(|it| it.time <= window.start);
    if behind == all.len() {
        return None;
    }
    Some(all.split_off(behind.saturating_sub(1)))
}

fn count(window: &Window<'_>, differs: fn(Moment<'_>, Moment<'_>) -> bool) -> Cell {
    // Windows of floats alone are the usual case and need no list.
    if window.boundary == Boundary::Plain && window.histograms.is_empty() && window.float_starts.is_empty() {
        let moment = |value: f64| Moment { time: 0, start: 0, value: Either::Float(value) };
        let pairs = window.floats.windows(2).filter(|pair| {
            let [before, after] = pair else { return false };
            differs(moment(before.value), moment(after.value))
        });
        return Cell::Float(pairs.count() as f64);
    }
    let Some(samples) = in_order(window) else { return Cell::Empty };
    let pairs = samples.windows(2).filter(|pair| {
        let [before, after] = pair else { return false };
        differs(*before, *after)
    });
    Cell::Float(pairs.count() as f64)
}

/// How often the value became another.
pub(super) fn changes(window: &Window<'_>) -> Cell {
    count(window, |before, after| match (before.value, after.value) {
        (Either::Float(before), Either::Float(after)) => before != after && !(before.is_nan() && after.is_nan()),
        (Either::Histogram(before), Either::Histogram(after)) => !after.has_same_values(before),
        _ => true,
    })
}

/// How often the counter fell.
pub(super) fn resets(window: &Window<'_>) -> Cell {
    count(window, |before, after| {
        let fell = match (before.value, after.value) {
            (Either::Float(before), Either::Float(after)) => after < before,
            (Either::Histogram(before), Either::Histogram(after)) => after.is_reset_since(before),
            _ => return true,
        };
        fell || began_anew(before, after)
    })
}

impl Evaluator<'_> {
    /// What the last sample has more than the one before, per second if it is a rate.
    pub(super) fn last_difference(&self, window: &Window<'_>, is_rate: bool) -> Cell {
        let all = moments(window, 2);
        let [.., earlier, later] = all.as_slice() else { return Cell::Empty };
        let is_new = is_rate && began_anew(*earlier, *later);
        let seconds = (later.time - earlier.time) as f64 / 1000.0;
        if seconds == 0.0 {
            return Cell::Empty;
        }
        match (earlier.value, later.value) {
            (Either::Float(before), Either::Float(after)) => {
                let grown = if is_new || (is_rate && after < before) { after } else { after - before };
                Cell::Float(if is_rate { grown / seconds } else { grown })
            }
            (Either::Histogram(before), Either::Histogram(after)) => {
                let seconds = is_rate.then_some(seconds);
                self.histogram_difference_of_two(window, before, after, seconds, is_new)
            }
            _ => {
                self.warn_mixed_types(window);
                Cell::Empty
            }
        }
    }

    fn histogram_difference_of_two(
        &self,
        window: &Window<'_>,
        before: &Arc<Histogram>,
        after: &Arc<Histogram>,
        seconds: Option<f64>,
        is_new: bool,
    ) -> Cell {
        let are_gauges = [before, after].map(|it| it.hint == ResetHint::Gauge);
        let is_rate = seconds.is_some();
        if is_rate && are_gauges.contains(&true) {
            self.warn_not_counter(window);
        }
        if !is_rate && are_gauges.contains(&false) {
            self.warn_not_gauge(window);
        }
        let mut out = (**after).clone();
        if !is_rate || (!is_new && !after.is_reset_since(before)) {
            match out.subtract(before) {
                Err(Incompatible) => {
                    self.warn_mixed_buckets(window.name(), window.place);
                    return Cell::Empty;
                }
                Ok(notes) if notes.is_reconciled => self.info_reconciled("subtraction", window.place),
                Ok(_) => {}
            }
        }
        out.hint = ResetHint::Gauge;
        let out = out.compacted();
        Cell::Histogram(Arc::new(seconds.map_or_else(|| out.clone(), |it| out.divided(it))))
    }
}
