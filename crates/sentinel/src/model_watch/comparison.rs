//! How is a window compared with its basis? `drift` judges the columns; here groups, times and labels are added.

use drift::watch::{Measures, Performance, WatchConfig, onset};
use drift::{Config, Data, Profile, Report};
use signal::{InferenceLog, Timestamp};

use crate::model_watch::basis::Basis;
use crate::model_watch::run::{Feature, Run};
use crate::model_watch::window::{Span, Window, seen};

/// Columns that are no features.
const PREDICTION: &str = "prediction";
const PROBABILITY: &str = "probability";
/// A group moved by so much more than the whole to be named.
const MORE: f64 = 1.1;
/// So many groups are named for a feature.
const MOST_GROUPS: usize = 3;
/// The beginnings of so many drifted features are looked for.
const MOST_ONSETS: usize = 20;

/// A run and its report.
pub struct Compared {
    /// In short.
    pub run: Run,
    /// In full.
    pub report: Report,
}

/// Compares; `span` is where the window was read, to look for the beginning of what drifted.
pub fn compare(
    config: &WatchConfig,
    basis: &Basis,
    window: &Window,
    span: &Span,
    log: &dyn InferenceLog,
    now: Timestamp,
) -> Compared {
    let rules = rules(config, &basis.profile);
    let (ours, theirs) = ((&basis.profile, &basis.segments), (&window.profile, &window.segments));
    let mut report = drift::compare_segmented(ours, theirs, &rules);
    report.generated_at = now.to_string();
    report.version = env!("CARGO_PKG_VERSION").to_owned();
    report.reference.name.clone_from(&basis.name);
    report.current.name = format!("{}: {} predictions", config.model, window.profile.rows);
    let (from, to) = window.times.unwrap_or((now, now));
    let mut all: Vec<Feature> = report.columns.iter().filter_map(|it| feature(it, &rules)).collect();
    for it in all.iter_mut().filter(|it| it.drifted).take(MOST_ONSETS) {
        let groups = groups(it, &report);
        it.segment = (!groups.is_empty()).then(|| groups.join(", "));
        // Where the drift is in a group, the others would only blur its begin.
        it.since = Some(since(it, basis, window, span, groups.first().copied(), log).unwrap_or(from));
    }
    let prediction = all.iter().find(|it| it.name == PREDICTION).cloned();
    let probability = all.iter().find(|it| it.name == PROBABILITY).cloned();
    let answers = match (prediction, probability) {
        (Some(one), Some(other)) if other.drifted && !one.drifted => Some(other),
        (one, other) => one.or(other),
    };
    all.retain(|it| it.name != PREDICTION && it.name != PROBABILITY);
    let mut measures = measures(&report, &all, answers.as_ref(), window);
    let performance = Performance::measure(&window.answers, &config.performance, &mut measures);
    let concept = performance.as_ref().and_then(|it| basis.wrongness?.drift(&it.wrongness, it.is_share(), rules.alpha));
    if let Some(it) = &concept {
        measures.set("concept_drift", f64::from(u8::from(it.drifted)));
    }
    let estimated = match &basis.estimator {
        Some(Ok(estimator)) => estimator.estimate(&window.rows, &mut measures),
        Some(Err(_)) | None => vec![],
    };
    let no_estimate = basis.estimator.as_ref().and_then(|it| Some(it.as_ref().err()?.to_string()));
    let changes = report.schema_changes.iter().map(schema_change).collect();
    let run = Run {
        id: String::new(),
        model: config.model.clone(),
        time: now,
        reason: String::new(),
        from,
        to,
        versions: window.versions.clone(),
        rows: window.profile.rows,
        reference: basis.name.clone(),
        summary: summary(&all, answers.as_ref()),
        measures,
        features: all,
        prediction: answers,
        performance,
        concept,
        estimated,
        no_estimate,
        drifted_segments: drifted_segments(&report),
        schema_changes: changes,
        latency_ms: window.latency_ms,
        took_ms: 0.0,
    };
    Compared { run, report }
}

/// The user's rules with what the log adds: its answers are told apart from features.
fn rules(config: &WatchConfig, reference: &Profile) -> Config {
    let mut rules = config.compare.clone();
    if reference.columns.iter().any(|it| it.name == PREDICTION) {
        rules.prediction.get_or_insert_with(|| PREDICTION.to_owned());
    } else {
        rules.ignore.extend([PREDICTION, PROBABILITY].map(str::to_owned));
    }
    rules
}

fn feature(it: &drift::ColumnReport, rules: &Config) -> Option<Feature> {
    let found = it.finding.as_ref()?;
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let limit = found.effect_threshold.or(found.threshold).unwrap_or(rules.alpha);
    Some(Feature {
        name: it.name.clone(),
        method: found.method.clone(),
        score: found.score,
        effect: found.effect,
        limit,
        adjusted_p: found.adjusted_p,
        p_value: found.p_value,
        drifted: found.drifted,
        missing: (share(it.reference.missing, it.reference.rows), share(it.current.missing, it.current.rows)),
        segment: None,
        since: None,
        said: said(it),
    })
}

/// What changed, in words that need no statistics.
fn said(it: &drift::ColumnReport) -> String {
    if let (Some(before), Some(now)) = (it.reference.moments, it.current.moments) {
        return format!("mean {} -> {}", number(before[0]), number(now[0]));
    }
    let share = |side: &drift::Summary, word: &str| {
        let count = side.top.iter().find(|it| it.0 == word).map_or(0, |it| it.1);
        count as f64 / (side.rows.saturating_sub(side.missing)).max(1) as f64
    };
    let words = it.reference.top.iter().chain(&it.current.top).map(|it| it.0.as_str());
    let moved = words.map(|word| (word, share(&it.reference, word), share(&it.current, word)));
    let most = moved.max_by(|a, b| (a.2 - a.1).abs().total_cmp(&(b.2 - b.1).abs()));
    most.map_or_else(
        || "other values".to_owned(),
        |(word, before, now)| {
            let word: String = word.chars().take(40).collect();
            format!("{word:?} {:.1} % -> {:.1} %", before * 100.0, now * 100.0)
        },
    )
}

/// A number as people read it.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(0.001..1e7).contains(&size) => format!("{value:.2e}"),
        1000.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// The groups in which a feature drifted, and clearly more than in the whole; the one in which most is the first.
fn groups<'a>(it: &Feature, report: &'a Report) -> Vec<&'a str> {
    let column = report.columns.iter().find(|column| column.name == it.name);
    let parts = column.iter().flat_map(|it| &it.segments);
    let more = parts.filter(|part| part.drifted > 0 && part.effect > MORE * it.effect);
    more.take(MOST_GROUPS).map(|it| it.name.as_str()).collect()
}

/// Features that drifted in a group, the strongest first: `country=DE: age`.
fn drifted_segments(report: &Report) -> Vec<String> {
    let of_column = |column: &'_ drift::ColumnReport| {
        let parts = column.segments.iter().filter(|it| it.drifted > 0);
        parts.map(|it| (it.effect, format!("{}: {}", it.name, column.name))).collect::<Vec<_>>()
    };
    let mut all: Vec<(f64, String)> = report.columns.iter().flat_map(of_column).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().take(MOST_ONSETS).map(|it| it.1).collect()
}

fn since(
    it: &Feature,
    basis: &Basis,
    window: &Window,
    span: &Span,
    group: Option<&str>,
    log: &dyn InferenceLog,
) -> Option<Timestamp> {
    let of = |profile: &Profile| profile.columns.iter().find(|column| column.name == it.name).cloned();
    let usual = group.and_then(|it| basis.segments.get(it)).unwrap_or(&basis.profile);
    let (before, now) = (of(usual)?, of(group.and_then(|it| window.segments.get(it)).unwrap_or(&window.profile))?);
    let (usual, category) = match (&before.data, &now.data) {
        (Data::Numbers(before), _) => (before.mean, None),
        (Data::Words(before), Data::Words(now)) => {
            let share = |counts: &[(String, u64)], word: &str| {
                let total: u64 = counts.iter().map(|it| it.1).sum();
                counts.iter().find(|it| it.0 == word).map_or(0.0, |it| it.1 as f64 / total.max(1) as f64)
            };
            let words = before.counts.iter().chain(&now.counts).map(|it| it.0.as_str());
            let moved = |word: &str| (share(&now.counts, word) - share(&before.counts, word)).abs();
            let word = words.max_by(|a, b| moved(a).total_cmp(&moved(b)))?;
            (share(&before.counts, word), Some(word.to_owned()))
        }
        _ => return None,
    };
    onset(&seen(span, &it.name, category.as_deref(), group, log).ok()?, usual)
}

fn measures(report: &Report, features: &[Feature], answers: Option<&Feature>, window: &Window) -> Measures {
    let mut measures = Measures::default();
    let n_drifted = features.iter().filter(|it| it.drifted).count();
    if !features.is_empty() {
        measures.set("data_drift_score", n_drifted as f64 / features.len() as f64);
    }
    measures.set("drifted_columns", n_drifted as f64);
    if !report.segments.is_empty() {
        measures.set("drifted_segments", report.segments.iter().filter(|it| it.drifted > 0).count() as f64);
    }
    measures.set("dataset_drift", f64::from(u8::from(report.verdict.dataset_drift)));
    if let Some(it) = answers {
        measures.set("prediction_drift", f64::from(u8::from(it.drifted)));
    }
    let counts = |it: &&drift::SchemaChange| it.change != drift::Change::New;
    measures.set("schema_drift", report.schema_changes.iter().filter(counts).count() as f64);
    let (missing, cells) = window.profile.columns.iter().fold((0, 0), |sum, it| (sum.0 + it.missing, sum.1 + it.rows));
    if cells > 0 {
        measures.set("missing_share", missing as f64 / cells as f64);
    }
    measures.set("predictions", window.profile.rows as f64);
    measures
}

fn schema_change(it: &drift::SchemaChange) -> String {
    let kind = |it: Option<drift::Kind>| it.map_or("nothing", drift::Kind::as_str);
    match it.change {
        drift::Change::Missing => format!("{} is missing", it.column),
        drift::Change::New => format!("{} is new", it.column),
        drift::Change::Empty => format!("{} is empty", it.column),
        drift::Change::Type => format!("{} was {} and is {}", it.column, kind(it.reference), kind(it.current)),
    }
}

fn summary(features: &[Feature], answers: Option<&Feature>) -> String {
    let drifted: Vec<&str> = features.iter().filter(|it| it.drifted).map(|it| it.name.as_str()).collect();
    let answers = if answers.is_some_and(|it| it.drifted) { "; its answers drifted, too" } else { "" };
    match drifted.as_slice() {
        [] if answers.is_empty() => format!("none of {} features drifted", features.len()),
        [] => format!("none of {} features drifted, but the answers did", features.len()),
        some => format!("{} of {} features drifted: {}{answers}", some.len(), features.len(), some.join(", ")),
    }
}
