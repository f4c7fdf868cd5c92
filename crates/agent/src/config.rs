//! Which model puts incidents into words, and how much may it use? The `agent` section of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Usage;
use crate::llm::address;
use crate::{CapsConfig, Limits, McpEndpointConfig, McpServerConfig};

/// A language model that puts diagnoses into words. Without a provider nothing of it runs and nothing leaves the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who has the model: `gemini`, `openai` (and servers with its API), `anthropic`, `ollama`, or `replay` for what was
    /// recorded. Default none: no model is asked.
    pub provider: Option<Provider>,
    /// Name of the model, as the provider calls it. Required with a provider.
    pub model: String,
    /// Where the provider is, as its own clients have it: for `openai` with `/v1`, for the others without a path. For
    /// example `http://127.0.0.1:8000/v1` for a vLLM of your own. Default the public address of the provider; for
    /// `ollama` `http://127.0.0.1:11434`.
    pub base_url: Option<String>,
    /// File that holds the key; it is read anew for each request. Default none: the environment or `.env` has it as
    /// `GEMINI_API_KEY`, `OPENAI_API_KEY` or `ANTHROPIC_API_KEY`.
    pub key_file: Option<PathBuf>,
    /// File with certificates of authorities (PEM) that the provider's certificate is checked against. Default none:
    /// those of the system.
    pub ca_file: Option<PathBuf>,
    /// True allows to send the key to another machine without TLS. Default false.
    pub insecure: bool,
    /// Take answers piece by piece. Default true; false is for servers whose streams are broken.
    pub stream: bool,
    /// How an answer in JSON is asked for. Default `schema`.
    pub answer_format: AnswerFormat,
    /// How freely the model chooses words, 0 to 2. Default none: as the provider has it; newer models take no other.
    pub temperature: Option<f64>,
    /// Tokens that `ollama` reads at most. Its own default is so small that it forgets the question without a word.
    /// Default 16384.
    pub context_tokens: u32,
    /// Tokens of one answer at most, with what the model thinks. Default 4096.
    pub max_output_tokens: u32,
    /// Further fields of the request's body, put over ours; null takes one of ours out. For example
    /// `{reasoning_effort: low}`. Default none.
    pub extra_body: Map<String, Value>,
    /// How long the first byte of a streamed answer may take, in seconds: models that think, and models that are loaded
    /// first, are silent till then. Default 120.
    pub first_byte_timeout_secs: u64,
    /// How long a whole answer may take, in seconds. Default 180.
    pub timeout_secs: u64,
    /// Size of an answer at most, in kilobytes. Default 4096.
    pub max_response_kilobytes: usize,
    /// Requests at the same time at most. Default 2.
    pub max_concurrent: usize,
    /// Requests that may wait for their turn; more are refused. Default 16.
    pub max_waiting: usize,
    /// What is done after a failed request.
    pub retry: RetryConfig,
    /// When a failing provider is left alone.
    pub breaker: BreakerConfig,
    /// What tokens cost, by the model's name. A model without a price is counted in tokens only. Default none.
    pub prices: BTreeMap<String, Price>,
    /// How much one investigation may use.
    pub budget: Budget,
    /// How much all requests may use in a day and in a month.
    pub caps: CapsConfig,
    /// How much it may ask of tools.
    pub limits: Limits,
    /// Servers of the Model Context Protocol whose tools it may call. Default none.
    pub mcp_servers: Vec<McpServerConfig>,
    /// Sentinel's own tools for other programs, at `/mcp`.
    pub mcp: McpEndpointConfig,
    /// File to which each request and its answer is added, as lines of JSON. It holds what the model was told. Default none.
    pub record_file: Option<PathBuf>,
    /// The recorded file that answers with `provider: replay`. Default none.
    pub replay_file: Option<PathBuf>,
}

/// Who has the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Google's Gemini API.
    Gemini,
    /// OpenAI's chat completions, and servers that have the same API (vLLM, llama.cpp, LM Studio, gateways).
    #[serde(rename = "openai")]
    OpenAi,
    /// Anthropic's messages API.
    Anthropic,
    /// Ollama.
    Ollama,
    /// Answers that were recorded; asks nobody.
    Replay,
}

/// How an answer in JSON is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFormat {
    /// The provider holds the model to the schema.
    #[default]
    Schema,
    /// The provider holds the model to some JSON, and the prompt has the schema. Not with `anthropic`.
    Json,
    /// Only the prompt asks for it: for servers that know neither.
    Prompt,
}

/// What is done after a failed request: again, after a pause that doubles and is cut by chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Tries of one request at most, the first one included. Default 4.
    pub max_tries: u32,
    /// The pause after the first try at most, in seconds. Default 1.
    pub first_pause_secs: f64,
    /// Any pause at most, in seconds; a provider that asks for a longer one is not asked again. Default 30.
    pub max_pause_secs: f64,
}

/// When a failing provider is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Failed tries in a row after which the provider is left alone. Default 6.
    pub failures: u32,
    /// For how long, in seconds; then one request tries whether it is well again. Default 60.
    pub open_secs: u64,
}

/// What a model's tokens cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars for a million tokens that it reads. Required.
    pub input_dollars_per_million: f64,
    /// US dollars for a million tokens that it writes or thinks. Required.
    pub output_dollars_per_million: f64,
}

/// How much one investigation may use; at its end the deterministic report stands as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Turns of the model at most. Default 12.
    pub max_steps: u32,
    /// Tokens at most, read and written. Default 200000.
    pub max_tokens: u64,
    /// US dollars at most; of no account for a model without a price. Default 1.
    pub max_dollars: f64,
    /// Time at most, in seconds. Default 180.
    pub max_secs: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            provider: None,
            model: String::new(),
            base_url: None,
            key_file: None,
            ca_file: None,
            insecure: false,
            stream: true,
            answer_format: AnswerFormat::default(),
            temperature: None,
            context_tokens: 16_384,
            max_output_tokens: 4096,
            extra_body: Map::new(),
            first_byte_timeout_secs: 120,
            timeout_secs: 180,
            max_response_kilobytes: 4096,
            max_concurrent: 2,
            max_waiting: 16,
            retry: RetryConfig::default(),
            breaker: BreakerConfig::default(),
            prices: BTreeMap::new(),
            budget: Budget::default(),
            caps: CapsConfig::default(),
            limits: Limits::default(),
            mcp_servers: vec![],
            mcp: McpEndpointConfig::default(),
            record_file: None,
            replay_file: None,
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { max_tries: 4, first_pause_secs: 1.0, max_pause_secs: 30.0 }
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 6, open_secs: 60 }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { max_steps: 12, max_tokens: 200_000, max_dollars: 1.0, max_secs: 180 }
    }
}

impl Provider {
    /// As in the configuration, in metrics and in transcripts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::Replay => "replay",
        }
    }

    /// The variable of the environment that has the key.
    pub const fn key_variable(self) -> Option<&'static str> {
        match self {
            Self::Gemini => Some("GEMINI_API_KEY"),
            Self::OpenAi => Some("OPENAI_API_KEY"),
            Self::Anthropic => Some("ANTHROPIC_API_KEY"),
            Self::Ollama => Some("OLLAMA_API_KEY"),
            Self::Replay => None,
        }
    }

    /// The provider's public address.
    pub const fn default_url(self) -> &'static str {
        match self {
            Self::Gemini => "https://generativelanguage.googleapis.com",
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
            Self::Ollama => "http://127.0.0.1:11434",
            Self::Replay => "",
        }
    }
}

impl Price {
    /// US dollars for these tokens. Discounts for cached tokens are not known here: it is what they cost at most.
    pub fn of(&self, usage: &Usage) -> f64 {
        let read = usage.input_tokens as f64 * self.input_dollars_per_million;
        (read + usage.output_tokens as f64 * self.output_dollars_per_million) / 1e6
    }
}

impl Config {
    /// All problems, each naming its key; empty if there is none.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        problems.extend(self.problems_of_provider());
        problems.extend(self.problems_of_numbers());
        problems.extend(self.caps.validate().into_iter().map(|it| format!("agent.caps.{it}")));
        problems.extend(self.limits.validate().into_iter().map(|it| format!("agent.limits.{it}")));
        problems.extend(self.mcp.validate().into_iter().map(|it| format!("agent.mcp.{it}")));
        for (idx, server) in self.mcp_servers.iter().enumerate() {
            problems.extend(server.validate().into_iter().map(|it| format!("agent.mcp_servers[{idx}].{it}")));
            if self.mcp_servers.iter().take(idx).any(|it| it.name == server.name) {
                problems.push(format!("agent.mcp_servers[{idx}].name: {:?} is there twice", server.name));
            }
        }
        for (model, price) in &self.prices {
            let is_price = |it: f64| it.is_finite() && it >= 0.0;
            if !is_price(price.input_dollars_per_million) || !is_price(price.output_dollars_per_million) {
                problems.push(format!("agent.prices.{model}: prices must be 0 or more"));
            }
        }
        problems
    }

    /// Where requests go, without a slash at the end.
    pub fn url(&self) -> &str {
        let default = self.provider.map_or("", Provider::default_url);
        self.base_url.as_deref().unwrap_or(default).trim_end_matches('/')
    }

    fn problems_of_provider(&self) -> Vec<String> {
        let Some(provider) = self.provider else {
            let settings = [("model", !self.model.is_empty()), ("base_url", self.base_url.is_some())];
            let set = settings.iter().filter(|it| it.1);
            return set.map(|it| format!("agent.{}: is set without agent.provider", it.0)).collect();
        };
        let mut problems = vec![];
        if provider == Provider::Replay {
            if self.replay_file.is_none() {
                problems.push("agent.replay_file: name the recorded file that is to answer".to_owned());
            }
            return problems;
        }
        if self.model.trim().is_empty() {
            problems.push(format!("agent.model: name the model that {} is to answer with", provider.as_str()));
        } else if provider == Provider::Gemini && !address::is_path_segment(&self.model) {
            problems.push(format!("agent.model: {:?} has characters that no model of gemini has", self.model));
        }
        problems.extend(address::problem(self.url()).map(|it| format!("agent.base_url: {it}")));
        if self.answer_format == AnswerFormat::Json && provider == Provider::Anthropic {
            problems.push("agent.answer_format: anthropic knows schema and prompt".to_owned());
        }
        problems
    }

    fn problems_of_numbers(&self) -> Vec<String> {
        let (retry, budget) = (&self.retry, &self.budget);
        let positive = [
            ("context_tokens", self.context_tokens > 0),
            ("max_output_tokens", self.max_output_tokens > 0),
            ("first_byte_timeout_secs", self.first_byte_timeout_secs > 0),
            ("timeout_secs", self.timeout_secs > 0),
            ("max_response_kilobytes", self.max_response_kilobytes > 0),
            ("max_concurrent", self.max_concurrent > 0),
            ("retry.max_tries", retry.max_tries > 0),
            ("breaker.failures", self.breaker.failures > 0),
            ("breaker.open_secs", self.breaker.open_secs > 0),
            ("budget.max_steps", budget.max_steps > 0),
            ("budget.max_tokens", budget.max_tokens > 0),
            ("budget.max_secs", budget.max_secs > 0),
        ];
        let too_small = positive.iter().filter(|it| !it.1).map(|it| format!("agent.{}: must be at least 1", it.0));
        let mut problems: Vec<String> = too_small.collect();
        let is_time = |it: f64| it.is_finite() && (0.0..=86_400.0).contains(&it);
        for (key, secs) in [("first_pause_secs", retry.first_pause_secs), ("max_pause_secs", retry.max_pause_secs)] {
            if !is_time(secs) {
                problems.push(format!("agent.retry.{key}: must lie between 0 and 86400"));
            }
        }
        if retry.first_pause_secs > retry.max_pause_secs {
            problems.push("agent.retry.first_pause_secs: is longer than max_pause_secs".to_owned());
        }
        if self.first_byte_timeout_secs > self.timeout_secs {
            problems.push("agent.first_byte_timeout_secs: is longer than timeout_secs".to_owned());
        }
        if !(budget.max_dollars.is_finite() && budget.max_dollars > 0.0) {
            problems.push("agent.budget.max_dollars: must be more than 0".to_owned());
        }
        if self.temperature.is_some_and(|it| !(0.0..=2.0).contains(&it)) {
            problems.push("agent.temperature: must lie between 0 and 2".to_owned());
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(json: &str) -> String {
        match serde_json::from_str::<Config>(json) {
            Ok(config) => config.validate().join("\n"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn nothing_configured_asks_nobody_and_is_valid() {
        assert_eq!((Config::default().provider, Config::default().validate()), (None, vec![]));
    }

    #[test]
    fn a_provider_and_a_model_are_enough() {
        for provider in ["gemini", "openai", "anthropic", "ollama"] {
            assert_eq!(problems(&format!(r#"{{"provider":"{provider}","model":"m-1.5"}}"#)), "");
        }
    }

    /// Guarantees: MUST 693 of docs/specs/llm.md.
    #[test]
    fn every_problem_names_its_key() {
        let found = problems(
            r#"{"provider":"gemini","model":"../x","base_url":"ftp://u:p@h/?key=1","max_concurrent":0,
                "first_byte_timeout_secs":200,"temperature":3,"retry":{"first_pause_secs":40},
                "prices":{"x":{"input_dollars_per_million":-1,"output_dollars_per_million":1}},
                "budget":{"max_dollars":0}}"#,
        );
        expect_test::expect![[r#"
            agent.model: "../x" has characters that no model of gemini has
            agent.base_url: must begin with http:// or https://
            agent.max_concurrent: must be at least 1
            agent.retry.first_pause_secs: is longer than max_pause_secs
            agent.first_byte_timeout_secs: is longer than timeout_secs
            agent.budget.max_dollars: must be more than 0
            agent.temperature: must lie between 0 and 2
            agent.prices.x: prices must be 0 or more"#]]
        .assert_eq(&found);
        let check = |json: &str, says: &str| assert_eq!(problems(json), says);
        check(r#"{"provider":"openai"}"#, "agent.model: name the model that openai is to answer with");
        check(r#"{"model":"m"}"#, "agent.model: is set without agent.provider");
        check(r#"{"provider":"replay"}"#, "agent.replay_file: name the recorded file that is to answer");
        check(
            r#"{"provider":"anthropic","model":"m","answer_format":"json"}"#,
            "agent.answer_format: anthropic knows schema and prompt",
        );
        check(
            r#"{"provider":"openai","model":"m","base_url":"https://u:secret@h/v1"}"#,
            "agent.base_url: must not hold a user or password",
        );
        check(
            r#"{"provider":"openai","model":"m","base_url":"https://h/v1?api-version=1"}"#,
            "agent.base_url: must end with its path, without ? and #",
        );
        assert!(problems(r#"{"provider":"open_ai"}"#).contains("unknown variant"));
        assert!(problems(r#"{"api_key":"x"}"#).contains("unknown field `api_key`"));
    }
}
