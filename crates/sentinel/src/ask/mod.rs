//! What is the answer to a question in words? Read by `diagnose::question`, answered from incidents, evidence, runbooks and
//! log lines by code. What an investigation by a language model found about the incident stands beside, and decides nothing.
//!
//! `inventory` has the known names; `why` finds or makes a diagnosis; `surveys` answers the other shapes; `advice` proposes
//! what to do; `markdown` writes it all down.

mod advice;
mod inventory;
mod markdown;
mod surveys;
mod why;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use detect::ServiceMap;
use diagnose::question::{Question, Setting, Shape, parse, time_zone};
use jiff::tz::TimeZone;
use knowledge::Reader;
use serve::{Answer, Answers, Asking, EXAMPLES, Understood};
use signal::{Clock, Investigations, Meter, Metric, PlanDesk, PortError, Scores, TimeRange, Timestamp};
use store::Store;

use crate::eyes::Eyes;
use crate::knowledge_desk::{KnowledgeDesk, reader};
use crate::responder::Responder;

/// What is looked at where a question names no time.
const USUAL: Duration = Duration::from_secs(3_600);

/// Answers questions.
pub struct AskDesk {
    /// Signals.
    pub eyes: Eyes,
    /// Changes.
    pub store: Arc<Store>,
    /// Who calls whom.
    pub map: Arc<ServiceMap>,
    /// Incidents.
    pub responder: Arc<Responder>,
    /// Plans.
    pub plans: Arc<dyn PlanDesk>,
    /// The newest verdicts.
    pub scores: Arc<dyn Scores>,
    /// Runbooks and past incidents.
    pub knowledge: Arc<KnowledgeDesk>,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// The time zone of whoever names none.
    pub zone: TimeZone,
    investigations: OnceLock<Arc<dyn Investigations>>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    questions: BTreeMap<&'static str, u64>,
    seconds: f64,
    diagnoses: u64,
}

/// A question with what is needed to answer it.
struct Asked<'a> {
    question: &'a Question,
    now: Timestamp,
    /// What is looked at.
    range: TimeRange,
    reader: Reader,
}

impl AskDesk {
    /// Over the ports of the system.
    // Long because each port is an argument of its own.
    #[allow(clippy::too_many_arguments, reason = "the composition root hands over each port once")]
    pub fn new(
        eyes: Eyes,
        store: Arc<Store>,
        map: Arc<ServiceMap>,
        responder: Arc<Responder>,
        plans: Arc<dyn PlanDesk>,
        scores: Arc<dyn Scores>,
        knowledge: Arc<KnowledgeDesk>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (investigations, counts) = (OnceLock::new(), Mutex::default());
        let zone = TimeZone::UTC;
        Self { eyes, store, map, responder, plans, scores, knowledge, clock, zone, investigations, counts }
    }

    /// Connects what a language model found; called once by the composition root.
    pub fn connect(&self, investigations: Arc<dyn Investigations>) {
        // A second call would be a mistake in assembly; the first stays.
        let _ = self.investigations.set(investigations);
    }

    /// The claims about the incident that held when they were checked.
    fn investigated(&self, answer: &Answer) -> Result<Option<String>, PortError> {
        let incident = answer.incident.as_ref().and_then(|it| it.parse().ok());
        let Some((investigations, id)) = self.investigations.get().zip(incident) else { return Ok(None) };
        let found = investigations.investigation(id)?;
        Ok(found.map(|it| it.prose()).filter(|it| !it.is_empty()))
    }

    fn answered(&self, asking: &Asking) -> Result<Answer, PortError> {
        let now = self.clock.now();
        let zone = match &asking.zone {
            Some(name) => time_zone(name).ok_or_else(|| {
                PortError::Invalid(format!("zone: {name:?} is not a time zone such as Europe/Berlin, CET or +02:00"))
            })?,
            None => self.zone.clone(),
        };
        let inventory = self.inventory(now)?;
        let setting = Setting { now, zone, services: &inventory.services, changes: &inventory.changes };
        let question = parse(&asking.question, &setting);
        let usual = TimeRange::ending_at(now, USUAL);
        let range = question.window.as_ref().map_or(usual, |it| it.range);
        let asked = Asked { question: &question, now, range, reader: reader(asking.tenant.as_deref()) };
        let mut answer = Answer {
            question: question.text.clone(),
            is_clear: question.is_clear(),
            understood: understood(&question, &setting.zone),
            ..Answer::default()
        };
        if question.unknown_service.is_some() && question.services.is_empty() {
            self.unknown(&asked, &inventory.services, &mut answer);
        }
        match question.shape {
            Shape::Why => self.why(&asked, &mut answer)?,
            Shape::Changed => self.what_changed(&asked, &mut answer)?,
            Shape::Healthy => self.healthy(&asked, &mut answer)?,
            Shape::Worst => self.worst(&asked, &mut answer)?,
            Shape::Logs => self.logs_like(&asked, &mut answer)?,
            Shape::Fix => self.how_to_fix(&asked, &mut answer)?,
            Shape::Before => self.seen_before(&asked, &mut answer)?,
            Shape::Unclear => self.unclear(&asked, &mut answer),
        }
        answer.markdown = markdown::written(&answer);
        Ok(answer)
    }

    /// Says what was understood, and how to ask; what is known of the words is shown.
    fn unclear(&self, asked: &Asked<'_>, answer: &mut Answer) {
        answer.summary =
            "I did not understand the question. Ask why, what changed, whether a service is healthy, which is \
                          worst, for log lines, how to fix something, or whether it was seen before."
                .to_owned();
        answer.examples = EXAMPLES.map(str::to_owned).to_vec();
        let query = knowledge::Query {
            reader: asked.reader.clone(),
            ..knowledge::Query::of(knowledge::Kind::Runbook, asked.question.text.clone(), 3)
        };
        answer.runbooks = self.knowledge.passages(&query).into_iter().filter(|it| it.words > 0.0).collect();
    }

    /// A service is named that nobody knows: the question is answered without it, and that is said.
    fn unknown(&self, asked: &Asked<'_>, known: &[String], answer: &mut Answer) {
        let Some(name) = &asked.question.unknown_service else { return };
        let some: Vec<&str> = known.iter().take(12).map(String::as_str).collect();
        let some = if some.is_empty() { "none yet".to_owned() } else { some.join(", ") };
        answer.problems.push(format!("There is no service {name:?}; known are {some}."));
        answer.examples = EXAMPLES.map(str::to_owned).to_vec();
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers for AskDesk {
    fn answer(&self, asking: &Asking) -> Result<Answer, PortError> {
        let started = Instant::now();
        let mut answer = self.answered(asking)?;
        let seconds = started.elapsed().as_secs_f64();
        answer.prose = self.investigated(&answer)?;
        let mut counts = self.lock();
        *counts.questions.entry(answer.understood.shape).or_default() += 1;
        counts.seconds += seconds;
        Ok(answer)
    }
}

impl Meter for AskDesk {
    fn metrics(&self) -> Vec<Metric> {
        let counts = self.lock();
        let shapes = counts.questions.iter();
        let mut metrics: Vec<Metric> = shapes
            .map(|(shape, count)| {
                Metric::counter("sentinel_ask_questions_total", "Questions that were answered.", *count)
                    .label("shape", shape)
            })
            .collect();
        let mut seconds = Metric::counter("sentinel_ask_seconds_total", "Time spent answering.", 0);
        seconds.value = counts.seconds;
        metrics.push(seconds);
        metrics.push(Metric::counter(
            "sentinel_ask_diagnoses_total",
            "Causes looked for because no incident covers the question.",
            counts.diagnoses,
        ));
        metrics
    }
}

/// How a question was understood, as fields and as a sentence.
fn understood(question: &Question, zone: &TimeZone) -> Understood {
    let window = question.window.as_ref();
    let signal = question.signal.map(|it| format!("{it:?}").to_lowercase());
    let mut parts = vec![question.shape.as_str().replace('_', " ")];
    if !question.services.is_empty() {
        parts.push(format!("of {}", question.services.join(", ")));
    }
    parts.extend(question.endpoint.iter().map(|it| format!("at {it}")));
    parts.extend(signal.iter().map(|it| format!("about {it}")));
    parts.extend(question.incident.iter().map(|it| format!("in {it}")));
    if !question.topic.is_empty() && matches!(question.shape, Shape::Logs | Shape::Fix | Shape::Before) {
        parts.push(format!("for {:?}", question.topic));
    }
    match window {
        Some(it) if !it.because.is_empty() => parts.push(it.because.clone()),
        Some(it) => parts.push(match it.at {
            Some(at) => format!("around {at}"),
            None => format!("from {} to {}", it.range.from, it.range.to),
        }),
        None => {}
    }
    if let Some(name) = zone.iana_name().filter(|it| *it != "UTC") {
        parts.push(format!("(times without a zone are {name})"));
    }
    Understood {
        shape: question.shape.as_str(),
        services: question.services.clone(),
        unknown_service: question.unknown_service.clone(),
        endpoint: question.endpoint.clone(),
        signal,
        incident: question.incident.map(|it| it.to_string()),
        from: window.map(|it| it.range.from),
        to: window.map(|it| it.range.to),
        at: window.and_then(|it| it.at),
        topic: question.topic.clone(),
        text: parts.join(" "),
    }
}
