//! What do rule files say? Groups of rules in the format of Prometheus, with every problem named:
//! <https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/>.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::config::RulesConfig;
use super::template::Template;

/// Rules that are evaluated together, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub name: String,
    pub file: String,
    pub interval_secs: f64,
    /// Evaluated for so long ago.
    pub offset_millis: i64,
    /// Most series or alerts of one rule; 0 for any number.
    pub limit: usize,
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The series or the alert.
    pub name: String,
    pub query: String,
    pub labels: BTreeMap<String, Template>,
    /// None for rules that record.
    pub alert: Option<Alert>,
}

/// What only rules that alert have.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub for_millis: i64,
    pub keep_firing_millis: i64,
    pub annotations: BTreeMap<String, Template>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    groups: Vec<RawGroup<RawRule>>,
}

/// A group whose rules are read already, or not yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup<R> {
    name: String,
    interval: Option<String>,
    query_offset: Option<String>,
    #[serde(default)]
    limit: usize,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default = "Vec::new")]
    rules: Vec<R>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    record: Option<String>,
    alert: Option<String>,
    expr: Option<String>,
    #[serde(rename = "for")]
    for_: Option<String>,
    keep_firing_for: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Reads all files; the problems of all of them.
pub fn load(config: &RulesConfig) -> (Vec<Group>, Vec<String>) {
    let (mut groups, mut problems) = (vec![], vec![]);
    for pattern in &config.files {
        match expanded(pattern) {
            Ok(files) if files.is_empty() => problems.push(format!("rules.files: no file is {}", pattern.display())),
            Ok(files) => files.iter().for_each(|it| read(it, config, &mut groups, &mut problems)),
            Err(error) => problems.push(format!("rules.files: cannot list {}: {error}", pattern.display())),
        }
    }
    (groups, problems)
}

/// The files of a path whose last part may have `*`, in order of name.
fn expanded(pattern: &Path) -> std::io::Result<Vec<PathBuf>> {
    let name = pattern.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains('*') {
        return Ok(if pattern.is_file() { vec![pattern.to_owned()] } else { vec![] });
    }
    let folder = pattern.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files = vec![];
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_wanted = path.file_name().is_some_and(|it| fits(&name, &it.to_string_lossy()));
        if is_wanted && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// True if `*` of the pattern can stand for what is between its other parts.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or("");
    for part in parts {
        let Some((_, behind)) = name.split_once(part) else { return false };
        name = behind;
    }
    name.ends_with(last)
}

fn read(path: &Path, config: &RulesConfig, groups: &mut Vec<Group>, problems: &mut Vec<String>) {
    let file = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(it) => it,
        Err(error) => return problems.push(format!("{file}: cannot read it: {error}")),
    };
    let (mut found, mut wrong) = parse(&text, &file, config);
    groups.append(&mut found);
    problems.append(&mut wrong);
}

/// Reads the text of a file.
pub fn parse(text: &str, file: &str, config: &RulesConfig) -> (Vec<Group>, Vec<String>) {
    let mut problems = vec![];
    let tree = match serde_saphyr::from_str::<Value>(text) {
        Ok(it) => it,
        Err(error) => return (vec![], vec![format!("{file}: not YAML: {error}")]),
    };
    let known = tree.as_object().map(|it| it.keys().all(|it| it == "groups"));
    let Some(raw) = tree.get("groups").and_then(Value::as_array).filter(|_| known == Some(true)) else {
        return (vec![], vec![format!("{file}: only the key `groups` with a list is known")]);
    };
    // Read at once, a label such as `y` or `1.0` keeps its letters. With a mistake somewhere each part is read by
    // itself, so that none hides the next.
    let raw = match serde_saphyr::from_str::<RawFile>(text) {
        Ok(it) => it.groups,
        Err(error) => {
            let read = one_by_one(raw, file, &mut problems);
            if problems.is_empty() {
                problems.push(format!("{file}: {error}"));
            }
            read
        }
    };
    let (mut groups, mut names) = (vec![], BTreeSet::new());
    for raw in raw {
        let at = format!("{file}: group {:?}", raw.name);
        if raw.name.is_empty() || !names.insert(raw.name.clone()) {
            problems.push(format!("{at}: a name that is not empty and not that of another group is needed"));
        }
        groups.push(group(raw, file, &at, config, &mut problems));
    }
    (groups, problems)
}

/// The groups and rules that can be read, and the problems of the others.
fn one_by_one(raw: &[Value], file: &str, problems: &mut Vec<String>) -> Vec<RawGroup<RawRule>> {
    let mut groups = vec![];
    for (idx, raw) in raw.iter().enumerate() {
        let group = match serde_json::from_value::<RawGroup<Value>>(raw.clone()) {
            Ok(it) => it,
            Err(error) => {
                problems.push(format!("{file}: group {}: {error}", idx + 1));
                continue;
            }
        };
        let mut rules = vec![];
        for (idx, rule) in group.rules.iter().enumerate() {
            match serde_json::from_value(texts(rule)) {
                Ok(it) => rules.push(it),
                Err(error) => problems.push(format!("{file}: group {:?}, rule {}: {error}", group.name, idx + 1)),
            }
        }
        let RawGroup { name, interval, query_offset, limit, labels, .. } = group;
        groups.push(RawGroup { name, interval, query_offset, limit, labels, rules });
    }
    groups
}

/// The same with texts for numbers and truths: all that rules have are texts.
fn texts(value: &Value) -> Value {
    match value {
        Value::Number(_) | Value::Bool(_) => Value::String(value.to_string()),
        Value::Object(map) => Value::Object(map.iter().map(|(key, it)| (key.clone(), texts(it))).collect()),
        other => other.clone(),
    }
}

fn group(raw: RawGroup<RawRule>, file: &str, at: &str, config: &RulesConfig, problems: &mut Vec<String>) -> Group {
    let interval = length(raw.interval.as_deref(), &format!("{at}: interval"), problems);
    let rules = raw.rules.into_iter().enumerate();
    let rules =
        rules.filter_map(|(idx, it)| rule(it, &raw.labels, &format!("{at}, rule {}", idx + 1), problems)).collect();
    Group {
        file: file.to_owned(),
        interval_secs: if interval > 0 { interval as f64 / 1000.0 } else { config.interval_secs as f64 },
        offset_millis: length(raw.query_offset.as_deref(), &format!("{at}: query_offset"), problems),
        limit: raw.limit,
        name: raw.name,
        rules,
    }
}

fn rule(raw: RawRule, shared: &BTreeMap<String, String>, at: &str, problems: &mut Vec<String>) -> Option<Rule> {
    let (name, is_alert) = match (raw.record, raw.alert) {
        (Some(name), None) => (name, false),
        (None, Some(name)) => (name, true),
        _ => {
            problems.push(format!("{at}: exactly one of `record` and `alert` is needed"));
            return None;
        }
    };
    let at = format!("{at} ({name:?})");
    if name.is_empty() || (!is_alert && name.contains(['{', '}'])) {
        problems.push(format!("{at}: not a name of a {}", if is_alert { "rule" } else { "series" }));
    }
    let query = raw.expr.unwrap_or_default();
    if let Err(error) = promql::parse(&query) {
        problems.push(format!("{at}: expr: {}", error.describe(&query)));
    }
    let mut templates = |all: BTreeMap<String, String>, what: &str| -> BTreeMap<String, Template> {
        let one = |(key, text): (String, String)| {
            let is_good = !key.is_empty() && key != "__name__";
            if !is_good {
                problems.push(format!("{at}: {what}: {key:?} is not a name of a label"));
            }
            match Template::parse(&text) {
                Ok(it) => Some((key, it)),
                Err(error) => {
                    problems.push(format!("{at}: {what}.{key}: {error}"));
                    None
                }
            }
        };
        all.into_iter().filter_map(one).collect()
    };
    let mut labels = shared.clone();
    labels.extend(raw.labels);
    let labels = templates(labels, "labels");
    let annotations = templates(raw.annotations, "annotations");
    let for_millis = length(raw.for_.as_deref(), &format!("{at}: for"), problems);
    let keep_firing_millis = length(raw.keep_firing_for.as_deref(), &format!("{at}: keep_firing_for"), problems);
    if !is_alert && (raw.for_.is_some() || raw.keep_firing_for.is_some() || !annotations.is_empty()) {
        problems.push(format!("{at}: `for`, `keep_firing_for` and `annotations` are for alerts"));
    }
    let alert = is_alert.then_some(Alert { for_millis, keep_firing_millis, annotations });
    Some(Rule { name, query, labels, alert })
}

/// A length such as `5m`, in milliseconds; 0 without one.
fn length(text: Option<&str>, at: &str, problems: &mut Vec<String>) -> i64 {
    let Some(text) = text else { return 0 };
    serve::duration_ms(text).filter(|it| *it >= 0).unwrap_or_else(|| {
        problems.push(format!("{at}: {text:?} is not a length of time such as 5m"));
        0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 370 of docs/specs/query-api.md.
    #[test]
    fn every_problem_is_named() {
        let text = r#"
groups:
  - name: a
    interval: 5 minutes
    rules:
      - record: x
        expr: sum(
      - alert: both
        record: both
        expr: up
      - alert: z
        expr: up
        for: soon
        annotations: {summary: "{{ nothing }}"}
      - record: w
        expr: up
        for: 5m
      - recrod: v
  - name: a
  - nam: b
"#;
        let (groups, problems) = parse(text, "r.yaml", &RulesConfig::default());
        assert_eq!(groups.len(), 2);
        for wanted in [
            "r.yaml: group \"a\": interval: \"5 minutes\" is not a length",
            "r.yaml: group \"a\", rule 1 (\"x\"): expr: 1:",
            "rule 2: exactly one of `record` and `alert`",
            "rule 3 (\"z\"): for: \"soon\"",
            "rule 3 (\"z\"): annotations.summary:",
            "rule 4 (\"w\"): `for`, `keep_firing_for` and `annotations` are for alerts",
            "rule 5: unknown field `recrod`, expected one of `record`",
            "group \"a\": a name that is not empty and not that of another",
            "group 3: unknown field `nam`",
        ] {
            assert!(problems.iter().any(|it| it.contains(wanted)), "{wanted}: {problems:#?}");
        }
        assert_eq!(problems.len(), 9, "{problems:#?}");
        assert!(parse("- a", "r", &RulesConfig::default()).1[0].contains("groups"));
    }

    #[test]
    fn rules_are_read() {
        let text = "groups:\n- name: g\n  limit: 3\n  query_offset: 1m\n  labels: {team: a}\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 5m\n    labels: {severity: page, on: 1.0, tier: y}\n";
        let (groups, problems) = parse(text, "r", &RulesConfig::default());
        assert_eq!(problems, Vec::<String>::new());
        let group = &groups[0];
        assert_eq!((group.interval_secs, group.offset_millis, group.limit), (60.0, 60_000, 3));
        let alert = group.rules[0].alert.as_ref().unwrap();
        assert_eq!((alert.for_millis, group.rules[0].labels.len()), (300_000, 4));
        assert_eq!(["on", "tier"].map(|it| group.rules[0].labels[it].text()), ["1.0", "y"]);
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, is_fit) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("r*s*.y", "rules.y", true),
            ("a", "a", true),
            ("a*", "b", false),
        ] {
            assert_eq!(fits(pattern, name), is_fit, "{pattern} {name}");
        }
    }
}
