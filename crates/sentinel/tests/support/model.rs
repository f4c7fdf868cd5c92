//! How does a provider answer in tests? A server with the API of OpenAI that follows a script, on loopback.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// Answers requests for chat completions; what it was asked is kept.
pub struct FakeModel {
    /// Where it listens.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl FakeModel {
    /// `script` gets the body of a request and gives the message of the answer.
    pub fn start(script: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let asked = Arc::new(Mutex::new(vec![]));
        let (script, kept) = (Arc::new(script), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, kept) = (Arc::clone(&script), Arc::clone(&kept));
                std::thread::spawn(move || answer(stream, &*script, &kept));
            }
        });
        Self { address, asked }
    }

    /// The bodies so far.
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().expect("no test panics inside").clone()
    }
}

/// One connection, which may have several requests.
fn answer(stream: TcpStream, script: &dyn Fn(&Value) -> Value, kept: &Mutex<Vec<Value>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket can be cloned"));
    let mut stream = stream;
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(it) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = it.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let message = script(&asked);
        kept.lock().expect("no test panics inside").push(asked);
        let finish = if message["tool_calls"].is_null() { "stop" } else { "tool_calls" };
        let answer = json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "fake",
            "choices": [{ "index": 0, "finish_reason": finish, "message": message }],
            "usage": { "prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100 },
        })
        .to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", answer.len());
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(answer.as_bytes())).is_err() {
            return;
        }
    }
}
