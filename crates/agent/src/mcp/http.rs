//! How is a server spoken to over HTTP? Each message is a POST; its answer is JSON or the events of a stream.
//!
//! <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http>

use reqwest::Client;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::client::ClientError;
use super::message::request;
use crate::McpServerConfig;

/// The longest answer that is taken, in bytes.
const MOST_BYTES: usize = 4 << 20;
const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";

/// A session with a server.
pub struct Http {
    client: Client,
    url: String,
    session: Option<HeaderValue>,
    version: Option<HeaderValue>,
    last_id: u64,
}

impl Http {
    /// Not asked yet.
    pub fn new(config: &McpServerConfig, url: &str) -> Result<Self, ClientError> {
        let failed = |reason: String| ClientError::Unreachable { server: config.name.clone(), reason };
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let name: HeaderName =
                name.parse().map_err(|_| failed(format!("headers.{name}: is no name of a header")))?;
            let mut value: HeaderValue =
                value.parse().map_err(|_| failed(format!("headers.{name}: is no value of a header")))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        // The first caller in the process wins; all of them ask for the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(headers)
            .no_proxy()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { client, url: url.to_owned(), session: None, version: None, last_id: 0 })
    }

    /// The version that the server has chosen; it is told with every further message.
    pub fn agreed(&mut self, version: &str) {
        self.version = version.parse().ok();
    }

    /// Sends a request and reads its answer.
    pub async fn exchange(&mut self, server: &str, method: &str, params: &Value) -> Result<Value, ClientError> {
        self.last_id += 1;
        let id = self.last_id;
        let response = self.post(server, &request(id, method, params)).await?;
        if let Some(session) = response.headers().get(SESSION) {
            self.session = Some(session.clone());
        }
        let is_stream =
            response.headers().get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream"));
        read(server, response, id, is_stream).await
    }

    /// Sends a message that has no answer.
    pub async fn tell(&mut self, server: &str, message: &Value) -> Result<(), ClientError> {
        self.post(server, message).await.map(|_| ())
    }

    async fn post(&self, server: &str, message: &Value) -> Result<reqwest::Response, ClientError> {
        let mut post = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .body(message.to_string());
        for (name, value) in [(SESSION, &self.session), (VERSION, &self.version)] {
            if let Some(value) = value {
                post = post.header(name, value.clone());
            }
        }
        let failed = |reason: String| ClientError::Unreachable { server: server.to_owned(), reason };
        let response = post.send().await.map_err(|error| failed(error.without_url().to_string()))?;
        if response.status().is_success() { Ok(response) } else { Err(failed(format!("status {}", response.status()))) }
    }
}

/// The answer with the id: the body, or the data of an event.
async fn read(server: &str, mut response: reqwest::Response, id: u64, is_stream: bool) -> Result<Value, ClientError> {
    let malformed = |reason: String| ClientError::Malformed { server: server.to_owned(), reason };
    let mut bytes: Vec<u8> = vec![];
    let mut events = Events::default();
    loop {
        let chunk = response.chunk().await.map_err(|error| malformed(error.without_url().to_string()))?;
        let is_end = chunk.is_none();
        bytes.extend_from_slice(chunk.as_deref().unwrap_or(&[]));
        if bytes.len() > MOST_BYTES {
            return Err(malformed("an answer that is too long".to_owned()));
        }
        if is_stream && let Some(answer) = events.find(&bytes, id) {
            return Ok(answer);
        }
        if is_end {
            break;
        }
    }
    if is_stream {
        return Err(malformed("a stream that ends without an answer".to_owned()));
    }
    serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))
}

/// Reads the events of a stream that grows; each line once, however small the pieces are in which it comes.
#[derive(Debug, Default)]
pub struct Events {
    /// Bytes of whole lines that were read.
    n_read: usize,
    /// Bytes in which the end of a line was looked for.
    n_seen: usize,
    /// The data of the event that is not whole yet.
    data: Vec<String>,
}

impl Events {
    /// The answer with the id, once its event is whole.
    pub fn find(&mut self, bytes: &[u8], id: u64) -> Option<Value> {
        while let Some(ahead) = bytes.get(self.n_seen..)?.iter().position(|it| *it == b'\n') {
            let end = self.n_seen + ahead;
            let line = String::from_utf8_lossy(bytes.get(self.n_read..end)?);
            (self.n_read, self.n_seen) = (end + 1, end + 1);
            let line = line.strip_suffix('\r').unwrap_or(&line);
            if let Some(data) = line.strip_prefix("data:") {
                self.data.push(data.strip_prefix(' ').unwrap_or(data).to_owned());
            }
            if line.is_empty() {
                let message = serde_json::from_str::<Value>(&std::mem::take(&mut self.data).join("\n")).ok();
                let is_answer =
                    |it: &Value| it.get("id").and_then(Value::as_u64) == Some(id) && it.get("method").is_none();
                if let Some(answer) = message.filter(is_answer) {
                    return Some(answer);
                }
            }
        }
        self.n_seen = bytes.len();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_in_a_stream() {
        let stream = b"event: message\r\ndata: {\"method\":\"ping\",\"id\":2}\r\n\r\n: x\n\ndata: {\"id\":2,\ndata: \"result\":{}}\n\ndata: {\"id";
        let event_with = |bytes: &[u8], id| Events::default().find(bytes, id);
        assert_eq!(event_with(stream, 2).unwrap()["result"], serde_json::json!({}));
        assert_eq!(event_with(stream, 3), None);
        assert_eq!(event_with(b"data: {\"id\":2,\"result\":{}}\n", 2), None, "not whole yet");
        let mut events = Events::default();
        let by_bytes = (0..=stream.len()).filter_map(|it| events.find(&stream[..it], 2));
        assert_eq!(by_bytes.count(), 1, "however it comes");
    }
}
