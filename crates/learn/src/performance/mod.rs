//! How good is a model that serves? `realized` measures it once the truth is known.

pub mod realized;
