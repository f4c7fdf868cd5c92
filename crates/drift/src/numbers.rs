//! How are the numbers of a column summed up? As they are while they fit, else as counts of few values or as ranks.

use std::collections::BTreeMap;

use learn::sketch::{Distinct, RankSketch};
use serde::{Deserialize, Serialize};

use crate::config::Budget;

/// Different values that are counted exactly beside the sketch, so that columns of codes stay exact at any size.
const FEW: usize = 256;
/// Values that are looked at together.
const BATCH: usize = 4096;

/// Finite numbers of a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// The distribution.
    pub form: NumberForm,
    /// How many.
    pub count: u64,
    /// How many are zero.
    pub zeros: u64,
    /// How many are below zero.
    pub negatives: u64,
    /// How many are whole.
    pub whole: u64,
    /// Their mean; 0 without numbers.
    pub mean: f64,
    /// Sum of squared deviations from the mean.
    pub squares: f64,
    /// Sum of cubed deviations from the mean.
    pub cubes: f64,
    /// The least; infinite without numbers.
    pub lowest: f64,
    /// The greatest; infinite without numbers.
    pub highest: f64,
    /// How many different ones, where that is not in the form.
    pub distinct: Distinct,
}

/// The distribution of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum NumberForm {
    /// All of them, in rising order.
    Sorted(Vec<f64>),
    /// Each different one, in rising order, with how often it came: exact as well.
    Counted(Vec<(f64, u64)>),
    /// Ranks to within 1 %.
    Sketched(RankSketch),
}

impl Default for NumberForm {
    fn default() -> Self {
        Self::Counted(Vec::new())
    }
}

impl Numbers {
    /// Whether nothing was estimated.
    pub const fn is_exact(&self) -> bool {
        !matches!(self.form, NumberForm::Sketched(_))
    }

    /// Standard deviation of the numbers themselves (divided by n); 0 without numbers.
    pub fn deviation(&self) -> f64 {
        if self.count == 0 { 0.0 } else { (self.squares / self.count as f64).max(0.0).sqrt() }
    }

    /// Skewness; 0 if all are the same.
    pub fn skewness(&self) -> f64 {
        let deviation = self.deviation();
        if deviation == 0.0 { 0.0 } else { self.cubes / self.count as f64 / deviation.powi(3) }
    }

    /// How many different numbers, and whether that is exact.
    pub fn distinct(&self) -> (f64, bool) {
        match &self.form {
            NumberForm::Counted(it) => (it.len() as f64, true),
            NumberForm::Sorted(it) => (runs(it).count() as f64, true),
            NumberForm::Sketched(_) => (self.distinct.estimate(), false),
        }
    }

    /// Each different value in rising order with its count; of a sketch, with the number that it stands for.
    pub fn counts(&self) -> Vec<(f64, u64)> {
        match &self.form {
            NumberForm::Counted(it) => it.clone(),
            NumberForm::Sorted(it) => runs(it).collect(),
            NumberForm::Sketched(it) => it.counts(),
        }
    }

    /// The value that a share of the numbers does not exceed; none without numbers.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = (share.clamp(0.0, 1.0) * (self.count - 1) as f64) as u64;
        let at = |counts: &[(f64, u64)]| {
            let mut before = 0;
            let found = counts.iter().find(|it| {
                before += it.1;
                before > rank
            });
            found.or(counts.last()).map(|it| it.0)
        };
        match &self.form {
            NumberForm::Sorted(it) => it.get(rank as usize).copied(),
            NumberForm::Counted(it) => at(it),
            NumberForm::Sketched(it) => at(&it.counts()).map(|it| it.clamp(self.lowest, self.highest)),
        }
    }

    /// How many numbers are below the first bound, and how many above the second.
    pub fn outside(&self, lowest: f64, highest: f64) -> (u64, u64) {
        match &self.form {
            NumberForm::Sorted(it) => {
                let below = it.partition_point(|it| *it < lowest);
                let up_to = it.partition_point(|it| *it <= highest);
                (below as u64, (it.len() - up_to) as u64)
            }
            NumberForm::Counted(_) | NumberForm::Sketched(_) => {
                let counts = self.counts();
                let sum = |is_out: &dyn Fn(f64) -> bool| counts.iter().filter(|it| is_out(it.0)).map(|it| it.1).sum();
                (sum(&|it| it < lowest), sum(&|it| it > highest))
            }
        }
    }

    /// The same in a form of bounded size, for a file.
    pub fn condensed(&self) -> Self {
        let form = match &self.form {
            NumberForm::Counted(it) if it.len() <= FEW => return self.clone(),
            NumberForm::Counted(it) => RankSketch::of_counts(it),
            NumberForm::Sorted(it) => RankSketch::of_sorted(it),
            NumberForm::Sketched(it) => it.condensed(),
        };
        let distinct = if self.is_exact() { distinct_of(&self.counts()) } else { self.distinct.clone() };
        Self { form: NumberForm::Sketched(form), distinct, ..self.clone() }
    }

    /// Takes in the numbers of another part of the same column.
    pub fn merge(&mut self, other: &Self, budget: &Budget) {
        let mut distinct = if self.is_exact() { distinct_of(&self.counts()) } else { self.distinct.clone() };
        distinct.merge(&if other.is_exact() { distinct_of(&other.counts()) } else { other.distinct.clone() });
        self.form = merged(&self.form, &other.form, budget);
        self.distinct = distinct;
        self.add_moments(other);
        self.zeros += other.zeros;
        self.negatives += other.negatives;
        self.whole += other.whole;
    }

    /// Moments of two parts to those of the whole (Chan, Golub, LeVeque 1983; third moment by Pebay 2008).
    fn add_moments(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            (self.lowest, self.highest) = (other.lowest, other.highest);
        }
        let (n, m) = (self.count as f64, other.count as f64);
        let (all, delta) = (n + m, other.mean - self.mean);
        self.cubes += other.cubes
            + delta.powi(3) * n * m * (n - m) / (all * all)
            + 3.0 * delta * (n * other.squares - m * self.squares) / all;
        self.squares += other.squares + delta * delta * n * m / all;
        self.mean += delta * m / all;
        self.count += other.count;
        self.lowest = self.lowest.min(other.lowest);
        self.highest = self.highest.max(other.highest);
    }

    /// Facts of a batch, but for its distribution.
    fn of_batch(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count.max(1.0);
        let mut it = Self { count: values.len() as u64, mean, ..Self::default() };
        (it.lowest, it.highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            let away = value - mean;
            it.squares += away * away;
            it.cubes += away * away * away;
            it.lowest = it.lowest.min(*value);
            it.highest = it.highest.max(*value);
            it.zeros += u64::from(*value == 0.0);
            it.negatives += u64::from(*value < 0.0);
            it.whole += u64::from(value.fract() == 0.0);
        }
        it
    }
}

fn merged(ours: &NumberForm, theirs: &NumberForm, budget: &Budget) -> NumberForm {
    let sketch = |form: &NumberForm| match form {
        NumberForm::Sorted(it) => RankSketch::of_sorted(it),
        NumberForm::Counted(it) => RankSketch::of_counts(it),
        NumberForm::Sketched(it) => it.clone(),
    };
    if let (NumberForm::Counted(a), NumberForm::Counted(b)) = (ours, theirs) {
        let mut all: Vec<(f64, u64)> = a.iter().chain(b).copied().collect();
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        all.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            kept.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        if all.len() <= budget.exact_values.max(FEW) {
            return NumberForm::Counted(all);
        }
    }
    let values = |form: &NumberForm| match form {
        NumberForm::Sorted(it) => Some(it.clone()),
        NumberForm::Counted(it) => {
            Some(it.iter().flat_map(|it| std::iter::repeat_n(it.0, it.1 as usize)).collect::<Vec<f64>>())
        }
        NumberForm::Sketched(_) => None,
    };
    let count = |form: &NumberForm| match form {
        NumberForm::Sorted(it) => it.len() as u64,
        NumberForm::Counted(it) => it.iter().map(|it| it.1).sum(),
        NumberForm::Sketched(it) => it.count(),
    };
    if count(ours) + count(theirs) <= budget.exact_values as u64
        && let (Some(mut all), Some(others)) = (values(ours), values(theirs))
    {
        all.extend(others);
        all.sort_unstable_by(f64::total_cmp);
        return NumberForm::Sorted(all);
    }
    let mut all = sketch(ours);
    all.merge(&sketch(theirs));
    NumberForm::Sketched(all)
}

/// Takes numbers in.
#[derive(Clone, Debug)]
pub struct NumberBuilder {
    budget: Budget,
    facts: Numbers,
    batch: Vec<f64>,
    /// Keys of all values while they fit.
    keys: Vec<u64>,
    /// Beyond that.
    sketch: Option<Sketch>,
}

#[derive(Clone, Debug, Default)]
struct Sketch {
    ranks: RankSketch,
    distinct: Distinct,
    /// Counts of the values while they are few.
    few: Option<BTreeMap<u64, u64>>,
}

impl NumberBuilder {
    /// Knows nothing yet.
    pub fn new(budget: Budget) -> Self {
        let facts = Numbers { lowest: f64::INFINITY, highest: f64::NEG_INFINITY, ..Numbers::default() };
        Self { budget, facts, batch: Vec::new(), keys: Vec::new(), sketch: None }
    }

    /// Takes in a finite number; others are not taken.
    #[inline]
    pub fn push(&mut self, value: f64) {
        if value.is_finite() {
            // The two zeros are the same number.
            self.batch.push(value + 0.0);
            if self.batch.len() >= BATCH {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        self.facts.zeros += batch.iter().filter(|it| **it == 0.0).count() as u64;
        let facts = Numbers::of_batch(&batch);
        self.facts.negatives += facts.negatives;
        self.facts.whole += facts.whole;
        self.facts.add_moments(&facts);
        if self.sketch.is_none() && self.keys.len() + batch.len() > self.budget.exact_values {
            let mut sketch = Sketch { few: Some(BTreeMap::new()), ..Sketch::default() };
            std::mem::take(&mut self.keys).iter().for_each(|it| sketch.learn_one(value_of(*it)));
            self.sketch = Some(sketch);
        }
        match &mut self.sketch {
            Some(sketch) => batch.iter().for_each(|it| sketch.learn_one(*it)),
            None => self.keys.extend(batch.iter().map(|it| key_of(*it))),
        }
        self.batch = batch;
        self.batch.clear();
    }

    /// The summary.
    pub fn finish(mut self) -> Numbers {
        self.flush();
        if let Some(sketch) = self.sketch {
            self.facts.form = match sketch.few {
                Some(few) => NumberForm::Counted(few.iter().map(|it| (value_of(*it.0), *it.1)).collect()),
                None => NumberForm::Sketched(sketch.ranks),
            };
            self.facts.distinct = sketch.distinct;
            return self.facts;
        }
        // Whole keys sort faster than numbers, and the same memory then holds the numbers.
        self.keys.sort_unstable();
        let sorted: Vec<f64> = self.keys.into_iter().map(value_of).collect();
        self.facts.form = match counted(&sorted) {
            Some(counts) => NumberForm::Counted(counts),
            None => NumberForm::Sorted(sorted),
        };
        self.facts
    }
}

impl Sketch {
    fn learn_one(&mut self, value: f64) {
        self.ranks.learn_one(value);
        let key = key_of(value);
        self.distinct.learn_one(mixed(key));
        if let Some(few) = &mut self.few {
            *few.entry(key).or_default() += 1;
            if few.len() > FEW {
                self.few = None;
            }
        }
    }
}

/// Counts of different values, if they take less room than the values.
fn counted(sorted: &[f64]) -> Option<Vec<(f64, u64)>> {
    let most = sorted.len() / 4;
    let mut counts = Vec::new();
    for run in runs(sorted) {
        if counts.len() > most {
            return None;
        }
        counts.push(run);
    }
    Some(counts)
}

/// Different values of a sorted slice with their counts.
fn runs(sorted: &[f64]) -> impl Iterator<Item = (f64, u64)> {
    sorted.chunk_by(|a, b| a == b).filter_map(|it| Some((*it.first()?, it.len() as u64)))
}

fn distinct_of(counts: &[(f64, u64)]) -> Distinct {
    let mut distinct = Distinct::default();
    counts.iter().for_each(|it| distinct.learn_one(mixed(key_of(it.0))));
    distinct
}

/// Keys are in the order of the numbers.
fn key_of(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn value_of(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

/// The finalizer of MurmurHash3.
pub fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ bits >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let bits = (bits ^ bits >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ bits >> 33
}

#[cfg(test)]
mod tests {
    use learn::random::Random;

    use super::*;

    fn build(values: &[f64], exact_values: usize) -> Numbers {
        let mut builder = NumberBuilder::new(Budget { exact_values, ..Budget::default() });
        values.iter().for_each(|it| builder.push(*it));
        builder.finish()
    }

    fn normal(seed: u64, n: usize) -> Vec<f64> {
        let mut random = Random::new(seed);
        (0..n).map(|_| 5.0 + 2.0 * random.normal()).collect()
    }

    #[test]
    fn what_fits_is_exact_and_sorted() {
        let numbers = build(&[3.5, -1.0, f64::NAN, f64::INFINITY, 0.0, -0.0, 2.0, 9.0, 8.0, 7.0], 100);
        assert!(matches!(&numbers.form, NumberForm::Sorted(it) if it == &[-1.0, 0.0, 0.0, 2.0, 3.5, 7.0, 8.0, 9.0]));
        assert_eq!((numbers.count, numbers.zeros, numbers.negatives, numbers.whole), (8, 2, 1, 7));
        assert_eq!((numbers.lowest, numbers.highest, numbers.distinct()), (-1.0, 9.0, (7.0, true)));
        assert_eq!((numbers.quantile(0.0), numbers.quantile(1.0)), (Some(-1.0), Some(9.0)));
        assert_eq!(numbers.outside(0.0, 8.0), (1, 1));
        assert_eq!(build(&[], 10).quantile(0.5), None);
    }

    #[test]
    fn beyond_the_budget_it_is_a_sketch_unless_the_values_are_few() {
        let values = normal(1, 60_000);
        let (exact, sketch) = (build(&values, 100_000), build(&values, 1_000));
        assert!(exact.is_exact() && !sketch.is_exact());
        for share in [0.01, 0.25, 0.5, 0.9, 0.99] {
            let (low, high) = (exact.quantile(share - 0.01).unwrap(), exact.quantile(share + 0.01).unwrap());
            let told = sketch.quantile(share).unwrap();
            assert!(low <= told && told <= high, "{share}: {told}");
        }
        assert!((exact.mean - sketch.mean).abs() < 1e-9 && (exact.deviation() - sketch.deviation()).abs() < 1e-9);
        assert!((sketch.distinct().0 / 60_000.0 - 1.0).abs() < 0.05);
        let codes: Vec<f64> = (0..50_000).map(|it| f64::from(it % 7)).collect();
        assert_eq!(build(&codes, 1_000).form, build(&codes, 100_000).form);
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let values = normal(2, 20_000);
        let (one, other) = values.split_at(7_000);
        for exact_values in [1_000, 100_000] {
            let budget = Budget { exact_values, ..Budget::default() };
            let whole = build(&values, exact_values);
            let mut merged = build(one, exact_values);
            merged.merge(&build(other, exact_values), &budget);
            assert_eq!((merged.count, merged.lowest, merged.highest), (whole.count, whole.lowest, whole.highest));
            for (a, b) in [
                (merged.mean, whole.mean),
                (merged.deviation(), whole.deviation()),
                (merged.skewness(), whole.skewness()),
            ] {
                assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
            assert_eq!(merged.is_exact(), exact_values > 20_000);
            assert!(merged.quantile(0.5).unwrap() - whole.quantile(0.5).unwrap() < 0.1);
        }
    }
}
