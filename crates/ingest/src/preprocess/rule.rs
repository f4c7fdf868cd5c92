//! What does a rule do to labels, lines and values?

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use signal::{Labels, LogLevel, Timestamp, TraceId, glob_matches};

use super::config::{RuleConfig, SignalKind};
use super::table::Table;

/// A rule that can be carried out.
#[derive(Clone, Debug)]
pub struct Rule {
    pub config: RuleConfig,
    table: Table,
    zone: Option<TimeZone>,
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Kept,
    Dropped,
}

impl Rule {
    /// The rule with its table.
    pub fn new(config: &RuleConfig, tables: &BTreeMap<String, Table>) -> Self {
        let table = config.lookup.as_ref().and_then(|it| tables.get(&it.table)).cloned().unwrap_or_default();
        let zone = config.time_zone.as_ref().and_then(|it| TimeZone::get(it).ok());
        Self { config: config.clone(), table, zone }
    }

    /// True if it is about such signals, with such labels.
    pub fn fits(&self, kind: SignalKind, labels: &Labels, span_name: &str) -> bool {
        let RuleConfig { signals, labels: wanted, .. } = &self.config;
        let value = |name: &str| match name {
            "span_name" => span_name,
            "service" => labels.service().unwrap_or(""),
            "host" => labels.host().unwrap_or(""),
            _ => labels.get(name).unwrap_or(""),
        };
        (signals.is_empty() || signals.contains(&kind))
            && wanted.iter().all(|(name, pattern)| glob_matches(pattern, value(name)))
    }

    /// The labels that come out; the same ones if nothing is changed.
    pub fn relabeled(&self, labels: &Labels) -> Labels {
        let RuleConfig { set, rename, remove, lookup, normalize_level, .. } = &self.config;
        let mut pairs: BTreeMap<String, String> =
            labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for (old, new) in rename {
            if let Some(value) = pairs.remove(old) {
                pairs.insert(new.clone(), value);
            }
        }
        if let Some(lookup) = lookup {
            let wanted = |name: &str| lookup.add.is_empty() || lookup.add.iter().any(|it| it == name);
            let row = self.table.row(labels.get(&lookup.by).unwrap_or("")).filter(|it| wanted(it.0));
            pairs.extend(row.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        for (name, value) in set {
            let value = filled(value, &pairs);
            pairs.insert(name.clone(), value);
        }
        remove.iter().for_each(|it| _ = pairs.remove(it));
        if *normalize_level
            && let Some(level) = pairs.get_mut("level")
            && let Some(parsed) = LogLevel::parse(level)
        {
            parsed.as_str().clone_into(level);
        }
        Labels::new(pairs)
    }

    /// A value in the wanted unit.
    pub fn scaled(&self, value: f64) -> f64 {
        let RuleConfig { scale, offset, .. } = &self.config;
        match (scale, offset) {
            (None, None) => value,
            _ => value * scale.unwrap_or(1.0) + offset.unwrap_or(0.0),
        }
    }

    /// The right instant, if the source wrote local time as if it were UTC. In the hour that comes twice it is the first
    /// one.
    pub fn righted(&self, time: Timestamp) -> Timestamp {
        let Some(zone) = &self.zone else { return time };
        let local = jiff::Timestamp::from_millisecond(time.millis()).ok().map(|it| TimeZone::UTC.to_datetime(it));
        let instant = local.and_then(|it| zone.to_timestamp(it).ok());
        instant.map_or(time, |it| Timestamp::from_millis(it.as_millisecond()))
    }

    /// Whether the line is one of those that are kept; `number` counts those that fitted the rule.
    pub fn keeps_line(&self, number: u64) -> Fate {
        self.fate(number)
    }

    /// Whether the trace is one of those that are kept: the same for all its spans, on all machines.
    pub fn keeps_trace(&self, trace: TraceId) -> Fate {
        let [.., a, b, c, d] = trace.0;
        self.fate(u64::from(u32::from_be_bytes([a, b, c, d])))
    }

    fn fate(&self, number: u64) -> Fate {
        let one_in = u64::from(self.config.keep_one_in.unwrap_or(1).max(1));
        if self.config.drop || !number.is_multiple_of(one_in) { Fate::Dropped } else { Fate::Kept }
    }
}

/// The text with `${name}` replaced by the label's value.
fn filled(text: &str, labels: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(labels.get(name).map_or("", String::as_str));
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        let table = Table::default();
        let rows = super::super::table::TableConfig {
            rows: BTreeMap::from([("web-1".to_owned(), BTreeMap::from([("rack".to_owned(), "r7".to_owned())]))]),
            ..Default::default()
        };
        let tables = BTreeMap::from([("hosts".to_owned(), rows.load().unwrap()), ("none".to_owned(), table)]);
        Rule::new(&serde_json::from_str(json).unwrap(), &tables)
    }

    #[test]
    fn labels_are_changed_in_a_stated_order() {
        let rule = rule(
            r#"{"name": "x", "rename": {"svc": "service"}, "set": {"team": "${service}-${rack}", "gone": ""},
                "remove": ["hash"], "lookup": {"table": "hosts", "by": "host"}, "normalize_level": true}"#,
        );
        let labels =
            Labels::new([("svc", "pay"), ("host", "web-1"), ("hash", "1"), ("gone", "1"), ("level", "WARNING")]);
        let expected = r#"{host="web-1",level="warn",rack="r7",service="pay",team="pay-r7"}"#;
        assert_eq!(rule.relabeled(&labels).to_string(), expected);
    }

    #[test]
    fn a_rule_fits_by_kind_and_labels() {
        let rule = rule(r#"{"name": "x", "drop": true, "signals": ["logs"], "match": {"service": "pay*", "env": ""}}"#);
        let labels = Labels::new([("app", "payments")]);
        assert!(rule.fits(SignalKind::Logs, &labels, ""));
        assert!(!rule.fits(SignalKind::Samples, &labels, ""));
        assert!(!rule.fits(SignalKind::Logs, &labels.with("env", "dev"), ""));
    }

    #[test]
    fn units_and_zones_are_put_right() {
        let rule = rule(r#"{"name": "x", "scale": 0.001, "offset": -1, "time_zone": "Europe/Berlin"}"#);
        assert_eq!(rule.scaled(5000.0), 4.0);
        // Summer and winter: 12:00 by the clock in Berlin is 10:00 and 11:00 UTC.
        for (local, utc) in
            [("2026-07-01T12:00:00Z", "2026-07-01T10:00:00Z"), ("2026-01-01T12:00:00Z", "2026-01-01T11:00:00Z")]
        {
            assert_eq!(rule.righted(local.parse().unwrap()), utc.parse().unwrap());
        }
    }

    /// Guarantees: MUST 153 of docs/specs/ingest.md.
    #[test]
    fn a_trace_is_kept_whole_or_not_at_all() {
        let rule = rule(r#"{"name": "x", "keep_one_in": 4}"#);
        let kept = (0..=255).filter(|it| rule.keeps_trace(TraceId([*it; 16])) == Fate::Kept).count();
        assert_eq!(kept, 64);
        assert_eq!((0..8).filter(|it| rule.keeps_line(*it) == Fate::Kept).count(), 2);
    }
}
