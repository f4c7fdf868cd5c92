//! Is a stream of events as it always is? Its rate, its rhythm, what it carries and what follows what.
//!
//! Each estimator sees one kind of event (for logs: one template of one service). `rate` says whether there are more or
//! fewer than usual, `cadence` whether a regular one is overdue, `numbers` and `categories` whether what an event
//! carries is unusual, `successors` whether what always came next did not come. All have a fixed size.

mod cadence;
mod categories;
mod numbers;
mod rate;
mod successors;

pub use cadence::Cadence;
pub use categories::Categories;
pub use numbers::{Numbers, NumbersVerdict, number_of};
pub use rate::{EventRate, RateVerdict};
pub use successors::{Break, Successors};
