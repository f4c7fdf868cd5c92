//! What was expected while an incident went on? The bands of its symptoms, kept after the detector has forgotten them.
//!
//! A shard remembers its last two minutes of verdicts. For the first symptoms of an incident they are written to the
//! store as series `y`, `yhat`, `yhat_lower`, `yhat_upper` and `anomaly_score` with the source's labels and `for`, its name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use signal::{
    Clock, History, Incident, Labels, Point, PortError, Score, Scores, SeriesId, SeriesPoints, TimeRange, Timestamp,
};
use store::{Store, Write};

use crate::eyes::Eyes;
use crate::responder::Responder;

/// Symptoms of one incident whose bands are kept.
const SYMPTOMS: usize = 12;
/// How often they are written: often enough that the shard has not yet forgotten the older half of its verdicts.
const EVERY: Duration = Duration::from_secs(30);
/// How long after the end of an incident they are still written.
const AFTER: Duration = Duration::from_secs(60);
/// How long before the first symptom a band is of interest.
const BEFORE: Duration = Duration::from_secs(120);
/// The name of a series of band values, and what of a verdict it holds.
type Part = (&'static str, fn(&Score) -> f64);
/// The parts of a verdict that are kept.
const PARTS: [Part; 5] = [
    ("y", |it| it.y),
    ("yhat", |it| it.yhat),
    ("yhat_lower", |it| it.yhat_lower),
    ("yhat_upper", |it| it.yhat_upper),
    ("anomaly_score", |it| it.value),
];

/// Keeps bands, and gives them back beside the detector's own.
pub struct Bands {
    store: Arc<Store>,
    scores: Arc<dyn Scores>,
    responder: Arc<Responder>,
    eyes: Eyes,
    clock: Arc<dyn Clock>,
    /// For each series under watch: written up to here, and watched until then.
    watched: Mutex<BTreeMap<Labels, Watched>>,
}

struct Watched {
    written: Timestamp,
    until: Timestamp,
}

impl Bands {
    /// Watches nothing yet.
    pub fn new(
        store: Arc<Store>,
        scores: Arc<dyn Scores>,
        responder: Arc<Responder>,
        eyes: Eyes,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, scores, responder, eyes, clock, watched: Mutex::default() }
    }

    /// Lets time pass: watches the symptoms of open incidents and writes what is due.
    pub fn tick(&self, now: Timestamp) {
        let batch = self.due(now);
        if batch.is_empty() {
            return;
        }
        if let Err(error) = self.store.append_and_wait(&Write::samples(batch), self.clock.now()) {
            tracing::warn!(%error, "Bands of an incident not kept.");
        }
    }

    fn due(&self, now: Timestamp) -> Vec<SeriesPoints> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for incident in self.responder.open_incidents() {
            watch(&mut watched, &incident, now);
        }
        let mut batch = vec![];
        for (labels, it) in watched.iter_mut().filter(|(_, it)| now >= it.written.plus(EVERY) || now >= it.until) {
            let range = TimeRange::new(it.written.plus(Duration::from_millis(1)), now);
            batch.extend(series(labels, &self.scores.band(labels.id(), range)));
            it.written = now;
        }
        watched.retain(|_, it| now < it.until);
        batch
    }

    /// The kept band of a series. All parts were written together, so that they have the same times.
    fn kept(&self, labels: &Labels, range: TimeRange) -> Result<Vec<(Timestamp, Score)>, PortError> {
        let parts = PARTS.map(|(name, _)| self.store.points(part_labels(labels, name).id(), range));
        let [y, yhat, lower, upper, value] = parts;
        let (y, yhat, lower, upper, value) = (y?, yhat?, lower?, upper?, value?);
        let rows = y.iter().zip(&yhat).zip(&lower).zip(&upper).zip(&value);
        Ok(rows.map(|((((y, yhat), lower), upper), value)| (y.time, score([y, yhat, lower, upper, value]))).collect())
    }
}

fn score([y, yhat, lower, upper, value]: [&Point; 5]) -> Score {
    Score {
        value: value.value,
        is_ready: true,
        is_provisional: false,
        y: y.value,
        yhat: yhat.value,
        yhat_lower: lower.value,
        yhat_upper: upper.value,
    }
}

fn watch(watched: &mut BTreeMap<Labels, Watched>, incident: &Incident, now: Timestamp) {
    for symptom in incident.symptoms.iter().filter(|it| it.has_series()).take(SYMPTOMS) {
        let first = Watched { written: symptom.onset.minus(BEFORE), until: now };
        watched.entry(symptom.labels.clone()).or_insert(first).until = now.plus(AFTER);
    }
}

/// The labels of a part of a series' verdicts.
fn part_labels(labels: &Labels, part: &str) -> Labels {
    labels.with("for", labels.name()).with("__name__", part)
}

fn series(labels: &Labels, band: &[(Timestamp, Score)]) -> Vec<SeriesPoints> {
    let ready: Vec<_> = band.iter().filter(|(_, it)| it.is_ready).collect();
    if ready.is_empty() {
        return vec![];
    }
    let one = |(name, part): &Part| SeriesPoints {
        labels: part_labels(labels, name),
        points: ready.iter().map(|(time, it)| Point { time: *time, value: part(it) }).collect(),
    };
    PARTS.iter().map(one).collect()
}

impl Scores for Bands {
    fn score(&self, series: SeriesId) -> Option<(Timestamp, Score)> {
        self.scores.score(series)
    }

    fn band(&self, series: SeriesId, range: TimeRange) -> Vec<(Timestamp, Score)> {
        let fresh = self.scores.band(series, range);
        let labels = self.eyes.history.labels(series);
        let kept = labels.and_then(|it| it.map_or(Ok(vec![]), |it| self.kept(&it, range)));
        let mut band = match kept {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, "Kept bands cannot be read.");
                vec![]
            }
        };
        let newest = band.last().map_or(Timestamp::MIN, |(time, _)| *time);
        band.extend(fresh.into_iter().filter(|(time, _)| *time > newest));
        band
    }

    fn highest(&self, limit: usize) -> Vec<(Labels, Timestamp, Score)> {
        self.scores.highest(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_carry_the_name_of_their_source() {
        let labels = Labels::metric("latency", &[("service", "pay")]);
        assert_eq!(part_labels(&labels, "yhat_upper").to_string(), r#"yhat_upper{for="latency",service="pay"}"#);
        let score = Score {
            value: 2.0,
            is_ready: true,
            is_provisional: false,
            y: 9.0,
            yhat: 1.0,
            yhat_lower: 0.0,
            yhat_upper: 2.0,
        };
        let time = Timestamp::from_secs(1);
        let written = series(&labels, &[(time, score.clone()), (time, Score { is_ready: false, ..score })]);
        let values: Vec<f64> = written.iter().flat_map(|it| it.points.iter().map(|it| it.value)).collect();
        assert_eq!(values, [9.0, 1.0, 0.0, 2.0, 2.0]);
    }
}
