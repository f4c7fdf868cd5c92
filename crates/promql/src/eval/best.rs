//! Which series of a group are kept? `topk`, `bottomk`, `limitk` and `limit_ratio`.

use signal::Labels;

use super::Evaluator;
use super::aggregate::Group;
use super::column::{Cell, Column};
use crate::answer::QueryError;
use crate::ast::{Aggregate, Aggregator, Expr};
use crate::print::go_float;

impl Evaluator<'_> {
    /// The best `k` of each group at each step, or any `k`.
    pub(super) fn best(
        &self,
        expr: &Expr,
        aggregate: &Aggregate,
        columns: Vec<Column>,
        groups: &[Group],
        parameter: &[f64],
    ) -> Result<Vec<Column>, QueryError> {
        for k in parameter {
            // Beyond these, a number is no 64-bit integer.
            let problem = match *k {
                it if it.is_nan() => "Parameter value is NaN".to_owned(),
                it if it <= i64::MIN as f64 => format!("Scalar value {} underflows int64", go_float(it)),
                it if it >= i64::MAX as f64 => format!("Scalar value {} overflows int64", go_float(it)),
                _ => continue,
            };
            return Err(QueryError::Execution(problem));
        }
        if !parameter.iter().any(|it| *it >= 1.0) {
            return Ok(Vec::new());
        }
        let mut out: Vec<Column> = Vec::new();
        let is_instant = parameter.len() == 1;
        for group in groups {
            self.check_stop()?;
            let mut kept: Vec<Option<Column>> = vec![None; group.members.len()];
            let mut order: Vec<usize> = Vec::new();
            for (step, k) in parameter.iter().enumerate() {
                let chosen = self.chosen(expr, aggregate, &columns, group, step, *k);
                for place in &chosen {
                    let Some(column) = group.members.get(*place).and_then(|it| columns.get(*it)) else { continue };
                    let Some(slot) = kept.get_mut(*place) else { continue };
                    let target = slot.get_or_insert_with(|| {
                        let mut empty = Column::empty(column.labels.clone(), parameter.len());
                        empty.drops_name = column.drops_name;
                        empty
                    });
                    target.set(step, column.cell(step));
                }
                if is_instant {
                    order = chosen;
                }
            }
            // At one time the order tells the rank.
            let order: Vec<usize> = if is_instant { order } else { (0..kept.len()).collect() };
            out.extend(order.into_iter().filter_map(|it| kept.get_mut(it).and_then(Option::take)));
        }
        Ok(out)
    }

    /// Positions within the group of those that are kept at a step, the best first.
    fn chosen(
        &self,
        expr: &Expr,
        aggregate: &Aggregate,
        columns: &[Column],
        group: &Group,
        step: usize,
        k: f64,
    ) -> Vec<usize> {
        if k < 1.0 {
            return Vec::new();
        }
        // It is at least 1 and less than 2^63.
        let k = k as usize;
        let members = group.members.iter().enumerate().filter_map(|(place, it)| Some((place, columns.get(*it)?)));
        if aggregate.operator == Aggregator::Limitk {
            return members.filter(|it| it.1.has(step)).map(|it| it.0).take(k).collect();
        }
        let mut values: Vec<(usize, f64)> = Vec::new();
        for (place, column) in members {
            match column.cell(step) {
                Cell::Empty => {}
                Cell::Float(value) => values.push((place, value)),
                Cell::Histogram(_) => self.info_ignored_in(aggregate.operator.as_str(), expr.place),
            }
        }
        let is_top = aggregate.operator == Aggregator::Topk;
        values.sort_by(|(_, a), (_, b)| {
            let by_value = if is_top { b.total_cmp(a) } else { a.total_cmp(b) };
            a.is_nan().cmp(&b.is_nan()).then(if a == b { std::cmp::Ordering::Equal } else { by_value })
        });
        values.truncate(k);
        values.into_iter().map(|it| it.0).collect()
    }

    /// A share of all series, chosen by their labels.
    pub(super) fn sampled(
        &self,
        aggregate: &Aggregate,
        mut columns: Vec<Column>,
        parameter: &[f64],
    ) -> Result<Vec<Column>, QueryError> {
        if parameter.iter().all(|it| *it == 0.0) {
            return Ok(Vec::new());
        }
        if parameter.iter().any(|it| it.is_nan()) {
            return Err(QueryError::Execution("Ratio value is NaN".to_owned()));
        }
        let place = aggregate.parameter.as_ref().map(|it| it.place).unwrap_or_default();
        let most = parameter.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = parameter.iter().copied().fold(f64::INFINITY, f64::min);
        for (value, end) in [(most, 1.0), (least, -1.0)] {
            if value.abs() > 1.0 && value.signum() == end {
                let text = format!(
                    "ratio value should be between -1 and 1, got {}, capping to {}",
                    go_float(value),
                    go_float(end)
                );
                self.warn(place, &text);
            }
        }
        for column in &mut columns {
            let offset = sample_offset(&column.labels);
            for (step, ratio) in parameter.iter().enumerate() {
                let ratio = ratio.clamp(-1.0, 1.0);
                let is_kept = if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio };
                if !is_kept || ratio == 0.0 {
                    column.set(step, Cell::Empty);
                }
            }
        }
        columns.retain(|it| !it.is_empty());
        Ok(columns)
    }
}

/// Where a series stands between 0 and 1, by the hash that Prometheus uses: XXH64 of its labels, each text with its
/// length before it.
fn sample_offset(labels: &Labels) -> f64 {
    let mut bytes = Vec::with_capacity(256);
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        match u8::try_from(text.len()) {
            Ok(length) if length < 255 => bytes.push(length),
            _ => {
                bytes.push(255);
                bytes.extend(text.len().to_le_bytes().iter().take(3));
            }
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    xxhash_rust::xxh64::xxh64(&bytes, 0) as f64 / u64::MAX as f64
}
