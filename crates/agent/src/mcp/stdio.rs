//! How is a program spoken to? A JSON message per line over its standard input and output; no shell, no environment of ours.

use std::process::Stdio as Pipe;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::client::ClientError;
use super::message::{METHOD_NOT_FOUND, error, request, response};
use crate::McpServerConfig;

/// The longest line that is taken, in bytes.
const MOST_LINE: u64 = 4 << 20;
/// Other messages that may come before an answer.
const MOST_OTHERS: usize = 1000;

/// A running program; it is killed when this is dropped.
pub struct Stdio {
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last_id: u64,
}

impl Stdio {
    /// Starts the program.
    pub fn start(config: &McpServerConfig) -> Result<Self, ClientError> {
        let failed = |reason: String| ClientError::Unreachable { server: config.name.clone(), reason };
        let (program, arguments) = config.command.split_first().ok_or_else(|| failed("no command".to_owned()))?;
        let kept = ["PATH", "HOME"].into_iter().filter_map(|it| Some((it, std::env::var_os(it)?)));
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(kept)
            .envs(&config.environment)
            .stdin(Pipe::piped())
            .stdout(Pipe::piped())
            .stderr(Pipe::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("{program}: {error}")))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("no standard input or output".to_owned()));
        };
        Ok(Self { _child: child, input, output: BufReader::new(output), last_id: 0 })
    }

    /// Sends a message.
    pub async fn send(&mut self, server: &str, message: &Value) -> Result<(), ClientError> {
        let line = format!("{message}\n");
        let failed =
            |error: std::io::Error| ClientError::Unreachable { server: server.to_owned(), reason: error.to_string() };
        self.input.write_all(line.as_bytes()).await.map_err(failed)?;
        self.input.flush().await.map_err(failed)
    }

    /// Sends a request and waits for its answer. What the server asks meanwhile is refused: we offer it nothing.
    pub async fn exchange(&mut self, server: &str, method: &str, params: &Value) -> Result<Value, ClientError> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(server, &request(id, method, params)).await?;
        for _ in 0..MOST_OTHERS {
            let message = self.receive(server).await?;
            if message.get("method").is_none() && message.get("id").and_then(Value::as_u64) == Some(id) {
                return Ok(message);
            }
            if let (Some(method), Some(asked)) = (message.get("method").and_then(Value::as_str), message.get("id")) {
                let answer = match method {
                    "ping" => response(asked, &json!({})),
                    _ => error(asked, METHOD_NOT_FOUND, "this client offers nothing"),
                };
                self.send(server, &answer).await?;
            }
        }
        Err(ClientError::Malformed { server: server.to_owned(), reason: "many messages but no answer".to_owned() })
    }

    async fn receive(&mut self, server: &str) -> Result<Value, ClientError> {
        let mut line = vec![];
        let read = (&mut self.output).take(MOST_LINE).read_until(b'\n', &mut line).await;
        let failed = |reason: String| ClientError::Unreachable { server: server.to_owned(), reason };
        match read {
            Err(error) => Err(failed(error.to_string())),
            Ok(0) => Err(failed("the program has ended".to_owned())),
            Ok(_) => serde_json::from_slice(&line).map_err(|error| ClientError::Malformed {
                server: server.to_owned(),
                reason: format!("a line that is no JSON message: {error}"),
            }),
        }
    }
}
