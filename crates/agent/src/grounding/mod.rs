//! Does it hold what the model says? Each claim is read word by word against the evidence that it cites, and that
//! evidence is read again; what does not hold is dropped and counted. Nothing else is published.
//!
//! Reading order: `answer` is what a model may say; `facts` is what its evidence says; `words` are the kinds of words
//! that need support; `check` compares them.

mod answer;
mod check;
mod facts;
mod words;

pub use self::answer::{Answer, RawClaim, schema};
pub use self::check::{Checker, Flaw};
