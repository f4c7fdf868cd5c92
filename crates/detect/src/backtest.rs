//! What would have alerted? Stored points go through a fresh detector, causally, once for each choice of a threshold.
//!
//! The policies, k of n, recovery and grouping are those of a running system, and so is the order of time: a point is
//! judged by what came before it, and a budget is calibrated by what it has seen so far.

use std::sync::Arc;
use std::time::Duration;

use signal::{
    Anomaly, AnomalyKind, BackTest, BackTestAlert, BackTestOutcome, BandPoint, Choice, Incident, Labels, Point, Score,
    SeriesPoints, Symptom, TimeRange, Timestamp, Topology,
};

use crate::account::Account;
use crate::budget::Budget;
use crate::budgets::AlertBudgets;
use crate::config::Config;
use crate::correlator::Correlator;
use crate::policy::Policy;
use crate::shard::Shard;
use crate::title;

/// Alerts listed for one choice; there may be more.
const LISTED: usize = 500;
/// Points of the chart's band.
const BAND_STEPS: i64 = 600;
/// From a shorter span nothing is said about a day.
const SHORTEST_DAYS: f64 = 0.25;
/// The shard looks for missing series about as often as in a running system.
const LOOK: Duration = Duration::from_secs(5);
/// After so long a silence it is looked less often.
const LONG_SILENCE: Duration = Duration::from_secs(3600);
const RARE_LOOK: Duration = Duration::from_secs(1800);
/// So long after the last point the incidents are looked at once more.
const AFTER: Duration = Duration::from_secs(120);

/// Replays the points of some series. Those before `range` only teach; the rest is told about. `topology` links services
/// as in the running system. `on_progress` gets the share that is done, from 0 to 1.
pub fn back_test(
    config: &Config,
    series: &[SeriesPoints],
    range: TimeRange,
    choices: &[Choice],
    topology: &dyn Topology,
    on_progress: &mut dyn FnMut(f64),
) -> BackTest {
    let points = in_order(series);
    let first = points.iter().position(|(_, it)| it.time >= range.from).unwrap_or(points.len());
    let (before, told) = (first, points.len() - first);
    let ends = points.get(first).zip(points.last());
    let days = ends.map_or(0.0, |((_, first), (_, last))| last.time.secs_since(first.time) / 86_400.0);
    let mut band = vec![];
    let outcomes = choices.iter().zip(0..).map(|(choice, idx)| {
        let mut replay = Replay::new(config, choice, range);
        let wanted = if idx == 0 { series.first().map(|it| &it.labels) } else { None };
        replay
            .run(&points, wanted, topology, &mut |share| on_progress((f64::from(idx) + share) / choices.len() as f64));
        band.append(&mut replay.band);
        replay.outcome(*choice, days)
    });
    let outcomes = outcomes.collect();
    BackTest {
        series: series.iter().map(|it| it.labels.clone()).collect(),
        range,
        points: told,
        points_before: before,
        days,
        outcomes,
        band,
    }
}

/// The points of all series in order of time.
fn in_order(series: &[SeriesPoints]) -> Vec<(&Labels, Point)> {
    let mut points: Vec<_> = series.iter().flat_map(|it| it.points.iter().map(|point| (&it.labels, *point))).collect();
    points.sort_by_key(|(_, it)| it.time);
    points
}

/// The configuration under a choice. Budgets are those of the choice only: the configured ones are shared with series
/// that are not replayed.
fn configure(config: &Config, choice: &Choice) -> Config {
    // A series that comes once a day is not forgotten between its points: somebody has asked for it.
    let mut config = Config { budgets: vec![], forget_after_secs: u32::MAX, ..config.clone() };
    let set = |it: &mut Policy| match choice {
        Choice::Sigma(value) => (it.threshold, it.sigma, it.contamination) = (None, Some(*value), None),
        Choice::Contamination(value) => (it.threshold, it.sigma, it.contamination) = (None, None, Some(*value)),
        Choice::Threshold(value) => (it.threshold, it.sigma, it.contamination) = (Some(*value), None, None),
        Choice::Configured | Choice::Budget(_) => {}
    };
    // Of the policies that match the first counts, so each says it, and a last one for those that none matches.
    config.policies.push(Policy::default());
    config.policies.iter_mut().for_each(set);
    if let Choice::Budget(budget) = choice {
        config.budgets.push(Budget::of_all(*budget));
    }
    config
}

/// One choice under way.
struct Replay {
    shard: Shard,
    correlator: Correlator,
    /// The one budget, if the choice is one.
    account: Option<Arc<Account>>,
    range: TimeRange,
    incidents: Vec<Incident>,
    band: Vec<BandPoint>,
    threshold_max: f64,
    fixed: f64,
    held_before: u64,
}

impl Replay {
    fn new(config: &Config, choice: &Choice, range: TimeRange) -> Self {
        let config = Arc::new(configure(config, choice));
        let budgets = Arc::new(AlertBudgets::new(&config));
        Self {
            account: budgets.all().pop(),
            shard: Shard::with_budgets(Arc::clone(&config), budgets),
            correlator: Correlator::new(config, 1),
            range,
            incidents: vec![],
            band: vec![],
            threshold_max: 0.0,
            fixed: if let Choice::Threshold(it) = choice { *it } else { 1.0 },
            held_before: 0,
        }
    }

    fn run(
        &mut self,
        points: &[(&Labels, Point)],
        wanted: Option<&Labels>,
        topology: &dyn Topology,
        on_progress: &mut dyn FnMut(f64),
    ) {
        let mut newest: Option<Timestamp> = None;
        let mut is_told = false;
        for (idx, (labels, point)) in points.iter().enumerate() {
            if let Some(newest) = newest.filter(|it| *it < point.time) {
                self.pass(newest, point.time, topology);
            }
            if !is_told && point.time >= self.range.from {
                is_told = true;
                self.held_before = self.held();
            }
            newest = Some(point.time);
            let mut anomalies = vec![];
            let verdict = self.shard.observe(labels, *point, point.time, &mut anomalies);
            anomalies.into_iter().for_each(|it| self.correlator.observe(it));
            if wanted == Some(*labels) && self.range.contains(point.time) && verdict.score.is_ready {
                self.draw(point.time, verdict.score);
            }
            if idx % 4096 == 0 {
                on_progress(idx as f64 / points.len() as f64);
            }
        }
        if let Some(newest) = newest {
            // What recovered with the last points is closed; that no more points come means nothing.
            self.note(newest.plus(AFTER), topology);
        }
    }

    /// Lets time pass as a running system would, in which it is looked for missing series every few seconds.
    fn pass(&mut self, from: Timestamp, to: Timestamp, topology: &dyn Topology) {
        let mut now = from;
        let silent = from.plus(LONG_SILENCE);
        loop {
            now = now.plus(if now >= silent { RARE_LOOK } else { LOOK }).min(to);
            let mut anomalies = vec![];
            self.shard.tick(now, &mut anomalies);
            anomalies.into_iter().for_each(|it: Anomaly| self.correlator.observe(it));
            if let Some(account) = &self.account {
                account.tick(now);
            }
            self.note(now, topology);
            if now >= self.range.from {
                self.threshold_max = self.threshold_max.max(self.threshold());
            }
            if now >= to {
                return;
            }
        }
    }

    fn note(&mut self, now: Timestamp, topology: &dyn Topology) {
        for changed in self.correlator.tick(now, topology) {
            match self.incidents.iter_mut().rfind(|it| it.id == changed.id) {
                Some(known) => *known = changed,
                None => self.incidents.push(changed),
            }
        }
    }

    /// Of each step of the chart the worst verdict is kept.
    fn draw(&mut self, time: Timestamp, score: Score) {
        let step = (self.range.to.millis() - self.range.from.millis()) / BAND_STEPS + 1;
        let step_of = |it: Timestamp| (it.millis() - self.range.from.millis()) / step;
        match self.band.last_mut() {
            Some(last) if step_of(last.time) == step_of(time) => {
                if score.value > last.score.value {
                    *last = BandPoint { time, score };
                }
            }
            _ => self.band.push(BandPoint { time, score }),
        }
    }

    fn threshold(&self) -> f64 {
        self.account.as_ref().map_or(self.fixed, |it| it.threshold())
    }

    fn held(&self) -> u64 {
        self.account.as_ref().map_or(0, |it| it.status().held_total)
    }

    fn outcome(self, choice: Choice, days: f64) -> BackTestOutcome {
        let is_told = |it: &&Incident| self.range.contains(it.detected_at);
        let mut told: Vec<&Incident> = self.incidents.iter().filter(is_told).collect();
        told.sort_by_key(|it| (it.started_at, it.id));
        BackTestOutcome {
            name: choice.name(),
            choice,
            alerts: told.iter().take(LISTED).filter_map(|it| alert(it)).collect(),
            alerts_left_out: told.len().saturating_sub(LISTED),
            alerts_per_day: (days >= SHORTEST_DAYS).then(|| told.len() as f64 / days),
            held: self.held().saturating_sub(self.held_before),
            threshold: self.threshold(),
            threshold_max: self.threshold_max.max(self.threshold()),
        }
    }
}

fn alert(incident: &Incident) -> Option<BackTestAlert> {
    let first = incident.symptoms.iter().min_by_key(|it| it.onset)?;
    let worst = incident.symptoms.iter().max_by(|a, b| a.peak.value.total_cmp(&b.peak.value))?;
    let peak = &worst.peak;
    Some(BackTestAlert {
        series: first.labels.to_string(),
        onset: incident.started_at,
        detected_at: incident.detected_at,
        end: incident.ended_at,
        severity: incident.severity,
        peak_score: peak.value,
        value: peak.y,
        expected: peak.yhat,
        expected_lower: peak.yhat_lower,
        expected_upper: peak.yhat_upper,
        why: why(worst, incident.symptoms.len()),
    })
}

fn why(worst: &Symptom, n_symptoms: usize) -> String {
    let mut text = title::what(worst);
    if worst.kind != AnomalyKind::MissingData {
        text.push_str(&format!(", score {:.1}", worst.peak.value));
    }
    if !worst.explanation.is_empty() {
        text.push_str(&format!(". {}", worst.explanation));
    }
    if n_symptoms > 1 {
        text.push_str(&format!("; {} more series with it", n_symptoms - 1));
    }
    text
}
