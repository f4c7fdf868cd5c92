//! Which lines say the same thing? A streaming miner of log templates.
//!
//! `mask` replaces what is surely a variable; `miner` groups what is left by a token tree in the manner of Drain
//! (He, Zhu, Zheng, Lyu: "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017), with a cache of
//! masked lines before the tree, because most lines differ from an earlier one only in their variables.

mod hash;
mod mask;
mod miner;
mod parameters;

pub use mask::mask;
pub use miner::{TemplateId, TemplateMiner, TemplateMinerConfig};
pub use parameters::parameters;
