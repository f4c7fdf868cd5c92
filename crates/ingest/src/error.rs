//! Why could bytes not be turned into signals? Each error says where and what to do.

/// One field at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path to the field: names and array positions, for example `["0", "metrics", "disk"]`.
    pub path: Vec<PathPart>,
    /// For people.
    pub message: String,
    /// For machines, in the words of FastAPI, for example `missing`.
    pub kind: &'static str,
}

/// A step on the way to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPart {
    /// A key of an object.
    Key(String),
    /// A position in an array, or of a byte.
    Position(usize),
}

/// What can go wrong with a body, a target or a file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes do not follow the protocol. The sender has to change them.
    #[error("{what}: {detail}")]
    Malformed {
        /// The part that was read.
        what: &'static str,
        /// Where, and what was expected.
        detail: String,
    },
    /// Fields are missing or of the wrong type; all of them are listed.
    #[error("{}", .0.iter().map(|it| it.message.as_str()).collect::<Vec<_>>().join("; "))]
    Fields(Vec<FieldError>),
    /// Larger than a limit of the configuration. The sender sends smaller batches, or the operator raises the limit.
    #[error("{what} is larger than {limit_bytes} bytes; send smaller batches or raise ingest.{key}")]
    TooLarge {
        /// The part that is too large.
        what: &'static str,
        /// The limit.
        limit_bytes: usize,
        /// The configuration key of the limit.
        key: &'static str,
    },
    /// The content type, encoding or version is not one of ours. The text names what is.
    #[error("{0}")]
    Unsupported(String),
    /// A target or file could not be read; it is tried again by itself.
    #[error("{0}")]
    Unreachable(String),
}

impl Error {
    pub(crate) fn malformed(what: &'static str, detail: impl ToString) -> Self {
        Self::Malformed { what, detail: detail.to_string() }
    }
}
