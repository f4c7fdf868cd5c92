//! What does each try take and cost? Counted also when nobody waits for its end.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::counters::{Counters, Outcome};
use super::layer::Layer;
use crate::{Ask, Model, ModelError, Turn};

/// Counts what a model does.
pub struct Measured {
    counters: Arc<Counters>,
}

/// Counts a try as cancelled, unless it has ended.
struct Try<'a> {
    counters: &'a Counters,
    has_ended: bool,
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.counters.outcome(Outcome::Cancelled);
        }
    }
}

impl Measured {
    /// As configured.
    pub fn new(counters: Arc<Counters>) -> Self {
        Self { counters }
    }
}

impl Layer for Measured {
    fn around<'a>(
        &'a self,
        inner: &'a dyn Model,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(async move {
            let started = Instant::now();
            let _sent = self.counters.send();
            let mut one = Try { counters: &self.counters, has_ended: false };
            let answer = inner.turn(ask, on_text).await;
            one.has_ended = true;
            let cost = answer.as_ref().ok().and_then(|it| inner.cost(&it.usage));
            self.counters.answer(&answer, cost, started.elapsed());
            answer
        })
    }
}
