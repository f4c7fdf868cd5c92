//! How well are log lines grouped into templates? Grouping accuracy, and the share of groups that are whole.
//!
//! Zhu et al., "Tools and Benchmarks for Automated Log Parsing", ICSE-SEIP 2019; the F1 of groups as in Jiang et al.,
//! "A Large-Scale Evaluation for Log Parsing Techniques", ISSTA 2024.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// How two groupings of the same lines agree.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Grouping {
    /// Share of lines, 0 to 1, whose predicted group has exactly the lines of their true group. NaN without lines.
    pub accuracy: f64,
    /// Harmonic mean of the shares of predicted and of true groups that are whole, 0 to 1: each statement counts the
    /// same, however often it was logged. NaN without lines.
    pub f1: f64,
    /// Predicted groups.
    pub n_predicted: usize,
    /// True groups.
    pub n_true: usize,
}

/// Compares the group of each line with its true group, in O(lines). What one slice has more than the other is left out.
///
/// ```
/// use learn::evaluate::grouping::grouping;
///
/// let found = grouping(&["a", "a", "b", "c"], &[1, 1, 2, 2]);
/// assert_eq!((found.accuracy, found.n_predicted, found.n_true), (0.5, 3, 2));
/// ```
pub fn grouping<P: Eq + Hash, T: Eq + Hash>(predicted: &[P], truth: &[T]) -> Grouping {
    let mut both: HashMap<(&P, &T), usize> = HashMap::new();
    let (mut of_predicted, mut of_truth) = (HashMap::<&P, usize>::new(), HashMap::<&T, usize>::new());
    for (p, t) in predicted.iter().zip(truth) {
        *both.entry((p, t)).or_default() += 1;
        *of_predicted.entry(p).or_default() += 1;
        *of_truth.entry(t).or_default() += 1;
    }
    let whole: HashSet<(&P, &T)> = both
        .iter()
        .filter(|((p, t), count)| of_predicted.get(p) == Some(*count) && of_truth.get(t) == Some(*count))
        .map(|(pair, _)| *pair)
        .collect();
    let lines = predicted.len().min(truth.len());
    let right: usize = whole.iter().filter_map(|it| both.get(it)).sum();
    Grouping {
        accuracy: right as f64 / lines as f64,
        f1: 2.0 * whole.len() as f64 / (of_predicted.len() + of_truth.len()) as f64,
        n_predicted: of_predicted.len(),
        n_true: of_truth.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_right_only_if_its_whole_group_is() {
        let truth = [1, 1, 1, 2, 2, 3];
        assert_eq!(grouping(&["x", "x", "x", "y", "y", "z"], &truth).accuracy, 1.0);
        // One line split off makes all three wrong; one taken in makes both groups wrong.
        assert_eq!(grouping(&["x", "x", "w", "y", "y", "z"], &truth).accuracy, 0.5);
        assert_eq!(grouping(&["x", "x", "x", "y", "y", "y"], &truth).accuracy, 0.5);
        let joined = grouping(&["x"; 6], &truth);
        assert_eq!((joined.accuracy, joined.f1, joined.n_predicted, joined.n_true), (0.0, 0.0, 1, 3));
    }

    #[test]
    fn rare_statements_weigh_as_much_as_frequent_ones_in_f1() {
        let truth = [1, 1, 1, 1, 1, 1, 1, 1, 2, 3];
        let found = grouping(&["a", "a", "a", "a", "a", "a", "a", "a", "b", "b"], &truth);
        assert_eq!((found.accuracy, found.f1), (0.8, 0.4));
        assert!(grouping::<u8, u8>(&[], &[]).accuracy.is_nan());
    }
}
