//! How does a provider become a model? Its wire over HTTP, one request for one turn.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::framing::Framing;
use super::key::KeySource;
use super::reading::Reading;
use super::transport::{Request, Transport};
use super::wire::{Settings, Wire, finish, overlay};
use crate::{Ask, Config, LlmError, Model, ModelError, Price, Turn, Usage};

/// One provider's model.
pub struct ProviderModel {
    name: String,
    wire: Box<dyn Wire>,
    settings: Settings,
    extra_body: Map<String, Value>,
    key: KeySource,
    price: Option<Price>,
    transport: Transport,
}

impl ProviderModel {
    /// As configured.
    pub fn new(name: String, wire: Box<dyn Wire>, config: &Config, key: KeySource) -> Result<Self, LlmError> {
        let settings = Settings {
            model: config.model.clone(),
            stream: config.stream,
            answer_format: config.answer_format,
            temperature: config.temperature,
            context_tokens: config.context_tokens,
            is_public: config.provider.is_some_and(|it| config.url() == it.default_url()),
        };
        Ok(Self {
            name,
            wire,
            settings,
            extra_body: config.extra_body.clone(),
            key,
            price: config.prices.get(&config.model).copied(),
            transport: Transport::new(config)?,
        })
    }

    fn body(&self, ask: &Ask<'_>) -> Vec<u8> {
        let mut body = self.wire.request(ask, &self.settings);
        if let Value::Object(fields) = &mut body {
            overlay(fields, &self.extra_body);
        }
        body.to_string().into_bytes()
    }

    async fn ask(&self, ask: &Ask<'_>, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<Turn, ModelError> {
        let key = self.key.read().map_err(ModelError::Unavailable)?;
        let path = self.wire.path(&self.settings);
        let key_header = key.as_ref().map(|it| self.wire.key_header(it.expose()));
        let request = Request { path: &path, headers: self.wire.headers(), key_header, body: self.body(ask) };
        let mut answer = self.transport.post(request, key.as_ref()).await?;
        // A server may answer in one piece, whatever it was asked for.
        let is_streamed = self.settings.stream && (self.wire.framing() == Framing::Lines || !answer.is_whole());
        let mut reading = Reading::new(&*self.wire, is_streamed, key);
        while let Some(bytes) = answer.next().await? {
            if reading.take(&bytes, on_text)? {
                break;
            }
        }
        let draft = reading.end(on_text)?;
        answer.finish().await;
        Ok(finish(draft, ask.messages))
    }
}

impl Model for ProviderModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn turn<'a>(
        &'a self,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(self.ask(ask, on_text))
    }

    fn cost(&self, usage: &Usage) -> Option<f64> {
        self.price.map(|it| it.of(usage))
    }
}
