//! When is a request tried again? When the provider was busy, failed or was late, and a pause may help.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::counters::Counters;
use super::layer::Layer;
use super::pause;
use crate::{Ask, Model, ModelError, RetryConfig, Turn};

/// Tries again what may succeed later.
pub struct Retried {
    config: RetryConfig,
    counters: Arc<Counters>,
    chance: fn() -> f64,
}

impl Retried {
    /// `chance` gives numbers from 0 to 1.
    pub fn new(config: RetryConfig, counters: Arc<Counters>, chance: fn() -> f64) -> Self {
        Self { config, counters, chance }
    }

    /// How long to wait after this many tries; none if it is not tried again.
    fn pause(&self, error: &ModelError, tries: u32) -> Option<Duration> {
        if tries >= self.config.max_tries {
            return None;
        }
        let own = pause::after(tries, &self.config, (self.chance)());
        match error {
            // Sooner than it says makes it worse; much later helps nobody.
            ModelError::RateLimited { retry_after: Some(wanted) } => {
                let is_too_long = wanted.as_secs_f64() > self.config.max_pause_secs;
                (!is_too_long).then_some(own.max(*wanted))
            }
            ModelError::RateLimited { retry_after: None } | ModelError::Unavailable(_) | ModelError::TimedOut(_) => {
                Some(own)
            }
            ModelError::Unauthorized
            | ModelError::Rejected(_)
            | ModelError::Malformed(_)
            | ModelError::Open
            | ModelError::Busy
            | ModelError::Capped(_) => None,
        }
    }
}

impl Layer for Retried {
    fn around<'a>(
        &'a self,
        inner: &'a dyn Model,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(async move {
            let (mut has_told, mut tries) = (false, 0);
            loop {
                tries += 1;
                // Once text of a try was told, that of another one would be told after it as if it went on.
                let mut is_telling = false;
                let mut tell = |piece: &str| {
                    if !has_told {
                        is_telling = true;
                        on_text(piece);
                    }
                };
                let answer = inner.turn(ask, &mut tell).await;
                has_told |= is_telling;
                let pause = answer.as_ref().err().and_then(|it| self.pause(it, tries));
                let Some(pause) = pause else { return answer };
                self.counters.retry();
                tokio::time::sleep(pause).await;
            }
        })
    }
}
