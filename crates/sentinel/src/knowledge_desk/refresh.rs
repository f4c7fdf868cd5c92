//! What is new? Runbooks from their folder, incidents with their plans, log templates.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use knowledge::runbook::{File, Pins, documents, read_folder};
use knowledge::{Document, Kind, Standing, incident_document, template_document};
use serve::RunbookStatus;
use signal::{IncidentFilter, IncidentId, Ledger, Plan, TimeRange};

use super::{FRESH, KnowledgeDesk};

/// Templates that were seen in this time can be found.
const TEMPLATE_SPAN: Duration = Duration::from_secs(7 * 86_400);
/// Templates at most.
const MAX_TEMPLATES: usize = 5_000;

impl KnowledgeDesk {
    /// Reads again if the last time is too long ago for a search.
    pub(super) fn refresh_if_old(&self) {
        let is_old = self.lock().read_at.is_none_or(|it| it.elapsed() >= FRESH);
        if is_old {
            self.refresh();
        }
    }

    /// Reads everything again. What cannot be read is told and keeps what is known of it.
    pub(super) fn refresh(&self) {
        let Ok(_only_one) = self.reading.try_lock() else { return };
        let mut problems = vec![];
        self.read_runbooks(&mut problems);
        self.read_incidents(&mut problems);
        self.read_templates();
        let mut state = self.lock();
        state.failures += problems.len() as u64;
        state.refreshes += 1;
        for kind in Kind::ALL {
            let count = self.library.documents(kind, &knowledge::Reader::Operator).len();
            state.documents.insert(kind.as_str(), count);
        }
        if state.problems != problems {
            problems.iter().for_each(|problem| tracing::warn!(problem, "Not everything that is known could be read."));
        }
        state.problems = problems;
        state.read_at = Some(Instant::now());
    }

    fn read_runbooks(&self, problems: &mut Vec<String>) {
        let Some(folder) = &self.config.runbooks else { return };
        let reading = match read_folder(folder) {
            Ok(reading) => reading,
            Err(error) => {
                problems.push(whole(&error));
                return;
            }
        };
        let pins = match self.config.pin_file().map(|it| Pins::read(&it)).transpose() {
            Ok(pins) => pins.flatten(),
            Err(error) => {
                problems.push(whole(&error));
                // Broken pins approve nothing.
                Some(Pins::default())
            }
        };
        problems.extend(reading.problems);
        let (mut documents, bad) = documents(&reading.files, pins.as_ref());
        problems.extend(bad);
        let changed =
            reading.files.iter().filter(|it| pins.as_ref().is_some_and(|pins| pins.standing(it) == Standing::Changed));
        changed.for_each(|it| self.tell_change(it));
        let runbooks = statuses(&documents);
        if self.config.only_pinned {
            documents.retain(|it| it.standing == Standing::Pinned);
        }
        self.library.replace(Kind::Runbook, documents);
        self.lock().runbooks = runbooks;
    }

    /// A runbook that is no longer what was approved is written to the ledger, once for each text.
    fn tell_change(&self, file: &File) {
        if !self.lock().told.insert((file.path.clone(), file.sha256.clone())) {
            return;
        }
        tracing::warn!(runbook = file.path, sha256 = file.sha256, "Runbook was changed since it was pinned.");
        let detail = serde_json::json!({ "sha256": file.sha256 }).to_string();
        if let Err(error) = Ledger::append(&*self.store, "sentinel", "runbook.changed", &file.path, &detail) {
            tracing::error!(%error, "The change of a runbook could not be written to the ledger.");
        }
    }

    fn read_incidents(&self, problems: &mut Vec<String>) {
        let limit = self.config.max_incidents;
        if limit == 0 {
            return;
        }
        let incidents = self.responder.backlog().incidents(&IncidentFilter { limit, ..IncidentFilter::default() });
        let plans = self.plans.plans(None);
        match (incidents, plans) {
            (Ok(incidents), Ok(plans)) => {
                let mut by_incident: BTreeMap<IncidentId, Vec<Plan>> = BTreeMap::new();
                for plan in plans {
                    by_incident.entry(plan.incident).or_default().push(plan);
                }
                let plans_of = |id: IncidentId| by_incident.get(&id).map_or(&[][..], Vec::as_slice);
                let documents = incidents.iter().map(|it| incident_document(it, plans_of(it.id)));
                self.library.replace(Kind::Incident, documents.collect());
            }
            (Err(error), _) | (_, Err(error)) => problems.push(format!("cannot read past incidents: {error}")),
        }
    }

    fn read_templates(&self) {
        let range = TimeRange::ending_at(self.clock.latest(), TEMPLATE_SPAN);
        let mut templates = self.eyes.templates.templates(range, None, MAX_TEMPLATES);
        // The order by rate changes all the time; that of names does not, and what is unchanged costs nothing.
        templates.sort_by(|a, b| (&a.service, &a.id).cmp(&(&b.service, &b.id)));
        templates.dedup_by(|a, b| a.service == b.service && a.id == b.id);
        self.library.replace(Kind::Template, templates.iter().map(|it| template_document(it, "")).collect());
    }
}

/// Each file once.
fn statuses(documents: &[Document]) -> Vec<RunbookStatus> {
    let mut statuses: Vec<RunbookStatus> = vec![];
    for it in documents {
        let path = it.id.rsplit_once('#').map_or(it.id.as_str(), |it| it.0);
        match statuses.last_mut().filter(|last| last.path == path) {
            Some(last) => last.sections += 1,
            None => statuses.push(RunbookStatus {
                path: path.to_owned(),
                title: it.title.split(" > ").next().unwrap_or_default().to_owned(),
                sections: 1,
                services: it.services.clone(),
                faults: it.faults.clone(),
                version: it.version.clone(),
                standing: super::answers::standing(it.standing),
            }),
        }
    }
    statuses
}

/// An error with its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |it| it.source()).map(|it| format!(": {it}"));
    format!("{error}{}", causes.collect::<String>())
}
