//! How many alerts does somebody want to get, and for which series?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use signal::{AlertBudget, Labels};

/// A score above this is told whatever the budget says, unless configured otherwise.
const ALWAYS_ABOVE: f64 = 10.0;

/// So many alerts for the series it matches. Their threshold is calibrated so that about so many are told; it is never
/// below the usual one, and impossible and critical values are always told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The number of alerts: `3 per day`, `1 per week`, `2 per hour`. Required.
    pub budget: AlertBudget,
    /// Only series of this service, `*` stands for anything. Default: any.
    #[serde(default)]
    pub service: Option<String>,
    /// Only series whose label `team` has this value, `*` stands for anything. Default: any.
    #[serde(default)]
    pub team: Option<String>,
    /// Label values, `*` stands for anything; all must match. Default: any.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// With the name of a label, such as `service` or `team`: every value of it gets a budget of its own. Default: one
    /// budget for all series that match.
    #[serde(default)]
    pub each: Option<String>,
    /// Its name in metrics and on the page. Default: the service or team.
    #[serde(default)]
    pub name: Option<String>,
    /// A score above this is told whatever the budget says; at most 1000. Default: 10.
    #[serde(default = "always_above")]
    pub always_above: f64,
}

fn always_above() -> f64 {
    ALWAYS_ABOVE
}

impl Budget {
    /// A budget for all series.
    pub fn of_all(budget: AlertBudget) -> Self {
        Self {
            budget,
            service: None,
            team: None,
            labels: BTreeMap::new(),
            each: None,
            name: None,
            always_above: ALWAYS_ABOVE,
        }
    }

    /// All problems, each naming its key.
    pub(crate) fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if !(1.5..=1000.0).contains(&self.always_above) {
            problems.push("always_above: must lie between 1.5 and 1000".to_owned());
        }
        for (key, text) in [("each", &self.each), ("name", &self.name)] {
            if text.as_ref().is_some_and(|it| it.is_empty() || it.len() > 100) {
                problems.push(format!("{key}: must have 1 to 100 bytes"));
            }
        }
        problems
    }

    /// The name of the budget that a series spends; None if it spends none.
    pub(crate) fn name_for(&self, labels: &Labels) -> Option<String> {
        let fits = |pattern: &Option<String>, value: Option<&str>| {
            pattern.as_ref().is_none_or(|it| value.is_some_and(|value| signal::glob_matches(it, value)))
        };
        let is_match = fits(&self.service, labels.service())
            && fits(&self.team, labels.get("team"))
            && self.labels.iter().all(|(name, pattern)| signal::glob_matches(pattern, labels.get(name).unwrap_or("")));
        if !is_match {
            return None;
        }
        let Some(label) = &self.each else { return Some(self.own_name()) };
        let value = if label == "service" { labels.service() } else { labels.get(label) }?;
        Some(self.name.as_ref().map_or_else(|| value.to_owned(), |it| format!("{it} {value}")))
    }

    /// The name without regard to `each`.
    pub(crate) fn own_name(&self) -> String {
        let labels = || self.labels.iter().map(|(name, value)| format!("{name}={value}"));
        let parts: Vec<String> = self.service.iter().chain(&self.team).cloned().chain(labels()).collect();
        self.name.clone().unwrap_or_else(|| if parts.is_empty() { "all".to_owned() } else { parts.join(" ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_spend_the_budget_of_their_service_team_or_label() {
        for (config, labels, name) in [
            (r#"{"budget": "3 per day"}"#, "m", Some("all")),
            (r#"{"budget": "3 per day", "service": "pay*"}"#, r#"m{service="payments"}"#, Some("pay*")),
            (r#"{"budget": "3 per day", "service": "pay*"}"#, r#"m{service="shop"}"#, None),
            (r#"{"budget": "3 per day", "team": "core"}"#, r#"m{service="shop",team="core"}"#, Some("core")),
            (r#"{"budget": "3 per day", "team": "*"}"#, r#"m{service="shop"}"#, None),
            (r#"{"budget": "3 per day", "labels": {"env": "prod"}}"#, r#"m{env="prod"}"#, Some("env=prod")),
            (r#"{"budget": "3 per day", "each": "service"}"#, r#"m{service="shop"}"#, Some("shop")),
            (r#"{"budget": "3 per day", "each": "team", "name": "team"}"#, r#"m{team="core"}"#, Some("team core")),
            (r#"{"budget": "3 per day", "each": "team"}"#, "m", None),
        ] {
            let budget: Budget = serde_json::from_str(config).unwrap();
            assert_eq!(budget.name_for(&labels.parse().unwrap()).as_deref(), name, "{config} {labels}");
            assert_eq!(budget.validate(), Vec::<String>::new());
        }
    }

    #[test]
    fn mistakes_name_their_key() {
        let budget: Budget = serde_json::from_str(r#"{"budget": "3 per day", "always_above": 1, "each": ""}"#).unwrap();
        assert_eq!(budget.validate().len(), 2);
        for text in [r#"{"budget": "many"}"#, r#"{"budget": "-1 per day"}"#, r#"{"service": "x"}"#] {
            assert!(serde_json::from_str::<Budget>(text).is_err(), "{text}");
        }
    }
}
