//! Which alarms go on, and which are over? An alarm stands until what it speaks of has been quiet for long enough.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use signal::Timestamp;

use super::detector::Move;
use super::reading::{Reading, Target};

/// Something left the reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// What.
    pub target: Target,
    /// The column that was read; empty for errors.
    pub column: String,
    /// What was read of it.
    pub reading: Reading,
    /// To where it moved.
    pub moved: Move,
    /// How many values ago, where the detector knows.
    pub values_ago: Option<u64>,
    /// Mean of the reference.
    pub usual: f64,
}

/// What there is to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It has begun; [`super::OnlineFollower::stand`] says since when.
    Began(Alarm),
    /// It is over.
    Over(Target),
}

/// An alarm that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Since when, by the times of predictions.
    pub since: Timestamp,
    /// Predictions (of errors: labels) without another alarm.
    pub quiet: u64,
    /// Alarms that told of it.
    pub alarms: u64,
    /// What changed, in words.
    pub said: String,
}

/// The alarms of all streams, one for each target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Alarms {
    /// Those that go on.
    pub standing: BTreeMap<Target, Standing>,
    /// What is over and may not have been told.
    pub over: BTreeSet<Target>,
    /// Alarms so far, repeated ones too.
    pub count: u64,
}

impl Alarms {
    /// ## Quiet => Standing; an alarm of what stands goes on.
    pub fn hear(&mut self, alarm: Alarm) -> Option<Event> {
        self.count += 1;
        if let Some(it) = self.standing.get_mut(&alarm.target) {
            (it.quiet, it.alarms) = (0, it.alarms + 1);
            return None;
        }
        let begun = Standing { since: Timestamp::MIN, quiet: 0, alarms: 1, said: String::new() };
        self.over.remove(&alarm.target);
        self.standing.insert(alarm.target.clone(), begun);
        Some(Event::Began(alarm))
    }

    /// ## Standing => Quiet, after more than `most` values of what `is_its` says.
    pub fn pass(&mut self, most: u64, is_its: impl Fn(&Target) -> bool) -> Vec<Event> {
        let mut over = vec![];
        self.standing.retain(|target, it| {
            it.quiet += u64::from(is_its(target));
            let is_over = it.quiet > most;
            if is_over {
                self.over.insert(target.clone());
                over.push(Event::Over(target.clone()));
            }
            !is_over
        });
        over
    }
}
