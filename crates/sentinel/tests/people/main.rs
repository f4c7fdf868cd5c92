//! What do people see and say: pages, questions, incidents, opinions, knowledge?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

#[path = "../support/mod.rs"]
mod support;

mod alerts_are_budgeted;
mod answers_questions;
mod attacked;
mod attacks_change_nothing;
mod browser;
mod browser_agent;
mod browser_models;
mod documents_are_true;
mod investigates_by_a_model;
mod knows_runbooks;
mod learns_from_opinions;
mod notices_deploys;
mod real_sentence_model;
mod remembers_logs_over_a_restart;
mod seed0_acceptance;
mod tells_of_limits_ahead;
