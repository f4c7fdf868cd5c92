//! What do people read and do? Incidents, what is said of them, plans, the ledger, the agent.

use signal::{
    Approval, Direction, Feedback, FeedbackDesk, Incident, IncidentBook, IncidentFilter, IncidentId, IncidentStatus,
    Investigation, Investigations, Ledger, LedgerEntry, Lesson, LessonEffect, LessonTarget, Plan, PlanDesk, PlanId,
    PlanState, PortError, ReportFormat, Reports, TimelineEntry,
};

use super::{DIGEST, HOSTILE, World, shop};

impl IncidentBook for World {
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, PortError> {
        let all = self.incidents.lock().unwrap();
        let has_service = |it: &Incident| filter.service.as_ref().is_none_or(|service| it.services.contains(service));
        let wanted = all.iter().filter(|it| filter.status.is_none_or(|status| it.status == status));
        let wanted = wanted.filter(|it| has_service(it) && filter.before.is_none_or(|id| it.id < id));
        Ok(wanted.take(if filter.limit == 0 { usize::MAX } else { filter.limit }).cloned().collect())
    }

    fn incident(&self, id: IncidentId) -> Result<Incident, PortError> {
        self.change_incident(id, |_| ())
    }

    fn acknowledge(&self, id: IncidentId, actor: &str) -> Result<Incident, PortError> {
        let entry = TimelineEntry { time: self.clock.now(), text: format!("Acknowledged by {actor}.") };
        self.change_incident(id, |it| {
            it.status = IncidentStatus::Acknowledged;
            it.timeline.push(entry);
        })
    }
}

impl FeedbackDesk for World {
    fn give(&self, id: IncidentId, said: Feedback) -> Result<Incident, PortError> {
        let incident = self.change_incident(id, |it| it.feedback = Some(said.opinion))?;
        let mut lessons = self.lessons.lock().unwrap();
        let target = LessonTarget::Threshold {
            metric: HOSTILE.to_owned(),
            owner: "pay".to_owned(),
            direction: Some(Direction::Above),
            hours: Some(signal::Hours { from: 9, to: 11 }),
        };
        let effects = vec![LessonEffect { target, basis: 1.2, from: 1.0, to: 1.32, now: 1.3 }];
        let id = lessons.len() as u64 + 1;
        lessons.insert(0, Lesson { id, time: self.clock.now(), incident: incident.id, said, effects, undone_by: None });
        Ok(incident)
    }

    fn lessons(&self) -> Result<Vec<Lesson>, PortError> {
        Ok(self.lessons.lock().unwrap().clone())
    }

    fn undo(&self, id: u64, actor: &str) -> Result<Lesson, PortError> {
        let mut lessons = self.lessons.lock().unwrap();
        let found = lessons.iter_mut().find(|it| it.id == id).ok_or_else(|| PortError::Refused(format!("no {id}")))?;
        found.undone_by = Some(actor.to_owned());
        Ok(found.clone())
    }
}

impl PlanDesk for World {
    fn plans(&self, incident: Option<IncidentId>) -> Result<Vec<Plan>, PortError> {
        let all = self.plans.lock().unwrap();
        Ok(all.iter().filter(|it| incident.is_none_or(|id| it.incident == id)).cloned().collect())
    }

    fn plan(&self, id: PlanId) -> Result<Plan, PortError> {
        let all = self.plans.lock().unwrap();
        all.iter().find(|it| it.id == id).cloned().ok_or_else(|| PortError::NotFound(id.to_string()))
    }

    fn approve(&self, id: PlanId, digest: &str, actor: &str) -> Result<Plan, PortError> {
        if digest != DIGEST {
            return Err(PortError::Refused("the digest is not that of the plan".to_owned()));
        }
        let (time, signature) = (self.clock.now(), "00".to_owned());
        let approval = Approval { actor: actor.to_owned(), time, digest: digest.to_owned(), signature };
        self.change_plan(id, |it| (it.state, it.approval) = (PlanState::Approved, Some(approval)))
    }

    fn reject(&self, id: PlanId, _: &str) -> Result<Plan, PortError> {
        self.change_plan(id, |it| it.state = PlanState::Rejected)
    }
}

impl Ledger for World {
    fn append(&self, actor: &str, action: &str, subject: &str, detail: &str) -> Result<LedgerEntry, PortError> {
        let mut ledger = self.ledger.lock().unwrap();
        let entry = LedgerEntry {
            sequence: ledger.len() as u64 + 1,
            time: self.clock.now(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            previous_hash: "0".repeat(64),
            hash: "ab".repeat(32),
        };
        ledger.push(entry.clone());
        Ok(entry)
    }

    fn entries(&self, after: u64, limit: usize) -> Result<Vec<LedgerEntry>, PortError> {
        let ledger = self.ledger.lock().unwrap();
        let rest = ledger.iter().filter(|it| it.sequence > after);
        Ok(rest.take(if limit == 0 { usize::MAX } else { limit }).cloned().collect())
    }

    fn verify(&self) -> Result<u64, PortError> {
        Ok(self.ledger.lock().unwrap().len() as u64)
    }
}

impl Investigations for World {
    fn investigation(&self, id: IncidentId) -> Result<Option<Investigation>, PortError> {
        Ok((id == IncidentId(1)).then(|| shop::investigation(id)))
    }
}

impl serve::AgentDesk for World {
    fn agent(&self) -> serve::AgentStatus {
        let count = |name: &str, count| serve::NamedCount { name: name.to_owned(), count };
        let cap = |period, unit, used, cap| serve::AgentCap { period, unit, used, cap };
        serve::AgentStatus {
            provider: Some("gemini".to_owned()),
            model: HOSTILE.to_owned(),
            url: "https://models.example".to_owned(),
            state: "asked",
            is_priced: true,
            under_way: 1,
            waiting: 2,
            requests: vec![count("ok", 7), count("rate_limited", 1), count("busy", 0)],
            investigations: vec![count("answered", 3)],
            calls: vec![count("answered", 9)],
            claims_published: 12,
            claims_dropped: vec![count("direction", 2)],
            caps: vec![cap("day", "dollars", 1.25, 20.0), cap("month", "tokens", 1200.0, 0.0)],
            tools: vec![serve::AgentTool { server: "wiki".to_owned(), tool: HOSTILE.to_owned(), status: "changed" }],
        }
    }
}

impl Reports for World {
    fn incident_report(&self, id: IncidentId, format: ReportFormat) -> Result<String, PortError> {
        let incident = self.incident(id)?;
        Ok(match format {
            ReportFormat::Html => format!("<!doctype html><title>{id}</title>"),
            ReportFormat::Md => format!("# {id}\n"),
            ReportFormat::Svg => "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>".to_owned(),
            ReportFormat::Json => serde_json::to_string(&incident).unwrap(),
        })
    }
}
