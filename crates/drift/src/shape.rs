//! How are two distributions shown side by side? As shares over the same bins, or over the same words.

use serde::{Deserialize, Serialize};

use crate::categories::Categories;
use crate::column::{ColumnProfile, Data};
use crate::numbers::Numbers;

/// Bins of numbers.
const BINS: usize = 30;
/// Numbers with at most so many different values are shown one by one.
const SINGLE_VALUES: usize = 12;
/// Words that are shown; the rest is one bar.
const WORDS: usize = 12;
/// Share of the numbers on each side that the first and the last bin take in, however far out.
const TAIL: f64 = 0.005;
/// Longer words are cut.
const LONGEST: usize = 40;

/// Both distributions. Shares add up to 1 on each side that has values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Shape {
    /// Of numbers.
    Bins {
        /// One more than there are bins. The first bin holds all below its upper edge, the last one all above its lower
        /// edge.
        edges: Vec<f64>,
        /// Shares of the reference.
        reference: Vec<f64>,
        /// Shares of the current data.
        current: Vec<f64>,
    },
    /// Of words and of few different numbers.
    Bars {
        /// The words; the last one may be that for all others.
        labels: Vec<String>,
        /// Shares of the reference.
        reference: Vec<f64>,
        /// Shares of the current data.
        current: Vec<f64>,
    },
}

impl Shape {
    /// Of two profiles that hold the same kind of values.
    pub fn of(reference: &ColumnProfile, current: &ColumnProfile) -> Option<Self> {
        match (&reference.data, &current.data) {
            (Data::Numbers(a), Data::Numbers(b)) => Self::of_numbers(a, b),
            (Data::Words(a), Data::Words(b)) => Some(Self::of_words(a, b)),
            _ => None,
        }
    }

    fn of_numbers(reference: &Numbers, current: &Numbers) -> Option<Self> {
        let (a, b) = (few(reference), few(current));
        if let (Some(a), Some(b)) = (a, b) {
            let mut values: Vec<f64> = a.iter().chain(&b).map(|it| it.0).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.dedup();
            if values.len() <= SINGLE_VALUES {
                let shares = |counts: &[(f64, u64)], all: u64| {
                    let count = |value: &f64| counts.iter().find(|it| it.0 == *value).map_or(0, |it| it.1);
                    values.iter().map(|it| share(count(it), all)).collect()
                };
                let (reference, current) = (shares(&a, reference.count), shares(&b, current.count));
                return Some(Self::Bars { labels: values.iter().map(f64::to_string).collect(), reference, current });
            }
        }
        let low = [reference, current].iter().filter_map(|it| it.quantile(TAIL)).reduce(f64::min)?;
        let high = [reference, current].iter().filter_map(|it| it.quantile(1.0 - TAIL)).reduce(f64::max)?;
        let (low, width) = grid(low, high, is_whole(reference) && is_whole(current));
        if !(width > 0.0 && width.is_finite()) {
            return None;
        }
        let n_bins = (((high - low) / width).ceil().max(1.0) as usize).min(BINS);
        let edges: Vec<f64> = (0..=n_bins).map(|it| low + width * it as f64).collect();
        let shares =
            |numbers: &Numbers| bins(numbers, low, width, n_bins).iter().map(|it| share(*it, numbers.count)).collect();
        Some(Self::Bins { reference: shares(reference), current: shares(current), edges })
    }

    fn of_words(reference: &Categories, current: &Categories) -> Self {
        let count = |of: &Categories, word: &str| of.counts.iter().find(|it| it.0 == word).map_or(0, |it| it.1);
        let top = |of: &Categories| of.counts.iter().take(WORDS).map(|it| it.0.clone()).collect::<Vec<String>>();
        let mut words = top(reference);
        words.truncate(WORDS * 3 / 4);
        for word in top(current).into_iter().chain(top(reference)) {
            if words.len() < WORDS && !words.contains(&word) {
                words.push(word);
            }
        }
        let shares = |of: &Categories| {
            let counts: Vec<u64> = words.iter().map(|it| count(of, it)).collect();
            let rest = of.count - counts.iter().sum::<u64>().min(of.count);
            counts.into_iter().chain([rest]).map(|it| share(it, of.count)).collect::<Vec<f64>>()
        };
        let (mut reference, mut current) = (shares(reference), shares(current));
        let mut labels: Vec<String> = words.iter().map(|it| shortened(it)).collect();
        labels.push("(all others)".to_owned());
        if reference.last() == Some(&0.0) && current.last() == Some(&0.0) {
            labels.pop();
            reference.pop();
            current.pop();
        }
        Self::Bars { labels, reference, current }
    }
}

/// Begin and width of the bins. Whole numbers get bins of whole width, so that each bin holds as many of them.
fn grid(low: f64, high: f64, is_whole: bool) -> (f64, f64) {
    let width = (high - low) / BINS as f64;
    if is_whole && high - low < 1e15 { (low - 0.5, ((high - low + 1.0) / BINS as f64).ceil()) } else { (low, width) }
}

const fn is_whole(numbers: &Numbers) -> bool {
    numbers.whole == numbers.count
}

/// Counts of numbers that are few and exact.
fn few(numbers: &Numbers) -> Option<Vec<(f64, u64)>> {
    let counts = numbers.is_exact().then(|| numbers.distinct()).filter(|it| it.0 <= SINGLE_VALUES as f64);
    counts.map(|_| numbers.counts())
}

fn bins(numbers: &Numbers, low: f64, width: f64, n_bins: usize) -> Vec<u64> {
    let mut bins = vec![0; n_bins];
    let mut add = |value: f64, count: u64| {
        let bin = ((value - low) / width).clamp(0.0, (n_bins - 1) as f64) as usize;
        if let Some(it) = bins.get_mut(bin) {
            *it += count;
        }
    };
    match &numbers.form {
        crate::numbers::NumberForm::Sorted(it) => it.iter().for_each(|it| add(*it, 1)),
        crate::numbers::NumberForm::Counted(it) => it.iter().for_each(|it| add(it.0, it.1)),
        crate::numbers::NumberForm::Sketched(it) => it.counts().iter().for_each(|it| add(it.0, it.1)),
    }
    bins
}

/// With six digits: more say nothing and fill files.
fn share(count: u64, all: u64) -> f64 {
    (count as f64 / all.max(1) as f64 * 1e6).round() / 1e6
}

fn shortened(word: &str) -> String {
    let end = word.char_indices().nth(LONGEST).map(|it| it.0);
    end.map_or_else(|| word.to_owned(), |it| format!("{}...", word.get(..it).unwrap_or_default()))
}
