//! When is a provider left alone? After failures in a row, until one request has shown that it is well again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::counters::{Counters, Outcome};
use super::layer::Layer;
use crate::{Ask, BreakerConfig, Model, ModelError, Turn};

/// Keeps requests from a provider that fails.
pub struct Breaker {
    config: BreakerConfig,
    state: Mutex<State>,
    counters: Arc<Counters>,
}

/// As metrics show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// All requests go through.
    Closed = 0,
    /// One request tries.
    HalfOpen = 1,
    /// No request goes through.
    Open = 2,
}

/// Closed, with the failures in a row; open until then; or open while one request tries.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing,
}

/// A request that was let through; dropped without a result it leaves the next one to try.
struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    has_ended: bool,
}

impl Breaker {
    /// As configured.
    pub fn new(config: BreakerConfig, counters: Arc<Counters>) -> Self {
        Self { config, state: Mutex::new(State::Closed { failures: 0 }), counters }
    }

    fn pass(&self) -> Result<Pass<'_>, ModelError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Closed { .. } => Ok(Pass { breaker: self, is_probe: false, has_ended: false }),
            // ## Open => Probing
            State::Open { until } if Instant::now() >= until => {
                *state = State::Probing;
                self.counters.breaker(BreakerState::HalfOpen);
                Ok(Pass { breaker: self, is_probe: true, has_ended: false })
            }
            State::Open { .. } | State::Probing => Err(ModelError::Open),
        }
    }

    fn ended(&self, is_probe: bool, has_failed: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match (*state, has_failed) {
            // ## Closed => Open, after enough failures in a row
            (State::Closed { failures }, true) if failures + 1 >= self.config.failures => self.open(),
            (State::Closed { failures }, true) => State::Closed { failures: failures + 1 },
            (State::Closed { .. }, false) => State::Closed { failures: 0 },
            // ## Probing => Open | Closed
            (State::Probing, true) if is_probe => self.open(),
            (State::Probing, false) if is_probe => {
                self.counters.breaker(BreakerState::Closed);
                State::Closed { failures: 0 }
            }
            // What was asked before says nothing about now.
            (other, _) => other,
        };
    }

    fn open(&self) -> State {
        self.counters.breaker(BreakerState::Open);
        State::Open { until: Instant::now() + Duration::from_secs(self.config.open_secs) }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe && !self.has_ended {
            // ## Probing => Open, and the next one tries at once
            let mut state = self.breaker.state.lock().unwrap_or_else(PoisonError::into_inner);
            self.breaker.counters.breaker(BreakerState::Open);
            *state = State::Open { until: Instant::now() };
        }
    }
}

/// A request that is wrong says nothing about the provider.
fn has_failed(answer: &Result<Turn, ModelError>) -> bool {
    !matches!(answer, Ok(_) | Err(ModelError::Rejected(_)))
}

impl Layer for Breaker {
    fn around<'a>(
        &'a self,
        inner: &'a dyn Model,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(async move {
            let mut pass = self.pass().inspect_err(|_| self.counters.outcome(Outcome::Open))?;
            let answer = inner.turn(ask, on_text).await;
            pass.has_ended = true;
            self.ended(pass.is_probe, has_failed(&answer));
            answer
        })
    }
}
