//! What do commands make of users' files, without a server?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

#[path = "../support/mod.rs"]
mod support;

mod check_names_every_mistake;
mod compares_parquet;
mod compares_tables;
mod evaluates_nab;
mod evaluates_promql;
mod evaluates_retrieval;
mod evaluates_series;
mod forecasts_files;
mod measures_answers;
mod ranks_causes;
mod scores_files;
