//! Who hears of alerts? The desk that makes incidents of them, and every Alertmanager that is configured:
//! <https://prometheus.io/docs/alerting/latest/alerts_api/>.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde_json::json;
use signal::{Labels, Metric, Timestamp};

use super::alerts::Active;
use super::config::RulesConfig;
use crate::alert_desk::AlertDesk;

/// An alert that is not told again for so many intervals counts as over.
const INTERVALS: f64 = 4.0;
/// How long an Alertmanager may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Tells of alerts.
pub struct Notifier {
    addresses: Vec<String>,
    external_labels: BTreeMap<String, String>,
    external_url: String,
    resend_secs: u64,
    desk: Option<Arc<AlertDesk>>,
    client: reqwest::Client,
    sent: AtomicU64,
    failed: AtomicU64,
}

impl Notifier {
    /// Of a configuration.
    pub fn new(config: &RulesConfig, desk: Arc<AlertDesk>) -> anyhow::Result<Self> {
        let address = |it: &String| format!("{}/api/v2/alerts", it.trim_end_matches('/'));
        Ok(Self {
            addresses: config.alertmanagers.iter().map(address).collect(),
            external_labels: config.external_labels.clone(),
            external_url: config.external_url.clone(),
            resend_secs: config.resend_secs,
            desk: config.incidents.then_some(desk),
            client: reqwest::Client::builder().timeout(TIMEOUT).build()?,
            sent: AtomicU64::default(),
            failed: AtomicU64::default(),
        })
    }

    /// Where alerts are sent.
    pub fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }

    /// Tells all of them. What was not heard is told again a little later, as long as the alert fires.
    pub async fn tell(&self, alerts: Vec<Active>, interval_secs: f64, now: Timestamp) {
        let valid = Duration::from_secs_f64(INTERVALS * interval_secs.max(self.resend_secs as f64));
        if let Some(desk) = &self.desk {
            let (desk, told) = (Arc::clone(desk), alerts.iter().map(|it| heard(it, now.plus(valid))).collect());
            let outcome = tokio::task::spawn_blocking(move || desk.take(told, now)).await;
            if let Ok(Err(error)) = outcome {
                self.failed.fetch_add(alerts.len() as u64, Relaxed);
                tracing::error!(%error, "Alerts of rules became no incidents.");
            }
        }
        if self.addresses.is_empty() {
            return;
        }
        let body: Vec<_> = alerts.iter().map(|it| self.sent_as(it, now.plus(valid))).collect();
        let body = crate::clean::json(&json!(body).to_string());
        let sends = self.addresses.iter().map(|it| self.send(it, &body, alerts.len() as u64));
        futures_util::future::join_all(sends).await;
    }

    async fn send(&self, address: &str, body: &str, n_alerts: u64) {
        let request = self.client.post(address).header("content-type", "application/json").body(body.to_owned());
        let outcome = request.send().await.and_then(reqwest::Response::error_for_status);
        match outcome {
            Ok(_) => _ = self.sent.fetch_add(n_alerts, Relaxed),
            Err(error) => {
                self.failed.fetch_add(n_alerts, Relaxed);
                tracing::warn!(address, %error, "Alerts were not sent.");
            }
        }
    }

    fn sent_as(&self, alert: &Active, valid_until: Timestamp) -> serde_json::Value {
        let mut labels = self.external_labels.clone();
        labels.extend(alert.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        json!({
            "labels": labels,
            "annotations": alert.annotations,
            "startsAt": alert.active_at.to_string(),
            "endsAt": alert.resolved_at.unwrap_or(valid_until).to_string(),
            "generatorURL": self.external_url,
        })
    }

    /// What it counts.
    pub fn metrics(&self) -> Vec<Metric> {
        let help = "Alerts told to Alertmanagers and to the desk.";
        let count = |outcome: &str, count: &AtomicU64| {
            Metric::counter("sentinel_rules_notifications_total", help, count.load(Relaxed)).label("outcome", outcome)
        };
        vec![count("sent", &self.sent), count("failed", &self.failed)]
    }
}

fn heard(alert: &Active, valid_until: Timestamp) -> ingest::Alert {
    let said = ["summary", "description", "message"].iter().find_map(|it| alert.annotations.get(*it));
    ingest::Alert {
        labels: Labels::clone(&alert.labels),
        summary: said.cloned().unwrap_or_default(),
        starts_at: alert.active_at,
        ends_at: alert.resolved_at.unwrap_or(valid_until),
    }
}
