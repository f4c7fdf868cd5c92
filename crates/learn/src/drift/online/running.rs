//! Mean and variance of what came so far, in River's order of operations so that sums round alike.

use serde::{Deserialize, Serialize};

/// A mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Mean {
    pub n: f64,
    pub mean: f64,
}

impl Mean {
    #[inline]
    pub(super) fn update(&mut self, value: f64) {
        self.n += 1.0;
        self.mean += (1.0 / self.n) * (value - self.mean);
    }
}

/// A mean and the variance with one degree of freedom less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Variance {
    pub mean: Mean,
    squares: f64,
}

impl Variance {
    #[inline]
    pub(super) fn update(&mut self, value: f64) {
        let before = self.mean.mean;
        self.mean.update(value);
        self.squares += (value - before) * (value - self.mean.mean);
    }

    pub(super) fn variance(&self) -> f64 {
        if self.mean.n > 1.0 { self.squares / (self.mean.n - 1.0) } else { 0.0 }
    }
}
