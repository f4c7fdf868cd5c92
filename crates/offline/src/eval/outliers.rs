//! How do the judges of rows do on published data: tables with labels (ADBench), or servers with the metrics to blame?

use std::path::{Path, PathBuf};
use std::time::Instant;

use learn::evaluate::ranking::{average_precision, roc_auc};
use learn::outlier::detector::{Detector, DetectorConfig, Method};
use learn::outlier::matrix::Matrix;
use learn::outlier::standardize::Standardizer;
use learn::random::Random;

use super::{Breakdown, DataArgs, Figure, Report, Row, servers};
use crate::bad_input::BadInput;
use crate::feature_table::FeatureTable;
use crate::progress::Progress;

const FIGURES: [Figure; 3] = [
    Figure::new("roc_auc", "ROC AUC", 4),
    Figure::new("average_precision", "average precision", 4),
    Figure::new("seconds", "fit + score s", 3),
];

const SET_FIGURES: [Figure; 5] = [
    Figure::new("rows", "rows", 0),
    Figure::new("features", "features", 0),
    Figure::new("isolation_forest", "forest AUC", 3),
    Figure::new("one_class_svm", "SVM AUC", 3),
    Figure::new("nearest_neighbors", "neighbors AUC", 3),
];

/// scikit-learn's defaults on 20 small sets of ADBench by the same protocol.
const PUBLISHED: [(&str, f64); 2] =
    [("scikit-learn IsolationForest (20 sets)", 0.810), ("scikit-learn OneClassSVM (20 sets)", 0.779)];

const METHODS: [(&str, Method); 3] = [
    ("isolation_forest", Method::IsolationForest),
    ("one_class_svm", Method::OneClassSvm),
    ("nearest_neighbors", Method::NearestNeighbors),
];
const SEEDS: [u64; 3] = [0, 1, 2];
const ADVICE: &str =
    "give a folder of CSV files with a column `label`, or of folders with train, test and interpretation";

/// `sentinel eval outliers`.
///
/// # Errors
/// `BadInput` if the folder holds neither kind of data.
pub fn evaluate(args: &DataArgs) -> Result<Report, BadInput> {
    if let Some(folders) = servers::folders(&args.folder) {
        return servers::evaluate(&folders);
    }
    let files = tables(&args.folder)?;
    let progress = Progress::new(files.len(), "judging");
    let mut sets = vec![];
    for path in &files {
        sets.push(judge(path)?);
        progress.advance(1);
    }
    Ok(report(&sets))
}

/// Files with a table, in the order of their names.
fn tables(folder: &Path) -> Result<Vec<PathBuf>, BadInput> {
    let name = folder.display().to_string();
    let entries = std::fs::read_dir(folder).map_err(|error| BadInput::of_file(&name, error.to_string(), ADVICE))?;
    let is_table = |it: &PathBuf| {
        let name = it.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.ends_with(".csv") || name.ends_with(".csv.gz")
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|it| Some(it.ok()?.path())).filter(is_table).collect();
    files.sort();
    if files.is_empty() { Err(BadInput::of_file(&name, "it has no CSV files", ADVICE)) } else { Ok(files) }
}

/// One table: for each method area, precision and seconds, means of three seeds.
struct Judged {
    name: String,
    n_rows: usize,
    n_features: usize,
    figures: [[f64; 3]; METHODS.len()],
}

fn judge(path: &Path) -> Result<Judged, BadInput> {
    let table = FeatureTable::read(path)?;
    let file = path.display().to_string();
    let labels = table.labels.ok_or_else(|| BadInput::of_file(&file, "it has no column `label` of 0 and 1", ADVICE))?;
    let mut figures = [[0.0; 3]; METHODS.len()];
    for seed in SEEDS {
        let (train, test, test_labels) = split(&table.rows, &labels, seed);
        for ((_, method), figures) in METHODS.iter().zip(&mut figures) {
            let start = Instant::now();
            let detector = Detector::fit(&train, DetectorConfig { method: *method, seed, ..Default::default() });
            let scores = detector.score(&test);
            let seconds = start.elapsed().as_secs_f64();
            let values = [roc_auc(&scores, &test_labels), average_precision(&scores, &test_labels), seconds];
            figures.iter_mut().zip(values).for_each(|(sum, it)| *sum += it / SEEDS.len() as f64);
        }
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.trim_end_matches(".gz").trim_end_matches(".csv").to_owned();
    Ok(Judged { name, n_rows: table.rows.n_rows(), n_features: table.rows.n_features(), figures })
}

/// Seven tenths of each kind to train on, anomalies among them, the rest to judge; scaled to the range of the former.
fn split(rows: &Matrix, labels: &[bool], seed: u64) -> (Matrix, Matrix, Vec<bool>) {
    let mut random = Random::new(seed);
    let (mut train, mut test) = (vec![], vec![]);
    for kind in [false, true] {
        let mut of_kind: Vec<usize> = labels.iter().enumerate().filter(|it| *it.1 == kind).map(|it| it.0).collect();
        random.shuffle(&mut of_kind);
        let n_test = (of_kind.len() as f64 * 0.3).round() as usize;
        test.extend(of_kind.drain(..n_test));
        train.extend(of_kind);
    }
    random.shuffle(&mut train);
    let train = rows.select(&train);
    let scales = Standardizer::by_range(&train);
    let test_labels = test.iter().filter_map(|it| labels.get(*it).copied()).collect();
    (scales.apply(&train), scales.apply(&rows.select(&test)), test_labels)
}

fn report(sets: &[Judged]) -> Report {
    let n = sets.len() as f64;
    let ours = METHODS.iter().enumerate().map(|(method, (name, _))| {
        let of = |figure: usize| sets.iter().filter_map(move |it| it.figures.get(method)?.get(figure).copied());
        Row::new(*name, vec![Some(of(0).sum::<f64>() / n), Some(of(1).sum::<f64>() / n), Some(of(2).sum())])
    });
    let rows = sets.iter().map(|it| {
        let aucs = it.figures.iter().map(|it| it.first().copied());
        Row::new(&it.name, [Some(it.n_rows as f64), Some(it.n_features as f64)].into_iter().chain(aucs).collect())
    });
    let sets = Breakdown {
        key: "sets",
        title: "By set".to_owned(),
        rows_are: "set",
        figures: SET_FIGURES.to_vec(),
        rows: rows.collect(),
    };
    Report {
        name: "outliers",
        title: format!("Rows with labels: {n} sets"),
        figures: FIGURES.to_vec(),
        ours: ours.collect(),
        peers: PUBLISHED.iter().map(|it| Row::new(it.0, vec![Some(it.1), None, None])).collect(),
        breakdowns: vec![sets],
        notes: vec![
            "70 % of the rows of each kind to train on, anomalies among them, scaled to their range; the rest is judged; \
             means of 3 seeds, one configuration for all sets."
                .to_owned(),
            "Seconds are the sum over the sets of training, calibrating the threshold and scoring once.".to_owned(),
        ],
    }
}
