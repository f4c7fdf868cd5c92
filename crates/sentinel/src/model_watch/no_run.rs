//! Why was a model not compared?

use signal::PortError;

use crate::model_watch::basis::NoBasis;

/// Why there was no comparison.
#[derive(Debug, thiserror::Error)]
pub enum NoRun {
    /// There is nothing to compare with.
    #[error(transparent)]
    Basis(#[from] NoBasis),
    /// There is too little to compare.
    #[error("{0} predictions have come after the reference, and window.min_count is {1}")]
    TooFew(u64, u64),
    /// The log cannot be read.
    #[error("the log of predictions cannot be read")]
    Log(#[from] PortError),
    /// The disk does not take it.
    #[error("the report cannot be kept")]
    Disk(#[from] std::io::Error),
    /// The store does not take it.
    #[error("the state cannot be saved")]
    Store(#[from] store::Error),
}

impl NoRun {
    /// True if it is only too early.
    pub const fn is_waiting(&self) -> bool {
        matches!(self, Self::TooFew(..) | Self::Basis(NoBasis::Waiting { .. }))
    }
}

/// An error with all that lies under it.
pub fn causes(error: &dyn std::error::Error) -> String {
    let below = std::iter::successors(error.source(), |it| it.source());
    below.fold(error.to_string(), |text, it| format!("{text}: {it}"))
}
