//! Which streams does a model have? Made from the profile of its reference.

use learn::drift::online::Direction;
use serde::{Deserialize, Serialize};
use signal::{FeatureValue, Inference};

use super::detector::{Following, Move, Usual};
use super::reading::{Reading, Target};
use crate::column::{ColumnProfile, Data};
use crate::profile::{PREDICTION, PROBABILITY, is_answer};

/// Words of a column that have a stream each.
const MOST_WORDS: usize = 5;
/// A word that is rarer than this has none.
const LEAST_SHARE: f64 = 0.02;
/// A column with more words is text or an identity: new words are usual there.
const MOST_KNOWN_WORDS: usize = 200;

/// A stream before it has a detector.
pub(super) struct Plan {
    pub target: Target,
    pub column: String,
    pub reading: Reading,
    pub usual: Usual,
}

/// A stream that is followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stream {
    pub target: Target,
    pub column: String,
    pub reading: Reading,
    /// Mean of what is read of the reference.
    pub usual: f64,
    following: Following,
}

impl Stream {
    /// With the detector of this name; none where nothing can be followed.
    pub fn new(plan: Plan, detector: &str, expected_run: f64, notes: &mut Vec<String>) -> Option<Self> {
        let Plan { target, column, reading, usual } = plan;
        let direction = if reading.is_rare() { Direction::Up } else { Direction::Both };
        let (following, note) = Following::new(detector, &usual, reading.is_share(), direction, expected_run)?;
        notes.extend(note.map(|it| format!("{}: {it}", target.name())));
        Some(Self { target, column, reading, usual: usual.mean, following })
    }

    /// Takes what it reads of a prediction. Rare events that become rarer are no news.
    pub fn update(&mut self, row: &Inference) -> Option<(Move, Option<u64>)> {
        let value = match &*self.column {
            PROBABILITY => row.probability.unwrap_or(f64::NAN),
            PREDICTION => self.reading.of(Some(&row.prediction)),
            name => self.reading.of(feature(row, name)),
        };
        self.following.update(value, self.usual).filter(|it| !self.reading.is_rare() || it.0 == Move::Up)
    }

    pub fn nearness(&self) -> Option<f64> {
        self.following.nearness()
    }
}

fn feature<'a>(row: &'a Inference, name: &str) -> Option<&'a FeatureValue> {
    row.features.iter().find(|it| &*it.0 == name).map(|it| &it.1)
}

/// The streams of a column of the reference.
pub(super) fn plans(column: &ColumnProfile) -> Vec<Plan> {
    let name = column.name.as_str();
    let is_answer = is_answer(name);
    let target = if is_answer { Target::Prediction } else { Target::Feature(name.to_owned()) };
    let plan = |reading, usual| Plan { target: target.clone(), column: name.to_owned(), reading, usual };
    let mut plans = vec![];
    match &column.data {
        Data::Empty => {}
        Data::Numbers(numbers) => {
            let counts = numbers.counts();
            match counts.as_slice() {
                [] => {}
                // Two values are a share; a constant one is a share of everything.
                [.., (value, count)] if counts.len() <= 2 && name != PROBABILITY => {
                    let share = *count as f64 / numbers.count.max(1) as f64;
                    plans.push(plan(Reading::Equals(*value), Usual::share(share, numbers.count)));
                }
                _ => plans.push(plan(Reading::Number, Usual::new(counts))),
            }
        }
        Data::Words(words) => {
            let share = |count: u64| count as f64 / words.count.max(1) as f64;
            // Of two words one tells of both.
            let most = if words.is_exact() && words.counts.len() == 2 { 1 } else { MOST_WORDS };
            let frequent = words.counts.iter().filter(|it| share(it.1) >= LEAST_SHARE).take(most);
            plans.extend(
                frequent.map(|(word, n)| plan(Reading::Is(word.clone()), Usual::share(share(*n), words.count))),
            );
            if words.is_exact() && words.counts.len() <= MOST_KNOWN_WORDS {
                let known = words.counts.iter().map(|it| it.0.clone()).collect();
                plans.push(plan(Reading::IsNew(known), Usual::rare(0.0, words.count)));
            }
        }
    }
    if !is_answer && !plans.is_empty() {
        plans.push(plan(Reading::IsMissing, Usual::rare(column.missing_share(), column.rows)));
    }
    plans
}
