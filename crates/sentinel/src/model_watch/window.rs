//! What do predictions of a window look like? One pass over the log makes profiles, groups, answers and times.

use std::collections::{BTreeMap, HashMap, VecDeque};

use drift::watch::{Answered, EstimateRow, Seen, WatchConfig};
use drift::{Budget, Profile, ProfileBuilder, Segments};
use signal::{Inference, InferenceLog, InferenceQuery, LoggedInference, PortError, TimeRange, Timestamp};

/// Groups of one column; further values are not compared on their own.
const MOST_SEGMENTS: usize = 30;
/// Predictions from which it is estimated how right answers are.
const MOST_ROWS: usize = 10_000;
/// Answers with labels, and times, that are kept at least if there are so many: of a longer span the newest.
const MOST_KEPT: usize = 100_000;
/// Values of a feature that the search for its change looks at.
const MOST_SEEN: usize = 200_000;
/// What is kept of a column before it is sketched.
const BUDGET: Budget = Budget { exact_values: 200_000, categories: 5_000 };

/// A part of the log: predictions of a model, in order.
#[derive(Clone, Debug)]
pub struct Span {
    /// The model.
    pub model: String,
    /// One version of it, or all.
    pub version: Option<String>,
    /// Above this sequence.
    pub after: u64,
    /// When they were asked.
    pub range: TimeRange,
    /// At most so many.
    pub most: u64,
}

impl Span {
    /// Gives each prediction of the span. Of all versions together only what was answered counts: what a version in the
    /// shadow said of the same request is the same inputs once more.
    pub fn read(&self, log: &dyn InferenceLog, mut visit: impl FnMut(&LoggedInference)) -> Result<(), PortError> {
        let query = InferenceQuery {
            model: Some(self.model.clone()),
            version: self.version.clone(),
            range: self.range,
            after: self.after,
        };
        let mut left = self.most;
        log.read(&query, &mut |it| {
            if left == 0 {
                return false;
            }
            if self.version.is_none() && it.inference.is_shadow {
                return true;
            }
            left -= 1;
            visit(&it);
            left > 0
        })
    }
}

/// What was read of a span.
pub struct Window {
    /// All of it.
    pub profile: Profile,
    /// Groups by `column=value`.
    pub segments: Segments,
    /// The newest predictions, for an estimate of how right they are.
    pub rows: Vec<EstimateRow>,
    /// Answers whose truth is known.
    pub answers: Vec<Answered>,
    /// Predictions by version.
    pub versions: BTreeMap<String, u64>,
    /// First and last.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Half and 99 % took no longer, in milliseconds.
    pub latency_ms: Option<(f64, f64)>,
    /// The last sequence.
    pub last: u64,
}

impl Window {
    /// Reads a span.
    pub fn read(span: &Span, config: &WatchConfig, log: &dyn InferenceLog) -> Result<Self, PortError> {
        let mut whole = ProfileBuilder::new(BUDGET);
        let mut groups: HashMap<String, ProfileBuilder> = HashMap::new();
        let mut per_column: HashMap<&str, usize> = HashMap::new();
        let (mut answers, mut latencies, mut rows) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        let (mut versions, mut times, mut last) = (BTreeMap::new(), None, span.after);
        // A window is never longer than that; a sliding reference may be.
        let most = usize::try_from(config.window.count).unwrap_or(usize::MAX).max(MOST_KEPT);
        span.read(log, |logged| {
            let it = &logged.inference;
            whole.learn_one(it);
            for column in &config.segments {
                let Some(name) = group(it, column) else { continue };
                if !groups.contains_key(&name) {
                    let n = per_column.entry(column).or_default();
                    if *n >= MOST_SEGMENTS {
                        continue;
                    }
                    *n += 1;
                }
                groups.entry(name).or_insert_with(|| ProfileBuilder::new(BUDGET)).learn_one(it);
            }
            if config.performance.estimate_labels > 0 {
                let label = logged.label.as_ref().map(|it| it.label.clone());
                keep(&mut rows, EstimateRow::new(it, label), MOST_ROWS);
            }
            if let Some(label) = &logged.label {
                let answered = Answered {
                    prediction: it.prediction.clone(),
                    probability: it.probability,
                    probabilities: it.probabilities.clone(),
                    label: label.label.clone(),
                };
                keep(&mut answers, answered, most);
            }
            *versions.entry(it.version.to_string()).or_default() += 1;
            times = Some((times.map_or(it.time, |it: (Timestamp, Timestamp)| it.0), it.time));
            keep(&mut latencies, it.latency_ms, most);
            last = logged.sequence;
        })?;
        Ok(Self {
            profile: whole.finish("current"),
            segments: groups.into_iter().map(|(name, it)| (name.clone(), it.finish(&name))).collect(),
            rows: rows.into(),
            answers: answers.into(),
            versions,
            times,
            latency_ms: quantiles(latencies.into()),
            last,
        })
    }
}

/// The oldest makes room.
fn keep<T>(all: &mut VecDeque<T>, new: T, most: usize) {
    all.push_back(new);
    if all.len() > most {
        all.pop_front();
    }
}

/// The values of one feature in a span, for the search of its change; of categories whether it is `category`. With a
/// group only those of it.
pub fn seen(
    span: &Span,
    feature: &str,
    category: Option<&str>,
    of_group: Option<&str>,
    log: &dyn InferenceLog,
) -> Result<Vec<Seen>, PortError> {
    let mut found = vec![];
    span.read(log, |logged| {
        let it = &logged.inference;
        let column = of_group.and_then(|it| it.split_once('=')).map(|it| it.0);
        if column.is_some_and(|column| group(it, column).as_deref() != of_group) {
            return;
        }
        let Some((_, value)) = it.features.iter().find(|it| *it.0 == *feature) else { return };
        let value = match category {
            Some(word) => Some(f64::from(u8::from(plain(value.to_string()) == word))),
            None => value.as_number(),
        };
        if let Some(value) = value.filter(|_| found.len() < MOST_SEEN) {
            found.push(Seen { time: it.time, value });
        }
    })?;
    Ok(found)
}

/// The group of a prediction by a column: `country=DE`.
pub fn group(it: &Inference, column: &str) -> Option<String> {
    let (_, value) = it.features.iter().find(|it| *it.0 == *column)?;
    let value: String = plain(value.to_string()).chars().take(60).collect();
    Some(format!("{column}={value}"))
}

/// Flags as profiles have them.
fn plain(word: String) -> String {
    drift::plain_flag(&word).map_or(word, str::to_owned)
}

fn quantiles(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.retain(|it| it.is_finite());
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get(((values.len().saturating_sub(1)) as f64 * share).round() as usize).copied();
    Some((at(0.5)?, at(0.99)?))
}
