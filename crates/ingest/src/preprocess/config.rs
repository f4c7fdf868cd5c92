//! What may the operator say about signals before they are stored? Rules, tables to look up in, and redaction.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::table::TableConfig;

/// What is done to signals before they are stored, whatever protocol they came by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreprocessConfig {
    /// True replaces secrets (passwords, tokens, keys, card numbers) in log lines, in metadata, in labels and in spans
    /// by `[redacted:kind]` before anything is stored. Default: true.
    pub redact: bool,
    /// Rules, carried out in order; each sees what the one before has left. Default: none.
    pub rules: Vec<RuleConfig>,
    /// Tables that rules look labels up in, by name. Default: none.
    pub tables: BTreeMap<String, TableConfig>,
}

impl Default for PreprocessConfig {
    fn default() -> Self {
        Self { redact: true, rules: vec![], tables: BTreeMap::new() }
    }
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// Samples of series.
    Samples,
    /// Log lines.
    Logs,
    /// Spans of traces; their labels are those of the resource.
    Spans,
}

/// One rule: which signals, and what is done to them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleConfig {
    /// Its name in counts, for example `drop_health_checks`. Letters, digits, `_` and `-`.
    pub name: String,
    /// Only these: samples, logs, spans. Default: all.
    pub signals: BTreeSet<SignalKind>,
    /// Labels with their values, in which `*` stands for anything; all must fit, and a label that is not there fits `` and
    /// `*`. Series have their name under `__name__`, spans under `span_name`. Default: any.
    #[serde(rename = "match")]
    pub labels: BTreeMap<String, String>,
    /// Only log lines with this text. Default: any.
    pub contains: Option<String>,
    /// True drops what fits. Default: false.
    pub drop: bool,
    /// Of what fits, only one in so many log lines or traces is kept; of a trace all spans or none. Default: all.
    pub keep_one_in: Option<u32>,
    /// Labels that are set; `${name}` in a value stands for the value of a label. An empty value removes the label.
    /// Default: none.
    pub set: BTreeMap<String, String>,
    /// Labels that get another name, old to new. Default: none.
    pub rename: BTreeMap<String, String>,
    /// Labels that are removed. Default: none.
    pub remove: Vec<String>,
    /// Labels that are looked up in a table. Default: none.
    pub lookup: Option<LookupConfig>,
    /// Samples are multiplied by this, for another unit. Default: 1.
    pub scale: Option<f64>,
    /// This is added to samples after that. Default: 0.
    pub offset: Option<f64>,
    /// True writes the label `level` of log lines in its usual form: debug, info, warn, error or fatal. Default: false.
    pub normalize_level: bool,
    /// The source wrote local times of this IANA time zone as if they were UTC: they are put right. Default: none.
    pub time_zone: Option<String>,
}

/// How a table is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LookupConfig {
    /// Name of the table.
    pub table: String,
    /// The label whose value is the key.
    pub by: String,
    /// Columns that become labels. Default: all.
    pub add: Vec<String>,
}

impl PreprocessConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let mut names = BTreeSet::new();
        for (idx, rule) in self.rules.iter().enumerate() {
            problems.extend(rule.validate(self).into_iter().map(|it| format!("rules[{idx}].{it}")));
            if !names.insert(&rule.name) {
                problems.push(format!("rules[{idx}].name: {:?} is the name of another rule too", rule.name));
            }
        }
        for (name, table) in &self.tables {
            problems.extend(table.validate().into_iter().map(|it| format!("tables.{name}.{it}")));
        }
        problems
    }
}

impl RuleConfig {
    fn validate(&self, all: &PreprocessConfig) -> Vec<String> {
        let is_name = |it: &str| !it.is_empty() && it.chars().all(|it| it.is_ascii_alphanumeric() || "_-".contains(it));
        let is_number = |it: Option<f64>| it.is_none_or(f64::is_finite);
        let has_zone = |it: &String| jiff::tz::TimeZone::get(it).is_ok();
        let table = |it: &LookupConfig| all.tables.contains_key(&it.table);
        let checks = [
            (!is_name(&self.name), "name: must be letters, digits, `_` and `-`"),
            (
                !self.does_anything(),
                "does nothing: give at least one of drop, keep_one_in, set, rename, remove, lookup, scale, offset, normalize_level, time_zone",
            ),
            (self.keep_one_in == Some(0), "keep_one_in: must be at least 1"),
            (!is_number(self.scale) || !is_number(self.offset), "scale and offset: must be finite numbers"),
            (self.scale == Some(0.0), "scale: must not be 0"),
            (!self.time_zone.as_ref().is_none_or(has_zone), "time_zone: is no IANA time zone, such as Europe/Berlin"),
            (!self.lookup.as_ref().is_none_or(table), "lookup.table: is none of the tables"),
            (self.lookup.as_ref().is_some_and(|it| it.by.is_empty()), "lookup.by: must name a label"),
            (self.rename.values().any(String::is_empty), "rename: a label needs a new name; `remove` removes it"),
        ];
        checks.iter().filter(|it| it.0).map(|it| it.1.to_owned()).collect()
    }

    fn does_anything(&self) -> bool {
        let changes_labels =
            !self.set.is_empty() || !self.rename.is_empty() || !self.remove.is_empty() || self.lookup.is_some();
        let changes_values = self.scale.is_some() || self.offset.is_some() || self.time_zone.is_some();
        self.drop || self.keep_one_in.is_some() || changes_labels || changes_values || self.normalize_level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 154 of docs/specs/ingest.md.
    #[test]
    fn every_problem_names_its_key() {
        let config: PreprocessConfig = serde_json::from_str(
            r#"{"rules": [
                {"name": "a b", "drop": true}, {"name": "x"}, {"name": "x", "scale": 0, "keep_one_in": 0},
                {"name": "y", "lookup": {"table": "hosts"}, "time_zone": "Mars/Base"}]}"#,
        )
        .unwrap();
        let problems = config.validate().join("\n");
        for key in [
            "rules[0].name",
            "rules[1].does nothing",
            "rules[2].keep_one_in",
            "rules[2].scale: must not be 0",
            "rules[2].name: \"x\" is the name",
            "rules[3].lookup.table",
            "rules[3].lookup.by",
            "rules[3].time_zone",
        ] {
            assert!(problems.contains(key), "{key} in {problems}");
        }
        assert!(PreprocessConfig::default().validate().is_empty());
    }
}
