//! Which models are there? One line each in the table below: name in configuration, other names, parameters, arithmetic.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::arima::{Arima, ArimaConfig};
use super::auto::{Auto, AutoConfig};
use super::autoregression::{Autoregression, AutoregressionConfig};
use super::ets::{Ets, EtsConfig};
use super::exponential_smoothing::{ExponentialSmoothing, ExponentialSmoothingConfig};
use super::forecaster::Method;
use super::linear_trend::{LinearTrend, LinearTrendConfig};
use super::mstl::{Mstl, MstlConfig};
use super::prophet::{Prophet, ProphetConfig};
use super::seasonal_naive::{SeasonalNaive, SeasonalNaiveConfig};
use super::sgd_regressor::{SgdRegressor, SgdRegressorConfig};
use super::theta::{Theta, ThetaConfig};

/// Makes from the table: the configuration's enum, the saved state's enum, and the ways between them.
macro_rules! models {
    ($($variant:ident $name:literal [$($alias:literal),*] $config:ty => $method:ty, $summary:literal;)*) => {
        /// A model and its parameters. In configuration either the name alone (`model: arima`), or a map with `kind`
        /// and parameters (`model: {kind: arima, p: 3}`). New kinds are added at the end, since saved states count them.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum ModelKind {
            $(#[doc = $summary] $variant($config),)*
        }

        /// The same for reading, where every parameter may be left out.
        #[derive(Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        enum Written {
            $(#[serde(alias = $name $(, alias = $alias)*)] $variant($config),)*
        }

        impl From<Written> for ModelKind {
            fn from(written: Written) -> Self {
                match written { $(Written::$variant(config) => Self::$variant(config),)* }
            }
        }

        /// What a model has learned. The order of the kinds is part of the saved format.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Learned {
            $($variant($method),)*
        }

        impl Learned {
            pub fn new(kind: &ModelKind) -> Self {
                match kind { $(ModelKind::$variant(config) => Self::$variant(<$method>::new(config.clone())),)* }
            }

            pub fn kind(&self) -> ModelKind {
                match self { $(Self::$variant(method) => ModelKind::$variant(method.config.clone()),)* }
            }

            pub fn method(&self) -> &dyn Method {
                match self { $(Self::$variant(method) => method,)* }
            }

            pub fn method_mut(&mut self) -> &mut dyn Method {
                match self { $(Self::$variant(method) => method,)* }
            }
        }

        impl ModelKind {
            /// All kinds with their default parameters, in the order of the table.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$variant(Default::default()),)*]
            }

            /// The kind with this name, or with the class name that seed configurations use, with default parameters.
            pub fn named(name: &str) -> Option<Self> {
                $(if name == $name $(|| name == $alias)* { return Some(Self::$variant(Default::default())); })*
                None
            }

            /// Its name in configuration, metrics and files.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// What it does, in a sentence.
            pub fn summary(&self) -> &'static str {
                match self { $(Self::$variant(_) => $summary,)* }
            }

            /// What is wrong with the parameters: name, value, and what is valid. Empty if nothing is.
            pub fn problems(&self) -> Vec<String> {
                match self { $(Self::$variant(config) => config.problems(),)* }
            }
        }
    };
}

models! {
    LinearTrend "linear_trend" ["LinearTrendModel"] LinearTrendConfig => LinearTrend,
        "Linear regression on the last values, their mean and spread, and the time of day and week.";
    ExponentialSmoothing "exponential_smoothing" ["ExponentialSmoothingModel", "holt_winters"] ExponentialSmoothingConfig => ExponentialSmoothing,
        "Exponential smoothing of level, trend (Holt) and season (Holt-Winters), with chosen parts.";
    SeasonalNaive "seasonal_naive" ["SeasonalNaiveModel"] SeasonalNaiveConfig => SeasonalNaive,
        "The values of one season ago.";
    Autoregression "autoregression" [] AutoregressionConfig => Autoregression,
        "Penalized least squares on the values just before and around multiples of the seasons.";
    Auto "auto" [] AutoConfig => Auto,
        "Several models, averaged by how well each would have done lately on this series.";
    SgdRegressor "sgd_regressor" ["SGDRegressorModel", "sgd"] SgdRegressorConfig => SgdRegressor,
        "Linear regression on the last values, learned by stochastic gradient descent.";
    Ets "ets" [] EtsConfig => Ets,
        "Exponential smoothing in the form that suits the series best.";
    Theta "theta" [] ThetaConfig => Theta,
        "Last level and half of the long trend, on the series without its season.";
    Arima "arima" ["ARIMAModel"] ArimaConfig => Arima,
        "Autoregression of differences with moving averages of errors, also seasonal, of given or chosen order.";
    Mstl "mstl" [] MstlConfig => Mstl,
        "Seasons taken out by local regression, the rest by exponential smoothing.";
    Prophet "prophet" [] ProphetConfig => Prophet,
        "A trend with bends, waves of day, week and year, and holidays.";
}

impl ModelKind {
    /// The names of all kinds, for messages.
    pub fn names() -> Vec<&'static str> {
        Self::all().iter().map(Self::name).collect()
    }
}

impl<'de> Deserialize<'de> for ModelKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = ModelKind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "the name of a model ({}), or a map with `kind` and its parameters",
                    ModelKind::names().join(", ")
                )
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<ModelKind, E> {
                let unknown =
                    || E::custom(format!("there is no model {name:?}; there are {}", ModelKind::names().join(", ")));
                ModelKind::named(name).ok_or_else(unknown)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ModelKind, A::Error> {
                let kind: ModelKind = Written::deserialize(MapAccessDeserializer::new(map))?.into();
                match kind.problems().into_iter().next() {
                    Some(problem) => Err(A::Error::custom(problem)),
                    None => Ok(kind),
                }
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
