//! Who looks at the month? A shard and a correlator as in the product, and a person who says of each incident what it was.

use std::sync::Arc;

use detect::{AlertBudgets, Config, Correlator, FeedbackConfig, LessonBook, ServiceMap, Shard};
use signal::{Feedback, Incident, IncidentStatus, Labels, Opinion, Point, Timestamp};

/// What came of a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Incidents that were no fault.
    pub false_alarms: usize,
    /// Faults that had an incident.
    pub hits: usize,
    /// Faults.
    pub faults: usize,
}

impl Tally {
    /// Both together.
    pub fn with(self, other: Self) -> Self {
        Self {
            false_alarms: self.false_alarms + other.false_alarms,
            hits: self.hits + other.hits,
            faults: self.faults + other.faults,
        }
    }
}

/// A fault: where it can be seen, and when.
#[derive(Clone, Debug)]
pub struct Truth {
    pub owner: String,
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Truth {
    fn is_hit_by(&self, incident: &Incident) -> bool {
        let touches = incident.services.contains(&self.owner);
        let is_in_time = incident.symptoms.iter().any(|it| it.onset <= self.to && it.last_seen >= self.from);
        touches && is_in_time
    }
}

/// The watch over some series.
pub struct Watch {
    shard: Shard,
    correlator: Correlator,
    budgets: Arc<AlertBudgets>,
    book: Option<LessonBook>,
    incidents: Vec<Incident>,
    judged: usize,
}

impl Watch {
    /// With somebody who teaches, or without.
    pub fn new(is_taught: bool) -> Self {
        let config = Arc::new(Config::default());
        let budgets = Arc::new(AlertBudgets::new(&config));
        Self {
            shard: Shard::with_budgets(Arc::clone(&config), Arc::clone(&budgets)),
            correlator: Correlator::new(config, 1),
            budgets,
            book: is_taught.then(|| LessonBook::new(FeedbackConfig::default())),
            incidents: vec![],
            judged: 0,
        }
    }

    /// One point.
    pub fn see(&mut self, labels: &Labels, point: Point) {
        let mut anomalies = vec![];
        self.shard.observe(labels, point, point.time, &mut anomalies);
        anomalies.into_iter().for_each(|it| self.correlator.observe(it));
    }

    /// The points of an instant have been seen. `teacher` knows the truth and speaks of incidents as they end.
    pub fn tick(&mut self, now: Timestamp, teacher: Option<&[Truth]>) {
        for changed in self.correlator.tick(now, &ServiceMap::default()) {
            match self.incidents.iter_mut().find(|it| it.id == changed.id) {
                Some(known) => *known = changed,
                None => self.incidents.push(changed),
            }
        }
        if let Some(truths) = teacher {
            self.teach(truths, now);
        }
    }

    fn teach(&mut self, truths: &[Truth], now: Timestamp) {
        let Some(book) = &mut self.book else { return };
        let ended = |it: &&Incident| it.status == IncidentStatus::Resolved;
        let new: Vec<&Incident> = self.incidents.iter().skip(self.judged).take_while(ended).collect();
        for incident in &new {
            let is_real = truths.iter().any(|it| it.is_hit_by(incident));
            let opinion = if is_real { Opinion::Right } else { Opinion::Noise };
            let said =
                Feedback { opinion, cause: None, action: None, comment: String::new(), actor: "operator".into() };
            book.teach(incident, said, now);
        }
        self.judged += new.len();
        self.budgets.learned().set(&book.now(now));
    }

    /// What was found from a time on.
    pub fn tally(&self, from: Timestamp, truths: &[Truth]) -> Tally {
        let truths: Vec<&Truth> = truths.iter().filter(|it| it.from >= from).collect();
        let told: Vec<&Incident> = self.incidents.iter().filter(|it| it.detected_at >= from).collect();
        let is_false = |it: &&&Incident| !truths.iter().any(|truth| truth.is_hit_by(it));
        Tally {
            false_alarms: told.iter().filter(is_false).count(),
            hits: truths.iter().filter(|truth| told.iter().any(|it| truth.is_hit_by(it))).count(),
            faults: truths.len(),
        }
    }

    /// The highest threshold that was learned.
    pub fn highest(&self, now: Timestamp) -> f64 {
        self.book.as_ref().map_or(1.0, |it| it.now(now).values().copied().fold(1.0, f64::max))
    }
}
