//! Why can a request not be answered? One variant per way, each with the words for the client.

use signal::PortError;

/// A request that could not be answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port said no, or failed. A failure's cause is logged and not sent.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The body or the query string cannot be read at all. The client mends its syntax.
    #[error("{0}")]
    Malformed(String),
    /// A field has a value that cannot be used; the text names the field.
    #[error("{0}")]
    Unusable(String),
    /// The body is larger than any answer of a person can be.
    #[error("the body is larger than the limit of 2 MiB")]
    TooLarge,
    /// A body that is neither JSON nor a form of our own pages. The client sends `Content-Type: application/json`.
    #[error("Content-Type must be application/json")]
    NotJson,
    /// The request came from another web site, or under a host name that is not ours.
    #[error("{0}")]
    Foreign(String),
    /// There is no such page or endpoint.
    #[error("{0} is not a path of this server; see /docs")]
    NoSuchPath(String),
    /// The path exists, but not with this method.
    #[error("{0} is not possible here; see /docs")]
    NoSuchMethod(String),
    /// Too many listeners; the client comes back later.
    #[error("too many clients listen to live events; see serve.max_live_clients")]
    Busy,
    /// A handler panicked. The operator finds it in the log.
    #[error("internal error; the log of the server has the details")]
    Crashed,
}

impl Error {
    /// For a thing that does not exist.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::Port(PortError::NotFound(what.into()))
    }
}
