//! How is the work spread over several processes? A gateway takes signals in, workers store and judge them by partition, a
//! responder makes incidents of what they find.
//!
//! Reading order: `gateway`; `partition`, which a worker has many of, `work`, which
//! they tell each other, and `tally`, where that is counted; `question` and `elsewhere`, by which the responder
//! sees what workers have; `hearing`, which is all that the responder does beyond the system of one process; `simulated`,
//! where all of them are in one process without Kafka; then the processes: `run`, `kafka`, `positions`, `worker` with its `lane`,
//! `feed` and `ledge`, `responder` with its `copy` and the `workers` that it asks.

mod copy;
mod elsewhere;
mod feed;
mod gateway;
mod hearing;
mod kafka;
mod lane;
mod ledge;
mod partition;
mod positions;
mod question;
mod responder;
mod run;
mod simulated;
mod tally;
mod work;
mod worker;
mod workers;

pub use elsewhere::{Asker, Elsewhere};
pub use question::Question;
pub use run::run;
#[cfg(test)]
pub use run::scaling;
pub use simulated::Roles;
