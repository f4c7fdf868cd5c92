//! Which alerts does a rule have? What its expression finds is pending, fires when it has held long enough, and is over
//! when it is no longer found; the states are those of Prometheus.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signal::{Labels, SeriesPoints, Timestamp};

use super::file::{Alert, Rule};
use super::template::{QueryResult, Subject};

/// How long an alert that is over is still told, so that a message that was lost comes again.
const TELL_RESOLVED: Duration = Duration::from_secs(15 * 60);

/// The state of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    Pending,
    Firing,
    Over,
}

impl AlertState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Over => "inactive",
        }
    }
}

/// An alert that a rule has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Active {
    pub labels: Labels,
    pub annotations: BTreeMap<String, String>,
    pub state: AlertState,
    pub value: f64,
    pub active_at: Timestamp,
    pub keep_firing_since: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    pub told_at: Option<Timestamp>,
}

/// The alerts of a rule, by their labels.
pub type Alerts = BTreeMap<Labels, Active>;

/// What templates may speak of besides.
pub struct Outside<'a> {
    pub external_labels: &'a BTreeMap<String, String>,
    pub external_url: &'a str,
    /// Answers what templates query.
    pub query: &'a dyn Fn(&str) -> QueryResult,
}

/// What the expression has found: labels and values.
pub type Found = Vec<(Labels, f64)>;

/// Labels as templates see them.
pub fn by_name(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Labels of a sample with those of the rule over them, and its annotations.
fn described(
    rule: &Rule,
    alert: &Alert,
    found: &Labels,
    value: f64,
    outside: &Outside<'_>,
) -> Result<(Labels, BTreeMap<String, String>), String> {
    let labels = by_name(found);
    let Outside { external_labels, external_url, query } = outside;
    let subject = Subject { value, labels: &labels, external_labels, external_url, query };
    let mut pairs = labels.clone();
    pairs.remove("__name__");
    for (name, template) in &rule.labels {
        pairs.insert(name.clone(), template.expand(&subject)?);
    }
    pairs.insert("alertname".to_owned(), rule.name.clone());
    let mut annotations = BTreeMap::new();
    for (name, template) in &alert.annotations {
        // A text that cannot be made says why, and the alert is told nevertheless.
        let text = template.expand(&subject).unwrap_or_else(|error| format!("<error expanding template: {error}>"));
        annotations.insert(name.clone(), text);
    }
    Ok((Labels::new(pairs), annotations))
}

/// Brings the alerts up to what was found now.
pub fn update(
    alerts: &mut Alerts,
    rule: &Rule,
    alert: &Alert,
    found: &Found,
    now: Timestamp,
    outside: &Outside<'_>,
) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for (labels, value) in found {
        let (labels, annotations) = described(rule, alert, labels, *value, outside)?;
        if seen.insert(labels, (annotations, *value)).is_some() {
            return Err("vector contains metrics with the same labelset after applying alert labels".to_owned());
        }
    }
    let millis = |it: i64| Duration::from_millis(u64::try_from(it).unwrap_or(0));
    let (hold, keep) = (millis(alert.for_millis), millis(alert.keep_firing_millis));
    for (labels, (annotations, value)) in &seen {
        match alerts.get_mut(labels).filter(|it| it.state != AlertState::Over) {
            Some(it) => (it.annotations, it.value, it.keep_firing_since) = (annotations.clone(), *value, None),
            None => {
                let new = Active {
                    labels: labels.clone(),
                    annotations: annotations.clone(),
                    state: AlertState::Pending,
                    value: *value,
                    active_at: now,
                    keep_firing_since: None,
                    resolved_at: None,
                    told_at: None,
                };
                alerts.insert(labels.clone(), new);
            }
        }
    }
    alerts.retain(|labels, it| {
        if seen.contains_key(labels) {
            // ## Pending => Firing
            if it.state == AlertState::Pending && now.since(it.active_at) >= hold {
                it.state = AlertState::Firing;
            }
            return true;
        }
        match it.state {
            AlertState::Pending => false,
            AlertState::Over => it.resolved_at.is_some_and(|at| now.since(at) <= TELL_RESOLVED),
            AlertState::Firing => {
                let since = *it.keep_firing_since.get_or_insert(now);
                if now.since(since) >= keep {
                    // ## Firing => Over
                    (it.state, it.resolved_at) = (AlertState::Over, Some(now));
                }
                true
            }
        }
    });
    Ok(())
}

/// The series `ALERTS` and `ALERTS_FOR_STATE`.
pub fn series(alerts: &Alerts, now: Timestamp) -> Vec<SeriesPoints> {
    let active = alerts.values().filter(|it| it.state != AlertState::Over);
    let both = active.flat_map(|it| {
        let state = it.labels.with("__name__", "ALERTS").with("alertstate", it.state.as_str());
        let since = it.labels.with("__name__", "ALERTS_FOR_STATE");
        [SeriesPoints::one(state, now, 1.0), SeriesPoints::one(since, now, it.active_at.secs_f64().floor())]
    });
    both.collect()
}

/// Those that must be told now; they count as told.
pub fn to_tell(alerts: &mut Alerts, now: Timestamp, resend: Duration) -> Vec<Active> {
    let due = alerts.values_mut().filter(|it| match (it.state, it.told_at) {
        (AlertState::Pending, _) => false,
        (AlertState::Firing, told) => told.is_none_or(|at| now.since(at) >= resend),
        // What was never told need not be told to be over.
        (AlertState::Over, told) => told.is_some_and(|at| it.resolved_at > Some(at) || now.since(at) >= resend),
    });
    due.map(|it| {
        it.told_at = Some(now);
        it.clone()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::config::RulesConfig;
    use super::super::file::parse;
    use super::*;

    /// Guarantees: MUST 372 and 373 of docs/specs/query-api.md.
    #[test]
    fn alerts_go_through_their_states() {
        let text = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 60s\n    keep_firing_for: 30s\n    labels: {severity: page}\n    annotations: {summary: '{{ $labels.job }} is at {{ $value }}'}\n";
        let (groups, problems) = parse(text, "r", &RulesConfig::default());
        assert_eq!(problems, Vec::<String>::new());
        let rule = &groups[0].rules[0];
        let query = |_: &str| Err("nothing is stored".to_owned());
        let outside = Outside { external_labels: &BTreeMap::new(), external_url: "", query: &query };
        let mut alerts = Alerts::new();
        let resend = Duration::from_secs(60);
        let mut step = |secs: i64, is_down: bool| {
            let found = if is_down { vec![(Labels::metric("up", &[("job", "shop")]), 0.0)] } else { vec![] };
            let now = Timestamp::from_secs(secs);
            update(&mut alerts, rule, rule.alert.as_ref().unwrap(), &found, now, &outside).unwrap();
            let told = to_tell(&mut alerts, now, resend);
            let states: Vec<&str> = alerts.values().map(|it| it.state.as_str()).collect();
            let written: Vec<String> = series(&alerts, now).iter().map(|it| it.labels.to_string()).collect();
            (states.join(","), told.len(), written)
        };
        assert_eq!(step(0, false), (String::new(), 0, vec![]));
        let pending = r#"ALERTS{alertname="Down",alertstate="pending",job="shop",severity="page"}"#;
        let state = r#"ALERTS_FOR_STATE{alertname="Down",job="shop",severity="page"}"#;
        assert_eq!(step(10, true), ("pending".to_owned(), 0, vec![pending.to_owned(), state.to_owned()]));
        assert_eq!(step(40, false).0, "", "what was only pending is forgotten");
        assert_eq!(step(50, true).0, "pending");
        let (states, told, written) = step(110, true);
        assert_eq!((states.as_str(), told, written[0].contains("alertstate=\"firing\"")), ("firing", 1, true));
        assert_eq!((step(125, true).1, step(170, true).1), (0, 1), "told again a minute later");
        assert_eq!(step(180, false).0, "firing", "it is kept for half a minute");
        assert_eq!(step(210, false), ("inactive".to_owned(), 1, vec![]), "its end is told");
        assert_eq!(step(270, false).1, 1);
        assert_eq!(step(1200, false).0, "", "at last it is forgotten");
        let many = vec![(Labels::metric("a", &[("job", "x")]), 1.0), (Labels::metric("b", &[("job", "x")]), 1.0)];
        let error =
            update(&mut Alerts::new(), rule, rule.alert.as_ref().unwrap(), &many, Timestamp::from_secs(1), &outside);
        assert!(error.unwrap_err().contains("same labelset"));
    }

    /// Guarantees: MUST 378 of docs/specs/query-api.md.
    #[test]
    fn annotations_query_and_say_when_they_cannot() {
        let text = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n    annotations:\n      load: '{{ with query \"load\" }}{{ . | first | value }}{{ end }}'\n      wrong: '{{ query \"x\" }}'\n";
        let (groups, problems) = parse(text, "r", &RulesConfig::default());
        assert_eq!(problems, Vec::<String>::new());
        let rule = &groups[0].rules[0];
        let query = |text: &str| match text {
            "load" => Ok(vec![(BTreeMap::new(), 7.5)]),
            _ => Err("nothing is stored".to_owned()),
        };
        let outside = Outside { external_labels: &BTreeMap::new(), external_url: "", query: &query };
        let mut alerts = Alerts::new();
        let found = vec![(Labels::metric("up", &[("job", "shop")]), 0.0)];
        update(&mut alerts, rule, rule.alert.as_ref().unwrap(), &found, Timestamp::from_secs(1), &outside).unwrap();
        let annotations = &alerts.values().next().unwrap().annotations;
        assert_eq!(annotations["load"], "7.5");
        let error = "<error expanding template: line 1, column 4: query: \"x\": nothing is stored>";
        assert_eq!(annotations["wrong"], error);
    }
}
