//! How is a server of the user's asked? One connection that is opened when it is needed and given up when it fails.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::http::Http;
use super::message::{NEWEST_WITH_HANDSHAKE, WITH_HANDSHAKE, notification};
use super::stdio::Stdio;
use crate::McpServerConfig;
use crate::frame::{quoted, shortened, visible};

/// Pages of a list of tools that are read.
const MOST_PAGES: usize = 20;
/// Tools of one server.
const MOST_TOOLS: usize = 100;

/// Why a server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The program cannot be started, or the address cannot be reached.
    #[error("the MCP server {server} cannot be reached: {reason}")]
    Unreachable {
        /// Its name.
        server: String,
        /// Why.
        reason: String,
    },
    /// It does not speak the protocol as it should.
    #[error("the MCP server {server} answers what cannot be read: {reason}")]
    Malformed {
        /// Its name.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// It answers with an error.
    #[error("the MCP server {server} answers: {text}")]
    Refused {
        /// Its name.
        server: String,
        /// Its words, quoted (untrusted).
        text: String,
    },
    /// It does not answer in time.
    #[error("the MCP server {server} did not answer within {secs} s")]
    TimedOut {
        /// Its name.
        server: String,
        /// How long was waited.
        secs: u64,
    },
}

/// Asks one server.
pub struct Client {
    config: McpServerConfig,
    timeout: Duration,
    connection: Mutex<Option<Connection>>,
}

/// What a message goes over.
enum Connection {
    Stdio(Box<Stdio>),
    Http(Box<Http>),
}

impl Client {
    /// Not connected yet.
    pub fn new(config: McpServerConfig, timeout: Duration) -> Self {
        Self { config, timeout, connection: Mutex::new(None) }
    }

    /// Its configuration.
    pub fn config(&self) -> &McpServerConfig {
        &self.config
    }

    /// All tools, as the server describes them.
    pub async fn list(&self) -> Result<Vec<Value>, ClientError> {
        let (mut tools, mut cursor) = (vec![], Value::Null);
        for _ in 0..MOST_PAGES {
            let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
            let result = self.ask("tools/list", &params).await?;
            let page = result.get("tools").and_then(Value::as_array);
            tools.extend(page.ok_or_else(|| self.malformed("tools/list without tools"))?.iter().cloned());
            cursor = result.get("nextCursor").cloned().unwrap_or(Value::Null);
            if cursor.is_null() || tools.len() >= MOST_TOOLS {
                break;
            }
        }
        tools.truncate(MOST_TOOLS);
        Ok(tools)
    }

    /// The text of a tool's answer, and whether it says that it is an error.
    pub async fn call(&self, tool: &str, arguments: &Value) -> Result<(String, bool), ClientError> {
        let result = self.ask("tools/call", &json!({ "name": tool, "arguments": arguments })).await?;
        let blocks = result.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let text = |it: &Value| match it.get("type").and_then(Value::as_str) {
            Some("text") => it.get("text").and_then(Value::as_str).unwrap_or("").to_owned(),
            other => format!("(a part of type {} is left out)", quoted(other.unwrap_or("?"), 30)),
        };
        let mut parts: Vec<String> = blocks.iter().map(text).collect();
        if let (true, Some(data)) = (parts.is_empty(), result.get("structuredContent")) {
            parts.push(data.to_string());
        }
        let is_error = result.get("isError").and_then(Value::as_bool).unwrap_or(false);
        Ok((parts.join("\n"), is_error))
    }

    /// One request, in turn. After a failure the next one connects again.
    async fn ask(&self, method: &str, params: &Value) -> Result<Value, ClientError> {
        let mut place = self.connection.lock().await;
        let work = async {
            let mut connection = match place.take() {
                Some(it) => it,
                None => self.connect().await?,
            };
            let answer = connection.exchange(&self.config.name, method, params).await?;
            *place = Some(connection);
            Ok(answer)
        };
        // A connection that is dropped in the middle of a request is closed: its answers would be those of others.
        let answer = tokio::time::timeout(self.timeout, work).await.unwrap_or_else(|_| {
            Err(ClientError::TimedOut { server: self.config.name.clone(), secs: self.timeout.as_secs() })
        })?;
        match answer.get("error") {
            Some(error) => {
                let text = error.get("message").and_then(Value::as_str).unwrap_or("an error");
                Err(ClientError::Refused { server: self.config.name.clone(), text: quoted(text, 300) })
            }
            None => answer.get("result").cloned().ok_or_else(|| self.malformed("an answer without result")),
        }
    }

    async fn connect(&self) -> Result<Connection, ClientError> {
        let mut connection = match &self.config.url {
            Some(url) => Connection::Http(Box::new(Http::new(&self.config, url)?)),
            None => Connection::Stdio(Box::new(Stdio::start(&self.config)?)),
        };
        let hello = json!({
            "protocolVersion": NEWEST_WITH_HANDSHAKE,
            "capabilities": {},
            "clientInfo": { "name": "sentinel", "version": env!("CARGO_PKG_VERSION") },
        });
        let answer = connection.exchange(&self.config.name, "initialize", &hello).await?;
        let version = answer.pointer("/result/protocolVersion").and_then(Value::as_str).unwrap_or("");
        if !WITH_HANDSHAKE.contains(&version) {
            let text = visible(shortened(&answer.to_string(), 300));
            return Err(self.malformed(&format!("no version of the protocol that is known here: {text}")));
        }
        if let Connection::Http(it) = &mut connection {
            it.agreed(version);
        }
        connection.tell(&self.config.name, &notification("notifications/initialized")).await?;
        Ok(connection)
    }

    fn malformed(&self, reason: &str) -> ClientError {
        ClientError::Malformed { server: self.config.name.clone(), reason: reason.to_owned() }
    }
}

impl Connection {
    async fn exchange(&mut self, server: &str, method: &str, params: &Value) -> Result<Value, ClientError> {
        match self {
            Self::Stdio(it) => it.exchange(server, method, params).await,
            Self::Http(it) => it.exchange(server, method, params).await,
        }
    }

    async fn tell(&mut self, server: &str, message: &Value) -> Result<(), ClientError> {
        match self {
            Self::Stdio(it) => it.send(server, message).await,
            Self::Http(it) => it.tell(server, message).await,
        }
    }
}
