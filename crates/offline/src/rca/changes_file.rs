//! How do files of changes become changes? JSON: an array of deploys, commits, flags or events, or an object of these.

use std::collections::BTreeMap;
use std::path::Path;

use diagnose::case::{Change, ChangeKind};
use serde_json::Value;

use super::json_lines;
use crate::bad_input::BadInput;
use crate::input::Input;
use crate::instants;

const TIME: &[&str] = &["timestamp", "time", "started_at", "at", "date", "deployed_at", "created_at"];
const SERVICE: &[&str] = &["service", "service_name", "component", "app", "region"];
const ID: &[&str] = &["commit_sha", "sha", "commit", "flag", "key", "id", "version", "name"];
const TITLE: &[&str] = &["message", "title", "change", "description", "summary", "detail"];

/// The changes of a file, or of all JSON files of a folder. Deploys get title, files and diff of their commit.
///
/// # Errors
/// At the first record that is no change.
pub fn read(path: &Path) -> Result<Vec<Change>, BadInput> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries =
            std::fs::read_dir(path).map_err(|error| crate::input::unreadable(&path.display().to_string(), &error))?;
        files = entries
            .filter_map(|it| Some(it.ok()?.path()))
            .filter(|it| it.extension().is_some_and(|it| it == "json"))
            .collect();
        files.sort();
    }
    let mut changes = vec![];
    for file in files {
        let (name, bytes) = Input::open(&file)?.read_all()?;
        changes.extend(parse(&name, &bytes)?);
    }
    join_commits(&mut changes);
    Ok(changes)
}

/// The changes in a file's bytes.
///
/// # Errors
/// At the first record that is no change.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Change>, BadInput> {
    let mut changes = vec![];
    for (line, value) in json_lines::read(file, bytes)? {
        let lists = ["deploys", "commits", "flags", "events", "changes", "config"];
        let found: Vec<&Value> = lists.iter().filter_map(|it| value.get(*it)).filter(|it| it.is_array()).collect();
        if found.is_empty() {
            changes.extend(of_object(file, line, &value)?);
        }
        for one in found.into_iter().filter_map(Value::as_array).flatten() {
            changes.extend(of_object(file, line, one)?);
        }
    }
    Ok(changes)
}

/// One change; `None` for a provider that is well.
fn of_object(file: &str, line: u64, value: &Value) -> Result<Option<Change>, BadInput> {
    let text = |names: &[&str]| json_lines::text(value, names);
    let time = text(TIME).and_then(|it| instants::of_text(&it));
    let time = time.ok_or_else(|| json_lines::lacks(file, line, "a change", "timestamp"))?;
    let kind = kind(value);
    let status = text(&["status"]).unwrap_or_default().to_ascii_lowercase();
    let is_well = ["operating-normally", "operational", "resolved", "ok", "healthy"].contains(&status.as_str());
    if kind == ChangeKind::Outage && is_well {
        return Ok(None);
    }
    let files = value.get("files_changed").or_else(|| value.get("files")).and_then(Value::as_array);
    let files = files.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(Some(Change {
        id: text(ID).ok_or_else(|| json_lines::lacks(file, line, "a change", "id"))?,
        kind,
        time,
        service: text(SERVICE).unwrap_or_default(),
        title: text(TITLE).unwrap_or_default(),
        files,
        diff: text(&["diff", "patch"]).unwrap_or_default(),
    }))
}

/// By `kind`, or by the fields that only one kind has.
fn kind(value: &Value) -> ChangeKind {
    let has = |key: &str| value.get(key).is_some();
    match value.get("kind").or_else(|| value.get("type")).and_then(Value::as_str) {
        Some("deploy" | "deployment" | "release") => return ChangeKind::Deploy,
        Some("commit") => return ChangeKind::Commit,
        Some("flag" | "feature_flag") => return ChangeKind::Flag,
        Some("config" | "configuration") => return ChangeKind::Config,
        Some("outage" | "status") => return ChangeKind::Outage,
        _ => {}
    }
    if has("flag") {
        ChangeKind::Flag
    } else if has("sha") || has("author") || has("files_changed") {
        ChangeKind::Commit
    } else if has("status") && (has("started_at") || has("region")) {
        ChangeKind::Outage
    } else {
        ChangeKind::Deploy
    }
}

/// Deploys name a commit; what that did stands with the commit.
pub fn join_commits(changes: &mut [Change]) {
    let commits: BTreeMap<String, Change> =
        changes.iter().filter(|it| it.kind == ChangeKind::Commit).map(|it| (it.id.clone(), it.clone())).collect();
    for it in changes.iter_mut().filter(|it| it.kind == ChangeKind::Deploy) {
        if let Some(commit) = commits.get(&it.id) {
            it.title.clone_from(&commit.title);
            it.files.clone_from(&commit.files);
            it.diff.clone_from(&commit.diff);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deploys_know_what_their_commit_did() {
        let text = br#"{"deploys":[{"timestamp":"2026-01-01T00:00:00Z","service":"pay","commit_sha":"abc","version":"v2"}],
            "commits":[{"sha":"abc","timestamp":"2026-01-01T00:00:00Z","message":"fix: x","files_changed":["a.go"],"diff":"+y"}],
            "flags":[{"timestamp":"2026-01-01T00:00:00Z","flag":"f","service":"pay","change":"off->on"}]}"#;
        let mut changes = parse("c.json", text).unwrap();
        join_commits(&mut changes);
        let kinds: Vec<ChangeKind> = changes.iter().map(|it| it.kind).collect();
        assert_eq!(kinds, [ChangeKind::Deploy, ChangeKind::Commit, ChangeKind::Flag]);
        assert_eq!((changes[0].id.as_str(), changes[0].diff.as_str()), ("abc", "+y"));
    }

    #[test]
    fn a_record_without_what_is_needed_is_told() {
        let message = parse("c.json", b"[{\"id\":\"x\"}]").unwrap_err().to_string();
        assert!(message.starts_with("c.json, line 1: a change has no timestamp"), "{message}");
    }
}
