//! Did the live stream leave its reference, prediction by prediction? What is told at once, not at the next comparison.
//!
//! Reading order: `config` is what the user says; `reading` is what a stream takes of a prediction; `streams` makes them
//! from the profile of the reference; `detector` follows one stream, tuned by an expected run; `tuning` finds how
//! sensitive a published detector may be; `errors` joins labels; `follower` holds all of it and says what began and
//! what is over.

mod config;
mod detector;
mod errors;
mod follower;
mod reading;
mod streams;
mod tuning;

pub use config::OnlineConfig;
pub use detector::Move;
pub use follower::{Alarm, Event, OnlineFollower, Standing, StreamState, Trial};
pub use reading::{Reading, Target};
