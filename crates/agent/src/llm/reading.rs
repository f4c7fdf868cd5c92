//! How do the bytes of an answer become a turn? Framed, folded, and without the key in any text.

use serde_json::Value;

use super::framing::Frames;
use super::key::{Key, Scrubber};
use super::problem;
use super::wire::{Draft, Fold, Progress, Wire};
use crate::ModelError;

/// An answer on its way.
pub struct Reading {
    fold: Box<dyn Fold>,
    frames: Option<Frames>,
    whole: Vec<u8>,
    key: Option<Key>,
    scrubber: Scrubber,
    is_over: bool,
}

impl Reading {
    /// Of an answer that comes in pieces, or (`is_streamed` false) in one.
    pub fn new(wire: &dyn Wire, is_streamed: bool, key: Option<Key>) -> Self {
        let frames = is_streamed.then(|| Frames::new(wire.framing()));
        let scrubber = Scrubber::new(key.as_ref());
        Self { fold: wire.fold(), frames, whole: vec![], key, scrubber, is_over: false }
    }

    /// Takes bytes as they come. True if nothing more is wanted.
    pub fn take(&mut self, bytes: &[u8], on_text: &mut (dyn FnMut(&str) + Send)) -> Result<bool, ModelError> {
        match &mut self.frames {
            None => self.whole.extend_from_slice(bytes),
            Some(frames) => {
                for message in frames.take(bytes) {
                    self.message(&message, on_text)?;
                }
            }
        }
        Ok(self.is_over)
    }

    /// All bytes are there.
    pub fn end(mut self, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<Draft, ModelError> {
        let rest = match &mut self.frames {
            None => vec![std::mem::take(&mut self.whole)],
            Some(_) if self.is_over => vec![],
            Some(frames) => frames.end(),
        };
        for message in rest {
            self.message(&message, on_text)?;
        }
        tell(&self.scrubber.end(), on_text);
        if self.fold.progress() == Progress::Open {
            return Err(ModelError::Unavailable("the answer was cut off".to_owned()));
        }
        let mut draft = self.fold.draft();
        if let Some(key) = &self.key {
            draft.text = key.scrub(&draft.text);
            key.scrub_value(&mut draft.opaque);
            for call in &mut draft.calls {
                (call.id, call.name) = (key.scrub(&call.id), key.scrub(&call.name));
                key.scrub_value(&mut call.arguments);
            }
        }
        Ok(draft)
    }

    /// A provider may say the key back in an error that comes in a good answer.
    fn without_key(&self, error: ModelError) -> ModelError {
        let scrub = |text: String| self.key.as_ref().map_or(text.clone(), |it| it.scrub(&text));
        match error {
            ModelError::Unavailable(text) => ModelError::Unavailable(scrub(text)),
            ModelError::Rejected(text) => ModelError::Rejected(scrub(text)),
            ModelError::Malformed(text) => ModelError::Malformed(scrub(text)),
            other => other,
        }
    }

    fn message(&mut self, bytes: &[u8], on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), ModelError> {
        if self.is_over || bytes.trim_ascii() == b"[DONE]" {
            self.is_over = true;
            return Ok(());
        }
        // What a parser says of the bytes has none of them in it.
        let message: Value = serde_json::from_slice(bytes)
            .map_err(|error| ModelError::Malformed(format!("a message of {} bytes: {error}", bytes.len())))?;
        if let Some(error) = problem::of_message(&message) {
            return Err(self.without_key(error));
        }
        let piece = self.fold.take(&message).map_err(|error| self.without_key(error))?;
        tell(&self.scrubber.take(&piece), on_text);
        self.is_over = self.fold.progress() == Progress::Over;
        Ok(())
    }
}

fn tell(piece: &str, on_text: &mut (dyn FnMut(&str) + Send)) {
    if !piece.is_empty() {
        on_text(piece);
    }
}
