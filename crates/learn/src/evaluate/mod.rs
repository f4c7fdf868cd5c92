//! How good is a detector? The published metrics, computed as their authors define them.

pub mod nab;
pub mod ranking;
