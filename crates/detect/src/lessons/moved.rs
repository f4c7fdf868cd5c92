//! How far does one opinion move a value, and how is that forgotten?

use signal::{Opinion, Timestamp};

use super::FeedbackConfig;

/// One opinion raises a threshold at most so many times: a slip of the finger is half as bad as two.
const STEP: f64 = 1.5;
/// So far above the score of noise the threshold goes, and so far below that of a real fault it stays.
const ABOVE_NOISE: f64 = 1.1;
const BELOW_FAULT: f64 = 0.9;

/// A value that opinions have moved.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub value: f64,
    usual: f64,
    /// The score of the smallest real fault, which must be told again.
    ceiling: f64,
    as_of: Timestamp,
}

impl Moved {
    pub const fn new(usual: f64, time: Timestamp) -> Self {
        Self { value: usual, usual, ceiling: f64::INFINITY, as_of: time }
    }

    /// Time passes: what was learned goes back to what is usual.
    pub fn forget(&mut self, now: Timestamp, half_life_days: f64) {
        let days = now.secs_since(self.as_of).max(0.0) / 86_400.0;
        self.value = (self.value - self.usual).mul_add(0.5_f64.powf(days / half_life_days), self.usual);
        self.as_of = self.as_of.max(now);
    }

    /// An incident whose highest score of this kind was `peak` was noise, or a real fault.
    pub fn threshold(&mut self, opinion: Opinion, peak: f64, config: &FeedbackConfig) {
        match opinion {
            // What no threshold within the bound could have held back is no reason to hold back anything.
            Opinion::Noise if peak * ABOVE_NOISE > config.most_threshold => {}
            Opinion::Noise => self.value = self.value.max((peak * ABOVE_NOISE).min(self.value * STEP)),
            // A wrong cause is a real fault, too.
            Opinion::Right | Opinion::Wrong => self.ceiling = self.ceiling.min((peak * BELOW_FAULT).max(1.0)),
        }
        self.value = self.value.min(self.ceiling).clamp(1.0, config.most_threshold);
    }

    /// A cause is worth more or less.
    pub fn ranking(&mut self, by: f64, config: &FeedbackConfig) {
        self.value = (self.value + by).clamp(-config.most_ranking, config.most_ranking);
    }
}
