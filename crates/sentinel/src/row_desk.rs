//! Who answers `POST /detect`? Rows are judged by each other and by a sample of earlier ones, then remembered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use learn::outlier::blame::top;
use learn::outlier::detector::Verdict;
use learn::outlier::matrix::Matrix;
use learn::outlier::small_batch::judge_batch;
use learn::random::Random;
use serve::{Row, RowJudge, RowVerdict};
use signal::{Meter, Metric};

/// Earlier rows that are remembered; new ones take the place of random ones.
const MOST_REMEMBERED: usize = 1024;
/// Names that are remembered: whoever sends others all the time must not fill the memory.
const MOST_FEATURES: usize = 256;
/// Until this many rows are known the meaning of a name counts.
const FEW: usize = 8;
/// Whatever was usual before: from here on a value of this name is alarming by what it means.
const ALARMING: [(&str, f64); 3] = [("error_rate", 0.25), ("cpu", 97.0), ("cpu_usage", 97.0)];

/// Judges rows that programs send.
pub struct RowDesk {
    contamination: f64,
    memory: Mutex<Memory>,
    n_rows: AtomicU64,
    n_anomalies: AtomicU64,
}

/// A random sample in which old rows fade.
struct Memory {
    rows: Vec<Row>,
    names: BTreeMap<String, ()>,
    random: Random,
}

impl RowDesk {
    /// Knows no rows yet; `contamination` says how readily rows are called unusual.
    pub fn new(contamination: f64) -> Self {
        let memory = Memory { rows: vec![], names: BTreeMap::new(), random: Random::new(42) };
        Self { contamination, memory: Mutex::new(memory), n_rows: AtomicU64::new(0), n_anomalies: AtomicU64::new(0) }
    }
}

impl RowJudge for RowDesk {
    fn judge(&self, rows: &[Row]) -> Vec<RowVerdict> {
        // A sample is as good after a panic as before.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = memory.rows.clone();
        rows.iter().for_each(|it| memory.remember(it));
        drop(memory);
        let verdicts = judge(&earlier, rows, self.contamination);
        let n_anomalies = verdicts.iter().filter(|it| it.is_anomaly).count();
        self.n_rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
        self.n_anomalies.fetch_add(n_anomalies as u64, Ordering::Relaxed);
        verdicts
    }
}

fn judge(earlier: &[Row], rows: &[Row], contamination: f64) -> Vec<RowVerdict> {
    let mut names: Vec<&String> = rows.iter().flat_map(Row::keys).collect();
    names.sort_unstable();
    names.dedup();
    let matrix = |rows: &[Row]| {
        let mut matrix = Matrix::new(names.len());
        for row in rows {
            let values: Vec<f64> = names.iter().map(|it| row.get(*it).copied().unwrap_or(f64::NAN)).collect();
            matrix.push(&values);
        }
        matrix
    };
    if names.is_empty() {
        return rows.iter().map(|_| RowVerdict::default()).collect();
    }
    let verdicts = judge_batch(&matrix(earlier), &matrix(rows), contamination);
    let is_young = earlier.len() + rows.len() < FEW;
    let told = verdicts.into_iter().zip(rows).map(|(verdict, row)| {
        let by_meaning = alarming(row).filter(|it| is_young && it.score > verdict.score);
        by_meaning.unwrap_or_else(|| told(&verdict, &names))
    });
    told.collect()
}

fn told(verdict: &Verdict, names: &[&String]) -> RowVerdict {
    let top_feature = top(&verdict.contributions).and_then(|it| Some((*names.get(it)?).clone()));
    RowVerdict { is_anomaly: verdict.is_anomaly, score: verdict.score, top_feature }
}

/// The value that is alarming by what its name means.
fn alarming(row: &Row) -> Option<RowVerdict> {
    let scores = ALARMING.iter().filter_map(|(name, limit)| Some((*name, row.get(*name)? / limit)));
    let (name, score) = scores.max_by(|left, right| left.1.total_cmp(&right.1))?;
    (score > 1.0).then(|| RowVerdict { is_anomaly: true, score, top_feature: Some(name.to_owned()) })
}

impl Memory {
    fn remember(&mut self, row: &Row) {
        for name in row.keys() {
            if self.names.len() < MOST_FEATURES && !self.names.contains_key(name) {
                self.names.insert(name.clone(), ());
            }
        }
        let known: Row =
            row.iter().filter(|it| self.names.contains_key(it.0)).map(|it| (it.0.clone(), *it.1)).collect();
        if self.rows.len() < MOST_REMEMBERED {
            self.rows.push(known);
            return;
        }
        let index = self.random.below(self.rows.len());
        if let Some(old) = self.rows.get_mut(index) {
            *old = known;
        }
    }
}

impl Meter for RowDesk {
    fn metrics(&self) -> Vec<Metric> {
        let remembered = self.memory.lock().unwrap_or_else(PoisonError::into_inner).rows.len();
        let (n_rows, n_anomalies) = (self.n_rows.load(Ordering::Relaxed), self.n_anomalies.load(Ordering::Relaxed));
        vec![
            Metric::counter("sentinel_detect_rows_total", "Rows that were judged on /detect.", n_rows),
            Metric::counter("sentinel_detect_row_anomalies_total", "Rows of /detect found unusual.", n_anomalies),
            Metric::gauge("sentinel_detect_rows_remembered", "Earlier rows that /detect judges by.", remembered as f64),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(latency: f64, error_rate: f64, cpu: f64) -> Row {
        [("latency", latency), ("error_rate", error_rate), ("cpu", cpu)].map(|it| (it.0.to_owned(), it.1)).into()
    }

    fn usual(n: usize, random: &mut Random) -> Vec<Row> {
        (0..n).map(|_| row(100.0 + 5.0 * random.normal(), 0.01, 40.0 + 2.0 * random.normal())).collect()
    }

    #[test]
    fn the_first_call_finds_the_odd_one_and_nothing_else() {
        let mut rows = usual(5, &mut Random::new(1));
        rows.push(row(2500.0, 0.4, 95.0));
        let verdicts = RowDesk::new(0.1).judge(&rows);
        let found: Vec<bool> = verdicts.iter().map(|it| it.is_anomaly).collect();
        assert_eq!(found, [false, false, false, false, false, true], "{verdicts:?}");
        assert!(verdicts[5].top_feature.is_some());
    }

    #[test]
    fn a_first_row_is_judged_by_what_its_names_mean() {
        let desk = RowDesk::new(0.1);
        assert!(!desk.judge(&[row(100.0, 0.01, 40.0)])[0].is_anomaly);
        let verdict = desk.judge(&[row(100.0, 0.6, 40.0)]).remove(0);
        assert!(verdict.is_anomaly && verdict.top_feature.as_deref() == Some("error_rate"), "{verdict:?}");
    }

    #[test]
    fn later_rows_are_judged_by_earlier_ones_in_bounded_memory() {
        let (desk, mut random) = (RowDesk::new(0.1), Random::new(2));
        for _ in 0..30 {
            desk.judge(&usual(50, &mut random));
        }
        assert_eq!(desk.memory.lock().unwrap().rows.len(), MOST_REMEMBERED);
        let verdicts = desk.judge(&[row(101.0, 0.01, 40.0), row(101.0, 0.01, 80.0)]);
        assert!(!verdicts[0].is_anomaly && verdicts[1].is_anomaly, "{verdicts:?}");
        assert_eq!(verdicts[1].top_feature.as_deref(), Some("cpu"));
        let missing = Row::from([("cpu".to_owned(), 41.0)]);
        assert!(!desk.judge(&[missing])[0].is_anomaly);
        assert!(desk.metrics().iter().any(|it| it.name == "sentinel_detect_rows_total" && it.value == 1503.0));
    }

    #[test]
    fn new_names_do_not_fill_the_memory() {
        let desk = RowDesk::new(0.1);
        for name in 0..1000 {
            desk.judge(&[Row::from([(format!("feature {name}"), 1.0)])]);
        }
        assert_eq!(desk.memory.lock().unwrap().names.len(), MOST_FEATURES);
    }
}
