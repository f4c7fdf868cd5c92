//! `sentinel eval rca --perturb`: does the answer stay when names, units, order, times and gaps are others?
//!
//! Every case is changed in one way at a time and ranked again. What says the same with other words (`names`), or comes in
//! another order, unit or time, has to be answered the same; what takes something away (`losses`) may cost what it takes.

mod losses;
mod names;

use std::collections::BTreeMap;

use diagnose::case::rank;

use super::labeled::Labeled;
use super::tables::share;
use super::verdicts;
use crate::eval::{Breakdown, Figure, Row};
use crate::progress::Progress;

type Change = fn(&mut Labeled, &mut fastrand::Rng);

/// The ways, and whether chance has a part in what they take away: then they are tried several times.
const WAYS: &[(&str, Change, bool)] = &[
    ("as published", |_, _| (), false),
    ("services named s1, s2, ..", names::services, false),
    ("columns like carts_mem, carts_lat_90", |it, _| names::columns_of(it, &names::SHORT), false),
    ("columns like carts_cpu_usage, carts_latency-90", |it, _| names::columns_of(it, &names::LONG), false),
    ("columns of cAdvisor and Istio", |it, _| names::columns_of(it, &names::ISTIO), false),
    ("another order", names::order, true),
    ("other units", names::units, true),
    ("three years later", names::shifted, false),
    ("a tenth of the metrics missing", |it, random| losses::metrics(it, random, 0.1), true),
    ("30 % of the metrics missing", |it, random| losses::metrics(it, random, 0.3), true),
    ("30 % of others' metrics missing", |it, random| losses::metrics_of_others(it, random, 0.3), true),
    ("a fifth of the values missing", losses::gaps, true),
    ("every fifth value", losses::resampled, false),
    ("a quarter of the time before", losses::short_before, false),
    ("more time before", names::long_before, false),
    ("noticed 60 s late", |it, _| it.case.at += 60_000, false),
    ("noticed 60 s early", |it, _| it.case.at -= 60_000, false),
    ("not told when", losses::time, false),
    ("one trace in ten", losses::traces, true),
    ("lines without levels", losses::levels, false),
];
/// How often ways are tried in which chance has a part.
const N_ROUNDS: u64 = 3;
/// Sets with a column of their own.
const SETS: [Figure; 5] = [
    Figure::new("rcd", "rcd", 3),
    Figure::new("petshop", "petshop", 3),
    Figure::new("nezha", "nezha", 3),
    Figure::new("rootcausebench", "rootcausebench", 3),
    Figure::new("rcaeval", "rcaeval", 3),
];

/// What came out of one way.
#[derive(Default)]
struct Tally {
    places: Vec<usize>,
    by_set: BTreeMap<&'static str, Vec<usize>>,
    quiet: Vec<bool>,
}

/// AC@1 by way and set.
pub fn table(cases: &[Labeled]) -> Breakdown {
    let progress = Progress::new(WAYS.len(), "changing");
    let rows = WAYS.iter().map(|(label, change, has_chance)| {
        let rounds = if *has_chance { N_ROUNDS } else { 1 };
        let mut tally = Tally::default();
        (0..rounds).for_each(|seed| tally.add_all(cases, *change, seed));
        progress.advance(1);
        Row::new(*label, tally.values())
    });
    let figures = [Figure::new("ac1", "AC@1", 3), Figure::new("ac3", "AC@3", 3)].into_iter().chain(SETS);
    Breakdown {
        key: "perturbed",
        title: "The same cases told in other words, or with something missing: AC@1, and by set".to_owned(),
        rows_are: "changed",
        figures: figures.chain([Figure::new("specificity", "no cause", 3)]).collect(),
        rows: rows.collect(),
    }
}

impl Tally {
    fn add_all(&mut self, cases: &[Labeled], change: Change, seed: u64) {
        for (nth, labeled) in cases.iter().enumerate() {
            let mut random = fastrand::Rng::with_seed(seed * 1_000_003 + nth as u64);
            let mut labeled = labeled.clone();
            change(&mut labeled, &mut random);
            let verdict = verdicts::judge(&labeled, &rank(&labeled.case), 0.0);
            match labeled.service {
                Some(_) => {
                    self.places.push(verdict.strict);
                    self.by_set.entry(labeled.set).or_default().push(verdict.strict);
                }
                None => self.quiet.push(verdict.says_none),
            }
        }
    }

    fn values(&self) -> Vec<Option<f64>> {
        let mut values = vec![Some(share(&self.places, 1)), Some(share(&self.places, 3))];
        values.extend(SETS.iter().map(|it| self.by_set.get(it.key).map(|places| share(places, 1))));
        let n_quiet = self.quiet.iter().filter(|it| **it).count() as f64;
        values.push((!self.quiet.is_empty()).then(|| n_quiet / self.quiet.len() as f64));
        values
    }
}
