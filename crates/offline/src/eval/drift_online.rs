//! How late does a monitor of a stream see a change, and how often one that is none? A table of made streams.

use learn::drift::DriftError;
use learn::drift::online::{DetectorKind, Direction};
use learn::evaluate::drift_online::{self, Stream, Watched};

use super::{Breakdown, Figure, Report, Row};

/// Values without drift for one alarm: 0.2 in 10,000.
const EXPECTED_RUN: f64 = 50_000.0;
const FIGURES: [Figure; 12] = [
    Figure::new("reference", "reference", 0),
    Figure::new("false_alarms", "false / 10,000", 3),
    Figure::new("false_alarms_error", "+-", 3),
    Figure::new("delay_1_sd", "1 sd: mean", 2),
    Figure::new("delay_1_sd_error", "+-", 2),
    Figure::new("delay_1_sd_median", "median", 0),
    Figure::new("delay_half_sd", "0.5 sd: mean", 2),
    Figure::new("delay_half_sd_error", "+-", 2),
    Figure::new("delay_half_sd_median", "median", 0),
    Figure::new("delay_doubled_sd", "sd x2", 1),
    Figure::new("delay_doubled_variance", "variance x2", 1),
    Figure::new("missed", "missed", 0),
];
const BOTH: [(Stream, usize); 8] = [
    (Stream::Normal, 300),
    (Stream::Normal, 1000),
    (Stream::Normal, 10_000),
    (Stream::Normal, 200_000),
    (Stream::Lognormal, 10_000),
    (Stream::HeavyTailed, 10_000),
    (Stream::Uniform, 10_000),
    (Stream::Integers, 10_000),
];
const UP: [(Stream, usize); 4] =
    [(Stream::Normal, 1000), (Stream::Normal, 10_000), (Stream::Normal, 200_000), (Stream::Lognormal, 10_000)];
/// Weights of half a deviation, the rest of one deviation, at which the border of all detectors is shown.
const WEIGHTS: [f64; 6] = [0.0, 0.3, 0.5, 0.6, 0.7, 1.0];
/// KSWIN sorts windows at each value.
const RUNS_OF_OTHERS: u32 = 100;

/// Adds the table to the report.
pub fn measure(report: &mut Report, runs: u32, seed: u64) {
    let mut rows = Vec::new();
    let mut add = |name: String, n: Option<usize>, watched: Result<Watched, DriftError>| match watched {
        Ok(watched) => rows.push(row(name, n, &watched)),
        Err(error) => report.notes.push(format!("{name}: {error}")),
    };
    for (direction, word, streams) in
        [(Direction::Both, "both directions", BOTH.as_slice()), (Direction::Up, "up only", UP.as_slice())]
    {
        for (stream, n) in streams {
            let watched = drift_online::watch(*stream, direction, *n, EXPECTED_RUN, runs, seed);
            add(format!("{word}, {}, {n}", stream.name()), Some(*n), watched);
        }
        for half in WEIGHTS {
            let sizes = [(1.0, 1.0 - half), (0.5, half)];
            let least = drift_online::least(direction, &sizes, EXPECTED_RUN, runs, seed);
            add(format!("{word}, least possible, {:.0} % for 0.5 sd", 100.0 * half), None, Ok(least));
        }
    }
    for kind in [DetectorKind::Adwin, DetectorKind::PageHinkley, DetectorKind::Kswin] {
        let watched = drift_online::published(kind, runs.min(RUNS_OF_OTHERS), seed);
        add(format!("River's {}", kind.river_name()), None, Ok(watched));
    }
    report.breakdowns.push(Breakdown {
        key: "online",
        title: format!("Monitors of streams that are asked for one alarm in {EXPECTED_RUN} values: delays in values"),
        rows_are: "monitor",
        figures: FIGURES.to_vec(),
        rows,
    });
    report.notes.push(format!(
        "{runs} runs for each row (others: at most {RUNS_OF_OTHERS}), each of 20,000 values without change and ten streams \
         with each of the four changes; seed {seed}; +- is the standard error."
    ));
    report.notes.push(
        "Least possible: a detector that knows the distribution and that the mean moves by 1 or by 0.5 sd, weighted as \
         said, and that finds nothing else. With as few false alarms the weighted mean of its delays is the least of all \
         detectors (Shiryaev and Roberts), so these rows are a border that none passes, ours included."
            .to_owned(),
    );
}

fn row(name: String, n_reference: Option<usize>, watched: &Watched) -> Row {
    let [one, half, spread, variance] = watched.delays;
    let values = [
        n_reference.map(|it| it as f64),
        Some(watched.false_alarms.mean),
        Some(watched.false_alarms.error),
        Some(one.mean.mean),
        Some(one.mean.error),
        Some(one.median),
        Some(half.mean.mean),
        Some(half.mean.error),
        Some(half.median),
        Some(spread.mean.mean),
        Some(variance.mean.mean),
        Some(f64::from(watched.missed)),
    ];
    let values = values.into_iter().map(|it| it.filter(|it| it.is_finite())).collect();
    Row::new(name, values)
}
