//! Which tools do the user's servers have for a model? Those that only read and are as they were pinned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use serde_json::{Map, Value};
use signal::{Meter, Metric};

use super::client::Client;
use super::pin::{Pins, Verdict};
use crate::frame::{quoted, shortened, visible};
use crate::tools::{FOREIGN, finding};
use crate::{Finding, McpServerConfig, Tool, ToolError, ToolSpec};

/// Longest description that a model reads, in bytes.
const MOST_DESCRIPTION: usize = 1000;
/// Longest schema, in bytes; a tool with a longer one is left out.
const MOST_SCHEMA: usize = 8000;
/// Characters of an answer that can be cited.
const MOST_FACT: usize = 600;

/// Why a tool of a server is offered or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForeignStatus {
    /// It may be called.
    Offered,
    /// It is not as it was pinned.
    Changed,
    /// It does not say that it only reads, and is not named in the configuration.
    MayChangeThings,
    /// Its name or schema is of no use here.
    Unusable,
}

impl ForeignStatus {
    const ALL: [Self; 4] = [Self::Offered, Self::Changed, Self::MayChangeThings, Self::Unusable];

    /// Name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Changed => "changed",
            Self::MayChangeThings => "may_change_things",
            Self::Unusable => "unusable",
        }
    }
}

/// The tools of all servers.
pub struct ForeignTools {
    clients: Vec<Arc<Client>>,
    pins: Pins,
    /// As they were when they were last listed.
    statuses: Mutex<BTreeMap<(String, String), ForeignStatus>>,
    failures: AtomicU64,
}

impl ForeignTools {
    /// Of the configured servers; none is asked yet.
    pub fn new(servers: &[McpServerConfig], usual_timeout: Duration, pins: Pins) -> Self {
        let timeout = |it: &McpServerConfig| {
            if it.timeout_secs == 0 { usual_timeout } else { Duration::from_secs(it.timeout_secs) }
        };
        let clients = servers.iter().map(|it| Arc::new(Client::new(it.clone(), timeout(it)))).collect();
        Self { clients, pins, statuses: Mutex::default(), failures: AtomicU64::new(0) }
    }

    /// Asks all servers for their tools. One that does not answer has none this time.
    pub async fn list(&self) -> Vec<Arc<dyn Tool>> {
        let lists = join_all(self.clients.iter().map(|it| it.list())).await;
        let mut offered: BTreeMap<String, Arc<dyn Tool>> = BTreeMap::new();
        for (client, list) in self.clients.iter().zip(lists) {
            match list {
                // Two tools of one name cannot be told apart: providers refuse such lists. The first is kept.
                Ok(tools) => self.judged(client, &tools).into_iter().for_each(|it| {
                    let name = it.spec().name;
                    if offered.contains_key(&name) {
                        tracing::warn!(tool = name, "Two tools of MCP servers have the same name; one is left out.");
                    }
                    offered.entry(name).or_insert(it);
                }),
                Err(error) => {
                    self.failures.fetch_add(1, Relaxed);
                    tracing::warn!(%error, "Tools of an MCP server cannot be listed.");
                }
            }
        }
        offered.into_values().collect()
    }

    /// What is offered of a server's list; of what is not in it nothing is remembered.
    fn judged(&self, client: &Arc<Client>, tools: &[Value]) -> Vec<Arc<dyn Tool>> {
        let offered = tools.iter().filter_map(|it| self.judge(client, it)).collect();
        let name = |it: &Value| shortened(it.get("name").and_then(Value::as_str).unwrap_or(""), 80).to_owned();
        let listed: BTreeSet<String> = tools.iter().map(name).collect();
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.retain(|(server, tool), _| *server != client.config().name || listed.contains(tool));
        offered
    }

    /// What was found of each tool, by server and name.
    pub fn statuses(&self) -> BTreeMap<(String, String), ForeignStatus> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn judge(&self, client: &Arc<Client>, tool: &Value) -> Option<Arc<dyn Tool>> {
        let server = &client.config().name;
        let name = tool.get("name").and_then(Value::as_str).unwrap_or("");
        let status = self.status(client.config(), name, tool);
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let before = statuses.insert((server.clone(), shortened(name, 80).to_owned()), status);
        if status == ForeignStatus::Changed && before != Some(status) {
            let digest = super::digest(tool);
            tracing::error!(
                server, tool = %quoted(name, 80), digest,
                "The description of a tool has changed since it was pinned (rug pull?); it is not called. Look at it, and \
                 pin it anew under agent.mcp_servers.pins if it is right."
            );
        }
        (status == ForeignStatus::Offered).then(|| Arc::new(ForeignTool::new(client, name, tool)) as _)
    }

    fn status(&self, config: &McpServerConfig, name: &str, tool: &Value) -> ForeignStatus {
        let is_letter = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-');
        let length = FOREIGN.len() + config.name.len() + 1 + name.len();
        let schema = tool.get("inputSchema").map_or(0, |it| it.to_string().len());
        if name.is_empty() || !name.bytes().all(is_letter) || length > 64 || schema > MOST_SCHEMA {
            return ForeignStatus::Unusable;
        }
        // The pin comes first: a tool that lets itself be called by changing what it says of itself has changed.
        match self.pins.check(&config.name, tool, config.pins.get(name)) {
            Ok(Verdict::Changed) => return ForeignStatus::Changed,
            Ok(Verdict::Same | Verdict::New) => {}
            Err(error) => {
                tracing::error!(%error, "The pins of MCP tools cannot be saved; new tools are not called.");
                return ForeignStatus::Unusable;
            }
        }
        let hint = |key: &str| tool.pointer(&format!("/annotations/{key}")).and_then(Value::as_bool);
        let only_reads = hint("readOnlyHint") == Some(true) && hint("destructiveHint") != Some(true);
        let is_named = config.tools.iter().any(|it| it == name);
        if only_reads || is_named { ForeignStatus::Offered } else { ForeignStatus::MayChangeThings }
    }
}

impl Meter for ForeignTools {
    fn metrics(&self) -> Vec<Metric> {
        let statuses = self.statuses();
        let of = |status: ForeignStatus| {
            let count = statuses.values().filter(|it| **it == status).count() as f64;
            Metric::gauge("sentinel_agent_mcp_tools", "Tools of MCP servers, by what was found.", count)
                .label("status", status.as_str())
        };
        let mut metrics: Vec<Metric> = ForeignStatus::ALL.into_iter().map(of).collect();
        let failures = self.failures.load(Relaxed);
        let help = "MCP servers whose tools could not be listed.";
        metrics.push(Metric::counter("sentinel_agent_mcp_failures_total", help, failures));
        metrics
    }
}

/// One tool of a server.
pub(super) struct ForeignTool {
    client: Arc<Client>,
    tool: String,
    spec: ToolSpec,
}

impl ForeignTool {
    pub(super) fn new(client: &Arc<Client>, name: &str, tool: &Value) -> Self {
        let server = &client.config().name;
        let told = tool.get("description").and_then(Value::as_str).unwrap_or("");
        let description = format!(
            "A tool of the user's MCP server {server}, which describes it so: {}",
            quoted(shortened(told, MOST_DESCRIPTION), MOST_DESCRIPTION)
        );
        let parameters = tool.get("inputSchema").map_or_else(|| serde_json::json!({ "type": "object" }), plain_schema);
        let spec = ToolSpec { name: format!("{FOREIGN}{server}_{name}"), description, parameters };
        Self { client: Arc::clone(client), tool: name.to_owned(), spec }
    }
}

impl Tool for ForeignTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            if !arguments.is_object() {
                return Err(ToolError::Arguments("the arguments must be a JSON object".to_owned()));
            }
            let answer = self.client.call(&self.tool, arguments).await;
            let (text, is_error) = answer.map_err(|error| ToolError::Elsewhere(error.to_string()))?;
            if is_error {
                return Err(ToolError::Elsewhere(format!("the tool answers: {}", quoted(&text, MOST_FACT))));
            }
            let fact = format!("{} answered {}.", self.spec.name, quoted(&text, MOST_FACT));
            let mut finding = finding("An answer from elsewhere.".to_owned(), &self.spec.name, arguments, vec![fact]);
            if text.chars().count() > MOST_FACT {
                finding.text.push_str(&format!("\nthe whole answer: {}", visible(&text)));
            }
            Ok(finding)
        })
    }
}

/// The subset of JSON schema that all providers take.
fn plain_schema(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let is_known = |key: &str| {
                !matches!(key, "additionalProperties" | "const" | "$schema" | "$id" | "default" | "title" | "examples")
            };
            let kept = map
                .iter()
                .filter(|(key, it)| is_known(key) || it.is_object() && key.as_str() != "additionalProperties");
            Value::Object(kept.map(|(key, it)| (key.clone(), plain_schema(it))).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(plain_schema).collect(),
        Value::String(text) => Value::String(visible(shortened(text, 400))),
        other => other.clone(),
    }
}
