//! What does one piece of evidence say, by kind? What moved and where, from what to what, when, and who calls whom.
//!
//! A clause of a claim must fit one of these as a whole: a number of one fact and a name of another make no third.

use signal::{ChangeKind, Evidence, EvidenceSource, Timestamp};

use super::clause;
use super::facts::{Direction, Facts};
use super::roles::{Role, number_roles};
use super::told;

/// One piece of evidence, read.
#[derive(Clone, Debug)]
pub struct Fact<'a> {
    /// What is read.
    pub evidence: &'a Evidence,
    /// All of its words, numbers and times.
    pub all: Facts,
    /// Where it went, if it went somewhere.
    pub direction: Option<Direction>,
    /// It did not move.
    pub is_level: bool,
    /// True if it is there and was not, false if it is there no longer.
    pub came: Option<bool>,
    /// How large it was.
    pub before: Vec<f64>,
    /// How large it became.
    pub during: Vec<f64>,
    /// The largest value of all, and when.
    pub high: Option<(f64, Option<Timestamp>)>,
    /// The smallest value of all, and when.
    pub low: Option<(f64, Option<Timestamp>)>,
    /// Its first value, of a series that a tool told.
    pub first: Option<f64>,
    /// Its last value, of a series that a tool told.
    pub last: Option<f64>,
    /// Robust deviations.
    pub deviation: Option<f64>,
    /// How long before the first symptom it was; less than 0 after it.
    pub lead_secs: Option<f64>,
    /// When it happened or began.
    pub begins: Vec<Timestamp>,
    /// When it was seen last, or ended.
    pub ends: Vec<Timestamp>,
    /// Callers and who is called, in small letters.
    pub calls: Vec<(String, String)>,
}

impl<'a> Fact<'a> {
    /// Reads evidence.
    pub fn of(evidence: &'a Evidence) -> Self {
        let mut all = Facts::default();
        all.add(evidence);
        let mut fact = Self {
            evidence,
            direction: all.directions.first().copied(),
            all,
            is_level: false,
            came: None,
            before: vec![],
            during: vec![],
            high: None,
            low: None,
            first: None,
            last: None,
            deviation: None,
            lead_secs: None,
            begins: vec![],
            ends: vec![],
            calls: vec![],
        };
        fact.read_source();
        fact.read_sentence();
        fact
    }

    fn read_source(&mut self) {
        match &self.evidence.source {
            EvidenceSource::SeriesWindow { range, before, during, deviation, onset, .. } => {
                self.moved(*before, *during);
                self.deviation = Some(*deviation);
                self.begins.push(*onset);
                self.ends.push(range.to);
                let has_stopped = before == during && *deviation == 0.0;
                self.came =
                    has_stopped.then_some(false).or(self.evidence.text.contains(" appeared at ").then_some(true));
                match self.direction {
                    Some(Direction::Up) => self.high = Some((*during, None)),
                    Some(Direction::Down) => self.low = Some((*during, None)),
                    None => {}
                }
            }
            EvidenceSource::LogLines { range, before_per_minute, during_per_minute, .. } => {
                self.moved(*before_per_minute, *during_per_minute);
                self.came = (*before_per_minute == 0.0 && *during_per_minute > 0.0)
                    .then_some(true)
                    .or((*during_per_minute == 0.0 && *before_per_minute > 0.0).then_some(false));
                self.begins.push(range.from);
                self.ends.push(range.to);
            }
            EvidenceSource::Process { range, value, .. } => {
                self.during.push(*value);
                self.begins.push(range.from);
                self.ends.push(range.to);
            }
            EvidenceSource::Requests { service, caller, range, before, during, .. } => {
                self.moved(*before, *during);
                if !caller.is_empty() {
                    self.calls.push((caller.to_lowercase(), service.to_lowercase()));
                }
                self.begins.push(range.from);
                self.ends.push(range.to);
            }
            EvidenceSource::Change { change, lead_secs } => {
                self.lead_secs = Some(*lead_secs);
                self.begins.push(change.time);
                self.came = (change.kind == ChangeKind::Deploy).then_some(true);
            }
            EvidenceSource::Answer { fact, .. } => told::read(fact, self),
        }
    }

    /// The sentence says the same in the units of people.
    fn read_sentence(&mut self) {
        let (clauses, _) = clause::read(&self.evidence.text);
        for it in &clauses {
            for (number, role) in number_roles(&it.words) {
                match role {
                    Role::Before => self.before.push(number.value),
                    Role::During => self.during.push(number.value),
                    _ => {}
                }
            }
        }
        if let (None, [before], [.., during]) = (self.direction, &self.before[..], &self.during[..])
            && before != during
            && matches!(self.evidence.source, EvidenceSource::Process { .. })
        {
            self.direction = Some(if during > before { Direction::Up } else { Direction::Down });
        }
        // In a sentence `since 09:59:31` stands the time at which a kind of line began, better than its window does.
        if let EvidenceSource::LogLines { range, .. } = &self.evidence.source {
            let told = self.all.times.iter().filter(|it| **it != range.from && **it != range.to);
            let told: Vec<Timestamp> = told.copied().collect();
            self.begins = if told.is_empty() { vec![range.from] } else { told };
        }
    }

    pub(super) fn moved(&mut self, before: f64, during: f64) {
        self.before.push(before);
        self.during.push(during);
        if during != before {
            self.direction = Some(if during > before { Direction::Up } else { Direction::Down });
        }
    }

    /// How many times as much it became, or as little.
    pub fn ratio(&self) -> Option<f64> {
        let (before, during) = (self.before.first()?, self.during.first()?);
        (*before != 0.0).then(|| during / before)
    }
}
