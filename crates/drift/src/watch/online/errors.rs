//! Is a model wrong more often than it was, label by label? Predictions wait for their labels; the first labels say what is
//! usual.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use learn::drift::online::Direction;
use serde::{Deserialize, Serialize};
use signal::{FeatureValue, Label, LoggedInference};

use super::config::OnlineConfig;
use super::detector::{Following, Move, Usual};
use crate::watch::config::PerformanceConfig;
use crate::watch::measures::Measures;
use crate::watch::performance::{Answered, Performance, loss};

/// The stream of errors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Errors {
    /// Answers with labels until there are enough to know what is usual.
    learning: Vec<(FeatureText, FeatureText)>,
    following: Option<Following>,
    /// Whether a loss is 0 or 1.
    is_share: bool,
    /// Mean loss of the first labels.
    pub usual: Option<f64>,
    /// What is to be said of its detector, until it was said.
    pub note: Option<String>,
    /// Labels that were joined.
    pub labels: u64,
    /// The oldest prediction that waits, by its sequence.
    pub waiting_from: u64,
    /// Rebuilt from the log after a restart.
    #[serde(skip)]
    waiting: Waiting,
}

/// A value in a form that every format can hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum FeatureText {
    Number(f64),
    Text(String),
}

impl FeatureText {
    fn of(value: &FeatureValue) -> Self {
        value.as_number().map_or_else(|| Self::Text(value.to_string()), Self::Number)
    }

    fn value(&self) -> FeatureValue {
        match self {
            Self::Number(it) => (*it).into(),
            Self::Text(it) => it.as_str().into(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Waiting {
    by_id: HashMap<u64, FeatureValue>,
    /// Hashes of ids with the sequence of their predictions.
    order: VecDeque<(u64, u64)>,
}

impl Errors {
    /// A prediction waits for its label; the oldest makes room.
    pub fn wait(&mut self, row: &LoggedInference, most: usize) {
        let inference = &row.inference;
        if inference.prediction.is_missing() {
            return;
        }
        let Waiting { by_id, order } = &mut self.waiting;
        let id = hash(&inference.id);
        if by_id.insert(id, inference.prediction.clone()).is_none() {
            order.push_back((id, row.sequence));
        }
        while order.len() > most {
            let oldest = order.pop_front();
            oldest.map(|it| by_id.remove(&it.0));
        }
        // Those whose label has come make room when it is their turn.
        while order.front().is_some_and(|it| !by_id.contains_key(&it.0)) {
            order.pop_front();
        }
        self.waiting_from = order.front().map_or(row.sequence, |it| it.1);
    }

    /// Takes a label; how the model is wrong more often than it was, if it is. None for labels of predictions that do not
    /// wait. `expected_run` is that of this stream.
    pub fn label(
        &mut self,
        label: &Label,
        config: &OnlineConfig,
        measured: &PerformanceConfig,
        expected_run: f64,
    ) -> Option<Option<(Move, Option<u64>)>> {
        let prediction = self.waiting.by_id.remove(&hash(&label.id))?;
        if label.label.is_missing() {
            return None;
        }
        self.labels += 1;
        let Some(following) = &mut self.following else {
            self.learning.push((FeatureText::of(&prediction), FeatureText::of(&label.label)));
            if self.learning.len() >= config.learn_labels {
                self.begin(config, measured, expected_run);
            }
            return Some(None);
        };
        let value = loss(&prediction, &label.label, self.is_share);
        let moved = following.update(value, self.usual.unwrap_or(0.0));
        Some(moved.filter(|it| matches!(it.0, Move::Up | Move::Wider)))
    }

    /// The loss of an answer, once it is known what the model does.
    pub fn loss(&self, prediction: &FeatureValue, label: &FeatureValue) -> Option<f64> {
        self.following.is_some().then(|| loss(prediction, label, self.is_share))
    }

    pub fn nearness(&self) -> Option<f64> {
        self.following.as_ref()?.nearness()
    }

    fn begin(&mut self, config: &OnlineConfig, measured: &PerformanceConfig, expected_run: f64) {
        let of = |(prediction, label): &(FeatureText, FeatureText)| Answered {
            prediction: prediction.value(),
            probability: None,
            probabilities: vec![],
            label: label.value(),
        };
        let answers: Vec<Answered> = self.learning.iter().map(of).collect();
        let all = PerformanceConfig { min_labels: 1, ..measured.clone() };
        let Some(found) = Performance::measure(&answers, &all, &mut Measures::default()) else { return };
        self.is_share = found.is_share();
        let usual = if self.is_share {
            Usual::rare(found.wrongness.mean(), found.n)
        } else {
            let losses = answers.iter().map(|it| loss(&it.prediction, &it.label, false)).filter(|it| it.is_finite());
            Usual::new(same_once(losses.collect()))
        };
        // That a model is wrong less often is no alarm.
        let following = Following::new(&config.error_detector, &usual, self.is_share, Direction::Up, expected_run);
        let (following, note) = following.unzip();
        self.following = following;
        self.note = note.flatten().map(|it| format!("error: {it}"));
        self.usual = Some(usual.mean);
        self.learning.clear();
    }
}

/// Different values in rising order with their counts.
fn same_once(mut values: Vec<f64>) -> Vec<(f64, u64)> {
    values.sort_by(f64::total_cmp);
    values.chunk_by(|a, b| a == b).filter_map(|same| Some((*same.first()?, same.len() as u64))).collect()
}

/// Of one process: nothing of it is stored.
fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
