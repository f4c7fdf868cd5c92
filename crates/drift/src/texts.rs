//! How are columns of free text compared? A sample of texts is kept as numbers that describe them and hashes of their words;
//! a column drifts if one of the numbers does, or if a classifier tells both sides apart.
//!
//! Words of half of the reference's sample are its vocabulary, and the other half is measured against it like the current
//! texts, so that without drift both sides lack as many words.

use std::collections::{HashMap, HashSet};

use learn::drift::multivariate::classify;
use learn::drift::text::{self, DESCRIPTORS};
use learn::drift::{Options, Sample, verdict};
use learn::outlier::matrix::Matrix;
use learn::sketch::hash_text;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// Texts that are kept before every other is left out.
const SAMPLED: usize = 1000;
/// Words of a text that are kept.
const MOST_WORDS: usize = 64;
/// Texts below which there is nothing to compare.
const FEWEST: usize = 50;
/// Words whose presence the classifier looks at.
const PRESENT: usize = 30;
/// The name of the classifier among the numbers.
const TOLD_APART: &str = "told_apart";

/// A text, as far as it is compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// Characters, and the share of them that are no letters.
    length: u32,
    non_letters: f32,
    /// Words, and the hashes of the first of them.
    n_words: u32,
    words: Vec<u32>,
    /// It has a space within, as names and identities seldom have.
    is_spaced: bool,
}

impl Text {
    fn of(text: &str) -> Self {
        let [length, non_letters] = text::shape(text);
        let mut words: Vec<u32> = text::words(text).map(|it| hash_text(&it) as u32).collect();
        let n_words = words.len() as u32;
        words.truncate(MOST_WORDS);
        let is_spaced = text.trim().contains(char::is_whitespace);
        Self { length: length as u32, non_letters: non_letters as f32, n_words, words, is_spaced }
    }
}

/// Keeps some texts of a column; which ones depends on their places alone.
#[derive(Clone, Debug)]
pub struct TextSample {
    texts: Vec<Box<str>>,
    seen: u64,
    stride: u64,
}

impl Default for TextSample {
    fn default() -> Self {
        Self { texts: Vec::new(), seen: 0, stride: 1 }
    }
}

impl TextSample {
    /// A text that comes so many times.
    #[inline]
    pub fn push(&mut self, text: &str, times: u64) {
        let is_kept = self.seen.next_multiple_of(self.stride) < self.seen + times;
        self.seen += times;
        if is_kept {
            self.texts.push(text.into());
            if self.texts.len() > SAMPLED {
                halve(&mut self.texts);
                self.stride *= 2;
            }
        }
    }

    /// What is compared of them; nothing of categories, most of which have no spaces.
    pub fn finish(self, kind: Kind) -> Vec<Text> {
        let texts: Vec<Text> = self.texts.iter().map(|it| Text::of(it)).collect();
        let spaced = texts.iter().filter(|it| it.is_spaced).count();
        if kind == Kind::Text || spaced * 2 > texts.len() { texts } else { vec![] }
    }
}

fn halve<T>(all: &mut Vec<T>) {
    let mut idx = 0;
    all.retain(|_| {
        idx += 1;
        idx % 2 == 1
    });
}

/// The sample of two parts of a column: of each as many as it has texts, so that no part counts more than another,
/// however many are merged one after the other.
pub fn merge((ours, n_ours): (&mut Vec<Text>, u64), (theirs, n_theirs): (&[Text], u64)) {
    // Of how many texts each that is kept stands for one: the coarser of both, and what has room.
    let (n_ours, n_theirs) = (if ours.is_empty() { 0 } else { n_ours }, if theirs.is_empty() { 0 } else { n_theirs });
    let per = |kept: usize, n: u64| n as f64 / kept.max(1) as f64;
    let room = (n_ours + n_theirs) as f64 / (SAMPLED - 1) as f64;
    let stride = per(ours.len(), n_ours).max(per(theirs.len(), n_theirs)).max(room).max(f64::MIN_POSITIVE);
    let thinned = |all: &[Text], n: u64| -> Vec<Text> {
        let wanted = ((n as f64 / stride).round() as usize).min(all.len());
        (0..wanted).filter_map(|it| all.get(it * all.len() / wanted).cloned()).collect()
    };
    let mut merged = thinned(ours, n_ours);
    merged.extend(thinned(theirs, n_theirs));
    *ours = merged;
}

/// One number of texts on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Descriptor {
    /// `length` in characters, `non_letter_share`, `words`, `out_of_vocabulary_share`, or `told_apart`: how well a
    /// classifier tells both sides apart, from 0.5 (not at all) to 1.
    pub name: String,
    /// Its mean in the reference; none of the classifier.
    pub reference: Option<f64>,
    /// Its mean in the current data, or what the classifier reaches.
    pub current: f64,
    /// Probability of such a difference without drift.
    pub p_value: Option<f64>,
    /// In standard deviations of the reference.
    pub effect: f64,
    /// Whether it drifted, taken alone.
    pub drifted: bool,
}

/// All numbers of a column of texts.
///
/// # Errors
/// In words, if the column is not of texts that can be compared.
pub fn compare(reference: &[Text], current: &[Text], options: &Options) -> Result<Vec<Descriptor>, String> {
    let spaced = reference.iter().filter(|it| it.is_spaced).count();
    if spaced * 2 < reference.len() || reference.is_empty() {
        return Err("nearly every cell differs and has no spaces: identities are not compared".to_owned());
    }
    if reference.len() < FEWEST || current.len() < FEWEST {
        return Err(format!("texts are compared from {FEWEST} on a side"));
    }
    let (vocabulary, held_out) = vocabulary(reference);
    let mut all = Vec::new();
    for (idx, name) in DESCRIPTORS.into_iter().enumerate() {
        let numbers =
            |texts: &[&Text]| sorted(texts.iter().filter_map(|it| describe(it, &vocabulary).get(idx).copied()));
        // What was counted into the vocabulary lacks no words.
        let is_of_words = name == "out_of_vocabulary_share";
        let ours: Vec<&Text> = if is_of_words { held_out.clone() } else { reference.iter().collect() };
        let (ours, theirs) = (numbers(&ours), numbers(&current.iter().collect::<Vec<_>>()));
        all.extend(descriptor(name, &ours, &theirs, options));
    }
    all.extend(told_apart(&held_out, current, &vocabulary, options));
    Ok(all)
}

/// Words of every other text of the reference that came twice, or once of few texts; and the other texts.
fn vocabulary(reference: &[Text]) -> (HashSet<u32>, Vec<&Text>) {
    let mut counts: HashMap<u32, u32> = HashMap::new();
    for text in reference.iter().step_by(2) {
        let different: HashSet<&u32> = text.words.iter().collect();
        different.into_iter().for_each(|it| *counts.entry(*it).or_default() += 1);
    }
    let least = if reference.len() < 200 { 1 } else { 2 };
    let known = counts.into_iter().filter(|it| it.1 >= least).map(|it| it.0).collect();
    (known, reference.iter().skip(1).step_by(2).collect())
}

/// The numbers in the order of [`DESCRIPTORS`].
fn describe(text: &Text, vocabulary: &HashSet<u32>) -> [f64; 4] {
    let unknown = text.words.iter().filter(|it| !vocabulary.contains(it)).count() as f64;
    let share = if text.words.is_empty() { 0.0 } else { unknown / text.words.len() as f64 };
    [f64::from(text.length), f64::from(text.non_letters), f64::from(text.n_words), share]
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// None where all texts are the same in this.
fn descriptor(name: &str, reference: &[f64], current: &[f64], options: &Options) -> Option<Descriptor> {
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len().max(1) as f64;
    let finding = verdict(&Sample::Numbers(reference), &Sample::Numbers(current), options).ok()?;
    Some(Descriptor {
        name: name.to_owned(),
        reference: Some(mean(reference)),
        current: mean(current),
        p_value: finding.p_value,
        effect: finding.effect.clamp(0.0, 1e6),
        drifted: finding.drifted,
    })
}

/// A classifier between both sides that sees the numbers and whether frequent words are there.
fn told_apart(
    reference: &[&Text],
    current: &[Text],
    vocabulary: &HashSet<u32>,
    options: &Options,
) -> Option<Descriptor> {
    let mut counts: HashMap<u32, u32> = HashMap::new();
    let pooled = || reference.iter().copied().chain(current);
    pooled().for_each(|it| it.words.iter().for_each(|word| *counts.entry(*word).or_default() += 1));
    let mut frequent: Vec<(u32, u32)> = counts.into_iter().collect();
    frequent.sort_unstable_by_key(|it| (std::cmp::Reverse(it.1), it.0));
    frequent.truncate(PRESENT);
    let matrix = |texts: &mut dyn Iterator<Item = &Text>| {
        let mut rows = Matrix::new(DESCRIPTORS.len() + frequent.len());
        for text in texts {
            let has = |it: &(u32, u32)| f64::from(u8::from(text.words.contains(&it.0)));
            let row: Vec<f64> = describe(text, vocabulary).into_iter().chain(frequent.iter().map(has)).collect();
            rows.push(&row);
        }
        rows
    };
    let (ours, theirs) = (matrix(&mut reference.iter().copied()), matrix(&mut current.iter()));
    let found = classify(&ours, &theirs, options.seed).ok()?;
    // The area under the curve of two normal distributions this far apart.
    let effect = std::f64::consts::SQRT_2 * learn::probability::normal_quantile(found.area.clamp(0.5, 0.999_999));
    let drifted = found.p_value <= options.alpha && found.area > 0.5 && effect >= options.min_effect;
    // An area below a half is chance: it says that nothing tells them apart.
    let p_value = if found.area > 0.5 { found.p_value } else { 1.0 };
    Some(Descriptor {
        name: TOLD_APART.to_owned(),
        reference: None,
        current: found.area,
        p_value: Some(p_value),
        effect,
        drifted,
    })
}

#[cfg(test)]
mod tests {
    use learn::random::Random;

    use super::*;

    const WORDS: [&str; 12] =
        ["order", "late", "the", "box", "was", "broken", "thanks", "for", "quick", "refund", "please", "again"];

    fn texts(n: usize, seed: u64, more: &[&str], longest: usize) -> Vec<Text> {
        let mut random = Random::new(seed);
        let mut sample = TextSample::default();
        for _ in 0..n {
            let pool: Vec<&str> = WORDS.iter().chain(more).copied().collect();
            let length = 4 + random.below(longest);
            let words: Vec<&str> = (0..length).map(|_| pool[random.below(pool.len())]).collect();
            sample.push(&words.join(" "), 1);
        }
        sample.finish(Kind::Text)
    }

    fn drifted(reference: &[Text], current: &[Text]) -> Vec<String> {
        let all = compare(reference, current, &Options::default()).unwrap();
        all.into_iter().filter(|it| it.drifted).map(|it| it.name).collect()
    }

    /// MUST 617.
    #[test]
    fn new_words_and_longer_texts_are_drift_and_the_same_texts_are_not() {
        let reference = texts(900, 1, &[], 8);
        let mut false_alarms = 0;
        for seed in 2..12 {
            false_alarms += usize::from(!drifted(&reference, &texts(900, seed, &[], 8)).is_empty());
        }
        assert!(false_alarms <= 3, "{false_alarms} of 10");
        let new_words = drifted(&reference, &texts(900, 3, &["lawsuit", "scam"], 8));
        assert!(new_words.contains(&"out_of_vocabulary_share".to_owned()), "{new_words:?}");
        assert!(
            new_words.contains(&TOLD_APART.to_owned()) && !new_words.contains(&"words".to_owned()),
            "{new_words:?}"
        );
        let longer = drifted(&reference, &texts(900, 3, &[], 14));
        assert!(longer.contains(&"length".to_owned()) && longer.contains(&"words".to_owned()), "{longer:?}");
    }

    #[test]
    fn identities_and_few_texts_are_not_compared() {
        let mut ids = TextSample::default();
        (0..500).for_each(|it| ids.push(&format!("customer-{it}"), 1));
        let ids = ids.finish(Kind::Text);
        assert!(compare(&ids, &ids, &Options::default()).unwrap_err().contains("identities"));
        let few = texts(20, 1, &[], 8);
        assert!(compare(&few, &few, &Options::default()).unwrap_err().contains("from 50 on"));
    }

    #[test]
    fn a_sample_is_bounded_and_of_all_parts() {
        let mut sample = TextSample::default();
        (0..100_000).for_each(|it| sample.push(&format!("text {it}"), 1 + it % 3));
        let mut all = sample.finish(Kind::Text);
        assert!((SAMPLED / 2..=SAMPLED).contains(&all.len()), "{}", all.len());
        let other = texts(900, 1, &[], 3);
        merge((&mut all, 200_000), (&other, 100_000));
        assert!(all.len() <= SAMPLED && all.iter().any(|it| other.contains(it)));
        let n = all.len();
        merge((&mut all, 300_000), (&[], 50));
        assert_eq!(all.len(), n);
    }

    #[test]
    fn parts_that_are_merged_one_after_the_other_count_the_same() {
        let part = |idx: usize| -> Vec<Text> {
            let mut sample = TextSample::default();
            (0..3000).for_each(|it| sample.push(&format!("{} of {it}", "x".repeat(idx + 1)), 1));
            sample.finish(Kind::Text)
        };
        let mut all = part(0);
        (1..8).for_each(|it| merge((&mut all, 3000 * it as u64), (&part(it), 3000)));
        let first_words: Vec<u32> = (0..8).map(|it| hash_text(&"x".repeat(it + 1)) as u32).collect();
        let of = |word: &u32| all.iter().filter(|it| it.words.first() == Some(word)).count();
        let counts: Vec<usize> = first_words.iter().map(of).collect();
        assert!(counts.iter().all(|it| (90..=150).contains(it)), "{counts:?}");
    }
}
