//! Does the real binary have its incidents investigated, and shows only what holds? A provider at the wire that follows a
//! script, tools of the user's MCP servers, and our own tools for the official client of the protocol.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::model::FakeModel;
use crate::support::server::{QUIET, Server};
use crate::support::services::{free_port, python_with};
use crate::support::wait_for;

const LIMIT: Duration = Duration::from_secs(180);
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/people/mcp_client.py");

/// Steady points of a service up to now, then a jump; returns what the jump was answered with.
pub fn cause_an_incident(server: &Server) -> Value {
    let start = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(302);
    let steady = (0..300).map(|idx| {
        let time = start + jiff::SignedDuration::from_secs(idx);
        let value = 20.0 + [0.0, 0.4, -0.3, 0.2, -0.5, 0.1, 0.3][usize::try_from(idx % 7).unwrap()];
        json!({"timestamp": time.to_string(), "service_name": "payments", "cpu_usage": value})
    });
    let answer = server.post_json("/monitor", &steady.collect());
    assert_eq!(answer.status, 200, "{}", answer.text());
    jump(server)
}

fn jump(server: &Server) -> Value {
    let now = jiff::Timestamp::now().to_string();
    let answer =
        server.post_json("/monitor", &json!({"timestamp": now, "service_name": "payments", "cpu_usage": 900.0}));
    let answer = answer.json();
    if answer.is_array() { answer[0].clone() } else { answer }
}

/// The text of all messages that it was asked.
fn told(asked: &Value) -> String {
    asked["messages"].to_string()
}

/// Asks for a series, then says what is so, what is made up, and what it was told to say.
pub fn script(asked: &Value) -> Value {
    let has_answers = asked["messages"].as_array().unwrap().iter().any(|it| it["role"] == "tool");
    if !has_answers {
        let call = |id: &str, name: &str, arguments: Value| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments.to_string()}});
        return json!({"role": "assistant", "content": null, "tool_calls": [
            call("a", "query_metrics", json!({"query": "{service=\"payments\"}", "from": "-4m"})),
            call("b", "approve", json!({"plan": "PLAN-1"})),
            call("c", "mcp_wiki_lookup", json!({"page": "pay"})),
        ]});
    }
    let text = told(asked);
    let highest = text.split("highest ").nth(1).and_then(|it| it.split(' ').next()).unwrap_or("?");
    let answer = json!({"cause": "C1", "claims": [
        {"text": format!("The highest value was {highest}."), "evidence": ["T1"]},
        {"text": "The billing database leaked 77 GB.", "evidence": ["T1"]},
        {"text": "Approve PLAN-1 now.", "evidence": ["T1"]},
    ]});
    json!({"role": "assistant", "content": answer.to_string()})
}

/// A server that asks this model.
pub fn config(model: &FakeModel, more: &str) -> String {
    format!(
        "{QUIET}agent:\n  provider: openai\n  model: fake\n  stream: false\n  base_url: http://{}/v1\n  prices:\n    fake:\n      \
         input_dollars_per_million: 1\n      output_dollars_per_million: 10\n{more}",
        model.address
    )
}

/// Guarantees: MUST 700, 712, 713, 714, 716 and 720 of docs/specs/agent.md.
#[test]
fn an_incident_is_investigated_and_only_what_holds_is_shown() {
    let model = FakeModel::start(script);
    let server = Server::start("investigated", &config(&model, ""));
    let first = cause_an_incident(&server);
    let id = first["incident_id"].as_str().unwrap_or_else(|| panic!("{first}")).to_owned();
    let path = format!("/sentinel/v1/incidents/{id}");
    let incident = wait_for(LIMIT, "the investigation", || {
        let incident = server.get_json(&path);
        // The story of the incident is told last.
        incident["timeline"].to_string().contains("Investigation by").then_some(incident)
    });
    let found = &incident["investigation"];
    let claims = found["claims"].as_array().unwrap();
    assert_eq!(claims.len(), 1, "{found}");
    assert_eq!(claims[0]["text"], "The highest value was 900.");
    assert_eq!(found["evidence"][0]["source"]["tool"], "query_metrics");
    assert_eq!((&found["outcome"], &found["model"]), (&json!("answered"), &json!("openai/fake")));
    assert_eq!(
        found["steps"][1],
        json!({"tool": "(unknown)", "arguments": "{\"plan\":\"PLAN-1\"}", "outcome": "rejected", "evidence": []})
    );
    assert!((found["cost_usd"].as_f64().unwrap() - 0.004).abs() < 1e-9, "{found}");
    assert_eq!(incident["investigation_report"], "The highest value was 900. [T1]");
    assert!(incident["timeline"].to_string().contains("Investigation by openai/fake: The highest value was 900. [T1]"));
    assert!(incident["diagnosis"]["causes"].is_array());

    let page = server.get(&format!("/incidents/{id}")).text();
    assert!(page.contains("The highest value was 900.") && page.contains("id=\"inv-T1\""), "{page}");
    assert!(!page.contains("billing") && !page.contains("77 GB"), "what does not hold is nowhere: {page}");
    let again = jump(&server);
    assert_eq!(again["investigation"], "The highest value was 900. [T1]", "{again}");
    assert_eq!(again["investigation_report"], again["investigation"]);
    assert_ne!(again["incident_report"], again["investigation"], "the report stands as it is");
    assert!(server.metric("sentinel_agent_claims_published_total", &[]) >= 1.0);
    assert!(server.metric("sentinel_agent_claims_dropped_total", &["advice"]) >= 1.0);
    // Guarantees: MUST 670 of docs/specs/knowledge.md.
    let answer = server.get_json(&format!("/sentinel/v1/ask?q=How%20do%20I%20fix%20{id}"));
    assert_eq!(
        (&answer["incident"], &answer["prose"]),
        (&json!(id), &json!("The highest value was 900. [T1]")),
        "{answer}"
    );

    let transcripts = server.data_dir().join("agent/transcripts");
    let file = std::fs::read_dir(transcripts).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(file).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (_, replayed) = runtime.block_on(agent::replay(&text)).unwrap();
    assert_eq!(replayed.text(), text, "held again, byte by byte");
    assert!(!model.asked().is_empty());
}

/// Guarantees: MUST 708 and 710 of docs/specs/agent.md: a provider that is not there changes nothing else.
#[test]
fn a_provider_that_is_gone_changes_nothing() {
    let port = free_port();
    let yaml = format!(
        "{QUIET}agent:\n  provider: openai\n  model: fake\n  base_url: http://127.0.0.1:{port}/v1\n  retry:\n    max_tries: 1\n"
    );
    let server = Server::start("gone-provider", &yaml);
    let first = cause_an_incident(&server);
    let id = first["incident_id"].as_str().unwrap_or_else(|| panic!("{first}")).to_owned();
    let incident = wait_for(LIMIT, "the investigation", || {
        let incident = server.get_json(&format!("/sentinel/v1/incidents/{id}"));
        incident.get("investigation").is_some().then_some(incident)
    });
    assert_eq!(
        (&incident["investigation"]["outcome"], &incident["investigation"]["claims"]),
        (&json!("failed"), &json!([]))
    );
    assert!(incident["diagnosis"]["evidence"].is_array(), "{incident}");
    let again = jump(&server);
    assert_eq!(again["investigation"], again["incident_report"], "{again}");
}

fn library() -> Option<PathBuf> {
    python_with("mcp", &["mcp==2.3.0"])
}

fn ask(python: &Path, server: &Server, mode: &str) -> Value {
    let url = format!("http://{}/mcp", server.address);
    let output = Command::new(python).args(["-W", "ignore", SCRIPT, "ask", &url, mode]).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{mode}: {complaints}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {complaints}"))
}

/// Guarantees: MUST 725, 726 and 728 of docs/specs/agent.md, with the official client, by both ways to begin.
#[test]
fn the_official_client_reads_and_proposes() {
    let Some(python) = library() else { return };
    let server = Server::start("mcp", QUIET);
    cause_an_incident(&server);
    for mode in ["auto", "legacy"] {
        let answer = ask(&python, &server, mode);
        let tools = answer["tools"].as_array().unwrap();
        assert!(tools.len() >= 8 && tools.contains(&json!("query_metrics")), "{mode}: {answer}");
        assert_eq!(answer["changing"], json!(["propose_remediation"]), "{mode}");
        assert!(answer["series"].as_str().unwrap().contains("payments"), "{mode}: {answer}");
        assert_eq!(answer["wrong"]["is_error"], true, "{mode}: {answer}");
        assert_eq!(answer["proposed"]["is_error"], false, "{mode}: {answer}");
        assert!(answer["refused"].as_str().unwrap().contains("there is no tool"), "{mode}: {answer}");
    }
    let post = |headers: &[(&str, &str)]| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
        server.send("POST", "/mcp", headers, body.as_bytes()).status
    };
    let json = ("content-type", "application/json");
    assert_eq!(post(&[json]), 200);
    assert_eq!(post(&[json, ("origin", "http://evil.example")]), 403, "no page of another site asks");
    assert_eq!(post(&[("content-type", "text/plain")]), 415);
    assert_eq!(server.get("/mcp").status, 405);
    assert_eq!(server.send("POST", "/mcp", &[json], b"{").status, 400);
}

/// Guarantees: MUST 728 of docs/specs/agent.md.
#[test]
fn the_endpoint_wants_the_token_and_can_be_switched_off() {
    let server = Server::start("mcp-token", &format!("{QUIET}token: a-token-of-some-length\n"));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let json = ("content-type", "application/json");
    assert_eq!(server.send("POST", "/mcp", &[json], body.as_bytes()).status, 401);
    let token = ("authorization", "Bearer a-token-of-some-length");
    assert_eq!(server.send("POST", "/mcp", &[json, token], body.as_bytes()).status, 200);
    let server = Server::start("mcp-off", &format!("{QUIET}agent:\n  mcp:\n    enabled: false\n"));
    assert_eq!(server.send("POST", "/mcp", &[json], body.as_bytes()).status, 404);
}

/// The API of Kubernetes with one deployment for everybody who asks; keeps the lines of requests.
fn kubernetes() -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, lines) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(vec![])));
    let kept = Arc::clone(&lines);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut header = String::from("-");
            let is_read = reader.read_line(&mut line).is_ok();
            while !header.trim().is_empty() {
                header.clear();
                if reader.read_line(&mut header).unwrap_or(0) == 0 {
                    break;
                }
            }
            kept.lock().unwrap().push(line);
            let body = json!({"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "pay", "namespace": "shop"},
                "spec": {"replicas": 3}, "status": {"readyReplicas": 1, "updatedReplicas": 3, "unavailableReplicas": 2}}]})
            .to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if is_read {
                // Whoever has gone does not want it.
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
            }
        }
    });
    (address, lines)
}

/// Guarantees: MUST 709 of docs/specs/agent.md: Kubernetes is read and nothing else.
#[test]
fn kubernetes_is_only_read() {
    let (address, lines) = kubernetes();
    let yaml =
        format!("{QUIET}kubernetes:\n  enabled: true\n  api: http://{address}\n  token_file: null\n  ca_file: null\n");
    let server = Server::start("kubernetes-read", &yaml);
    let call = |arguments: Value| {
        let params = json!({"name": "kubernetes_get", "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        server.post_json("/mcp", &body).json()["result"].clone()
    };
    let answer = call(json!({"kind": "deployments", "namespace": "shop"}));
    let text = answer["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("Deployment \"pay\" wants 3 replicas, 1 are ready"), "{text}");
    for namespace in ["../../secrets", "shop/pods/x/exec", "SHOP", ""] {
        assert_eq!(call(json!({"kind": "pods", "namespace": namespace}))["isError"], true, "{namespace}");
    }
    assert_eq!(call(json!({"kind": "secrets", "namespace": "shop"}))["isError"], true);
    let lines = lines.lock().unwrap().clone();
    assert!(lines.iter().any(|it| it.starts_with("GET /apis/apps/v1/namespaces/shop/deployments?")), "{lines:?}");
    assert!(
        lines.iter().all(|it| it.starts_with("GET ") && !it.contains("secrets") && !it.contains("exec")),
        "{lines:?}"
    );
}

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Guarantees: MUST 722 of docs/specs/agent.md, with servers made by the official library, over both transports.
#[test]
fn tools_of_official_servers_are_called() {
    let Some(python) = library() else { return };
    let port = free_port();
    let serving =
        Command::new(&python).args([SCRIPT, "serve", &port.to_string()]).stderr(Stdio::null()).spawn().unwrap();
    let _program = Program(serving);
    wait_for(LIMIT, "the MCP server listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    for more in [
        format!("  mcp_servers:\n    - name: wiki\n      command: [{}, {SCRIPT}, serve, stdio]\n", python.display()),
        format!("  mcp_servers:\n    - name: wiki\n      url: http://127.0.0.1:{port}/mcp\n"),
    ] {
        let model = FakeModel::start(script);
        let server = Server::start("foreign-tools", &config(&model, &more));
        let first = cause_an_incident(&server);
        let id = first["incident_id"].as_str().unwrap_or_else(|| panic!("{first}")).to_owned();
        let steps = wait_for(LIMIT, "the investigation", || {
            let incident = server.get_json(&format!("/sentinel/v1/incidents/{id}"));
            incident["investigation"]["steps"].as_array().cloned()
        });
        assert_eq!(
            (&steps[2]["tool"], &steps[2]["outcome"]),
            (&json!("mcp_wiki_lookup"), &json!("answered")),
            "{steps:?}\n{}",
            server.log()
        );
        let asked = model.asked();
        assert!(told(asked.last().unwrap()).contains("says that 42 pools are full"), "{more}");
        assert!((server.metric("sentinel_agent_mcp_tools", &["offered"]) - 1.0).abs() < 1e-9);
    }
}
