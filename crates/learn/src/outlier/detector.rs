//! How is a method put to work? It is trained on some rows and judges other rows, with features to blame.

use serde::{Deserialize, Serialize};

use super::autoencoder::{Autoencoder, AutoencoderConfig};
use super::blame::{Blame, shares_of};
use super::isolation_forest::{IsolationForest, IsolationForestConfig};
use super::matrix::Matrix;
use super::nearest_neighbors::{NearestNeighbors, NearestNeighborsConfig};
use super::one_class_svm::{OneClassSvm, OneClassSvmConfig};
use super::standardize::{Standardizer, quantile};
use super::tcn::{Tcn, TcnConfig};
use crate::random::Random;

/// The methods that judge rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Rows that few random cuts set apart.
    IsolationForest,
    /// Rows outside of where most rows lie.
    OneClassSvm,
    /// Rows far from the nearest of a few others.
    NearestNeighbors,
    /// Rows that cannot be told from a few numbers.
    Autoencoder,
    /// Rows that do not follow from the rows before.
    Tcn,
}

/// How a detector is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorConfig {
    /// The method.
    pub method: Method,
    /// The share of the training rows that shall lie above the threshold, in 0 to 1.
    pub contamination: f64,
    /// The same seed and rows give the same detector.
    pub seed: u64,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        Self { method: Method::IsolationForest, contamination: 0.05, seed: 42 }
    }
}

/// What a detector says of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How unusual the row is: 1 is the threshold.
    pub score: f64,
    /// Whether the score is above the threshold.
    pub is_anomaly: bool,
    /// The share of each feature in what is unusual: not negative, sum 1 (all 0 if nothing is).
    pub contributions: Vec<f64>,
}

/// A trained method with its threshold and the relations between features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    model: Model,
    /// Of the training rows; stands in for values that are missing.
    usual: Standardizer,
    blame: Blame,
    threshold: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Model {
    /// With the range of its training rows: beyond it a forest sees no difference.
    Forest(Standardizer, IsolationForest),
    Svm(Standardizer, OneClassSvm),
    Neighbors(Standardizer, NearestNeighbors),
    Autoencoder(Autoencoder),
    Tcn(Tcn),
}

/// Features whose correction is tried on the model itself: the others have next to no share.
const MAX_CANDIDATES: usize = 8;

impl Detector {
    /// Trains on `train`; NaN counts as the usual value of its feature.
    pub fn fit(train: &Matrix, config: DetectorConfig) -> Self {
        let usual = Standardizer::by_quantiles(train);
        let filled = fill(train, &usual);
        let model = Model::fit(&filled, config);
        let blame = Blame::fit(train);
        let mut detector = Self { model, usual, blame, threshold: 1.0 };
        detector.threshold = threshold(detector.calibration_scores(&filled, config), config.contamination);
        detector
    }

    /// Judges rows; for `Tcn` they must be in the order of time. Rows of a wrong length get NaN.
    pub fn judge(&self, rows: &Matrix) -> Vec<Verdict> {
        let filled = fill(rows, &self.usual);
        let contributions = self.contributions(&filled);
        let scores = self.model.score(&filled);
        scores.into_iter().zip(contributions).map(|(score, it)| verdict(score, self.threshold, it)).collect()
    }

    /// Only the scores, as [`Detector::judge`] gives them.
    pub fn score(&self, rows: &Matrix) -> Vec<f64> {
        self.model.score(&fill(rows, &self.usual)).into_iter().map(|it| it / self.threshold).collect()
    }

    /// Memory that the detector takes, in bytes.
    pub fn state_bytes(&self) -> usize {
        let model = match &self.model {
            Model::Forest(_, it) => it.state_bytes(),
            Model::Svm(_, it) => it.state_bytes(),
            Model::Neighbors(_, it) => it.state_bytes(),
            Model::Autoencoder(it) => it.state_bytes(),
            Model::Tcn(it) => it.state_bytes(),
        };
        model + self.blame.state_bytes()
    }

    /// Scores of ordinary rows. A boundary fits its own rows too well, and a row is its own nearest: then a fifth is kept
    /// back. Both methods score relative to their training, so that some thousand rows of many tell as much as all.
    fn calibration_scores(&self, train: &Matrix, config: DetectorConfig) -> Vec<f64> {
        const HELD_BACK: usize = 5;
        const ENOUGH: usize = 100;
        const MOST: usize = 2500;
        let is_wanted = matches!(self.model, Model::Svm(..) | Model::Neighbors(..)) && train.n_rows() >= ENOUGH;
        if !is_wanted {
            return self.model.score(train);
        }
        let some: Vec<usize> = (0..train.n_rows()).step_by(train.n_rows().div_ceil(MOST)).collect();
        let (held, seen): (Vec<_>, Vec<_>) = some.into_iter().enumerate().partition(|it| it.0 % HELD_BACK == 0);
        let rows = |part: Vec<(usize, usize)>| train.select(&part.into_iter().map(|it| it.1).collect::<Vec<_>>());
        Model::fit(&rows(seen), config).score(&rows(held))
    }

    fn contributions(&self, rows: &Matrix) -> Vec<Vec<f64>> {
        let by_relations = rows.rows().map(|it| self.blame.shares(it));
        let by_model: Vec<Vec<f64>> = match &self.model {
            Model::Tcn(it) => it.contributions(rows),
            Model::Autoencoder(it) => rows.rows().map(|row| it.contributions(row)).collect(),
            Model::Forest(..) | Model::Svm(..) | Model::Neighbors(..) => rows.rows().map(|it| self.falls(it)).collect(),
        };
        by_model.into_iter().zip(by_relations).map(|(model, relations)| together(&model, &relations)).collect()
    }

    /// The part of the score that goes when a feature alone is corrected to what the others let expect. The sum is small
    /// where the model sees little in the row: then the relations between features say more.
    fn falls(&self, row: &[f64]) -> Vec<f64> {
        let shares = self.blame.shares(row);
        let mut candidates: Vec<usize> = (0..row.len()).collect();
        candidates.sort_by(|left, right| of(&shares, *right).total_cmp(&of(&shares, *left)));
        candidates.truncate(MAX_CANDIDATES);
        let expected = self.blame.expected(row);
        let mut corrected = Matrix::new(row.len());
        corrected.push(row);
        for feature in &candidates {
            let mut copy = row.to_vec();
            if let Some(it) = copy.get_mut(*feature) {
                *it = of(&expected, *feature);
            }
            corrected.push(&copy);
        }
        let scores = self.model.score(&corrected);
        let mut falls = vec![0.0; row.len()];
        for (feature, score) in candidates.iter().zip(scores.iter().skip(1)) {
            if let Some(it) = falls.get_mut(*feature) {
                *it = ((of(&scores, 0) - score) / of(&scores, 0)).max(0.0);
            }
        }
        let total: f64 = falls.iter().sum();
        falls.iter_mut().for_each(|it| *it /= total.max(1.0));
        falls
    }
}

/// Judges every row by a detector that was not trained on it: the rows are dealt into groups, and each group is judged
/// by what was learned from the others. The threshold is that of all scores together.
pub fn judge_each_by_the_others(rows: &Matrix, config: DetectorConfig) -> Vec<Verdict> {
    let groups = groups(rows.n_rows(), config);
    let mut judged = vec![verdict(f64::NAN, 1.0, vec![0.0; rows.n_features()]); rows.n_rows()];
    for group in &groups {
        let others: Vec<usize> = groups.iter().filter(|it| *it != group).flatten().copied().collect();
        let train = if others.is_empty() { rows.clone() } else { rows.select(&others) };
        let detector = Detector::fit(&train, config);
        let verdicts = detector.judge(&rows.select(group));
        for (row, mut verdict) in group.iter().zip(verdicts) {
            verdict.score *= detector.threshold;
            if let Some(it) = judged.get_mut(*row) {
                *it = verdict;
            }
        }
    }
    let threshold = threshold(judged.iter().map(|it| it.score).collect(), config.contamination);
    judged.into_iter().map(|it| verdict(it.score, threshold, it.contributions)).collect()
}

/// Five random groups, or for a method that needs the order two halves.
fn groups(n_rows: usize, config: DetectorConfig) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..n_rows).collect();
    let n_groups = match config.method {
        Method::Tcn | Method::Autoencoder => 2,
        Method::IsolationForest | Method::OneClassSvm | Method::NearestNeighbors => 5,
    };
    if config.method != Method::Tcn {
        Random::for_part(config.seed, u64::MAX).shuffle(&mut order);
    }
    let size = n_rows.div_ceil(n_groups).max(1);
    let mut groups: Vec<Vec<usize>> = order.chunks(size).map(<[usize]>::to_vec).collect();
    groups.iter_mut().for_each(|it| it.sort_unstable());
    groups
}

impl Model {
    fn fit(train: &Matrix, config: DetectorConfig) -> Self {
        let seed = config.seed;
        match config.method {
            Method::IsolationForest => {
                let forest = IsolationForest::fit(train, IsolationForestConfig { seed, ..Default::default() });
                Self::Forest(Standardizer::by_range(train), forest)
            }
            Method::OneClassSvm => {
                let scales = Standardizer::by_range(train);
                let svm = OneClassSvm::fit(&scales.apply(train), OneClassSvmConfig::default());
                Self::Svm(scales, svm)
            }
            Method::NearestNeighbors => {
                let scales = Standardizer::by_range(train);
                let config = NearestNeighborsConfig { seed, ..Default::default() };
                let neighbors = NearestNeighbors::fit(&scales.apply(train), config);
                Self::Neighbors(scales, neighbors)
            }
            Method::Autoencoder => {
                Self::Autoencoder(Autoencoder::fit(train, AutoencoderConfig { seed, ..Default::default() }))
            }
            Method::Tcn => Self::Tcn(Tcn::fit(train, TcnConfig { seed, ..Default::default() })),
        }
    }

    fn score(&self, rows: &Matrix) -> Vec<f64> {
        match self {
            Self::Forest(range, it) => {
                let raised = |(score, row): (f64, &[f64])| score + (1.0 - score) * beyond(&range.apply_one(row));
                it.score(rows).into_iter().zip(rows.rows()).map(raised).collect()
            }
            Self::Svm(scales, it) => it.score(&scales.apply(rows)),
            Self::Neighbors(scales, it) => it.score(&scales.apply(rows)),
            Self::Autoencoder(it) => rows.rows().map(|row| it.score_one(row)).collect(),
            Self::Tcn(it) => it.score(rows),
        }
    }
}

fn verdict(score: f64, threshold: f64, contributions: Vec<f64>) -> Verdict {
    let score = score / threshold;
    Verdict { score, is_anomaly: score > 1.0, contributions }
}

/// How far the farthest value lies beyond the range of 0 to 1, in 0 to 1: a half at once the range. A forest's cuts lie
/// within its training rows, so that it takes every value beyond them for the outermost one. A quarter of the range is
/// nothing: the next ordinary row may go as far.
fn beyond(in_ranges: &[f64]) -> f64 {
    const USUAL: f64 = 0.25;
    let farthest = in_ranges.iter().map(|it| (it - 1.0).max(-it) - USUAL).fold(0.0, f64::max);
    farthest / (1.0 + farthest)
}

/// The score that this share of scores exceeds.
fn threshold(mut scores: Vec<f64>, contamination: f64) -> f64 {
    scores.retain(|it| it.is_finite());
    scores.sort_by(f64::total_cmp);
    let threshold = quantile(&scores, 1.0 - contamination);
    if threshold > 0.0 { threshold } else { 1.0 }
}

/// Values that are missing become usual ones.
fn fill(rows: &Matrix, usual: &Standardizer) -> Matrix {
    let mut filled = rows.clone();
    for row in filled.rows_mut() {
        for (feature, value) in row.iter_mut().enumerate().filter(|it| !it.1.is_finite()) {
            *value = usual.restore(feature, 0.0);
        }
    }
    filled
}

/// The sum of two lists, as shares.
fn together(left: &[f64], right: &[f64]) -> Vec<f64> {
    shares_of(left.iter().zip(right).map(|(left, right)| left + right).collect())
}

fn of(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlier::blame::top;

    const METHODS: [Method; 5] =
        [Method::IsolationForest, Method::OneClassSvm, Method::NearestNeighbors, Method::Autoencoder, Method::Tcn];

    fn rows(n: usize) -> Matrix {
        let mut random = Random::new(6);
        let row = |_| {
            let load = random.normal();
            [load, 100.0 * load + 10.0 * random.normal(), 0.01 * random.normal()]
        };
        Matrix::from_rows(&(0..n).map(row).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn every_method_finds_the_far_row_and_names_its_feature() {
        let train = rows(400);
        let mut test = rows(60);
        if let Some(row) = test.rows_mut().nth(40) {
            row[2] = 0.3;
        }
        for method in METHODS {
            let verdicts = Detector::fit(&train, DetectorConfig { method, ..Default::default() }).judge(&test);
            let highest = (0..60).max_by(|a, b| verdicts[*a].score.total_cmp(&verdicts[*b].score));
            assert_eq!(highest, Some(40), "{method:?}");
            assert!(
                verdicts[40].is_anomaly && top(&verdicts[40].contributions) == Some(2),
                "{method:?} {:?}",
                verdicts[40]
            );
        }
    }

    #[test]
    fn contamination_is_the_share_above_the_threshold() {
        for method in [Method::IsolationForest, Method::OneClassSvm, Method::NearestNeighbors] {
            let config = DetectorConfig { method, contamination: 0.1, seed: 1 };
            let n_found = judge_each_by_the_others(&rows(200), config).iter().filter(|it| it.is_anomaly).count();
            assert_eq!(n_found, 20, "{method:?}");
        }
    }

    /// Guarantees: the threshold of many rows, calibrated on some of them, holds for rows that were never seen.
    #[test]
    fn contamination_holds_for_new_rows_when_the_training_was_long() {
        let (train, test) = {
            let all = rows(7000);
            (all.select(&(0..4000).collect::<Vec<_>>()), all.select(&(4000..7000).collect::<Vec<_>>()))
        };
        for method in [Method::OneClassSvm, Method::NearestNeighbors] {
            let detector = Detector::fit(&train, DetectorConfig { method, contamination: 0.1, seed: 1 });
            let share = detector.score(&test).into_iter().filter(|it| *it > 1.0).count() as f64 / 3000.0;
            assert!((0.07..0.13).contains(&share), "{method:?} {share}");
        }
    }

    #[test]
    fn missing_values_are_usual_and_few_rows_are_survived() {
        let holes = Matrix::from_rows(&[[1.0, f64::NAN], [2.0, 3.0], [f64::INFINITY, 4.0]]).unwrap();
        for method in METHODS {
            let config = DetectorConfig { method, ..Default::default() };
            for n in 0..=3 {
                let some = holes.select(&(0..n).collect::<Vec<_>>());
                let verdicts = judge_each_by_the_others(&some, config);
                assert!(
                    verdicts.len() == n && verdicts.iter().all(|it| it.score.is_finite()),
                    "{method:?} {verdicts:?}"
                );
            }
        }
    }
}
