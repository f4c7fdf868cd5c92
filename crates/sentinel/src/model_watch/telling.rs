//! What is told of a comparison? An alarm makes an anomaly of the model's series, and one per drifted feature, all of one
//! service, so that they are one incident.

use drift::watch::online::Target;
use drift::watch::{Rule, WatchConfig, is_estimate_of, is_of_performance};
use signal::{Anomaly, AnomalyKind, Direction, Labels, Score, Severity, Timestamp};

use crate::model_watch::run::Run;
use crate::model_watch::saved::Told;

/// The strongest score that is told: what is far beyond the limit is not infinitely urgent.
const MOST: f64 = 10.0;
/// The score of something that has no size, such as a verdict.
const PLAIN: f64 = 1.5;
/// What the live stream tells of lies above this; an alarm is 1.
pub const ONLINE_LIMIT: f64 = 0.99;
/// So many features are told one by one.
const MOST_FEATURES: usize = 50;

/// A series of the model as a whole.
pub fn series(config: &WatchConfig, name: &str) -> Labels {
    let labels = Labels::metric(name, &[("service", config.service()), ("model", &config.model)]);
    // Two watches of one model have a version each.
    config.version.as_ref().map_or_else(|| labels.clone(), |it| labels.with("version", it))
}

/// The series of one feature.
pub fn series_of(config: &WatchConfig, feature: &str, test: &str) -> Labels {
    series(config, "sentinel_data_drift_score").with("feature", feature).with("test", test)
}

/// The series of what the live stream tells of.
pub fn series_of_target(config: &WatchConfig, target: &Target) -> Labels {
    let labels = series(config, "sentinel_online_drift_score").with("kind", target.kind());
    match target {
        Target::Feature(name) => labels.with("feature", name),
        Target::Prediction | Target::Error => labels,
    }
}

/// What the alarm of a rule tells after a run in which it fires.
pub fn told(config: &WatchConfig, rule: &Rule, run: &Run, since: Timestamp) -> Vec<Told> {
    let value = rule.value(&run.measures).unwrap_or(f64::NAN);
    let whole = |name: &str, value: f64, explanation: String| Told {
        rule: rule.to_string(),
        labels: series(config, name),
        onset: since,
        value,
        limit: rule.limit,
        is_above: rule.is_above(),
        explanation,
    };
    match rule.measure {
        "data_drift_score" | "drifted_columns" | "dataset_drift" => {
            let score = run.measures.get("data_drift_score").unwrap_or(value);
            let limit = if rule.measure == "data_drift_score" { rule.limit } else { 0.0 };
            let mut all = vec![Told { limit, ..whole("data_drift_score", score, run.summary.clone()) }];
            all.extend(run.features.iter().filter(|it| it.drifted).take(MOST_FEATURES).map(|it| Told {
                rule: rule.to_string(),
                labels: series_of(config, &it.name, &it.method),
                onset: it.since.unwrap_or(since),
                value: it.effect,
                limit: it.limit,
                is_above: true,
                explanation: it.sentence(),
            }));
            all
        }
        "prediction_drift" => {
            let found = run.prediction.as_ref();
            let score = found.map_or(value, |it| it.effect);
            let said = found.map_or_else(String::new, |it| format!("answers drifted: {}", it.sentence()));
            let limit = found.map_or(rule.limit, |it| it.limit);
            vec![Told { limit, ..whole("sentinel_prediction_drift_score", score, said) }]
        }
        "concept_drift" => {
            let found = run.concept.as_ref();
            let (before, now) = found.map_or((0.0, value), |it| (it.before, it.now));
            let said =
                format!("mean loss {before:.3} -> {now:.3} on {} labels", run.measures.get("labels").unwrap_or(0.0));
            vec![Told { limit: before, ..whole("sentinel_concept_drift_score", now, said) }]
        }
        "schema_drift" => {
            vec![whole("sentinel_schema_drift_columns", value, run.schema_changes.join(", "))]
        }
        "drifted_segments" => {
            vec![whole(
                "sentinel_drifted_segments",
                value,
                format!("drifted in groups: {}", run.drifted_segments.join(", ")),
            )]
        }
        measure if is_estimate_of(measure).is_some() => vec![of_estimate(config, rule, run, measure, whole)],
        measure => {
            let name = if is_of_performance(measure) { "sentinel_model_performance" } else { "sentinel_model_window" };
            let told = whole(name, value, format!("{measure} is {value:.4}, where {} is told", rule));
            vec![Told { labels: told.labels.with("metric", measure), ..told }]
        }
    }
}

/// A fall that is expected is told by the measure itself, so that the series of the incident is the one of the page.
fn of_estimate(
    config: &WatchConfig,
    rule: &Rule,
    run: &Run,
    measure: &str,
    whole: impl Fn(&str, f64, String) -> Told,
) -> Told {
    const SERIES: &str = "sentinel_model_estimated_performance";
    let metric = is_estimate_of(measure).unwrap_or(measure);
    let labels = series(config, SERIES).with("metric", metric);
    let Some(it) = run.estimated.iter().find(|it| it.metric == metric) else {
        return Told { labels, ..whole(SERIES, f64::NAN, String::new()) };
    };
    let said = format!(
        "{metric} is expected to be {:.4} before labels come; it was {:.4} on the reference, and {:.4} to {:.4} is usual",
        it.value, it.reference, it.lower, it.upper
    );
    let told = Told { labels, ..whole(SERIES, it.value, said) };
    match measure {
        _ if measure.ends_with("_drop") => Told { limit: it.reference - rule.limit, is_above: false, ..told },
        _ if measure.ends_with("_rise") => Told { limit: it.reference * (1.0 + rule.limit), ..told },
        _ => told,
    }
}

impl Told {
    /// As incidents take it.
    pub fn anomaly(&self, time: Timestamp, severity: Severity, is_over: bool) -> Anomaly {
        let ratio = if self.is_above { self.value / self.limit } else { self.limit / self.value };
        let value = if ratio.is_finite() && self.limit > 0.0 { ratio.clamp(1.01, MOST) } else { PLAIN };
        let (yhat_lower, yhat_upper) =
            if self.is_above { (0.0_f64.min(self.limit), self.limit) } else { (self.limit, self.limit.max(1.0)) };
        Anomaly {
            labels: self.labels.clone(),
            kind: AnomalyKind::Drift,
            direction: if self.is_above { Direction::Above } else { Direction::Below },
            onset: self.onset.min(time),
            time,
            score: Score {
                value,
                is_ready: true,
                is_provisional: false,
                y: self.value,
                yhat: if self.is_above { yhat_lower } else { yhat_upper },
                yhat_lower,
                yhat_upper,
            },
            severity,
            is_over,
            explanation: self.explanation.clone(),
        }
    }
}
