//! What is told between comparisons? The live stream of a model is followed prediction by prediction; an alarm is told at
//! once, with what moved, since when and in which group.
//!
//! The state is saved now and then, and always before an alarm is told. What came after it is read again from the log
//! after a sudden end, with the same result.

use std::collections::VecDeque;
use std::sync::Mutex;

use drift::watch::WatchConfig;
use drift::watch::online::{OnlineFollower, StreamState};
use signal::{LoggedInference, Timestamp};

use crate::model_watch::lock;
use crate::model_watch::saved::Told;
use crate::model_watch::telling::{ONLINE_LIMIT, series_of_target};
use crate::model_watch::window::group;

/// The live stream of one model.
pub struct Online {
    pub(super) state: Mutex<State>,
}

/// Where to look for what an alarm tells: sequences of predictions.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The first.
    pub from: u64,
    /// The last, which brought the alarm.
    pub until: u64,
}

/// Where it stands.
#[derive(Default)]
pub struct State {
    /// What follows, once there is a reference.
    pub follower: Option<OnlineFollower>,
    /// Why nothing is followed.
    pub trouble: Option<String>,
    /// What was in the log when the process began: it is not followed without a saved state.
    pub(super) begin: (u64, u64),
    /// Sequences of the newest predictions that were taken: where to look for the begin of what an alarm tells.
    pub(super) recent: VecDeque<u64>,
    pub(super) saved_at: Option<Timestamp>,
    /// Whether what was over at the last end of the process was told again.
    pub(super) has_retold: bool,
    pub(super) try_after: Option<Timestamp>,
}

impl Online {
    /// What is in the log already is history.
    pub fn new(begin: (u64, u64)) -> Self {
        Self { state: Mutex::new(State { begin, ..State::default() }) }
    }

    /// Looks at the state.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.state))
    }
}

impl State {
    /// Every target with how it stands.
    pub fn states(&self) -> Vec<StreamState> {
        self.follower.as_ref().map_or_else(Vec::new, OnlineFollower::states)
    }
}

/// What is told of a target.
pub fn told(config: &WatchConfig, state: &StreamState) -> Option<Told> {
    let standing = state.standing.as_ref()?;
    Some(Told {
        rule: "online".to_owned(),
        labels: series_of_target(config, &state.target),
        onset: standing.since,
        value: score(state),
        limit: ONLINE_LIMIT,
        is_above: true,
        explanation: standing.said.clone(),
    })
}

/// How near an alarm is, below 1; from 1 on while it stands.
pub fn score(state: &StreamState) -> f64 {
    let nearness = state.nearness.unwrap_or(0.0);
    if state.standing.is_some() { 1.0 + nearness } else { nearness.min(ONLINE_LIMIT) }
}

/// Groups of a prediction by the configured columns.
pub fn groups<'a>(row: &'a LoggedInference, columns: &'a [String]) -> impl Iterator<Item = String> + 'a {
    columns.iter().filter_map(|it| group(&row.inference, it))
}
