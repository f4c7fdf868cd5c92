//! Where do people's opinions go? Into the incident, the ledger and the book of lessons; what follows from them to the
//! detectors and to the ranking. The book is kept over restarts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use detect::{AlertBudgets, FeedbackConfig, LessonBook};
use serde_json::json;
use signal::{
    Clock, FaultClass, Feedback, Incident, IncidentId, Ledger as _, Lesson, LessonTarget, Meter, Metric, Opinion,
    PortError, Priors, TimelineEntry, Timestamp,
};
use store::Store;

use crate::clean::{self, CleanLedger};
use crate::responder::Responder;
use crate::roles::{Asker, Question};

/// Where the lessons are kept.
const KEPT_AS: &str = "feedback-lessons";
/// What is forgotten with time is found anew so often.
const FORGET_EVERY_SECS: f64 = 600.0;
/// Workers are told so often: one that was away or took a partition over knows again.
const TELL_EVERY_SECS: f64 = 10.0;

/// Takes opinions and passes on what follows from them.
pub struct FeedbackDesk {
    store: Arc<Store>,
    budgets: Arc<AlertBudgets>,
    responder: Arc<Responder>,
    clock: Arc<dyn Clock>,
    book: Mutex<LessonBook>,
    /// Held while a word is taken in, so that none is lost to another at the same time.
    giving: Mutex<()>,
    /// Log odds of causes as they are now.
    weights: RwLock<BTreeMap<LessonTarget, f64>>,
    passed_on: Mutex<Option<Timestamp>>,
    /// Who judges, if it is not this process; and when it was told.
    workers: Option<Arc<dyn Asker>>,
    told: Mutex<Option<Timestamp>>,
    given: [AtomicU64; 3],
    undone: AtomicU64,
}

impl FeedbackDesk {
    /// Takes up the lessons of an earlier process.
    pub fn open(
        config: FeedbackConfig,
        store: Arc<Store>,
        budgets: Arc<AlertBudgets>,
        responder: Arc<Responder>,
        clock: Arc<dyn Clock>,
        workers: Option<Arc<dyn Asker>>,
    ) -> anyhow::Result<Arc<Self>> {
        let book = match store.get_state(KEPT_AS)? {
            Some(bytes) => LessonBook::restore(config, &bytes)?,
            None => LessonBook::new(config),
        };
        let desk = Self {
            store,
            budgets,
            responder,
            clock,
            book: Mutex::new(book),
            giving: Mutex::default(),
            weights: RwLock::default(),
            passed_on: Mutex::default(),
            workers,
            told: Mutex::default(),
            given: Default::default(),
            undone: AtomicU64::new(0),
        };
        desk.pass_on(&desk.book(), desk.clock.now());
        Ok(Arc::new(desk))
    }

    /// Lets time pass: what was learned is slowly forgotten.
    pub fn tick(&self, now: Timestamp) {
        let mut passed_on = lock(&self.passed_on);
        if passed_on.is_none_or(|it| now.secs_since(it) >= FORGET_EVERY_SECS) {
            *passed_on = Some(now);
            self.pass_on(&self.book(), now);
        }
        let is_due = lock(&self.told).is_none_or(|it| now.secs_since(it) >= TELL_EVERY_SECS);
        // Who has said nothing yet has nothing to take back either.
        if self.workers.is_some() && is_due && !self.book().lessons(now).is_empty() {
            self.tell(now);
        }
    }

    fn tell(&self, now: Timestamp) {
        let Some(workers) = &self.workers else { return };
        *lock(&self.told) = Some(now);
        Arc::clone(workers).tell(Question::Learned(self.budgets.learned().all()));
    }

    fn pass_on(&self, book: &LessonBook, now: Timestamp) {
        let counts = book.now(now);
        self.budgets.learned().set(&counts);
        *self.weights.write().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    /// Writes to the ledger, then keeps the book, then lets it count.
    fn keep(&self, book: LessonBook, actor: &str, action: &str, lesson: &Lesson) -> Result<(), PortError> {
        let detail = json!({
            "lesson": lesson.id,
            "opinion": lesson.said.opinion,
            "cause": lesson.said.cause,
            "action": lesson.said.action,
            "comment": lesson.said.comment,
            "moved": lesson.effects,
        });
        let ledger = CleanLedger(Arc::clone(&self.store));
        ledger.append(actor, action, &lesson.incident.to_string(), &detail.to_string())?;
        let not_kept = |error: store::Error| PortError::Failed { operation: "keep the lesson", source: error.into() };
        self.store.put_state(KEPT_AS, &book.save()).map_err(not_kept)?;
        // Under the lock: a tick at the same time must not pass on the book of before.
        let mut current = self.book();
        *current = book;
        let now = self.clock.now();
        self.pass_on(&current, now);
        drop(current);
        self.tell(now);
        Ok(())
    }

    fn book(&self) -> MutexGuard<'_, LessonBook> {
        lock(&self.book)
    }
}

impl signal::FeedbackDesk for FeedbackDesk {
    fn give(&self, id: IncidentId, said: Feedback) -> Result<Incident, PortError> {
        let incident = self.responder.backlog().incident(id)?;
        if let Some(action) = said.action.filter(|it| !incident.plans.contains(it)) {
            return Err(PortError::Refused(format!("{action} is no plan of {id}")));
        }
        let _one_by_one = lock(&self.giving);
        let now = self.clock.now();
        let said = Feedback {
            cause: said.cause.as_deref().map(clean::owned),
            comment: clean::owned(&said.comment),
            actor: clean::owned(&said.actor),
            ..said
        };
        let mut book = self.book().clone();
        let lesson = book.teach(&incident, said, now);
        self.keep(book, &lesson.said.actor, action_name(lesson.said.opinion), &lesson)?;
        if let Some(it) = self.given.get(lesson.said.opinion as usize) {
            it.fetch_add(1, Relaxed);
        }
        let entry = TimelineEntry { time: now, text: sentence(&lesson) };
        self.responder.change(id, |it| {
            if lesson.said.action.is_none() {
                it.feedback = Some(lesson.said.opinion);
            }
            it.timeline.push(entry);
        })
    }

    fn lessons(&self) -> Result<Vec<Lesson>, PortError> {
        Ok(self.book().lessons(self.clock.now()))
    }

    fn undo(&self, id: u64, actor: &str) -> Result<Lesson, PortError> {
        let _one_by_one = lock(&self.giving);
        let mut book = self.book().clone();
        let lesson = book.undo(id, actor).ok_or_else(|| {
            PortError::Refused(format!("there is no lesson {id} that counts; GET /sentinel/v1/feedback lists them"))
        })?;
        self.keep(book, actor, "feedback.undone", &lesson)?;
        self.undone.fetch_add(1, Relaxed);
        let text = format!("{} took back that it was {}.", lesson.said.actor, word(lesson.said.opinion));
        let entry = TimelineEntry { time: self.clock.now(), text };
        // The incident may be older than what is kept; the lesson is taken back in any case.
        let noted = self.responder.change(lesson.incident, |it| {
            if lesson.said.action.is_none() {
                it.feedback = None;
            }
            it.timeline.push(entry);
        });
        if let Err(error) = noted {
            tracing::warn!(incident = %lesson.incident, %error, "The incident of the lesson was not changed.");
        }
        Ok(lesson)
    }
}

impl Priors for FeedbackDesk {
    fn log_odds(&self, service: &str, fault: FaultClass) -> f64 {
        let weights = self.weights.read().unwrap_or_else(PoisonError::into_inner);
        let of =
            |fault| weights.get(&LessonTarget::Ranking { service: service.to_owned(), fault }).copied().unwrap_or(0.0);
        of(Some(fault)) + of(None)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const fn action_name(opinion: Opinion) -> &'static str {
    match opinion {
        Opinion::Right => "incident.feedback.right",
        Opinion::Wrong => "incident.feedback.wrong",
        Opinion::Noise => "incident.feedback.noise",
    }
}

const fn word(opinion: Opinion) -> &'static str {
    match opinion {
        Opinion::Right => "right",
        Opinion::Wrong => "wrong",
        Opinion::Noise => "noise",
    }
}

/// What was said and what moved, for the incident's timeline.
fn sentence(lesson: &Lesson) -> String {
    let said = &lesson.said;
    let about = said.action.map(|it| format!(" of {it}")).unwrap_or_default();
    let cause = said.cause.as_ref().map(|it| format!("; the cause was {it}")).unwrap_or_default();
    let moved = lesson.effects.iter().filter(|it| (it.to - it.from).abs() > 0.005).count();
    let learned = if moved > 0 { format!(" Lesson {}: {moved} values moved.", lesson.id) } else { String::new() };
    format!("{} said{about}: {}{cause}.{learned}", said.actor, word(said.opinion))
}

impl Meter for FeedbackDesk {
    fn metrics(&self) -> Vec<Metric> {
        let help = "Opinions on incidents, causes and actions.";
        let given = [Opinion::Right, Opinion::Wrong, Opinion::Noise].into_iter().zip(&self.given);
        let mut metrics: Vec<Metric> = given
            .map(|(opinion, count)| {
                let count = count.load(Relaxed);
                Metric::counter("sentinel_detect_opinions_total", help, count).label("opinion", word(opinion))
            })
            .collect();
        let help = "Opinions that were taken back.";
        metrics.push(Metric::counter("sentinel_detect_opinions_undone_total", help, self.undone.load(Relaxed)));
        metrics
    }
}
