//! What do decision trees say of a row? Ensembles that others have trained (XGBoost, LightGBM) and a forest of our own.
//!
//! `tree` walks one tree, `ensemble` adds up what trees say, `forest` trains, `saved` is the file of a model;
//! `xgboost` and `lightgbm` read the files of others, `ubjson` the binary form of one.

pub mod ensemble;
pub mod foreign;
pub mod forest;
mod grow;
pub mod lightgbm;
pub mod saved;
pub mod tree;
mod ubjson;
pub mod xgboost;
