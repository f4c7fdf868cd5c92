//! What do people see of models, and what do they ask for? The port behind the API, the pages and the command line.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use forecast::{Life, Policy, period_text};
use serde_json::json;
use serve::{CrossStatus, ForecastChart, ForecastPoint, ModelStatus, Switched, Triggered, WatchStatus};
use signal::{History as _, PortError, TimeRange, Timestamp};

use crate::forecasts::Forecasts;
use crate::forecasts::own::OwnModel;
use crate::forecasts::series::Series;
use crate::forecasts::watching::Watching;

/// Values of a small picture.
const RECENT: usize = 60;

impl serve::Forecasts for Forecasts {
    fn watches(&self) -> Vec<WatchStatus> {
        self.watches.iter().map(|it| watch_status(it)).collect()
    }

    fn models(&self) -> Vec<ModelStatus> {
        let watched = self.all();
        let watched = watched.iter().map(|(watching, series)| self.model_status(watching, series));
        watched.chain(self.own.iter().map(|it| own_status(it))).collect()
    }

    fn chart(&self, id: &str) -> Result<ForecastChart, PortError> {
        if let Some(own) = self.own_named(id) {
            return Ok(ForecastChart { model: own_status(own), actual: vec![], forecast: vec![], recorded: vec![] });
        }
        let found = self.all().into_iter().find(|it| it.1.id.to_string() == id);
        let (watching, series) = found.ok_or_else(|| PortError::NotFound(format!("model {id:?}")))?;
        let model = self.model_status(&watching, &series);
        let life = series.life();
        let history = life.history();
        let time = |it: usize| Timestamp::from_secs(history.time_of(it));
        let values = history.values.iter().enumerate();
        let actual = values.map(|(idx, it)| (time(idx), it.is_finite().then_some(*it))).collect();
        let forecast = life.forecast(self.clock.now()).map(|it| steps(it, &watching.watch.levels)).unwrap_or_default();
        let labels = forecast::forecast_labels(&life, "");
        let range = TimeRange::new(Timestamp::from_secs(history.start), Timestamp::from_secs(history.end() - 1));
        drop(life);
        let recorded = self.recorder.store().points(labels.id(), range)?;
        let recorded = recorded.iter().map(|it| (it.time, it.value)).collect();
        Ok(ForecastChart { model, actual, forecast, recorded })
    }

    fn retrain(&self, model: &str, actor: &str) -> Result<Triggered, PortError> {
        if let Some(own) = self.own_named(model) {
            self.ledger.append(actor, "forecast.retrain", model, "a training was asked for")?;
            let run_id = own.retrain();
            return Ok(Triggered { status: "triggered", model: model.to_owned(), run_id, n_models: 1 });
        }
        let found = self.named(model)?;
        let mut run_id = None;
        for series in &found {
            let mut life = series.life();
            life.want(Policy::FullRetrain);
            run_id.get_or_insert_with(|| life.registry().next_id());
            let key = life.registry().metric_key.clone();
            drop(life);
            self.ledger.append(actor, "forecast.retrain", &key, "a training was asked for")?;
        }
        self.wake.notify_waiters();
        Ok(Triggered {
            status: "triggered",
            model: model.to_owned(),
            run_id: run_id.unwrap_or_default(),
            n_models: found.len(),
        })
    }

    fn rollback(&self, model: &str, version: Option<&str>, actor: &str) -> Result<Switched, PortError> {
        if let Some(own) = self.own_named(model) {
            return self.switch_own(own, version, true, actor);
        }
        let series = self.one(model)?;
        let (now, before) = series.switch(version, true, &format!("taken back by {actor}"))?;
        self.switched("rolled_back", "forecast.rollback", &series, now, before, actor)
    }

    fn promote(&self, model: &str, version: &str, actor: &str) -> Result<Switched, PortError> {
        if let Some(own) = self.own_named(model) {
            return self.switch_own(own, Some(version), false, actor);
        }
        let series = self.one(model)?;
        let (now, before) = series.switch(Some(version), false, "")?;
        self.switched("promoted", "forecast.promote", &series, now, before, actor)
    }
}

impl Forecasts {
    fn own_named(&self, name: &str) -> Option<&Arc<OwnModel>> {
        self.own.iter().find(|it| it.config.name == name)
    }

    fn switch_own(
        &self,
        own: &OwnModel,
        version: Option<&str>,
        is_rollback: bool,
        actor: &str,
    ) -> Result<Switched, PortError> {
        let why = if is_rollback { format!("taken back by {actor}") } else { String::new() };
        let (version, before, artifact_path) = own.switch(version, is_rollback, &why)?;
        let model = own.config.name.clone();
        let detail = format!("{version} serves in place of {}", before.as_deref().unwrap_or("none"));
        let (status, action) =
            if is_rollback { ("rolled_back", "forecast.rollback") } else { ("promoted", "forecast.promote") };
        self.ledger.append(actor, action, &model, &detail)?;
        Ok(Switched { status, model, version, before, artifact_path })
    }

    fn one(&self, model: &str) -> Result<Arc<Series>, PortError> {
        let found = self.named(model)?;
        match found.as_slice() {
            [one] => Ok(Arc::clone(one)),
            many => {
                let keys: Vec<String> =
                    many.iter().take(10).map(|it| it.life().registry().metric_key.clone()).collect();
                Err(PortError::Invalid(format!(
                    "model: {model:?} has {} series; name one of them, such as {}",
                    many.len(),
                    keys.join(" or ")
                )))
            }
        }
    }

    fn switched(
        &self,
        status: &'static str,
        action: &str,
        series: &Series,
        version: String,
        before: Option<String>,
        actor: &str,
    ) -> Result<Switched, PortError> {
        let model = series.life().registry().metric_key.clone();
        let detail = format!("{version} serves in place of {}", before.as_deref().unwrap_or("none"));
        self.ledger.append(actor, action, &model, &detail)?;
        tracing::info!(model, version, actor, status, "Another version serves.");
        self.recorder.record(series, self.clock.now());
        let artifact_path = series.keep.path_of(&version);
        Ok(Switched { status, model, version, before, artifact_path })
    }

    fn model_status(&self, watching: &Watching, series: &Series) -> ModelStatus {
        let life = series.life();
        let now = self.clock.now();
        let (watch, drift) = (&watching.watch, life.drift());
        let active = life.registry().active();
        let trouble = life.trouble();
        let values = &life.history().values;
        let mut recent: Vec<f64> = values.iter().skip(values.len().saturating_sub(RECENT)).copied().collect();
        recent.retain(|it| it.is_finite());
        let n_actual = recent.len();
        recent.extend(life.forecast(now).into_iter().flat_map(|it| it.values.iter().copied()));
        ModelStatus {
            id: series.id.to_string(),
            metric_key: life.registry().metric_key.clone(),
            watch: watch.name.clone(),
            labels: life.labels().clone(),
            state: word(life.state()).to_owned(),
            ready: life.forecast(now).is_some(),
            model_class: active.map_or_else(|| watch.model.name().to_owned(), |it| it.model_class.clone()),
            active_version: active.map(|it| it.version_id.clone()),
            active_version_mae: active.and_then(|it| it.mae),
            drift_mae: drift.mae,
            drift_relative: drift.relative,
            coverage: drift.coverage,
            level: watch.levels.first().copied(),
            buffer_fill: life.fill(),
            error: trouble.map(|it| it.0.to_owned()),
            consecutive_errors: trouble.map_or(0, |it| it.1),
            retry_at: trouble.and_then(|it| it.2),
            next_training: life.next_cron(),
            crosses: crosses(&life, now),
            recent,
            n_actual,
            versions: life.registry().versions().iter().map(|it| json!(it)).collect(),
        }
    }
}

fn own_status(own: &OwnModel) -> ModelStatus {
    let status = own.status();
    let active = status.registry.active();
    ModelStatus {
        id: own.config.name.clone(),
        metric_key: own.config.name.clone(),
        watch: String::new(),
        labels: signal::Labels::default(),
        state: word(status.state).to_owned(),
        ready: active.is_some() && !status.scores.is_empty(),
        model_class: "own".to_owned(),
        active_version: active.map(|it| it.version_id.clone()),
        active_version_mae: None,
        drift_mae: None,
        drift_relative: 0.0,
        coverage: None,
        level: None,
        buffer_fill: status.progress,
        error: status.error,
        consecutive_errors: status.failures,
        retry_at: status.retry_at,
        next_training: status.next_training,
        crosses: vec![],
        recent: vec![],
        n_actual: 0,
        versions: status.registry.versions().iter().map(|it| json!(it)).collect(),
    }
}

fn watch_status(watching: &Watching) -> WatchStatus {
    let (watch, said) = (&watching.watch, watching.said());
    WatchStatus {
        name: watch.name.clone(),
        expr: watch.expr.clone(),
        is_rate: watch.is_rate,
        model_class: watch.model.name().to_owned(),
        granularity: period_text(watch.granularity),
        horizon: period_text(watch.horizon),
        lookback: period_text(watch.lookback),
        cron: watch.cron.text().to_owned(),
        n_series: crate::forecasts::read(&watching.series).len(),
        n_left_out: watching.n_left_out.load(Relaxed),
        error: said.error,
        last_success: said.success,
    }
}

fn crosses(life: &Life, now: Timestamp) -> Vec<CrossStatus> {
    let Some(forecast) = life.forecast(now) else { return vec![] };
    let status = |(cross, crossing): (&forecast::Cross, &forecast::Crossing)| CrossStatus {
        limit: cross.text(),
        probability: crossing.probability,
        likely_from: crossing.likely_from_secs.map(Timestamp::from_secs),
    };
    life.watch().crosses.iter().zip(&forecast.crossings).map(status).collect()
}

fn steps(forecast: &forecast::Forecast, levels: &[f64]) -> Vec<ForecastPoint> {
    let point = |(idx, value): (usize, &f64)| {
        let bounds = |(level, bounds): (&f64, &Vec<(f64, f64)>)| bounds.get(idx).map(|it| (*level, it.0, it.1));
        ForecastPoint {
            time: Timestamp::from_secs(forecast.first_secs + forecast.step_secs * idx as i64),
            value: *value,
            intervals: levels.iter().zip(&forecast.bounds).filter_map(bounds).collect(),
        }
    };
    forecast.values.iter().enumerate().map(point).collect()
}

/// The word for a state.
pub fn word(state: forecast::State) -> &'static str {
    match state {
        forecast::State::Waiting => "waiting",
        forecast::State::Training => "training",
        forecast::State::Inferring => "inferring",
        forecast::State::Retraining => "retraining",
        forecast::State::Error => "error",
    }
}
