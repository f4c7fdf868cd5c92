//! What comes next in a series, and how sure is that?
//!
//! `regular` is what is learned from, `forecaster` what every model can do, `kind` the table of models, `model` how a
//! method meets real series (gaps, scale, saved form). One file per model. `backtest` tells how well a model would have
//! done, `interval` how far off it may be. `season` finds seasons,
//! `drift` says when a model has aged.

mod arima;
mod arima_fit;
mod arima_order;
mod auto;
mod autoregression;
mod backtest;
pub mod drift;
mod ets;
mod exponential_smoothing;
mod forecaster;
mod interval;
mod kind;
mod lag_features;
mod linear_trend;
mod loess;
mod minimize;
mod model;
#[cfg(test)]
mod model_tests;
mod mstl;
mod normal_equations;
mod prophet;
mod regular;
mod saved;
pub mod season;
mod seasonal_naive;
mod sgd_regressor;
mod smoothing;
mod theta;

pub use arima::ArimaConfig;
pub use auto::AutoConfig;
pub use autoregression::AutoregressionConfig;
pub use backtest::{Errors, Windows, backtest, rolling_errors};
pub use ets::EtsConfig;
pub use exponential_smoothing::ExponentialSmoothingConfig;
pub use forecaster::{FitError, Forecaster, MAX_STEPS, PredictError};
pub use interval::{Calibrated, Forecast, Interval};
pub use kind::ModelKind;
pub use linear_trend::LinearTrendConfig;
pub use model::Model;
pub use mstl::MstlConfig;
pub use prophet::{Holiday, ProphetConfig};
pub use regular::{Regular, fill_gaps};
pub use saved::LoadError;
pub use seasonal_naive::SeasonalNaiveConfig;
pub use sgd_regressor::SgdRegressorConfig;
pub use smoothing::Seasonal;
pub use theta::ThetaConfig;
