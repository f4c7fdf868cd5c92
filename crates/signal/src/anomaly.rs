//! What is unusual? The score of one point and the anomaly it may start.

use serde::{Deserialize, Serialize};

use crate::{Labels, Timestamp};

/// How far a point lies from what was expected. 1.0 is the threshold; 0 and `is_ready == false` while warming up;
/// NaN for a NaN point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0 to infinity; above 1.0 is anomalous.
    pub value: f64,
    /// False until the estimator has seen enough points.
    pub is_ready: bool,
    /// True while the estimator is ready but young: its band is still wide and may move.
    pub is_provisional: bool,
    /// The point itself (for a counter: its rate per second).
    pub y: f64,
    /// What was expected.
    pub yhat: f64,
    /// Lower edge of the expected band.
    pub yhat_lower: f64,
    /// Upper edge of the expected band.
    pub yhat_upper: f64,
}

impl Score {
    /// The score of a point that cannot be judged yet.
    pub const fn warming_up(y: f64) -> Self {
        Self { value: 0.0, is_ready: false, is_provisional: true, y, yhat: y, yhat_lower: y, yhat_upper: y }
    }

    /// Robust deviations from the expected value: distance over a third of the half band.
    pub fn deviation(&self) -> f64 {
        let half = ((self.yhat_upper - self.yhat_lower) / 2.0).max(f64::MIN_POSITIVE);
        (self.y - self.yhat) / half * 3.0
    }
}

/// To which side a point left its band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Higher than expected.
    Above,
    /// Lower than expected.
    Below,
}

/// What sort of anomaly it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnomalyKind {
    /// Outside the expected band.
    Point,
    /// Something that the series never showed before: a value, a mean, a spread, or a value at this time of day.
    Novelty,
    /// Outside the band for so long that the level itself has moved.
    LevelShift,
    /// A physical limit is broken, such as a percentage above 100 x cores.
    Impossible,
    /// A series that used to come has stopped.
    MissingData,
    /// Differs from the other members of its fleet, which are calm.
    Peer,
    /// Several signals of one service together are as they never were, though each alone may be usual.
    Joint,
    /// Log lines of a kind that was never seen before.
    NewTemplate,
    /// Log lines that came like clockwork have stopped, while their service goes on.
    VanishedTemplate,
    /// Far more or far fewer log lines of a kind than usual.
    LogRate,
    /// What log lines of a kind carry is far from what they usually carry.
    LogParameter,
    /// What always followed a log line did not follow.
    LogSequence,
    /// A configured count of log lines is exceeded.
    LogRule,
    /// Another system alerts by a rule of its own.
    Alert,
    /// What a model is asked, what it answers or how right it is has moved away from its reference.
    Drift,
}

impl AnomalyKind {
    /// True if one point is enough to tell of it.
    pub const fn is_immediate(self) -> bool {
        matches!(self, Self::Impossible | Self::Novelty)
    }

    /// True if it was found in log lines: there is no stored series of its labels, and its explanation says what is
    /// wrong. Those kinds are declared one after the other.
    pub const fn is_of_logs(self) -> bool {
        Self::NewTemplate as u8 <= self as u8 && self as u8 <= Self::LogRule as u8
    }

    /// True if it may be seen in a stored series of its labels.
    pub const fn has_series(self) -> bool {
        !self.is_of_logs() && !matches!(self, Self::Alert)
    }

    /// True if it was found by comparing series with each other: it begins and ends apart from what is said of the
    /// series by itself.
    pub const fn is_of_group(self) -> bool {
        matches!(self, Self::Peer | Self::Joint)
    }
}

/// How urgent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Look at it in working hours.
    Warning,
    /// Look at it now.
    Critical,
}

/// A series that has passed its policy (k of n points anomalous) and is unusual now, or has just recovered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// The series.
    pub labels: Labels,
    /// What sort.
    pub kind: AnomalyKind,
    /// Which side.
    pub direction: Direction,
    /// The first anomalous point of this episode.
    pub onset: Timestamp,
    /// The point that is reported now.
    pub time: Timestamp,
    /// The score of that point.
    pub score: Score,
    /// How urgent.
    pub severity: Severity,
    /// True when the recovery window has passed and the episode is over.
    pub is_over: bool,
    /// What it was compared with, in a sentence made by code; empty if the score says it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub explanation: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_know_where_they_were_found() {
        for kind in [
            AnomalyKind::NewTemplate,
            AnomalyKind::VanishedTemplate,
            AnomalyKind::LogRate,
            AnomalyKind::LogParameter,
            AnomalyKind::LogSequence,
            AnomalyKind::LogRule,
        ] {
            assert!(kind.is_of_logs() && !kind.has_series(), "{kind:?}");
        }
        assert!(!AnomalyKind::Alert.is_of_logs() && !AnomalyKind::Alert.has_series());
        for kind in [
            AnomalyKind::Point,
            AnomalyKind::Novelty,
            AnomalyKind::LevelShift,
            AnomalyKind::Impossible,
            AnomalyKind::MissingData,
            AnomalyKind::Peer,
            AnomalyKind::Joint,
            AnomalyKind::Drift,
        ] {
            assert!(kind.has_series() && !kind.is_of_logs(), "{kind:?}");
        }
    }
}
