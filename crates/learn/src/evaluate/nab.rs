//! How does a detector do on the Numenta Anomaly Benchmark?
//!
//! The metric of Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark",
//! ICMLA 2015: in each labeled window the first detection counts, the earlier the better; each detection outside costs,
//! less if it comes shortly after a window. One threshold for all files; the benchmark chooses the best one, and
//! [`at_threshold`] says what a frozen one gives.

use std::ops::RangeInclusive;

/// What detections are worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Name as published.
    pub name: &'static str,
    /// Worth of the earliest possible detection in a window.
    pub true_positive: f64,
    /// Cost of a detection far outside.
    pub false_positive: f64,
    /// Cost of a window without a detection.
    pub false_negative: f64,
}

/// The three published profiles.
pub const PROFILES: [Profile; 3] = [
    Profile { name: "standard", true_positive: 1.0, false_positive: 0.11, false_negative: 1.0 },
    Profile { name: "reward_low_FP_rate", true_positive: 1.0, false_positive: 0.22, false_negative: 1.0 },
    Profile { name: "reward_low_FN_rate", true_positive: 1.0, false_positive: 0.11, false_negative: 2.0 },
];

/// Share of a file at its beginning that is not scored, of at most so many rows.
const PROBATION_SHARE: f64 = 0.15;
const PROBATION_ROWS: f64 = 5000.0;
/// Alarms within so many seconds of the one before belong to its episode.
const EPISODE_SECS: i64 = 3600;
const DAY_SECS: f64 = 86_400.0;

/// One file with a detector's scores.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredFile {
    /// Times of the rows in seconds, in order.
    pub times: Vec<i64>,
    /// A score for each row; the larger the more anomalous.
    pub scores: Vec<f64>,
    /// Rows of the labeled windows, first and last, in order.
    pub windows: Vec<RangeInclusive<usize>>,
}

/// A normalized score: 0 is a detector that never says anything, 100 a perfect one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Rows with at least this score were detections.
    pub threshold: f64,
    /// The benchmark's score.
    pub score: f64,
}

/// Detections as an operator would count them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Alarms {
    /// Windows with a detection, and all windows.
    pub windows_hit: usize,
    /// All labeled windows.
    pub windows: usize,
    /// Detections outside of all windows, after probation.
    pub false_points: usize,
    /// The same, those within an hour of the last one counted once.
    pub false_episodes: usize,
    /// Days after probation, over all files.
    pub series_days: f64,
}

impl ScoredFile {
    /// Rows at the beginning that do not count.
    pub fn probation(&self) -> usize {
        (PROBATION_SHARE * (self.scores.len() as f64).min(PROBATION_ROWS)) as usize
    }
}

/// A row as the benchmark sees it: its score, the window it lies in, and what a detection there is worth.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    score: f64,
    window: Option<usize>,
    worth: f64,
}

/// The threshold that suits the profile best, as the benchmark chooses it, and the score there.
pub fn best(files: &[ScoredFile], profile: &Profile) -> Outcome {
    let n_windows = window_count(files);
    let mut candidates = candidates(files, profile);
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut sum = Sum::new(n_windows, profile);
    let mut best = (f64::INFINITY, sum.total);
    let mut rest = candidates.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.partition_point(|it| it.score >= first.score);
        let (now, later) = rest.split_at(same.max(1));
        now.iter().for_each(|it| sum.add(it));
        if sum.total > best.1 {
            best = (first.score, sum.total);
        }
        rest = later;
    }
    Outcome { threshold: best.0, score: normalized(best.1, n_windows, profile) }
}

/// The score with one threshold that was fixed beforehand.
pub fn at_threshold(files: &[ScoredFile], profile: &Profile, threshold: f64) -> Outcome {
    let n_windows = window_count(files);
    let mut sum = Sum::new(n_windows, profile);
    candidates(files, profile).iter().filter(|it| it.score >= threshold).for_each(|it| sum.add(it));
    Outcome { threshold, score: normalized(sum.total, n_windows, profile) }
}

/// Windows hit and false alarms at a threshold.
pub fn alarms(files: &[ScoredFile], threshold: f64) -> Alarms {
    let mut alarms = Alarms::default();
    for file in files {
        let probation = file.probation();
        let is_hit = |window: &&RangeInclusive<usize>| {
            (*window).clone().any(|row| row >= probation && file.scores.get(row).is_some_and(|it| *it >= threshold))
        };
        alarms.windows += file.windows.len();
        alarms.windows_hit += file.windows.iter().filter(is_hit).count();
        let mut last = i64::MIN / 2;
        for (row, time, _) in rows(file).filter(|it| it.2 >= threshold) {
            if row < probation || file.windows.iter().any(|it| it.contains(&row)) {
                continue;
            }
            alarms.false_points += 1;
            alarms.false_episodes += usize::from(time - last > EPISODE_SECS);
            last = time;
        }
        if let (Some(from), Some(to)) = (file.times.get(probation), file.times.last()) {
            alarms.series_days += (to - from) as f64 / DAY_SECS;
        }
    }
    alarms
}

fn rows(file: &ScoredFile) -> impl Iterator<Item = (usize, i64, f64)> {
    file.times.iter().zip(&file.scores).enumerate().map(|(row, (time, score))| (row, *time, *score))
}

fn window_count(files: &[ScoredFile]) -> usize {
    files.iter().map(|it| it.windows.len()).sum()
}

/// The rows after probation. NaN scores are no detections.
fn candidates(files: &[ScoredFile], profile: &Profile) -> Vec<Candidate> {
    let mut candidates = vec![];
    let mut first_window = 0;
    for file in files {
        let probation = file.probation();
        for (row, score) in file.scores.iter().copied().enumerate().skip(probation) {
            if !score.is_nan() {
                let (window, worth) = worth(file, row, profile);
                candidates.push(Candidate { score, window: window.map(|it| it + first_window), worth });
            }
        }
        first_window += file.windows.len();
    }
    candidates
}

/// The window of a row and what a detection there is worth.
fn worth(file: &ScoredFile, row: usize, profile: &Profile) -> (Option<usize>, f64) {
    if let Some(window) = file.windows.iter().position(|it| it.contains(&row)) {
        let position = file.windows.get(window).map_or(0.0, |it| position_in(it, row));
        return (Some(window), profile.true_positive * scaled_sigmoid(position) / scaled_sigmoid(-1.0));
    }
    let before = file.windows.iter().rev().find(|it| *it.end() < row);
    let worth = before.map_or(-1.0, |it| scaled_sigmoid(position_after(it, row)));
    (None, profile.false_positive * worth)
}

/// -1 at the window's first row, nearly 0 at its last.
fn position_in(window: &RangeInclusive<usize>, row: usize) -> f64 {
    let width = (window.end() - window.start() + 1) as f64;
    -((window.end() - row + 1) as f64) / width
}

/// Widths behind the window's last row.
fn position_after(window: &RangeInclusive<usize>, row: usize) -> f64 {
    (row - window.end()) as f64 / (window.end() - window.start()).max(1) as f64
}

/// 1 well before 0, -1 well behind it.
fn scaled_sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

fn normalized(total: f64, n_windows: usize, profile: &Profile) -> f64 {
    let null = -profile.false_negative * n_windows as f64;
    let perfect = profile.true_positive * n_windows as f64;
    100.0 * (total - null) / (perfect - null)
}

/// Each window counts its best detection, or its cost if there is none.
struct Sum {
    of_window: Vec<f64>,
    total: f64,
}

impl Sum {
    fn new(n_windows: usize, profile: &Profile) -> Self {
        let missed = -profile.false_negative;
        Self { of_window: vec![missed; n_windows], total: missed * n_windows as f64 }
    }

    fn add(&mut self, candidate: &Candidate) {
        match candidate.window.and_then(|it| self.of_window.get_mut(it)) {
            None => self.total += candidate.worth,
            Some(window) if candidate.worth > *window => {
                self.total += candidate.worth - *window;
                *window = candidate.worth;
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred rows, five minutes apart, two windows; detections at the given rows.
    fn file(detections: &[usize]) -> ScoredFile {
        let mut scores = vec![0.0; 100];
        detections.iter().for_each(|row| scores[*row] = 1.0);
        ScoredFile { times: (0..100).map(|it| it * 300).collect(), scores, windows: vec![30..=39, 60..=69] }
    }

    fn score(detections: &[usize]) -> f64 {
        at_threshold(&[file(detections)], &PROFILES[0], 1.0).score
    }

    #[test]
    fn the_ends_of_the_scale_are_0_and_100() {
        assert_eq!(score(&[]), 0.0);
        assert!((score(&[30, 60]) - 100.0).abs() < 1e-9);
        assert_eq!(best(&[file(&[30, 60])], &PROFILES[0]).threshold, 1.0);
    }

    #[test]
    fn a_late_detection_is_worth_less_and_only_the_first_counts() {
        // At the middle of ten rows: (2 / (1 + exp(-2.5)) - 1) / (2 / (1 + exp(-5)) - 1) = 0.8597.
        assert!((score(&[35]) - 100.0 * (1.0 + 0.8597) / 4.0).abs() < 0.01);
        assert_eq!(score(&[35]), score(&[35, 36, 39]));
    }

    #[test]
    fn a_false_alarm_costs_and_one_just_after_a_window_costs_less() {
        let far = score(&[20]);
        assert!((far + 100.0 * 0.11 / 4.0).abs() < 1e-9);
        assert!(score(&[40]) > far && score(&[40]) < 0.0);
        assert_eq!(score(&[3, 14]), 0.0, "probation");
    }

    #[test]
    fn the_best_threshold_leaves_noise_out() {
        let mut noisy = file(&[30, 60]);
        (70..100).for_each(|row| noisy.scores[row] = 0.9);
        let best = best(&[noisy], &PROFILES[1]);
        assert_eq!(best.threshold, 1.0);
        assert!((best.score - 100.0).abs() < 1e-9);
    }

    #[test]
    fn alarms_are_counted_as_points_and_as_episodes() {
        let alarms = alarms(&[file(&[2, 20, 21, 31, 50, 90])], 1.0);
        assert_eq!((alarms.windows_hit, alarms.windows), (1, 2));
        assert_eq!((alarms.false_points, alarms.false_episodes), (4, 3));
        assert!((alarms.series_days - 84.0 * 300.0 / 86_400.0).abs() < 1e-9);
    }
}
