//! How far does one opinion move a value, and how is that forgotten?

use signal::Timestamp;

use super::FeedbackConfig;

/// One opinion raises a threshold at most so many times: a slip of the finger is half as bad as two.
const STEP: f64 = 1.5;
/// So far above the score of noise the threshold goes, and so far below that of a real fault it stays.
const ABOVE_NOISE: f64 = 1.1;
const BELOW_FAULT: f64 = 0.9;
/// What comes again at its hour is not of the same height each time.
const ABOVE_NOISE_AT_HOUR: f64 = 1.25;

/// A value that opinions have moved.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub value: f64,
    usual: f64,
    /// Below the score of the smallest real fault of the kind, at whatever hour: it must be told again.
    ceiling: f64,
    as_of: Timestamp,
}

impl Moved {
    /// As usual; never above `ceiling`.
    pub const fn new(usual: f64, ceiling: f64, time: Timestamp) -> Self {
        Self { value: usual, usual, ceiling, as_of: time }
    }

    /// Time passes: what was learned goes back to what is usual.
    pub fn forget(&mut self, now: Timestamp, half_life_days: f64) {
        let days = now.secs_since(self.as_of).max(0.0) / 86_400.0;
        self.value = (self.value - self.usual).mul_add(0.5_f64.powf(days / half_life_days), self.usual);
        self.as_of = self.as_of.max(now);
    }

    /// An incident whose highest score of this kind was `peak` was noise.
    pub fn noise(&mut self, peak: f64, config: &FeedbackConfig) {
        // What no threshold within the bound could have held back is no reason to hold back anything.
        if peak * ABOVE_NOISE <= config.most_threshold {
            self.value = self.value.max((peak * ABOVE_NOISE).min(self.value * STEP));
        }
        self.value = self.value.min(self.ceiling).clamp(1.0, config.most_threshold);
    }

    /// The same at some hours of the day: one word goes the whole way, because little else comes at this hour.
    pub fn noise_at_hour(&mut self, peak: f64, config: &FeedbackConfig) {
        let wanted = peak * ABOVE_NOISE_AT_HOUR;
        if wanted <= config.most_at_hour {
            self.value = self.value.max(wanted);
        }
        self.value = self.value.min(self.ceiling).clamp(1.0, config.most_at_hour);
    }

    /// The highest threshold that tells of a real fault of this score again. A wrong cause is a real fault, too.
    pub fn ceiling(peak: f64) -> f64 {
        (peak * BELOW_FAULT).max(1.0)
    }

    /// A cause is worth more or less.
    pub fn ranking(&mut self, by: f64, config: &FeedbackConfig) {
        self.value = (self.value + by).clamp(-config.most_ranking, config.most_ranking);
    }
}
