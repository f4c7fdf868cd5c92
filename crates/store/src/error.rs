//! What can go wrong with stored signals, and what does the operator do about it?

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use signal::PortError;

/// Why something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the directory open. Stop it, or give this one another `data_dir`.
    #[error("the data directory {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The file system refused. The source says why; free space or correct the permissions.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// SQLite refused. The source says why.
    #[error("cannot {operation}")]
    Sqlite {
        /// What was tried.
        operation: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A file does not hold what was written to it. It is set aside or skipped; the rest goes on.
    #[error("{} is corrupt: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// Records could not be compressed.
    #[error("cannot compress")]
    Compress(#[source] io::Error),
    /// A stored object cannot be read back or written as JSON.
    #[error("cannot {operation} as JSON")]
    Json {
        /// What was tried.
        operation: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// The write was not made durable and is not stored. Send it again later.
    #[error("the write was not stored")]
    NotStored(#[source] Arc<Error>),
    /// One write is larger than a frame of the log can be. Send smaller batches.
    #[error("a write of {0} bytes is too large, the limit is {limit}", limit = crate::wal::MAX_FRAME_BYTES)]
    TooLarge(usize),
    /// A thread could not be started. The machine is short of memory or threads.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The configuration cannot be used; every problem in one line.
    #[error("the store's configuration is wrong: {0}")]
    Config(String),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// The queue is full. The caller answers "later" (429 or 503 with Retry-After) and sends the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store's queue is full")]
pub struct Busy;

impl Error {
    /// Adds the operation and the path to an I/O error.
    pub(crate) fn io<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { operation, path: path.to_owned(), source }
    }

    /// Adds the operation to an SQLite error.
    pub(crate) fn sqlite(operation: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { operation, source }
    }

    /// Adds the operation to a JSON error.
    pub(crate) fn json(operation: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Json { operation, source }
    }

    /// The same error for a port, which names the operation once more.
    pub(crate) fn port(operation: &'static str) -> impl FnOnce(Self) -> PortError {
        move |source| PortError::Failed { operation, source: Box::new(source) }
    }

    /// True if the content of a file is to blame, so that trying again will not help.
    pub(crate) fn is_corruption(&self) -> bool {
        match self {
            Self::Corrupt { .. } => true,
            Self::Sqlite { source: rusqlite::Error::SqliteFailure(it, _), .. } => {
                matches!(it.code, rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            }
            Self::Io { source, .. } => source.kind() == io::ErrorKind::UnexpectedEof,
            _ => false,
        }
    }
}
