//! What began and what is over? All streams of a model, fed with its predictions and labels in the order of the log.
//!
//! The same log gives the same events: what is saved now and then, and read again after a sudden end, goes on as if
//! nothing had happened.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use signal::{Label, LoggedInference, Timestamp};

use super::config::OnlineConfig;
use super::errors::Errors;
use super::reading::{Reading, Target};
use super::standing::{Alarm, Alarms, Event, Standing};
use super::streams::{Plan, Stream, plans};
use super::trial::Trial;
use crate::Config;
use crate::profile::{PREDICTION, PROBABILITY, Profile, is_answer};
use crate::watch::config::PerformanceConfig;

/// Streams of answers, which come later than those of features, at most.
const OF_ANSWERS: usize = 4;
/// The stream of errors, which comes last.
const OF_ERRORS: usize = 1;
/// The form of what is saved; another one is begun anew.
const VERSION: u32 = 2;

/// Follows the live stream of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnlineFollower {
    version: u32,
    config: OnlineConfig,
    measured: PerformanceConfig,
    streams: Vec<Stream>,
    has_answers: bool,
    errors: Errors,
    alarms: Alarms,
    /// Sequence of the last prediction that was taken.
    pub rows_until: u64,
    /// Sequence of the last label that was taken.
    pub labels_until: u64,
    /// Predictions that were taken.
    pub rows: u64,
    /// Streams that the bound left out.
    pub left_out: u64,
    /// What the user should know of the detectors.
    pub notes: Vec<String>,
}

/// How a target stands now.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamState {
    /// What.
    pub target: Target,
    /// Streams of it.
    pub streams: usize,
    /// The nearest of its streams: 1 is an alarm; none where its detector does not tell.
    pub nearness: Option<f64>,
    /// The alarm, if it stands.
    pub standing: Option<Standing>,
}

impl OnlineFollower {
    /// Of the columns of a reference; `columns` and `ignore` of the comparison count here as well.
    pub fn new(config: &OnlineConfig, measured: &PerformanceConfig, compare: &Config, reference: &Profile) -> Self {
        let is_wanted = |name: &str| {
            let is_target = compare.target.as_deref() == Some(name);
            let is_listed = config.columns.is_empty() || config.columns.iter().any(|it| it == name);
            !is_answer(name) && compare.has(name) && !is_target && is_listed
        };
        let columns = reference.columns.iter().filter(|it| is_wanted(&it.name));
        let mut wanted: Vec<Plan> = columns.flat_map(plans).collect();
        let room = config.max_streams.saturating_sub(OF_ANSWERS + OF_ERRORS).max(1);
        let left_out = wanted.len().saturating_sub(room) as u64;
        wanted.truncate(room);
        let mut found = Self {
            version: VERSION,
            config: config.clone(),
            measured: measured.clone(),
            streams: vec![],
            has_answers: false,
            errors: Errors::default(),
            alarms: Alarms::default(),
            rows_until: 0,
            labels_until: 0,
            rows: 0,
            left_out,
            notes: vec![],
        };
        let run = found.run_of_one(wanted.len());
        found.add(wanted, run);
        found
    }

    /// A try with the predictions of the reference in their order; [`Self::settle`] takes it.
    pub fn trial(&self) -> Trial {
        Trial::new(&self.streams)
    }

    /// Leaves out the streams that moved in a try: what lies in the reference itself, such as a daily cycle, is usual.
    pub fn settle(&mut self, trial: Trial) {
        trial.settle(&mut self.streams, &mut self.notes);
    }

    /// What was saved; none if it is of another form or configuration.
    pub fn read(bytes: &[u8], config: &OnlineConfig, measured: &PerformanceConfig) -> Option<Self> {
        let read: Self = postcard::from_bytes(bytes).ok()?;
        (read.version == VERSION && read.config == *config && read.measured == *measured).then_some(read)
    }

    /// As it is to be saved.
    pub fn to_bytes(&self) -> Vec<u8> {
        // It is made of plain values, which every format can hold.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// The oldest prediction that may wait for its label, by its sequence: [`Self::remember`] begins there.
    pub const fn waiting_from(&self) -> u64 {
        self.errors.waiting_from
    }

    /// Whether answers are followed.
    pub const fn has_answers(&self) -> bool {
        self.has_answers
    }

    /// Follows answers too, from a reference that has them.
    pub fn add_answers(&mut self, reference: &Profile) {
        let columns = [PREDICTION, PROBABILITY];
        let found = columns.iter().filter_map(|name| reference.columns.iter().find(|it| it.name == *name));
        let mut wanted: Vec<Plan> = found.flat_map(plans).collect();
        wanted.truncate(OF_ANSWERS);
        let run = self.run_of_one(self.streams.len());
        self.add(wanted, run);
        self.has_answers = true;
    }

    /// Takes a prediction.
    pub fn row(&mut self, row: &LoggedInference) -> Vec<Event> {
        self.rows += 1;
        self.rows_until = self.rows_until.max(row.sequence);
        self.errors.wait(row, self.config.max_waiting);
        let mut found = vec![];
        for it in &mut self.streams {
            if let Some((moved, values_ago)) = it.update(&row.inference) {
                let (target, column, reading) = (it.target.clone(), it.column.clone(), it.reading.clone());
                found.push(Alarm { target, column, reading, moved, values_ago, usual: it.usual });
            }
        }
        let mut events: Vec<Event> = found.into_iter().filter_map(|it| self.alarms.hear(it)).collect();
        events.extend(self.alarms.pass(self.config.recover_after_samples, |it| *it != Target::Error));
        events
    }

    /// A prediction that was taken before a restart, and may still wait for its label.
    pub fn remember(&mut self, row: &LoggedInference) {
        self.errors.wait(row, self.config.max_waiting);
    }

    /// Takes a label; those of other models and of predictions that do not wait are left out.
    pub fn label(&mut self, sequence: u64, label: &Label) -> Vec<Event> {
        self.labels_until = self.labels_until.max(sequence);
        // Those of features and answers are there by now.
        let run = self.run_of_one(self.streams.len().saturating_sub(OF_ANSWERS));
        let Some(moved) = self.errors.label(label, &self.config, &self.measured, run) else { return vec![] };
        self.notes.extend(self.errors.note.take());
        let usual = self.errors.usual.unwrap_or(0.0);
        let (target, column, reading) = (Target::Error, String::new(), Reading::Loss);
        let alarm = moved.map(|(moved, values_ago)| Alarm { target, column, reading, moved, values_ago, usual });
        let began = alarm.and_then(|it| self.alarms.hear(it));
        let over = self.alarms.pass(self.config.recover_after_samples, |it| *it == Target::Error);
        began.into_iter().chain(over).collect()
    }

    /// Says since when an alarm that began stands, and what changed.
    pub fn stand(&mut self, target: &Target, since: Timestamp, said: String) {
        if let Some(it) = self.alarms.standing.get_mut(target) {
            (it.since, it.said) = (since, said);
        }
    }

    /// What is read of a prediction by a stream; NaN if nothing.
    pub fn value(&self, alarm: &Alarm, row: &LoggedInference) -> f64 {
        let inference = &row.inference;
        match (&alarm.target, &*alarm.column) {
            (Target::Error, _) => {
                let label = row.label.as_ref().map(|it| &it.label);
                label.and_then(|it| self.errors.loss(&inference.prediction, it)).unwrap_or(f64::NAN)
            }
            (_, PROBABILITY) => inference.probability.unwrap_or(f64::NAN),
            (_, PREDICTION) => alarm.reading.of(Some(&inference.prediction)),
            (_, name) => alarm.reading.of(inference.features.iter().find(|it| &*it.0 == name).map(|it| &it.1)),
        }
    }

    /// Alarms that go on.
    pub const fn standing(&self) -> &BTreeMap<Target, Standing> {
        &self.alarms.standing
    }

    /// What is over and may not have been told: it is kept until [`Self::forget_over`].
    pub const fn over(&self) -> &BTreeSet<Target> {
        &self.alarms.over
    }

    /// What is over was told.
    pub fn forget_over(&mut self) {
        self.alarms.over.clear();
    }

    /// Alarms so far, repeated ones too.
    pub const fn alarms(&self) -> u64 {
        self.alarms.count
    }

    /// Labels that were joined.
    pub const fn labels(&self) -> u64 {
        self.errors.labels
    }

    /// Streams that are followed.
    pub fn n_streams(&self) -> usize {
        self.streams.len() + usize::from(self.errors.usual.is_some())
    }

    /// Every target with how it stands, in order.
    pub fn states(&self) -> Vec<StreamState> {
        let mut all: BTreeMap<&Target, (usize, Option<f64>)> = BTreeMap::new();
        let error = (self.errors.usual.is_some()).then(|| (&Target::Error, self.errors.nearness()));
        for (target, nearness) in self.streams.iter().map(|it| (&it.target, it.nearness())).chain(error) {
            let (n, most) = all.entry(target).or_default();
            *n += 1;
            *most = nearness.map(|it| it.max(most.unwrap_or(0.0))).or(*most);
        }
        let state = |(target, (streams, nearness)): (&Target, (usize, Option<f64>))| StreamState {
            target: target.clone(),
            streams,
            nearness,
            standing: self.alarms.standing.get(target).cloned(),
        };
        all.into_iter().map(state).collect()
    }

    /// The run of each stream, so that all of them together have the one that was asked for: so many of features, and
    /// those of answers and errors, which come later.
    fn run_of_one(&self, of_features: usize) -> f64 {
        let n_streams = of_features + OF_ANSWERS + OF_ERRORS;
        self.config.expected_samples_between_false_alarms as f64 * n_streams as f64
    }

    fn add(&mut self, wanted: Vec<Plan>, run: f64) {
        let (detector, notes) = (&self.config.detector, &mut self.notes);
        self.streams.extend(wanted.into_iter().filter_map(|it| Stream::new(it, detector, run, notes)));
    }
}

#[cfg(test)]
mod tests;
