//! May this request still be paid for? If not it is not sent, and whoever asks learns which cap it is.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::counters::{Counters, Outcome};
use super::layer::Layer;
use super::purse::{Purse, Used};
use crate::{Ask, Model, ModelError, Turn, Usage};

/// Bytes of a token, where a provider does not count.
const BYTES_PER_TOKEN: u64 = 4;

/// Lets requests through while the caps of day and month are not used up.
pub struct Capped {
    purse: Arc<Purse>,
    /// Tokens of an answer at most, as configured.
    max_output: u32,
    counters: Arc<Counters>,
}

impl Capped {
    /// As configured.
    pub fn new(purse: Arc<Purse>, max_output: u32, counters: Arc<Counters>) -> Self {
        Self { purse, max_output, counters }
    }
}

fn used(inner: &dyn Model, usage: &Usage) -> Used {
    Used { tokens: usage.input_tokens + usage.output_tokens, dollars: inner.cost(usage).unwrap_or(0.0) }
}

fn tokens_of(bytes: usize) -> u64 {
    bytes as u64 / BYTES_PER_TOKEN
}

impl Layer for Capped {
    fn around<'a>(
        &'a self,
        inner: &'a dyn Model,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(async move {
            let input_tokens = tokens_of(serde_json::to_string(ask).map_or(0, |it| it.len()));
            let output_tokens = u64::from(self.max_output.min(ask.max_output_tokens));
            let sent = used(inner, &Usage { input_tokens, output_tokens: 0 });
            let most = used(inner, &Usage { input_tokens, output_tokens });
            let reserved = self.purse.reserve(most, sent).map_err(|text| {
                self.counters.outcome(Outcome::Capped);
                ModelError::Capped(text)
            })?;
            let answer = inner.turn(ask, on_text).await;
            match &answer {
                Ok(turn) => reserved.used(used(inner, &counted(turn, input_tokens))),
                // Late, broken and cut answers are paid as what was sent; who did not take the request wants nothing.
                Err(ModelError::TimedOut(_) | ModelError::Malformed(_)) => drop(reserved),
                Err(_) => reserved.used(Used::default()),
            }
            answer
        })
    }
}

/// As the provider counts, or by the bytes where it does not.
fn counted(turn: &Turn, sent: u64) -> Usage {
    let said = || tokens_of(serde_json::to_string(turn).map_or(0, |it| it.len()));
    let or = |counted: u64, estimate: u64| if counted > 0 { counted } else { estimate };
    Usage { input_tokens: or(turn.usage.input_tokens, sent), output_tokens: or(turn.usage.output_tokens, said()) }
}
