//! How far off are our forecasts of the M4 competition's series, how honest are the intervals, how long does it take?

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use learn::evaluate::forecast::{coverage, mase, smape};
use learn::forecast::{Calibrated, ModelKind, Regular};

use super::competition::{self, Frequency, Series};
use super::{Breakdown, DataArgs, Figure, Report, Row};
use crate::bad_input::BadInput;
use crate::progress::Progress;

const LEVELS: [f64; 2] = [0.8, 0.95];

const FIGURES: [Figure; 8] = [
    Figure::new("mase", "MASE", 3),
    Figure::new("smape", "sMAPE", 2),
    Figure::new("coverage_80", "in 80 %", 1),
    Figure::new("coverage_95", "in 95 %", 1),
    Figure::new("width_80", "width 80 %", 2),
    Figure::new("fit_ms_median", "fit ms", 2),
    Figure::new("fit_ms_p99", "p99 ms", 2),
    Figure::new("failed", "failed", 0),
];

/// MASE and sMAPE over all 414 hourly series, 48 steps: the competition's results (winner, ES-RNN by others), those that
/// the makers of the models published, or measured with their packages; see docs/book/src/forecast-models.md.
const PUBLISHED: [(&str, f64, Option<f64>); 10] = [
    ("TiRex (foundation model)", 0.722, None),
    ("Chronos-2 (foundation model)", 0.788, None),
    ("M4 winner", 0.801, Some(8.9)),
    ("ES-RNN", 0.893, Some(9.3)),
    ("AutoARIMA", 0.92, None),
    ("MSTL", 1.102, Some(13.8)),
    ("seasonal naive", 1.193, Some(13.9)),
    ("ETS", 1.606, Some(17.2)),
    ("Prophet", 1.630, Some(18.1)),
    ("theta", 2.456, Some(18.2)),
];

/// `sentinel eval forecast`.
///
/// # Errors
/// `BadInput` if the folder does not hold the competition's files.
pub fn evaluate(args: &DataArgs) -> Result<Report, BadInput> {
    let frequencies = competition::read(&args.folder)?;
    // `auto` first: it is what users get.
    let mut kinds = ModelKind::all();
    kinds.sort_by_key(|it| it.name() != "auto");
    let n_series: usize = frequencies.iter().map(|it| it.series.len()).sum();
    let progress = Progress::new(n_series * kinds.len(), "forecasting");
    let mut tables: Vec<(&Frequency, Vec<Row>)> = frequencies
        .iter()
        .map(|frequency| (frequency, kinds.iter().map(|kind| row(frequency, kind, &progress)).collect()))
        .collect();
    let (first, ours) = tables.remove(0);
    let peers = PUBLISHED.iter().map(|(name, mase, smape)| {
        let unknown = FIGURES.iter().skip(2).map(|_| None);
        Row::new(*name, [Some(*mase), *smape].into_iter().chain(unknown).collect())
    });
    let others = tables.into_iter().map(|(frequency, rows)| Breakdown {
        key: frequency.name,
        title: format!("M4 {}: {} series, {} steps", frequency.name, frequency.series.len(), n_steps(frequency)),
        rows_are: "",
        figures: FIGURES.to_vec(),
        rows,
    });
    Ok(Report {
        name: "forecast",
        title: format!("M4 {}: {} series, {} steps", first.name, first.series.len(), n_steps(first)),
        figures: FIGURES.to_vec(),
        ours,
        peers: if first.name == "hourly" { peers.collect() } else { vec![] },
        breakdowns: others.collect(),
        notes: notes(),
    })
}

fn notes() -> Vec<String> {
    [
        "Means over the series. MASE divides by the seasonal naive error in the series' training part (season 24 hourly, 12 monthly, 4 quarterly, else 1).",
        "`in 80 %`: the share of true values within the 80 % interval, in percent; its width is in units of that naive error.",
        "A fit is the back-test, the final fit, the forecast and both intervals of one series, on one core beside others.",
        "Peers: published or measured over all 414 hourly series; ours are over the series of the folder.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn n_steps(frequency: &Frequency) -> usize {
    frequency.series.iter().map(|it| it.test.len()).max().unwrap_or(0)
}

/// What one series gave: the figures, or nothing if the model cannot be fitted to it.
type Judged = Option<[f64; 6]>;

fn row(frequency: &Frequency, kind: &ModelKind, progress: &Progress) -> Row {
    let judged = in_parallel(&frequency.series, |series| {
        let judged = judge(frequency, kind, series);
        progress.advance(1);
        judged
    });
    let known: Vec<[f64; 6]> = judged.iter().flatten().copied().collect();
    let column = |index: usize| known.iter().filter_map(move |it| it.get(index).copied()).filter(|it| it.is_finite());
    let mean = |index: usize, factor: f64| {
        let (sum, n) = column(index).fold((0.0, 0.0), |(sum, n), it| (sum + it, n + 1.0));
        (n > 0.0).then_some(factor * sum / n)
    };
    let mut millis: Vec<f64> = column(5).collect();
    millis.sort_by(f64::total_cmp);
    let at = |share: f64| millis.get((share * millis.len() as f64) as usize).copied();
    let means = [mean(0, 1.0), mean(1, 1.0), mean(2, 100.0), mean(3, 100.0), mean(4, 1.0)];
    let n_failed = (judged.len() - known.len()) as f64;
    Row::new(kind.name(), means.into_iter().chain([at(0.5), at(0.99), Some(n_failed)]).collect())
}

fn judge(frequency: &Frequency, kind: &ModelKind, series: &Series) -> Judged {
    let history = Regular::new(0, frequency.step, series.train.clone());
    let start = Instant::now();
    let fitted = Calibrated::fit(kind, &history, series.test.len()).ok()?;
    let forecast = fitted.forecast(series.test.len(), &LEVELS).ok()?;
    let millis = start.elapsed().as_secs_f64() * 1000.0;
    let [narrow, wide] = forecast.intervals.as_slice() else { return None };
    let covered = |it: &learn::forecast::Interval| coverage(&series.test, &it.lower, &it.upper);
    let naive = learn::evaluate::forecast::naive_error(&series.train, frequency.season);
    let width = narrow.upper.iter().zip(&narrow.lower).map(|(upper, lower)| upper - lower).sum::<f64>();
    Some([
        mase(&series.test, &forecast.values, &series.train, frequency.season),
        smape(&series.test, &forecast.values),
        covered(narrow),
        covered(wide),
        width / series.test.len() as f64 / naive,
        millis,
    ])
}

/// The results in the order of the items, computed on all cores.
fn in_parallel<T: Sync, R: Send>(items: &[T], compute: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let work = || {
        while let Some((index, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|it| Some((it, items.get(it)?)))
        {
            let result = compute(item);
            results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
        }
    };
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..n_cores).for_each(|_| drop(scope.spawn(work))));
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|it| it.0);
    results.into_iter().map(|it| it.1).collect()
}
