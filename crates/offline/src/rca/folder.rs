//! Which files of a folder belong to one incident, and what are they? Told by their names, and by their first line where
//! the name says nothing.
//!
//! A folder is an incident if metrics, logs or traces of it lie in it, or in folders that are named after these. Else the
//! folders in it are looked at, and what lies above them (who calls whom, times without a fault) belongs to all.
//! What only tells the answer (`ground_truth.json`, `fault_list.json`, ..) is not read.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use diagnose::case::Symptom;

use super::json_lines;
use crate::bad_input::BadInput;
use crate::input::{Input, unreadable};
use crate::instants;

/// Folders deeper than this below the given one are not looked at.
const MAX_DEPTH: usize = 6;
/// The same numbers under several names, the best first: of these one is read.
const SAME: [&str; 4] = ["simple_data", "data", "simple_metrics", "metrics"];
/// What tells the answer, or nothing.
const IGNORED: &[&str] = &[
    "truth",
    "label",
    "labels",
    "fault",
    "injection",
    "causal",
    "cluster",
    "patterns",
    "traceid",
    "query",
    "record",
    "root",
    "env",
    "conclusion",
    "readme",
    "license",
];
const NORMAL: &[&str] = &["normal", "noissue", "baseline", "usual", "healthy", "faultfree"];
/// Folders that are parts of an incident.
const PARTS: &[&str] =
    &["metric", "metrics", "trace", "traces", "log", "logs", "data", "environment", "context", "telemetry"];
/// Where an alert tells when and where it was.
const ALERT_TIMES: &[&str] = &["fired_at", "startsAt", "starts_at", "timestamp", "time", "at"];
const ALERT_SERVICES: &[&str] = &["service", "node", "service_name"];
const ALERT_METRICS: &[&str] = &["metric", "indicator", "metric_name"];

/// What is known of one incident, by file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Files {
    /// Series around the incident.
    pub metrics: Vec<PathBuf>,
    /// Series that others made of spans or lines, for whoever has not these.
    pub derived: Vec<PathBuf>,
    /// The same as the metrics from a time without a fault.
    pub normal: Vec<PathBuf>,
    /// Log lines.
    pub logs: Vec<PathBuf>,
    /// Log lines from a time without a fault.
    pub normal_logs: Vec<PathBuf>,
    /// Spans.
    pub traces: Vec<PathBuf>,
    /// Spans from a time without a fault.
    pub normal_traces: Vec<PathBuf>,
    /// Files or folders of changes.
    pub changes: Vec<PathBuf>,
    /// Who calls whom.
    pub graph: Option<PathBuf>,
    /// When it was noticed, milliseconds since 1970.
    pub at: Option<i64>,
    /// Where it was noticed.
    pub symptom: Option<Symptom>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Metrics,
    /// Series that others made of spans or lines.
    Derived,
    Logs,
    Traces,
    Changes,
    Graph,
    At,
    Alert,
}

/// The incidents of a path with their names: the file itself, the folder, or the folders in it.
///
/// # Errors
/// If nothing of an incident lies there, or a folder cannot be read.
pub fn find(path: &Path) -> Result<Vec<(String, Files)>, BadInput> {
    if !path.is_dir() {
        let mut files = Files::default();
        // Whoever names a file means it, whatever it is called.
        files.add(role_of(path)?.unwrap_or(Role::Metrics), false, path)?;
        return Ok(vec![(path.display().to_string(), files)]);
    }
    let mut found = vec![];
    below(path, 0, &shared(path)?, &mut found)?;
    if found.is_empty() {
        let name = path.display().to_string();
        let advice =
            "give a folder with files such as metrics.csv, logs.ndjson, traces.json, or name them: --metrics FILE";
        return Err(BadInput::of_file(&name, "no metrics, logs or traces lie in it", advice));
    }
    Ok(found)
}

/// What lies above one of several incidents and belongs to all of them, as PetShop has it: who calls whom, beside a folder
/// of a time without an issue.
fn shared(path: &Path) -> Result<Files, BadInput> {
    let mut files = Files::default();
    for above in path.ancestors().skip(1).take(2).filter(|it| it.join("noissue").is_dir()) {
        gather(&above.join("noissue"), false, &mut files)?;
        for it in entries(above)?.iter().filter(|it| it.is_file()) {
            if role_of(it)? == Some(Role::Graph) {
                files.graph = Some(it.clone());
            }
        }
    }
    Ok(files)
}

fn below(folder: &Path, depth: usize, above: &Files, found: &mut Vec<(String, Files)>) -> Result<(), BadInput> {
    let mut files = above.clone();
    gather(folder, depth == 0, &mut files)?;
    let all = [&files.metrics, &files.logs, &files.traces, &files.derived];
    if all.iter().any(|it| !it.is_empty()) {
        files.keep_one_of_the_same();
        found.push((folder.display().to_string(), files));
        return Ok(());
    }
    if depth < MAX_DEPTH {
        for it in entries(folder)?.iter().filter(|it| it.is_dir() && !is_part(it)) {
            below(it, depth + 1, &files, found)?;
        }
    }
    Ok(())
}

/// The files of a folder, and of those in it that are parts of it.
fn gather(folder: &Path, is_given: bool, files: &mut Files) -> Result<(), BadInput> {
    let is_normal = !is_given && has_word(folder, NORMAL);
    for it in entries(folder)? {
        if it.is_dir() {
            if has_word(&it, &["context", "changes"]) {
                files.changes.push(it);
            } else if is_part(&it) {
                gather(&it, false, files)?;
            }
            continue;
        }
        if let Some(role) = role_of(&it)? {
            files.add(role, is_normal || has_word(&it, NORMAL), &it)?;
        }
    }
    Ok(())
}

fn is_part(folder: &Path) -> bool {
    has_word(folder, PARTS) && words(folder).len() == 1 || has_word(folder, NORMAL)
}

impl Files {
    fn add(&mut self, role: Role, is_normal: bool, path: &Path) -> Result<(), BadInput> {
        let path = path.to_owned();
        match (role, is_normal) {
            (Role::Metrics, false) => self.metrics.push(path),
            (Role::Metrics, true) => self.normal.push(path),
            (Role::Derived, _) => self.derived.push(path),
            (Role::Logs, false) => self.logs.push(path),
            (Role::Logs, true) => self.normal_logs.push(path),
            (Role::Traces, false) => self.traces.push(path),
            (Role::Traces, true) => self.normal_traces.push(path),
            (Role::Changes, _) => self.changes.push(path),
            (Role::Graph, _) => self.graph = Some(path),
            (Role::At, _) => self.at = Some(time_in(&path)?),
            (Role::Alert, _) => self.read_alert(&path)?,
        }
        Ok(())
    }

    /// What else is told beside: more files, and what is told of time and place counts more.
    pub fn extend(&mut self, other: Self) {
        self.metrics.extend(other.metrics);
        self.derived.extend(other.derived);
        self.normal.extend(other.normal);
        self.logs.extend(other.logs);
        self.normal_logs.extend(other.normal_logs);
        self.traces.extend(other.traces);
        self.normal_traces.extend(other.normal_traces);
        self.changes.extend(other.changes);
        self.graph = other.graph.or(self.graph.take());
        self.at = other.at.or(self.at);
        self.symptom = other.symptom.or(self.symptom.take());
    }

    fn keep_one_of_the_same(&mut self) {
        let stem = |it: &PathBuf| stem(&name_of(it));
        let Some(best) = SAME.iter().find(|same| self.metrics.iter().any(|it| stem(it) == **same)) else { return };
        let mut is_first = true;
        self.metrics.retain(|it| {
            let name = stem(it);
            let is_kept = !SAME.contains(&name.as_str()) || name == *best && is_first;
            is_first &= name != *best;
            is_kept
        });
    }

    fn read_alert(&mut self, path: &Path) -> Result<(), BadInput> {
        let (name, bytes) = Input::open(path)?.read_all()?;
        let records = json_lines::read(&name, &bytes)?;
        let Some(alert) = records.first().map(|it| it.1.get("target").unwrap_or(&it.1)) else { return Ok(()) };
        self.at = json_lines::text(alert, ALERT_TIMES).and_then(|it| instants::of_text(&it)).or(self.at);
        let service = json_lines::text(alert, ALERT_SERVICES).filter(|it| !it.is_empty());
        let indicator = json_lines::text(alert, ALERT_METRICS);
        self.symptom = service.map(|service| Symptom { service, indicator }).or(self.symptom.take());
        Ok(())
    }
}

/// The time in a file that holds nothing else.
fn time_in(path: &Path) -> Result<i64, BadInput> {
    let (name, bytes) = Input::open(path)?.read_all()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    let advice = "write it as 2024-05-01T00:30:00Z or as a number since 1970";
    instants::of_text(text).ok_or_else(|| BadInput::of_line(&name, 1, "no time is in it", advice))
}

/// What a file is; `None` for what is none of an incident's.
fn role_of(path: &Path) -> Result<Option<Role>, BadInput> {
    let name = name_of(path);
    let bare = name.strip_suffix(".gz").unwrap_or(&name);
    let ending = bare.rsplit_once('.').map_or("", |it| it.1);
    let is_json = matches!(ending, "json" | "ndjson" | "jsonl");
    let has = |known: &[&str]| has_word(path, known);
    if stem(&name).replace('_', "") == "injecttime" {
        return Ok(Some(Role::At));
    }
    if !is_json && !matches!(ending, "csv" | "tsv" | "parquet") || has(IGNORED) {
        return Ok(None);
    }
    let role = if has(&["tracets", "logts"]) {
        Role::Derived
    } else if has(&["alert", "target", "incident"]) && is_json {
        Role::Alert
    } else if has(&["trace", "traces", "span", "spans"]) {
        Role::Traces
    } else if has(&["log", "logs", "line", "lines"]) {
        Role::Logs
    } else if has(&["change", "changes", "deploy", "deploys", "deployments", "commits", "flags", "events", "feed"])
        && is_json
    {
        Role::Changes
    } else if has(&["graph", "calls", "callgraph", "topology", "dependency", "dependencies"]) {
        Role::Graph
    } else if has(&["metric", "metrics", "data"]) {
        Role::Metrics
    } else {
        return by_first_line(path, is_json, ending == "parquet");
    };
    Ok(Some(role))
}

/// By the names of fields in the first line.
fn by_first_line(path: &Path, is_json: bool, is_binary: bool) -> Result<Option<Role>, BadInput> {
    if is_binary {
        return Ok(Some(Role::Metrics));
    }
    let mut input = Input::open(path)?;
    let mut line = vec![];
    input.bytes.read_until(b'\n', &mut line).map_err(|error| unreadable(&input.name, &error))?;
    let line = String::from_utf8_lossy(&line).to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|it| line.contains(it));
    if has(&["resourcespans", "spanid", "span_id"]) && has(&["resourcespans", "duration", "end", "parent"]) {
        return Ok(Some(Role::Traces));
    }
    if has(&["resourcelogs", "message", "\"msg\"", ",msg", "body"]) {
        return Ok(Some(Role::Logs));
    }
    let is_graph = line.trim_start_matches('\u{feff}').split(',').any(|it| ["caller", "source"].contains(&it.trim()));
    if is_graph && !is_json {
        return Ok(Some(Role::Graph));
    }
    Ok((!is_json).then_some(Role::Metrics))
}

/// Words of a file's or folder's name in small letters.
fn words(path: &Path) -> Vec<String> {
    let name = stem(&name_of(path)).to_ascii_lowercase();
    name.split(|it: char| !it.is_ascii_alphanumeric()).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn has_word(path: &Path, known: &[&str]) -> bool {
    words(path).iter().any(|it| known.contains(&it.as_str()))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A name without its endings.
fn stem(name: &str) -> String {
    let bare = name.strip_suffix(".gz").unwrap_or(name);
    bare.rsplit_once('.').map_or(bare, |it| it.0).to_ascii_lowercase()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, BadInput> {
    let name = folder.display().to_string();
    let read = std::fs::read_dir(folder).map_err(|error| unreadable(&name, &error))?;
    let is_hidden = |it: &PathBuf| name_of(it).starts_with('.');
    let mut paths: Vec<PathBuf> = read.filter_map(|it| Some(it.ok()?.path())).filter(|it| !is_hidden(it)).collect();
    // `2` before `10`.
    paths.sort_by_key(|it| (name_of(it).parse::<u64>().unwrap_or(u64::MAX), it.clone()));
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is removed with it.
    struct Made(PathBuf);

    impl Made {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let folder = std::env::temp_dir().join(format!("sentinel-{name}-{}", std::process::id()));
            for (file, text) in files {
                let path = folder.join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Self(folder)
        }

        fn names(&self, paths: &[PathBuf]) -> Vec<String> {
            let below = |it: &PathBuf| it.strip_prefix(&self.0).unwrap().display().to_string();
            paths.iter().map(below).collect()
        }
    }

    impl Drop for Made {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// Guarantees: MUST 840 of docs/specs/diagnosis.md.
    #[test]
    fn files_are_known_by_name_or_first_line_and_the_answer_is_not_read() {
        let made = Made::new(
            "one",
            &[
                ("environment/data/metrics.csv", "time,a_cpu\n1,2\n"),
                ("environment/data/alert.json", r#"{"fired_at":"2026-01-01T00:00:00Z","service":"a","metric":"p99"}"#),
                ("environment/data/said.ndjson", "{\"msg\":\"x\",\"timestamp\":1}\n"),
                ("environment/data/context/deploys.json", "[]"),
                ("environment/data/steps.csv", "trace_id,span_id,parent_id,service,start,duration_ms\n"),
                ("normal/metrics.csv.gz", "time,a_cpu\n1,2\n"),
                ("ground_truth.json", "{}"),
                ("README.md", "words"),
            ],
        );
        let found = find(&made.0).unwrap();
        let [(_, files)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(made.names(&files.metrics), ["environment/data/metrics.csv"]);
        assert_eq!(made.names(&files.normal), ["normal/metrics.csv.gz"]);
        assert_eq!(made.names(&files.logs), ["environment/data/said.ndjson"]);
        assert_eq!(made.names(&files.traces), ["environment/data/steps.csv"]);
        assert_eq!(made.names(&files.changes), ["environment/data/context"]);
        assert_eq!(files.at, Some(1_767_225_600_000));
        assert_eq!(files.symptom.as_ref().map(|it| it.service.as_str()), Some("a"));
    }

    /// Guarantees: MUST 840 of docs/specs/diagnosis.md.
    #[test]
    fn folders_of_incidents_share_what_lies_above_them() {
        let made = Made::new(
            "many",
            &[
                ("graph.csv", "caller,callee\na,b\n"),
                ("noissue/metrics.csv", "time,a_cpu\n1,2\n"),
                ("cart_cpu/10/data.csv", "time,a_cpu\n1,2\n"),
                ("cart_cpu/2/simple_metrics.csv", "time,a_cpu\n1,2\n"),
                ("cart_cpu/2/metrics.csv", "time,a_cpu\n1,2\n"),
                ("cart_cpu/2/traces.csv", "traceID,spanID\n"),
                ("cart_cpu/2/tracets_lat.csv", "time,a_x\n"),
                ("cart_cpu/2/inject_time.txt", "\u{feff}1700000000\r\n"),
                ("cart_cpu/2/cluster_info.json", "{}"),
            ],
        );
        let found = find(&made.0).unwrap();
        let of_one = find(&made.0.join("cart_cpu/10")).unwrap();
        assert_eq!(of_one.len(), 1);
        assert_eq!((of_one[0].1.normal.len(), of_one[0].1.graph.is_some()), (1, true), "also if one alone is named");
        let [(second, files), (tenth, of_tenth)] = found.as_slice() else { panic!("{found:?}") };
        assert!(second.ends_with("2") && tenth.ends_with("10"), "{second} {tenth}");
        assert_eq!(made.names(&files.metrics), ["cart_cpu/2/simple_metrics.csv"], "the same numbers are read once");
        assert_eq!(made.names(&files.derived), ["cart_cpu/2/tracets_lat.csv"]);
        assert_eq!(files.at, Some(1_700_000_000_000));
        assert_eq!((files.normal.len(), of_tenth.graph.is_some()), (1, true));
    }

    /// Guarantees: MUST 840 of docs/specs/diagnosis.md.
    #[test]
    fn nothing_and_no_time_are_told() {
        let made = Made::new("none", &[("notes.txt", "x")]);
        assert!(find(&made.0).unwrap_err().to_string().contains("no metrics, logs or traces lie in it"));
        let made = Made::new("time", &[("data.csv", "time,a_cpu\n1,2\n"), ("inject_time.txt", "noon\n")]);
        assert!(find(&made.0).unwrap_err().to_string().contains("inject_time.txt, line 1: no time is in it"));
    }
}
