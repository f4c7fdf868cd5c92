//! Does it hold what the model says? Each claim is read word by word against the evidence that it cites, then clause by
//! clause for its sense, and that evidence is read again; what does not hold is dropped and counted. Nothing else is
//! published.
//!
//! Reading order: `answer` is what a model may say; `facts` is what its evidence says; `words` are the kinds of words
//! that need support; `check` compares them. `fact` is one piece of evidence with typed fields (`told` reads those of our
//! tools), `clause` and `lexicon` read a claim, `roles` what its numbers and times are, `calls` who calls whom, and `sense`
//! compares them.

mod answer;
mod calls;
mod check;
mod clause;
mod fact;
mod facts;
mod lexicon;
mod roles;
mod sense;
#[cfg(test)]
mod tests;
mod told;
mod words;

pub use self::answer::{Answer, RawClaim, schema};
pub use self::check::{Checker, Flaw};
