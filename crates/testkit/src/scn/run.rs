//! What does a system find in a scenario? Feeds it tick by tick in simulated time and checks what was expected.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use signal::{Change, Incident, Inference, Label, Labels, LogRecord, Point, SeriesPoints, Span, Timestamp};

use super::EPOCH;
use super::cadence::due;
use super::check::{answer, check, opinion};
use super::fill::fill;
use super::script::{Script, Step};
use crate::System;
use crate::shop::Shop;

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The scenario's name.
    pub name: String,
    /// Each expectation, in order of the text.
    pub checks: Vec<Check>,
    /// What the system had found in the end.
    pub incidents: Vec<Incident>,
    /// How much simulated time has passed.
    pub simulated: Duration,
}

/// One expectation and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Where it stands, from 1.
    pub line: usize,
    /// The expectation as it is written.
    pub text: String,
    /// None if it holds, else what was seen instead.
    pub failure: Option<String>,
}

impl Outcome {
    /// True if every expectation holds.
    pub fn is_passed(&self) -> bool {
        self.checks.iter().all(|it| it.failure.is_none())
    }

    /// The expectations that do not hold.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|it| it.failure.is_some())
    }
}

/// One line per expectation; below a failed one, what was seen.
impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let verdict = if check.failure.is_none() { "ok  " } else { "FAIL" };
            writeln!(formatter, "{verdict} {}:{}  {}", self.name, check.line, check.text)?;
            for line in check.failure.iter().flat_map(|it| it.lines()) {
                writeln!(formatter, "       {line}")?;
            }
        }
        Ok(())
    }
}

/// Runs a scenario against a system that has seen nothing yet.
pub fn run(script: &Script, system: &mut dyn System) -> Outcome {
    let mut outcome =
        Outcome { name: script.name.clone(), checks: vec![], incidents: vec![], simulated: Duration::ZERO };
    if let Some(config) = &script.config
        && let Err(problem) = system.configure(&config.text)
    {
        let failure = Some(format!("the configuration was refused: {problem}"));
        outcome.checks.push(Check { line: config.line, text: "config".to_owned(), failure });
        return outcome;
    }
    let mut feed = Feed::new(script);
    for step in &script.steps {
        match step {
            Step::Detect(until) => feed.advance(until.unwrap_or_else(|| script.end()), system),
            Step::Ask { line, text, ask } => {
                let failure = answer(ask, EPOCH.plus(feed.passed), system).err();
                outcome.checks.push(Check { line: *line, text: text.clone(), failure });
            }
            Step::Feedback { line, text, feedback } => {
                let failure = opinion(feedback, EPOCH.plus(feed.passed), system).err();
                outcome.checks.push(Check { line: *line, text: text.clone(), failure });
            }
            Step::Expect { line, text, expectation } => {
                let failure = check(expectation, system).err();
                outcome.checks.push(Check { line: *line, text: text.clone(), failure });
            }
        }
    }
    outcome.incidents = system.incidents();
    outcome.simulated = feed.passed;
    outcome
}

/// The inputs of a scenario in order of time.
struct Feed<'a> {
    script: &'a Script,
    shop: Option<Shop>,
    /// Simulated time up to which all has been fed.
    passed: Duration,
    has_begun: bool,
}

impl<'a> Feed<'a> {
    fn new(script: &'a Script) -> Self {
        let shop = script.shop.as_ref().map(|it| Shop::new(it.seed));
        Self { script, shop, passed: Duration::ZERO, has_begun: false }
    }

    /// Feeds everything up to and with this time, one tick after the other.
    fn advance(&mut self, until: Duration, system: &mut dyn System) {
        if !self.has_begun {
            self.has_begun = true;
            self.feed(None, Duration::ZERO, system);
        }
        while self.passed < until {
            let next = until.min(self.passed + self.script.tick);
            self.feed(Some(self.passed), next, system);
            self.passed = next;
        }
    }

    /// Feeds what comes after `after` and up to `to`.
    fn feed(&mut self, after: Option<Duration>, to: Duration, system: &mut dyn System) {
        let now = EPOCH.plus(to);
        let is_now = |it: Duration| after.is_none_or(|after| it > after) && it <= to;
        let mut changes = self.changes(is_now);
        let mut logs = self.logs(after, to);
        let mut samples = self.samples(after, to);
        if let Some(tick) = self.shop_tick(is_now, to) {
            samples.extend(tick.samples);
            logs.extend(tick.logs);
            changes.extend(tick.changes);
        }
        if !changes.is_empty() {
            system.changes(now, changes);
        }
        if !samples.is_empty() {
            system.samples(now, samples);
        }
        if !logs.is_empty() {
            system.logs(now, logs);
        }
        let spans = self.spans(after, to);
        if !spans.is_empty() {
            system.spans(now, spans);
        }
        let (predictions, labels) = self.predictions(after, to);
        if !predictions.is_empty() || !labels.is_empty() {
            system.predictions(now, predictions, labels);
        }
        system.advance(now);
    }

    fn shop_tick(&mut self, is_now: impl Fn(Duration) -> bool, to: Duration) -> Option<crate::shop::Tick> {
        let length = self.script.shop.as_ref()?.length;
        let shop = self.shop.as_mut().filter(|_| to < length)?;
        for it in &self.script.breaks {
            if is_now(it.at) {
                shop.inject(it.fault.clone());
            }
            if it.length.is_some_and(|length| is_now(it.at + length)) {
                shop.end(&it.fault);
            }
        }
        Some(shop.step(EPOCH.plus(to)))
    }

    fn changes(&self, is_now: impl Fn(Duration) -> bool) -> Vec<Change> {
        let due = self.script.changes.iter().filter(|it| is_now(it.at));
        due.map(|it| Change {
            time: EPOCH.plus(it.at),
            service: it.service.clone(),
            kind: it.kind,
            title: it.title.clone(),
            version: None,
        })
        .collect()
    }

    fn logs(&self, after: Option<Duration>, to: Duration) -> Vec<LogRecord> {
        let mut lines = vec![];
        for part in &self.script.logs {
            for (number, at) in part.cadence.due(after, to) {
                let line = fill(&part.text, number + 1, part.labels.id().hash());
                lines.push(LogRecord::new(EPOCH.plus(at), part.labels.clone(), line));
            }
        }
        lines.sort_by_key(|it| it.time);
        lines
    }

    /// A span is sent when it ends.
    fn spans(&self, after: Option<Duration>, to: Duration) -> Vec<Span> {
        let mut spans = vec![];
        for part in &self.script.calls {
            for (number, at) in part.cadence.due(after, to) {
                spans.extend(part.spans(number, EPOCH.plus(at)));
            }
        }
        spans
    }

    /// Predictions in order of time, and labels of earlier ones.
    fn predictions(&self, after: Option<Duration>, to: Duration) -> (Vec<Inference>, Vec<Label>) {
        let (mut rows, mut labels) = (vec![], vec![]);
        for part in &self.script.predictions {
            let made = part.cadence.due(after, to);
            rows.extend(made.map(|(number, at)| part.inference(number, EPOCH.plus(at))));
            let Some(later) = part.label_after() else { continue };
            let known = part.cadence.plus(later).due(after, to);
            labels.extend(known.map(|(number, at)| part.label(number, EPOCH.plus(at))));
        }
        rows.sort_by_key(|it| it.time);
        (rows, labels)
    }

    fn samples(&self, after: Option<Duration>, to: Duration) -> Vec<SeriesPoints> {
        let mut found: HashMap<&Labels, Vec<Point>> = HashMap::new();
        for load in &self.script.loads {
            for number in due(Duration::ZERO, load.interval, after, to) {
                match load.values.get(number as usize) {
                    None => break,
                    Some(None) => {}
                    Some(Some(value)) => {
                        let time: Timestamp = EPOCH.plus(load.interval * number);
                        found.entry(&load.labels).or_default().push(Point { time, value: *value });
                    }
                }
            }
        }
        let mut samples: Vec<SeriesPoints> =
            found.into_iter().map(|(labels, points)| SeriesPoints { labels: labels.clone(), points }).collect();
        samples.sort_by(|a, b| a.labels.cmp(&b.labels));
        samples
    }
}
