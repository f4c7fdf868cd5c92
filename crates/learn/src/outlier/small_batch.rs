//! Which rows of a small batch are unusual, judged by each other and by a few rows that came before?

use super::blame::{Blame, shares_of};
use super::detector::Verdict;
use super::matrix::Matrix;
use super::standardize::quantile;

/// Fewer other rows say nothing about what is usual.
const MIN_OTHERS: usize = 3;
/// Up to this many rows each one is judged by the others alone; among more, one row does not matter.
const MANY: usize = 64;

/// Judges the rows of `batch` by each other and by those of `memory`; NaN is a missing value. 1 is the threshold.
///
/// It is robust: medians and distances of the middle half do not care for a minority of anomalies. `contamination`, in
/// 0 to 1, is how readily rows are called unusual: rows of a normal distribution exceed the threshold with less than a
/// fiftieth of that probability. It forces no share: in a batch without anomalies none are found, unlike in methods that
/// choose their threshold from the batch.
/// With enough rows relations between features count too. Scores are 0 where less than three other rows are known.
///
/// Source of the thresholds: Chernoff's bound of the normal tail; Laurent, Massart: Adaptive estimation of a quadratic
/// functional, Annals of Statistics 28 (2000), for the sum of squares.
pub fn judge_batch(memory: &Matrix, batch: &Matrix, contamination: f64) -> Vec<Verdict> {
    let n_features = batch.n_features();
    let known: Vec<&[f64]> = memory.rows().chain(batch.rows()).collect();
    let rarity = (50.0 / contamination.clamp(1e-6, 1.0)).ln();
    let relations = relations(&known, n_features);
    let sorted: Vec<Vec<f64>> = (0..n_features).map(|it| finite_values(&known, it)).collect();
    let one = |row: &[f64]| {
        let distances: Vec<f64> = row.iter().zip(&sorted).map(|(it, sorted)| distance(*it, sorted)).collect();
        let limit = (2.0 * (rarity + (n_features.max(1) as f64).ln())).sqrt();
        let score = distances.iter().copied().fold(0.0, f64::max) / limit;
        let contributions = shares_of(distances.iter().map(|it| it * it).collect());
        let by_relations = relations.as_ref().map(|it| it.score(row, rarity));
        match by_relations {
            Some(related) if related > score => {
                verdict(related, relations.as_ref().map_or(contributions, |it| it.blame.shares(row)))
            }
            _ => verdict(score, contributions),
        }
    };
    batch.rows().map(one).collect()
}

fn verdict(score: f64, contributions: Vec<f64>) -> Verdict {
    Verdict { score, is_anomaly: score > 1.0, contributions }
}

fn finite_values(rows: &[&[f64]], feature: usize) -> Vec<f64> {
    let mut values: Vec<f64> =
        rows.iter().filter_map(|it| it.get(feature).copied()).filter(|it| it.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Distance of a value from the median of the others in robust standard deviations; 0 where too few are known.
fn distance(value: f64, sorted: &[f64]) -> f64 {
    if !value.is_finite() || sorted.len() <= MIN_OTHERS {
        return 0.0;
    }
    let mut others = sorted.to_vec();
    if sorted.len() <= MANY
        && let Some(own) = others.iter().position(|it| *it == value)
    {
        others.remove(own);
    }
    let median = quantile(&others, 0.5);
    let mut deviations: Vec<f64> = others.iter().map(|it| (it - median).abs()).collect();
    deviations.sort_by(f64::total_cmp);
    let spread = quantile(&deviations, 0.5) / 0.674_490;
    // Few rows are alike by chance: what differs by a tenth is nothing unusual yet.
    let chance = 1.0 / (others.len() as f64).sqrt();
    let mean_absolute = deviations.iter().sum::<f64>() / deviations.len() as f64;
    let floor = f64::max(0.2 * chance * median.abs(), 0.01 * median.abs());
    let floor = if floor > 0.0 { floor } else { mean_absolute };
    // The tails of Student's distribution: the spread of few rows may be far too small by chance.
    let scale = spread.max(floor) * (1.0 + 12.0 / others.len() as f64);
    let distance = (value - median).abs();
    if scale > 0.0 {
        (distance / scale).min(1e9)
    } else if distance > 0.0 {
        1e9
    } else {
        0.0
    }
}

struct Relations {
    blame: Blame,
    n_features: f64,
}

/// Known where there are enough rows to tell relations from chance.
fn relations(known: &[&[f64]], n_features: usize) -> Option<Relations> {
    let is_enough = n_features >= 2 && known.len() >= 30.max(10 * n_features);
    let blame = Blame::fit(&Matrix::from_rows(known).filter(|_| is_enough)?);
    Some(Relations { blame, n_features: n_features as f64 })
}

impl Relations {
    fn score(&self, row: &[f64], rarity: f64) -> f64 {
        let limit = self.n_features + 2.0 * (self.n_features * rarity).sqrt() + 2.0 * rarity;
        // Relations are estimates: a margin of a fifth.
        (self.blame.squared_distance(row) / limit).max(0.0).sqrt() / 1.2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlier::blame::top;
    use crate::random::Random;

    fn judge(rows: &[[f64; 3]]) -> Vec<Verdict> {
        judge_batch(&Matrix::new(3), &Matrix::from_rows(rows).unwrap(), 0.1)
    }

    #[test]
    fn the_odd_one_of_five_is_found_at_once() {
        let verdicts = judge(&[
            [120.0, 0.01, 40.0],
            [130.0, 0.02, 42.0],
            [115.0, 0.01, 39.0],
            [125.0, 0.015, 41.0],
            [900.0, 0.012, 43.0],
        ]);
        let found: Vec<bool> = verdicts.iter().map(|it| it.is_anomaly).collect();
        assert_eq!(found, [false, false, false, false, true], "{verdicts:?}");
        assert_eq!(top(&verdicts[4].contributions), Some(0));
    }

    /// Guarantees: nothing is found where nothing is, whatever the setting; the defect of a forced share.
    #[test]
    fn no_share_is_forced() {
        let mut random = Random::new(3);
        let mut n_found = 0;
        for _ in 0..200 {
            let batch: Vec<[f64; 3]> =
                (0..20).map(|_| std::array::from_fn(|_| 100.0 + 10.0 * random.normal())).collect();
            n_found += judge(&batch).iter().filter(|it| it.is_anomaly).count();
        }
        assert!(n_found <= 40, "{n_found} of 4000");
    }

    #[test]
    fn memory_makes_relations_known() {
        let mut random = Random::new(4);
        let rows: Vec<[f64; 3]> = (0..200)
            .map(|_| {
                let load = random.normal();
                [100.0 + 20.0 * load, 50.0 + 10.0 * load + 0.5 * random.normal(), random.normal()]
            })
            .collect();
        let memory = Matrix::from_rows(&rows).unwrap();
        let batch = Matrix::from_rows(&[[120.0, 60.0, 0.0], [120.0, 40.0, 0.0]]).unwrap();
        let verdicts = judge_batch(&memory, &batch, 0.1);
        assert!(!verdicts[0].is_anomaly && verdicts[1].is_anomaly, "{verdicts:?}");
    }

    #[test]
    fn nothing_known_missing_and_constant_are_survived() {
        assert!(judge(&[[1.0, 2.0, 3.0]; 2]).iter().all(|it| it.score == 0.0 && !it.is_anomaly));
        assert!(judge(&[[5.0, 0.0, f64::NAN]; 9]).iter().all(|it| !it.is_anomaly));
        let mut rows = [[0.0; 3]; 9];
        rows[8][1] = 1.0;
        assert!(judge(&rows)[8].is_anomaly);
        assert!(judge_batch(&Matrix::new(0), &Matrix::new(0), 0.1).is_empty());
    }
}
