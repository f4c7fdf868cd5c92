//! How do files that people have of an incident become a case? One file per kind of file.

pub mod graph_file;
pub mod metrics_file;
mod names;
