//! What does each try take and cost? Counted also when nobody waits for its end.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::counters::{Counters, Outcome};
use crate::{Ask, Model, ModelError, Turn, Usage};

/// Counts what a model does.
pub struct Measured {
    inner: Arc<dyn Model>,
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
    /// Around a model.
    pub fn new(inner: Arc<dyn Model>, counters: Arc<Counters>) -> Self {
        Self { inner, counters }
    }
}

impl Model for Measured {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn turn<'a>(
        &'a self,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(async move {
            let started = Instant::now();
            let _sent = self.counters.send();
            let mut one = Try { counters: &self.counters, has_ended: false };
            let answer = self.inner.turn(ask, on_text).await;
            one.has_ended = true;
            let cost = answer.as_ref().ok().and_then(|it| self.inner.cost(&it.usage));
            self.counters.answer(&answer, cost, started.elapsed());
            answer
        })
    }

    fn cost(&self, usage: &Usage) -> Option<f64> {
        self.inner.cost(usage)
    }
}
