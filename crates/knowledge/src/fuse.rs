//! How do two rankings become one? Each score is taken relative to the best of its list, and where a list is sure (its
//! best is far ahead) it counts; ranks break ties.
//!
//! Source: the rank part is Cormack, Clarke, Buettcher: Reciprocal Rank Fusion outperforms Condorcet (2009); the score part
//! Bruch, Gai, Ingber: An Analysis of Fusion Functions for Hybrid Retrieval (2023).

/// Flattens the difference between ranks.
const RANK_OFFSET: f64 = 10.0;
/// What the words weigh beside the built-in vectors, and beside those of a model, which know more. Both were chosen by
/// `sentinel eval retrieval` on four sets of templates and hold on the four that were left out.
pub const BESIDE_BUILT_IN: f64 = 0.35;
pub const BESIDE_MODEL: f64 = 0.3;

/// What a document got from both lists.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fused {
    /// Its number.
    pub document: usize,
    /// Both together, 0 to 1.
    pub score: f64,
    /// BM25.
    pub words: f64,
    /// Cosine.
    pub vector: f64,
}

/// Joins BM25 scores and cosines of the same documents; documents with neither are left out. Best first.
pub fn fuse(words: &[f64], vectors: &[f64], share: f64) -> Vec<Fused> {
    let (word_ranks, vector_ranks) = (ranks(words), ranks(vectors));
    let best = |list: &[f64]| list.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let (best_words, best_vector) = (best(words), best(vectors));
    let mut fused = vec![];
    let lists = words.iter().zip(vectors).zip(word_ranks.iter().zip(&vector_ranks));
    for (document, ((words, vector), (word_rank, vector_rank))) in lists.enumerate() {
        if *words <= 0.0 && *vector <= 0.0 {
            continue;
        }
        let by_score = share * words / best_words + (1.0 - share) * vector.max(0.0) / best_vector;
        let by_rank = share * reciprocal(*words, *word_rank) + (1.0 - share) * reciprocal(*vector, *vector_rank);
        let score = f64::midpoint(by_score, by_rank);
        fused.push(Fused { document, score, words: *words, vector: *vector });
    }
    fused.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document)));
    fused
}

fn reciprocal(score: f64, rank: usize) -> f64 {
    if score > 0.0 { (RANK_OFFSET + 1.0) / (RANK_OFFSET + 1.0 + rank as f64) } else { 0.0 }
}

/// The place of each, 0 for the best; equal scores share the better place.
fn ranks(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<(usize, f64)> = scores.iter().copied().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut ranks = vec![0; scores.len()];
    let mut place = (0, f64::NAN);
    for (at, (idx, score)) in order.into_iter().enumerate() {
        if score != place.1 {
            place = (at, score);
        }
        if let Some(it) = ranks.get_mut(idx) {
            *it = place.0;
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_lists_like_is_first() {
        let order: Vec<usize> =
            fuse(&[3.0, 2.9, 0.0, 0.0], &[0.1, 0.8, 0.9, 0.0], BESIDE_BUILT_IN).iter().map(|it| it.document).collect();
        assert_eq!(order, [1, 0, 2]);
    }

    #[test]
    fn one_empty_list_leaves_the_other() {
        let order: Vec<usize> =
            fuse(&[0.0, 0.0, 0.0], &[0.2, 0.5, -0.1], BESIDE_BUILT_IN).iter().map(|it| it.document).collect();
        assert_eq!(order, [1, 0]);
        assert!(fuse(&[], &[], BESIDE_BUILT_IN).is_empty());
    }
}
