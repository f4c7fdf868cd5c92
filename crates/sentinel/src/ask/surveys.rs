//! What changed, how is it, which is the worst, what was said, what to do, was it there before?

use std::collections::BTreeMap;
use std::time::Duration;

use diagnose::question::Question;
use knowledge::{Kind, Query};
use serve::{Answer, KnowledgePassage, LinesQuery};
use signal::{
    Change, ChangeLog as _, Incident, IncidentFilter, IncidentStatus, Labels, LogLevel, PortError, Role, Score,
    Severity, TemplateTrend, TimeRange,
};

use super::{AskDesk, Asked};

/// Facts that are told of one sort.
const MOST: usize = 8;
/// Passages and lines.
const MOST_LINES: usize = 20;
/// Series whose scores are looked at.
const MAX_SCORES: usize = 500;
/// Templates are compared with at most this much time before.
const LONGEST_BASE: Duration = Duration::from_secs(3_600);

impl AskDesk {
    /// Changes by people, then what is said otherwise than before.
    pub(super) fn what_changed(&self, asked: &Asked<'_>, answer: &mut Answer) -> Result<(), PortError> {
        self.tell_changes(asked, asked.range, answer)?;
        let n_changes = answer.facts.len();
        let span = asked.range.to.since(asked.range.from).min(LONGEST_BASE);
        let before = TimeRange::new(asked.range.from.minus(span), asked.range.from);
        let mut templates = self.eyes.templates.changes(before, asked.range);
        templates.retain(|it| wants(asked.question, &it.service));
        for it in templates.iter().take(MOST) {
            let trend = match it.trend {
                TemplateTrend::New => "new",
                TemplateTrend::Surging => "far more often",
                TemplateTrend::Gone => "no longer there",
            };
            answer.facts.push(format!("{}: log line {trend} since {}: {:?}", it.service, it.onset, it.template));
        }
        let n_lines = answer.facts.len() - n_changes;
        answer.summary = match (n_changes, n_lines) {
            (0, 0) => format!("Nothing is known to have changed between {} and {}.", asked.range.from, asked.range.to),
            _ => format!(
                "Between {} and {} there {} and {}.",
                asked.range.from,
                asked.range.to,
                counted(n_changes, "was 1 change by people or pipelines", "were # changes by people or pipelines"),
                counted(n_lines, "1 kind of log line changed", "# kinds of log line changed"),
            ),
        };
        Ok(())
    }

    /// Adds what was changed in a range to the facts, the newest first.
    pub(super) fn tell_changes(
        &self,
        asked: &Asked<'_>,
        range: TimeRange,
        answer: &mut Answer,
    ) -> Result<(), PortError> {
        let mut changes = self.store.changes(range)?;
        changes.retain(|it| wants(asked.question, &it.service));
        answer.facts.extend(changes.iter().rev().take(MOST).map(change));
        Ok(())
    }

    /// Open incidents, series outside their band, and errors in logs.
    pub(super) fn healthy(&self, asked: &Asked<'_>, answer: &mut Answer) -> Result<(), PortError> {
        let question = asked.question;
        let open: Vec<Incident> = self.open_incidents(question)?;
        let scores = self.unusual(question);
        let recent = TimeRange::ending_at(asked.now, Duration::from_secs(15 * 60));
        let templates = self.eyes.templates.templates(recent, None, MAX_SCORES);
        let errors = templates.iter().filter(|it| it.level >= LogLevel::Error && wants(question, &it.service));
        let errors: Vec<String> = errors
            .filter(|it| it.usual_per_minute.is_none_or(|usual| it.per_minute > 2.0 * usual.max(0.2)))
            .take(3)
            .map(|it| format!("{}: {:.1} lines a minute of {:?}", it.service, it.per_minute, it.template))
            .collect();
        let whose = if question.services.is_empty() { "Everything".to_owned() } else { question.services.join(", ") };
        answer.summary = if !open.is_empty() {
            format!("{whose}: not healthy. {}.", counted(open.len(), "1 incident is open", "# incidents are open"))
        } else if !scores.is_empty() || !errors.is_empty() {
            format!("{whose}: no incident is open, but something is unusual now.")
        } else if !question.services.is_empty() && !self.is_heard(asked)? {
            format!("{whose}: no incident is open, and nothing was heard of it lately.")
        } else {
            format!("{whose}: healthy. No incident is open, and no series is outside its usual range.")
        };
        answer
            .facts
            .extend(open.iter().take(MOST).map(|it| format!("{}: {}, since {}.", it.id, it.title, it.started_at)));
        answer.facts.extend(scores.iter().take(MOST).map(|(labels, score)| outside(labels, score)));
        answer.facts.extend(errors);
        if let Some(incident) = open.first() {
            answer.incident = Some(incident.id.to_string());
            let summary = answer.summary.clone();
            self.explain(incident, answer);
            answer.summary = format!("{summary} {}", answer.summary);
            self.help(incident, asked, answer)?;
        }
        Ok(())
    }

    /// Services in the order of their trouble: incidents first, then how far their series are outside.
    pub(super) fn worst(&self, asked: &Asked<'_>, answer: &mut Answer) -> Result<(), PortError> {
        let question = asked.question;
        let mut points: BTreeMap<String, (f64, Vec<String>)> = BTreeMap::new();
        for incident in self.open_incidents(question)? {
            let weight = if incident.severity == Severity::Critical { 100.0 } else { 50.0 };
            let causes = incident.diagnosis.iter().flat_map(|it| it.causes.first()).map(|it| it.service.clone());
            for (idx, name) in causes.chain(incident.services.iter().take(3).cloned()).enumerate() {
                let entry = points.entry(name).or_default();
                entry.0 += weight / (idx as f64 + 1.0);
                entry.1.push(format!("{} ({})", incident.id, incident.title));
            }
        }
        for (labels, score) in self.unusual(question) {
            let entry = points.entry(labels.owner().to_owned()).or_default();
            entry.0 += score.value.min(20.0);
            entry.1.push(outside(&labels, &score));
        }
        let mut ranked: Vec<(String, (f64, Vec<String>))> = points.into_iter().collect();
        ranked.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then(a.0.cmp(&b.0)));
        answer.summary = match ranked.first() {
            Some((name, (_, why))) => format!("{name} is worst: {}", why.first().map_or("", String::as_str)),
            None => "None is bad: no incident is open, and no series is outside its usual range.".to_owned(),
        };
        let line = |(idx, (name, (_, why))): (usize, &(String, (f64, Vec<String>)))| {
            let mut why = why.clone();
            why.dedup();
            why.truncate(2);
            format!("{}. {name}: {}", idx + 1, why.join("; "))
        };
        answer.facts.extend(ranked.iter().take(MOST).enumerate().map(line));
        Ok(())
    }

    /// Log lines by meaning.
    pub(super) fn logs_like(&self, asked: &Asked<'_>, answer: &mut Answer) -> Result<(), PortError> {
        let question = asked.question;
        let text = if question.topic.is_empty() { question.text.clone() } else { question.topic.clone() };
        let tenant = match &asked.reader {
            knowledge::Reader::Tenant(name) => Some(name.clone()),
            knowledge::Reader::Operator => None,
        };
        let query = LinesQuery {
            text: text.clone(),
            service: question.services.first().cloned(),
            min_level: None,
            range: asked.range,
            limit: MOST_LINES,
            tenant,
        };
        answer.lines = serve::Knowledge::lines(&*self.knowledge, &query)?;
        answer.summary = match answer.lines.len() {
            0 => format!("No line between {} and {} is like {text:?}.", asked.range.from, asked.range.to),
            n => format!("{} like {text:?}, the likest first.", counted(n, "1 line is", "# lines are")),
        };
        Ok(())
    }

    /// Runbooks, plans and what helped before.
    pub(super) fn how_to_fix(&self, asked: &Asked<'_>, answer: &mut Answer) -> Result<(), PortError> {
        if let Some(incident) = self.meant(asked)? {
            answer.incident = Some(incident.id.to_string());
            self.explain(&incident, answer);
            self.help(&incident, asked, answer)?;
        }
        let found = self.knowledge.passages(&self.query(asked, Kind::Runbook, 3));
        merge(&mut answer.runbooks, found);
        if answer.incident.is_none() {
            answer.similar = self.knowledge.passages(&self.query(asked, Kind::Incident, 3));
            answer.summary = match answer.runbooks.first() {
                Some(it) => format!("The runbook {:?} ({}) fits best.", it.title, it.source),
                None => "No runbook fits, and no incident of that sort is open.".to_owned(),
            };
        }
        if answer.action.is_none() {
            answer.action = answer.runbooks.first().map(|it| serve::ProposedAction {
                text: format!("Follow the runbook {:?} ({}).", it.title, it.source),
                source: "runbook",
                id: Some(it.id.clone()),
                state: None,
                command: None,
            });
        }
        Ok(())
    }

    /// Incidents like the one that is meant, or like the words.
    pub(super) fn seen_before(&self, asked: &Asked<'_>, answer: &mut Answer) -> Result<(), PortError> {
        let meant = self.meant(asked)?;
        answer.similar = match &meant {
            Some(incident) => self.knowledge.related_for(incident, &asked.reader).similar,
            None => self.knowledge.passages(&self.query(asked, Kind::Incident, 5)),
        };
        if let Some(incident) = &meant {
            answer.incident = Some(incident.id.to_string());
            answer.runbooks = self.knowledge.related_for(incident, &asked.reader).runbooks;
        }
        let what = meant.map_or_else(|| "That".to_owned(), |it| it.id.to_string());
        answer.summary = match answer.similar.first() {
            None => format!("{what} was not seen before, as far as incidents are kept."),
            Some(it) => format!(
                "{what} is like {}: {}, {}. {}",
                counted(answer.similar.len(), "1 earlier incident", "# earlier incidents"),
                it.id,
                it.title,
                outcome(&it.text)
            ),
        };
        Ok(())
    }

    /// The incident that a question is about without naming its time: the named one, or the newest that fits.
    fn meant(&self, asked: &Asked<'_>) -> Result<Option<Incident>, PortError> {
        if let Some(id) = asked.question.incident {
            return self.responder.backlog().incident(id).map(Some);
        }
        // Words of their own ("the disk is full") are about a sort of fault, not about an incident.
        let question = asked.question;
        let is_about_words = question.topic.split_whitespace().count() > 1 && question.services.is_empty();
        if is_about_words && question.window.is_none() { Ok(None) } else { self.covering(asked) }
    }

    fn query(&self, asked: &Asked<'_>, kind: Kind, limit: usize) -> Query {
        Query {
            services: asked.question.services.clone(),
            reader: asked.reader.clone(),
            ..Query::of(kind, asked.question.text.clone(), limit)
        }
    }

    fn open_incidents(&self, question: &Question) -> Result<Vec<Incident>, PortError> {
        let mut open = vec![];
        for status in [IncidentStatus::Open, IncidentStatus::Acknowledged] {
            let filter = IncidentFilter { status: Some(status), limit: MAX_SCORES, ..IncidentFilter::default() };
            open.extend(self.responder.backlog().incidents(&filter)?);
        }
        open.retain(|it| {
            let causes = it.diagnosis.iter().flat_map(|it| it.causes.first()).map(|it| &it.service);
            it.services.iter().chain(causes).any(|name| wants(question, name))
        });
        Ok(open)
    }

    /// Series that are outside their band now.
    fn unusual(&self, question: &Question) -> Vec<(Labels, Score)> {
        let highest = self.scores.highest(MAX_SCORES).into_iter();
        let is_asked = |it: &Labels| {
            wants(question, it.owner())
                && question.signal.is_none_or(|role| role == Role::Availability || Role::of(it) == role)
        };
        highest.filter(|it| it.2.is_ready && it.2.value > 1.0 && is_asked(&it.0)).map(|it| (it.0, it.2)).collect()
    }

    /// True if a series of a named service has points lately.
    fn is_heard(&self, asked: &Asked<'_>) -> Result<bool, PortError> {
        let range = TimeRange::ending_at(asked.now, Duration::from_secs(10 * 60));
        let query = signal::SeriesQuery { range: Some(range), ..signal::SeriesQuery::default() };
        Ok(self.eyes.history.series(&query)?.iter().any(|it| wants(asked.question, it.owner())))
    }
}

fn wants(question: &Question, service: &str) -> bool {
    question.services.is_empty() || question.services.iter().any(|it| it == service)
}

fn change(it: &Change) -> String {
    let version = it.version.as_deref().map_or_else(String::new, |it| format!(" (version {it})"));
    format!("{}: {} of {}{version}: {:?}", it.time, format!("{:?}", it.kind).to_lowercase(), it.service, it.title)
}

fn outside(labels: &Labels, score: &Score) -> String {
    format!("{labels} is {:.4}, expected {:.4} to {:.4}.", score.y, score.yhat_lower, score.yhat_upper)
}

fn outcome(text: &str) -> &str {
    text.lines().find(|it| it.starts_with("Outcome: ")).unwrap_or("")
}

fn merge(into: &mut Vec<KnowledgePassage>, more: Vec<KnowledgePassage>) {
    for it in more {
        if !into.iter().any(|known| known.id == it.id) {
            into.push(it);
        }
    }
    into.truncate(5);
}

/// `# of them` with the number in place of the mark.
fn counted(n: usize, one: &str, many: &str) -> String {
    if n == 1 { one.to_owned() } else { many.replacen('#', &n.to_string(), 1) }
}
