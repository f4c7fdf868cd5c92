//! Why can the desk not work at all? (That a plan is not allowed is no error but a [`crate::Refusal`].)

use signal::PortError;

/// What stops the desk.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration has problems; the operator corrects the named keys.
    #[error("the configuration of actions has problems: {}", .0.join("; "))]
    Config(Vec<String>),
    /// The stored plans cannot be read; the operator looks at the store.
    #[error("cannot read the stored plans")]
    Load(#[source] PortError),
    /// A decision could not be made durable, so it was not taken.
    #[error("cannot record {what}")]
    Record {
        /// What was to be recorded.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: PortError,
    },
    /// The HTTP client cannot be built, usually because no root certificates are installed.
    #[error("cannot make the HTTP client for webhooks")]
    Client(#[source] reqwest::Error),
}
