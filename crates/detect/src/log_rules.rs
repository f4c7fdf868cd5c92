//! Is a configured count of log lines exceeded? `count_over_time({level="ERROR"}[1m]) > 2` for a minute, without a query
//! language.
//!
//! ```text
//! Quiet -- more than the limit in the window --> Pending -- still so after for_secs --> Firing
//!   ^------------------ no longer more ----------------------'---------------------------'
//! ```
//!
//! Lines count at their own time, so that a line that is a little late counts in its second.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use signal::{Anomaly, AnomalyKind, Direction, Labels, LogLevel, Metric, Score, Severity, Timestamp};

use crate::log_match::LineMatch;

/// A firing rule is told again after so many seconds.
const REPEAT_SECS: f64 = 5.0;
/// Groups per rule.
const MAX_GROUPS: usize = 1000;
/// Counts are kept in so many parts of a window at most.
const MOST_PARTS: i64 = 600;

/// A rule that counts log lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRule {
    /// Name of the rule, such as `RepeatedErrors`. Letters, digits and `_`.
    pub name: String,
    /// Labels of the stream, `*` stands for anything; `level` also fits the level read from the line. Default: any.
    #[serde(default, rename = "match")]
    pub labels: BTreeMap<String, String>,
    /// Only lines that contain this text. Default: any.
    #[serde(default)]
    pub contains: Option<String>,
    /// Only lines that fit this pattern as a whole, where `*` stands for anything. Default: any.
    #[serde(default)]
    pub pattern: Option<String>,
    /// Lines are counted over so many seconds. Default: 60.
    #[serde(default = "minute")]
    pub window_secs: u32,
    /// The rule fires if there are more lines than this. Default: 0.
    #[serde(default)]
    pub more_than: u64,
    /// And has been so for so many seconds. Default: 0.
    #[serde(default)]
    pub for_secs: u32,
    /// `warning` or `critical`. Default: warning.
    #[serde(default = "warning")]
    pub severity: Severity,
    /// Lines are counted apart by these labels of their streams. Default: all lines together.
    #[serde(default)]
    pub by: Vec<String>,
    /// What the incident says; `{{ $value }}` and `{{ $labels.NAME }}` are filled in. Default: the count and the limit.
    #[serde(default)]
    pub summary: String,
    /// More about it, such as what to do. Default: nothing.
    #[serde(default)]
    pub description: String,
}

const fn minute() -> u32 {
    60
}

const fn warning() -> Severity {
    Severity::Warning
}

impl LogRule {
    pub(crate) fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == ':';
        if self.name.is_empty() || self.name.len() > 100 || !self.name.chars().all(is_name) {
            problems.push("name: must be 1 to 100 letters, digits or `_`".to_owned());
        }
        if !(1..=86_400).contains(&self.window_secs) {
            problems.push("window_secs: must lie between 1 and 86400".to_owned());
        }
        if self.for_secs > 86_400 {
            problems.push("for_secs: must be at most 86400".to_owned());
        }
        if self.by.len() > 8 {
            problems.push("by: at most 8 labels".to_owned());
        }
        problems
    }

    fn part_millis(&self) -> i64 {
        (i64::from(self.window_secs) * 1000).div_euclid(MOST_PARTS).max(1000)
    }
}

/// All rules and what they have counted.
#[derive(Debug)]
pub(crate) struct LogRules {
    rules: Vec<Counting>,
    dropped_groups: u64,
    fired: u64,
}

#[derive(Debug)]
struct Counting {
    rule: LogRule,
    matcher: LineMatch,
    groups: BTreeMap<Labels, Group>,
}

/// Lines with the same values of the labels in `by`.
#[derive(Debug, Default)]
struct Group {
    /// Number of the part of time, and its lines, oldest first.
    parts: VecDeque<(i64, u64)>,
    example: String,
    pending_since: Option<Timestamp>,
    firing_since: Option<Timestamp>,
    told_at: Option<Timestamp>,
}

impl LogRules {
    pub(crate) fn new(rules: &[LogRule]) -> Self {
        let counting = |rule: &LogRule| Counting {
            matcher: LineMatch::new(&rule.labels, rule.contains.as_deref()),
            rule: rule.clone(),
            groups: BTreeMap::new(),
        };
        Self { rules: rules.iter().map(counting).collect(), dropped_groups: 0, fired: 0 }
    }

    /// One bit per rule whose label conditions hold for the stream, the level left out.
    pub(crate) fn of_stream(&self, labels: &Labels) -> u64 {
        self.rules
            .iter()
            .zip(0..64)
            .filter(|(it, _)| it.matcher.fits_stream(labels))
            .fold(0, |set, (_, idx)| set | 1 << idx)
    }

    /// Counts a line of a stream for the rules in `set`.
    pub(crate) fn observe(&mut self, set: u64, labels: &Labels, level: LogLevel, time: Timestamp, line: &str) {
        for (counting, idx) in self.rules.iter_mut().zip(0..64) {
            if set >> idx & 1 == 0 || !counting.matcher.fits_line(level, line) {
                continue;
            }
            if counting.rule.pattern.as_ref().is_some_and(|it| !signal::glob_matches(it, line)) {
                continue;
            }
            self.dropped_groups += u64::from(!counting.count(labels, time, line));
        }
    }

    /// Lets time pass; `out` gets what fires, goes on and is over.
    pub(crate) fn tick(&mut self, now: Timestamp, out: &mut Vec<Anomaly>) {
        let told = out.len();
        for counting in &mut self.rules {
            counting.tick(now, out);
        }
        let fired = out.iter().skip(told).filter(|it| !it.is_over && it.time == it.onset).count();
        self.fired += fired as u64;
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let groups: usize = self.rules.iter().map(|it| it.groups.len()).sum();
        let firing = self.rules.iter().flat_map(|it| it.groups.values()).filter(|it| it.firing_since.is_some()).count();
        vec![
            Metric::gauge("sentinel_detect_log_rule_groups", "Groups of lines that log rules count.", groups as f64),
            Metric::gauge("sentinel_detect_log_rules_firing", "Groups for which a log rule fires.", firing as f64),
            Metric::counter(
                "sentinel_detect_log_rule_lines_dropped_total",
                "Lines that a log rule did not count because it has too many groups.",
                self.dropped_groups,
            ),
        ]
    }
}

impl Counting {
    /// False if there are too many groups.
    fn count(&mut self, labels: &Labels, time: Timestamp, line: &str) -> bool {
        let key = Labels::new(self.rule.by.iter().filter_map(|it| Some((it.as_str(), value_of(labels, it)?))));
        if !self.groups.contains_key(&key) && self.groups.len() >= MAX_GROUPS {
            return false;
        }
        let number = time.millis().div_euclid(self.rule.part_millis());
        let group = self.groups.entry(key).or_default();
        let place = group.parts.partition_point(|it| it.0 < number);
        match group.parts.get_mut(place).filter(|it| it.0 == number) {
            Some((_, lines)) => *lines += 1,
            None => {
                group.parts.insert(place, (number, 1));
                group.example = crate::log_text::shortened(line, crate::log_text::EXAMPLE_BYTES).to_owned();
            }
        }
        true
    }

    fn tick(&mut self, now: Timestamp, out: &mut Vec<Anomaly>) {
        let part = self.rule.part_millis();
        let newest = now.millis().div_euclid(part);
        let oldest = (now.millis() - i64::from(self.rule.window_secs) * 1000).div_euclid(part) + 1;
        for (key, group) in &mut self.groups {
            while group.parts.front().is_some_and(|it| it.0 < oldest) {
                group.parts.pop_front();
            }
            // What is ahead of now counts when its time has come.
            let lines: u64 = group.parts.iter().take_while(|it| it.0 <= newest).map(|it| it.1).sum();
            if lines <= self.rule.more_than {
                // ## Firing => Quiet, Pending => Quiet
                group.pending_since = None;
                if let Some(since) = group.firing_since.take() {
                    out.push(anomaly(&self.rule, key, group, lines, since, now, true));
                }
                continue;
            }
            let pending = *group.pending_since.get_or_insert(now);
            let is_due = now.secs_since(pending) >= f64::from(self.rule.for_secs);
            if group.firing_since.is_none() && is_due {
                // ## Pending => Firing
                (group.firing_since, group.told_at) = (Some(now), None);
            }
            let is_old = group.told_at.is_none_or(|it| now.secs_since(it) >= REPEAT_SECS);
            if let Some(since) = group.firing_since.filter(|_| is_old) {
                group.told_at = Some(now);
                out.push(anomaly(&self.rule, key, group, lines, since, now, false));
            }
        }
        self.groups.retain(|_, it| !it.parts.is_empty() || it.firing_since.is_some());
    }
}

/// The service and the host may stand under several label names.
fn value_of<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    labels.get(name).or_else(|| match name {
        "service" => labels.service(),
        "host" => labels.host(),
        _ => None,
    })
}

fn anomaly(
    rule: &LogRule,
    key: &Labels,
    group: &Group,
    lines: u64,
    since: Timestamp,
    now: Timestamp,
    is_over: bool,
) -> Anomaly {
    let limit = rule.more_than as f64;
    let y = lines as f64;
    let value = 1.0 + (y - limit).max(0.0) / limit.max(1.0);
    let score =
        Score { value, is_ready: true, is_provisional: false, y, yhat: 0.0, yhat_lower: 0.0, yhat_upper: limit };
    let labels = key.with("__name__", &rule.name);
    let counted = format!("{}: {lines} lines in {} s, more than {}", rule.name, rule.window_secs, rule.more_than);
    let said = [&rule.summary, &rule.description].map(|it| filled(it, &labels, lines));
    let said = said.iter().filter(|it| !it.is_empty()).map(|it| format!(" {it}")).collect::<String>();
    let explanation = format!("{counted}, for {} s.{said} Newest line: {:?}.", rule.for_secs, group.example);
    Anomaly {
        labels,
        kind: AnomalyKind::LogRule,
        direction: Direction::Above,
        onset: since,
        time: now,
        score,
        severity: rule.severity,
        is_over,
        explanation,
    }
}

/// Fills `{{ $value }}` and `{{ $labels.NAME }}` in; anything else stays as it is written.
fn filled(template: &str, labels: &Labels, lines: u64) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else { break };
        text.push_str(before);
        match name.trim() {
            "$value" => text.push_str(&lines.to_string()),
            it => match it.strip_prefix("$labels.") {
                Some(label) => text.push_str(labels.get(label).unwrap_or("")),
                None => text.push_str(&format!("{{{{{name}}}}}")),
            },
        }
        rest = tail;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000;

    fn rules(yaml: &str) -> LogRules {
        let rule: LogRule = serde_json::from_str(yaml).unwrap();
        assert_eq!(rule.validate(), Vec::<String>::new());
        LogRules::new(&[rule])
    }

    const REPEATED: &str = r#"{"name": "RepeatedErrors", "match": {"level": "ERROR"}, "more_than": 2, "for_secs": 60,
        "severity": "critical", "by": ["service"], "summary": "{{ $labels.service }} has {{ $value }} errors"}"#;

    /// Lines at these seconds; the seconds at which it begins to fire and is over.
    fn run(rules: &mut LogRules, lines: &[(i64, &str, LogLevel)], until: i64) -> Vec<(i64, bool, String)> {
        let mut told = vec![];
        let mut is_firing = false;
        for now in 0..until {
            for (_, service, level) in lines.iter().filter(|it| it.0 == now) {
                let labels = Labels::new([("service_name", *service)]);
                let set = rules.of_stream(&labels);
                rules.observe(set, &labels, *level, Timestamp::from_secs(START + now), "it went wrong");
            }
            let mut out = vec![];
            rules.tick(Timestamp::from_secs(START + now), &mut out);
            for it in out {
                if it.is_over || !is_firing {
                    told.push((now, it.is_over, it.explanation));
                }
                is_firing = !it.is_over;
            }
        }
        told
    }

    #[test]
    fn repeated_errors_fire_after_a_minute_and_are_over_when_they_stop() {
        let lines: Vec<_> = (100..=400).step_by(10).map(|it| (it, "pay", LogLevel::Error)).collect();
        let told = run(&mut rules(REPEATED), &lines, 600);
        let seconds: Vec<(i64, bool)> = told.iter().map(|it| (it.0, it.1)).collect();
        // Three lines within a minute from second 120 on; for 60 s. The last three are within a minute until 440.
        assert_eq!(seconds, [(180, false), (440, true)]);
        assert!(told[0].2.contains("pay has 6 errors"), "{}", told[0].2);
        assert!(told[0].2.contains("it went wrong"), "{}", told[0].2);
    }

    #[test]
    fn a_burst_shorter_than_for_and_lines_of_other_levels_and_services_do_not_fire() {
        let burst: Vec<_> = [(100, "pay", LogLevel::Error); 50].to_vec();
        assert_eq!(run(&mut rules(REPEATED), &burst, 300), vec![]);
        let warnings: Vec<_> = (100..300).map(|it| (it, "pay", LogLevel::Warn)).collect();
        assert_eq!(run(&mut rules(REPEATED), &warnings, 400), vec![]);
        let names = ["a", "b", "c"];
        let spread: Vec<_> =
            (100..300).step_by(12).map(|it| (it, names[it as usize / 12 % 3], LogLevel::Error)).collect();
        assert_eq!(run(&mut rules(REPEATED), &spread, 400), vec![]);
    }

    #[test]
    fn text_pattern_and_window_choose_the_lines() {
        let json =
            r#"{"name": "Refused", "contains": "went", "pattern": "it * wrong", "window_secs": 5, "more_than": 0}"#;
        let told = run(&mut rules(json), &[(10, "pay", LogLevel::Info)], 30);
        assert_eq!(told.iter().map(|it| (it.0, it.1)).collect::<Vec<_>>(), [(10, false), (15, true)]);
        let other = json.replace("it *", "at *");
        assert_eq!(run(&mut rules(&other), &[(10, "pay", LogLevel::Info)], 30), vec![]);
    }

    #[test]
    fn groups_are_bounded_and_what_is_left_out_is_counted() {
        let mut rules = rules(r#"{"name": "All", "by": ["pod"]}"#);
        for pod in 0..1500 {
            let labels = Labels::new([("pod", pod.to_string())]);
            let set = rules.of_stream(&labels);
            rules.observe(set, &labels, LogLevel::Info, Timestamp::from_secs(START), "x");
        }
        assert_eq!((rules.rules[0].groups.len(), rules.dropped_groups), (MAX_GROUPS, 500));
        rules.tick(Timestamp::from_secs(START + 100), &mut vec![]);
        assert_eq!(rules.rules[0].groups.len(), 0);
    }

    #[test]
    fn bad_rules_name_each_key() {
        let rule: LogRule = serde_json::from_str(
            r#"{"name": "a b", "window_secs": 0, "for_secs": 100000, "by": ["a","b","c","d","e","f","g","h","i"]}"#,
        )
        .unwrap();
        let problems = rule.validate().join("\n");
        assert!(["name", "window_secs", "for_secs", "by"].iter().all(|it| problems.contains(it)), "{problems}");
        assert!(serde_json::from_str::<LogRule>(r#"{"name": "a", "more_then": 2}"#).is_err());
    }
}
