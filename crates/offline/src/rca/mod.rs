//! How do files that people have of an incident become a case? One file per kind of file.

pub mod changes_file;
mod counters;
pub mod folder;
pub mod graph_file;
pub mod incident;
mod json_lines;
pub mod logs_file;
pub mod metrics_file;
pub mod names;
mod rows;
pub mod spans_file;
