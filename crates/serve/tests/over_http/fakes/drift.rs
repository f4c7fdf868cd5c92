//! One watched model with two comparisons.

use signal::{PortError, Timestamp};

use serve::{
    DriftFeature, DriftRun, EstimatedMeasure, LiveStream, LiveTarget, ModelDrift, ModelVersion, Promoted, SchemaColumn,
    ServedModel, ServedModels, WatchedModel,
};

pub struct FakeDrift;

fn run(id: &str, secs: i64, effect: f64) -> DriftRun {
    let feature = DriftFeature {
        name: "age<script>".to_owned(),
        method: "ks".to_owned(),
        score: effect,
        effect,
        limit: 0.1,
        adjusted_p: Some(0.001),
        drifted: effect > 0.1,
        said: "mean 38.5 -> 48.2".to_owned(),
        ..DriftFeature::default()
    };
    DriftRun {
        id: id.to_owned(),
        model: "income".to_owned(),
        time: Timestamp::from_secs(secs),
        rows: 1000,
        measures: [("data_drift_score".to_owned(), effect), ("accuracy".to_owned(), 0.8)].into(),
        features: vec![feature],
        estimated: vec![EstimatedMeasure {
            metric: "accuracy".to_owned(),
            value: 0.7,
            reference: 0.8,
            lower: 0.76,
            upper: 0.84,
        }],
        drifted_segments: vec!["country=<DE>: age".to_owned()],
        summary: "1 of 1 features drifted: age".to_owned(),
        ..DriftRun::default()
    }
}

fn version(name: &str, role: &str) -> ModelVersion {
    ModelVersion {
        version: name.to_owned(),
        role: role.to_owned(),
        kind: "random_forest".to_owned(),
        quality: [("accuracy".to_owned(), 0.81)].into(),
        ..ModelVersion::default()
    }
}

/// A model of two versions, of which the first answers, and one that nobody watches.
pub struct FakeServed;

impl ServedModels for FakeServed {
    fn served(&self) -> Vec<ServedModel> {
        let of = |name: &str, versions| ServedModel { name: name.to_owned(), versions };
        vec![
            of("income", vec![version("1", "default"), version("2", "canary 5 %")]),
            of("churn<script>", vec![version("7", "default"), version("8", "shadow")]),
        ]
    }

    fn promote(&self, model: &str, version: &str, actor: &str) -> Result<Promoted, PortError> {
        match (model, version) {
            ("income", "2") => Ok(Promoted {
                status: "promoted",
                model: format!("{model} by {actor}"),
                version: version.to_owned(),
                before: "1".to_owned(),
            }),
            ("income", "1") => Err(PortError::Refused("version 1 of income answers already".to_owned())),
            _ => Err(PortError::NotFound(format!("the version {version:?} of {model}"))),
        }
    }
}

impl ModelDrift for FakeDrift {
    fn watched(&self) -> Vec<WatchedModel> {
        self.one("income").into_iter().collect()
    }

    fn one(&self, model: &str) -> Result<WatchedModel, PortError> {
        let newest = self.runs(model)?.into_iter().next();
        Ok(WatchedModel {
            name: model.to_owned(),
            model: model.to_owned(),
            version: None,
            service: model.to_owned(),
            owner: Some("credit <team>".to_owned()),
            description: None,
            versions: vec![version("1", "default"), version("2", "canary 5 %")],
            live: Some(LiveStream {
                expected_run: 100_000,
                targets: vec![LiveTarget {
                    name: "age<script>".to_owned(),
                    kind: "feature".to_owned(),
                    nearness: Some(0.4),
                    since: Some(Timestamp::from_secs(1_700_000_000)),
                    said: Some("age<b>: mean 38.5 -> 48.2".to_owned()),
                }],
                ..LiveStream::default()
            }),
            state: "drift".to_owned(),
            trouble: None,
            reference: "adult.csv".to_owned(),
            schema: vec![SchemaColumn { name: "age".to_owned(), kind: "number".to_owned() }],
            alarms: vec![("data_drift_score > 0.1".to_owned(), Some(Timestamp::from_secs(1_700_000_000)))],
            predictions: 5,
            next: None,
            newest,
        })
    }

    fn runs(&self, model: &str) -> Result<Vec<DriftRun>, PortError> {
        if model == "income" {
            Ok(vec![run("B", 1_700_003_600, 0.4), run("A", 1_700_000_000, 0.05)])
        } else {
            Err(PortError::NotFound(format!("the watched model {model:?}")))
        }
    }

    fn report(&self, model: &str, run: &str, is_page: bool) -> Result<String, PortError> {
        self.runs(model)?;
        match (run, is_page) {
            ("A" | "B" | "latest", true) => Ok("<html><body>report</body></html>".to_owned()),
            ("A" | "B" | "latest", false) => Ok(r#"{"schema":"sentinel.drift_report/1"}"#.to_owned()),
            _ => Err(PortError::NotFound(format!("the run {run:?}"))),
        }
    }

    fn run(&self, model: &str, _actor: &str) -> Result<DriftRun, PortError> {
        self.runs(model).map(|it| it[0].clone())
    }
}
