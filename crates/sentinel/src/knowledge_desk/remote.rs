//! How does a model far away make vectors? `POST /v1/embeddings` (OpenAI and many others) or `POST /api/embed` (Ollama),
//! from a thread of its own, because whoever searches waits anyway and must not wait for long.

use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use knowledge::{EmbedError, Embedder, EmbeddingApi, EmbeddingsConfig};
use serde_json::{Value, json};
use signal::shortened;

use super::REST;

/// Calls that wait for the thread.
const WAITING: usize = 8;
/// A larger answer is no answer.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// A longer text is cut: models read no more.
const MAX_TEXT_BYTES: usize = 8_192;

/// A model behind an API.
pub struct RemoteModel {
    name: String,
    identity: String,
    calls: SyncSender<Call>,
    batch: usize,
    patience: Duration,
    /// Until when it is left alone.
    resting: Mutex<Option<Instant>>,
}

struct Call {
    texts: Vec<String>,
    answer: std::sync::mpsc::Sender<Result<Vec<Vec<f32>>, String>>,
}

/// Where and how to ask.
struct Target {
    url: String,
    api: EmbeddingApi,
    model: String,
    key: Option<String>,
}

impl RemoteModel {
    /// Starts the thread; nothing is asked yet.
    pub fn start(url: &str, config: &EmbeddingsConfig) -> anyhow::Result<Self> {
        let key = match &config.key_file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read knowledge.embeddings.key_file {}", path.display()))?;
                Some(text.trim().to_owned())
            }
            None => config.key.clone(),
        };
        let path = match config.api {
            EmbeddingApi::Openai => "/v1/embeddings",
            EmbeddingApi::Ollama => "/api/embed",
        };
        let base = url.trim_end_matches('/');
        let base = base.strip_suffix("/v1").unwrap_or(base);
        let target = Target { url: format!("{base}{path}"), api: config.api, model: config.api_model.clone(), key };
        let patience = Duration::from_millis(config.timeout_ms);
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(patience).build();
        let client = client.context("cannot build the HTTP client")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (calls, received) = sync_channel::<Call>(WAITING);
        let work = move || {
            for call in received {
                let answer = runtime.block_on(ask(&client, &target, &call.texts));
                // Whoever asked may have given up.
                let _ = call.answer.send(answer);
            }
        };
        std::thread::Builder::new().name("embeddings".to_owned()).spawn(work).context("cannot start a thread")?;
        let name = format!("{} of {base}", config.api_model);
        // What lies behind an address can change without a word; its name is all that is known of it.
        let identity = format!("api 1 {:?} {base} {}", config.api, config.api_model);
        Ok(Self { name, identity, calls, batch: config.batch, patience, resting: Mutex::default() })
    }

    fn call(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        let (answer, answered) = channel();
        let call = Call { texts: texts.iter().map(|it| shortened(it, MAX_TEXT_BYTES).to_owned()).collect(), answer };
        self.calls.try_send(call).map_err(|_| "too many calls wait already".to_owned())?;
        let patience = self.patience.saturating_mul(2);
        answered.recv_timeout(patience).unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }
}

impl Embedder for RemoteModel {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        if resting.is_some_and(|it| it > Instant::now()) {
            return Err(EmbedError("it has failed a moment ago and is left alone".to_owned()));
        }
        *resting = None;
        drop(resting);
        let mut vectors = vec![];
        for batch in texts.chunks(self.batch.max(1)) {
            match self.call(batch) {
                Ok(more) => vectors.extend(more),
                Err(problem) => {
                    *self.resting.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
                    return Err(EmbedError(problem));
                }
            }
        }
        Ok(vectors)
    }
}

async fn ask(client: &reqwest::Client, target: &Target, texts: &[String]) -> Result<Vec<Vec<f32>>, String> {
    let body = json!({ "model": target.model, "input": texts }).to_string();
    let mut request = client.post(&target.url).header("content-type", "application/json").body(body);
    if let Some(key) = &target.key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    // The error of the client names the address, which may hold a key: only its kind is told.
    let failed = |error: reqwest::Error| {
        if error.is_timeout() { "no answer in time" } else { "it cannot be reached" }.to_owned()
    };
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("it answered {status}"));
    }
    let mut bytes = vec![];
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err("its answer is too large".to_owned());
        }
        bytes.extend_from_slice(&chunk);
    }
    let answer: Value = serde_json::from_slice(&bytes).map_err(|_| "its answer is not JSON".to_owned())?;
    vectors(&answer, target.api, texts.len())
}

/// Takes the vectors out of an answer, in the order of the texts, each made one of length 1.
fn vectors(answer: &Value, api: EmbeddingApi, n_texts: usize) -> Result<Vec<Vec<f32>>, String> {
    let strange = || "its answer has no vectors".to_owned();
    let mut found: Vec<(u64, &Value)> = match api {
        EmbeddingApi::Openai => {
            let data = answer.get("data").and_then(Value::as_array).ok_or_else(strange)?;
            let item = |(at, it): (u64, &'_ Value)| it.get("index").and_then(Value::as_u64).unwrap_or(at);
            let pairs = (0..).zip(data).map(|(at, it)| Some((item((at, it)), it.get("embedding")?)));
            pairs.collect::<Option<_>>().ok_or_else(strange)?
        }
        EmbeddingApi::Ollama => {
            (0..).zip(answer.get("embeddings").and_then(Value::as_array).ok_or_else(strange)?).collect()
        }
    };
    found.sort_by_key(|it| it.0);
    let vector = |it: &Value| -> Option<Vec<f32>> {
        let numbers = it.as_array()?.iter().map(|it| it.as_f64().map(|it| it as f32)).collect::<Option<Vec<f32>>>()?;
        let length = numbers.iter().map(|it| it * it).sum::<f32>().sqrt();
        (length.is_finite() && length > 0.0).then(|| numbers.iter().map(|it| it / length).collect())
    };
    let vectors: Vec<Vec<f32>> = found.iter().map(|it| vector(it.1)).collect::<Option<_>>().ok_or_else(strange)?;
    let size = vectors.first().map_or(0, Vec::len);
    let is_whole = vectors.len() == n_texts && vectors.iter().all(|it| it.len() == size);
    if is_whole { Ok(vectors) } else { Err(format!("{n_texts} texts got {} vectors", vectors.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_answers_are_read_in_the_order_of_the_texts() {
        let openai = json!({"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}]});
        assert_eq!(vectors(&openai, EmbeddingApi::Openai, 2).unwrap(), [vec![0.6, 0.8], vec![0.0, 1.0]]);
        let ollama = json!({"embeddings": [[1, 0], [0, 1]]});
        assert_eq!(vectors(&ollama, EmbeddingApi::Ollama, 2).unwrap(), [vec![1.0, 0.0], vec![0.0, 1.0]]);
    }

    #[test]
    fn strange_answers_are_refused() {
        let refused = |answer: Value| vectors(&answer, EmbeddingApi::Openai, 1).unwrap_err();
        for answer in [
            json!({}),
            json!({"data": [{}]}),
            json!({"data": [{"embedding": ["x"]}]}),
            json!({"data": [{"embedding": [0, 0]}]}),
        ] {
            assert_eq!(refused(answer), "its answer has no vectors");
        }
        assert!(refused(json!({"data": []})).contains("0 vectors"));
    }
}
