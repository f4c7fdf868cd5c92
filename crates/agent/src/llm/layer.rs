//! What stands between whoever asks and a model? Layers: each does one thing around a turn, the rest goes through.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::{Ask, Model, ModelError, Turn, Usage};

/// Does something around the turns of a model.
pub trait Layer: Send + Sync {
    /// One turn, if this layer lets it through.
    fn around<'a>(
        &'a self,
        inner: &'a dyn Model,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>>;
}

/// A model behind a layer.
pub struct Layered<L> {
    inner: Arc<dyn Model>,
    layer: L,
}

impl<L: Layer> Layered<L> {
    /// Puts a layer around a model.
    pub fn new(inner: Arc<dyn Model>, layer: L) -> Self {
        Self { inner, layer }
    }
}

impl<L: Layer> Model for Layered<L> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn turn<'a>(
        &'a self,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        self.layer.around(&*self.inner, ask, on_text)
    }

    fn cost(&self, usage: &Usage) -> Option<f64> {
        self.inner.cost(usage)
    }
}
