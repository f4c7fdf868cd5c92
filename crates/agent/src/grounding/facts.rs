//! What does the evidence of a claim say? Its text in small letters, its numbers, its times, and where it goes.

use signal::{Evidence, EvidenceSource, Timestamp};

use super::words::{number, pieces};

/// All that may be said by citing some evidence.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// In small letters.
    pub text: String,
    /// As they stand there.
    pub numbers: Vec<f64>,
    /// How many times as much as before.
    pub ratios: Vec<f64>,
    /// Texts that somebody else wrote.
    pub foreign: Vec<String>,
    /// Instants.
    pub times: Vec<Timestamp>,
    /// Up for each series that rose, down for each that fell.
    pub directions: Vec<Direction>,
}

/// Where a value went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It rose.
    Up,
    /// It fell.
    Down,
}

impl Direction {
    /// The other way.
    pub const fn other(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

impl Facts {
    /// Adds a piece of evidence.
    pub fn add(&mut self, evidence: &Evidence) {
        self.add_text(&evidence.text);
        self.read_source(&evidence.source);
        self.clocks(&evidence.text);
    }

    /// `since 09:59:31` in a sentence: of the day on which it lies in what was looked at.
    fn clocks(&mut self, text: &str) {
        let [from, to, ..] = *self.times.as_slice() else { return };
        for piece in text.split('"').step_by(2).flat_map(pieces).filter(|it| it.len() == 8 && it.contains(':')) {
            let on = |day: Timestamp| format!("{}T{piece}Z", day.to_string().get(..10)?).parse::<Timestamp>().ok();
            let known = |it: &Timestamp| (from..=to).contains(it) && !self.times.contains(it);
            let found = [from, to].into_iter().filter_map(on).find(known);
            self.times.extend(found);
        }
    }

    fn read_source(&mut self, source: &EvidenceSource) {
        match source {
            EvidenceSource::SeriesWindow { labels, range, before, during, deviation, onset } => {
                self.add_text(&labels.to_string());
                self.numbers.extend([*before, *during, *deviation, deviation.abs(), (during - before).abs()]);
                self.times.extend([range.from, range.to, *onset]);
                self.moved(*before, *during);
            }
            EvidenceSource::LogLines {
                service,
                template,
                range,
                before_per_minute,
                during_per_minute,
                example,
                ..
            } => {
                self.foreign.extend([template.clone(), example.clone()]);
                self.add_text(service);
                self.add_text(template);
                self.numbers.extend([*before_per_minute, *during_per_minute]);
                self.times.extend([range.from, range.to]);
                self.moved(*before_per_minute, *during_per_minute);
            }
            EvidenceSource::Process { host, pid, command, labels, range, value, .. } => {
                self.foreign.push(command.clone());
                self.add_text(&format!("process {host} {command} {labels}"));
                self.numbers.extend([f64::from(*pid), *value]);
                self.times.extend([range.from, range.to]);
            }
            EvidenceSource::Requests { service, operation, caller, range, before, during, .. } => {
                self.foreign.push(operation.clone());
                self.add_text(&format!("requests traces spans {service} {operation} {caller}"));
                self.numbers.extend([*before, *during, (during - before).abs()]);
                self.times.extend([range.from, range.to]);
                self.moved(*before, *during);
            }
            EvidenceSource::Change { change, lead_secs } => {
                self.foreign.push(change.title.clone());
                let version = change.version.as_deref().unwrap_or("");
                let kind = match change.kind {
                    signal::ChangeKind::Deploy => "deploy version",
                    signal::ChangeKind::Config => "configuration",
                    signal::ChangeKind::Flag => "flag",
                    signal::ChangeKind::Other => "change",
                };
                self.add_text(&format!("{kind} {} {} {version}", change.service, change.title));
                self.numbers.push(*lead_secs);
                self.times.push(change.time);
            }
            // Its text is all there is; what is foreign in it stands in quotes.
            EvidenceSource::Answer { fact, .. } => {
                self.directions.extend(told_direction(fact));
                self.foreign.extend(fact.split('"').skip(1).step_by(2).map(str::to_owned));
            }
        }
    }

    /// Adds words of ours, such as a cause's summary.
    pub fn add_text(&mut self, text: &str) {
        self.text.push(' ');
        self.text.push_str(&text.to_lowercase());
        for piece in pieces(text) {
            if let Ok(time) = piece.parse() {
                self.times.push(time);
            } else if let Some(it) = number(piece) {
                self.numbers.push(it.value);
            }
        }
    }

    fn moved(&mut self, before: f64, during: f64) {
        if before != 0.0 {
            self.ratios.extend([during / before, before / during]);
        }
        if during != before {
            self.directions.push(if during > before { Direction::Up } else { Direction::Down });
        }
    }

    /// True if the name stands there as a whole, not as a part of another.
    pub fn names(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let is_inside = |it: char| it.is_alphanumeric() || it == '_' || it == '-';
        self.text.match_indices(&name).any(|(at, _)| {
            let before = self.text.get(..at).and_then(|it| it.chars().next_back());
            let after = self.text.get(at + name.len()..).and_then(|it| it.chars().next());
            !before.is_some_and(is_inside) && !after.is_some_and(is_inside)
        })
    }
}

/// The words with which our tools say where something went.
fn told_direction(fact: &str) -> Option<Direction> {
    let has = |words: &[&str]| words.iter().any(|it| fact.contains(it));
    if has(&[", it rose.", " are new (", " are surging ("]) {
        Some(Direction::Up)
    } else if has(&[", it fell.", " are gone ("]) {
        Some(Direction::Down)
    } else {
        None
    }
}
