//! Does every scenario hold, on one machine and over roles?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

#[path = "../support/mod.rs"]
mod support;

mod all_in_one;
mod over_roles;
