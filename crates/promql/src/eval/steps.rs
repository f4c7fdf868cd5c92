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

/// The samples of both kinds in order of time; of an anchored window, those before the anchor are left out.
fn in_order<'w>(window: &Window<'w>) -> Option<Vec<(i64, Either<'w>)>> {
    let floats = window.floats.iter().map(|it| (it.time, Either::Float(it.value)));
    let histograms = window.histograms.iter().map(|it| (it.time, Either::Histogram(&it.value)));
    let mut all: Vec<_> = floats.chain(histograms).collect();
    if !window.histograms.is_empty() {
        all.sort_by_key(|it| it.0);
    }
    if window.boundary == Boundary::Plain {
        return Some(all);
    }
    let behind = all.partition_point(|it| it.0 <= window.start);
    if behind == all.len() {
        return None;
    }
    Some(all.split_off(behind.saturating_sub(1)))
}

fn count(window: &Window<'_>, differs: fn(Either<'_>, Either<'_>) -> bool) -> Cell {
    // Windows of floats alone are the usual case and need no list.
    if window.boundary == Boundary::Plain && window.histograms.is_empty() {
        let pairs = window.floats.windows(2).filter(|pair| {
            let [before, after] = pair else { return false };
            differs(Either::Float(before.value), Either::Float(after.value))
        });
        return Cell::Float(pairs.count() as f64);
    }
    let Some(samples) = in_order(window) else { return Cell::Empty };
    let pairs = samples.windows(2).filter(|pair| {
        let [before, after] = pair else { return false };
        differs(before.1, after.1)
    });
    Cell::Float(pairs.count() as f64)
}

/// How often the value became another.
pub(super) fn changes(window: &Window<'_>) -> Cell {
    count(window, |before, after| match (before, after) {
        (Either::Float(before), Either::Float(after)) => before != after && !(before.is_nan() && after.is_nan()),
        (Either::Histogram(before), Either::Histogram(after)) => !after.has_same_values(before),
        _ => true,
    })
}

/// How often the counter fell.
pub(super) fn resets(window: &Window<'_>) -> Cell {
    count(window, |before, after| match (before, after) {
        (Either::Float(before), Either::Float(after)) => after < before,
        (Either::Histogram(before), Either::Histogram(after)) => after.is_reset_since(before),
        _ => true,
    })
}

impl Evaluator<'_> {
    /// What the last sample has more than the one before, per second if it is a rate.
    pub(super) fn last_difference(&self, window: &Window<'_>, is_rate: bool) -> Cell {
        let samples = match last_two(window) {
            Some(it) => it,
            None => return Cell::Empty,
        };
        let [(earlier, before), (later, after)] = samples;
        let seconds = (later - earlier) as f64 / 1000.0;
        if seconds == 0.0 {
            return Cell::Empty;
        }
        match (before, after) {
            (Either::Float(before), Either::Float(after)) => {
                let grown = if is_rate && after < before { after } else { after - before };
                Cell::Float(if is_rate { grown / seconds } else { grown })
            }
            (Either::Histogram(before), Either::Histogram(after)) => {
                self.histogram_difference_of_two(window, before, after, is_rate.then_some(seconds))
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
        if !is_rate || !after.is_reset_since(before) {
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

/// The last two samples of either kind, the earlier one first.
fn last_two<'w>(window: &Window<'w>) -> Option<[(i64, Either<'w>); 2]> {
    let mut last: Vec<_> = window.floats.iter().rev().take(2).map(|it| (it.time, Either::Float(it.value))).collect();
    last.extend(window.histograms.iter().rev().take(2).map(|it| (it.time, Either::Histogram(&it.value))));
    last.sort_by_key(|it| std::cmp::Reverse(it.0));
    let [after, before, ..] = last.as_slice() else { return None };
    Some([*before, *after])
}
