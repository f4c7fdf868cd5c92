//! Which rows of many numbers are unlike the others, and which of their numbers are to blame?
//!
//! Reading order: `matrix` and `standardize` hold the rows; `isolation_forest`, `one_class_svm`, `nearest_neighbors`,
//! `autoencoder`, `tcn` and `streaming_forest` judge them; `blame` names the features; `detector` puts one of them to
//! work.

pub mod autoencoder;
pub mod blame;
pub mod detector;
mod gaussian_kernel;
pub mod isolation_forest;
pub mod matrix;
mod minimal_optimization;
pub mod nearest_neighbors;
mod network;
pub mod one_class_svm;
pub mod small_batch;
pub mod standardize;
pub mod streaming_forest;
pub mod tcn;
