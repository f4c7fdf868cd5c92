//! Which numbers describe a text, so that columns of texts can be compared? Four, and a vocabulary of the reference.
//!
//! Each number is a column of its own for the tests of numbers: a text column drifts if one of them does.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Words that are remembered while counting; rarer ones go when there are twice as many.
const MAX_WORDS: usize = 20_000;
/// Longer words count with their first characters.
const MAX_WORD_CHARACTERS: usize = 40;

/// Names of the numbers, in the order of [`Vocabulary::describe`].
pub const DESCRIPTORS: [&str; 4] = ["length", "non_letter_share", "words", "out_of_vocabulary_share"];

/// The words of a reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vocabulary {
    words: BTreeSet<String>,
}

impl Vocabulary {
    /// The words that were seen in at least two texts, or in any if there are fewer than a hundred texts.
    ///
    /// ```
    /// let vocabulary = learn::drift::text::Vocabulary::of(["payment failed", "payment done"]);
    /// assert_eq!(vocabulary.describe("Payment: lost!"), [14.0, 3.0 / 14.0, 2.0, 0.5]);
    /// ```
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        let mut n_texts = 0_u32;
        for text in texts {
            n_texts = n_texts.saturating_add(1);
            let different: BTreeSet<String> = words(text).collect();
            for word in different {
                *counts.entry(word).or_default() += 1;
            }
            if counts.len() > 2 * MAX_WORDS {
                let mut seen: Vec<u32> = counts.values().copied().collect();
                seen.sort_unstable_by(|a, b| b.cmp(a));
                let least = seen.get(MAX_WORDS).copied().unwrap_or(1);
                counts.retain(|_, count| *count > least);
            }
        }
        let least = if n_texts < 100 { 1 } else { 2 };
        Self { words: counts.into_iter().filter(|it| it.1 >= least).map(|it| it.0).collect() }
    }

    /// Characters; share of characters that are no letters; words; share of words that the
    /// reference does not have. Shares of an empty text are 0.
    pub fn describe(&self, text: &str) -> [f64; 4] {
        let [length, non_letters] = shape(text);
        let (mut n_words, mut unknown) = (0.0, 0.0);
        for word in words(text) {
            n_words += 1.0;
            unknown += f64::from(!self.words.contains(&word));
        }
        let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
        [length, non_letters, n_words, share(unknown, n_words)]
    }
}

/// Characters, and the share of them that are no letters.
pub fn shape(text: &str) -> [f64; 2] {
    let length = text.chars().count() as f64;
    let non_letters = text.chars().filter(|it| !it.is_alphabetic()).count() as f64;
    [length, if length > 0.0 { non_letters / length } else { 0.0 }]
}

/// Runs of letters and digits in lower case.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty());
    parts.map(|it| it.chars().take(MAX_WORD_CHARACTERS).flat_map(char::to_lowercase).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{Options, Sample, verdict};

    /// MUST 453.
    #[test]
    fn new_words_are_drift_where_lengths_are_the_same() {
        let texts = |names: [&str; 3]| -> Vec<String> {
            (0..300).map(|it| format!("order {} of {}", it % 7, names[it % 3])).collect()
        };
        let (reference, current) = (texts(["shoes", "books", "games"]), texts(["plums", "pears", "grape"]));
        let vocabulary = Vocabulary::of(reference.iter().map(String::as_str));
        let described = |texts: &[String], idx: usize| -> Vec<f64> {
            let mut values: Vec<f64> = texts.iter().map(|it| vocabulary.describe(it)[idx]).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let drifted: Vec<&str> = DESCRIPTORS
            .iter()
            .enumerate()
            .filter(|(idx, _)| {
                let (left, right) = (described(&reference, *idx), described(&current, *idx));
                verdict(&Sample::Numbers(&left), &Sample::Numbers(&right), &Options::default()).unwrap().drifted
            })
            .map(|it| *it.1)
            .collect();
        assert_eq!(drifted, ["out_of_vocabulary_share"]);
        assert_eq!(vocabulary.describe(""), [0.0; 4]);
    }
}
