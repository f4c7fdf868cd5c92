//! Which streams move within the reference itself, as by a daily cycle? Those are not followed.

use signal::Inference;

use super::streams::Stream;

/// Streams on trial.
#[derive(Clone, Debug)]
pub struct Trial {
    streams: Vec<Stream>,
    has_moved: Vec<bool>,
}

impl Trial {
    /// Of streams as they are before the first prediction.
    pub(super) fn new(streams: &[Stream]) -> Self {
        Self { streams: streams.to_vec(), has_moved: vec![false; streams.len()] }
    }

    /// Takes a prediction of the reference.
    pub fn row(&mut self, row: &Inference) {
        for (stream, has_moved) in self.streams.iter_mut().zip(&mut self.has_moved) {
            *has_moved |= stream.update(row).is_some();
        }
    }

    /// Leaves out the streams that moved, and says so.
    pub(super) fn settle(self, streams: &mut Vec<Stream>, notes: &mut Vec<String>) {
        let mut moved = self.has_moved.into_iter();
        streams.retain(|it| {
            let has_moved = moved.next().unwrap_or(false);
            if has_moved {
                let name = it.target.name();
                let what =
                    "moves within the reference, as by a daily cycle: it is compared on schedule and not followed";
                notes.push(format!("{name} ({}) {what}", it.reading));
            }
            !has_moved
        });
    }
}
