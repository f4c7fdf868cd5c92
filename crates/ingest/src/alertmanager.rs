//! Alerts of other systems: as Prometheus posts them to an Alertmanager, and as an Alertmanager posts them to a webhook.
//!
//! API: <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>; webhook, version 4:
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use signal::{Labels, Timestamp};

use crate::error::Fields;
use crate::limits::{checked_labels, shortened};
use crate::{Config, Error, Problems, Reason};

/// What is kept of a summary.
const SUMMARY_BYTES: usize = 500;

/// One alert. All texts are untrusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its labels: the same labels are the same alert.
    pub labels: Labels,
    /// The annotation `summary`, else `description` or `message`, in at most 500 bytes; empty if there is none.
    pub summary: String,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// When it ends, or has ended, if nobody says otherwise until then.
    pub ends_at: Timestamp,
}

/// Alerts of a body of `POST /api/v2/alerts`, those that are wrong left out and named in `Problems`.
pub fn decode_alerts(body: &[u8], now: Timestamp, config: &Config) -> Result<(Vec<Alert>, Problems), Error> {
    let posted: Vec<Posted> = parse(body)?;
    Ok(alerts(posted, now, Duration::from_secs(config.alert_resolve_timeout_secs), config))
}

/// Alerts of a webhook's body, those that are wrong left out and named in `Problems`.
pub fn decode_webhook(body: &[u8], now: Timestamp, config: &Config) -> Result<(Vec<Alert>, Problems), Error> {
    let webhook: Webhook = parse(body)?;
    Ok(alerts(webhook.alerts, now, Duration::from_secs(config.alert_webhook_timeout_secs), config))
}

#[derive(Deserialize)]
struct Webhook {
    alerts: Vec<Posted>,
}

/// Both shapes of one alert.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    /// Only a webhook says so.
    #[serde(default)]
    status: Option<String>,
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = error.path().to_string();
        let error = error.into_inner();
        if !error.is_data() {
            return Error::malformed("the body", error);
        }
        let detail = if place == "." { error.to_string() } else { format!("{place}: {error}") };
        // An Alertmanager reads first (400) and looks afterwards whether all is there that must be (422).
        let is_missing = error.to_string().starts_with("missing field");
        if is_missing { Fields::one(vec![], detail, "missing") } else { Error::malformed("the body", detail) }
    })
}

fn alerts(posted: Vec<Posted>, now: Timestamp, timeout: Duration, config: &Config) -> (Vec<Alert>, Problems) {
    let mut problems = Problems::default();
    let mut alerts = vec![];
    for (idx, posted) in posted.into_iter().enumerate() {
        match posted.alert(now, timeout, config) {
            Ok(alert) => alerts.push(alert),
            Err((reason, detail)) => problems.add(reason, 1, || format!("alerts[{idx}]: {detail}")),
        }
    }
    (alerts, problems)
}

impl Posted {
    /// Missing times are filled in, and rules checked, as an Alertmanager does it.
    fn alert(&self, now: Timestamp, timeout: Duration, config: &Config) -> Result<Alert, (Reason, String)> {
        let ended = time("endsAt", self.ends_at.as_deref())?;
        let starts_at = time("startsAt", self.starts_at.as_deref())?.or(ended).unwrap_or(now);
        let is_resolved = self.status.as_deref() == Some("resolved");
        let ends_at = ended.unwrap_or_else(|| if is_resolved { now } else { now.plus(timeout) });
        if ends_at < starts_at {
            return Err((Reason::Timestamp, "start time must be before end time".to_owned()));
        }
        // The metric that the rule looked at is not what the alert is about.
        let pairs: Vec<(&str, &str)> = self.pairs().filter(|it| it.0 != "__name__").collect();
        let labels = checked_labels(&pairs, config)?;
        if labels.is_empty() {
            return Err((Reason::Unnamed, "at least one label pair required".to_owned()));
        }
        let annotation = |name: &str| self.annotations.as_ref()?.get(name).filter(|it| !it.is_empty());
        let summary = ["summary", "description", "message"].iter().find_map(|it| annotation(it));
        let summary = summary.map_or("", |it| shortened(it, SUMMARY_BYTES)).to_owned();
        Ok(Alert { labels, summary, starts_at: starts_at.min(now), ends_at })
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// None if it is missing, or the year 1 by which Go says that it is.
fn time(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, (Reason, String)> {
    let Some(text) = text.filter(|it| !it.is_empty() && !it.starts_with("0001-01-01T00:00:00")) else {
        return Ok(None);
    };
    match text.parse::<Timestamp>() {
        Ok(time) if time.is_plausible() => Ok(Some(time)),
        Ok(_) => Err((Reason::Timestamp, format!("{field} must lie between 1970 and 2200"))),
        Err(_) => Err((Reason::Timestamp, format!("{field} {:?} is not RFC 3339", shortened(text, 40)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn decoded(body: &str) -> (Vec<Alert>, Problems) {
        decode_alerts(body.as_bytes(), NOW, &Config::default()).unwrap()
    }

    #[test]
    fn times_are_filled_in_as_alertmanager_does() {
        for (times, starts, ends) in [
            ("", 0.0, 300.0),
            (r#","startsAt":"2023-11-14T22:12:20Z""#, -60.0, 300.0),
            (r#","endsAt":"2023-11-14T22:14:20Z""#, 0.0, 60.0),
            (r#","startsAt":"2023-11-14T22:12:20Z","endsAt":"0001-01-01T00:00:00Z""#, -60.0, 300.0),
            (r#","startsAt":"2023-11-14T22:12:20+00:00","endsAt":"2023-11-14T22:13:10.5Z""#, -60.0, -9.5),
            (r#","endsAt":"2023-11-14T22:12:20Z""#, -60.0, -60.0),
            (r#","startsAt":null,"annotations":null,"generatorURL":null"#, 0.0, 300.0),
        ] {
            let (alerts, problems) = decoded(&format!(r#"[{{"labels":{{"alertname":"A"}}{times}}}]"#));
            let alert = &alerts[0];
            let found = (alert.starts_at.min(NOW).secs_since(NOW), alert.ends_at.secs_since(NOW));
            assert_eq!(found, (starts, ends), "{times}");
            assert_eq!(problems.mistake(), None);
        }
    }

    #[test]
    fn wrong_alerts_are_named_and_the_rest_is_kept() {
        let good = r#"{"labels":{"alertname":"Good","empty":""}}"#;
        for (bad, expected) in [
            (r#"{"labels":{}}"#, "alerts[1]: at least one label pair required"),
            (r#"{"labels":{"a":""}}"#, "alerts[1]: at least one label pair required"),
            (
                r#"{"labels":{"a":"b"},"startsAt":"2023-11-14T22:13:00Z","endsAt":"2023-11-14T22:12:00Z"}"#,
                "alerts[1]: start time must be before end time",
            ),
            (r#"{"labels":{"a":"b"},"startsAt":"noon"}"#, "alerts[1]: startsAt \"noon\" is not RFC 3339"),
            (r#"{"labels":{"a":"b"},"endsAt":"9999-01-01T00:00:00Z"}"#, "alerts[1]: endsAt must lie between"),
        ] {
            let (alerts, problems) = decoded(&format!("[{good},{bad}]"));
            assert_eq!(alerts.len(), 1, "{bad}");
            assert_eq!(alerts[0].labels.to_string(), r#"{alertname="Good"}"#);
            assert!(problems.first_mistake().unwrap().starts_with(expected), "{problems:?}");
        }
    }

    #[test]
    fn a_webhook_says_what_is_resolved() {
        let body = r#"{"version":"4","groupKey":"{}:{}","status":"firing","receiver":"sentinel","truncatedAlerts":0,
            "groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://am:9093","alerts":[
            {"status":"firing","labels":{"alertname":"A","__name__":"up","severity":"critical"},
             "annotations":{"description":"d","summary":"s"},"startsAt":"2023-11-14T22:12:20.123456789Z",
             "endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/g","fingerprint":"c0ffee"},
            {"status":"resolved","labels":{"alertname":"B"},"startsAt":"2023-11-14T22:12:20Z","endsAt":"2023-11-14T22:13:20Z"}]}"#;
        let (alerts, _) = decode_webhook(body.as_bytes(), NOW, &Config::default()).unwrap();
        assert_eq!(alerts[0].labels.to_string(), r#"{alertname="A",severity="critical"}"#);
        assert_eq!((alerts[0].summary.as_str(), alerts[0].ends_at), ("s", NOW.plus(Duration::from_secs(18_000))));
        assert_eq!(alerts[1].ends_at, NOW);
        let error = decode_webhook(br#"{"alerts":[{"labels":{"a":5}}]}"#, NOW, &Config::default()).unwrap_err();
        assert!(error.to_string().starts_with("the body: alerts[0].labels.a: invalid type"), "{error}");
    }
}
