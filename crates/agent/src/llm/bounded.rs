//! How many requests go out at the same time? Few, in the order in which they came; too many that wait are refused.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use super::counters::{Counters, Outcome};
use crate::{Ask, Config, Model, ModelError, Turn, Usage};

/// Lets a bounded number of requests through.
pub struct Bounded {
    inner: Arc<dyn Model>,
    places: Semaphore,
    max_waiting: u64,
    counters: Arc<Counters>,
}

impl Bounded {
    /// Around a model.
    pub fn new(inner: Arc<dyn Model>, config: &Config, counters: Arc<Counters>) -> Self {
        let places = Semaphore::new(config.max_concurrent.min(Semaphore::MAX_PERMITS));
        Self { inner, places, max_waiting: config.max_waiting as u64, counters }
    }
}

impl Model for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn turn<'a>(
        &'a self,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(async move {
            let _place = match self.places.try_acquire() {
                Ok(place) => place,
                Err(_) if self.counters.n_waiting() >= self.max_waiting => {
                    self.counters.outcome(Outcome::Busy);
                    return Err(ModelError::Busy);
                }
                Err(_) => {
                    let _waiting = self.counters.wait();
                    // It is never closed.
                    self.places.acquire().await.map_err(|_| ModelError::Busy)?
                }
            };
            self.inner.turn(ask, on_text).await
        })
    }

    fn cost(&self, usage: &Usage) -> Option<f64> {
        self.inner.cost(usage)
    }
}
