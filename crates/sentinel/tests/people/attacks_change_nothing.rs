//! What can somebody do who puts text into telemetry? Hundreds of hostile texts by every way that leads into a running
//! server, which has a playbook and somebody to notify: nothing is done, nothing aimed elsewhere, the cause stays the
//! cause, nothing runs in a page, and no secret comes out.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::attacks::attacks;

use crate::attacked::{BEFORE, FAULT, Victim};
use crate::support::server::{Folder, QUIET, Server};
use crate::support::wait_for;

/// Services that nobody attacks, which say what the cause is.
const CALM: usize = 3;
/// Attacks on one service, each by another way.
const AT_ONCE: usize = 10;
/// Attacks; those that only a model reads are tried where there is one.
const ATTACKS: usize = 264;
/// For a busy machine; on a quiet one it takes a tenth of that.
const LIMIT: Duration = Duration::from_secs(480);

/// Takes whatever is posted.
struct Receiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, requests) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let taken = Arc::clone(&requests);
        std::thread::spawn(move || {
            listener.incoming().flatten().for_each(|it| taken.lock().unwrap().push(request(it)))
        });
        Self { address, requests }
    }

    fn requests(&self, path: &str) -> Vec<String> {
        let all = self.requests.lock().unwrap();
        all.iter().filter(|it| it.starts_with(&format!("POST {path}"))).cloned().collect()
    }
}

fn request(mut stream: TcpStream) -> String {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let mut taken = vec![];
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        taken.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&taken);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_ascii_lowercase();
        let length = length.split("content-length: ").nth(1).and_then(|it| it.lines().next()?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break;
        }
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    String::from_utf8_lossy(&taken).into_owned()
}

fn config(folder: &Folder, receiver: SocketAddr) -> String {
    let rules = "groups:\n- name: attacked\n  interval: 1s\n  rules:\n  - alert: ManyInFlight\n    expr: requests_in_flight > 50\n    labels: {severity: none}\n    annotations: {summary: \"{{ $labels.path }} of {{ $labels.service }}\"}\n";
    let rules = folder.write("rules.yml", rules);
    let faults = [
        "cpu_hog",
        "cpu_saturation",
        "memory_leak",
        "pool_exhaustion",
        "bad_deploy",
        "disk_filling",
        "dependency_timeout",
        "traffic_surge",
        "network",
        "missing_data",
        "error_burst",
        "unknown",
    ];
    let act = json!({
        "enabled": true, "dry_run": false, "cool_down_secs": 1, "max_executions_per_hour": 1000,
        "allowed_webhook_prefixes": [format!("http://{receiver}/restart/")],
        "playbooks": [{
            "name": "restart", "when": {"fault": faults, "min_confidence": 0.1},
            "steps": [{"action": {"type": "webhook", "url": format!("http://{receiver}/restart/{{service}}"), "body": {"incident": "{incident}"}}}],
        }],
    });
    let rules = json!({"files": [rules], "interval_secs": 1, "alertmanagers": [format!("http://{receiver}")], "incidents": false});
    format!("{QUIET}act: {act}\nrules: {rules}\n")
}

fn victims() -> Vec<Victim> {
    let attacks = attacks().into_iter().take(ATTACKS).filter(|it| !it.channel.is_of_agent()).collect::<Vec<_>>();
    let calm = (0..CALM).map(|_| vec![]);
    let all = calm.chain(attacks.chunks(AT_ONCE).map(<[_]>::to_vec)).enumerate();
    all.map(|(idx, attacks)| Victim { service: format!("shop-{idx}"), attacks }).collect()
}

/// Everything that was sent is taken or refused with a reason; nothing breaks.
fn post(server: &Server, path: &str, body: Option<Value>) {
    if let Some(body) = body {
        let answer = server.post_json(path, &body);
        assert!(answer.status < 500 && answer.status != 404, "{path}: {} {}", answer.status, answer.text());
    }
}

fn send_all(server: &Server, victims: &[Victim], from: i64, to: i64, fault: i64) {
    for it in victims {
        post(server, "/v1/metrics", Some(it.metrics(from, to, fault)));
        post(server, "/v1/logs", Some(it.lines(from, to, fault)));
    }
}

/// Incidents by service.
fn incidents(server: &Server) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for incident in server.list("/sentinel/v1/incidents?limit=1000") {
        for service in incident["services"].as_array().unwrap() {
            let service = service.as_str().unwrap();
            let causes = |it: &Value| it["diagnosis"]["causes"].as_array().map_or(0, Vec::len);
            let known = found.get(service).map_or(0, causes);
            if causes(&incident) >= known {
                found.insert(service.to_owned(), incident.clone());
            }
        }
    }
    found
}

fn top_cause(incident: &Value) -> Option<(String, String)> {
    let cause = incident["diagnosis"]["causes"].as_array()?.first()?;
    Some((cause["service"].as_str()?.to_owned(), cause["fault"].as_str()?.to_owned()))
}

/// Reads live events until the test ends.
fn listen(address: SocketAddr) -> Arc<Mutex<String>> {
    let heard = Arc::<Mutex<String>>::default();
    let into = Arc::clone(&heard);
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("GET /sentinel/v1/events HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut buffer = [0; 65_536];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    });
    heard
}

/// Guarantees: MUST 751, 752, 753, 754 and 755 of docs/specs/untrusted-text.md.
#[test]
// Long because it is one story: everybody is attacked at the same time, and everything is looked at afterwards.
fn hostile_text_does_nothing_and_comes_out_as_text() {
    let began = Instant::now();
    let (folder, receiver, victims) = (Folder::new("attack-rules"), Receiver::start(), victims());
    let n_attacks = victims.iter().map(|it| it.attacks.len()).sum::<usize>();
    assert!(n_attacks >= 200, "{n_attacks}");
    let server = Server::start("attacks", &config(&folder, receiver.address));
    let events = listen(server.address);
    let now = jiff::Timestamp::now().as_second();
    let fault = now - FAULT;
    for (number, it) in victims.iter().enumerate() {
        post(&server, "/sentinel/v1/changes", it.change(fault));
        post(&server, "/v1/traces", it.spans(fault, number));
    }
    send_all(&server, &victims, fault - BEFORE, now, fault);
    victims.iter().for_each(|it| post(&server, "/api/v2/alerts", it.alert()));

    // The fault goes on until every service has a settled diagnosis and a plan.
    let mut next = now;
    let found = wait_for(LIMIT, "every service has an incident with a plan", || {
        let second = jiff::Timestamp::now().as_second();
        if second > next {
            send_all(&server, &victims, next, second, fault);
            next = second;
        }
        let found = incidents(&server);
        let is_done =
            |it: &Victim| found.get(&it.service).is_some_and(|it| !it["plans"].as_array().unwrap().is_empty());
        let n_done = victims.iter().filter(|it| is_done(it)).count();
        (n_done == victims.len() || began.elapsed() > LIMIT * 3 / 4).then_some(found)
    });
    for it in &victims {
        let id = found.get(&it.service).and_then(|it| it["id"].as_str()).unwrap_or("INC-1");
        post(&server, &format!("/sentinel/v1/incidents/{id}/feedback"), it.comment());
    }

    // ## The cause stays the cause
    let expected: Vec<_> = victims[..CALM].iter().filter_map(|it| top_cause(found.get(&it.service)?)).collect();
    assert_eq!(expected.len(), CALM, "services that nobody attacks have a cause: {expected:?}");
    let fault_class = expected[0].1.clone();
    let own = |it: &Victim| (it.service.clone(), fault_class.clone());
    for (it, cause) in victims[..CALM].iter().zip(&expected) {
        assert_eq!(*cause, own(it));
    }
    let attacked = &victims[CALM..];
    let each = || attacked.iter().flat_map(|it| &it.attacks);
    let is_moved = |it: &&Victim| found.get(&it.service).and_then(top_cause) != Some(own(it));
    let moved: Vec<&Victim> = attacked.iter().filter(is_moved).collect();
    // What moves the cause of a service counts with everything else that it was attacked by.
    let n_kept = n_attacks - moved.iter().map(|it| it.attacks.len()).sum::<usize>();
    println!("cause unchanged: {n_kept} of {n_attacks} attacks, {:?}", began.elapsed());
    for it in &moved {
        println!("{}: {:?} by {:?}", it.service, found.get(&it.service).and_then(top_cause), it.attacks);
    }
    assert!(n_kept * 100 >= n_attacks * 95, "{n_kept} of {n_attacks}");

    // ## Nothing is done, and nothing is aimed elsewhere
    let plans = server.list("/sentinel/v1/plans?limit=1000");
    assert!(plans.len() >= attacked.len() * 9 / 10, "there are plans that could go wrong: {}", plans.len());
    for plan in &plans {
        let state = plan["state"].as_str().unwrap();
        assert!(matches!(state, "proposed" | "expired") && plan["approval"].is_null(), "nobody approved: {plan}");
        let target = plan["target"].as_str().unwrap();
        let incident = server.get_json(&format!("/sentinel/v1/incidents/{}", plan["incident"].as_str().unwrap()));
        let services = incident["services"].as_array().unwrap();
        assert!(victims.iter().any(|it| it.service == target) && services.contains(&json!(target)), "{plan}");
        let url = format!("http://{}/restart/{target}", receiver.address);
        assert_eq!(plan["steps"][0]["action"]["url"], url.as_str(), "{plan}");
    }
    assert_eq!(receiver.requests("/restart").len(), 0, "no step was carried out");
    println!("{} plans, none approved, none carried out, none aimed elsewhere", plans.len());

    // ## Nothing runs in a page, and no secret comes out
    let mut shown: Vec<(String, String)> = vec![];
    let mut see = |path: String| shown.push((path.clone(), server.get(&path).text()));
    for path in ["/", "/incidents", "/series", "/logs", "/traces", "/audit", "/feedback", "/groups", "/metrics"] {
        see(path.to_owned());
    }
    for it in attacked {
        let Some(id) = found.get(&it.service).and_then(|it| it["id"].as_str()) else { continue };
        see(format!("/incidents/{id}"));
        see(format!("/sentinel/v1/incidents/{id}/report?format=html"));
        see(format!("/sentinel/v1/incidents/{id}/report?format=md"));
        see(format!("/logs?service={}", it.service));
    }
    let forbidden: Vec<&String> = each().flat_map(|it| &it.forbidden).collect();
    let mut unescaped = vec![];
    for (path, text) in shown.iter().filter(|it| it.0 != "/metrics") {
        // Markdown is only read by who reads Markdown, and quotes only end something in HTML.
        let is_markdown = path.ends_with("format=md");
        let text = if is_markdown { without_code(text) } else { text.clone() };
        let is_for_all =
            |it: &str| it.starts_with('<') || it.contains(|it: char| !it.is_ascii() || it.is_control() && it != '\n');
        let counts = |it: &&&String| is_for_all(it) || is_markdown != it.starts_with('"');
        let found = forbidden.iter().filter(counts).filter(|it| text.contains(it.as_str()));
        unescaped.extend(found.map(|it| format!("{path}: {it:?}")));
    }
    unescaped.sort();
    unescaped.dedup();
    assert!(unescaped.is_empty(), "{} places: {:#?}", unescaped.len(), &unescaped[..unescaped.len().min(30)]);

    for path in [
        "/sentinel/v1/audit?limit=1000",
        "/sentinel/v1/logs?limit=1000",
        "/sentinel/v1/plans?limit=1000",
        "/sentinel/v1/incidents?limit=1000",
        "/sentinel/v1/feedback?limit=1000",
        "/sentinel/v1/changes?from=-1d",
        "/api/v1/series?match[]={__name__!=\"\"}",
        "/sentinel/v1/traces?limit=1000",
    ] {
        shown.push((path.to_owned(), server.get(path).text()));
    }
    wait_for(LIMIT, "an alert is notified", || (!receiver.requests("/api/v2/alerts").is_empty()).then_some(()));
    shown.push(("notifications".to_owned(), receiver.requests("/api").join("\n")));
    shown.push(("events".to_owned(), events.lock().unwrap().clone()));
    shown.push(("log".to_owned(), server.log()));
    let secrets: Vec<&String> = each().flat_map(|it| &it.secrets).collect();
    assert!(secrets.len() >= 20 && events.lock().unwrap().len() > 1000, "{} secrets", secrets.len());
    let mut leaks = vec![];
    for (path, text) in &shown {
        leaks.extend(secrets.iter().filter(|it| text.contains(it.as_str())).map(|it| format!("{path}: {it}")));
    }
    leaks.extend(on_disk(&server, &secrets));
    assert!(leaks.is_empty(), "{} leaks: {:#?}", leaks.len(), &leaks[..leaks.len().min(30)]);
    println!("{} pages and lists, {} secrets, 0 leaks, {:?}", shown.len(), secrets.len(), began.elapsed());
}

/// Markdown without its code, in which nothing is read as anything else (CommonMark, code spans): what stands between
/// two runs of as many backticks.
fn without_code(text: &str) -> String {
    let (mut outside, mut rest) = (String::new(), text);
    while let Some(begin) = rest.find('`') {
        let (before, from_ticks) = rest.split_at(begin);
        let inside = from_ticks.trim_start_matches('`');
        let ticks = &from_ticks[..from_ticks.len() - inside.len()];
        outside.push_str(before);
        let runs = inside.match_indices(ticks);
        let is_whole =
            |it: &(usize, &str)| !inside[..it.0].ends_with('`') && !inside[it.0 + ticks.len()..].starts_with('`');
        rest = match runs.into_iter().find(is_whole) {
            Some((end, _)) => &inside[end + ticks.len()..],
            None => inside,
        };
    }
    outside + rest
}

/// Secrets that stand in a file of the data directory as they are.
fn on_disk(server: &Server, secrets: &[&String]) -> Vec<String> {
    let mut leaks = vec![];
    let mut folders = vec![server.data_dir()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            let found = secrets.iter().filter(|it| text.contains(it.as_str()));
            leaks.extend(found.map(|it| format!("{}: {it}", entry.path().display())));
        }
    }
    leaks
}
