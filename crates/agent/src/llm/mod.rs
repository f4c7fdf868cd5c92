//! How is each provider spoken to, and what stands between it and us?
//!
//! Reading order: `wire` is what must be known of a provider, with one file for each; `framing`, `reading`, `problem` and
//! `schema` are the pure rest, `transport` and `provider` send. Around a provider stand, each a `layer`, from the outside:
//! `record`, `retried`, `capped` (with its `purse`), `bounded`, `breaker`, `measured`. `replay` stands in for all of it.

pub mod address;
mod anthropic;
mod bounded;
mod breaker;
mod capped;
mod counters;
mod dotenv;
mod framing;
mod gemini;
#[cfg(test)]
mod golden;
mod key;
mod layer;
#[cfg(test)]
mod layers;
mod measured;
mod ollama;
mod openai;
mod pause;
mod problem;
mod provider;
mod purse;
mod reading;
mod record;
mod replay;
mod retried;
mod schema;
mod transport;
mod wire;

use std::fs::OpenOptions;
use std::io::BufReader;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use signal::{Meter, Metric, SystemClock};

use self::bounded::Bounded;
use self::breaker::Breaker;
use self::capped::Capped;
use self::counters::Counters;
pub use self::key::Key;
use self::key::KeySource;
use self::layer::Layered;
use self::measured::Measured;
use self::provider::ProviderModel;
use self::purse::Purse;
use self::reading::Reading;
pub use self::record::Recorded;
pub use self::replay::Replay;
use self::retried::Retried;
use self::wire::{Wire, finish};
use crate::{Config, Model, ModelError, Provider, Turn};

/// The model that is configured, with all that guards it.
pub struct Llm {
    model: Arc<dyn Model>,
    counters: Arc<Counters>,
    purse: Arc<Purse>,
}

/// Why a configured model cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    /// The provider wants a key and there is none; the operator sets it.
    #[error("agent: {provider} wants a key; set {variable} in the environment or .env, or agent.key_file")]
    NoKey {
        /// Who.
        provider: &'static str,
        /// Where.
        variable: &'static str,
    },
    /// Others could read the key on its way.
    #[error(
        "agent.base_url: {0} is another machine without TLS, and would get the key; use https:// or set agent.insecure"
    )]
    KeyInTheOpen(String),
    /// The file with certificates is of no use.
    #[error("agent.ca_file: {}: {reason}", path.display())]
    CaFile {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file with the key cannot be read.
    #[error("{0}")]
    KeyFile(String),
    /// TLS cannot be set up.
    #[error("agent: cannot prepare requests: {0}")]
    Client(String),
    /// A recording cannot be opened.
    #[error("agent.{key}: {}: {reason}", path.display())]
    File {
        /// Of the configuration.
        key: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What was used of the caps is not known; the operator mends or removes the file.
    #[error("agent.caps: {}: {reason}; remove the file to begin at nothing", path.display())]
    Spending {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A recording is not one of ours.
    #[error("agent.replay_file: line {line}: {reason}")]
    Recording {
        /// From 1.
        line: usize,
        /// Why.
        reason: String,
    },
}

impl Llm {
    /// As configured; none without a provider. `variable` gives variables of the environment, where the key may be; if it
    /// is not there, `.env` in the working directory may have it.
    pub fn build(config: &Config, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, LlmError> {
        let Some(provider) = config.provider else { return Ok(None) };
        let counters = Arc::new(Counters::new(provider.as_str()));
        let purse = Arc::new(Purse::new(config.caps, Arc::new(SystemClock)));
        let Some(wire) = wire(provider) else {
            let replay = Arc::new(replay(config)?);
            let model = Arc::new(Layered::new(replay, Measured::new(Arc::clone(&counters))));
            return Ok(Some(Self { model, counters, purse }));
        };
        let key = key(provider, config, variable)?;
        let name = format!("{}/{}", provider.as_str(), config.model);
        let mut model: Arc<dyn Model> = Arc::new(ProviderModel::new(name, wire, config, key)?);
        model = Arc::new(Layered::new(model, Measured::new(Arc::clone(&counters))));
        model = Arc::new(Layered::new(model, Breaker::new(config.breaker, Arc::clone(&counters))));
        model = Arc::new(Layered::new(model, Bounded::new(config, Arc::clone(&counters))));
        let capped = Capped::new(Arc::clone(&purse), config.max_output_tokens, Arc::clone(&counters));
        model = Arc::new(Layered::new(model, capped));
        model = Arc::new(Layered::new(model, Retried::new(config.retry, Arc::clone(&counters), fastrand::f64)));
        if let Some(path) = &config.record_file {
            let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
            let file = opened.map_err(|error| file_error("record_file", path, &error))?;
            model = Arc::new(Layered::new(model, Recorded::new(Box::new(file), Arc::clone(&counters))));
        }
        Ok(Some(Self { model, counters, purse }))
    }

    /// Counts against the caps of day and month in a file, with what it has already.
    pub fn keep_spending_in(&self, path: &Path) -> Result<(), LlmError> {
        self.purse
            .keep_in(path)
            .map_err(|error| LlmError::Spending { path: path.to_owned(), reason: error.to_string() })
    }

    /// Who is asked.
    pub fn model(&self) -> Arc<dyn Model> {
        Arc::clone(&self.model)
    }
}

impl Meter for Llm {
    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = self.counters.metrics();
        metrics.extend(self.purse.metrics());
        metrics
    }
}

/// The turn of an answer whose bytes are there, in pieces; none but the fuzz targets reads one without a transport.
pub(crate) fn read_answer<'a>(
    provider: Provider,
    is_streamed: bool,
    key: Option<Key>,
    pieces: impl Iterator<Item = &'a [u8]>,
    on_text: &mut (dyn FnMut(&str) + Send),
) -> Result<Turn, ModelError> {
    let wire = wire(provider).ok_or(ModelError::Open)?;
    let mut reading = Reading::new(&*wire, is_streamed, key);
    for bytes in pieces {
        if reading.take(bytes, on_text)? {
            break;
        }
    }
    Ok(finish(reading.end(on_text)?, &[]))
}

fn wire(provider: Provider) -> Option<Box<dyn Wire>> {
    match provider {
        Provider::Gemini => Some(Box::new(gemini::Gemini)),
        Provider::OpenAi => Some(Box::new(openai::OpenAi)),
        Provider::Anthropic => Some(Box::new(anthropic::Anthropic)),
        Provider::Ollama => Some(Box::new(ollama::Ollama)),
        Provider::Replay => None,
    }
}

fn key(provider: Provider, config: &Config, variable: impl Fn(&str) -> Option<String>) -> Result<KeySource, LlmError> {
    let name = provider.key_variable().unwrap_or_default();
    let is_there = |it: &String| !it.trim().is_empty();
    let given =
        variable(name).filter(is_there).or_else(|| dotenv::variable(Path::new(dotenv::FILE), name).filter(is_there));
    let source = match (&config.key_file, given) {
        (Some(path), _) => KeySource::File(path.clone()),
        (None, Some(text)) => KeySource::Given(Key::new(&text)),
        (None, None) => KeySource::None,
    };
    source.read().map_err(LlmError::KeyFile)?;
    let has_key = source != KeySource::None;
    // Servers of one's own often want none.
    if !has_key && provider != Provider::Ollama && config.url() == provider.default_url() {
        return Err(LlmError::NoKey { provider: provider.as_str(), variable: name });
    }
    if has_key && !config.insecure && !address::is_private(config.url()) {
        return Err(LlmError::KeyInTheOpen(config.url().to_owned()));
    }
    Ok(source)
}

fn replay(config: &Config) -> Result<Replay, LlmError> {
    let path = config.replay_file.clone().unwrap_or_default();
    let file = std::fs::File::open(&path).map_err(|error| file_error("replay_file", &path, &error))?;
    Replay::read(BufReader::new(file), |model| config.prices.get(model).copied())
}

fn file_error(key: &'static str, path: &Path, error: &std::io::Error) -> LlmError {
    LlmError::File { key, path: path.to_owned(), reason: error.to_string() }
}
