//! Which documents hold these words? An inverted index in memory, ranked by BM25.
//!
//! Source: Robertson, Zaragoza: The Probabilistic Relevance Framework: BM25 and Beyond (2009).

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

/// How fast a repeated word stops to count.
const SATURATION: f32 = 1.2;
/// How much long documents are held back.
const LENGTH: f32 = 0.75;

/// The words of documents, which are numbered from 0.
#[derive(Default)]
pub struct Postings {
    /// By hash of the word: document and how often.
    lists: HashMap<u64, Vec<(u32, f32)>>,
    lengths: Vec<f32>,
    mean_length: f32,
}

impl Postings {
    /// Adds the next document.
    pub fn push(&mut self, words: &[String]) {
        let document = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        let mut counts: HashMap<u64, f32> = HashMap::new();
        for word in words {
            *counts.entry(key(word)).or_default() += 1.0;
        }
        for (word, count) in counts {
            self.lists.entry(word).or_default().push((document, count));
        }
        self.lengths.push(words.len() as f32);
        self.mean_length += (words.len() as f32 - self.mean_length) / self.lengths.len() as f32;
    }

    /// The score of each document; 0 for those without any of the words.
    pub fn scores(&self, words: &[String]) -> Vec<f32> {
        let mut scores = vec![0.0; self.lengths.len()];
        let mut asked: Vec<u64> = words.iter().map(|it| key(it)).collect();
        asked.sort_unstable();
        asked.dedup();
        for word in asked {
            let Some(list) = self.lists.get(&word) else { continue };
            let rarity = rarity(list.len(), self.lengths.len());
            for (document, count) in list {
                let idx = *document as usize;
                let (Some(score), Some(length)) = (scores.get_mut(idx), self.lengths.get(idx)) else { continue };
                let norm = 1.0 - LENGTH + LENGTH * length / self.mean_length.max(1.0);
                *score += rarity * count * (SATURATION + 1.0) / (count + SATURATION * norm);
            }
        }
        scores
    }
}

fn key(word: &str) -> u64 {
    xxh3_64(word.as_bytes())
}

/// The inverse document frequency, never negative.
pub fn rarity(n_with: usize, n_all: usize) -> f32 {
    let (with, all) = (n_with as f32, n_all as f32);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::terms;

    #[test]
    fn rare_words_and_short_documents_count_more() {
        let mut postings = Postings::default();
        for text in ["pool exhausted", "pool of many other words about connections and timeouts", "disk full"] {
            postings.push(&terms(text));
        }
        let scores = postings.scores(&terms("exhausted pools"));
        assert!(scores[0] > scores[1] && scores[1] > 0.0 && scores[2] == 0.0, "{scores:?}");
        assert_eq!(postings.scores(&terms("nothing of it")), [0.0; 3]);
    }

    #[test]
    fn no_documents_is_no_failure() {
        assert!(Postings::default().scores(&terms("a pool")).is_empty());
    }
}
