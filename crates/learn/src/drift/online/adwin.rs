//! ADWIN: is there a point that divides a window of any length into two with different means?
//!
//! The window is kept in buckets of powers of two, so that memory grows with its logarithm; while two parts differ the
//! oldest bucket goes.
//! Source: Bifet, Gavalda: Learning from time-changing data with adaptive windowing, SDM 2007; order of operations and
//! the bound as in River.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{OnlineDetector, State};

/// The detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adwin {
    /// Confidence of the bound.
    pub delta: f64,
    /// Looks at every so-manieth value.
    pub clock: u64,
    /// Buckets of one size before two become one.
    pub max_buckets: usize,
    /// Parts shorter than this are not compared.
    pub min_part: f64,
    /// Says nothing before so many values.
    pub grace: f64,
    /// Buckets by size, the smallest (1) first, in each the oldest first.
    rows: Vec<VecDeque<Bucket>>,
    total: f64,
    squares: f64,
    width: f64,
    ticks: u64,
    has_drifted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bucket {
    total: f64,
    squares: f64,
}

impl Default for Adwin {
    fn default() -> Self {
        Self {
            delta: 0.002,
            clock: 32,
            max_buckets: 5,
            min_part: 5.0,
            grace: 10.0,
            rows: vec![VecDeque::new()],
            total: 0.0,
            squares: 0.0,
            width: 0.0,
            ticks: 0,
            has_drifted: false,
        }
    }
}

/// Squares that two parts add when they become one.
fn between(n: f64, mean: f64, other_n: f64, other_mean: f64) -> f64 {
    n * other_n * (mean - other_mean) * (mean - other_mean) / (n + other_n)
}

fn size(row: usize) -> f64 {
    2.0_f64.powi(i32::try_from(row).unwrap_or(i32::MAX))
}

impl Adwin {
    /// Mean of the window; 0 before the first value.
    pub fn mean(&self) -> f64 {
        if self.width > 0.0 { self.total / self.width } else { 0.0 }
    }

    /// Values in the window.
    pub fn width(&self) -> f64 {
        self.width
    }

    fn reset(&mut self) {
        let Self { delta, clock, max_buckets, min_part, grace, .. } = *self;
        *self = Self { delta, clock, max_buckets, min_part, grace, ..Self::default() };
    }

    fn insert(&mut self, value: f64) {
        if let Some(first) = self.rows.first_mut() {
            first.push_back(Bucket { total: value, squares: 0.0 });
        }
        self.width += 1.0;
        if self.width > 1.0 {
            let before = self.width - 1.0;
            self.squares += before * (value - self.total / before) * (value - self.total / before) / self.width;
        }
        self.total += value;
        self.compress();
    }

    /// Two buckets of a full row become one of the next.
    fn compress(&mut self) {
        let mut row = 0;
        while self.rows.get(row).is_some_and(|it| it.len() > self.max_buckets) {
            let n = size(row);
            let Some(buckets) = self.rows.get_mut(row) else { return };
            let (Some(older), Some(newer)) = (buckets.pop_front(), buckets.pop_front()) else { return };
            let squares = older.squares + newer.squares + between(n, older.total / n, n, newer.total / n);
            if self.rows.len() == row + 1 {
                self.rows.push(VecDeque::new());
            }
            if let Some(next) = self.rows.get_mut(row + 1) {
                next.push_back(Bucket { total: older.total + newer.total, squares });
            }
            row += 1;
        }
    }

    fn drop_oldest(&mut self) {
        let n = size(self.rows.len() - 1);
        let Some(last) = self.rows.last_mut() else { return };
        let Some(bucket) = last.pop_front() else { return };
        if last.is_empty() && self.rows.len() > 1 {
            self.rows.pop();
        }
        self.width -= n;
        self.total -= bucket.total;
        self.squares -= bucket.squares + between(n, bucket.total / n, self.width, self.total / self.width);
    }

    /// Is there a cut at which both parts differ?
    fn has_cut(&self) -> bool {
        let (mut n, mut total) = (0.0, 0.0);
        for (row, buckets) in self.rows.iter().enumerate().rev() {
            for bucket in buckets {
                n += size(row);
                total += bucket.total;
                let rest = self.width - n;
                if n >= self.min_part
                    && rest >= self.min_part
                    && self.differ(n, rest, total / n - (self.total - total) / rest)
                {
                    return true;
                }
            }
        }
        false
    }

    fn differ(&self, n: f64, rest: f64, difference: f64) -> bool {
        let confidence = (2.0 * self.width.ln() / self.delta).ln();
        let inverse = 1.0 / (n - self.min_part + 1.0) + 1.0 / (rest - self.min_part + 1.0);
        let bound =
            (2.0 * inverse * (self.squares / self.width) * confidence).sqrt() + 2.0 / 3.0 * confidence * inverse;
        difference.abs() > bound
    }
}

impl OnlineDetector for Adwin {
    fn update(&mut self, value: f64) -> State {
        if !value.is_finite() {
            return State::Steady;
        }
        if self.has_drifted {
            self.reset();
        }
        self.insert(value);
        self.ticks += 1;
        if !self.ticks.is_multiple_of(self.clock.max(1)) || self.width <= self.grace {
            return State::Steady;
        }
        while self.has_cut() {
            self.has_drifted = true;
            self.drop_oldest();
        }
        if self.has_drifted { State::Drift } else { State::Steady }
    }
}
