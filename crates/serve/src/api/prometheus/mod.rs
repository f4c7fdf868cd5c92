//! What does a client of Prometheus get? The HTTP API of Prometheus over stored series, one file per endpoint:
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>.

pub mod cors;
pub mod fault;
pub mod federate;
pub mod form;
pub mod format;
pub mod metadata;
mod numbers;
pub mod query;
pub mod read;
mod reply;
pub mod rules;
pub mod series;
pub mod status;
pub mod targets;
pub mod time_series;
mod values;
