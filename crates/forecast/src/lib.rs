//! Which series are forecast, by which model, and how do models live? Maths and state only: time and values are arguments.
//!
//! Reading order: what is configured (`config`, `period`, `cron`, `selector`) and what becomes of it (`watch`); what a
//! model must be able to do (`candidate`, `model`, `network`); how it is tried out (`training`, `spread`) and kept (`registry`,
//! `artifact`); when it has aged (`drift`); all of it together over time (`life`); what is told (`emission`); models of the user's
//! own (`own`).

#![warn(missing_docs)]

mod config;
mod cron;
mod outlook;
mod period;
mod selector;
mod tracking_config;
mod watch;

mod candidate;
mod model;
mod network;

mod artifact;
mod drift;
mod registry;
mod spread;
mod training;

mod emission;
mod life;
mod own;

pub use artifact::{ArtifactError, checksum, unpack};
pub use candidate::Candidate;
pub use config::{Config, CrossConfig, DriftScale, ObjectStoreConfig, RemoteWriteConfig, WatchConfig, bucket_of};
pub use cron::Cron;
pub use drift::{Drift, DriftMeter, DriftStatus, Thresholds};
pub use emission::{exposed, forecast_labels, n_exposed, samples};
pub use life::{Alarm, Life, Plan, Reason, State, key_of};
pub use model::ModelChoice;
pub use network::{FileConfig, Network};
pub use outlook::{Crossing, Forecast};
pub use own::{
    Fallback, InferenceConfig, Manifest, OwnModelConfig, OwnScore, RetrainConfig, WaitConfig, WaitStrategy,
    own_model_problems, scores,
};
pub use period::{period, period_text};
pub use registry::{Policy, Registry, Status, Version, VersionError};
pub use selector::{exposed_name, is_counter, is_label_name, is_metric_name};
pub use spread::Spread;
pub use tracking_config::{MlflowConfig, TrackingConfig, WandbConfig};
pub use training::{Job, Outcome, Trained, Trial, train};
pub use watch::{Cross, Watch, watches};
