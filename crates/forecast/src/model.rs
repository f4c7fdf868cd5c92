//! Which model does a watch have? Those of `learn` by name, also by the names of sentinel-mlops.

use learn::forecast::{Model, ModelKind, Regular};
use serde_json::{Map, Value};

use crate::candidate::Candidate;

/// A model with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelChoice(ModelKind);

impl ModelChoice {
    /// By the keys `model_class` and `parameters`; the error names key, value and what is valid.
    pub fn new(class: &str, parameters: &Map<String, Value>) -> Result<Self, String> {
        let Some(kind) = ModelKind::named(class) else {
            return Err(format!("model_class: {class:?} is none of {}", ModelKind::names().join(", ")));
        };
        let mut keys = parameters.clone();
        keys.insert("kind".to_owned(), Value::String(kind.name().to_owned()));
        match serde_json::from_value::<ModelKind>(Value::Object(keys)) {
            Ok(kind) => Ok(Self(kind)),
            Err(error) => Err(format!("parameters: of {class}: {error}")),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    /// A model that knows nothing yet.
    pub fn blank(&self) -> Box<dyn Candidate> {
        // Its parameters were checked when the configuration was read.
        Box::new(Model::new(&self.0).expect("parameters are valid, `new` checked them"))
    }
}

/// Reads what [`Candidate::save`] of a model of `learn` wrote.
pub fn load(bytes: &[u8]) -> Result<Box<dyn Candidate>, String> {
    Ok(Box::new(Model::load(bytes).map_err(|error| error.to_string())?))
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
