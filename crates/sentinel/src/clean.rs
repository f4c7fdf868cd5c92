//! What leaves the machine or is kept for good? Incidents that are saved, shown, sent and reported, entries of the ledger,
//! and what commands answer pass here once more, so that no secret goes out by a way that `preprocess` does not see, or
//! when it is told to leave signals as they are.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::Value;
use signal::{Anomaly, EvidenceSource, Incident, Labels, Ledger, LedgerEntry, Meter, Metric, PortError};
use store::Store;

/// Secrets that were replaced on their way out.
static REPLACED: AtomicU64 = AtomicU64::new(0);

/// The text without secrets.
pub fn text(text: &str) -> Cow<'_, str> {
    ingest::redacted(text, &mut |_| _ = REPLACED.fetch_add(1, Relaxed))
}

/// The same of a text that is at hand.
pub fn owned(text: &str) -> String {
    self::text(text).into_owned()
}

fn replace(place: &mut String) {
    if let Cow::Owned(it) = text(place) {
        *place = it;
    }
}

fn labels(place: &mut Labels) {
    let mut safe = place.clone();
    for (name, value) in place.iter() {
        let assigned = format!("{name}={value}");
        if let Cow::Owned(it) = text(&assigned) {
            safe = safe
                .with(name, it.strip_prefix(name).and_then(|it| it.strip_prefix('=')).unwrap_or("[redacted:value]"));
        }
    }
    *place = safe;
}

/// An incident as it may be saved, shown and sent. What is clean stays as it is.
pub fn incident(it: &mut Incident) {
    replace(&mut it.title);
    it.services.iter_mut().for_each(replace);
    it.timeline.iter_mut().for_each(|it| replace(&mut it.text));
    for symptom in &mut it.symptoms {
        replace(&mut symptom.explanation);
        labels(&mut symptom.labels);
    }
    if let Some(diagnosis) = &mut it.diagnosis {
        for cause in &mut diagnosis.causes {
            replace(&mut cause.service);
            replace(&mut cause.indicator);
            replace(&mut cause.summary);
        }
        for evidence in &mut diagnosis.evidence {
            replace(&mut evidence.text);
            source(&mut evidence.source);
        }
        for node in &mut diagnosis.graph.nodes {
            [&mut node.service, &mut node.what, &mut node.indicator].into_iter().for_each(replace);
        }
        diagnosis.graph.edges.iter_mut().for_each(|it| replace(&mut it.by));
    }
}

fn source(it: &mut EvidenceSource) {
    match it {
        EvidenceSource::SeriesWindow { labels: of, .. } => labels(of),
        EvidenceSource::LogLines { service, template, example, .. } => {
            [service, template, example].into_iter().for_each(replace);
        }
        EvidenceSource::Process { host, command, labels: of, .. } => {
            [host, command].into_iter().for_each(replace);
            labels(of);
        }
        EvidenceSource::Requests { service, operation, caller, .. } => {
            [service, operation, caller].into_iter().for_each(replace);
        }
        EvidenceSource::Answer { arguments, fact, .. } => [arguments, fact].into_iter().for_each(replace),
        EvidenceSource::Change { change, .. } => {
            [&mut change.service, &mut change.title].into_iter().for_each(replace);
            change.version.iter_mut().for_each(replace);
        }
    }
}

/// An anomaly as listeners hear of it.
pub fn anomaly(it: &mut Anomaly) {
    replace(&mut it.explanation);
    labels(&mut it.labels);
}

/// JSON text whose strings hold no secrets; what is no JSON is a text.
pub fn json(detail: &str) -> String {
    match serde_json::from_str::<Value>(detail) {
        Ok(mut value) => {
            let before = REPLACED.load(Relaxed);
            strings(&mut value, "");
            // Nothing is written anew without need, so that it stays as its writer has it.
            if before == REPLACED.load(Relaxed) { detail.to_owned() } else { value.to_string() }
        }
        Err(_) => owned(detail),
    }
}

/// A string is looked at by itself, and with the name it stands behind.
fn strings(value: &mut Value, name: &str) {
    match value {
        Value::String(it) => {
            replace(it);
            let assigned = format!("{name}={it:?}");
            if !name.is_empty() && matches!(text(&assigned), Cow::Owned(_)) {
                "[redacted:value]".clone_into(it);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|it| strings(it, name)),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, it)| strings(it, name)),
        _ => {}
    }
}

/// The ledger behind the redaction.
pub struct CleanLedger(pub Arc<Store>);

impl Ledger for CleanLedger {
    fn append(&self, actor: &str, action: &str, subject: &str, detail: &str) -> Result<LedgerEntry, PortError> {
        // Signatures and digests are facts of ours that only look like secrets.
        let detail = if action.starts_with("plan.approved") { detail.to_owned() } else { json(detail) };
        Ledger::append(&*self.0, &text(actor), action, &text(subject), &detail)
    }

    fn entries(&self, after: u64, limit: usize) -> Result<Vec<LedgerEntry>, PortError> {
        Ledger::entries(&*self.0, after, limit)
    }

    fn verify(&self) -> Result<u64, PortError> {
        Ledger::verify(&*self.0)
    }
}

/// Counts what was replaced.
pub struct CleanMeter;

impl Meter for CleanMeter {
    fn metrics(&self) -> Vec<Metric> {
        let help = "Secrets that were replaced in incidents, in the ledger and in answers of commands.";
        vec![Metric::counter("sentinel_serve_secrets_redacted_total", help, REPLACED.load(Relaxed))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 733 of docs/specs/ingest.md.
    #[test]
    fn details_of_the_ledger_stay_json_and_hold_no_secret() {
        let key = format!("gh{}_{}", "p", "a1B2".repeat(9));
        let detail = serde_json::json!({"title": format!("used {key}"), "password": "swordfish", "n": 3, "of": [key]});
        let clean: Value = serde_json::from_str(&json(&detail.to_string())).unwrap();
        let expected = serde_json::json!({
            "title": "used [redacted:key]", "password": "[redacted:value]", "n": 3, "of": ["[redacted:key]"]
        });
        assert_eq!(clean, expected);
        assert_eq!(json(r#"{"b":1,"a":"x"}"#), r#"{"b":1,"a":"x"}"#);
        assert_eq!(json("password=swordfish"), "password=[redacted:value]");
    }
}
