//! What vector does a sentence-embedding model of the BERT family give a text? Read from its folder and computed here, in
//! plain Rust: words to numbers (`tokenizer`), weights (`safetensors`), layers (`layers`) of products (`matrix`).
//!
//! Source: Devlin et al.: BERT (2019); Reimers, Gurevych: Sentence-BERT (2019).

mod layers;
mod matrix;
mod safetensors;
mod settings;
mod tokenizer;

use std::path::Path;

use crate::Error;
use crate::embedder::{EmbedError, Embedder, unit};
use crate::runbook::sha256;
use layers::Network;
use settings::{Pooling, Settings};
use tokenizer::Tokenizer;

/// A model read from a folder.
pub struct SentenceModel {
    name: String,
    tokenizer: Tokenizer,
    network: Network,
    settings: Settings,
    identity: String,
}

/// The files that decide about vectors; some models do without some of them.
const FILES: [&str; 7] = [
    "config.json",
    "model.safetensors",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
];

impl SentenceModel {
    /// Reads `config.json`, `vocab.txt` or `tokenizer.json`, `model.safetensors`, and what Sentence Transformers put beside.
    ///
    /// # Errors
    /// If a file is missing or is not of a BERT model; the error names it.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let settings = Settings::read(folder)?;
        let tokenizer = Tokenizer::read(folder, settings.is_lower_case)?;
        let weights = safetensors::Weights::read(&folder.join("model.safetensors"))?;
        let network = Network::new(&weights, &settings)
            .map_err(|problem| Error::Bad { path: folder.join("model.safetensors"), problem })?;
        let name = folder.file_name().map_or_else(|| "model".to_owned(), |it| it.to_string_lossy().into_owned());
        let identity = identity(folder);
        Ok(Self { name, tokenizer, network, settings, identity })
    }

    /// The vector of one text, of length 1.
    pub fn vector(&self, text: &str) -> Vec<f32> {
        let tokens = self.tokenizer.tokens(text, self.settings.max_tokens);
        let states = self.network.states(&tokens);
        let size = self.network.size();
        let mut pooled = vec![0.0_f32; size];
        match self.settings.pooling {
            Pooling::First => pooled.iter_mut().zip(&states).for_each(|(sum, it)| *sum = *it),
            Pooling::Mean => {
                for state in states.chunks_exact(size) {
                    pooled.iter_mut().zip(state).for_each(|(sum, it)| *sum += it);
                }
                pooled.iter_mut().for_each(|it| *it /= tokens.len().max(1) as f32);
            }
        }
        unit(pooled)
    }

    /// The numbers of the words and parts of words of a text, as the model reads them.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        self.tokenizer.tokens(text, self.settings.max_tokens)
    }
}

/// Hashes of all files, with the version of our own arithmetic before them.
fn identity(folder: &Path) -> String {
    let hash = |file: &&str| std::fs::read(folder.join(file)).map_or_else(|_| "none".to_owned(), |it| sha256(&it));
    let hashes: Vec<String> = FILES.iter().map(hash).collect();
    format!("bert 1 {}", hashes.join(" "))
}

impl Embedder for SentenceModel {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|it| self.vector(it)).collect())
    }
}
