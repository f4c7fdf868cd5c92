//! Which facts are cited? Numbered evidence, each piece once, and re-read before the diagnosis is given out.

use std::time::Duration;

use signal::{
    AnomalyKind, Cause, Change, Evidence, EvidenceId, EvidenceSource, LogId, LogQuery, RequestMeasure, TemplateChange,
    TemplateTrend, TimeRange, TraceId,
};

use crate::facts::{Facts, Process};
use crate::live::Claim;
use crate::movement::{Movement, Stop};
use crate::phrase::{clock, number, quoted, value};
use crate::rank::Ranked;
use crate::reopen::{fits, key_words};
use crate::{Problem, Sources, reopen};

/// So many lines are cited of one template.
const MAX_LINES: usize = 5;
/// So many lines are looked through for them.
const MAX_HITS: usize = 50;

/// Collects evidence while the rules run.
pub(crate) struct Docket<'a> {
    facts: &'a Facts,
    sources: &'a Sources<'a>,
    evidence: Vec<Evidence>,
}

impl<'a> Docket<'a> {
    pub(crate) fn new(facts: &'a Facts, sources: &'a Sources<'a>) -> Self {
        Self { facts, sources, evidence: vec![] }
    }

    /// A series moved.
    pub(crate) fn movement(&mut self, it: &Movement) -> EvidenceId {
        let side = if it.is_up() { "rose" } else { "fell" };
        let text = format!(
            "{} {side} from {} to {} ({} robust deviations), beginning {}.",
            quoted(&it.labels.to_string()),
            value(&it.labels, it.before),
            value(&it.labels, it.during),
            number(it.deviation),
            clock(it.onset),
        );
        let source = EvidenceSource::SeriesWindow {
            labels: it.labels.clone(),
            range: self.facts.range,
            before: it.before,
            during: it.during,
            deviation: it.deviation,
            onset: it.onset,
        };
        self.add(text, source)
    }

    /// A series stopped: told by a deviation of zero and the last point as onset.
    pub(crate) fn stop(&mut self, it: &Stop) -> EvidenceId {
        let text = format!(
            "{} stopped after {}; until then it was about {}.",
            quoted(&it.labels.to_string()),
            clock(it.last),
            value(&it.labels, it.level)
        );
        let source = EvidenceSource::SeriesWindow {
            labels: it.labels.clone(),
            range: self.facts.range,
            before: it.level,
            during: it.level,
            deviation: 0.0,
            onset: it.last,
        };
        self.add(text, source)
    }

    /// A value that a symptom saw, when there is no past to compare it with.
    pub(crate) fn symptom(&mut self, it: &signal::Symptom) -> EvidenceId {
        let (before, during) = (finite(it.peak.yhat), finite(it.peak.y));
        let at = |number: f64| value(&it.labels, finite(number));
        let expected = match it.kind {
            AnomalyKind::Impossible => {
                format!("only {} to {} is possible", at(it.peak.yhat_lower), at(it.peak.yhat_upper))
            }
            AnomalyKind::Peer => format!("{} was to be expected from its peers", at(before)),
            AnomalyKind::Drift => format!("at most {} is usual", at(it.peak.yhat_upper)),
            AnomalyKind::Joint => format!("{} was to be expected from its other signals", at(before)),
            _ => format!("{} was expected", at(before)),
        };
        let text = format!(
            "{} was {} where {expected}, first at {}.",
            quoted(&it.labels.to_string()),
            at(during),
            clock(it.onset),
        );
        let deviation = finite(it.peak.deviation()).clamp(-1e6, 1e6);
        let range = TimeRange::new(self.facts.range.from, self.facts.range.to.max(it.last_seen));
        let labels = it.labels.clone();
        self.add(text, EvidenceSource::SeriesWindow { labels, range, before, during, deviation, onset: it.onset })
    }

    /// A new version: a series that begins.
    pub(crate) fn version(&mut self, labels: &signal::Labels, onset: signal::Timestamp) -> EvidenceId {
        let text = format!("{} appeared at {}.", quoted(&labels.to_string()), clock(onset));
        let (range, labels) = (self.facts.range, labels.clone());
        let source = EvidenceSource::SeriesWindow { labels, range, before: 0.0, during: 1.0, deviation: 1.0, onset };
        self.add(text, source)
    }

    /// A template is new, surging or gone.
    pub(crate) fn template(&mut self, it: &TemplateChange) -> EvidenceId {
        let range = self.facts.log_ranges.1;
        let trend = match it.trend {
            TemplateTrend::New => "New",
            TemplateTrend::Surging => "Surging",
            TemplateTrend::Gone => "Gone",
        };
        let text = format!(
            "{trend} lines of {} since {}, {} a minute after {} before: {}.",
            quoted(&it.service),
            clock(it.onset),
            number(it.after_per_minute),
            number(it.before_per_minute),
            quoted(&it.example),
        );
        let ids = if it.trend == TemplateTrend::Gone { vec![] } else { self.lines(it, range) };
        let source = EvidenceSource::LogLines {
            service: it.service.clone(),
            template: it.template.clone(),
            range,
            before_per_minute: it.before_per_minute,
            during_per_minute: it.after_per_minute,
            ids,
            example: it.example.clone(),
        };
        self.add(text, source)
    }

    fn lines(&self, it: &TemplateChange, range: TimeRange) -> Vec<LogId> {
        let from = it.onset.minus(Duration::from_secs(1)).max(range.from);
        let query = LogQuery {
            text: key_words(&it.template),
            matchers: vec![],
            min_level: None,
            range: TimeRange::new(from, range.to),
            limit: MAX_HITS,
        };
        let hits = self.sources.logs.search(&query).unwrap_or_default();
        let ours = hits.iter().filter(|hit| hit.record.labels.owner() == it.service);
        ours.filter(|hit| fits(&it.template, &hit.record.line)).take(MAX_LINES).map(|hit| hit.id).collect()
    }

    /// Requests are not as they were.
    pub(crate) fn requests(&mut self, it: &Claim<'_>, range: TimeRange, traces: Vec<TraceId>) -> EvidenceId {
        let (what, unit) = match it.measure {
            RequestMeasure::SelfTime => ("take of their own", " ms"),
            RequestMeasure::EdgeGap => ("are on the way for", " ms"),
            RequestMeasure::Errors => ("fail in", " %"),
            RequestMeasure::FirstErrors => ("fail, and nothing that they ask for does, in", " %"),
        };
        let factor = if unit == " %" { 100.0 } else { 1.0 };
        let from = if it.caller.is_empty() { String::new() } else { format!(" from {}", quoted(it.caller)) };
        let operation = if it.operation.is_empty() { String::new() } else { format!(" to {}", quoted(it.operation)) };
        let text = format!(
            "Requests{operation}{from} of {} {what} {}{unit} instead of {}{unit}.",
            quoted(it.service),
            number(it.during * factor),
            number(it.before * factor),
        );
        let source = EvidenceSource::Requests {
            service: it.service.to_owned(),
            operation: it.operation.to_owned(),
            caller: it.caller.to_owned(),
            measure: it.measure,
            range,
            before: it.before,
            during: it.during,
            traces,
        };
        self.add(text, source)
    }

    /// Lines of a template that the caller has counted.
    pub(crate) fn lines_of(
        &mut self,
        service: &str,
        template: &str,
        range: TimeRange,
        (before_per_minute, during_per_minute): (f64, f64),
        ids: Vec<LogId>,
        example: String,
    ) -> EvidenceId {
        let text = format!(
            "{} says {} {} times a minute after {} before.",
            quoted(service),
            quoted(&example),
            number(during_per_minute),
            number(before_per_minute),
        );
        let (service, template) = (service.to_owned(), template.to_owned());
        let source =
            EvidenceSource::LogLines { service, template, range, before_per_minute, during_per_minute, ids, example };
        self.add(text, source)
    }

    /// A process uses a resource.
    pub(crate) fn process(&mut self, host: &str, it: &Process) -> EvidenceId {
        let text = format!(
            "Process {} ({}) on {} reached {} after {} before.",
            it.pid,
            quoted(&it.command),
            quoted(host),
            value(&it.labels, it.during),
            value(&it.labels, it.before),
        );
        let source = EvidenceSource::Process {
            host: host.to_owned(),
            pid: it.pid,
            start_time: it.start_time,
            command: it.command.clone(),
            labels: it.labels.clone(),
            range: self.facts.range,
            value: it.during,
        };
        self.add(text, source)
    }

    /// Somebody changed something.
    pub(crate) fn change(&mut self, change: &Change) -> EvidenceId {
        let lead_secs = self.facts.started.secs_since(change.time);
        let text = format!(
            "Change of {} at {}: {}, {} s before the first symptom.",
            quoted(&change.service),
            clock(change.time),
            quoted(&change.title),
            number(lead_secs),
        );
        self.add(text, EvidenceSource::Change { change: change.clone(), lead_secs })
    }

    fn add(&mut self, text: String, source: EvidenceSource) -> EvidenceId {
        if let Some(known) = self.evidence.iter().find(|it| it.source == source) {
            return known.id.clone();
        }
        let id = EvidenceId(format!("E{}", self.evidence.len() + 1));
        self.evidence.push(Evidence { id: id.clone(), text, source });
        id
    }

    /// The causes with their evidence, numbered anew in the order of citing; without what cannot be read again, and
    /// without causes that lose their first piece by that.
    pub(crate) fn close(self, ranked: Vec<Ranked>, problems: &mut Vec<Problem>) -> (Vec<Cause>, Vec<Evidence>) {
        let mut kept: Vec<Evidence> = vec![];
        let mut lost: Vec<EvidenceId> = vec![];
        let mut causes = vec![];
        for ranked in ranked {
            let mut cited = vec![];
            for id in &ranked.evidence {
                let Some(evidence) = self.evidence.iter().find(|it| it.id == *id) else { continue };
                if lost.contains(id) {
                    continue;
                }
                if let Some(known) = kept.iter().find(|it| it.source == evidence.source) {
                    cited.push(known.id.clone());
                    continue;
                }
                match reopen(evidence, self.sources) {
                    Ok(true) => {
                        let id = EvidenceId(format!("E{}", kept.len() + 1));
                        cited.push(id.clone());
                        kept.push(Evidence { id, ..evidence.clone() });
                    }
                    Ok(false) => lost.push(id.clone()),
                    Err(error) => {
                        problems.push(Problem::new(format!("Evidence left out: {error}.")));
                        lost.push(id.clone());
                    }
                }
            }
            let leads = ranked.evidence.first().is_some_and(|it| !lost.contains(it));
            if leads && !cited.is_empty() {
                causes.push(ranked.into_cause(cited));
            }
        }
        kept.retain(|it| causes.iter().any(|cause: &Cause| cause.evidence.contains(&it.id)));
        (causes, kept)
    }
}

/// Evidence is printed as JSON, which knows no NaN.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}
