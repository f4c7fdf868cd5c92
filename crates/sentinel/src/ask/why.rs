//! Why did it happen? The diagnosis of the incident that covers the question, or one made now for the moment it names.

use std::time::Duration;

use diagnose::question::{Window, spikes};
use serve::{Answer, AnswerCause};
use signal::{
    AnomalyKind, Diagnosis, Incident, IncidentFilter, IncidentId, IncidentStatus, PortError, Severity, Symptom,
    TimeRange, Timestamp,
};

use super::{AskDesk, Asked};

/// An incident may begin or end so far outside the time that is asked about.
const SLACK: Duration = Duration::from_secs(10 * 60);
/// Incidents that are looked through.
const MAX_INCIDENTS: usize = 500;
/// The time that is looked at where none is named and no incident is known.
const LATELY: Duration = Duration::from_secs(30 * 60);
/// How long after its begin a moment is looked at: a short spike must not be lost in what came after.
const FOLLOW: Duration = Duration::from_secs(180);
/// Symptoms that are told.
const MOST_FACTS: usize = 5;

impl AskDesk {
    /// Root cause, evidence, action.
    pub(super) fn why(&self, asked: &Asked<'_>, answer: &mut Answer) -> Result<(), PortError> {
        let found = match asked.question.incident {
            Some(id) => Some(self.responder.backlog().incident(id)?),
            None => self.covering(asked)?,
        };
        match found {
            Some(incident) => {
                answer.incident = Some(incident.id.to_string());
                self.explain(&incident, answer);
                self.help(&incident, asked, answer)
            }
            None => self.diagnose_now(asked, answer),
        }
    }

    /// The incident that fits the time, the services and the signal of the question best.
    pub(super) fn covering(&self, asked: &Asked<'_>) -> Result<Option<Incident>, PortError> {
        let filter = IncidentFilter { limit: MAX_INCIDENTS, ..IncidentFilter::default() };
        let incidents = self.responder.backlog().incidents(&filter)?;
        let is_named = asked.question.window.is_some();
        let fitting = incidents.into_iter().filter_map(|it| {
            if is_named && !overlaps(&it, asked.range, asked.now) {
                return None;
            }
            Some((fit(&it, asked)?, it))
        });
        // Newest first, and the first of equals stays.
        let best = fitting.reduce(|best, it| if it.0 > best.0 { it } else { best });
        Ok(best.map(|it| it.1))
    }

    /// Puts the diagnosis of an incident into the answer.
    pub(super) fn explain(&self, incident: &Incident, answer: &mut Answer) {
        let state = if incident.status == IncidentStatus::Resolved { "was" } else { "is" };
        let lead = format!("{} {state} open since {}: {}.", incident.id, incident.started_at, incident.title);
        let lead = match incident.ended_at {
            Some(end) => format!("{} from {} to {end}: {}.", incident.id, incident.started_at, incident.title),
            None => lead,
        };
        match &incident.diagnosis {
            Some(diagnosis) => diagnosed(diagnosis, &lead, answer),
            None => answer.summary = format!("{lead} Its cause is still being looked for."),
        }
        answer.facts.extend(incident.symptoms.iter().take(MOST_FACTS).map(symptom));
    }

    /// Looks for the moment and its cause in what is stored, because nothing was alerted.
    fn diagnose_now(&self, asked: &Asked<'_>, answer: &mut Answer) -> Result<(), PortError> {
        self.lock().diagnoses += 1;
        let lately = || Window { range: TimeRange::ending_at(asked.now, LATELY), at: None, because: String::new() };
        let window = asked.question.window.clone().unwrap_or_else(lately);
        let mut problems = vec![];
        let symptoms = spikes(asked.question, &window, &*self.eyes.history, &mut problems);
        let Some(started) = symptoms.iter().map(|it| it.onset).min() else {
            answer.problems.extend(problems.iter().map(ToString::to_string));
            return self.nothing(asked, &window, answer);
        };
        let incident = unnamed(asked, symptoms, started);
        let (diagnosis, more) = diagnose::diagnose(
            &incident,
            asked.now.min(started.plus(FOLLOW)),
            &self.eyes.sources(&*self.store, &*self.map),
        );
        answer.problems.extend(problems.iter().chain(&more).map(ToString::to_string));
        let lead = format!("No incident was open then. {}.", incident.title);
        diagnosed(&diagnosis, &lead, answer);
        answer.facts.extend(incident.symptoms.iter().take(MOST_FACTS).map(symptom));
        self.help(&Incident { diagnosis: Some(diagnosis), ..incident }, asked, answer)
    }

    /// Nothing moved: that is an answer, with what was changed meanwhile.
    fn nothing(&self, asked: &Asked<'_>, window: &Window, answer: &mut Answer) -> Result<(), PortError> {
        answer.no_cause_confidence = Some(1.0);
        let whose = if asked.question.services.is_empty() {
            String::new()
        } else {
            format!(" of {}", asked.question.services.join(", "))
        };
        answer.summary = format!(
            "Nothing unusual{whose} between {} and {}: no incident, and no series left its usual range.",
            window.range.from, window.range.to
        );
        self.tell_changes(asked, window.range, answer)
    }
}

fn overlaps(incident: &Incident, range: TimeRange, now: Timestamp) -> bool {
    let end = incident.ended_at.unwrap_or(now);
    incident.started_at.minus(SLACK) <= range.to && end.plus(SLACK) >= range.from
}

/// How well an incident fits, higher is better; none if it is about something else.
fn fit(incident: &Incident, asked: &Asked<'_>) -> Option<i64> {
    let question = asked.question;
    let causes = incident.diagnosis.iter().flat_map(|it| &it.causes).map(|it| &it.service);
    let owners = || incident.services.iter().chain(causes.clone());
    if !question.services.is_empty() && !owners().any(|it| question.services.contains(it)) {
        return None;
    }
    let has_role = |it: &&Symptom| question.signal.is_some_and(|role| signal::Role::of(&it.labels) == role);
    let of_signal = incident.symptoms.iter().filter(has_role).count();
    let of_path = question
        .endpoint
        .as_deref()
        .is_some_and(|path| incident.symptoms.iter().any(|it| it.labels.iter().any(|(_, value)| value.contains(path))));
    let is_first = incident.services.first().is_some_and(|it| question.services.contains(it));
    let at = question.window.as_ref().and_then(|it| it.at);
    let off = at.map_or(0.0, |at| (at.secs_since(incident.started_at)).abs() / 60.0);
    let points = [(is_first, 20), (of_signal > 0, 30), (of_path, 40), (incident.is_open(), 5)];
    let sum: i64 = points.iter().filter(|it| it.0).map(|it| it.1).sum();
    Some(sum - off.min(60.0) as i64)
}

/// What an incident would be, had there been one.
fn unnamed(asked: &Asked<'_>, symptoms: Vec<Symptom>, started: Timestamp) -> Incident {
    let mut services: Vec<String> = symptoms.iter().map(|it| it.labels.owner().to_owned()).collect();
    services.dedup();
    let first = symptoms.first();
    let title = first.map_or_else(String::new, |it| {
        format!("{} went from {} to {} at {}", it.labels, number(it.peak.yhat), number(it.peak.y), it.onset)
    });
    Incident {
        id: IncidentId(0),
        status: IncidentStatus::Resolved,
        severity: Severity::Warning,
        title,
        services,
        started_at: started,
        detected_at: asked.now,
        ended_at: None,
        symptoms,
        diagnosis: None,
        plans: vec![],
        timeline: vec![],
        feedback: None,
    }
}

fn diagnosed(diagnosis: &Diagnosis, lead: &str, answer: &mut Answer) {
    let cause = |it: &signal::Cause| AnswerCause {
        service: it.service.clone(),
        indicator: it.indicator.clone(),
        fault: it.fault.as_str().to_owned(),
        confidence: it.confidence,
        summary: it.summary.clone(),
        evidence: it.evidence.iter().map(|it| it.0.clone()).collect(),
    };
    answer.causes = diagnosis.causes.iter().map(cause).collect();
    answer.root_cause = answer.causes.first().cloned();
    answer.no_cause_confidence = Some(diagnosis.no_cause_confidence);
    answer.evidence.clone_from(&diagnosis.evidence);
    answer.summary = match &answer.root_cause {
        Some(it) => format!(
            "Likely cause ({:.0} %): {} in {}. {} {lead}",
            it.confidence * 100.0,
            it.fault.replace('_', " "),
            it.service,
            it.summary
        ),
        None => format!("{lead} No cause was found in what is stored."),
    };
}

fn symptom(it: &Symptom) -> String {
    if it.kind == AnomalyKind::MissingData {
        format!("{} has sent nothing since {}.", it.labels.owner(), it.onset)
    } else if it.explanation.is_empty() {
        format!(
            "{} was {} where {} was expected, since {}.",
            it.labels,
            number(it.peak.y),
            number(it.peak.yhat),
            it.onset
        )
    } else {
        format!("{}: {} Since {}.", it.labels, it.explanation, it.onset)
    }
}

fn number(value: f64) -> String {
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 1.0 {
        2
    } else {
        4
    };
    format!("{value:.digits$}")
}
