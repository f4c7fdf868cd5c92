//! What can be set about rules? Their files, how often they are evaluated, and who hears of alerts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The `rules` section of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RulesConfig {
    /// Files with recording and alerting rules in the format of Prometheus; `*` in the last part of a path stands for
    /// any text. They are read at the start. Default: none.
    pub files: Vec<PathBuf>,
    /// Seconds between evaluations of groups that name no `interval`. Default: 60.
    pub interval_secs: u64,
    /// Alertmanagers that hear of alerts, such as `http://127.0.0.1:9093`. Default: none.
    pub alertmanagers: Vec<String>,
    /// Labels added to alerts that are sent, and known to templates as `$externalLabels`. Default: none.
    pub external_labels: BTreeMap<String, String>,
    /// Address of this server in alerts that are sent. Default: empty.
    pub external_url: String,
    /// Seconds after which an alert that fires is sent again. Default: 60.
    pub resend_secs: u64,
    /// Whether alerts that fire become incidents here. Default: true.
    pub incidents: bool,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self {
            files: vec![],
            interval_secs: 60,
            alertmanagers: vec![],
            external_labels: BTreeMap::new(),
            external_url: String::new(),
            resend_secs: 60,
            incidents: true,
        }
    }
}

impl RulesConfig {
    /// Every problem that can be seen without reading files, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        for (key, secs) in [("interval_secs", self.interval_secs), ("resend_secs", self.resend_secs)] {
            if !(1..=86_400).contains(&secs) {
                problems.push(format!("rules.{key}: must be 1 to 86400, not {secs}"));
            }
        }
        for url in &self.alertmanagers {
            let is_url = url.parse::<reqwest::Url>().is_ok_and(|it| matches!(it.scheme(), "http" | "https"));
            if !is_url {
                problems.push(format!("rules.alertmanagers: {url:?} is not an address such as http://127.0.0.1:9093"));
            }
        }
        problems
    }
}
