//! How much may a model ask of tools, and which MCP servers are there?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Bounds of what a model asks of tools. When one is reached it is asked for its answer, without tools; the report of the
/// diagnosis is there in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Calls of tools in one investigation. Default: 30.
    pub max_calls: u32,
    /// Time of one call. Default: 20.
    pub call_timeout_secs: u64,
    /// Calls at the same time. Default: 4.
    pub max_parallel_calls: usize,
    /// Bytes of one answer that the model reads. Default: 6000.
    pub max_answer_bytes: usize,
    /// Investigations at the same time; further incidents wait. Default: 2.
    pub max_investigations: usize,
    /// Conversations are kept for so many days. Default: 30.
    pub transcript_days: u32,
    /// Size of all kept conversations; the oldest are removed. Default: 200.
    pub transcript_megabytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_calls: 30,
            call_timeout_secs: 20,
            max_parallel_calls: 4,
            max_answer_bytes: 6000,
            max_investigations: 2,
            transcript_days: 30,
            transcript_megabytes: 200,
        }
    }
}

impl Limits {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let within = [
            ("max_calls", u64::from(self.max_calls), 0, 1000),
            ("call_timeout_secs", self.call_timeout_secs, 1, 600),
            ("max_parallel_calls", self.max_parallel_calls as u64, 1, 32),
            ("max_answer_bytes", self.max_answer_bytes as u64, 500, 200_000),
            ("max_investigations", self.max_investigations as u64, 1, 32),
            ("transcript_days", u64::from(self.transcript_days), 1, 3650),
            ("transcript_megabytes", self.transcript_megabytes, 1, 1_000_000),
        ];
        let wrong = within.iter().filter(|(_, value, low, high)| !(*low..=*high).contains(value));
        wrong.map(|(key, _, low, high)| format!("{key}: must be from {low} to {high}")).collect()
    }
}

/// A server of the Model Context Protocol whose tools a model may call. Exactly one of `command` and `url` is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpServerConfig {
    /// Its name; its tools are called `mcp_<name>_<tool>`. Small letters, digits and `_`.
    pub name: String,
    /// Program and arguments, spoken to over standard input and output. No shell is involved.
    pub command: Vec<String>,
    /// Environment of the program, which gets nothing else but PATH and HOME.
    pub environment: BTreeMap<String, String>,
    /// Address of its streamable HTTP endpoint.
    pub url: Option<String>,
    /// Headers that are sent with every request, such as `Authorization`.
    pub headers: BTreeMap<String, String>,
    /// Tools that may be called though they do not say that they only read. Default: none.
    pub tools: Vec<String>,
    /// SHA-256 of tools by name, as `sentinel` prints them; without one a tool is pinned when it is first seen.
    pub pins: BTreeMap<String, String>,
    /// Time of a request. Default: 0, which means `call_timeout_secs`.
    pub timeout_secs: u64,
}

impl McpServerConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let is_name = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_';
        if self.name.is_empty() || self.name.len() > 24 || !self.name.bytes().all(is_name) {
            problems.push("name: must be 1 to 24 small letters, digits and _".to_owned());
        }
        match (self.command.is_empty(), &self.url) {
            (true, None) => problems.push("command: give a command or a url".to_owned()),
            (false, Some(_)) => problems.push("url: give a command or a url, not both".to_owned()),
            (true, Some(url)) if !url.starts_with("http://") && !url.starts_with("https://") => {
                problems.push("url: must begin with http:// or https://".to_owned());
            }
            _ => {}
        }
        if self.timeout_secs > 600 {
            problems.push("timeout_secs: must be at most 600".to_owned());
        }
        let is_sha = |it: &String| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit());
        for (tool, pin) in self.pins.iter().filter(|it| !is_sha(it.1)) {
            problems.push(format!("pins.{tool}: {pin:?} is no SHA-256 of 64 hexadecimal digits"));
        }
        problems
    }
}

/// The Model Context Protocol server at `/mcp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpEndpointConfig {
    /// False answers 404 at `/mcp`. Default: true.
    pub enabled: bool,
    /// Calls at the same time; more are answered with 503. Default: 4.
    pub max_concurrent_calls: usize,
    /// Time of one call. Default: 30.
    pub call_timeout_secs: u64,
    /// Bytes of one answer. Default: 32000.
    pub max_answer_bytes: usize,
}

impl Default for McpEndpointConfig {
    fn default() -> Self {
        Self { enabled: true, max_concurrent_calls: 4, call_timeout_secs: 30, max_answer_bytes: 32_000 }
    }
}

impl McpEndpointConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if !(1..=64).contains(&self.max_concurrent_calls) {
            problems.push("max_concurrent_calls: must be from 1 to 64".to_owned());
        }
        if !(1..=600).contains(&self.call_timeout_secs) {
            problems.push("call_timeout_secs: must be from 1 to 600".to_owned());
        }
        if !(1000..=1_000_000).contains(&self.max_answer_bytes) {
            problems.push("max_answer_bytes: must be from 1000 to 1000000".to_owned());
        }
        problems
    }
}
