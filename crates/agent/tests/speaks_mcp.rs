//! Is the Model Context Protocol spoken both ways as it should? Messages to our server, and a program as theirs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::mcp::{ForeignStatus, ForeignTools, Pins, Propose, Served, status_of};
use agent::{McpEndpointConfig, McpServerConfig, Tool, Toolbox, catalog};
use serde_json::{Value, json};
use signal::{IncidentId, Plan, PortError};
use support::World;

struct NoPlans;

impl Propose for NoPlans {
    fn propose(&self, incident: IncidentId, playbook: Option<&str>) -> Result<(Vec<Plan>, Vec<String>), PortError> {
        assert_eq!(playbook, Some("restart"));
        Ok((vec![], vec![format!("Playbook \"restart\" was not used for {incident}.")]))
    }
}

fn served() -> Served {
    let tools =
        Toolbox::new(catalog(&World::new().sources()), Arc::new(|text| text.replace("250", "[redacted:value]")));
    Served { tools, propose: Arc::new(NoPlans), config: McpEndpointConfig::default(), version: "1.2.3" }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(work)
}

fn ask(method: &str, params: Value) -> Value {
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    block_on(served().answer(&message)).unwrap()
}

/// Guarantees: MUST 725 and 726 of docs/specs/agent.md.
#[test]
fn programs_can_read_and_propose_and_nothing_else() {
    let hello = ask("initialize", json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {} }));
    assert_eq!((&hello["id"], &hello["result"]["protocolVersion"]), (&json!(7), &json!("2025-06-18")));
    assert_eq!(hello["result"]["serverInfo"]["version"], "1.2.3");
    let newer = ask("initialize", json!({ "protocolVersion": "3000-01-01" }));
    assert_eq!(newer["result"]["protocolVersion"], "2025-11-25");
    let tools = ask("tools/list", json!({}))["result"]["tools"].as_array().unwrap().clone();
    let may_change: Vec<&str> = tools
        .iter()
        .filter(|it| it["annotations"]["readOnlyHint"] != json!(true))
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(may_change, ["propose_remediation"]);
    let call = |name: &str, arguments: Value| ask("tools/call", json!({ "name": name, "arguments": arguments }));
    let lines = call("search_logs", json!({ "service": "pay" }));
    let text = lines["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("pool <*> exhausted") && text.contains("[redacted:value]"), "{text}");
    let wrong = call("search_logs", json!({ "servce": "pay" }));
    assert_eq!(wrong["result"]["isError"], true);
    let proposed = call("propose_remediation", json!({ "incident": "INC-7", "playbook": "restart" }));
    assert_eq!(proposed["result"]["content"][0]["text"], "Playbook \"restart\" was not used for INC-7.");
    for name in ["approve", "approve_plan", "reject", "delete"] {
        assert_eq!(call(name, json!({}))["error"]["code"], -32602, "{name}");
    }
}

/// Guarantees: MUST 727 of docs/specs/agent.md.
#[test]
fn messages_that_are_wrong_get_the_error_of_the_protocol() {
    let answer = |message: Value| block_on(served().answer(&message));
    assert_eq!(answer(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })), None);
    for (message, code) in [
        (json!([]), -32600),
        (json!({ "jsonrpc": "2.0", "id": null, "method": "ping" }), -32600),
        (json!({ "jsonrpc": "2.0", "id": 1 }), -32600),
        (json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/list" }), -32601),
        (json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call" }), -32602),
    ] {
        assert_eq!(answer(message.clone()).unwrap()["error"]["code"], code, "{message}");
    }
    let of = |version: &str| {
        ask("server/discover", json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": version } }))
    };
    let known = of("2026-07-28");
    assert!(known["result"]["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{known}");
    let unknown = of("2031-01-01");
    assert_eq!((&unknown["error"]["code"], status_of(&unknown, None)), (&json!(-32022), 400));
    let no_method = ask("nothing", json!({}));
    assert_eq!((status_of(&no_method, Some("2026-07-28")), status_of(&no_method, Some("2025-06-18"))), (404, 200));
}

/// A folder for pins that is empty at first.
fn pins(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sentinel-mcp-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder.join("pins.json")
}

fn server(how: &str) -> McpServerConfig {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/fake_mcp.py");
    McpServerConfig {
        name: "wiki".to_owned(),
        command: vec!["python3".to_owned(), script.to_owned()],
        environment: [("FAKE_MCP".to_owned(), how.to_owned())].into(),
        timeout_secs: 20,
        ..McpServerConfig::default()
    }
}

fn tools(config: McpServerConfig, path: &std::path::Path) -> (ForeignTools, Vec<Arc<dyn Tool>>) {
    let foreign = ForeignTools::new(&[config], Duration::from_secs(20), Pins::open(path).unwrap());
    let list = block_on(foreign.list());
    (foreign, list)
}

fn status(foreign: &ForeignTools, tool: &str) -> ForeignStatus {
    foreign.statuses()[&("wiki".to_owned(), tool.to_owned())]
}

/// Guarantees: MUST 722, 723 and 724 of docs/specs/agent.md.
#[test]
fn tools_of_a_program_are_called_if_they_read_and_are_as_they_were() {
    let path = pins("program");
    let (foreign, list) = tools(server(""), &path);
    assert_eq!(status(&foreign, "erase"), ForeignStatus::MayChangeThings);
    assert_eq!(list.len(), 1);
    let spec = list[0].spec();
    assert_eq!(spec.name, "mcp_wiki_lookup");
    assert!(spec.description.ends_with("describes it so: \"Looks up a page.\""), "{}", spec.description);
    assert_eq!(spec.parameters, json!({ "type": "object", "properties": { "page": { "type": "string" } } }));
    let found = block_on(async {
        // A connection belongs to the runtime that made it.
        let fresh = ForeignTools::new(&[server("")], Duration::from_secs(20), Pins::open(&path).unwrap());
        fresh.list().await[0].call(&json!({ "page": "pay" })).await.unwrap()
    });
    assert_eq!(found.evidence.len(), 1);
    assert!(found.text.contains("page pay environment FAKE_MCP,HOME,PATH"), "{}", found.text);

    let (foreign, list) = tools(server("changed"), &path);
    assert_eq!((list.len(), status(&foreign, "lookup")), (0, ForeignStatus::Changed));
    let named = McpServerConfig { tools: vec!["erase".to_owned(), "lookup".to_owned()], ..server("changed") };
    let (foreign, list) = tools(named, &path);
    assert_eq!((list.len(), status(&foreign, "lookup")), (1, ForeignStatus::Changed), "a changed one is never called");
    assert_eq!(list[0].spec().name, "mcp_wiki_erase");
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

/// Guarantees: MUST 724 of docs/specs/agent.md: a server that is silent, broken or gone costs its time only.
#[test]
fn broken_servers_have_no_tools() {
    let path = pins("broken");
    for how in ["garbage", "gone"] {
        let mut config = server(how);
        if how == "gone" {
            config.command = vec!["/nonexistent/program".to_owned()];
        }
        assert_eq!(tools(config, &path).1.len(), 0, "{how}");
    }
    let begin = Instant::now();
    let outcome = block_on(async {
        // Enough for Python to start on a busy machine, and much less than it is silent.
        let config = McpServerConfig { timeout_secs: 10, ..server("silent") };
        let foreign = ForeignTools::new(&[config], Duration::from_secs(10), Pins::open(&path).unwrap());
        foreign.list().await[0].call(&json!({})).await
    });
    assert!(outcome.unwrap_err().to_string().contains("did not answer within 10 s"));
    assert!(begin.elapsed() < Duration::from_secs(300));
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}
