//! Are models served, watched, trained and told of?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

#[path = "../support/mod.rs"]
mod support;

mod expects_performance_of_many_classes;
mod follows_live_streams;
mod forecasts_by_a_network;
mod judges_rows;
mod predictions_survive_kill;
mod promotes_models;
mod real_model_clients;
mod runs_own_models;
mod serves_onnx_models;
mod tracks_trainings;
mod watches_models;
