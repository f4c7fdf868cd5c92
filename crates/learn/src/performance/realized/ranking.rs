//! Are ordered lists in a good order? Each list is one question: scores that the model gave, and how relevant each item
//! turned out to be.

/// Normalized discounted cumulative gain of one list at its first `k` items: 1 is the best order. Items with the same
/// score share the mean of their gains, as in scikit-learn. NaN if nothing is relevant or a score is NaN.
///
/// Source: Jarvelin, Kekalainen: Cumulated gain-based evaluation of IR techniques, ACM TOIS 20 (2002).
pub fn ndcg(scores: &[f64], relevance: &[f64], k: usize) -> f64 {
    let Some(order) = from_high_to_low(scores, relevance) else { return f64::NAN };
    let mut ideal = relevance.to_vec();
    ideal.sort_by(|left, right| right.total_cmp(left));
    let best: f64 = ideal.iter().enumerate().map(|(rank, gain)| gain * discount(rank, k)).sum();
    let (mut rank, mut got) = (0, 0.0);
    for tie in order.chunk_by(|left, right| left.0 == right.0) {
        let gain = tie.iter().map(|it| it.1).sum::<f64>() / tie.len() as f64;
        got += gain * (rank..rank + tie.len()).map(|it| discount(it, k)).sum::<f64>();
        rank += tie.len();
    }
    got / best
}

/// One over the place (from 1) of the first relevant item; 0 if none is relevant. The mean over lists is the mean
/// reciprocal rank. Of items with the same score those that come first in the list are first. NaN if a score is NaN.
pub fn reciprocal_rank(scores: &[f64], relevance: &[f64]) -> f64 {
    let Some(order) = from_high_to_low(scores, relevance) else { return f64::NAN };
    order.iter().position(|it| it.1 > 0.0).map_or(0.0, |place| 1.0 / (place + 1) as f64)
}

/// Mean of the precisions at the places of relevant items. The mean over lists is the mean average precision. NaN if
/// nothing is relevant or a score is NaN.
pub fn average_precision(scores: &[f64], relevance: &[f64]) -> f64 {
    let labels: Vec<bool> = relevance.iter().map(|it| *it > 0.0).collect();
    crate::evaluate::ranking::average_precision(scores, &labels)
}

/// Share of the first `k` items that are relevant. NaN if the list is shorter or a score is NaN.
pub fn precision_at(scores: &[f64], relevance: &[f64], k: usize) -> f64 {
    let order = from_high_to_low(scores, relevance);
    let first = order.as_ref().and_then(|it| it.get(..k)).filter(|it| !it.is_empty());
    first.map_or(f64::NAN, |it| it.iter().filter(|it| it.1 > 0.0).count() as f64 / k as f64)
}

/// Share of the relevant items that are among the first `k`. NaN if nothing is relevant, `k` is 0 or a score is NaN.
pub fn recall_at(scores: &[f64], relevance: &[f64], k: usize) -> f64 {
    let Some(order) = from_high_to_low(scores, relevance).filter(|_| k > 0) else { return f64::NAN };
    let found = order.iter().take(k).filter(|it| it.1 > 0.0).count();
    let all = order.iter().filter(|it| it.1 > 0.0).count();
    found as f64 / all as f64
}

/// The mean of a measure over lists that have one; NaN if none has.
pub fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let known: Vec<f64> = values.into_iter().filter(|it| !it.is_nan()).collect();
    known.iter().sum::<f64>() / known.len() as f64
}

fn discount(rank: usize, k: usize) -> f64 {
    if rank < k { 1.0 / ((rank + 2) as f64).log2() } else { 0.0 }
}

/// Stable, so that ties stay in the order of the list.
fn from_high_to_low(scores: &[f64], relevance: &[f64]) -> Option<Vec<(f64, f64)>> {
    let is_known = scores.len() == relevance.len() && scores.iter().all(|it| !it.is_nan());
    let mut order: Vec<(f64, f64)> = scores.iter().copied().zip(relevance.iter().copied()).collect();
    order.sort_by(|left, right| right.0.total_cmp(&left.0));
    is_known.then_some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_without_an_answer_have_no_gain_and_no_place() {
        assert!(ndcg(&[1.0, 2.0], &[0.0, 0.0], 2).is_nan());
        assert_eq!(reciprocal_rank(&[1.0, 2.0], &[0.0, 0.0]), 0.0);
        assert!(precision_at(&[1.0], &[1.0], 2).is_nan() && precision_at(&[1.0], &[1.0], 0).is_nan());
        assert_eq!(mean([0.5, f64::NAN, 1.0]), 0.75);
    }

    #[test]
    fn the_best_order_is_1() {
        assert_eq!(ndcg(&[3.0, 2.0, 1.0], &[3.0, 2.0, 0.0], 3), 1.0);
        assert_eq!(reciprocal_rank(&[1.0, 3.0, 2.0], &[1.0, 0.0, 0.0]), 1.0 / 3.0);
        assert_eq!(precision_at(&[1.0, 3.0, 2.0], &[1.0, 0.0, 1.0], 2), 0.5);
        assert_eq!(recall_at(&[1.0, 3.0, 2.0], &[1.0, 0.0, 1.0], 2), 0.5);
        assert_eq!(recall_at(&[1.0, 3.0, 2.0], &[1.0, 0.0, 1.0], 9), 1.0);
        assert!(recall_at(&[1.0], &[0.0], 1).is_nan() && recall_at(&[1.0], &[1.0], 0).is_nan());
    }
}
