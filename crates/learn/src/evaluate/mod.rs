//! How good is a detector? The published metrics, computed as their authors define them.

pub mod drift;
pub mod drift_calibration;
pub mod drift_online;
pub mod forecast;
pub mod grouping;
pub mod nab;
pub mod ranking;
