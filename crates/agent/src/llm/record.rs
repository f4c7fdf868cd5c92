//! What was asked and answered? A line of JSON for each turn, from which the session can be played again.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::counters::Counters;
use super::layer::Layer;
use crate::{Ask, Model, ModelError, Turn};

/// Writes down every turn of a model.
pub struct Recorded {
    to: Mutex<Box<dyn Write + Send>>,
    counters: Arc<Counters>,
}

/// A line to be written.
#[derive(Serialize)]
struct Written<'a> {
    digest: &'a str,
    model: &'a str,
    ask: &'a Ask<'a>,
    pieces: &'a [String],
    #[serde(flatten)]
    outcome: Said,
}

/// A line that was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Of the request.
    pub digest: String,
    /// Who was asked.
    pub model: String,
    /// What was asked.
    pub ask: Value,
    /// The pieces of text as they were told.
    pub pieces: Vec<String>,
    /// What was said.
    #[serde(default)]
    pub turn: Option<Turn>,
    /// Why nothing was.
    #[serde(default)]
    pub error: Option<ModelError>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Turn(Turn),
    Error(ModelError),
}

/// Names a request by all that the model is told.
pub fn digest(ask: &Ask<'_>) -> String {
    let bytes = serde_json::to_vec(ask).expect("texts and numbers can be written as JSON");
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Recorded {
    /// Each line is written at once.
    pub fn new(to: Box<dyn Write + Send>, counters: Arc<Counters>) -> Self {
        Self { to: Mutex::new(to), counters }
    }

    fn write(&self, model: &str, ask: &Ask<'_>, pieces: &[String], answer: &Result<Turn, ModelError>) {
        let outcome = match answer {
            Ok(turn) => Said::Turn(turn.clone()),
            Err(error) => Said::Error(error.clone()),
        };
        let line = Written { digest: &digest(ask), model, ask, pieces, outcome };
        let mut bytes = serde_json::to_vec(&line).expect("texts and numbers can be written as JSON");
        bytes.push(b'\n');
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = to.write_all(&bytes).and_then(|()| to.flush()) {
            self.counters.unrecorded();
            tracing::warn!(%error, "A turn of the language model was not recorded.");
        }
    }
}

impl Layer for Recorded {
    fn around<'a>(
        &'a self,
        inner: &'a dyn Model,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(async move {
            let mut pieces = vec![];
            let mut tell = |piece: &str| {
                pieces.push(piece.to_owned());
                on_text(piece);
            };
            let answer = inner.turn(ask, &mut tell).await;
            self.write(inner.name(), ask, &pieces, &answer);
            answer
        })
    }
}
