//! Is a new model better than the one that serves? It is tried out on the newest values, which it has not seen.
//!
//! The newest part of the history is held out. From each point of it the next values are forecast by the new model, which
//! learned from what lies before, and by the one that serves. Only if the new one is not worse, and everything it says is
//! finite, it learns from the whole history and may serve.

use std::sync::Arc;

use learn::forecast::Regular;
use serde::{Deserialize, Serialize};

use crate::candidate::Candidate;
use crate::registry::Policy;
use crate::spread::Spread;

/// Points from which forecasts are made in a trial.
const MOST_ORIGINS: usize = 100;
/// Held-out values at which the error of the trial counts as much as "as the last".
const PRIOR_VALUES: f64 = 10.0;
/// Relative difference of two errors that is rounding.
const ROUNDING: f64 = 1e-9;

/// What shall be trained.
pub struct Job {
    /// How.
    pub policy: Policy,
    /// A model of the watch's kind that was never fitted.
    pub blank: Box<dyn Candidate>,
    /// The values, newest last.
    pub history: Regular,
    /// The model that serves, as it was when it was trained.
    pub champion: Option<Arc<Trained>>,
    /// Values in a forecast.
    pub n_steps: usize,
    /// Values that are forecast in all.
    pub n_ahead: usize,
}

/// A model that may serve.
pub struct Trained {
    /// The model, fitted to the whole history.
    pub model: Box<dyn Candidate>,
    /// What it showed in the trial.
    pub trial: Trial,
}

/// What a model showed on values that it had not seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Mean absolute error over all leads.
    pub mae: f64,
    /// Mean absolute percentage error; none if a value is 0.
    pub mape: Option<f64>,
    /// `mae` over the mean absolute step of the values learned from; none if those never change.
    pub mase: Option<f64>,
    /// Values learned from.
    pub n_samples: usize,
    /// Errors by lead.
    pub spread: Spread,
    /// The error that is no drift.
    pub expected: f64,
}

/// What came of a training.
pub enum Outcome {
    /// It may serve.
    Better(Trained),
    /// It may not; what it showed, if it could be tried out, and why.
    Refused(Option<Trial>, String),
    /// It could not be trained.
    Failed(String),
}

/// Trains and tries out. Takes long.
pub fn train(job: &Job) -> Outcome {
    let history = &job.history;
    let n = history.values.len();
    let n_held = (n / 10).max(2 * job.n_steps).min(n / 3).max(1);
    let first = n.saturating_sub(n_held);
    let learned = history.head(first);
    let new = match made(job, &learned) {
        Ok(new) => new,
        Err(reason) => return Outcome::Failed(reason),
    };
    // The serving model may have learned from a part of what is held out: both are judged by the rest.
    let seen = job.champion.as_ref().and_then(|it| it.model.next_time()).map_or(0, |it| place(history, it));
    let from = if seen < n { first.max(seen) } else { first };
    let Some(errors) = errors_of(&*new, history, first, from, job.n_ahead) else {
        return Outcome::Refused(None, "it forecasts values that are not finite".to_owned());
    };
    let Some(trial) = trial(&errors, history, first, from, learned.n_finite()) else {
        return Outcome::Failed("no value is left to try it out on; there are gaps".to_owned());
    };
    let served = job.champion.as_ref().and_then(|it| {
        let of_same = errors_of(&*it.model, history, first, from, job.n_ahead).filter(|_| seen < n);
        // It has seen everything, or does not reach: what it showed in its own trial is what there is.
        of_same.map(|errors| errors.mae()).or_else(|| (seen >= n).then_some(it.trial.mae))
    });
    if let Some(served) = served.filter(|it| trial.mae > it * (1.0 + ROUNDING)) {
        let reason = format!("its mean absolute error is {}, that of the serving model {served}", trial.mae);
        return Outcome::Refused(Some(trial), reason);
    }
    finished(job, &*new, trial)
}

/// The place of a time in the history; its length for times after it.
fn place(history: &Regular, time: i64) -> usize {
    let steps = (time - history.start).div_euclid(history.step.max(1));
    usize::try_from(steps).unwrap_or(0).min(history.values.len())
}

/// A model that has learned from what comes before the held-out part.
fn made(job: &Job, learned: &Regular) -> Result<Box<dyn Candidate>, String> {
    match (job.policy, &job.champion) {
        (Policy::Finetune, Some(champion)) => {
            let mut model = champion.model.boxed();
            model.partial_fit(learned)?;
            Ok(model)
        }
        _ => {
            let mut model = job.blank.boxed();
            model.fit(learned)?;
            Ok(model)
        }
    }
}

/// The model that has learned from everything, if it is sound.
fn finished(job: &Job, new: &dyn Candidate, mut trial: Trial) -> Outcome {
    let mut model = new.boxed();
    let learned = match job.policy {
        Policy::Finetune => model.partial_fit(&job.history),
        Policy::FullRetrain => model.fit(&job.history),
    };
    if let Err(reason) = learned {
        return Outcome::Failed(reason);
    }
    match model.predict(job.n_ahead) {
        Ok(values) if values.len() == job.n_ahead && values.iter().all(|it| it.is_finite()) => {
            trial.n_samples = job.history.n_finite();
            Outcome::Better(Trained { model, trial })
        }
        Ok(_) => Outcome::Refused(Some(trial), "it forecasts values that are not finite".to_owned()),
        Err(reason) => Outcome::Refused(Some(trial), reason),
    }
}

/// Errors and their values.
struct Errors {
    by_lead: Vec<Vec<f64>>,
    /// Of each forecast, by lead; not a number for gaps.
    paths: Vec<Vec<f64>>,
    /// Error and value of each pair.
    pairs: Vec<(f64, f64)>,
}

impl Errors {
    fn mae(&self) -> f64 {
        self.pairs.iter().map(|it| it.0.abs()).sum::<f64>() / self.pairs.len().max(1) as f64
    }
}

/// Lets a model forecast from each place of the held-out part. None if it cannot, or says something that is not finite.
fn errors_of(model: &dyn Candidate, history: &Regular, first: usize, from: usize, n_ahead: usize) -> Option<Errors> {
    let n = history.values.len();
    let mut model = model.boxed();
    let seen = place(history, model.next_time()?);
    if seen < from {
        model.partial_fit(&history.head(from).from(seen)).ok()?;
    }
    let stride = (n - first).div_ceil(MOST_ORIGINS).max(1);
    let mut errors = Errors { by_lead: vec![vec![]; n_ahead.min(n - from)], paths: vec![], pairs: vec![] };
    let mut origin = from;
    while origin < n {
        let values = model.predict(n_ahead.min(n - origin)).ok()?;
        let mut path = Vec::with_capacity(values.len());
        for (lead, forecast) in values.iter().enumerate() {
            if !forecast.is_finite() {
                return None;
            }
            let actual = history.values.get(origin + lead).copied().filter(|it| it.is_finite());
            path.push(actual.map_or(f64::NAN, |it| forecast - it));
            let Some(actual) = actual else { continue };
            errors.pairs.push((forecast - actual, actual));
            if let Some(of_lead) = errors.by_lead.get_mut(lead) {
                of_lead.push(forecast - actual);
            }
        }
        errors.paths.push(path);
        let next = (origin + stride).min(n);
        if next < n {
            model.partial_fit(&history.head(next).from(origin)).ok()?;
        }
        origin = next;
    }
    Some(errors)
}

fn trial(errors: &Errors, history: &Regular, first: usize, from: usize, n_samples: usize) -> Option<Trial> {
    if errors.pairs.is_empty() {
        return None;
    }
    let mae = errors.mae();
    let learned: Vec<f64> = history.values.iter().take(first).copied().filter(|it| it.is_finite()).collect();
    let steps: Vec<f64> = learned.iter().zip(learned.iter().skip(1)).map(|(a, b)| (b - a).abs()).collect();
    let naive = steps.iter().sum::<f64>() / steps.len().max(1) as f64;
    let size = learned.iter().map(|it| it.abs()).sum::<f64>() / learned.len().max(1) as f64;
    let is_percentage = errors.pairs.iter().all(|it| it.1 != 0.0);
    let mape = errors.pairs.iter().map(|it| (it.0 / it.1).abs()).sum::<f64>() / errors.pairs.len() as f64;
    // A trial on few values says little: then "as the last" has a say in what is to be expected.
    let n_tried = (history.values.len() - from) as f64;
    let expected = (n_tried * mae + PRIOR_VALUES * naive) / (n_tried + PRIOR_VALUES);
    Some(Trial {
        mae,
        mape: is_percentage.then_some(100.0 * mape),
        mase: (naive > 0.0).then(|| mae / naive),
        n_samples,
        spread: Spread::new(&errors.by_lead, &errors.paths),
        // What never changed would make any difference an endless one.
        expected: expected.max(1e-4 * size).max(f64::MIN_POSITIVE),
    })
}
