//! Did the live stream leave its reference, prediction by prediction? What is told at once, not at the next comparison.
//!
//! Reading order: `config` is what the user says; `reading` is what a stream takes of a prediction; `streams` makes them
//! from the profile of the reference; `detector` follows one stream, tuned by an expected run; `tuning` finds how
//! sensitive a published detector may be; `errors` joins labels; `standing` says what began, goes on and is over; `trial`
//! leaves out what moves within the reference; `follower` holds all of it.

mod config;
mod detector;
mod errors;
mod follower;
mod reading;
mod standing;
mod streams;
mod trial;
mod tuning;

pub use config::OnlineConfig;
pub use detector::Move;
pub use follower::{OnlineFollower, StreamState};
pub use reading::{Reading, Target};
pub use standing::{Alarm, Event, Standing};
pub use trial::Trial;
