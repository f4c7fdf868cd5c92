//! How well do scores rank what is labelled unusual above what is not? No threshold is chosen, nothing is adjusted.

/// Area under the receiver's curve: the chance that an unusual row has a higher score than a usual one, ties count
/// half. NaN if one of the two kinds is absent or a score is NaN.
///
/// Source: Mann, Whitney: On a test of whether one of two random variables is stochastically larger, 1947.
pub fn roc_auc(scores: &[f64], labels: &[bool]) -> f64 {
    let Some(order) = from_high_to_low(scores, labels) else { return f64::NAN };
    let (mut won, mut n_positive, mut n_negative) = (0.0, 0.0, 0.0);
    for tie in order.chunk_by(|left, right| left.0 == right.0) {
        let positive = tie.iter().filter(|it| it.1).count() as f64;
        let negative = tie.len() as f64 - positive;
        won += negative * (n_positive + positive / 2.0);
        n_positive += positive;
        n_negative += negative;
    }
    won / (n_positive * n_negative)
}

/// Average precision: the precision at each threshold, weighted by the recall that it adds; as scikit-learn has it.
/// NaN if nothing is labelled or a score is NaN.
pub fn average_precision(scores: &[f64], labels: &[bool]) -> f64 {
    let Some(order) = from_high_to_low(scores, labels) else { return f64::NAN };
    let (mut sum, mut n_seen, mut n_positive) = (0.0, 0.0, 0.0);
    for tie in order.chunk_by(|left, right| left.0 == right.0) {
        let positive = tie.iter().filter(|it| it.1).count() as f64;
        n_seen += tie.len() as f64;
        n_positive += positive;
        sum += positive * n_positive / n_seen;
    }
    sum / n_positive
}

/// Volume under the surface of precision and recall of a time series, over buffers of 0 to `max_buffer` rows around
/// each labelled span. In 0 to 1; NaN if nothing is labelled or a score is NaN.
///
/// Rows near a span count in part, by the square root of their nearness, so that a span found a little early or late
/// is not lost; recall is scaled by the share of spans that are touched at all. It is computed as its authors'
/// code does, at 250 thresholds, and is never point-adjusted.
///
/// Source: Paparrizos, Boniol, Palpanas, Tsay, Elmore, Franklin: Volume under the surface, PVLDB 15 (2022).
pub fn vus_pr(scores: &[f64], labels: &[bool], max_buffer: usize) -> f64 {
    let spans = spans(labels);
    if scores.len() != labels.len() || spans.is_empty() || scores.iter().any(|it| it.is_nan()) {
        return f64::NAN;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|left, right| at(scores, *right).total_cmp(&at(scores, *left)));
    let thresholds = thresholds(scores, &order);
    let volume: f64 =
        (0..=max_buffer).map(|buffer| range_average_precision(scores, labels, buffer, &order, &thresholds)).sum();
    volume / (max_buffer + 1) as f64
}

/// The labelled spans as (first, last) rows, both included.
pub fn spans(labels: &[bool]) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = vec![];
    for (row, _) in labels.iter().enumerate().filter(|it| *it.1) {
        match spans.last_mut() {
            Some(span) if span.1 + 1 == row => span.1 = row,
            _ => spans.push((row, row)),
        }
    }
    spans
}

fn at(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or(f64::NAN)
}

fn from_high_to_low(scores: &[f64], labels: &[bool]) -> Option<Vec<(f64, bool)>> {
    let is_known = scores.len() == labels.len() && scores.iter().all(|it| !it.is_nan());
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    order.sort_by(|left, right| right.0.total_cmp(&left.0));
    is_known.then_some(order)
}

/// 250 scores at equal distances of rank, from high to low.
fn thresholds(scores: &[f64], order: &[usize]) -> Vec<f64> {
    const N: usize = 250;
    let last = order.len().saturating_sub(1);
    (0..N).filter_map(|it| Some(at(scores, *order.get(it * last / (N - 1))?))).collect()
}

fn range_average_precision(scores: &[f64], labels: &[bool], buffer: usize, order: &[usize], thresholds: &[f64]) -> f64 {
    let soft = soften(labels, buffer);
    let soft_spans = spans(&soft.iter().map(|it| *it > 0.0).collect::<Vec<_>>());
    let peaks: Vec<f64> = soft_spans
        .iter()
        .map(|span| scores.get(span.0..=span.1).unwrap_or_default().iter().copied().fold(f64::NEG_INFINITY, f64::max))
        .collect();
    let n_labelled = labels.iter().filter(|it| **it).count() as f64;
    // Between the labels and the softened labels, so that recall is neither too small nor too large.
    let total = (n_labelled + soft.iter().sum::<f64>()) / 2.0;
    let (mut found, mut n_seen, mut recall_before, mut area) = (0.0, 0, 0.0, 0.0);
    for threshold in thresholds {
        while let Some(row) = order.get(n_seen).filter(|it| at(scores, **it) >= *threshold) {
            found += at(&soft, *row);
            n_seen += 1;
        }
        let touched = peaks.iter().filter(|it| *it >= threshold).count() as f64 / peaks.len() as f64;
        let recall = f64::min(found / total, 1.0) * touched;
        area += (recall - recall_before) * found / n_seen as f64;
        recall_before = recall;
    }
    area
}

/// 1 in labelled spans, falling to both sides over half the buffer.
fn soften(labels: &[bool], buffer: usize) -> Vec<f64> {
    let mut soft: Vec<f64> = labels.iter().map(|it| f64::from(u8::from(*it))).collect();
    for (first, last) in spans(labels) {
        // The authors' code begins the right side on the last labelled row itself, which stays 1.
        for distance in 0..buffer / 2 {
            let nearness = (1.0 - distance as f64 / buffer as f64).sqrt();
            if let Some(it) = soft.get_mut(last + distance) {
                *it += nearness;
            }
        }
        for distance in 1..=(buffer / 2).min(first) {
            let nearness = (1.0 - distance as f64 / buffer as f64).sqrt();
            if let Some(it) = soft.get_mut(first - distance) {
                *it += nearness;
            }
        }
    }
    soft.iter().map(|it| it.min(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 4] = [false, false, true, true];

    /// Guarantees: the values of scikit-learn's documentation for these very numbers.
    #[test]
    fn areas_are_those_of_scikit_learn() {
        let scores = [0.1, 0.4, 0.35, 0.8];
        assert!((roc_auc(&scores, &LABELS) - 0.75).abs() < 1e-12);
        assert!((average_precision(&scores, &LABELS) - 0.833_333_333_333).abs() < 1e-9);
    }

    #[test]
    fn ties_count_half() {
        assert_eq!(roc_auc(&[1.0; 4], &LABELS), 0.5);
        assert_eq!(average_precision(&[1.0; 4], &LABELS), 0.5);
        assert_eq!(roc_auc(&[0.0, 1.0, 1.0, 2.0], &LABELS), 0.875);
    }

    #[test]
    fn one_kind_only_or_nan_has_no_area() {
        assert!(roc_auc(&[1.0, 2.0], &[true, true]).is_nan());
        assert!(average_precision(&[1.0, 2.0], &[false, false]).is_nan());
        assert!(roc_auc(&[f64::NAN, 2.0], &[false, true]).is_nan());
        assert!(vus_pr(&[1.0, 2.0], &[false, false], 4).is_nan());
        assert!(vus_pr(&[1.0], &[false, true], 4).is_nan());
    }

    fn span_of_100(first: usize, last: usize) -> Vec<bool> {
        (0..100).map(|it| (first..=last).contains(&it)).collect()
    }

    #[test]
    fn near_misses_count_in_the_volume_and_far_ones_do_not() {
        let labels = span_of_100(50, 59);
        let scores =
            |first, last| span_of_100(first, last).iter().map(|it| f64::from(u8::from(*it))).collect::<Vec<_>>();
        let [hit, near, far] = [(50, 59), (46, 55), (10, 19)].map(|it| vus_pr(&scores(it.0, it.1), &labels, 20));
        assert!(hit > 0.8 && hit > near && near > far && far < 0.2, "{hit} {near} {far}");
        // Without a buffer it is the plain area.
        assert_eq!(vus_pr(&scores(50, 59), &labels, 0), 1.0);
    }

    #[test]
    fn labels_fall_to_both_sides() {
        let soft = soften(&span_of_100(50, 50), 8);
        assert_eq!((soft[50], soft[45], soft[54]), (1.0, 0.0, 0.0));
        assert!((soft[46] - 0.5f64.sqrt()).abs() < 1e-12 && (soft[53] - 0.625f64.sqrt()).abs() < 1e-12);
        assert_eq!(spans(&[true, true, false, true]), [(0, 1), (3, 3)]);
    }
}
