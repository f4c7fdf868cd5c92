//! When does an alarm begin and end? After so many comparisons in a row, so that one that lies at the limit neither
//! calls nor calms anybody.
//!
//! ```text
//! Quiet -- the rule holds so many times in a row --> Firing -- it does not, so many times in a row --> Quiet
//! ```

use serde::{Deserialize, Serialize};
use signal::Timestamp;

/// The state of one rule of one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Since when it fires: what it tells of began then.
    pub firing_since: Option<Timestamp>,
    /// Comparisons in a row that speak against the state.
    against: u32,
    /// When the first of them saw it begin.
    began: Option<Timestamp>,
}

/// What there is to tell after a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It is quiet.
    Quiet,
    /// It has begun now.
    Began,
    /// It goes on.
    Goes,
    /// It is over now.
    Over,
}

impl Alarm {
    /// True while it fires.
    pub const fn is_firing(&self) -> bool {
        self.firing_since.is_some()
    }

    /// Takes in whether the rule holds; `began` is when what it tells of began. Without an answer nothing changes.
    pub fn observe(&mut self, holds: Option<bool>, began: Timestamp, alert_after: u32, recover_after: u32) -> News {
        let Some(holds) = holds else { return if self.is_firing() { News::Goes } else { News::Quiet } };
        if holds == self.is_firing() {
            (self.against, self.began) = (0, None);
            return if holds { News::Goes } else { News::Quiet };
        }
        self.against += 1;
        let first = *self.began.get_or_insert(began);
        let needed = if holds { alert_after } else { recover_after };
        if self.against < needed {
            return if self.is_firing() { News::Goes } else { News::Quiet };
        }
        (self.against, self.began) = (0, None);
        if holds {
            // ## Quiet => Firing
            self.firing_since = Some(first);
            News::Began
        } else {
            // ## Firing => Quiet
            self.firing_since = None;
            News::Over
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter per comparison: `x` holds, `.` does not, `?` says nothing. The answer: `B` began, `g` goes on, `O` over.
    fn run(alert_after: u32, recover_after: u32, runs: &str) -> String {
        let mut alarm = Alarm::default();
        let answer = runs.chars().zip(0..).map(|(it, secs)| {
            let holds = match it {
                'x' => Some(true),
                '.' => Some(false),
                _ => None,
            };
            match alarm.observe(holds, Timestamp::from_secs(secs), alert_after, recover_after) {
                News::Quiet => '-',
                News::Began => 'B',
                News::Goes => 'g',
                News::Over => 'O',
            }
        });
        answer.collect()
    }

    /// Guarantees 542.
    #[test]
    fn it_begins_and_ends_in_rows_only() {
        for (alert_after, recover_after, runs, expected) in [
            (1, 2, "..x...", "--BgO-"),
            (1, 2, "x.x.x..", "BgggggO"),
            (2, 2, "x.xx.x..", "---BgggO"),
            (1, 1, "x?.?", "BgO-"),
            (3, 1, "xx?x", "---B"),
        ] {
            assert_eq!(run(alert_after, recover_after, runs), expected, "{runs}");
        }
    }

    #[test]
    fn it_began_when_the_first_comparison_saw_it() {
        let mut alarm = Alarm::default();
        for secs in [7, 8] {
            alarm.observe(Some(true), Timestamp::from_secs(secs), 2, 1);
        }
        assert_eq!(alarm.firing_since, Some(Timestamp::from_secs(7)));
        let saved = serde_json::to_string(&alarm).unwrap();
        assert_eq!(serde_json::from_str::<Alarm>(&saved).unwrap(), alarm);
    }
}
