//! Where do the values of a watch come from? The own store by PromQL, or a Prometheus by its API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use promql::{Engine, FloatPoint, Limits};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use signal::{History, Point, SeriesPoints, Timestamp};

/// Tries of one question, with a pause that doubles between them.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Bytes of an answer that are read.
const MOST_BYTES: usize = 64 << 20;
/// Samples that a question to the own store may hold.
const MOST_SAMPLES: usize = 20_000_000;

/// Answers expressions over a range.
pub enum Source {
    /// The own store.
    Own(Own),
    /// A Prometheus, or what has its API.
    Prometheus(Remote),
}

/// The own store.
pub struct Own {
    history: Arc<dyn History>,
    engine: Engine,
}

/// Another server.
pub struct Remote {
    url: String,
    token_file: Option<String>,
    client: reqwest::Client,
    /// Questions that were answered.
    pub answered: AtomicU64,
    /// Tries that failed.
    pub failed: AtomicU64,
}

/// Why there are no values.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The expression is wrong; the user mends it.
    #[error("{0}")]
    Wrong(String),
    /// The server cannot be reached, or fails; it is tried again.
    #[error("{0}")]
    Unreachable(String),
}

impl Source {
    /// As configured.
    pub fn new(config: &forecast::Config, history: Arc<dyn History>) -> anyhow::Result<Self> {
        let Some(url) = &config.prometheus_url else {
            let limits = Limits { max_samples: MOST_SAMPLES, ..Limits::default() };
            return Ok(Self::Own(Own { history, engine: Engine::new(limits) }));
        };
        // The first to install a provider wins; all of ours are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(config.scrape_timeout)).build()?;
        Ok(Self::Prometheus(Remote {
            url: url.trim_end_matches('/').to_owned(),
            token_file: config.prometheus_token_file.clone(),
            client,
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }))
    }

    /// The values of an expression from `start` to `end`, both included, every `step`.
    pub async fn range(
        self: &Arc<Self>,
        expr: &str,
        start: Timestamp,
        end: Timestamp,
        step: Duration,
    ) -> Result<Vec<SeriesPoints>, SourceError> {
        match &**self {
            Self::Own(_) => {
                let (source, expr) = (Arc::clone(self), expr.to_owned());
                let asked = move || match &*source {
                    Self::Own(own) => own.range(&expr, start, end, step),
                    Self::Prometheus(_) => Ok(vec![]),
                };
                let answer = tokio::task::spawn_blocking(asked).await;
                answer.map_err(|error| SourceError::Unreachable(format!("the evaluation ended: {error}")))?
            }
            Self::Prometheus(remote) => remote.range(expr, start, end, step).await,
        }
    }
}

impl Own {
    fn range(
        &self,
        expr: &str,
        start: Timestamp,
        end: Timestamp,
        step: Duration,
    ) -> Result<Vec<SeriesPoints>, SourceError> {
        let stored = serve::Stored::new(&*self.history, MOST_SAMPLES, &|| None);
        let millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        let answer = self.engine.range(&stored, expr, start, end, millis).map_err(|error| match error {
            promql::QueryError::BadData(_) | promql::QueryError::Execution(_) => SourceError::Wrong(error.to_string()),
            _ => SourceError::Unreachable(error.to_string()),
        })?;
        let promql::Value::Matrix(matrix) = answer.value else {
            return Err(SourceError::Wrong(format!("{expr}: the answer is no series over time")));
        };
        let point = |it: &FloatPoint| Point { time: Timestamp::from_millis(it.time), value: it.value };
        let series = matrix.into_iter().filter(|it| !it.floats.is_empty());
        Ok(series.map(|it| SeriesPoints { labels: it.labels, points: it.floats.iter().map(point).collect() }).collect())
    }
}

impl Remote {
    async fn range(
        &self,
        expr: &str,
        start: Timestamp,
        end: Timestamp,
        step: Duration,
    ) -> Result<Vec<SeriesPoints>, SourceError> {
        let form = [
            ("query", expr.to_owned()),
            ("start", format!("{}", start.secs_f64())),
            ("end", format!("{}", end.secs_f64())),
            ("step", format!("{}", step.as_secs_f64())),
        ];
        let body = encoded(&form);
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let error = match self.ask(&body).await {
                Ok(bytes) => {
                    self.answered.fetch_add(1, Relaxed);
                    return decoded(&bytes);
                }
                Err(error) => error,
            };
            self.failed.fetch_add(1, Relaxed);
            if attempt >= TRIES || matches!(error, SourceError::Wrong(_)) {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Ok(vec![])
    }

    async fn ask(&self, body: &str) -> Result<Vec<u8>, SourceError> {
        let url = format!("{}/api/v1/query_range", self.url);
        let unreachable = |what: String| SourceError::Unreachable(format!("{url}: {what}"));
        let mut request = self.client.post(&url).body(body.to_owned());
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(path) = &self.token_file {
            let token = std::fs::read_to_string(path).map_err(|error| unreachable(format!("{path}: {error}")))?;
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.trim()));
        }
        let mut response = request.send().await.map_err(|error| unreachable(causes(&error)))?;
        let status = response.status();
        let mut bytes = vec![];
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(causes(&error)))? {
            if bytes.len() + chunk.len() > MOST_BYTES {
                return Err(SourceError::Wrong(format!(
                    "the answer is larger than {MOST_BYTES} bytes; watch fewer series"
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = || String::from_utf8_lossy(&bytes).chars().take(300).collect::<String>();
        match status.as_u16() {
            200 => Ok(bytes),
            // What was asked is wrong, or too much.
            400 | 422 => Err(SourceError::Wrong(format!("{url} answered {status}: {}", text()))),
            _ => Err(unreachable(format!("answered {status}: {}", text()))),
        }
    }
}

fn decoded(bytes: &[u8]) -> Result<Vec<SeriesPoints>, SourceError> {
    let labels = BTreeMap::new();
    // Sums have no name; the watch has one for them.
    let naming = ingest::PrometheusNaming { name: "expression", labels: &labels };
    match ingest::decode_prometheus(bytes, naming, &ingest::Config::default()) {
        Ok((series, _)) => Ok(series),
        Err(error) => Err(SourceError::Unreachable(error.to_string())),
    }
}

/// reqwest's own text leaves out why a connection failed.
pub fn causes(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "timed out" } else { "cannot be reached" }.to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(it) = source {
        text = format!("{text}: {it}");
        source = it.source();
    }
    text
}

/// `name=value&..` with everything escaped that is not a letter or a digit.
fn encoded(form: &[(&str, String)]) -> String {
    let byte = |it: u8| match it {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(it).to_string(),
        other => format!("%{other:02X}"),
    };
    let escaped = |text: &str| -> String { text.bytes().map(byte).collect() };
    form.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&")
}
