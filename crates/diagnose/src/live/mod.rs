//! What does the plain-data ranker say of a live incident? Its case is gathered through the ports: series that moved,
//! sampled traces with their lines, changes, and who calls whom and runs where.
//!
//! Reading order: `case` gathers (`spread` says what is looked at if there is too much), `requests` looks at spans (and looks again, when evidence is opened), `fuse` joins the
//! ranking with the hypotheses of the rules, `graph` shows the way that the trouble took.

mod case;
mod fuse;
mod graph;
mod requests;
mod spread;

pub(crate) use case::gather;
pub(crate) use fuse::fuse;
pub(crate) use graph::graph;
pub(crate) use requests::{Claim, holds};
