//! Who answers a prediction? The version that is chosen for it; the answer goes to the client and to the log.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use signal::{Clock, FeatureValue, Inference, Meter, Metric};

use crate::config::Config;
use crate::counts::Proxied;
use crate::error::PredictError;
use crate::folder::OnnxLoader;
use crate::log::Log;
use crate::model::{Answer, Rows};
use crate::pairs::Pairs;
use crate::schema::Row;
use crate::served::{Served, Version};

/// How long another server may take to be reached.
const CONNECT: Duration = Duration::from_secs(5);

/// All models of the server.
pub struct Desk {
    models: Vec<Served>,
    default: usize,
    /// Limits.
    pub config: Config,
    /// Where predictions are kept.
    pub log: Arc<Log>,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Events that wait for their other half.
    pub pairs: Pairs,
    /// What passed through to other servers.
    pub proxied: Proxied,
    client: OnceLock<reqwest::Client>,
    in_flight: AtomicUsize,
}

/// The model and the version that answer a request.
#[derive(Clone, Copy)]
pub struct Chosen<'a> {
    /// The model.
    pub model: &'a Served,
    /// The version.
    pub version: &'a Version,
}

/// Answers of a request, in the order of its rows.
pub struct Answered {
    /// Answers.
    pub answers: Vec<Answer>,
    /// Their identities.
    pub ids: Vec<Arc<str>>,
}

/// Holds a place among the requests that are answered at the same time.
pub struct Place<'a>(&'a Desk);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Desk {
    /// Loads all models.
    ///
    /// # Errors
    /// Every model that cannot be loaded, with its key.
    pub fn open(
        config: &Config,
        log: Arc<Log>,
        clock: Arc<dyn Clock>,
        onnx: Option<&OnnxLoader>,
    ) -> Result<Self, Vec<String>> {
        let (mut models, mut problems) = (vec![], vec![]);
        for (idx, model) in config.models.iter().enumerate() {
            match Served::load(model, onnx) {
                Ok(it) => models.push(it),
                Err(more) => problems.extend(more.into_iter().map(|it| format!("predict.models[{idx}]: {it}"))),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        for model in &models {
            for it in model.versions.iter().filter(|it| !it.loaded.fields.schema.target.classes.is_empty()) {
                log.name_classes(&model.name, &it.name, &it.loaded.fields.schema.target.classes);
            }
        }
        let is_default = |it: &Served| config.default_model.as_deref() == Some(&*it.name);
        let default = models.iter().position(is_default).unwrap_or(0);
        Ok(Self {
            models,
            default,
            config: config.clone(),
            log,
            clock,
            pairs: Pairs::default(),
            proxied: Proxied::default(),
            client: OnceLock::new(),
            in_flight: AtomicUsize::new(0),
        })
    }

    /// The client of proxies, made when the first request passes.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn client(&self) -> Result<&reqwest::Client, PredictError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // The first to install a provider wins; all of ours are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect is for the client to follow.
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = builder.connect_timeout(CONNECT).build();
        let client = client.map_err(|error| PredictError::Upstream(format!("cannot make a client: {error}")))?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Names of the classes of a model by their number; none if it is not served here or tells numbers.
    pub fn classes(&self, model: &str) -> Vec<Arc<str>> {
        let version = self.models.iter().find(|it| &*it.name == model).and_then(Served::default_version);
        version.map_or_else(Vec::new, |it| it.loaded.fields.schema.target.classes.clone())
    }

    /// The models, in the order of the configuration.
    pub fn models(&self) -> &[Served] {
        &self.models
    }

    /// A place for a request.
    ///
    /// # Errors
    /// If there are as many already as are allowed.
    pub fn enter(&self) -> Result<Place<'_>, PredictError> {
        let place = Place(self);
        if self.in_flight.fetch_add(1, Ordering::AcqRel) < self.config.max_in_flight {
            return Ok(place);
        }
        Err(PredictError::Busy(format!("{} predictions are being made already", self.config.max_in_flight)))
    }

    /// The model of a name; the default one without.
    ///
    /// # Errors
    /// If there is no such model.
    pub fn served(&self, model: Option<&str>) -> Result<&Served, PredictError> {
        let found = match model {
            Some(name) => self.models.iter().find(|it| &*it.name == name),
            None => self.models.get(self.default),
        };
        found.ok_or_else(|| {
            let Some(name) = model else {
                return PredictError::NotFound("no model is served; see `predict.models`".to_owned());
            };
            let known: Vec<&str> = self.models.iter().map(|it| &*it.name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            PredictError::NotFound(format!("there is no model {name:?}; there is {known}"))
        })
    }

    /// The model and version that a request is for; without names the default ones. `key` decides on the canary.
    ///
    /// # Errors
    /// If there is no such model or version.
    pub fn choose(&self, model: Option<&str>, version: Option<&str>, key: &str) -> Result<Chosen<'_>, PredictError> {
        let served = self.served(model)?;
        let idx = match version {
            Some(name) => served.place(name)?,
            None => served.usual(key),
        };
        let version =
            served.versions.get(idx).ok_or_else(|| PredictError::NotFound("the version is gone".to_owned()))?;
        Ok(Chosen { model: served, version })
    }

    /// Answers rows and hands them to the log. `ids` are as many as rows.
    ///
    /// # Errors
    /// If the model fails.
    pub fn answer(&self, chosen: Chosen<'_>, ids: Vec<Arc<str>>, rows: Vec<Row>) -> Result<Answered, PredictError> {
        let started = Instant::now();
        let time = self.clock.now();
        let answers = ask(chosen.version, &rows);
        let seconds = started.elapsed().as_secs_f64();
        chosen.version.counts.note(&answers, &rows, seconds);
        let answers = answers?;
        let shadow = chosen.model.shadow();
        let shadow = shadow.filter(|it| !Arc::ptr_eq(&it.name, &chosen.version.name));
        let mut logged = Vec::with_capacity(rows.len() * if shadow.is_some() { 2 } else { 1 });
        if let Some(shadow) = shadow {
            logged.extend(self.ask_shadow(chosen, shadow, &ids, &rows));
        }
        let latency_ms = seconds * 1000.0;
        for ((row, answer), id) in rows.into_iter().zip(&answers).zip(&ids) {
            let names = &chosen.version.loaded.fields.names;
            logged.push(Inference {
                id: Arc::clone(id),
                time,
                model: Arc::clone(&chosen.model.name),
                version: Arc::clone(&chosen.version.name),
                features: names.iter().cloned().zip(row.given).collect(),
                prediction: answer.prediction.clone(),
                probability: answer.probability,
                probabilities: answer.probabilities.clone(),
                latency_ms,
                is_shadow: false,
            });
        }
        self.log.offer(logged);
        Ok(Answered { answers, ids })
    }

    /// The same rows for the shadow, as far as they fit its schema; its failures are counted and hurt nobody.
    fn ask_shadow(&self, chosen: Chosen<'_>, shadow: &Version, ids: &[Arc<str>], rows: &[Row]) -> Vec<Inference> {
        let (started, time) = (Instant::now(), self.clock.now());
        let (fields, from) = (&shadow.loaded.fields, &chosen.version.loaded.fields);
        let places: Vec<Option<usize>> = fields.names.iter().map(|it| from.position(it)).collect();
        let translated: Vec<Row> = rows.iter().map(|row| translate(row, &places, fields)).collect();
        let answers = ask(shadow, &translated);
        let seconds = started.elapsed().as_secs_f64();
        shadow.counts.note(&answers, &translated, seconds);
        let Ok(answers) = answers else { return vec![] };
        let one = |((row, answer), id): ((Row, Answer), &Arc<str>)| Inference {
            id: Arc::clone(id),
            time,
            model: Arc::clone(&chosen.model.name),
            version: Arc::clone(&shadow.name),
            features: fields.names.iter().cloned().zip(row.given).collect(),
            prediction: answer.prediction,
            probability: answer.probability,
            probabilities: answer.probabilities,
            latency_ms: seconds * 1000.0,
            is_shadow: true,
        };
        translated.into_iter().zip(answers).zip(ids).map(one).collect()
    }
}

/// A row in the order of another schema of the same model.
fn translate(row: &Row, places: &[Option<usize>], fields: &crate::schema::Fields) -> Row {
    let value = |it: &Option<usize>| it.and_then(|it| row.given.get(it)).cloned().unwrap_or_default();
    let given: Vec<FeatureValue> = places.iter().map(value).collect();
    let fill = |(given, column): (&FeatureValue, &crate::schema::Column)| match (given, &column.default) {
        (FeatureValue::Missing, Some(default)) => default.clone(),
        _ => given.clone(),
    };
    let filled = given.iter().zip(&fields.schema.columns).map(fill).collect();
    Row { given, filled, defaulted: vec![], warnings: vec![] }
}

fn ask(version: &Version, rows: &[Row]) -> Result<Vec<Answer>, PredictError> {
    let values = rows.iter().map(|it| it.filled.as_slice()).collect();
    let answers = version.loaded.model.predict(&Rows { fields: &version.loaded.fields, values })?;
    if answers.len() == rows.len() {
        return Ok(answers);
    }
    Err(PredictError::Model(format!("it gave {} answers for {} rows", answers.len(), rows.len())))
}

impl Meter for Desk {
    fn metrics(&self) -> Vec<Metric> {
        let versions = self.models.iter().flat_map(|model| model.versions.iter().map(move |it| (model, it)));
        let mut metrics: Vec<Metric> =
            versions.flat_map(|(model, version)| version.counts.metrics(&model.name, &version.name)).collect();
        metrics.extend(self.models.iter().flat_map(Served::metrics));
        let in_flight = self.in_flight.load(Ordering::Relaxed) as f64;
        metrics.extend(self.pairs.metrics());
        metrics.extend(self.proxied.metrics());
        metrics.push(Metric::gauge("sentinel_predict_requests_in_flight", "Predictions being made.", in_flight));
        metrics
    }
}
