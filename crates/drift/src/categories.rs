//! How are the words of a column counted? Each of them while they are few thousand, then the frequent ones.

use std::collections::HashMap;

use learn::sketch::{Distinct, hash_text};
use serde::{Deserialize, Serialize};

use crate::config::Budget;
use crate::texts::TextSample;

/// Longer words are cut: a category is a name, not a document.
const LONGEST: usize = 120;

/// Counts of words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Categories {
    /// Words with their counts, the most frequent first.
    pub counts: Vec<(String, u64)>,
    /// Cells whose word was too rare to be kept.
    pub others: u64,
    /// All cells.
    pub count: u64,
    /// How many different words, where rare ones were not kept.
    pub distinct: Option<Distinct>,
}

impl Categories {
    /// Whether every word was kept.
    pub const fn is_exact(&self) -> bool {
        self.distinct.is_none()
    }

    /// How many different words, and whether that is exact.
    pub fn distinct(&self) -> (f64, bool) {
        self.distinct.as_ref().map_or((self.counts.len() as f64, true), |it| (it.estimate(), false))
    }

    /// Flags, as every program writes them, become `true` and `false`; a column with any other word stays as it is.
    pub fn plain_flags(&mut self) {
        if self.counts.iter().any(|it| plain_flag(&it.0).is_none()) || self.others > 0 {
            return;
        }
        let mut all: HashMap<String, u64> = HashMap::new();
        for (word, count) in std::mem::take(&mut self.counts) {
            *all.entry(plain_flag(&word).unwrap_or_default().to_owned()).or_default() += count;
        }
        self.counts = by_count(all);
    }

    /// The same with at most so many words, for a file.
    pub fn condensed(&self, words: usize) -> Self {
        if self.counts.len() <= words {
            return self.clone();
        }
        let (kept, dropped) = self.counts.split_at(words);
        let others = self.others + dropped.iter().map(|it| it.1).sum::<u64>();
        Self { counts: kept.to_vec(), others, count: self.count, distinct: Some(self.hashes()) }
    }

    /// Takes in the words of another part of the same column.
    pub fn merge(&mut self, other: &Self, budget: &Budget) {
        let is_exact = self.is_exact() && other.is_exact();
        let mut distinct = self.hashes();
        distinct.merge(&other.hashes());
        let mut all: HashMap<String, u64> = std::mem::take(&mut self.counts).into_iter().collect();
        other.counts.iter().for_each(|(word, count)| *all.entry(word.clone()).or_default() += count);
        let distinct = (!is_exact).then_some(distinct);
        let whole = Self {
            counts: by_count(all),
            others: self.others + other.others,
            count: self.count + other.count,
            distinct,
        };
        *self = whole.condensed(budget.categories);
    }

    fn hashes(&self) -> Distinct {
        let mut all = self.distinct.clone().unwrap_or_default();
        self.counts.iter().for_each(|it| all.learn_one(hash_text(&it.0)));
        all
    }
}

/// Takes words in.
#[derive(Clone, Debug)]
pub struct CategoryBuilder {
    budget: Budget,
    counts: HashMap<Box<str>, u64>,
    others: u64,
    count: u64,
    distinct: Option<Distinct>,
    texts: TextSample,
}

impl CategoryBuilder {
    /// Knows nothing yet.
    pub fn new(budget: Budget) -> Self {
        Self { budget, counts: HashMap::new(), others: 0, count: 0, distinct: None, texts: TextSample::default() }
    }

    /// Takes in a word that came so many times.
    pub fn push(&mut self, word: &str, times: u64) {
        self.texts.push(word, times);
        let word = cut(word);
        self.count += times;
        if let Some(count) = self.counts.get_mut(word) {
            *count += times;
            return;
        }
        if let Some(distinct) = &mut self.distinct {
            distinct.learn_one(hash_text(word));
        }
        self.counts.insert(word.into(), times);
        if self.counts.len() > self.budget.categories.max(1) {
            self.drop_rare();
        }
    }

    /// Half of the words stay: the frequent ones, so that this is done seldom.
    fn drop_rare(&mut self) {
        let distinct = self.distinct.get_or_insert_default();
        self.counts.keys().for_each(|it| distinct.learn_one(hash_text(it)));
        let mut all: Vec<(Box<str>, u64)> = self.counts.drain().collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let rare = all.split_off(self.budget.categories.max(1) / 2);
        self.others += rare.iter().map(|it| it.1).sum::<u64>();
        self.counts = all.into_iter().collect();
    }

    /// How many cells were words, and how many different ones.
    pub fn seen(&self) -> (u64, u64) {
        let distinct = self.distinct.as_ref().map_or(self.counts.len() as f64, Distinct::estimate);
        (self.count, distinct as u64)
    }

    /// Some of the cells as they came, for columns of free text.
    pub fn take_texts(&mut self) -> TextSample {
        std::mem::take(&mut self.texts)
    }

    /// The summary.
    pub fn finish(self) -> Categories {
        let counts = by_count(self.counts.into_iter().map(|it| (it.0.into_string(), it.1)).collect());
        Categories { counts, others: self.others, count: self.count, distinct: self.distinct }
    }
}

fn by_count(all: HashMap<String, u64>) -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = all.into_iter().collect();
    all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all
}

/// `true` or `false` for a word that says so in any letters: pandas writes `True`, spreadsheets write `TRUE`.
pub fn plain_flag(word: &str) -> Option<&'static str> {
    ["true", "false"].into_iter().find(|it| it.eq_ignore_ascii_case(word))
}

/// A word as it is kept.
pub(crate) fn cut(word: &str) -> &str {
    let end = word.char_indices().nth(LONGEST).map_or(word.len(), |it| it.0);
    word.get(..end).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(categories: usize) -> Budget {
        Budget { categories, ..Budget::default() }
    }

    fn build(words: &[&str], categories: usize) -> Categories {
        let mut builder = CategoryBuilder::new(budget(categories));
        words.iter().for_each(|it| builder.push(it, 1));
        builder.finish()
    }

    #[test]
    fn words_are_counted_the_most_frequent_first() {
        let counts = build(&["b", "a", "b", "c"], 100);
        assert_eq!(counts.counts, [("b".to_owned(), 2), ("a".to_owned(), 1), ("c".to_owned(), 1)]);
        assert_eq!((counts.count, counts.others, counts.distinct()), (4, 0, (3.0, true)));
    }

    #[test]
    fn of_too_many_words_the_frequent_ones_stay_and_none_is_lost_from_the_sum() {
        let mut builder = CategoryBuilder::new(budget(100));
        for round in 0..50_000_u64 {
            builder.push(&format!("rare-{round}"), 1);
            builder.push("often", 1);
        }
        let counts = builder.finish();
        assert_eq!(counts.counts.first(), Some(&("often".to_owned(), 50_000)));
        assert!(counts.counts.len() <= 100);
        assert_eq!(counts.counts.iter().map(|it| it.1).sum::<u64>() + counts.others, 100_000);
        let (distinct, is_exact) = counts.distinct();
        assert!(!is_exact && (distinct / 50_001.0 - 1.0).abs() < 0.05, "{distinct}");
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let mut merged = build(&["a", "b", "a"], 100);
        merged.merge(&build(&["c", "b"], 100), &budget(100));
        assert_eq!(merged, build(&["a", "b", "a", "c", "b"], 100));
    }

    /// Guarantees: MUST 888 of docs/specs/drift-report.md.
    #[test]
    fn flags_are_the_same_however_they_are_written() {
        let plain = |words: &[&str]| {
            let mut all = build(words, 10);
            all.plain_flags();
            all.counts.iter().map(|it| format!("{} {}", it.0, it.1)).collect::<Vec<_>>()
        };
        assert_eq!(plain(&["True", "False", "TRUE"]), ["true 2", "false 1"]);
        assert_eq!(plain(&["True", "maybe"]), ["True 1", "maybe 1"]);
        assert_eq!(plain(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_document_is_cut() {
        let counts = build(&[&"\u{e9}".repeat(1_000)], 10);
        assert_eq!(counts.counts[0].0.chars().count(), LONGEST);
    }
}
