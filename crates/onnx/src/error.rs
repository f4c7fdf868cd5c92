//! What can go wrong with a model in a file?

use std::path::PathBuf;

/// Why a model cannot be read or run.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The file cannot be read: see that it exists and may be read.
    #[error("cannot read {path}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than is allowed: give a higher limit, or a smaller model.
    #[error("the model has {bytes} bytes, more than the {limit} that are allowed")]
    TooLarge {
        /// Size of the file.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The bytes are no ONNX model, or one that contradicts itself: export it again.
    #[error("no ONNX model: {0}")]
    Malformed(String),
    /// The model needs what this runtime has not; the text names the operator or the form.
    #[error("the model needs what is not supported: {0}")]
    Unsupported(String),
    /// What was given does not fit the model's inputs; the text names the input.
    #[error("{0}")]
    Input(String),
    /// The model failed on what was given.
    #[error("the model failed: {0}")]
    Run(String),
    /// The time that was allowed is over.
    #[error("the model took longer than it may")]
    TooLong,
}
