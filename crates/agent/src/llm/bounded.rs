//! How many requests go out at the same time? Few, in the order in which they came; too many that wait are refused.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use super::counters::{Counters, Outcome};
use super::layer::Layer;
use crate::{Ask, Config, Model, ModelError, Turn};

/// Lets a bounded number of requests through.
pub struct Bounded {
    places: Semaphore,
    max_waiting: u64,
    counters: Arc<Counters>,
}

impl Bounded {
    /// As configured.
    pub fn new(config: &Config, counters: Arc<Counters>) -> Self {
        let places = Semaphore::new(config.max_concurrent.min(Semaphore::MAX_PERMITS));
        Self { places, max_waiting: config.max_waiting as u64, counters }
    }
}

impl Layer for Bounded {
    fn around<'a>(
        &'a self,
        inner: &'a dyn Model,
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
            inner.turn(ask, on_text).await
        })
    }
}
