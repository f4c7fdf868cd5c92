//! How does a model in an ONNX file answer? Networks and scikit-learn exports are read, described and run.
//!
//! The runtime is tract, in pure Rust; operators of the domain `ai.onnx.ml`, which classical models are made of, are ours
//! (`ml`). Reading order: what goes in and out (`tensor`, `port`), the model (`model`), what is changed in a file before it
//! is run (`rewrite`), how it is made ready for sizes (`plan`).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod port;
mod tensor;

mod ml;
mod model;
mod plan;
mod rewrite;

pub use error::OnnxError;
pub use model::{Limits, Model, bytes};
pub use port::Port;
pub use tensor::{Kind, Tensor, Values};
