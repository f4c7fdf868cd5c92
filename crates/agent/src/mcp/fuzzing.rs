//! How do the fuzz targets reach what a client reads?

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::client::Client;
use super::foreign::ForeignTool;
use super::http::Events;
use crate::{McpServerConfig, Tool as _, ToolSpec};

/// The answer with an id in a stream that comes in pieces.
pub fn answer_in(stream: &[u8], piece_bytes: usize, id: u64) -> Option<Value> {
    let mut events = Events::default();
    let ends = (0..stream.len()).step_by(piece_bytes.max(1)).chain([stream.len()]);
    ends.filter_map(|end| stream.get(..end)).find_map(|it| events.find(it, id))
}

/// What a model would be told of a tool.
pub fn spec(tool: &Value) -> ToolSpec {
    let config = McpServerConfig { name: "far".to_owned(), ..McpServerConfig::default() };
    let client = Arc::new(Client::new(config, Duration::from_secs(1)));
    ForeignTool::new(&client, tool.get("name").and_then(Value::as_str).unwrap_or(""), tool).spec()
}
