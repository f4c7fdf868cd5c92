//! What do the samples of a group amount to at one step? Sums, means, extremes, deviations and quantiles.

use std::sync::Arc;

use super::Evaluator;
use super::column::{Cell, Column};
use super::over_time::{Mean, quantile};
use crate::ast::{Aggregate, Aggregator, Place};
use crate::histogram::{Collected, Collector, kahan_add};
use crate::series::is_stale;

/// Fast path: sums, counts and extremes of series that have floats only, series by series. False if it is not that
/// simple.
pub(super) fn plain(operator: Aggregator, members: &[&Column], out: &mut [f64]) -> bool {
    if members.iter().any(|it| !it.is_plain()) {
        return false;
    }
    match operator {
        Aggregator::Sum => sum(members, out),
        Aggregator::Count => each(members, out, |before, _| before.map_or(1.0, |it| it + 1.0)),
        Aggregator::Group => each(members, out, |_, _| 1.0),
        Aggregator::Min => each(members, out, |before, it| extreme(before, it, |it, before| it < before)),
        Aggregator::Max => each(members, out, |before, it| extreme(before, it, |it, before| it > before)),
        _ => return false,
    }
    true
}

fn extreme(before: Option<f64>, it: f64, is_better: fn(f64, f64) -> bool) -> f64 {
    match before {
        Some(before) if !is_better(it, before) && !before.is_nan() => before,
        _ => it,
    }
}

fn each(members: &[&Column], out: &mut [f64], join: impl Fn(Option<f64>, f64) -> f64) {
    for member in members {
        for (value, out) in member.floats.iter().zip(out.iter_mut()).filter(|it| !is_stale(*it.0)) {
            *out = join((!is_stale(*out)).then_some(*out), *value);
        }
    }
}

fn sum(members: &[&Column], out: &mut [f64]) {
    let mut lost = vec![0.0; out.len()];
    for member in members {
        for ((value, out), lost) in member.floats.iter().zip(out.iter_mut()).zip(&mut lost) {
            if is_stale(*value) {
                continue;
            }
            // The first value begins the sum.
            (*out, *lost) = if is_stale(*out) { (*value, 0.0) } else { kahan_add(*value, *out, *lost) };
        }
    }
    for (out, lost) in out.iter_mut().zip(&lost).filter(|it| !is_stale(*it.0)) {
        *out += lost;
    }
}

/// Collects the samples of a group at one step.
pub(super) struct Fold<'f, 'e> {
    evaluator: &'f Evaluator<'e>,
    operator: Aggregator,
    place: Place,
    /// Floats that were seen.
    floats: f64,
    /// All samples that were seen.
    samples: f64,
    sum: f64,
    lost: f64,
    mean: Mean,
    center: f64,
    extreme: Option<f64>,
    values: Vec<f64>,
    collector: Option<Collector>,
    is_incompatible: bool,
}

impl<'f, 'e> Fold<'f, 'e> {
    /// For one group at one step.
    pub(super) fn new(evaluator: &'f Evaluator<'e>, aggregate: &Aggregate) -> Self {
        Self {
            evaluator,
            operator: aggregate.operator,
            place: aggregate.expr.place,
            floats: 0.0,
            samples: 0.0,
            sum: 0.0,
            lost: 0.0,
            mean: Mean::default(),
            center: 0.0,
            extreme: None,
            values: Vec::new(),
            collector: None,
            is_incompatible: false,
        }
    }

    /// Adds a sample of a metric.
    pub(super) fn add(&mut self, cell: &Cell, name: &str) {
        match cell {
            Cell::Empty => {}
            Cell::Float(value) => {
                self.samples += 1.0;
                self.floats += 1.0;
                self.add_float(*value);
            }
            Cell::Histogram(histogram) => {
                self.samples += 1.0;
                self.add_histogram(histogram, name);
            }
        }
    }

    fn add_float(&mut self, value: f64) {
        match self.operator {
            Aggregator::Sum => {
                let is_first = self.floats == 1.0;
                (self.sum, self.lost) = if is_first { (value, 0.0) } else { kahan_add(value, self.sum, self.lost) };
            }
            Aggregator::Avg => self.mean.add(value),
            Aggregator::Min => self.extreme = Some(extreme(self.extreme, value, |it, before| it < before)),
            Aggregator::Max => self.extreme = Some(extreme(self.extreme, value, |it, before| it > before)),
            Aggregator::Stddev | Aggregator::Stdvar if self.floats == 1.0 => {
                self.center = value;
                self.sum = if value.is_finite() { 0.0 } else { f64::NAN };
            }
            Aggregator::Stddev | Aggregator::Stdvar => {
                let delta = value - self.center;
                self.center += delta / self.floats;
                self.sum += delta * (value - self.center);
            }
            Aggregator::Quantile => self.values.push(value),
            _ => {}
        }
    }

    fn add_histogram(&mut self, histogram: &Arc<crate::Histogram>, name: &str) {
        match self.operator {
            Aggregator::Sum | Aggregator::Avg if self.is_incompatible => {}
            Aggregator::Sum | Aggregator::Avg => match &mut self.collector {
                None if self.operator == Aggregator::Sum => self.collector = Some(Collector::sum(histogram)),
                None => self.collector = Some(Collector::mean(histogram)),
                Some(collector) => {
                    if collector.add(histogram).is_err() {
                        self.is_incompatible = true;
                        self.evaluator.warn_mixed_buckets(name, self.place);
                    }
                }
            },
            Aggregator::Count | Aggregator::Group => {}
            other => self.evaluator.info_ignored_in(other.as_str(), self.place),
        }
    }

    /// The value of the group.
    pub(super) fn finish(mut self, parameter: f64) -> Cell {
        if self.samples == 0.0 {
            return Cell::Empty;
        }
        match self.operator {
            Aggregator::Sum | Aggregator::Avg => self.finish_sum(),
            Aggregator::Count => Cell::Float(self.samples),
            Aggregator::Group => Cell::Float(1.0),
            Aggregator::Min | Aggregator::Max => self.extreme.map_or(Cell::Empty, Cell::Float),
            _ if self.floats == 0.0 => Cell::Empty,
            Aggregator::Stdvar => Cell::Float(self.sum / self.floats),
            Aggregator::Stddev => Cell::Float((self.sum / self.floats).sqrt()),
            _ => Cell::Float(quantile(parameter, &mut self.values)),
        }
    }

    fn finish_sum(self) -> Cell {
        let Some(collector) = self.collector else {
            return Cell::Float(match self.operator {
                Aggregator::Sum => self.sum + self.lost,
                _ => self.mean.value(),
            });
        };
        if self.floats > 0.0 {
            self.evaluator.warn(self.place, "encountered a mix of histograms and floats for aggregation");
            return Cell::Empty;
        }
        if self.is_incompatible {
            return Cell::Empty;
        }
        let Collected { histogram, collides, is_reconciled } = collector.finish();
        if collides {
            self.evaluator.warn_collision("aggregation", self.place);
        }
        if is_reconciled {
            self.evaluator.info_reconciled("aggregation", self.place);
        }
        Cell::Histogram(Arc::new(histogram))
    }
}
