//! Which model does a watch have? Those of `learn` by name, also by the names of sentinel-mlops, or one in a file.

use std::sync::Arc;

use learn::forecast::{Model, ModelKind, Regular};
use serde_json::{Map, Value};

use crate::candidate::Candidate;
use crate::network::{FileConfig, FileModel, Network};

/// The class of models in files.
const FILE_CLASS: &str = "onnx";

/// A model with its parameters.
#[derive(Clone, Debug)]
pub enum ModelChoice {
    /// One of `learn`.
    Known(ModelKind),
    /// One in a file, and what runs it once the file is read.
    File(FileConfig, Option<Arc<dyn Network>>),
}

impl PartialEq for ModelChoice {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => a == b,
            (Self::File(a, _), Self::File(b, _)) => a == b,
            _ => false,
        }
    }
}

impl ModelChoice {
    /// By the keys `model_class` and `parameters`; the error names key, value and what is valid.
    pub fn new(class: &str, parameters: &Map<String, Value>) -> Result<Self, String> {
        if class == FILE_CLASS {
            let config: FileConfig = serde_json::from_value(Value::Object(parameters.clone()))
                .map_err(|error| format!("parameters: of {class}: {error}"))?;
            config.check().map_err(|error| format!("parameters.{error}"))?;
            return Ok(Self::File(config, None));
        }
        let Some(kind) = ModelKind::named(class) else {
            let names = ModelKind::names().join(", ");
            return Err(format!("model_class: {class:?} is none of {names}, {FILE_CLASS}"));
        };
        let mut keys = parameters.clone();
        keys.insert("kind".to_owned(), Value::String(kind.name().to_owned()));
        match serde_json::from_value::<ModelKind>(Value::Object(keys)) {
            Ok(kind) => Ok(Self::Known(kind)),
            Err(error) => Err(format!("parameters: of {class}: {error}")),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Known(kind) => kind.name(),
            Self::File(..) => FILE_CLASS,
        }
    }

    /// The file, if it is one in a file.
    pub fn file(&self) -> Option<&FileConfig> {
        match self {
            Self::Known(_) => None,
            Self::File(config, _) => Some(config),
        }
    }

    /// Values that it must have seen before it can forecast.
    pub fn n_least(&self) -> usize {
        match self {
            Self::File(_, Some(network)) => network.n_in(),
            _ => 0,
        }
    }

    /// A model that knows nothing yet.
    pub fn blank(&self) -> Box<dyn Candidate> {
        match self {
            // Its parameters were checked when the configuration was read.
            Self::Known(kind) => Box::new(Model::new(kind).expect("parameters are valid, `new` checked them")),
            Self::File(config, network) => Box::new(FileModel::new(network.clone(), config.scaled)),
        }
    }

    /// Reads what [`Candidate::save`] of a model of this watch wrote.
    pub fn load(&self, bytes: &[u8]) -> Result<Box<dyn Candidate>, String> {
        if FileModel::is_of(bytes) {
            let network = match self {
                Self::File(_, network) => network.clone(),
                Self::Known(_) => None,
            };
            return Ok(Box::new(FileModel::load(bytes, network)?));
        }
        Ok(Box::new(Model::load(bytes).map_err(|error| error.to_string())?))
    }
}

impl Candidate for Model {
    fn fit(&mut self, history: &Regular) -> Result<(), String> {
        learn::forecast::Forecaster::fit(self, history).map_err(|error| error.to_string())
    }

    fn partial_fit(&mut self, newer: &Regular) -> Result<(), String> {
        learn::forecast::Forecaster::partial_fit(self, newer).map_err(|error| error.to_string())
    }

    fn predict(&self, steps: usize) -> Result<Vec<f64>, String> {
        learn::forecast::Forecaster::predict(self, steps).map_err(|error| error.to_string())
    }

    fn next_time(&self) -> Option<i64> {
        learn::forecast::Forecaster::next_time(self)
    }

    fn boxed(&self) -> Box<dyn Candidate> {
        Box::new(self.clone())
    }

    fn save(&self) -> Vec<u8> {
        Self::save(self)
    }

    fn class(&self) -> String {
        self.kind().name().to_owned()
    }
}
