//! Are the values that scikit-learn gave for a week of logs reproduced? The logs lie outside the repository.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may panic")]

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use learn::outlier::isolation_forest::{IsolationForest, IsolationForestConfig};
use learn::outlier::matrix::Matrix;
use learn::outlier::one_class_svm::{Gamma, OneClassSvm, OneClassSvmConfig};
use learn::outlier::standardize::{Standardizer, quantile};

fn data() -> Option<PathBuf> {
    let data = std::env::var_os("SENTINEL_TEST_DATA").map(PathBuf::from);
    let found = data.filter(|it| it.join("golden").is_dir() && it.join("seed2").is_dir());
    let is_expected = std::env::var_os("CI").is_some() && std::env::var_os("SENTINEL_TEST_DATA").is_some();
    assert!(found.is_some() || !is_expected, "SENTINEL_TEST_DATA has no golden/ and seed2/");
    if found.is_none() {
        eprintln!("SKIPPED: no logs; set SENTINEL_TEST_DATA to a folder that has `golden` and `seed2`");
    }
    found
}

#[derive(Default)]
struct Hour {
    n_requests: f64,
    n_errors: f64,
    addresses: HashSet<String>,
    sessions: HashSet<String>,
}

/// One row per hour: requests, errors, sessions, request rate, error rate, requests per session, addresses.
fn hourly(log: &str) -> Vec<Vec<f64>> {
    let mut hours: BTreeMap<String, Hour> = BTreeMap::new();
    for line in log.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let hour = hours.entry(cells[0][..13].to_owned()).or_default();
        hour.n_requests += 1.0;
        hour.n_errors += f64::from(u8::from(cells[3].parse::<u32>().unwrap() >= 400));
        hour.addresses.insert(cells[1].to_owned());
        hour.sessions.insert(cells[6].to_owned());
    }
    let row = |it: &Hour| {
        let (n, n_sessions) = (it.n_requests, it.sessions.len() as f64);
        vec![n, it.n_errors, n_sessions, n / 60.0, it.n_errors / n, n / n_sessions, it.addresses.len() as f64]
    };
    hours.values().map(row).collect()
}

/// The notebook adds the most frequent kind of request as four columns, drawn at random: `numpy.random.seed(0)`.
fn with_random_kinds(rows: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut twister = Twister::new(0);
    let row = |mut row: Vec<f64>| {
        let kind = twister.next() & 3;
        row.extend((0..4).map(|it| f64::from(u8::from(it == kind))));
        row
    };
    rows.into_iter().map(row).collect()
}

/// MT19937 (Matsumoto and Nishimura 1998).
struct Twister {
    state: Vec<u32>,
    index: usize,
}

impl Twister {
    fn new(seed: u32) -> Self {
        let mut state = vec![seed];
        for index in 1..624u32 {
            let last = state[index as usize - 1];
            state.push((last ^ (last >> 30)).wrapping_mul(1_812_433_253).wrapping_add(index));
        }
        Self { state, index: 624 }
    }

    fn next(&mut self) -> u32 {
        if self.index == 624 {
            for it in 0..624 {
                let word = (self.state[it] & 0x8000_0000) | (self.state[(it + 1) % 624] & 0x7fff_ffff);
                let odd = if word & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[it] = self.state[(it + 397) % 624] ^ (word >> 1) ^ odd;
            }
            self.index = 0;
        }
        let mut word = self.state[self.index];
        self.index += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }
}

/// Column of the file with scikit-learn's values.
fn golden(text: &str, name: &str) -> Vec<f64> {
    let index = text.lines().next().unwrap().split(',').position(|it| it == name).unwrap();
    text.lines().skip(1).map(|it| it.split(',').nth(index).unwrap().parse().unwrap()).collect()
}

fn check(golden_name: &str, rows: &[Vec<f64>], offset: f64, n_support: usize) {
    let text = std::fs::read_to_string(data().unwrap().join("golden").join(golden_name)).unwrap();
    let rows = Matrix::from_rows(rows).unwrap();
    let scaled = Standardizer::by_moments(&rows).apply(&rows);
    check_svm(&scaled, &golden(&text, "ocsvm_decision"), offset, n_support);
    check_forest(&scaled, &golden(&text, "if_votes_of_20_seeds"), &golden(&text, "if_score"));
}

fn check_svm(scaled: &Matrix, expected: &[f64], offset: f64, n_support: usize) {
    let config = OneClassSvmConfig { nu: 0.05, gamma: Gamma::Auto, ..Default::default() };
    let svm = OneClassSvm::fit(scaled, config);
    let decision = svm.decision(scaled);
    let worst = decision.iter().zip(expected).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max);
    println!(
        "SVM: offset {:.6}, {} support vectors, decision values within {worst:.1e}",
        svm.offset(),
        svm.n_support()
    );
    assert!(worst < 1e-3 && (svm.offset() - offset).abs() < 1e-3, "{worst} {}", svm.offset());
    assert_eq!(svm.n_support(), n_support);
}

/// The seeds' numbers differ between libraries; how many of 20 seeds flag an hour does not, but for chance.
fn check_forest(scaled: &Matrix, expected_votes: &[f64], expected_score: &[f64]) {
    let n = scaled.n_rows();
    let (mut votes, mut mean) = (vec![0.0; n], vec![0.0; n]);
    for seed in 0..20 {
        let scores = IsolationForest::fit(scaled, IsolationForestConfig { seed, ..Default::default() }).score(scaled);
        let mut sorted = scores.clone();
        sorted.sort_by(f64::total_cmp);
        let threshold = quantile(&sorted, 0.95);
        votes.iter_mut().zip(&scores).for_each(|(it, score)| *it += f64::from(u8::from(*score > threshold)));
        mean.iter_mut().zip(&scores).for_each(|(it, score)| *it += score / 20.0);
    }
    let (agreement, of_scores) = (correlation(&votes, expected_votes), -correlation(&mean, expected_score));
    let largest = mean.iter().zip(expected_score).map(|(ours, theirs)| (ours + theirs).abs()).fold(0.0, f64::max);
    println!("Forest: votes correlate {agreement:.4}, scores {of_scores:.4} (one seed of theirs), within {largest:.3}");
    assert!(agreement > 0.95 && of_scores > 0.95 && largest < 0.05, "{agreement} {of_scores} {largest}");
    let by_all = (0..n).filter(|it| expected_votes[*it] == 20.0);
    assert!(by_all.into_iter().all(|it| votes[it] >= 18.0), "an hour that all seeds flag is not flagged");
}

fn correlation(left: &[f64], right: &[f64]) -> f64 {
    let n = left.len() as f64;
    let (mean_left, mean_right) = (left.iter().sum::<f64>() / n, right.iter().sum::<f64>() / n);
    let (mut both, mut of_left, mut of_right) = (0.0, 0.0, 0.0);
    for (left, right) in left.iter().zip(right) {
        let (left, right) = (left - mean_left, right - mean_right);
        (both, of_left, of_right) = (both + left * right, of_left + left * left, of_right + right * right);
    }
    both / (of_left * of_right).sqrt()
}

#[test]
fn seven_features() {
    let Some(data) = data() else { return };
    let log = std::fs::read_to_string(data.join("seed2/advanced_cybersecurity_data.csv")).unwrap();
    check("seed2_if_ocsvm_7feat.csv", &hourly(&log), 1.949_826_34, 13);
}

#[test]
fn eleven_features() {
    let Some(data) = data() else { return };
    let log = std::fs::read_to_string(data.join("seed2/advanced_cybersecurity_data.csv")).unwrap();
    check("seed2_if_ocsvm_11feat.csv", &with_random_kinds(hourly(&log)), 1.420_822_66, 19);
}
