//! Two models of one watch: one that serves and forecasts, one whose series is hostile and which fails.

use serve::{CrossStatus, ForecastChart, ForecastPoint, Forecasts, ModelStatus, Switched, Triggered, WatchStatus};
use signal::{Labels, PortError, Timestamp};

use super::HOSTILE;

/// Says yes to nearly everything.
pub struct FakeForecasts;

fn version(id: &str, status: &str) -> serde_json::Value {
    serde_json::json!({"version_id": id, "status": status, "trained_at": "2026-01-31T12:00:00.000Z", "mae": 1.25,
        "mase": 0.8, "training_policy": "full_retrain", "artifact_sha256": if status == "refused" { "" } else { "00" },
        "reason": if status == "refused" { HOSTILE } else { "" }})
}

fn model(id: &str, labels: Labels, state: &str) -> ModelStatus {
    ModelStatus {
        id: id.to_owned(),
        metric_key: labels.to_string(),
        watch: "queue".to_owned(),
        labels,
        state: state.to_owned(),
        ready: state == "inferring",
        model_class: "auto".to_owned(),
        active_version: (state == "inferring").then(|| "v2".to_owned()),
        active_version_mae: Some(1.25),
        drift_mae: Some(1.5),
        drift_relative: 0.05,
        coverage: Some(0.93),
        level: Some(0.95),
        buffer_fill: 1.0,
        error: (state == "error").then(|| HOSTILE.to_owned()),
        consecutive_errors: 0,
        retry_at: None,
        next_training: None,
        crosses: vec![CrossStatus { limit: "above 90 within 4h".to_owned(), probability: 0.93, likely_from: None }],
        recent: vec![1.0, 2.0, 3.0, 4.0],
        n_actual: 3,
        versions: vec![version("v1", "retired"), version("v2", "active"), version("v3", "refused")],
    }
}

impl Forecasts for FakeForecasts {
    fn watches(&self) -> Vec<WatchStatus> {
        let text = |it: &str| it.to_owned();
        vec![WatchStatus {
            name: text("queue"),
            expr: text("queue_length"),
            is_rate: false,
            model_class: text("auto"),
            granularity: text("1m"),
            horizon: text("5m"),
            lookback: text("30m"),
            cron: text("0 */6 * * *"),
            n_series: 2,
            n_left_out: 0,
            error: Some(HOSTILE.to_owned()),
            last_success: None,
        }]
    }

    fn models(&self) -> Vec<ModelStatus> {
        vec![
            model("00000000000000aa", Labels::metric("queue_length", &[("service", "checkout")]), "inferring"),
            model("00000000000000bb", Labels::metric("queue_length", &[("service", HOSTILE)]), "error"),
        ]
    }

    fn chart(&self, id: &str) -> Result<ForecastChart, PortError> {
        let found = self.models().into_iter().find(|it| it.id == id);
        let model = found.ok_or_else(|| PortError::NotFound(format!("model {id:?}")))?;
        let at = |minute: i64| Timestamp::from_secs(1_700_000_000 + 60 * minute);
        let point = |it: i64| ForecastPoint {
            time: at(10 + it),
            value: 10.0 + it as f64,
            intervals: vec![(0.95, 8.0, 14.0 + it as f64), (0.8, 9.0, 12.0 + it as f64)],
        };
        Ok(ForecastChart {
            model,
            actual: (0..10).map(|it| (at(it), (it != 4).then_some(it as f64))).collect(),
            forecast: (0..5).map(point).collect(),
            recorded: (3..10).map(|it| (at(it), it as f64 + 0.5)).collect(),
        })
    }

    fn retrain(&self, model: &str, _: &str) -> Result<Triggered, PortError> {
        if model == "nobody" {
            return Err(PortError::NotFound("model \"nobody\"".to_owned()));
        }
        Ok(Triggered { status: "triggered", model: model.to_owned(), run_id: "v4".to_owned(), n_models: 1 })
    }

    fn rollback(&self, model: &str, version: Option<&str>, _: &str) -> Result<Switched, PortError> {
        let version = version.unwrap_or("v1").to_owned();
        let (model, artifact_path) = (model.to_owned(), format!("x/{version}/model.bin"));
        Ok(Switched { status: "rolled_back", model, version, before: Some("v2".to_owned()), artifact_path })
    }

    fn promote(&self, model: &str, version: &str, _: &str) -> Result<Switched, PortError> {
        if version == "v3" {
            return Err(PortError::Refused("version v3 was refused in training and kept no model".to_owned()));
        }
        let (model, version) = (model.to_owned(), version.to_owned());
        let artifact_path = format!("x/{version}/model.bin");
        Ok(Switched { status: "promoted", model, version, before: None, artifact_path })
    }
}
