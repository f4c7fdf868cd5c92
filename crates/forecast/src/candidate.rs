//! What must a model be able to do to serve a watch? Those of `learn` can; a library user's own may.

use learn::forecast::Regular;

/// A model that can be tried out, serve, and be kept.
pub trait Candidate: Send + Sync {
    /// Learns from a history and forgets what it knew; the error says why it cannot.
    fn fit(&mut self, history: &Regular) -> Result<(), String>;

    /// Learns from what came since; forecasts then begin after the last value. What it has seen is left out.
    fn partial_fit(&mut self, newer: &Regular) -> Result<(), String>;

    /// The next values; what is not finite makes the model unusable.
    fn predict(&self, steps: usize) -> Result<Vec<f64>, String>;

    /// Time of the first value that `predict` tells, in seconds; none before `fit`.
    fn next_time(&self) -> Option<i64>;

    /// The same model, apart from this one.
    fn boxed(&self) -> Box<dyn Candidate>;

    /// As bytes that its loader reads back, never code.
    fn save(&self) -> Vec<u8>;

    /// What it is called.
    fn class(&self) -> String;
}
