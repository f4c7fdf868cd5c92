//! Is a deviation sustained, and when is it over? k of n points begin an episode, a run of normal points ends it.
//!
//! ```text
//! Quiet -- k of n points anomalous, or one impossible or new --> Open -- recovery points in a row, or told to --> Quiet
//! ```

use signal::{AnomalyKind, Direction, Timestamp};

use crate::policy::Rule;

/// While an episode goes on it is told again after so many milliseconds of data time.
const REPEAT_MILLIS: i64 = 5000;

/// The newest points of a series, and the episode if there is one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Episode {
    /// One bit per point, the newest lowest; 1 is anomalous.
    pub recent: u32,
    /// The first anomalous point of those, in milliseconds.
    pub first_millis: i64,
    /// Normal points in a row.
    pub normal_points: u8,
    /// The open episode.
    pub open: Option<Open>,
}

/// An episode that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Open {
    /// The first anomalous point.
    pub onset: Timestamp,
    /// What sort.
    pub kind: AnomalyKind,
    /// Which side.
    pub direction: Direction,
    /// When it was last told.
    pub told_at: Timestamp,
}

/// What there is to tell after a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum News {
    /// Nothing.
    None,
    /// An episode began or goes on.
    Goes(Open),
    /// It is over.
    Over(Open),
}

/// Kinds that an episode of a series can have, by their number in saved state.
const KINDS: [AnomalyKind; 4] =
    [AnomalyKind::Point, AnomalyKind::Novelty, AnomalyKind::LevelShift, AnomalyKind::Impossible];

impl Episode {
    /// For saved state; [`Self::from_words`] is the way back.
    pub fn to_words(&self) -> [u64; 5] {
        let kind = |it: &Open| KINDS.iter().position(|kind| *kind == it.kind).unwrap_or(0) as u64;
        let side = |it: &Open| u64::from(it.direction == Direction::Below);
        // 0 without an open episode, else its kind and side.
        let state = self.open.as_ref().map_or(0, |it| 1 + 2 * kind(it) + side(it));
        let times = self.open.as_ref().map_or((0, 0), |it| (it.onset.millis(), it.told_at.millis()));
        [
            u64::from(self.recent) | u64::from(self.normal_points) << 32,
            self.first_millis.cast_unsigned(),
            state,
            times.0.cast_unsigned(),
            times.1.cast_unsigned(),
        ]
    }

    /// What `to_words` wrote; None if it cannot have.
    pub fn from_words([points, first, state, onset, told_at]: [u64; 5]) -> Option<Self> {
        let open = match state.checked_sub(1) {
            None => None,
            Some(it) => Some(Open {
                onset: Timestamp::from_millis(onset.cast_signed()),
                kind: *KINDS.get(usize::try_from(it / 2).ok()?)?,
                direction: if it % 2 == 1 { Direction::Below } else { Direction::Above },
                told_at: Timestamp::from_millis(told_at.cast_signed()),
            }),
        };
        let normal_points = u8::try_from(points >> 32).ok()?;
        Some(Self { recent: points as u32, first_millis: first.cast_signed(), normal_points, open })
    }

    /// True while an episode goes on or points of the last few were anomalous.
    pub fn is_anomalous(&self) -> bool {
        self.open.is_some() || self.recent != 0
    }

    /// Takes in a point; `anomaly` says what is wrong with it.
    #[inline]
    pub fn observe(
        &mut self,
        time: Timestamp,
        anomaly: Option<(AnomalyKind, Direction)>,
        rule: &Rule,
        interval_secs: f64,
    ) -> News {
        // A point on the other side does not prolong an episode: what is above has come down.
        let is_other_side = |it| self.open.is_some_and(|open| open.direction != it);
        match anomaly {
            Some((AnomalyKind::Point | AnomalyKind::Novelty, direction)) if is_other_side(direction) => {
                self.observe_normal(rule)
            }
            Some((kind, direction)) => self.observe_anomalous(time, kind, direction, rule, interval_secs),
            None => self.observe_normal(rule),
        }
    }

    fn observe_anomalous(
        &mut self,
        time: Timestamp,
        kind: AnomalyKind,
        direction: Direction,
        rule: &Rule,
        interval_secs: f64,
    ) -> News {
        let (k, n) = rule.k_of_n(direction, interval_secs);
        let mask = u32::MAX >> (32 - u32::from(n.clamp(1, 32)));
        if (self.recent << 1) & mask == 0 {
            self.first_millis = time.millis();
        }
        self.recent = self.recent << 1 | 1;
        self.normal_points = 0;
        let is_sustained = (self.recent & mask).count_ones() >= u32::from(k) || kind.is_immediate();
        match &mut self.open {
            // ## Open => Open
            Some(open) => {
                let is_worse = kind == AnomalyKind::Impossible && open.kind != kind;
                if !is_worse && time.millis().saturating_sub(open.told_at.millis()) < REPEAT_MILLIS {
                    return News::None;
                }
                open.told_at = time;
                open.direction = direction;
                open.kind = if is_worse { kind } else { open.kind };
                News::Goes(*open)
            }
            // ## Quiet => Open
            None if is_sustained => {
                let open = Open { onset: Timestamp::from_millis(self.first_millis), kind, direction, told_at: time };
                self.open = Some(open);
                News::Goes(open)
            }
            None => News::None,
        }
    }

    #[inline]
    fn observe_normal(&mut self, rule: &Rule) -> News {
        self.recent <<= 1;
        self.normal_points = self.normal_points.saturating_add(1);
        if self.normal_points < rule.recovery_points { News::None } else { self.end() }
    }

    /// ## Open => Quiet
    pub fn end(&mut self) -> News {
        self.recent = 0;
        self.open.take().map_or(News::None, News::Over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// One letter per point: `.` normal, `a` above, `b` below, `i` impossible; the answer: `o` for told, `x` for over.
    fn run(metric: &str, interval_secs: i64, points: &str) -> String {
        let rule = Rule::of(&metric.parse().unwrap(), &Config::default());
        let mut episode = Episode::default();
        let answer = points.chars().zip(0..).map(|(it, idx)| {
            let kind = match it {
                'a' | 'b' => Some(AnomalyKind::Point),
                'i' => Some(AnomalyKind::Impossible),
                _ => None,
            };
            let direction = if it == 'b' { Direction::Below } else { Direction::Above };
            let anomaly = kind.map(|it| (it, direction));
            match episode.observe(Timestamp::from_secs(idx * interval_secs), anomaly, &rule, interval_secs as f64) {
                News::None => '-',
                News::Goes(_) => 'o',
                News::Over(_) => 'x',
            }
        });
        answer.collect()
    }

    #[test]
    fn saved_episodes_are_read_back() {
        let time = Timestamp::from_secs;
        for kind in KINDS {
            for direction in [Direction::Above, Direction::Below] {
                let open = Some(Open { onset: time(3), kind, direction, told_at: time(9) });
                let episode = Episode { recent: u32::MAX - 4, first_millis: -5, normal_points: 255, open };
                assert_eq!(Episode::from_words(episode.to_words()), Some(episode));
            }
        }
        let quiet = Episode { recent: 5, first_millis: 7, normal_points: 1, open: None };
        assert_eq!(Episode::from_words(quiet.to_words()), Some(quiet));
        assert_eq!(Episode::from_words([0, 0, 9, 0, 0]), None);
        assert_eq!(Episode::from_words([1 << 40, 0, 0, 0, 0]), None);
    }

    #[test]
    fn k_of_n_opens_and_recovery_ends() {
        for (metric, interval_secs, points, expected) in [
            ("latency", 1, "aa.............", "---------------"),
            ("latency", 1, "aaa.....", "--o----x"),
            ("latency", 1, "a.a.a.....", "----o----x"),
            ("latency", 1, "a..a..a...", "----------"),
            ("latency", 1, "aaaaaaaa....a.....", "--o----o----o----x"),
            ("latency", 1, "i.....", "o----x"),
            ("temperature", 1, "aaaaabbbbbbbbbb", "----o----x----o"),
            ("latency", 30, "aa", "-o"),
            ("host_cpu_percent", 1, "aaaaa.......", "------------"),
            ("host_cpu_percent", 1, "aaa.aaa", "------o"),
        ] {
            assert_eq!(run(metric, interval_secs, points), expected, "{metric} {points}");
        }
    }
}
