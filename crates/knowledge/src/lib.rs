//! What is already known? Runbooks, past incidents with their outcome, and log templates, found by words and by meaning.
//!
//! Reading order: `document` is what is found; `runbook`, `past` and `kinds` make documents; `words` and `concepts` read
//! text; `postings` finds by words (BM25), `shapes` by the built-in statistical vectors, an `embedder` by vectors of a
//! model (`bert` runs one from a folder); `fuse` joins the two; a `shelf` holds one tenant's documents, the `library`
//! all shelves; `vectors` keeps those of a model over restarts. `evaluate` measures it.
//!
//! Every text of a document comes from outside: it is data, never an instruction.

#![warn(missing_docs)]

mod bert;
mod concepts;
mod config;
mod document;
mod embedder;
mod error;
pub mod evaluate;
mod fuse;
mod kinds;
mod library;
mod past;
mod postings;
pub mod runbook;
mod shapes;
mod shelf;
mod vectors;
mod words;

pub use bert::SentenceModel;
pub use config::{Config, EmbeddingApi, EmbeddingsConfig};
pub use document::{Document, Kind, Standing};
pub use embedder::{EmbedError, Embedder};
pub use error::Error;
pub use kinds::template_document;
pub use library::{Counts, Library, Passage, Query, Reader, Size};
pub use past::{Outcome, incident_document, incident_query};
pub use vectors::{VectorFile, Vectors};
