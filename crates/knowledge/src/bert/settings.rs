//! How is a model built, and how are its states made one vector? What the JSON files of its folder say.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// Longer texts are cut where the model's folder does not say where.
const USUAL_TOKENS: usize = 256;

/// How states of tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// That of the first token.
    First,
}

/// What must be known to run a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Numbers of a state.
    pub size: usize,
    /// Layers.
    pub n_layers: usize,
    /// Heads of attention.
    pub n_heads: usize,
    /// Added to variances.
    pub epsilon: f32,
    /// Tokens at most, the marks at both ends included.
    pub max_tokens: usize,
    /// Letters lose case and accents.
    pub is_lower_case: bool,
    /// How states become one vector.
    pub pooling: Pooling,
}

#[derive(Deserialize)]
struct ModelConfig {
    #[serde(default)]
    model_type: String,
    #[serde(default)]
    hidden_act: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    #[serde(default = "usual_epsilon")]
    layer_norm_eps: f32,
    max_position_embeddings: usize,
}

fn usual_epsilon() -> f32 {
    1e-12
}

#[derive(Default, Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
}

#[derive(Default, Deserialize)]
struct TokenizerConfig {
    do_lower_case: Option<bool>,
}

#[derive(Default, Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
}

impl Settings {
    /// Reads them.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("config.json");
        let bad = |problem: String| Error::Bad { path: path.clone(), problem };
        let config: ModelConfig = json(&path)?.ok_or_else(|| bad("it is not there".to_owned()))?;
        if config.model_type != "bert" || !matches!(config.hidden_act.as_str(), "gelu" | "") {
            let found = (&config.model_type, &config.hidden_act);
            return Err(bad(format!("only models of type `bert` with `gelu` can be run here, this one is {found:?}")));
        }
        if config.num_attention_heads == 0 || !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return Err(bad("num_attention_heads does not divide hidden_size".to_owned()));
        }
        let sentence: SentenceConfig = json(&folder.join("sentence_bert_config.json"))?.unwrap_or_default();
        let tokenizer: TokenizerConfig = json(&folder.join("tokenizer_config.json"))?.unwrap_or_default();
        let pooling: PoolingConfig = json(&folder.join("1_Pooling/config.json"))?.unwrap_or_default();
        if pooling.pooling_mode_max_tokens {
            return Err(bad("1_Pooling: only the mean of tokens or the first token can be taken".to_owned()));
        }
        let max_tokens = sentence.max_seq_length.unwrap_or(USUAL_TOKENS).min(config.max_position_embeddings);
        Ok(Self {
            size: config.hidden_size,
            n_layers: config.num_hidden_layers,
            n_heads: config.num_attention_heads,
            epsilon: config.layer_norm_eps,
            max_tokens: max_tokens.max(3),
            is_lower_case: tokenizer.do_lower_case.unwrap_or(true),
            pooling: if pooling.pooling_mode_cls_token { Pooling::First } else { Pooling::Mean },
        })
    }
}

/// A JSON file; None if it is not there.
pub fn json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
    };
    let bad = |error: serde_json::Error| Error::Bad { path: path.to_owned(), problem: error.to_string() };
    serde_json::from_slice(&bytes).map(Some).map_err(bad)
}
