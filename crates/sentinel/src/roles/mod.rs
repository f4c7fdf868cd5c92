//! How is the work spread over several processes? A gateway takes signals in, workers store and judge them by partition, a
//! responder makes incidents of what they find.
//!
//! Reading order: `gateway`; `partition`, which a worker has many of; `question` and `elsewhere`, by which the responder
//! sees what workers have; `hearing`, which is all that the responder does beyond the system of one process; `simulated`,
//! where all of them are in one process without Kafka; then the processes: `run`, `kafka`, `worker` with its `lane` and
//! `ledge`, `responder` and the `workers` that it asks.

mod elsewhere;
mod gateway;
mod hearing;
mod kafka;
mod lane;
mod ledge;
mod partition;
mod question;
mod responder;
mod run;
mod simulated;
mod worker;
mod workers;

pub use elsewhere::{Asker, Elsewhere};
pub use run::run;
pub use simulated::Roles;
