//! Who answers in a conversation? A live model and live tools, or the record of a conversation.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use signal::{Evidence, EvidenceSource, StepResult};

use super::Investigator;
use crate::{Ask, ToolCall, ToolError, Turn};

/// The other side of a conversation. All that is not computed from the case comes through here.
pub trait Partner: Send {
    /// True if the time is used up but for the answer.
    fn is_late(&mut self) -> bool;

    /// One turn of the model with what it cost in dollars, or why there is none.
    fn turn<'a>(&'a mut self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<(Turn, f64), String>>;

    /// The answers to calls, in their order.
    fn call<'a>(&'a mut self, calls: &'a [ToolCall]) -> BoxFuture<'a, Vec<Reply>>;

    /// Which of the pieces of evidence still hold.
    fn reread<'a>(&'a mut self, evidence: &'a [Evidence]) -> BoxFuture<'a, Vec<bool>>;
}

/// The answer of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What it says.
    pub text: String,
    /// What became of the call.
    pub outcome: StepResult,
    /// The facts, without ids.
    pub evidence: Vec<Evidence>,
}

/// A model and tools that answer now.
pub struct Live<'a> {
    with: &'a Investigator,
    begin: Instant,
    most: Duration,
}

impl<'a> Live<'a> {
    /// From `begin` on there is so much time.
    pub fn new(with: &'a Investigator, begin: Instant, most: Duration) -> Self {
        Self { with, begin, most }
    }

    fn remaining(&self) -> Duration {
        self.most.saturating_sub(self.begin.elapsed())
    }

    async fn one(&self, call: &ToolCall) -> Reply {
        let most = Duration::from_secs(self.with.limits.call_timeout_secs).min(self.remaining());
        let outcome = tokio::time::timeout(most, self.with.tools.call(&call.name, &call.arguments)).await;
        let failed = |text: String, outcome| Reply { text: self.with.tools.redact(&text), outcome, evidence: vec![] };
        match outcome {
            Ok(Ok(it)) => Reply { text: it.text, outcome: StepResult::Answered, evidence: it.evidence },
            Ok(Err(ToolError::Arguments(text))) => failed(text, StepResult::Rejected),
            Ok(Err(error)) => failed(format!("The tool cannot answer: {error}"), StepResult::Failed),
            Err(_) => failed("The tool did not answer in time; ask for less.".to_owned(), StepResult::TimedOut),
        }
    }

    async fn holds(&self, evidence: &Evidence) -> bool {
        match &evidence.source {
            EvidenceSource::Answer { tool, arguments, fact } => self.with.tools.still_says(tool, arguments, fact).await,
            _ => {
                let (reopen, evidence) = (std::sync::Arc::clone(&self.with.reopen), evidence.clone());
                tokio::task::spawn_blocking(move || reopen.holds(&evidence)).await.unwrap_or(false)
            }
        }
    }
}

/// Evidence is read again within this time, also when the budget is used up.
const REREAD: Duration = Duration::from_secs(15);

impl Partner for Live<'_> {
    fn is_late(&mut self) -> bool {
        // A fifth of the time is kept for the answer.
        self.begin.elapsed() >= self.most.mul_f64(0.8)
    }

    fn turn<'a>(&'a mut self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<(Turn, f64), String>> {
        Box::pin(async move {
            let mut ignore = |_: &str| {};
            match tokio::time::timeout(self.remaining(), self.with.model.turn(ask, &mut ignore)).await {
                Ok(Ok(turn)) => {
                    let dollars = self.with.model.cost(&turn.usage).unwrap_or(0.0);
                    // Read back from a transcript it must be the same number.
                    let dollars = (dollars * 1e9).round() / 1e9;
                    Ok((turn, dollars))
                }
                Ok(Err(error)) => Err(self.with.tools.redact(&error.to_string())),
                Err(_) => Err("the time was over before the model answered".to_owned()),
            }
        })
    }

    fn call<'a>(&'a mut self, calls: &'a [ToolCall]) -> BoxFuture<'a, Vec<Reply>> {
        let this = &*self;
        let most = this.with.limits.max_parallel_calls.max(1);
        let answers = calls.iter().map(move |it| this.one(it));
        Box::pin(futures_util::stream::iter(answers).buffered(most).collect())
    }

    fn reread<'a>(&'a mut self, evidence: &'a [Evidence]) -> BoxFuture<'a, Vec<bool>> {
        let this = &*self;
        let most = this.with.limits.max_parallel_calls.max(1);
        let one = move |it| async move { tokio::time::timeout(REREAD, this.holds(it)).await.unwrap_or(false) };
        Box::pin(futures_util::stream::iter(evidence.iter().map(one)).buffered(most).collect())
    }
}
