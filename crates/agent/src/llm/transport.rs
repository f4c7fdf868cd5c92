//! How does a request reach a provider? One POST without redirects, with two time-outs and a bound of what is read.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use tokio::time::{Instant, timeout, timeout_at};

use super::key::Key;
use super::{address, pause, problem};
use crate::{Config, LlmError, ModelError};

/// How much is read of an answer that is no success.
const MAX_PROBLEM_BYTES: usize = 64 << 10;
/// How long the end of an answer is waited for after all was said, so that the connection can be used again.
const REST: Duration = Duration::from_millis(50);
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends to one provider.
pub struct Transport {
    client: reqwest::Client,
    base_url: String,
    first_byte: Duration,
    whole: Duration,
    max_bytes: usize,
}

/// What is sent.
pub struct Request<'a> {
    /// Behind the base address.
    pub path: &'a str,
    /// Without the key.
    pub headers: &'a [(&'static str, &'static str)],
    /// The header that has the key.
    pub key_header: Option<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// An answer with a good status, of which bytes come.
pub struct Answer {
    response: reqwest::Response,
    first: Option<Vec<u8>>,
    n_bytes: usize,
    deadline: Instant,
    whole: Duration,
    max_bytes: usize,
}

impl Transport {
    /// As configured.
    pub fn new(config: &Config) -> Result<Self, LlmError> {
        // The first to install a provider wins; all of ours are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("sentinel/", env!("CARGO_PKG_VERSION")));
        // What is on this machine is not asked through another one.
        if address::is_loopback(config.url()) {
            builder = builder.no_proxy();
        }
        if let Some(path) = &config.ca_file {
            let unreadable = |reason: String| LlmError::CaFile { path: path.clone(), reason };
            let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
            let bundle = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(causes(&error)))?;
            if bundle.is_empty() {
                return Err(unreadable("has no certificate".to_owned()));
            }
            builder = builder.tls_certs_only(bundle);
        }
        // An answer in one piece begins when it is done.
        let first_byte = if config.stream { config.first_byte_timeout_secs } else { config.timeout_secs };
        Ok(Self {
            client: builder.build().map_err(|error| LlmError::Client(causes(&error)))?,
            base_url: config.url().to_owned(),
            first_byte: Duration::from_secs(first_byte),
            whole: Duration::from_secs(config.timeout_secs),
            max_bytes: config.max_response_kilobytes.saturating_mul(1024),
        })
    }

    /// Sends, and waits for the first bytes. Errors have no key in them.
    pub async fn post(&self, request: Request<'_>, key: Option<&Key>) -> Result<Answer, ModelError> {
        let scrub = |text: &str| key.map_or_else(|| text.to_owned(), |it| it.scrub(text));
        self.post_unscrubbed(request).await.map_err(|error| match error {
            ModelError::Unavailable(text) => ModelError::Unavailable(scrub(&text)),
            ModelError::Rejected(text) => ModelError::Rejected(scrub(&text)),
            ModelError::Malformed(text) => ModelError::Malformed(scrub(&text)),
            other => other,
        })
    }

    async fn post_unscrubbed(&self, request: Request<'_>) -> Result<Answer, ModelError> {
        let deadline = Instant::now() + self.whole;
        let headers = headers(&request)?;
        let url = format!("{}{}", self.base_url, request.path);
        let sent = self.client.post(url).headers(headers).body(request.body).send();
        let first = async {
            let mut response = sent.await.map_err(|error| ModelError::Unavailable(causes(&error)))?;
            let chunk = response.chunk().await.map_err(|error| cut_off(&error))?;
            Ok((response, chunk.map(|it| it.to_vec())))
        };
        let first = timeout(self.first_byte, first).await.map_err(|_| ModelError::TimedOut(self.first_byte))?;
        let (response, first) = first?;
        let (status, headers) = (response.status(), response.headers().clone());
        let max_bytes = if status.is_success() { self.max_bytes } else { MAX_PROBLEM_BYTES };
        let mut answer = Answer { response, first, n_bytes: 0, deadline, whole: self.whole, max_bytes };
        if status.is_success() && answer.has_type("text/html") {
            let text = "it is a page for browsers; is agent.base_url right?";
            return Err(ModelError::Malformed(text.to_owned()));
        }
        if status.is_success() {
            return Ok(answer);
        }
        let mut body = vec![];
        while let Ok(Some(bytes)) = answer.next().await {
            body.extend_from_slice(&bytes);
        }
        let retry_after = headers.get(RETRY_AFTER).and_then(|it| it.to_str().ok());
        Err(problem::of_status(status.as_u16(), retry_after.and_then(pause::of_header), &body))
    }
}

impl Answer {
    /// True if it comes in one piece, whatever was asked for.
    pub fn is_whole(&self) -> bool {
        self.has_type("application/json")
    }

    fn has_type(&self, wanted: &str) -> bool {
        let content_type = self.response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        content_type.is_some_and(|it| it.starts_with(wanted))
    }

    /// All was said.
    pub async fn finish(mut self) {
        // A connection that is not at its end is closed, and the next request makes a new one.
        let _ = timeout(REST, self.response.chunk()).await;
    }

    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ModelError> {
        let bytes = match self.first.take() {
            Some(bytes) => Some(bytes),
            None => {
                let chunk = timeout_at(self.deadline, self.response.chunk()).await;
                let chunk = chunk.map_err(|_| ModelError::TimedOut(self.whole))?;
                chunk.map_err(|error| cut_off(&error))?.map(|it| it.to_vec())
            }
        };
        self.n_bytes += bytes.as_ref().map_or(0, Vec::len);
        if self.n_bytes > self.max_bytes {
            return Err(ModelError::Malformed(format!("it is larger than {} bytes", self.max_bytes)));
        }
        Ok(bytes)
    }
}

fn headers(request: &Request<'_>) -> Result<HeaderMap, ModelError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in request.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some((name, value)) = &request.key_header {
        // A key that cannot be sent is a wrong key; what is wrong about it is not told.
        let mut value = HeaderValue::from_str(value).map_err(|_| ModelError::Unauthorized)?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

fn cut_off(error: &reqwest::Error) -> ModelError {
    ModelError::Unavailable(format!("the answer was cut off: {}", causes(error)))
}

/// reqwest's own text has the address and leaves out why a connection failed.
fn causes(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "timed out" } else { "cannot be reached" }.to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(it) = source {
        text = format!("{text}: {it}");
        source = it.source();
    }
    text
}
