//! What do people hear of watched models, and what may they ask?

use std::collections::BTreeMap;

use drift::watch::Estimated;
use drift::watch::online::StreamState;
use serve::{DriftFeature, DriftRun, EstimatedMeasure, LiveStream, LiveTarget, ModelDrift, SchemaColumn, WatchedModel};
use signal::PortError;

use crate::model_watch::no_run::{NoRun, causes};
use crate::model_watch::run::{Feature, Run};
use crate::model_watch::watched::Watched;
use crate::model_watch::{ModelWatches, basis};

impl ModelDrift for ModelWatches {
    fn watched(&self) -> Vec<WatchedModel> {
        self.watches.iter().map(|it| self.status(it)).collect()
    }

    fn one(&self, model: &str) -> Result<WatchedModel, PortError> {
        self.by_name(model).map(|it| self.status(it))
    }

    fn runs(&self, model: &str) -> Result<Vec<DriftRun>, PortError> {
        let watched = self.by_name(model)?;
        Ok(watched.look(|it| it.runs.all().iter().rev().map(run).collect()))
    }

    fn report(&self, model: &str, run: &str, is_page: bool) -> Result<String, PortError> {
        let watched = self.by_name(model)?;
        let found = watched.look(|it| {
            let newest = it.runs.newest().map(|it| it.id.clone());
            let id = if run == "latest" { newest } else { Some(run.to_owned()) };
            id.map_or(Ok(None), |id| it.runs.report(&id, is_page))
        });
        let found = found.map_err(|error| PortError::Failed {
            operation: "read the report of a comparison",
            source: error.into(),
        })?;
        found.ok_or_else(|| PortError::NotFound(format!("the run {run:?} of {model:?}")))
    }

    fn run(&self, model: &str, actor: &str) -> Result<DriftRun, PortError> {
        let watched = self.by_name(model)?;
        let (made, anomalies) = watched.compare("request", self.clock.now()).map_err(refused)?;
        self.ledger().append(actor, "drift.run", model, &made.id)?;
        self.record(watched);
        if !anomalies.is_empty() {
            self.responder.anomalies(anomalies);
        }
        Ok(run(&made))
    }
}

fn refused(error: NoRun) -> PortError {
    match error {
        NoRun::TooFew(..) | NoRun::Basis(_) => PortError::Refused(causes(&error)),
        NoRun::Log(error) => error,
        NoRun::Disk(_) | NoRun::Store(_) => PortError::Failed { operation: "keep a comparison", source: error.into() },
    }
}

impl ModelWatches {
    fn versions_of(&self, watched: &Watched) -> Vec<serve::ModelVersion> {
        let place = self.watches.iter().position(|it| std::ptr::eq(&**it, watched));
        let mut versions = place.and_then(|it| self.versions.get(it).cloned()).unwrap_or_default();
        let served = self.served.models().iter().find(|it| *it.name == *watched.config.model);
        let roles = served.map(|it| it.roles()).unwrap_or_default();
        versions.iter_mut().for_each(|it| it.role = roles.of(&it.version));
        versions
    }

    fn status(&self, watched: &Watched) -> WatchedModel {
        let (alarms, live) = (watched.alarms(), live(watched));
        let (newest, trouble, predictions) =
            watched.look(|it| (it.runs.newest().map(run), it.counts.trouble.clone(), it.counts.predictions));
        let state = match (&newest, &trouble) {
            _ if alarms.iter().any(|it| it.1.is_some()) => "drift",
            _ if live.iter().flat_map(|it| &it.targets).any(|it| it.since.is_some()) => "drift",
            (None, None) => "waiting",
            (_, Some(_)) if watched.look(|it| it.counts.failures) > 0 => "error",
            (None, Some(_)) => "waiting",
            _ => "ok",
        };
        let config = &watched.config;
        let reference = newest.as_ref().map(|it| it.reference.clone());
        let planned = basis::place(config).map(|it| it.display().to_string());
        WatchedModel {
            name: watched.name.clone(),
            model: config.model.clone(),
            version: config.version.clone(),
            service: config.service().to_owned(),
            owner: config.owner.clone(),
            description: config.description.clone(),
            versions: self.versions_of(watched),
            live,
            state: state.to_owned(),
            trouble,
            reference: reference.or(planned).unwrap_or_else(|| "its first predictions".to_owned()),
            schema: watched.schema().into_iter().map(|(name, kind)| SchemaColumn { name, kind }).collect(),
            alarms,
            predictions,
            next: watched.next(self.clock.now()),
            newest,
        }
    }
}

fn live(watched: &Watched) -> Option<LiveStream> {
    let online = watched.online.as_ref()?;
    let config = watched.config.online.clone().unwrap_or_default();
    Some(online.look(|it| {
        let mut found = LiveStream {
            trouble: it.trouble.clone(),
            expected_run: config.expected_samples_between_false_alarms,
            targets: it.states().iter().map(target).collect(),
            ..LiveStream::default()
        };
        if let Some(it) = &it.follower {
            (found.predictions, found.labels, found.alarms) = (it.rows, it.labels(), it.alarms());
            (found.streams, found.notes) = (it.n_streams(), it.notes.clone());
        }
        found
    }))
}

fn target(it: &StreamState) -> LiveTarget {
    LiveTarget {
        name: it.target.name().to_owned(),
        kind: it.target.kind().to_owned(),
        nearness: it.nearness,
        since: it.standing.as_ref().map(|it| it.since),
        said: it.standing.as_ref().map(|it| it.said.clone()),
    }
}

fn estimated(it: &Estimated) -> EstimatedMeasure {
    let (value, reference, lower, upper) = (it.value, it.reference, it.lower, it.upper);
    EstimatedMeasure { metric: it.metric.clone(), value, reference, lower, upper }
}

fn run(it: &Run) -> DriftRun {
    DriftRun {
        id: it.id.clone(),
        model: it.model.clone(),
        time: it.time,
        reason: it.reason.clone(),
        from: it.from,
        to: it.to,
        rows: it.rows,
        versions: it.versions.clone(),
        reference: it.reference.clone(),
        measures: it.measures.iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        features: it.features.iter().map(feature).collect(),
        prediction: it.prediction.as_ref().map(feature),
        estimated: it.estimated.iter().map(estimated).collect(),
        no_estimate: it.no_estimate.clone(),
        drifted_segments: it.drifted_segments.clone(),
        schema_changes: it.schema_changes.clone(),
        latency_ms: it.latency_ms,
        summary: it.summary.clone(),
        took_ms: it.took_ms,
    }
}

fn feature(it: &Feature) -> DriftFeature {
    DriftFeature {
        name: it.name.clone(),
        method: it.method.clone(),
        score: it.score,
        effect: it.effect,
        limit: it.limit,
        adjusted_p: it.adjusted_p,
        drifted: it.drifted,
        missing: it.missing.1,
        segment: it.segment.clone(),
        since: it.since,
        said: it.said.clone(),
    }
}
