//! Which numbers tell of watched models? The same on /metrics and in the store, so that rules, dashboards and incidents
//! see one truth.

use std::sync::Arc;

use drift::watch::is_of_performance;
use drift::watch::online::StreamState;
use signal::{Labels, Meter, Metric, SeriesPoints};
use store::{Store, Write};

use crate::model_watch::run::Run;
use crate::model_watch::telling::{series, series_of, series_of_target};
use crate::model_watch::watched::Watched;
use crate::model_watch::{ModelWatches, online};

/// A gauge of the newest run: its help, its series, its value.
type Gauge = (&'static str, Labels, f64);

/// All gauges of a run.
// Long because each gauge is a line.
fn gauges(watched: &Watched, run: &Run) -> Vec<Gauge> {
    let config = &watched.config;
    let of = |name: &str| series(config, name);
    let mut found: Vec<Gauge> = vec![];
    let mut add = |help, labels, value: f64| {
        if value.is_finite() {
            found.push((help, labels, value));
        }
    };
    let measure = |name| run.measures.get(name).unwrap_or(f64::NAN);
    add("Share of the features of a model that drifted, 0 to 1.", of("data_drift_score"), measure("data_drift_score"));
    add(
        "1 if the share of drifted features reaches compare.drift_share.",
        of("sentinel_dataset_drift"),
        measure("dataset_drift"),
    );
    add(
        "Columns that are missing, empty or of another type.",
        of("sentinel_schema_drift_columns"),
        measure("schema_drift"),
    );
    add("Predictions that were compared.", of("sentinel_model_window_rows"), measure("predictions"));
    add("Labels that have come for them.", of("sentinel_model_window_labels"), measure("labels"));
    for it in &run.features {
        let feature = |name: &str| of(name).with("feature", &it.name);
        add("How large the drift of a feature is.", series_of(config, &it.name, &it.method), it.effect);
        let p = it.adjusted_p.or(it.p_value).unwrap_or(f64::NAN);
        add("Probability of the drift of a feature by chance, adjusted.", feature("sentinel_data_drift_p_value"), p);
        add("1 if a feature drifted.", feature("sentinel_data_drift_detected"), f64::from(u8::from(it.drifted)));
        add("Share of values that are missing.", feature("sentinel_model_missing_ratio"), it.missing.1);
    }
    if let Some(it) = &run.prediction {
        let labels = of("sentinel_prediction_drift_score").with("test", &it.method);
        add("How large the drift of the answers is.", of("sentinel_prediction_drift_score"), it.effect);
        add(
            "Score of the test of the answers.",
            labels.with("__name__", "sentinel_prediction_drift_statistic"),
            it.score,
        );
    }
    if let Some(it) = &run.concept {
        add("Mean loss of answers whose label has come.", of("sentinel_concept_drift_score"), it.now);
    }
    for (name, value) in run.measures.iter().filter(|it| is_of_performance(it.0)) {
        let labels = of("sentinel_model_performance").with("metric", name);
        add("How right answers are, by the labels that have come.", labels, value);
    }
    for it in &run.estimated {
        let of = |name: &str| of(name).with("metric", &it.metric);
        add(
            "How right answers are expected to be before labels come.",
            of("sentinel_model_estimated_performance"),
            it.value,
        );
        let bound = |side| of("sentinel_model_estimated_performance_band").with("bound", side);
        add("What is usual of windows like the reference.", bound("lower"), it.lower);
        add("What is usual of windows like the reference.", bound("upper"), it.upper);
    }
    if let Some(n) = run.measures.get("drifted_segments") {
        add("Groups in which a feature drifted.", of("sentinel_drifted_segments"), n);
    }
    if let Some((half, most)) = run.latency_ms {
        for (quantile, value) in [("0.5", half), ("0.99", most)] {
            let labels = of("sentinel_model_latency_seconds").with("quantile", quantile);
            add("Time of predictions.", labels, value / 1000.0);
        }
    }
    found
}

/// Gauges of the live stream.
fn online_gauges(watched: &Watched) -> Vec<Gauge> {
    let states = watched.online.iter().flat_map(|it| it.look(online::State::states));
    let gauge = |it: StreamState| {
        let help = "How near the live stream is to an alarm, below 1; from 1 on while an alarm stands.";
        (help, series_of_target(&watched.config, &it.target), online::score(&it))
    };
    states.map(gauge).collect()
}

/// With the model, and the version if only that is watched.
fn of_watch(metric: Metric, watched: &Watched) -> Metric {
    let metric = metric.label("model", &watched.config.model);
    match &watched.config.version {
        Some(version) => metric.label("version", version),
        None => metric,
    }
}

fn online_counters(watched: &Watched) -> Vec<Metric> {
    let Some(online) = &watched.online else { return vec![] };
    let Some((rows, labels, alarms, n_streams, left_out)) = online
        .look(|it| it.follower.as_ref().map(|it| (it.rows, it.labels(), it.alarms(), it.n_streams(), it.left_out)))
    else {
        return vec![];
    };
    let counter = |name, help, value: u64| of_watch(Metric::counter(name, help, value), watched);
    let gauge = |name, help, value: f64| of_watch(Metric::gauge(name, help, value), watched);
    vec![
        counter("sentinel_online_drift_predictions_total", "Predictions that the live stream was followed by.", rows),
        counter("sentinel_online_drift_labels_total", "Labels that the live stream was followed by.", labels),
        counter("sentinel_online_drift_alarms_total", "Alarms of the live stream, repeated ones too.", alarms),
        gauge("sentinel_online_drift_streams", "Streams that are followed.", n_streams as f64),
        gauge("sentinel_online_drift_streams_left_out", "Streams that online.max_streams left out.", left_out as f64),
    ]
}

impl ModelWatches {
    /// Writes the gauges of the newest run into the store. They are told, not measured, so they are not judged.
    pub fn record(&self, watched: &Watched) {
        let now = self.clock.now();
        let run = watched.look(|it| it.runs.newest().cloned());
        let all = run.iter().flat_map(|it| gauges(watched, it)).chain(online_gauges(watched));
        let mut points: Vec<SeriesPoints> =
            all.map(|(_, labels, value)| SeriesPoints::one(labels, now, value)).collect();
        let n = watched.look(|it| it.counts.predictions) as f64;
        points.push(SeriesPoints::one(series(&watched.config, "sentinel_model_predictions_total"), now, n));
        write(&self.store, points, now);
    }
}

fn write(store: &Store, points: Vec<SeriesPoints>, now: signal::Timestamp) {
    let done = Box::new(|result: Result<_, store::Error>| {
        if let Err(error) = result {
            tracing::warn!(%error, "Series of a watched model were not stored.");
        }
    });
    // A store that is busy gets them the next time.
    if store.append(Write::Samples(Arc::new(points)), now, done).is_err() {
        tracing::debug!("The store is busy.");
    }
}

impl Meter for ModelWatches {
    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = vec![];
        for watched in &self.watches {
            let (run, counts, n_kept) =
                watched.look(|it| (it.runs.newest().cloned(), it.counts.clone(), it.runs.all().len()));
            let counter = |name, help, value: u64| of_watch(Metric::counter(name, help, value), watched);
            let gauge = |name, help, value: f64| of_watch(Metric::gauge(name, help, value), watched);
            let help = "Predictions of a watched model that were read from the log.";
            metrics.push(counter("sentinel_model_predictions_total", help, counts.predictions));
            for reason in ["schedule", "predictions", "request"] {
                let n = counts.runs.get(reason).copied().unwrap_or(0);
                let help = "Comparisons of a model with its reference, by what asked for them.";
                metrics.push(counter("sentinel_drift_runs_total", help, n).label("reason", reason));
            }
            let help = "Comparisons that could not be made.";
            metrics.push(counter("sentinel_drift_failures_total", help, counts.failures));
            let mut seconds = counter("sentinel_drift_seconds_total", "Time spent comparing.", 0);
            seconds.value = counts.seconds;
            metrics.push(seconds);
            metrics.push(gauge("sentinel_drift_runs_kept", "Comparisons that are kept.", n_kept as f64));
            let n_firing = watched.alarms().iter().filter(|it| it.1.is_some()).count();
            metrics.push(gauge("sentinel_drift_alarms_firing", "Rules of a model that hold.", n_firing as f64));
            metrics.extend(online_counters(watched));
            metrics.extend(online_gauges(watched).iter().map(exposed));
            let Some(run) = run else { continue };
            let help = "When a model was compared last.";
            metrics.push(gauge("sentinel_drift_last_run_timestamp_seconds", help, run.time.secs_f64()));
            metrics.extend(gauges(watched, &run).into_iter().map(|it| exposed(&it)));
        }
        metrics
    }
}

fn exposed((help, labels, value): &Gauge) -> Metric {
    let mut metric = Metric::gauge("", help, *value);
    metric.name = labels.name().to_owned().into();
    let others = labels.iter().filter(|it| it.0 != "__name__");
    metric.labels = others.map(|(name, value)| (name.to_owned().into(), value.to_owned())).collect();
    metric
}
