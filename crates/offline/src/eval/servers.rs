//! How well are the unusual hours of servers found, and are the metrics to blame among the first that are named?
//!
//! A folder per server: `train.csv`, `test.csv` with a column `label`, and `interpretation.txt` with lines
//! `FIRST-LAST:METRIC,METRIC` (metrics from 1), each file also packed with gzip.

use std::path::{Path, PathBuf};

use learn::evaluate::ranking::{average_precision, vus_pr};
use learn::outlier::detector::{Detector, DetectorConfig, Method};
use learn::outlier::matrix::Matrix;

use super::{Breakdown, Figure, Report, Row};
use crate::bad_input::BadInput;
use crate::feature_table::FeatureTable;
use crate::progress::Progress;

const FIGURES: [Figure; 5] = [
    Figure::new("auc_pr", "AUC-PR", 3),
    Figure::new("vus_pr", "VUS-PR", 3),
    Figure::new("blamed_in_top_5", "hit in top 5", 3),
    Figure::new("share_of_top_5", "top 5 right", 3),
    Figure::new("by_chance", "hit by chance", 3),
];
const METHODS: [(&str, Method); 3] = [
    ("isolation_forest", Method::IsolationForest),
    ("nearest_neighbors", Method::NearestNeighbors),
    ("autoencoder", Method::Autoencoder),
];
/// Point-wise values over six machines of SMD, as published.
const PUBLISHED: [(&str, f64); 3] =
    [("extended isolation forest (SMD)", 0.469), ("PCA (SMD)", 0.462), ("isolation forest (SMD)", 0.383)];
const N_TOP: usize = 5;
/// Rows around a span that count in part for VUS-PR.
const MAX_BUFFER: usize = 100;
const ADVICE: &str = "see the lines FIRST-LAST:METRIC,METRIC of InterFusion's data";

/// The folders of servers in a folder, or that folder itself if it is one.
pub fn folders(folder: &Path) -> Option<Vec<PathBuf>> {
    let is_server = |it: &PathBuf| it.join("interpretation.txt").is_file();
    let own = folder.to_owned();
    if is_server(&own) {
        return Some(vec![own]);
    }
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.filter_map(|it| Some(it.ok()?.path())).filter(is_server).collect();
    found.sort();
    (!found.is_empty()).then_some(found)
}

/// One server.
struct Server {
    name: String,
    train: Matrix,
    test: Matrix,
    labels: Vec<bool>,
    spans: Vec<Span>,
}

/// Rows of the test, and metrics from 0 that are to blame.
struct Span {
    first: usize,
    last: usize,
    guilty: Vec<usize>,
}

/// Judges all servers by all methods.
///
/// # Errors
/// `BadInput` if a file is missing or damaged.
pub fn evaluate(folders: &[PathBuf]) -> Result<Report, BadInput> {
    let progress = Progress::new(folders.len() * METHODS.len(), "judging");
    let mut rows: Vec<Vec<(usize, Row)>> = METHODS.iter().map(|_| vec![]).collect();
    for folder in folders {
        let server = Server::read(folder)?;
        for (rows, (_, method)) in rows.iter_mut().zip(METHODS) {
            rows.push((server.spans.len(), Row::new(&server.name, server.judge(method))));
            progress.advance(1);
        }
    }
    Ok(report(&rows))
}

fn report(rows: &[Vec<(usize, Row)>]) -> Report {
    let n_spans: usize = rows.first().into_iter().flatten().map(|it| it.0).sum();
    let ours = METHODS.iter().zip(rows).map(|(method, rows)| Row::new(method.0, means(rows)));
    let breakdowns = METHODS.iter().zip(rows).map(|((key, _), rows)| Breakdown {
        key: if *key == "autoencoder" { "autoencoder_by_server" } else { "isolation_forest_by_server" },
        title: format!("By server, {key}"),
        rows_are: "server",
        figures: FIGURES.to_vec(),
        rows: rows.iter().map(|it| it.1.clone()).collect(),
    });
    Report {
        name: "outliers",
        title: format!("Servers with metrics to blame: {} servers, {n_spans} spans", rows.first().map_or(0, Vec::len)),
        figures: FIGURES.to_vec(),
        ours: ours.collect(),
        breakdowns: breakdowns.collect(),
        peers: PUBLISHED.iter().map(|it| Row::new(it.0, vec![Some(it.1), None, None, None, None])).collect(),
        notes: vec![
            "Trained on the training rows alone. AUC-PR: average precision by row, mean over servers, never \
             point-adjusted; VUS-PR with buffers up to 100 rows."
                .to_owned(),
            "hit in top 5: share of spans, of all servers together, where one of the five metrics with the largest mean \
             contribution over the span is to blame; top 5 right: how many of the five are (of at most as many as are to \
             blame); by chance: the expected hits of five metrics drawn at random."
                .to_owned(),
        ],
    }
}

/// Areas are means over servers, what is counted by spans over all spans.
fn means(rows: &[(usize, Row)]) -> Vec<Option<f64>> {
    let n_spans: usize = rows.iter().map(|it| it.0).sum();
    let mean = |figure: usize| {
        let weighted = rows.iter().filter_map(|(n, row)| {
            let weight = if figure < 2 { 1.0 / rows.len() as f64 } else { *n as f64 / n_spans as f64 };
            Some(weight * (*row.values.get(figure)?)?)
        });
        Some(weighted.sum())
    };
    (0..FIGURES.len()).map(mean).collect()
}

impl Server {
    fn read(folder: &Path) -> Result<Self, BadInput> {
        let path = |name: &str| {
            let packed = folder.join(format!("{name}.csv.gz"));
            if packed.is_file() { packed } else { folder.join(format!("{name}.csv")) }
        };
        let (test_path, train_path) = (path("test"), path("train"));
        let test = FeatureTable::read(&test_path)?;
        let train = FeatureTable::read(&train_path)?.with_columns(&test.names, &train_path)?;
        let no_labels = || BadInput::of_file(&test_path.display().to_string(), "it has no column `label`", ADVICE);
        let labels = test.labels.ok_or_else(no_labels)?;
        let interpretation = folder.join("interpretation.txt");
        let name = interpretation.display().to_string();
        let text = std::fs::read_to_string(&interpretation)
            .map_err(|error| BadInput::of_file(&name, error.to_string(), ADVICE))?;
        let span = |(index, line): (usize, &str)| {
            let wrong = || BadInput::of_line(&name, index as u64 + 1, "it is no span", ADVICE);
            span(line, test.rows.n_rows(), test.names.len()).ok_or_else(wrong)
        };
        let lines = text.lines().enumerate().filter(|it| !it.1.trim().is_empty());
        let spans = lines.map(span).collect::<Result<Vec<_>, _>>()?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, train, test: test.rows, labels, spans })
    }

    fn judge(&self, method: Method) -> Vec<Option<f64>> {
        let detector = Detector::fit(&self.train, DetectorConfig { method, ..Default::default() });
        let scores = detector.score(&self.test);
        let (mut n_hit, mut right, mut chance) = (0.0, 0.0, 0.0);
        for span in &self.spans {
            let named = self.named(&detector, span);
            let n_right = named.iter().filter(|it| span.guilty.contains(it)).count();
            n_hit += f64::from(u8::from(n_right > 0));
            right += n_right as f64 / span.guilty.len().clamp(1, N_TOP) as f64;
            chance += by_chance(span.guilty.len(), self.test.n_features());
        }
        let n = self.spans.len() as f64;
        let areas = [average_precision(&scores, &self.labels), vus_pr(&scores, &self.labels, MAX_BUFFER)];
        areas.into_iter().chain([n_hit / n, right / n, chance / n]).map(Some).collect()
    }

    /// The metrics with the largest mean contribution over a span.
    fn named(&self, detector: &Detector, span: &Span) -> Vec<usize> {
        let rows = self.test.select(&(span.first..=span.last).collect::<Vec<_>>());
        let mut sums = vec![0.0; rows.n_features()];
        for verdict in detector.judge(&rows) {
            sums.iter_mut().zip(&verdict.contributions).for_each(|(sum, it)| *sum += it);
        }
        let mut order: Vec<(usize, f64)> = sums.into_iter().enumerate().collect();
        order.sort_by(|left, right| right.1.total_cmp(&left.1));
        order.into_iter().take(N_TOP).map(|it| it.0).collect()
    }
}

/// `FIRST-LAST:METRIC,METRIC`, within the rows and metrics that there are.
fn span(line: &str, n_rows: usize, n_metrics: usize) -> Option<Span> {
    let (rows, metrics) = line.trim().split_once(':')?;
    let (first, last) = rows.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse::<usize>().ok()?.min(n_rows.checked_sub(1)?));
    let guilty =
        metrics.split(',').map(|it| it.trim().parse::<usize>().ok()?.checked_sub(1).filter(|it| *it < n_metrics));
    let guilty = guilty.collect::<Option<Vec<usize>>>()?;
    (first <= last).then_some(Span { first, last, guilty })
}

/// The chance that five metrics drawn at random have a guilty one among them.
fn by_chance(n_guilty: usize, n_metrics: usize) -> f64 {
    let missed =
        |it: usize| n_metrics.saturating_sub(n_guilty + it) as f64 / n_metrics.saturating_sub(it).max(1) as f64;
    1.0 - (0..N_TOP).map(missed).product::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_checked() {
        let it = span("5-9:1,3", 8, 3).unwrap();
        assert_eq!((it.first, it.last, it.guilty), (5, 7, vec![0, 2]));
        for wrong in ["", "5:1", "9-5:1", "1-2:0", "1-2:4", "1-2:x"] {
            assert!(span(wrong, 100, 3).is_none(), "{wrong}");
        }
    }

    #[test]
    fn chance_is_counted() {
        assert!((by_chance(1, 10) - 0.5).abs() < 1e-12);
        assert_eq!((by_chance(0, 10), by_chance(10, 10), by_chance(2, 5)), (0.0, 1.0, 1.0));
    }
}
