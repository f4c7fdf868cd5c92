//! How alike are two texts without a model? Each is a sparse vector of hashed features: its words, their parts of three
//! and four letters (so that `timeout` is near `time-out` and near misspellings), and the ideas that operators name in
//! several ways. Features weigh by their rarity in the documents at hand.
//!
//! Source: the weights are those of Arora, Liang, Ma: A Simple but Tough-to-Beat Baseline for Sentence Embeddings (2017)
//! in spirit, the subword features those of Bojanowski et al.: Enriching Word Vectors with Subword Information (2017).

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::concepts;
use crate::postings::rarity;

/// Seeds that keep the three kinds of feature apart.
const WORD: u64 = 1;
const PART: u64 = 2;
const IDEA: u64 = 3;
/// What all parts of a word weigh together, and an idea, where a word weighs 1.
const PARTS_SHARE: f32 = 0.7;
const IDEA_SHARE: f32 = 1.0;

/// What a feature weighs that no document has.
const UNKNOWN_SHARE: f32 = 0.35;

/// A feature and how much of it there is.
type Feature = (u64, f32);

/// The vectors of documents, which are numbered from 0; built once, from all of them.
#[derive(Default)]
pub struct Shapes {
    /// By feature: document and weight; each document's weights have length 1.
    lists: HashMap<u64, Vec<(u32, f32)>>,
    n_documents: usize,
}

impl Shapes {
    /// The vectors of documents, by their words.
    pub fn of<'a>(documents: impl Iterator<Item = &'a [String]>) -> Self {
        let features: Vec<Vec<Feature>> = documents.map(features).collect();
        let mut shapes = Self { lists: HashMap::new(), n_documents: features.len() };
        for (idx, list) in features.iter().enumerate() {
            for (feature, _) in list {
                shapes.lists.entry(*feature).or_default().push((u32::try_from(idx).unwrap_or(u32::MAX), 0.0));
            }
        }
        let rarities: HashMap<u64, f32> =
            shapes.lists.iter().map(|(feature, list)| (*feature, rarity(list.len(), features.len()))).collect();
        let weight = |(feature, amount): &Feature| amount * rarities.get(feature).copied().unwrap_or(0.0);
        // Documents come in order, so the n-th entry of a list is found by counting.
        let mut filled: HashMap<u64, usize> = HashMap::new();
        for list in &features {
            let length = list.iter().map(|it| weight(it).powi(2)).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            for feature in list {
                let at = filled.entry(feature.0).or_default();
                let slot = shapes.lists.get_mut(&feature.0).and_then(|it| it.get_mut(*at));
                if let Some((_, value)) = slot {
                    *value = weight(feature) / length;
                }
                *at += 1;
            }
        }
        shapes
    }

    /// The cosine of each document with a text.
    pub fn cosines(&self, words: &[String]) -> Vec<f32> {
        let mut cosines = vec![0.0; self.n_documents];
        let mut length = 0.0;
        for (feature, amount) in features(words) {
            let list = self.lists.get(&feature);
            // What no document has makes the text less alike to all of them, but a misspelled word has many such parts.
            let known = if list.is_some() { 1.0 } else { UNKNOWN_SHARE };
            let weight = known * amount * rarity(list.map_or(0, Vec::len), self.n_documents);
            length += weight * weight;
            for (document, value) in list.into_iter().flatten() {
                if let Some(it) = cosines.get_mut(*document as usize) {
                    *it += weight * value;
                }
            }
        }
        let length = length.sqrt().max(f32::MIN_POSITIVE);
        cosines.iter_mut().for_each(|it| *it /= length);
        cosines
    }
}

fn features(words: &[String]) -> Vec<Feature> {
    let mut amounts: HashMap<u64, f32> = HashMap::new();
    for word in words {
        *amounts.entry(xxh3_64_with_seed(word.as_bytes(), WORD)).or_default() += 1.0;
        let parts = parts(word);
        let share = PARTS_SHARE / (parts.len() as f32).sqrt();
        for part in parts {
            *amounts.entry(part).or_default() += share;
        }
    }
    for idea in concepts::of(words) {
        *amounts.entry(xxh3_64_with_seed(&idea.to_le_bytes(), IDEA)).or_default() += IDEA_SHARE;
    }
    // A word that is said ten times is not ten times as much.
    let damped = |amount: f32| if amount > 1.0 { 1.0 + amount.ln() } else { amount };
    let mut features: Vec<Feature> = amounts.into_iter().map(|(feature, amount)| (feature, damped(amount))).collect();
    // Sums of the same numbers in another order differ in their last digit, and ranks with them.
    features.sort_unstable_by_key(|it| it.0);
    features
}

/// Runs of three and four letters, the ends of the word marked.
fn parts(word: &str) -> Vec<u64> {
    let marked: Vec<char> = std::iter::once('<').chain(word.chars()).chain(std::iter::once('>')).collect();
    let runs = [3, 4].into_iter().flat_map(|it| marked.windows(it));
    let hash = |run: &[char]| xxh3_64_with_seed(run.iter().collect::<String>().as_bytes(), PART);
    let mut parts: Vec<u64> = runs.map(hash).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::terms;

    fn cosines(query: &str) -> Vec<f32> {
        let texts = ["checkout latency is high", "disk of the database is full", "certificate expired on gateway"];
        let words: Vec<Vec<String>> = texts.iter().map(|it| terms(it)).collect();
        Shapes::of(words.iter().map(Vec::as_slice)).cosines(&terms(query))
    }

    #[test]
    fn other_words_and_misspellings_are_near() {
        assert!(cosines("slow chekout")[0] > 0.2);
        let scores = cosines("no space left on volume");
        assert!(scores[1] > scores[0] && scores[1] > scores[2], "{scores:?}");
        assert_eq!(cosines(""), [0.0; 3]);
        let own = cosines("disk of the database is full");
        assert!((own[1] - 1.0).abs() < 1e-5, "{own:?}");
    }
}
