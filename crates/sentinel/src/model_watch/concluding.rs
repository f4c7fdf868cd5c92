//! What follows from a comparison? The alarms hear of it; what has begun, goes on and is over.

use std::collections::BTreeMap;

use drift::watch::News;
use signal::{Anomaly, Timestamp};

use crate::model_watch::run::Run;
use crate::model_watch::saved::{Saved, Told};
use crate::model_watch::telling::told;
use crate::model_watch::watched::Watched;

impl Watched {
    /// A feature that drifted already drifts since then.
    pub fn keep_since(&self, saved: &mut Saved, run: &mut Run) {
        let mut since = BTreeMap::new();
        for it in run.features.iter_mut().filter(|it| it.drifted) {
            it.since = saved.since.get(&it.name).copied().or(it.since);
            since.extend(it.since.map(|time| (it.name.clone(), time)));
        }
        saved.since = since;
    }

    /// The alarms hear of the run; what has begun, goes on and is over.
    pub fn conclude(&self, saved: &mut Saved, run: &Run, now: Timestamp) -> Vec<Anomaly> {
        let mut goes: Vec<Told> = vec![];
        for rule in &self.rules {
            let began = run.features.iter().filter_map(|it| it.since).min().unwrap_or(run.from);
            let alarm = saved.alarms.entry(rule.to_string()).or_default();
            let holds = rule.holds(&run.measures);
            let news = alarm.observe(holds, began, self.config.alert_after_runs, self.config.recover_after_runs);
            match news {
                News::Began => tracing::warn!(model = run.model, %rule, summary = run.summary, "A model drifts."),
                News::Over => tracing::info!(model = run.model, %rule, "A model has recovered."),
                News::Quiet | News::Goes => {}
            }
            let Some(since) = alarm.firing_since else { continue };
            if holds == Some(true) {
                for it in told(&self.config, rule, run, since) {
                    if goes.iter().all(|other| other.labels != it.labels) {
                        goes.push(it);
                    }
                }
            } else {
                // It is not sure yet that it is over: what was told stands.
                let text = rule.to_string();
                let is_its = |it: &&Told| it.rule == text && goes.iter().all(|other| other.labels != it.labels);
                let before: Vec<Told> = saved.told.iter().filter(is_its).cloned().collect();
                goes.extend(before);
            }
        }
        let severity = self.config.severity;
        let is_over = |it: &&Told| goes.iter().all(|other| other.labels != it.labels);
        let mut anomalies: Vec<Anomaly> =
            saved.told.iter().filter(is_over).map(|it| it.anomaly(now, severity, true)).collect();
        anomalies.extend(goes.iter().map(|it| it.anomaly(now, severity, false)));
        saved.told = goes;
        anomalies
    }
}
