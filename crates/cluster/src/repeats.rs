//! Was this anomaly told before? A worker that takes a partition over tells again what the one before it told since the
//! saved state; the responder hears each only once.
//!
//! An episode is known by its series, kind and onset, which come from the data and are the same whoever finds it. Of an
//! episode, what is not newer than what was heard is a repeat, and so is everything after its end.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use signal::{Anomaly, AnomalyKind, SeriesId, Timestamp};

/// Episodes that are remembered of one series and kind.
const EPISODES: usize = 8;
/// Series and kinds that are remembered; the ones heard longest ago are forgotten first.
const MOST: usize = 65_536;

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repeats {
    #[serde(with = "as_list")]
    heard: HashMap<(SeriesId, AnomalyKind), Vec<Heard>>,
}

/// The newest that was heard of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Heard {
    onset: Timestamp,
    time: Timestamp,
    is_over: bool,
}

impl Repeats {
    /// Nothing was heard yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// True if this was heard before; else it is remembered.
    pub fn is_repeat(&mut self, anomaly: &Anomaly) -> bool {
        let key = (anomaly.labels.id(), anomaly.kind);
        if self.heard.len() >= MOST && !self.heard.contains_key(&key) {
            self.make_room();
        }
        let episodes = self.heard.entry(key).or_default();
        let new = Heard { onset: anomaly.onset, time: anomaly.time, is_over: anomaly.is_over };
        if let Some(known) = episodes.iter_mut().find(|it| it.onset == new.onset) {
            let is_repeat = known.is_over || !new.is_over && new.time <= known.time;
            if !is_repeat {
                *known = new;
            }
            return is_repeat;
        }
        if episodes.len() >= EPISODES {
            let oldest = episodes.iter().map(|it| it.onset).min();
            if oldest.is_some_and(|it| new.onset < it) {
                return true;
            }
            episodes.retain(|it| Some(it.onset) != oldest);
        }
        episodes.push(new);
        false
    }

    /// Forgets the older half.
    fn make_room(&mut self) {
        let newest = |episodes: &[Heard]| episodes.iter().map(|it| it.time).max().unwrap_or(Timestamp::MIN);
        let mut times: Vec<Timestamp> = self.heard.values().map(|it| newest(it)).collect();
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied().unwrap_or(Timestamp::MAX);
        self.heard.retain(|_, it| newest(it) > middle);
    }
}

/// JSON has no keys of two parts.
mod as_list {
    use std::collections::HashMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use signal::{AnomalyKind, SeriesId};

    use super::Heard;

    type Entries = HashMap<(SeriesId, AnomalyKind), Vec<Heard>>;

    pub fn serialize<S: Serializer>(entries: &Entries, serializer: S) -> Result<S::Ok, S::Error> {
        entries.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
        Ok(Vec::<((SeriesId, AnomalyKind), Vec<Heard>)>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use signal::{Direction, Labels, Score, Severity};

    use super::*;

    fn anomaly(onset: i64, time: i64, is_over: bool) -> Anomaly {
        Anomaly {
            labels: Labels::metric("latency", &[]),
            kind: AnomalyKind::Point,
            direction: Direction::Above,
            onset: Timestamp::from_secs(onset),
            time: Timestamp::from_secs(time),
            score: Score::warming_up(1.0),
            severity: Severity::Warning,
            is_over,
            explanation: String::new(),
        }
    }

    /// Scenario: a worker tells an episode and the begin of the next one; another worker takes over from a state saved
    /// before both, tells all of it again and goes on.
    #[test]
    fn what_is_told_again_is_heard_once() {
        let first = [anomaly(1, 3, false), anomaly(1, 8, false), anomaly(1, 12, true), anomaly(20, 22, false)];
        let then = [anomaly(20, 27, false), anomaly(20, 30, true)];
        let mut repeats = Repeats::new();
        let mut hear = |all: &[Anomaly]| all.iter().filter(|it| !repeats.is_repeat(it)).count();
        assert_eq!(hear(&first), 4);
        assert_eq!(hear(&first), 0);
        assert_eq!(hear(&then), 2);
        assert_eq!(hear(&then), 0);
        let other_kind = Anomaly { kind: AnomalyKind::MissingData, ..anomaly(1, 3, false) };
        assert_eq!(hear(&[other_kind]), 1);
    }

    /// The end may carry the time of a point that is older than the look that found the series missing.
    #[test]
    fn an_end_is_heard_whatever_its_time() {
        let mut repeats = Repeats::new();
        assert!(!repeats.is_repeat(&anomaly(10, 20, false)));
        assert!(!repeats.is_repeat(&anomaly(10, 19, true)));
        assert!(repeats.is_repeat(&anomaly(10, 21, false)));
    }

    #[test]
    fn episodes_that_go_on_side_by_side_are_kept_apart_and_old_ones_stay_known() {
        let mut repeats = Repeats::new();
        for onset in 0..20 {
            assert!(!repeats.is_repeat(&anomaly(onset, 100 + onset, false)), "{onset}");
        }
        assert!(!repeats.is_repeat(&anomaly(15, 200, true)));
        assert!(repeats.is_repeat(&anomaly(3, 300, false)), "older than all that are kept");
    }

    #[test]
    fn it_survives_being_written_and_stays_bounded() {
        let mut repeats = Repeats::new();
        for idx in 0..MOST + 10 {
            let labels = Labels::metric("m", &[("idx", &idx.to_string())]);
            assert!(!repeats.is_repeat(&Anomaly { labels, ..anomaly(1, idx as i64, false) }));
        }
        assert!(repeats.heard.len() < MOST, "{}", repeats.heard.len());
        let text = serde_json::to_string(&repeats).unwrap();
        assert_eq!(serde_json::from_str::<Repeats>(&text).unwrap(), repeats);
    }
}
