//! Which lines say the same thing? A streaming miner of log templates.
//!
//! Reading order: `mask` replaces what is surely a variable by its looks (`words`); `tokens` reads the columns of what
//! is left; `review` finds the columns in which many words stand; `miner` does it line by line in bounded memory, with a
//! cache of masked lines before all else, because most lines differ from an earlier one only in their variables.
//! `layout` finds where the message begins, by the looks of the `field`s that nearly all lines of a source begin with.
//! `parameters` reads the values back out of a line; `state` keeps identities over a restart.

mod field;
mod hash;
mod layout;
mod mask;
mod miner;
mod parameters;
mod review;
mod state;
mod syslog;
mod tokens;
mod words;

pub use layout::HeaderFinder;
pub use mask::mask;
pub use miner::{TemplateId, TemplateMiner, TemplateMinerConfig};
pub use parameters::parameters;
pub use state::MinerState;
