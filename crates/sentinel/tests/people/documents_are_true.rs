//! Is what the book and the API's description say true? Configurations that can be pasted, command lines with options
//! that exist, metrics that are told, and answers of the kinds that are described.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::offline::{sentinel, stderr, stdout};
use crate::support::server::{Folder, QUIET, Server};

/// Where a block of YAML begins that is for another program.
const OF_OTHERS: [&str; 15] = [
    "alerting",
    "annotations",
    "apiVersion",
    "clients",
    "drift_share",
    "exporters",
    "groups",
    "jsonData",
    "model",
    "name",
    "query",
    "receivers",
    "remote_write",
    "scrape_configs",
    "spec",
];
/// Complaints that say something of this machine, or of how this binary was built, and nothing of the configuration.
const OF_THE_MACHINE: [&str; 4] = ["No such file", "is not a folder", "has no config.json", "needs a build with"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All pages, each with its name.
fn pages() -> Vec<(String, String)> {
    let mut found = vec![];
    let mut folders = vec![root().join("docs/book/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                found.push((
                    path.file_name().unwrap().to_string_lossy().into_owned(),
                    fs::read_to_string(&path).unwrap(),
                ));
            }
        }
    }
    found.push(("README.md".to_owned(), fs::read_to_string(root().join("README.md")).unwrap()));
    found.sort();
    assert!(found.len() > 50, "{}", found.len());
    found
}

/// Blocks of code of a page: the language, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// Scenario: each block of YAML in the book that is ours is given to `sentinel check` as it stands.
#[test]
fn configurations_of_the_book_can_be_pasted() {
    let folder = Folder::new("book-configurations");
    let (mut wrong, mut n_checked) = (vec![], 0);
    for (page, text) in pages() {
        for (_, yaml) in blocks(&text).into_iter().filter(|it| it.0 == "yaml") {
            let first = yaml.lines().find(|it| !it.trim_start().starts_with('#') && !it.trim().is_empty());
            let key = first.and_then(|it| it.split(':').next()).unwrap_or_default().trim();
            if OF_OTHERS.contains(&key) {
                continue;
            }
            n_checked += 1;
            let file = folder.write("pasted.yaml", &yaml);
            let checked = sentinel(&["check", "--config", file.to_str().unwrap()]);
            let complaints = stdout(&checked) + &stderr(&checked);
            let is_ours =
                |it: &&str| it.starts_with("configuration:") && !OF_THE_MACHINE.iter().any(|known| it.contains(known));
            wrong.extend(complaints.lines().filter(is_ours).map(|it| format!("{page}: {key}: {it}")));
        }
    }
    assert!(n_checked > 40, "{n_checked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What `--help` says of a command; empty if there is none of this name.
fn help(commands: &[&str]) -> String {
    let mut arguments = commands.to_vec();
    arguments.push("--help");
    let shown = sentinel(&arguments);
    if shown.status.success() { stdout(&shown) } else { String::new() }
}

/// Scenario: each line of code in the book that runs Sentinel names a command and options that exist.
#[test]
fn command_lines_of_the_book_have_these_options() {
    let mut known: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let (mut wrong, mut n_checked) = (BTreeSet::new(), 0);
    for (page, text) in pages() {
        let lines = blocks(&text)
            .into_iter()
            .flat_map(|it| it.1.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>());
        for line in lines.filter(|it| it.trim_start().starts_with("sentinel ")) {
            let line = line.split(" && ").next().unwrap().split("  ").next().unwrap();
            let words: Vec<&str> = line.split_whitespace().skip(1).collect();
            let is_word =
                |it: &&&str| it.chars().all(|it| it.is_ascii_lowercase() || it == '-') && !it.starts_with('-');
            let mut commands: Vec<&str> = words.iter().take_while(is_word).take(2).copied().collect();
            let said = loop {
                let key = commands.iter().map(|it| (*it).to_owned()).collect();
                let said = known.entry(key).or_insert_with(|| help(&commands)).clone();
                if !said.is_empty() || commands.len() <= 1 {
                    break said;
                }
                commands.pop();
            };
            n_checked += 1;
            for option in words.iter().filter(|it| it.starts_with("--")).map(|it| it.split('=').next().unwrap()) {
                let is_there = said.split(|it: char| !it.is_ascii_alphanumeric() && it != '-').any(|it| it == option);
                if !is_there {
                    wrong.insert(format!("{page}: {line}: {option}"));
                }
            }
            if said.is_empty() {
                wrong.insert(format!("{page}: {line}"));
            }
        }
    }
    assert!(n_checked > 60, "{n_checked}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Names of metrics in the table of a page.
fn listed(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|it| it.strip_prefix("| `"));
    rows.filter_map(|it| it.split(['`', '{']).next()).map(str::to_owned).collect()
}

/// The text of all sources of ours.
fn sources() -> String {
    let mut text = String::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" && name != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                text.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    text
}

/// Scenario: a server tells its metrics; the page has each of them, and nothing that no source knows.
#[test]
fn metrics_of_the_book_are_told() {
    let page = listed(&fs::read_to_string(root().join("docs/book/src/metrics.md")).unwrap());
    let server = Server::start("book-metrics", QUIET);
    let told = server.get("/metrics").text();
    let told: BTreeMap<&str, &str> =
        told.lines().filter_map(|it| it.strip_prefix("# HELP ")?.split_once(' ')).collect();
    let missing: Vec<String> = told
        .iter()
        .filter(|it| !page.contains(*it.0))
        .map(|(name, help)| format!("| `{name}` | | {} |", help.trim_end_matches('.')))
        .collect();
    assert!(missing.is_empty(), "docs/book/src/metrics.md lacks\n{}", missing.join("\n"));
    let sources = sources();
    let is_known = |it: &&String| ["", "_count"].iter().any(|end| sources.contains(&format!("\"{it}{end}\"")));
    let unknown: Vec<&String> = page.iter().filter(|it| !is_known(it)).collect();
    assert!(unknown.is_empty(), "docs/book/src/metrics.md has {unknown:?}");
    assert!(page.len() > 250, "{}", page.len());
}

/// One operation of the description.
struct Operation {
    document: Value,
    path: String,
    method: String,
}

impl Operation {
    fn value(&self) -> &Value {
        &self.document["paths"][&self.path][&self.method]
    }

    /// What is wrong with an answer: a status or a content type that is not described.
    fn complaint(&self, status: u16, kind: &str) -> Option<String> {
        let mut described = &self.value()["responses"][status.to_string()];
        if let Some(target) = described["$ref"].as_str() {
            described = self.document.pointer(target.trim_start_matches('#'))?;
        }
        if described.is_null() {
            return Some(format!("{status} is not described"));
        }
        let kinds = described["content"].as_object()?;
        let kind = kind.split(';').next().unwrap_or_default();
        let is_known = kind.is_empty() || kinds.keys().any(|it| it.split(';').next() == Some(kind));
        (!is_known).then(|| format!("{status} comes as {kind}, described is {:?}", kinds.keys().collect::<Vec<_>>()))
    }
}

fn operations(server: &Server) -> Vec<Operation> {
    let document = server.get_json("/openapi.json");
    let paths = document["paths"].as_object().unwrap().clone();
    let all = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |it| (path.clone(), it.clone())));
    let wanted =
        all.filter(|(path, method)| ["get", "post"].contains(&method.as_str()) && path != "/sentinel/v1/events");
    wanted.map(|(path, method)| Operation { document: document.clone(), path, method }).collect()
}

/// What is asked in words, the path, the headers and the body.
type Asked<'a> = (&'a str, String, Vec<(&'a str, &'a str)>, &'a [u8]);

/// The path with something that does not exist in each place.
fn filled(path: &str) -> String {
    path.split('/').map(|it| if it.starts_with('{') { "nobody-7" } else { it }).collect::<Vec<_>>().join("/")
}

/// Scenario: each path is asked for what does not exist, with a parameter that does not exist, with bodies that cannot be
/// read, of a kind that is not taken, and from another site.
/// Guarantees: MUST 865 of docs/specs/query-api.md.
#[test]
fn answers_are_of_the_described_kinds_also_where_the_request_is_wrong() {
    let server = Server::start("described", QUIET);
    let mut wrong = vec![];
    let mut n_asked = 0;
    for it in operations(&server) {
        let path = filled(&it.path);
        let kind = it.value()["requestBody"]["content"].as_object().and_then(|it| it.keys().next().cloned());
        let kind = kind.unwrap_or_else(|| "application/json".to_owned());
        let of = |kind: &'static str| ("content-type", kind);
        let asked: Vec<Asked<'_>> = match it.method.as_str() {
            "get" => vec![
                ("nothing there", path.clone(), vec![], b""),
                ("unknown parameter", format!("{path}?nonsense=1"), vec![], b""),
            ],
            _ => vec![
                ("unreadable body", path.clone(), vec![("content-type", &kind)], b"{nope"),
                ("empty object", path.clone(), vec![("content-type", &kind)], b"{}"),
                ("other kind of body", path.clone(), vec![of("image/png")], b"{}"),
                ("another site", path.clone(), vec![("content-type", &kind), ("origin", "http://evil.example")], b"{}"),
            ],
        };
        for (what, path, headers, body) in asked {
            n_asked += 1;
            let answer = server.send(&it.method.to_uppercase(), &path, &headers, body);
            let complaint = it.complaint(answer.status, answer.header("content-type").unwrap_or_default());
            wrong.extend(complaint.map(|said| format!("{} {path} ({what}): {said}: {}", it.method, answer.text())));
        }
    }
    assert!(n_asked > 250, "{n_asked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Scenario: the bodies that the description gives as examples are sent; none of them is unreadable.
#[test]
fn bodies_of_the_description_are_understood() {
    let server = Server::start("examples", QUIET);
    let mut n_sent = 0;
    for it in operations(&server).into_iter().filter(|it| it.method == "post") {
        let contents = it.value()["requestBody"]["content"].as_object().cloned().unwrap_or_default();
        for (kind, content) in contents.iter().filter(|it| it.0.ends_with("json")) {
            let named = content["examples"].as_object().into_iter().flat_map(|it| it.values().map(|it| &it["value"]));
            for example in named.chain(content.get("example")) {
                n_sent += 1;
                let headers = [("content-type", kind.as_str())];
                let answer = server.send("POST", &filled(&it.path), &headers, example.to_string().as_bytes());
                // What it is about may not be there, or not be configured; the body itself is as it must be.
                assert!(![400, 415].contains(&answer.status), "{} {example}: {}", it.path, answer.text());
                let said = it.complaint(answer.status, answer.header("content-type").unwrap_or_default());
                assert_eq!(said, None, "{} {example}: {}", it.path, answer.text());
            }
        }
    }
    assert!(n_sent > 20, "{n_sent}");
    let lesson = json!({"from": 1, "to": 3});
    let document = server.get_json("/openapi.json");
    let example =
        document.pointer("/paths/~1sentinel~1v1~1feedback/get/responses/200/content/application~1json/example/items/0");
    assert_eq!(example.map(|it| &it["effects"][0]["target"]["hours"]), Some(&lesson));
}
