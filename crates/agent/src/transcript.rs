//! What was said? One conversation as JSON lines, complete enough to be held again with the same bytes as result.

use std::collections::VecDeque;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use signal::{Evidence, Investigation};

use crate::investigate::{Case, Partner, Reply, converse};
use crate::{Ask, Budget, Frames, Limits, Message, ToolCall, ToolSpec, Turn};

/// The form of the lines.
const VERSION: u32 = 1;

/// Why a transcript cannot be held again.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// A line is not what this version writes; the file was changed or is of another version.
    #[error("line {line} of the transcript cannot be read")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// It does not begin as a transcript does, or it is of another version.
    #[error("the transcript does not begin as one of version {VERSION} does")]
    Beginning,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// What it is about, and with what.
    Begin(Box<Beginning>),
    /// A turn of the model.
    Turn {
        /// The time was used up.
        is_late: bool,
        /// It was asked for its answer, without tools.
        is_last: bool,
        /// What it said and what that cost in dollars, or why there is nothing.
        outcome: Result<(Turn, f64), String>,
    },
    /// The answers of tools to the calls of the turn that were made.
    Replies(Vec<Reply>),
    /// Which of the cited pieces of evidence still held.
    Reread(Vec<bool>),
    /// What came of it.
    End(Investigation),
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beginning {
    version: u32,
    model: String,
    case: Case,
    boundary: String,
    budget: Budget,
    limits: Limits,
    tools: Vec<ToolSpec>,
    system: String,
    messages: Vec<Message>,
}

/// Collects the lines of one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    text: String,
}

impl Transcript {
    /// The lines so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    // The record of all that a conversation begins with.
    #[expect(clippy::too_many_arguments, reason = "it is the list of what a conversation is made of")]
    pub(crate) fn begin(
        &mut self,
        case: &Case,
        model: &str,
        tools: &[ToolSpec],
        (budget, limits): (&Budget, &Limits),
        frames: &Frames,
        system: &str,
        messages: &[Message],
    ) {
        self.add(&Entry::Begin(Box::new(Beginning {
            version: VERSION,
            model: model.to_owned(),
            case: case.clone(),
            boundary: frames.boundary().to_owned(),
            budget: *budget,
            limits: *limits,
            tools: tools.to_vec(),
            system: system.to_owned(),
            messages: messages.to_vec(),
        })));
    }

    pub(crate) fn add(&mut self, entry: &Entry) {
        match serde_json::to_string(entry) {
            Ok(line) => self.text.push_str(&line),
            // Nothing in an entry has keys that are no text, so this is never seen.
            Err(error) => tracing::error!(%error, "A line of a transcript cannot be written."),
        }
        self.text.push('\n');
    }
}

/// Holds a recorded conversation again: model and tools answer as they did. The transcript of it has the same bytes, as
/// long as this program asks and checks as the one that recorded it.
pub async fn replay(text: &str) -> Result<(Investigation, Transcript), TranscriptError> {
    let read =
        |(idx, line)| serde_json::from_str(line).map_err(|source| TranscriptError::Line { line: idx + 1, source });
    let mut entries: VecDeque<Entry> = text.lines().enumerate().map(read).collect::<Result<_, _>>()?;
    let Some(Entry::Begin(begin)) = entries.pop_front() else { return Err(TranscriptError::Beginning) };
    if begin.version != VERSION {
        return Err(TranscriptError::Beginning);
    }
    let frames = Frames::recorded(&begin.boundary);
    let mut transcript = Transcript::default();
    let mut partner = Recorded { entries };
    let investigation = converse(
        &begin.case,
        &begin.model,
        &begin.tools,
        (&begin.budget, &begin.limits),
        &frames,
        &mut partner,
        &mut transcript,
    )
    .await;
    Ok((investigation, transcript))
}

/// Answers as it stands in a transcript; where it ends, the model fails.
struct Recorded {
    entries: VecDeque<Entry>,
}

impl Partner for Recorded {
    fn is_late(&mut self) -> bool {
        matches!(self.entries.front(), Some(Entry::Turn { is_late: true, .. }))
    }

    fn turn<'a>(&'a mut self, _: &'a Ask<'a>) -> BoxFuture<'a, Result<(Turn, f64), String>> {
        let outcome = match self.entries.pop_front() {
            Some(Entry::Turn { outcome, .. }) => outcome,
            _ => Err("the transcript has no further turn".to_owned()),
        };
        Box::pin(async move { outcome })
    }

    fn call<'a>(&'a mut self, _: &'a [ToolCall]) -> BoxFuture<'a, Vec<Reply>> {
        let replies = match self.entries.pop_front() {
            Some(Entry::Replies(it)) => it,
            _ => vec![],
        };
        Box::pin(async move { replies })
    }

    fn reread<'a>(&'a mut self, _: &'a [Evidence]) -> BoxFuture<'a, Vec<bool>> {
        let holds = match self.entries.pop_front() {
            Some(Entry::Reread(it)) => it,
            _ => vec![],
        };
        Box::pin(async move { holds })
    }
}
