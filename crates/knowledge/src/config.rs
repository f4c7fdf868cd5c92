//! What may the operator choose about knowledge?

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Runbooks, past incidents and how they are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder with runbooks: Markdown files (`.md`), also in folders below. Default: none.
    pub runbooks: Option<PathBuf>,
    /// File with the SHA-256 of each runbook that was approved, as `sentinel knowledge pin` writes it.
    /// Default: `.sentinel-pins.json` in the folder of runbooks.
    pub pins: Option<PathBuf>,
    /// Runbooks that are changed since they were pinned, or were never pinned, are not shown at all. Default: false (they
    /// are shown with a warning).
    pub only_pinned: bool,
    /// Seconds after which runbooks, incidents and templates are looked at again. Default: 15.
    pub reread_secs: u64,
    /// Most documents (sections of runbooks, incidents, templates) that are kept in memory. Default: 10000.
    pub max_documents: usize,
    /// Most past incidents that are kept, the newest. Default: 2000.
    pub max_incidents: usize,
    /// What makes vectors of texts. Default: built in.
    pub embeddings: EmbeddingsConfig,
}

/// What makes vectors of texts: a model in a folder, else an API, else what is built in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingsConfig {
    /// Folder of a sentence-embedding model of the BERT family, such as all-MiniLM-L6-v2: `config.json`, `vocab.txt` or
    /// `tokenizer.json`, and `model.safetensors`. Default: none.
    pub model: Option<PathBuf>,
    /// Which API is asked. Default: `openai`.
    pub api: EmbeddingApi,
    /// Address of the API, for example `http://127.0.0.1:11434` (Ollama) or `https://api.openai.com`; texts of logs and
    /// runbooks are sent there. Default: none, no API is asked.
    pub url: Option<String>,
    /// Name of the model that the API is asked for. Default: `nomic-embed-text`.
    pub api_model: String,
    /// Key of the API. Default: none.
    pub key: Option<String>,
    /// File that holds the key of the API. Default: none.
    pub key_file: Option<PathBuf>,
    /// Milliseconds after which the API is given up and the built-in vectors are used. Default: 3000.
    pub timeout_ms: u64,
    /// Texts in one call of the API. Default: 32.
    pub batch: usize,
}

/// The form of an API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingApi {
    /// `POST /v1/embeddings`, as OpenAI and many others have it.
    #[default]
    Openai,
    /// `POST /api/embed` of Ollama.
    Ollama,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            runbooks: None,
            pins: None,
            only_pinned: false,
            reread_secs: 15,
            max_documents: 10_000,
            max_incidents: 2_000,
            embeddings: EmbeddingsConfig::default(),
        }
    }
}

impl Default for EmbeddingsConfig {
    fn default() -> Self {
        Self {
            model: None,
            api: EmbeddingApi::default(),
            url: None,
            api_model: "nomic-embed-text".to_owned(),
            key: None,
            key_file: None,
            timeout_ms: 3_000,
            batch: 32,
        }
    }
}

impl Config {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if let Some(folder) = self.runbooks.as_ref().filter(|it| !it.is_dir()) {
            problems.push(format!("runbooks: {} is not a folder", folder.display()));
        }
        if self.pins.is_some() && self.runbooks.is_none() {
            problems.push("pins: there are no `runbooks` to pin".to_owned());
        }
        let numbers = [
            ("reread_secs", self.reread_secs, 1, 86_400),
            ("max_documents", self.max_documents as u64, 10, 1_000_000),
            ("max_incidents", self.max_incidents as u64, 0, 1_000_000),
            ("embeddings.timeout_ms", self.embeddings.timeout_ms, 50, 120_000),
            ("embeddings.batch", self.embeddings.batch as u64, 1, 1_000),
        ];
        for (key, value, least, most) in numbers {
            if !(least..=most).contains(&value) {
                problems.push(format!("{key}: {value} is not in {least}..{most}"));
            }
        }
        problems.extend(self.embeddings.problems());
        problems
    }

    /// Where the pins are.
    pub fn pin_file(&self) -> Option<PathBuf> {
        self.pins.clone().or_else(|| self.runbooks.as_ref().map(|it| it.join(crate::runbook::PIN_FILE)))
    }
}

impl EmbeddingsConfig {
    fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        if let Some(folder) = self.model.as_ref().filter(|it| !it.join("config.json").is_file()) {
            problems.push(format!(
                "embeddings.model: {} has no config.json; give the folder of a sentence-embedding model",
                folder.display()
            ));
        }
        if let Some(url) = self.url.as_ref().filter(|it| !it.starts_with("http://") && !it.starts_with("https://")) {
            problems.push(format!("embeddings.url: {url:?} does not begin with http:// or https://"));
        }
        if self.key.is_some() && self.key_file.is_some() {
            problems.push("embeddings.key_file: there is a `key` already".to_owned());
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_named() {
        let config = Config {
            runbooks: Some("nowhere".into()),
            reread_secs: 0,
            embeddings: EmbeddingsConfig {
                model: Some("nowhere".into()),
                url: Some("ftp://x".to_owned()),
                ..EmbeddingsConfig::default()
            },
            ..Config::default()
        };
        let problems = config.validate();
        let keys: Vec<&str> = problems.iter().filter_map(|it| it.split(':').next()).collect();
        assert_eq!(keys, ["runbooks", "reread_secs", "embeddings.model", "embeddings.url"]);
        assert!(Config::default().validate().is_empty());
    }
}
