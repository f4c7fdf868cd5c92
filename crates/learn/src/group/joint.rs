//! Do the signals of one service fit together as they always did?
//!
//! A robust, exponentially weighted mean and covariance of up to 16 signals (M-estimation with weights that fall with
//! the distance: Campbell, "Robust procedures in multivariate analysis I", Applied Statistics 29, 1980), shrunk towards
//! its diagonal (Ledoit, Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of
//! Multivariate Analysis 88, 2004; here with a fixed intensity that falls with the number of points). Two questions are
//! asked of a point. Is one signal not what the others imply? Its conditional deviation is the reconstruction-based
//! contribution (Alcala, Qin, "Reconstruction-based contribution for process monitoring", Automatica 45, 2009), which
//! names a single guilty signal for certain once it stands out of the noise. And is the whole farther away than it ever
//! was, though no signal by itself is? That is the Mahalanobis distance, against its own past.
//!
//! A rise of traffic that moves all signals as they always move together is neither.

use super::scale::{Scale, median_of};

/// At most so many signals.
pub const MOST_SIGNALS: usize = 16;
/// Points from which the scales of the signals are taken.
const FIRST_POINTS: usize = 12;
/// Signals closer to their mean than this share of the value do not deviate.
const LEAST_DEVIATION: f64 = 0.02;
/// A deviation in the usual distances and conditional deviations teaches at most so many scales.
const CLIP_SCALES: f64 = 3.0;
/// Points further away than this many times the usual distance weigh less.
const HUBER: f64 = 1.5;
/// Points that the diagonal counts for in the covariance.
const SHRINK_POINTS: f64 = 24.0;
/// The covariance is shrunk by at least this share, so that it can always be inverted.
const LEAST_SHRINKAGE: f64 = 0.02;
/// The weight of an anomalous point, and how many of them a usual one undoes.
const ODD_TRUST: f64 = 0.004;
const ODD_RECOVERY: u32 = 2;
/// With more of them lately the usual points between are in doubt, too.
const ODD_RUN: u32 = 4;
/// Makes a mean absolute deviation a standard deviation.
const MEAN_TO_SCALE: f64 = 1.2533;
/// Largest score.
const LARGEST_SCORE: f64 = 1e6;

/// What may be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JointSettings {
    /// Conditional deviation that scores 1.0, in robust standard deviations.
    pub threshold_scales: f64,
    /// Points before the first verdict.
    pub warm_up_points: u32,
    /// Points that mean and covariance remember.
    pub memory_points: u32,
    /// After so many anomalous points what they show is learned.
    pub adopt_points: u32,
    /// A signal follows the others if they explain this share of its variance; only then it can break with them.
    pub least_explained: f64,
}

impl Default for JointSettings {
    fn default() -> Self {
        Self {
            threshold_scales: 6.0,
            warm_up_points: 240,
            memory_points: 2880,
            adopt_points: 720,
            least_explained: 0.5,
        }
    }
}

/// What is said of one point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JointScore {
    /// 1.0 is the threshold, of the worse of `broken` and `together`; 0 while warming up.
    pub value: f64,
    /// A signal that used to follow the others does not: the score of the worst one.
    pub broken: f64,
    /// All together are farther away than usual.
    pub together: f64,
    /// The signal with the largest contribution; None while warming up.
    pub guilty: Option<usize>,
    /// What each signal contributes: its conditional deviation in robust standard deviations; 0 for a missing one.
    pub contributions: Vec<f64>,
    /// What the other signals imply for the guilty one, in its unit: the value, lower and upper edge.
    pub implied: [f64; 3],
    /// Share of the guilty signal's variance that the others explain.
    pub explained: f64,
    /// Steps that learning needs again: position, distance.
    z: Vec<f64>,
    distance: f64,
}

/// The state of one service: its signals' means, scales and covariance, 2.5 KiB for 16 signals.
///
/// ```
/// use learn::group::{Joint, JointSettings};
///
/// let mut joint = Joint::new(3, JointSettings::default());
/// for step in 0..600 {
///     let wave = (step as f64 / 40.0).sin();
///     let noise = |k: f64| 1.0 + 0.03 * (step as f64 * k).sin();
///     let point = [
///         (100.0 + 40.0 * wave) * noise(7.7), // requests
///         (50.0 + 20.0 * wave) * noise(5.3),  // CPU
///         20.0 * noise(3.1),                  // something else
///     ];
///     let score = joint.score_one(&point);
///     joint.learn_one(&point, &score);
/// }
/// // Both are usual by themselves and at the same time, but not with each other.
/// assert!(joint.score_one(&[135.0, 67.0, 20.0]).value < 1.0);
/// assert!(joint.score_one(&[135.0, 35.0, 20.0]).value > 1.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Joint {
    settings: JointSettings,
    scales: Vec<Scale>,
    /// The first points, until the scales are known.
    first: Vec<Vec<f64>>,
    points: u32,
    /// Anomalous points lately.
    odd_points: u32,
    mean: Vec<f64>,
    /// Row by row.
    covariance: Vec<f64>,
    /// Usual conditional deviations, mean absolute.
    usual: Vec<f64>,
    /// Usual distance (cube root, which is nearly normal: Wilson, Hilferty 1931) and how much it varies.
    distance: f64,
    distance_spread: f64,
}

impl Joint {
    /// For so many signals, at most [`MOST_SIGNALS`].
    pub fn new(signals: usize, settings: JointSettings) -> Self {
        let count = signals.min(MOST_SIGNALS);
        Self {
            settings,
            scales: vec![Scale::default(); count],
            first: vec![],
            points: 0,
            odd_points: 0,
            mean: vec![0.0; count],
            covariance: vec![0.0; count * count],
            usual: vec![1.0 / MEAN_TO_SCALE; count],
            distance: 1.0,
            distance_spread: 0.0,
        }
    }

    /// Number of signals.
    pub fn signals(&self) -> usize {
        self.mean.len()
    }

    /// Points learned.
    pub fn points(&self) -> u32 {
        self.points
    }

    /// Memory in bytes.
    pub fn bytes(&self) -> usize {
        let numbers = self.mean.len() + self.covariance.len() + self.usual.len() + self.scales.len();
        let first: usize = self.first.iter().map(Vec::len).sum();
        size_of::<Self>() + 8 * (numbers + first)
    }

    /// Judges a point; learns nothing. One value per signal, NaN for one that is missing: it is then left out, and the
    /// others are judged without it.
    pub fn score_one(&self, point: &[f64]) -> JointScore {
        let z = self.place(point);
        let present: Vec<usize> = (0..z.len()).filter(|it| z.get(*it).is_some_and(|it| it.is_finite())).collect();
        let Some(inverse) = Inverse::of(&self.shrunk(), self.signals(), &present) else {
            return JointScore { z, ..JointScore::default() };
        };
        let mut contributions = vec![0.0; z.len()];
        let mut distance = 0.0;
        for (row, idx) in present.iter().enumerate() {
            let weighted = inverse.row(row).iter().zip(&present).map(|(a, it)| a * at(&z, *it)).sum::<f64>();
            distance += weighted * at(&z, *idx);
            let precision = inverse.get(row, row).max(f64::MIN_POSITIVE);
            let scale = (MEAN_TO_SCALE * at(&self.usual, *idx)).max(1.0);
            contributions.get_mut(*idx).into_iter().for_each(|it| *it = weighted / precision.sqrt() / scale);
        }
        let distance = (distance.max(0.0) / present.len().max(1) as f64).cbrt();
        let score = JointScore { contributions, z, distance, ..JointScore::default() };
        if self.points < self.settings.warm_up_points || present.len() < 2 {
            return score;
        }
        self.conclude(score, &present, &inverse)
    }

    fn conclude(&self, mut score: JointScore, present: &[usize], inverse: &Inverse) -> JointScore {
        let covariance = self.shrunk();
        let explained = |row: usize, idx: usize| {
            let variance = at(&covariance, idx * self.signals() + idx);
            1.0 - 1.0 / (inverse.get(row, row) * variance).max(1.0)
        };
        let weight = |idx: &usize| at(&score.contributions, *idx).abs();
        let worst = present.iter().enumerate().max_by(|a, b| weight(a.1).total_cmp(&weight(b.1)));
        let Some((row, idx)) = worst else { return score };
        score.explained = explained(row, *idx);
        let follows = |(row, idx): &(usize, &usize)| explained(*row, **idx) >= self.settings.least_explained;
        let followers = present.iter().enumerate().filter(follows);
        let broken = followers.map(|(_, it)| weight(it) / self.reach(&score, *it, present.len())).fold(0.0, f64::max);
        score.broken = (broken / self.settings.threshold_scales).min(LARGEST_SCORE);
        let spread = self.distance_spread.max((2.0 / (9.0 * present.len() as f64)).sqrt());
        score.together =
            ((score.distance - self.distance) / (self.settings.threshold_scales * spread)).clamp(0.0, LARGEST_SCORE);
        score.value = score.broken.max(score.together);
        score.guilty = Some(*idx);
        // What the others imply is the value without its conditional deviation.
        let one =
            (MEAN_TO_SCALE * at(&self.usual, *idx)).max(1.0) / inverse.get(row, row).max(f64::MIN_POSITIVE).sqrt();
        let implied = at(&score.z, *idx) - at(&score.contributions, *idx) * one;
        let half = self.settings.threshold_scales * one;
        let scale = self.scales.get(*idx).copied().unwrap_or_default();
        let mean = at(&self.mean, *idx);
        score.implied = [implied, implied - half, implied + half].map(|it| scale.back(mean + it));
        score
    }

    /// How much less is known of what the others imply, because they are where they never were: 1 where they usually are.
    /// Beyond, a relation that is nearly straight may bend, which is worse with the square of the way.
    fn reach(&self, score: &JointScore, idx: usize, present: usize) -> f64 {
        let scale = (MEAN_TO_SCALE * at(&self.usual, idx)).max(1.0);
        let own = at(&score.contributions, idx) * scale;
        let others = (score.distance.powi(3) * present as f64 - own * own).max(0.0).sqrt();
        let usual = ((present as f64) - 1.0).max(1.0).sqrt() + 2.0;
        (others / usual).powi(2).max(1.0)
    }

    /// Learns from a point that was scored. What is far away teaches little.
    pub fn learn_one(&mut self, point: &[f64], score: &JointScore) {
        if self.first.len() < FIRST_POINTS && self.points == 0 {
            self.learn_scales(point);
            return;
        }
        let rate = 1.0 / f64::from(self.points.saturating_add(1).min(self.settings.memory_points.max(1)));
        let is_young = self.points < self.settings.warm_up_points;
        let usual = self.distance + self.distance_spread;
        let is_far = !is_young && score.distance > HUBER * usual;
        let weight = if is_far { (HUBER * usual / score.distance).powi(6) } else { 1.0 };
        let weight = weight * self.trust(score);
        let rate = rate * weight;
        let count = self.signals();
        for row in 0..count {
            for column in 0..count {
                let product = at(&score.z, row) * at(&score.z, column);
                if product.is_finite() {
                    let cell = self.covariance.get_mut(row * count + column);
                    cell.into_iter().for_each(|it| *it += rate * (product - *it));
                }
            }
        }
        for (mean, z) in self.mean.iter_mut().zip(&score.z).filter(|(_, it)| it.is_finite()) {
            *mean += rate * z;
        }
        self.learn_usual(score, rate);
        self.points = self.points.saturating_add(1);
    }

    /// What is anomalous teaches next to nothing, until it has lasted so long that it is the new normal.
    fn trust(&mut self, score: &JointScore) -> f64 {
        let is_odd = score.value > 1.0;
        self.odd_points =
            if is_odd { self.odd_points.saturating_add(1) } else { self.odd_points.saturating_sub(ODD_RECOVERY) };
        let is_run = is_odd || self.odd_points > ODD_RUN;
        if is_run && self.odd_points < self.settings.adopt_points { ODD_TRUST } else { 1.0 }
    }

    fn learn_usual(&mut self, score: &JointScore, rate: f64) {
        // The covariance of the first points says nothing yet.
        if self.points < self.settings.warm_up_points / 2 {
            return;
        }
        let seen = f64::from(self.points - self.settings.warm_up_points / 2 + 1);
        let rate = rate.max((1.0 / seen).min(0.1)).min(1.0 / seen.min(f64::from(self.settings.memory_points)));
        for (usual, it) in self.usual.iter_mut().zip(&score.contributions).filter(|(_, it)| **it != 0.0) {
            let scale = (MEAN_TO_SCALE * *usual).max(1.0);
            *usual += rate * ((it.abs() * scale).min(CLIP_SCALES * scale) - *usual);
        }
        let away = score.distance - self.distance;
        let clip = CLIP_SCALES * self.distance_spread.max(0.1);
        self.distance += rate * away.clamp(-clip, clip);
        self.distance_spread += rate * (MEAN_TO_SCALE * away.abs().min(clip) - self.distance_spread);
    }

    fn learn_scales(&mut self, point: &[f64]) {
        self.first.push(point.iter().copied().take(self.signals()).collect());
        if self.first.len() < FIRST_POINTS {
            return;
        }
        for idx in 0..self.signals() {
            let mut sizes: Vec<f64> =
                self.first.iter().filter_map(|it| it.get(idx)).map(|it| it.abs()).filter(|it| it.is_finite()).collect();
            sizes.sort_by(f64::total_cmp);
            let scale = Scale::default().around(median_of(&sizes));
            let mut values: Vec<f64> = self
                .first
                .iter()
                .filter_map(|it| it.get(idx))
                .map(|it| scale.of(*it))
                .filter(|it| it.is_finite())
                .collect();
            values.sort_by(f64::total_cmp);
            self.scales.get_mut(idx).into_iter().for_each(|it| *it = scale);
            self.mean.get_mut(idx).into_iter().for_each(|it| *it = median_of(&values));
        }
        self.first = vec![];
        self.points = 1;
    }

    /// Distances from the means on the signals' scales.
    fn place(&self, point: &[f64]) -> Vec<f64> {
        let signals = self.scales.iter().zip(&self.mean).enumerate();
        signals.map(|(idx, (scale, mean))| scale.of(point.get(idx).copied().unwrap_or(f64::NAN)) - mean).collect()
    }

    /// The covariance with its off-diagonal shrunk and a floor on its diagonal.
    fn shrunk(&self) -> Vec<f64> {
        let count = self.signals();
        let keep = 1.0 - (SHRINK_POINTS / (SHRINK_POINTS + f64::from(self.points))).max(LEAST_SHRINKAGE);
        let cell = |(idx, it): (usize, &f64)| {
            let is_diagonal = count > 0 && idx / count == idx % count;
            if is_diagonal { it + LEAST_DEVIATION * LEAST_DEVIATION } else { keep * it }
        };
        self.covariance.iter().enumerate().map(cell).collect()
    }
}

fn at(values: &[f64], idx: usize) -> f64 {
    values.get(idx).copied().unwrap_or(0.0)
}

/// The inverse of a part of a symmetric matrix.
struct Inverse {
    cells: Vec<f64>,
    count: usize,
}

impl Inverse {
    /// Of the rows and columns that are present; None if there are none or the matrix is not positive definite.
    fn of(matrix: &[f64], count: usize, present: &[usize]) -> Option<Self> {
        let size = present.len();
        if size == 0 {
            return None;
        }
        let mut left: Vec<Vec<f64>> =
            present.iter().map(|row| present.iter().map(|column| at(matrix, row * count + column)).collect()).collect();
        let mut right: Vec<Vec<f64>> =
            (0..size).map(|row| (0..size).map(|column| f64::from(u8::from(row == column))).collect()).collect();
        // Gauss and Jordan without pivoting: a positive definite matrix needs none.
        for step in 0..size {
            let pivot = left.get(step)?.get(step).copied().filter(|it| *it > 0.0 && it.is_finite())?;
            for side in [&mut left, &mut right] {
                side.get_mut(step)?.iter_mut().for_each(|it| *it /= pivot);
            }
            let (pivot_left, pivot_right) = (left.get(step)?.clone(), right.get(step)?.clone());
            for row in (0..size).filter(|it| *it != step) {
                let factor = left.get(row)?.get(step).copied()?;
                for (side, pivot_row) in [(&mut left, &pivot_left), (&mut right, &pivot_right)] {
                    side.get_mut(row)?.iter_mut().zip(pivot_row).for_each(|(it, by)| *it -= factor * by);
                }
            }
        }
        Some(Self { cells: right.into_iter().flatten().collect(), count: size })
    }

    fn row(&self, row: usize) -> &[f64] {
        self.cells.get(row * self.count..(row + 1) * self.count).unwrap_or(&[])
    }

    fn get(&self, row: usize, column: usize) -> f64 {
        at(&self.cells, row * self.count + column)
    }
}

#[cfg(test)]
#[path = "joint_tests.rs"]
mod tests;
