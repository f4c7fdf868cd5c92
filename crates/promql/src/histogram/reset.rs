//! Was the counter reset between two histograms? By what is known, else by counts that fell.

use std::sync::Arc;

use super::arithmetic::common_bounds;
use super::{Bucket, Histogram, ResetHint};

impl Histogram {
    /// True if the counters began anew after the earlier histogram.
    pub(crate) fn is_reset_since(&self, earlier: &Self) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < earlier.count || self.is_custom() != earlier.is_custom() {
            return true;
        }
        if self.is_custom() {
            return self.custom_fell(earlier);
        }
        // A finer resolution or a narrower zero bucket cannot come from counting on.
        if self.schema > earlier.schema || self.zero_threshold < earlier.zero_threshold {
            return true;
        }
        let mut earlier = earlier.clone();
        earlier.widen_zero(self.zero_threshold);
        if earlier.zero_threshold != self.zero_threshold || self.zero_count < earlier.zero_count {
            return true;
        }
        earlier.reduce(self.schema);
        fell(&self.positive, &earlier.positive) || fell(&self.negative, &earlier.negative)
    }

    fn custom_fell(&self, earlier: &Self) -> bool {
        if self.custom_bounds == earlier.custom_bounds {
            return fell(&self.positive, &earlier.positive);
        }
        let common: Arc<[f64]> = common_bounds(&self.custom_bounds, &earlier.custom_bounds);
        let (mut now, mut before) = (self.clone(), earlier.clone());
        now.rebound(&common);
        before.rebound(&common);
        fell(&now.positive, &before.positive)
    }
}

/// True if any bucket holds less than before.
fn fell(now: &[Bucket], before: &[Bucket]) -> bool {
    let mut later = now.iter().peekable();
    for bucket in before {
        while later.next_if(|it| it.index < bucket.index).is_some() {}
        let count = later.peek().filter(|it| it.index == bucket.index).map_or(0.0, |it| it.count);
        if count < bucket.count {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bucket_that_fell_is_a_reset() {
        let of = |counts: &[f64]| Histogram {
            count: counts.iter().sum(),
            positive: (0..).zip(counts).map(|(index, count)| Bucket { index, count: *count }).collect(),
            ..Histogram::default()
        };
        assert!(of(&[1.0, 1.0, 3.0]).is_reset_since(&of(&[1.0, 2.0, 1.0])));
        assert!(!of(&[1.0, 2.0, 3.0]).is_reset_since(&of(&[1.0, 1.0, 3.0])));
        let known = Histogram { hint: ResetHint::NotReset, ..of(&[0.0]) };
        assert!(!known.is_reset_since(&of(&[1.0])));
    }
}
