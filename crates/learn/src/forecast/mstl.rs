//! What is left when days and weeks are taken out, and where does that go? Decomposition by loess, the rest by exponential
//! smoothing in the form that suits it, the seasons as they were last.

use serde::{Deserialize, Serialize};

use super::ets;
use super::forecaster::{Clean, FitError, Method};
use super::loess::decompose;
use super::season;
use super::smoothing::Smoothing;

/// The share of a surprise that the seasons take on as newer values come.
const FOLLOWING: f64 = 0.1;
/// Longer histories are decomposed from here on, or from four of the longest seasons.
const MOST_VALUES: usize = 4096;

/// Parameters of the decomposition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MstlConfig {
    /// Lengths of the seasons in points, shortest first; empty finds them.
    pub seasons: Vec<usize>,
}

impl MstlConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let is_bad = |it: &&usize| !(2..=season::LONGEST).contains(*it);
        let bad = self.seasons.iter().find(is_bad);
        let order = (!self.seasons.is_sorted()).then(|| "seasons are not in ascending order".to_owned());
        bad.map(|it| format!("seasons has {it}; it must be 2 to {}", season::LONGEST))
            .into_iter()
            .chain(order)
            .collect()
    }
}

/// Seasons, and a rest that is smoothed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Mstl {
    pub config: MstlConfig,
    cycles: Vec<Cycle>,
    rest: Option<Smoothing>,
}

/// The last cycle of a season.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Cycle {
    terms: Vec<f64>,
    /// Of the next value.
    phase: usize,
}

impl Cycle {
    fn ahead(&self, step: usize) -> f64 {
        self.terms.get((self.phase + step) % self.terms.len().max(1)).copied().unwrap_or(0.0)
    }

    fn learn(&mut self, surprise: f64) {
        let n = self.terms.len().max(1);
        self.terms.get_mut(self.phase).into_iter().for_each(|it| *it += surprise);
        self.phase = (self.phase + 1) % n;
    }
}

impl Mstl {
    pub fn new(config: MstlConfig) -> Self {
        Self { config, cycles: vec![], rest: None }
    }

    fn seasonal(&self, step: usize) -> f64 {
        self.cycles.iter().map(|it| it.ahead(step)).sum()
    }
}

impl Method for Mstl {
    fn min_points(&self) -> usize {
        4
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        let found = || season::detect(history.values, history.step);
        let mut seasons = if self.config.seasons.is_empty() { found() } else { self.config.seasons.clone() };
        seasons.retain(|it| 2 * it <= history.values.len());
        let longest = seasons.last().copied().unwrap_or(0);
        let kept = MOST_VALUES.max(4 * longest).min(history.values.len());
        let values = history.values.split_at(history.values.len() - kept).1;
        let parts = decompose(values, &seasons);
        let mut rest = values.to_vec();
        parts.iter().for_each(|part| rest.iter_mut().zip(part).for_each(|(rest, it)| *rest -= it));
        let last_cycle = |(part, season): (&Vec<f64>, &usize)| Cycle {
            terms: part.split_at(part.len() - season).1.to_vec(),
            phase: 0,
        };
        self.cycles = parts.iter().zip(&seasons).map(last_cycle).collect();
        self.rest = Some(ets::choose(rest.split_at(rest.len().saturating_sub(ets::MOST_VALUES)).1, 0));
        Ok(())
    }

    fn extend(&mut self, newer: &[f64]) {
        for value in newer {
            let adjusted = value - self.seasonal(0);
            let Some(rest) = &mut self.rest else { return };
            let surprise = adjusted - rest.predict(1).first().copied().unwrap_or(adjusted);
            rest.follow(&[adjusted]);
            let share = FOLLOWING / self.cycles.len().max(1) as f64;
            self.cycles.iter_mut().for_each(|it| it.learn(share * surprise));
        }
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        let rest = self.rest.as_ref().map(|it| it.predict(steps)).unwrap_or_default();
        rest.into_iter().enumerate().map(|(step, it)| it + self.seasonal(step)).collect()
    }
}
