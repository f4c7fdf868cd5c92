//! Where do pages and commands read incidents, and how do people's words reach them?

use std::sync::Arc;
use std::time::Duration;

use report::{Chart, IncidentReport};
use signal::{
    Clock, History, Incident, IncidentBook, IncidentFilter, IncidentId, IncidentStatus, Ledger, PlanDesk, PortError,
    ReportFormat, Reports, Scores, Symptom, TimeRange, TimelineEntry,
};
use store::Store;

use crate::clean::CleanLedger;
use crate::responder::Responder;

/// Charts in one report; the first symptoms tell the story.
const CHARTS: usize = 6;
/// What a chart shows before the first symptom and after the last.
const MARGIN: Duration = Duration::from_secs(300);

/// Incidents for people: read from the store (or the backlog of it), changed through the responder.
pub struct Book {
    /// Durable storage.
    pub store: Arc<Store>,
    /// Samples of charts.
    pub history: Arc<dyn History>,
    /// Owner of open incidents.
    pub responder: Arc<Responder>,
    /// Plans.
    pub plans: Arc<dyn PlanDesk>,
    /// Expected bands.
    pub scores: Arc<dyn Scores>,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

impl Book {
    fn note(
        &self,
        id: IncidentId,
        actor: &str,
        action: &str,
        change: impl FnOnce(&mut Incident),
    ) -> Result<Incident, PortError> {
        let incident = self.responder.change(id, change)?;
        CleanLedger(Arc::clone(&self.store)).append(actor, action, &id.to_string(), "{}")?;
        Ok(incident)
    }

    fn chart(&self, symptom: &Symptom, range: TimeRange) -> Result<Chart, PortError> {
        let series = symptom.labels.id();
        let points = self.history.points(series, range)?;
        let anomalous = TimeRange::new(symptom.onset, symptom.ended_at.unwrap_or(symptom.last_seen));
        Ok(Chart {
            labels: symptom.labels.clone(),
            points: if signal::is_counter(&symptom.labels) { signal::rates(&points) } else { points },
            band: self.scores.band(series, range),
            anomalous: vec![anomalous],
        })
    }
}

impl IncidentBook for Book {
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, PortError> {
        self.responder.backlog().incidents(filter)
    }

    fn incident(&self, id: IncidentId) -> Result<Incident, PortError> {
        self.responder.backlog().incident(id)
    }

    fn acknowledge(&self, id: IncidentId, actor: &str) -> Result<Incident, PortError> {
        if self.incident(id)?.status != IncidentStatus::Open {
            return Err(PortError::Refused(format!("{id} is not open")));
        }
        let entry = TimelineEntry { time: self.clock.now(), text: format!("Acknowledged by {actor}.") };
        self.note(id, actor, "incident.acknowledged", |incident| {
            incident.status = IncidentStatus::Acknowledged;
            incident.timeline.push(entry);
        })
    }
}

impl Reports for Book {
    fn incident_report(&self, id: IncidentId, format: ReportFormat) -> Result<String, PortError> {
        let incident = self.incident(id)?;
        if format == ReportFormat::Svg {
            let graph = incident.diagnosis.as_ref().map(|it| &it.graph);
            let none = || PortError::NotFound(format!("a picture of {id} (no cause has been found)"));
            return graph.and_then(report::svg).ok_or_else(none);
        }
        let end = incident.ended_at.unwrap_or_else(|| self.clock.now());
        let range = TimeRange::new(incident.started_at.minus(MARGIN), end.plus(MARGIN));
        let charts = incident
            .symptoms
            .iter()
            .filter(|it| it.has_series())
            .take(CHARTS)
            .map(|it| self.chart(it, range))
            .collect::<Result<_, _>>()?;
        let plans = self.plans.plans(Some(id))?;
        let plan_ids = plans.iter().map(|it| it.id.to_string());
        let ledger = self.store.entries_about(&plan_ids.chain([id.to_string()]).collect::<Vec<_>>())?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let report = IncidentReport { incident, plans, charts, ledger, generated_at: self.clock.now(), version };
        Ok(match format {
            ReportFormat::Html => report::html(&report),
            ReportFormat::Md => report::markdown(&report),
            ReportFormat::Json | ReportFormat::Svg => report::json(&report),
        })
    }
}
