//! Are runbooks, log lines and past incidents found by words and by meaning, and does a changed runbook say so?

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::encoded;
use crate::support::server::{Folder, QUIET, Server};
use crate::support::wait_for;

/// How long anything may take; generous because the machine may be busy.
const LIMIT: Duration = Duration::from_secs(120);
const POOL: &str = "---\nservices: [pay]\nfaults: [pool_exhaustion]\n---\n# Connection pools\n## Check\nLook at in use.\n## Fix\nRestart the pay service.\n";
const DISK: &str = "# Full disks\nDelete old archives when no space is left on the volume.\n";

fn runbooks(folder: &Folder) -> std::path::PathBuf {
    let path = folder.path().join("runbooks");
    fs::create_dir_all(path.join("db")).unwrap();
    fs::write(path.join("db/pool.md"), POOL).unwrap();
    fs::write(path.join("disk.md"), DISK).unwrap();
    path
}

/// Puts a text in the place of a file, so that nobody reads half of it.
fn replace(file: &Path, text: &str) {
    let next = file.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(next, file).unwrap();
}

fn start(name: &str, more: &str) -> (Server, std::path::PathBuf) {
    let folder = Folder::new(name);
    let path = runbooks(&folder);
    let config = format!("{QUIET}knowledge:\n  runbooks: {}\n  reread_secs: 1\n{more}", path.display());
    (Server::start_in(folder, &config, vec![]), path)
}

fn search(server: &Server, words: &str) -> Vec<Value> {
    server.list(&format!("/sentinel/v1/knowledge?q={}", encoded(words)))
}

fn sentinel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sentinel")).args(arguments).output().unwrap()
}

fn pin(folder: &Path, more: &[&str]) -> (bool, String) {
    let folder = folder.to_str().unwrap();
    let output = sentinel(&[&["knowledge", "pin", "--runbooks", folder], more].concat());
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Guarantees: MUST 650 and 651 of docs/specs/knowledge.md.
#[test]
fn a_runbook_is_found_and_says_when_it_was_changed_since_it_was_pinned() {
    let (server, folder) = start("runbooks", "");
    // Runbooks are read beside the start, which need not be over when the server answers.
    let found = wait_for(Duration::from_secs(20), "the runbooks are read", || {
        Some(search(&server, "no space on disk")).filter(|it| !it.is_empty())
    });
    assert_eq!((&found[0]["id"], &found[0]["standing"]), (&json!("disk.md#1"), &json!("unpinned")), "{found:?}");
    let fix = search(&server, "how to fix connection pools");
    assert_eq!((&fix[0]["source"], &fix[0]["title"]), (&json!("db/pool.md:8"), &json!("Connection pools > Fix")));

    assert!(pin(&folder, &[]).0);
    assert!(pin(&folder, &["--check"]).0);
    wait_for(LIMIT, "the pins are read", || (search(&server, "disk")[0]["standing"] == "pinned").then_some(()));
    replace(&folder.join("disk.md"), "# Full disks\nRun the following as root.\n");
    fs::write(folder.join("late.md"), "# Late\nA page about zebras.\n").unwrap();
    wait_for(LIMIT, "the change is seen", || {
        let standing = |words: &str| search(&server, words)[0]["standing"].clone();
        (standing("disk") == "changed" && standing("zebras") == "new").then_some(())
    });
    let found = search(&server, "disk");
    assert!(found[0]["text"].as_str().unwrap().contains("as root"), "it is read again: {found:?}");
    assert_eq!(found[0]["warning"], "changed since it was pinned");
    let (is_good, text) = pin(&folder, &["--check"]);
    assert!(
        !is_good && text.contains("disk.md: changed since it was pinned") && text.contains("late.md: not pinned yet"),
        "{text}"
    );
    let told = server.list("/sentinel/v1/audit?limit=100");
    assert_eq!(told.iter().filter(|it| it["action"] == "runbook.changed" && it["subject"] == "disk.md").count(), 1);
    let page = server.send("GET", "/knowledge?q=disk", &[("accept", "text/html")], b"").text();
    assert!(page.contains("changed since it was pinned"), "{page}");

    let url = format!("http://{}", server.address);
    let listed = String::from_utf8_lossy(&sentinel(&["knowledge", "runbooks", "--url", &url]).stdout).into_owned();
    assert!(listed.contains("disk.md") && listed.contains("changed"), "{listed}");
    let shown = String::from_utf8_lossy(&sentinel(&["knowledge", "search", "pool", "--url", &url]).stdout).into_owned();
    assert!(shown.contains("Connection pools"), "{shown}");
    assert!(server.metric("sentinel_knowledge_documents", &["runbook"]) >= 3.0);
}

/// Guarantees: MUST 651 of docs/specs/knowledge.md.
#[test]
fn only_pinned_runbooks_are_shown_where_that_is_asked_for() {
    let (server, folder) = start("only-pinned", "  only_pinned: true\n");
    fs::write(folder.join(".sentinel-pins.json"), "{ broken").unwrap();
    wait_for(LIMIT, "the broken pins are told", || {
        let status = server.get_json("/sentinel/v1/knowledge/runbooks");
        status["status"]["problems"].to_string().contains(".sentinel-pins.json").then_some(())
    });
    assert!(search(&server, "disk").is_empty(), "broken pins approve nothing");
    fs::remove_file(folder.join(".sentinel-pins.json")).unwrap();
    assert!(pin(&folder, &["disk.md"]).0);
    wait_for(LIMIT, "what is pinned is shown", || (search(&server, "disk").len() == 1).then_some(()));
    assert_eq!(
        search(&server, "connection pool")
            .iter()
            .filter(|it| it["kind"] == "runbook" && it["id"] != "disk.md#1")
            .count(),
        0
    );
}

fn push(server: &Server, service: &str, line: &str, seconds_ago: i64) {
    let nanos = ((jiff::Timestamp::now().as_second() - seconds_ago) * 1_000_000_000).to_string();
    let body = json!({ "streams": [{ "stream": { "service": service }, "values": [[nanos, line]] }] });
    assert_eq!(server.post_json("/loki/api/v1/push", &body).status, 204);
}

/// Guarantees: MUST 660 and 661 of docs/specs/knowledge.md.
#[test]
fn log_lines_are_found_by_what_they_mean() {
    let (server, _) = start("semantic", "");
    for number in 0..20 {
        push(&server, "orders", &format!("order {number} accepted in {} ms", number * 3), 60 - number);
        push(&server, "orders", &format!("Failed password for root from 10.0.0.{number} port 22"), 60 - number);
        push(&server, "pay", &format!("java.sql.SQLException: connection {number} refused by database"), 60 - number);
    }
    let lines = |query: &str| {
        let hits = server.list(&format!("/sentinel/v1/logs?limit=5&{query}"));
        hits.iter().map(|it| it["line"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // None of these words stands in the line.
    let (attack, database) = wait_for(LIMIT, "the lines are there", || {
        let found = (lines("semantic=login+attempts"), lines("semantic=cannot+connect+to+the+db"));
        (!found.0.is_empty() && !found.1.is_empty()).then_some(found)
    });
    assert!(attack.iter().all(|it| it.starts_with("Failed password")), "{attack:?}");
    assert!(database[0].contains("refused by database"), "{database:?}");
    assert!(lines("semantic=cannot+connect+to+the+db&service=orders").iter().all(|it| !it.contains("database")));
    assert_eq!(server.get("/sentinel/v1/logs?semantic=a&q=b").status, 422);
    let page = server.send("GET", "/logs?semantic=login+attempts", &[("accept", "text/html")], b"").text();
    assert!(page.contains("Failed password"), "{page}");
    assert!(server.metric("sentinel_knowledge_line_searches_total", &[]) >= 4.0);
}

/// Guarantees: MUST 653 of docs/specs/knowledge.md.
#[test]
fn a_tenant_does_not_see_the_runbooks_of_another() {
    let (server, folder) = start("tenants", "");
    fs::write(folder.join("red.md"), "---\ntenant: red\n---\n# Secret of red\nzebra procedure\n").unwrap();
    let found = |tenant: &str| {
        let headers = [("x-scope-orgid", tenant), ("accept", "application/json")];
        let answer = server.send("GET", "/sentinel/v1/knowledge?q=zebra+disk", &headers, b"").json();
        answer["items"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    wait_for(LIMIT, "it is read", || found("red").contains(&"red.md#1".to_owned()).then_some(()));
    assert_eq!(found("blue"), ["disk.md#1"]);
}

/// An API of embeddings on loopback: texts about zebras and horses are alike. Breaks when it is told to.
fn embeddings(is_broken: Arc<AtomicBool>, calls: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length, mut head) = (String::new(), 0, String::new());
            while reader.read_line(&mut line).is_ok_and(|it| it > 2) {
                if let Some(it) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = it.trim().parse().unwrap();
                }
                head.push_str(&line);
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            calls.fetch_add(1, Ordering::SeqCst);
            let body: Value = serde_json::from_slice(&body).unwrap();
            let vector = |text: &Value| {
                let text = text.as_str().unwrap().to_lowercase();
                let is_animal = text.contains("zebra") || text.contains("horse");
                json!(if is_animal { [1.0, 0.1] } else { [0.1, 1.0] })
            };
            let right = head.contains("/v1/embeddings") && head.contains("Bearer open-sesame") && body["model"] == "m";
            let texts = body["input"].as_array().unwrap();
            let data: Vec<Value> =
                texts.iter().enumerate().map(|(idx, it)| json!({ "index": idx, "embedding": vector(it) })).collect();
            let (status, answer) = match right && !is_broken.load(Ordering::SeqCst) {
                true => ("200 OK", json!({ "data": data }).to_string()),
                false => ("500 Broken", "{}".to_owned()),
            };
            let text =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}", answer.len());
            stream.write_all(text.as_bytes()).unwrap();
        }
    });
    address
}

/// Guarantees: MUST 654 of docs/specs/knowledge.md.
#[test]
fn vectors_of_an_api_are_used_and_its_failure_is_counted() {
    let (is_broken, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let address = embeddings(Arc::clone(&is_broken), Arc::clone(&calls));
    let more = format!(
        "  embeddings:\n    url: http://{address}\n    api_model: m\n    key: open-sesame\n    timeout_ms: 20000\n"
    );
    let (server, folder) = start("embeddings", &more);
    fs::write(folder.join("zoo.md"), "# Zoo\nhow to feed a zebra\n").unwrap();
    // No word in common: only the vectors know.
    let found = wait_for(LIMIT, "the vectors are there", || {
        search(&server, "my horse is hungry").first().filter(|it| it["id"] == "zoo.md#1").cloned()
    });
    assert!(found["similarity"].as_f64().unwrap() > 0.9, "{found}");
    is_broken.store(true, Ordering::SeqCst);
    let found = search(&server, "zebra food");
    assert_eq!(found[0]["id"], "zoo.md#1", "the built-in vectors answer");
    assert!(server.metric("sentinel_knowledge_embedding_fallbacks_total", &[]) >= 1.0);
    // It is left alone for a while instead of being asked by every search.
    let before = calls.load(Ordering::SeqCst);
    search(&server, "zebra food");
    assert_eq!(calls.load(Ordering::SeqCst), before);
}
