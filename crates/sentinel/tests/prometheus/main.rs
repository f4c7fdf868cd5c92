//! Does it work beside a Prometheus as one would expect: queries, rules, alerts, dashboards, what is read from one?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

#[path = "../support/mod.rs"]
mod support;

mod alerts_become_incidents;
mod answers_like_prometheus;
mod dashboards;
mod evaluates_rules;
mod native_histograms_like_prometheus;
mod reads_a_prometheus;
