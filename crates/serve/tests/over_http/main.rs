//! Does every route answer as documented, and does nothing foreign get through?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "functions of tests, outside of #[test]"
)]

mod asking;
mod fakes;

mod guards;
mod incidents;
mod live_events;
mod metrics;
mod models;
mod prometheus_api;
mod signals;
