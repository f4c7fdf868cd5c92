//! Did rows change where no single column did? Rows of numbers, categories by how frequent they were.
//!
//! `reconstruction` asks whether columns still depend on each other as they did; `domain` asks whether a classifier can
//! tell current rows from those of the reference, and by which columns.

mod domain;
mod reconstruction;

pub use domain::{Domain, DomainError, classify};
pub use reconstruction::{Reconstruction, ReconstructionError};
