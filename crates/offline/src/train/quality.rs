//! How good is a model on rows that it has not seen?

use serde::Serialize;

/// What is measured, by task; what does not apply is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Rows.
    pub rows: usize,
    /// Share of right classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Share of the most frequent class: what knowing nothing would reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy_of_the_most_frequent_class: Option<f64>,
    /// Area under the receiver operating characteristic, of two classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// Mean of the absolute errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_absolute_error: Option<f64>,
    /// Root of the mean of the squared errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_mean_squared_error: Option<f64>,
    /// Share of the variance that is explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
}

/// Of classes; `probabilities` of class 1 if there are two.
pub fn of_classes(truth: &[f64], told: &[f64], probabilities: Option<&[f64]>) -> Quality {
    let n = truth.len().max(1) as f64;
    let right = truth.iter().zip(told).filter(|(a, b)| a == b).count();
    let count = |class: f64| truth.iter().filter(|it| **it == class).count();
    let most = truth.iter().map(|it| count(*it)).max().unwrap_or(0);
    Quality {
        rows: truth.len(),
        accuracy: Some(right as f64 / n),
        accuracy_of_the_most_frequent_class: Some(most as f64 / n),
        auc: probabilities.and_then(|it| auc(truth, it)),
        ..Quality::default()
    }
}

/// Of numbers.
pub fn of_numbers(truth: &[f64], told: &[f64]) -> Quality {
    let n = truth.len().max(1) as f64;
    let errors = || truth.iter().zip(told).map(|(a, b)| a - b);
    let squared: f64 = errors().map(|it| it * it).sum();
    let mean = truth.iter().sum::<f64>() / n;
    let spread: f64 = truth.iter().map(|it| (it - mean) * (it - mean)).sum();
    Quality {
        rows: truth.len(),
        mean_absolute_error: Some(errors().map(f64::abs).sum::<f64>() / n),
        root_mean_squared_error: Some((squared / n).sqrt()),
        r2: (spread > 0.0).then(|| 1.0 - squared / spread),
        ..Quality::default()
    }
}

/// The share of pairs in which class 1 has the higher probability; ties count half. None if a class is absent.
fn auc(truth: &[f64], probabilities: &[f64]) -> Option<f64> {
    let mut order: Vec<(f64, bool)> = probabilities.iter().copied().zip(truth.iter().map(|it| *it == 1.0)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut wins, mut below) = (0.0, 0.0);
    for ties in order.chunk_by(|a, b| a.0 == b.0) {
        let ones = ties.iter().filter(|it| it.1).count() as f64;
        let zeros = ties.len() as f64 - ones;
        wins += ones * (below + zeros / 2.0);
        below += zeros;
    }
    let ones = order.len() as f64 - below;
    (ones > 0.0 && below > 0.0).then(|| wins / (ones * below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_their_definitions() {
        let truth = [0.0, 0.0, 1.0, 1.0];
        // The example of scikit-learn's `roc_auc_score`.
        assert_eq!(auc(&truth, &[0.1, 0.4, 0.35, 0.8]), Some(0.75));
        assert_eq!(auc(&truth, &[0.5; 4]), Some(0.5));
        assert_eq!(auc(&[1.0, 1.0], &[0.1, 0.2]), None);
        let it = of_classes(&[0.0, 1.0, 1.0, 1.0], &[0.0, 1.0, 0.0, 1.0], None);
        assert_eq!((it.accuracy, it.accuracy_of_the_most_frequent_class), (Some(0.75), Some(0.75)));
        // The examples of `mean_absolute_error` and `r2_score`.
        let it = of_numbers(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0]);
        assert_eq!(it.mean_absolute_error, Some(0.5));
        assert!((it.r2.unwrap() - 0.948_608).abs() < 1e-6);
    }
}
