//! What does a scenario's text say? One statement per line; all mistakes are told at once.

use std::time::Duration;

use signal::{ChangeKind, Opinion};

use super::cadence::Cadence;
use super::call::CallPart;
use super::cursor::{Cursor, Mistake, ParseError};
use super::load::loads;
use super::predict::PredictPart;
use super::script::{
    AskPart, Break, ChangePart, ConfigBlock, Expectation, FeedbackPart, Filter, LogPart, Script, ShopPart, Step, Window,
};
use crate::shop::{FAULT_NAMES, Fault};

const VERBS: &str = "one of load, log, call, predict, tick, shop, break, change, config, detect, expect, ask, feedback";
/// A month of seconds.
const MOST_TICKS: u64 = 30 * 86_400;
/// Characters of a wrong word that a message repeats.
const MOST_SHOWN: usize = 60;
const INCIDENT_FIELDS: &[&str] = &["service", "severity", "metric", "kind", "title"];
const DIAGNOSIS_FIELDS: &[&str] = &["service", "fault", "indicator"];
const ANSWER_FIELDS: &[&str] = &["shape", "service", "cause", "fault", "incident", "says"];
const PLAN_FIELDS: &[&str] = &["playbook", "target", "fault", "state"];

/// Reads a scenario; `name` stands in messages, usually the file. The error holds every mistake.
pub fn parse(name: &str, text: &str) -> Result<Script, Vec<ParseError>> {
    let mut parser = Parser {
        script: Script {
            name: name.to_owned(),
            config: None,
            tick: Duration::from_secs(1),
            shop: None,
            loads: vec![],
            logs: vec![],
            calls: vec![],
            predictions: vec![],
            breaks: vec![],
            changes: vec![],
            steps: vec![],
        },
        break_places: vec![],
        tick_place: (1, 0),
        detected_until: Duration::ZERO,
        line: 0,
    };
    let mut errors = vec![];
    let mut lines = text.lines().enumerate();
    while let Some((idx, line)) = lines.next() {
        parser.line = idx + 1;
        let error_at = |line_number, line: &str, mistake: Mistake| error(name, line_number, line, mistake);
        if Cursor::new(line).text() == "config" {
            match parser.config_block(&mut lines) {
                Ok(()) => {}
                Err(mistake) => errors.push(error_at(parser.line, line, mistake)),
            }
        } else if let Err(mistake) = parser.statement(line) {
            errors.push(error_at(parser.line, line, mistake));
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    for (line_number, mistake) in parser.late_mistakes() {
        let line = lines.get(line_number - 1).copied().unwrap_or("");
        errors.push(error(name, line_number, line, mistake));
    }
    errors.sort_by_key(|it| (it.line, it.column));
    if errors.is_empty() { Ok(parser.script) } else { Err(errors) }
}

fn error(file: &str, line: usize, text: &str, mistake: Mistake) -> ParseError {
    let before = text.get(..mistake.offset).unwrap_or(text);
    let found = text.get(mistake.offset..).and_then(|it| it.split_whitespace().next());
    ParseError {
        file: file.to_owned(),
        line,
        column: before.chars().count() + 1,
        expected: mistake.expected,
        found: found.map_or_else(|| "the end of the line".to_owned(), |it| format!("{:?}", beginning(it))),
    }
}

/// As much of a word as helps to find it: a file that is no scenario may be one word.
fn beginning(word: &str) -> &str {
    word.char_indices().nth(MOST_SHOWN).and_then(|(end, _)| word.get(..end)).unwrap_or(word)
}

struct Parser {
    script: Script,
    /// Line and offset of each `break`, for checks that need the whole text.
    break_places: Vec<(usize, usize)>,
    tick_place: (usize, usize),
    detected_until: Duration,
    line: usize,
}

impl Parser {
    fn statement(&mut self, line: &str) -> Result<(), Mistake> {
        let mut cursor = Cursor::new(line);
        if cursor.is_at_end() {
            return Ok(());
        }
        let start = cursor.position();
        match cursor.word() {
            "tick" => self.tick(&mut cursor)?,
            "load" => self.script.loads.extend(loads(&mut cursor)?),
            "log" => self.log(&mut cursor)?,
            "call" => self.script.calls.push(CallPart::read(&mut cursor)?),
            "predict" => self.script.predictions.push(PredictPart::read(&mut cursor)?),
            "shop" => self.shop(&mut cursor)?,
            "break" => self.break_(&mut cursor)?,
            "change" => self.change(&mut cursor)?,
            "detect" => self.detect(&mut cursor)?,
            "expect" => self.expect(&mut cursor)?,
            "ask" => self.ask(&mut cursor)?,
            "feedback" => self.feedback(&mut cursor)?,
            _ => return Err(Mistake { offset: start, expected: VERBS.to_owned() }),
        }
        cursor.end()
    }

    fn config_block<'a>(&mut self, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<(), Mistake> {
        let mut text = String::new();
        for (_, line) in lines {
            if line.trim() == "end" {
                if self.script.config.is_some() {
                    return Err(Mistake { offset: 0, expected: "only one `config` block".to_owned() });
                }
                self.script.config = Some(ConfigBlock { line: self.line, text });
                return Ok(());
            }
            text.push_str(line);
            text.push('\n');
        }
        Err(Mistake { offset: 0, expected: "a line `end` after the block".to_owned() })
    }

    /// `tick 1m`
    fn tick(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Mistake> {
        let offset = cursor.position();
        let tick = cursor.duration()?;
        if tick < Duration::from_secs(1) || tick.subsec_millis() > 0 {
            return Err(Mistake { offset, expected: "whole seconds, at least 1s".to_owned() });
        }
        self.script.tick = tick;
        self.tick_place = (self.line, offset);
        Ok(())
    }

    fn log(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Mistake> {
        let is_repeated = cursor.eat_word("every");
        let cadence = if is_repeated { Cadence::read(cursor, "lines")? } else { Cadence::once(cursor.duration()?) };
        let labels = cursor.selector()?;
        let text = cursor.quoted()?;
        self.script.logs.push(LogPart { cadence, labels, text });
        Ok(())
    }

    fn shop(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Mistake> {
        if self.script.shop.is_some() {
            return Err(cursor.error("only one `shop` statement"));
        }
        cursor.expect_word("for")?;
        let length = cursor.duration()?;
        let seed = if cursor.eat_word("seed") { cursor.number("a seed, a whole number")? } else { 1 };
        self.script.shop = Some(ShopPart { length, seed });
        Ok(())
    }

    fn break_(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Mistake> {
        let offset = cursor.position();
        let place = (self.line, offset);
        let name = cursor.word();
        if !FAULT_NAMES.contains(&name) {
            return Err(Mistake { offset, expected: format!("one of {}", FAULT_NAMES.join(", ")) });
        }
        cursor.expect_word("on")?;
        let offset = cursor.position();
        let fault = Fault::parse(name, cursor.token()).map_err(|expected| Mistake { offset, expected })?;
        cursor.expect_word("at")?;
        let at = cursor.duration()?;
        let length = if cursor.eat_word("for") { Some(cursor.duration()?) } else { None };
        self.break_places.push(place);
        self.script.breaks.push(Break { fault, at, length });
        Ok(())
    }

    fn change(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Mistake> {
        let at = cursor.duration()?;
        let offset = cursor.position();
        let kind = match cursor.word() {
            "deploy" => ChangeKind::Deploy,
            "config" => ChangeKind::Config,
            "flag" => ChangeKind::Flag,
            "other" => ChangeKind::Other,
            _ => return Err(Mistake { offset, expected: "one of deploy, config, flag, other".to_owned() }),
        };
        let service = cursor.name("the service that was changed")?.to_owned();
        let title = cursor.quoted()?;
        self.script.changes.push(ChangePart { at, kind, service, title });
        Ok(())
    }

    fn detect(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Mistake> {
        let until = if cursor.eat_word("until") {
            let offset = cursor.position();
            let until = cursor.duration()?;
            if until < self.detected_until {
                return Err(Mistake { offset, expected: "a time after the `detect` before".to_owned() });
            }
            self.detected_until = until;
            Some(until)
        } else {
            None
        };
        self.script.steps.push(Step::Detect(until));
        Ok(())
    }

    fn expect(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Mistake> {
        let offset = cursor.position();
        let expectation = match cursor.word() {
            "incident" => {
                let window = within(cursor)?;
                Expectation::IncidentWithin { window, filter: filter(cursor, INCIDENT_FIELDS)? }
            }
            "no" => none(cursor)?,
            "exactly" => {
                let count = usize::try_from(cursor.number("a number of incidents")?).unwrap_or(usize::MAX);
                if !cursor.eat_word("incidents") {
                    cursor.expect_word("incident")?;
                }
                counted(cursor, count)?
            }
            "diagnosis" => {
                cursor.expect_word("top")?;
                let top = usize::try_from(cursor.number("a rank, from 1")?).unwrap_or(usize::MAX).max(1);
                Expectation::Diagnosis { top, filter: filter(cursor, DIAGNOSIS_FIELDS)? }
            }
            "resolved" => Expectation::Resolved { window: within(cursor)? },
            "plan" => Expectation::Plan { filter: filter(cursor, PLAN_FIELDS)? },
            "line" => Expectation::Line { text: cursor.quoted()?, is_there: true },
            "series" => Expectation::Series { labels: cursor.selector()?, is_there: true },
            _ => {
                let expected = "one of incident, no, exactly, diagnosis, resolved, plan, line, series".to_owned();
                return Err(Mistake { offset, expected });
            }
        };
        self.detected();
        self.script.steps.push(Step::Expect { line: self.line, text: cursor.text().to_owned(), expectation });
        Ok(())
    }

    /// What looks at something looks at it when all inputs are in, unless a `detect` says otherwise.
    fn detected(&mut self) {
        if !self.script.steps.iter().any(|it| matches!(it, Step::Detect(_))) {
            self.script.steps.push(Step::Detect(None));
        }
    }

    /// `ask "Why is checkout slow?" expects cause="checkout"`
    fn ask(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Mistake> {
        let question = cursor.quoted()?;
        cursor.expect_word("expects")?;
        let filter = fields(cursor, ANSWER_FIELDS)?;
        self.detected();
        let ask = AskPart { question, filter };
        self.script.steps.push(Step::Ask { line: self.line, text: cursor.text().to_owned(), ask });
        Ok(())
    }

    /// `feedback right cause "db": service="checkout"`
    fn feedback(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Mistake> {
        let offset = cursor.position();
        let opinion = match cursor.word() {
            "right" => Opinion::Right,
            "wrong" => Opinion::Wrong,
            "noise" => Opinion::Noise,
            _ => return Err(Mistake { offset, expected: "one of right, wrong, noise".to_owned() }),
        };
        let cause = if cursor.eat_word("cause") { Some(cursor.quoted()?) } else { None };
        let filter = filter(cursor, INCIDENT_FIELDS)?;
        self.detected();
        let feedback = FeedbackPart { opinion, cause, filter };
        self.script.steps.push(Step::Feedback { line: self.line, text: cursor.text().to_owned(), feedback });
        Ok(())
    }

    /// Mistakes that only the whole text shows.
    fn late_mistakes(&self) -> Vec<(usize, Mistake)> {
        let mut mistakes = vec![];
        for ((line, offset), it) in self.break_places.iter().zip(&self.script.breaks) {
            let expected = match &self.script.shop {
                None => "a statement such as `shop for 12m` somewhere, because only the shop can break".to_owned(),
                Some(shop) if it.at >= shop.length => "a fault that begins before the shop ends".to_owned(),
                Some(_) => continue,
            };
            mistakes.push((*line, Mistake { offset: *offset, expected }));
        }
        let (line, offset) = self.tick_place;
        if self.script.tick > Duration::from_secs(1) && self.script.shop.is_some() {
            let expected = "`tick 1s`, because the shop lives by the second".to_owned();
            mistakes.push((line, Mistake { offset, expected }));
        }
        let length = self.script.end().max(self.detected_until);
        if length.as_secs() / self.script.tick.as_secs().max(1) > MOST_TICKS {
            let expected = format!("`tick 1m` or longer, because no more than {MOST_TICKS} ticks are run");
            mistakes.push((line, Mistake { offset, expected }));
        }
        if !self.script.steps.iter().any(|it| matches!(it, Step::Expect { .. } | Step::Ask { .. })) {
            let expected = "at least one `expect` or `ask`, because a scenario without one cannot fail".to_owned();
            mistakes.push((self.line.max(1), Mistake { offset: 0, expected }));
        }
        mistakes
    }
}

fn within(cursor: &mut Cursor<'_>) -> Result<Window, Mistake> {
    cursor.expect_word("within")?;
    let length = cursor.duration()?;
    cursor.expect_word("of")?;
    let from = cursor.duration()?;
    Ok(Window { from, to: from + length })
}

fn none(cursor: &mut Cursor<'_>) -> Result<Expectation, Mistake> {
    let offset = cursor.position();
    match cursor.word() {
        "incident" | "incidents" => counted(cursor, 0),
        "cause" => Ok(Expectation::NoCause),
        "plan" => Ok(Expectation::NoPlan),
        "line" => Ok(Expectation::Line { text: cursor.quoted()?, is_there: false }),
        "series" => Ok(Expectation::Series { labels: cursor.selector()?, is_there: false }),
        _ => Err(Mistake { offset, expected: "one of incident, cause, plan, line, series".to_owned() }),
    }
}

fn counted(cursor: &mut Cursor<'_>, count: usize) -> Result<Expectation, Mistake> {
    let window = if cursor.eat_word("between") {
        let from = cursor.duration()?;
        cursor.expect_word("and")?;
        Some(Window { from, to: cursor.duration()? })
    } else {
        None
    };
    let filter = if cursor.is_at_end() { Filter::default() } else { filter(cursor, INCIDENT_FIELDS)? };
    Ok(Expectation::IncidentCount { count, window, filter })
}

/// `: field="value|other", field="value"`; nothing at all accepts everything.
fn filter(cursor: &mut Cursor<'_>, fields: &[&str]) -> Result<Filter, Mistake> {
    if cursor.is_at_end() {
        return Ok(Filter::default());
    }
    if !cursor.eat(':') {
        return Err(cursor.error("`:` and fields, or the end of the line"));
    }
    self::fields(cursor, fields)
}

/// `field="value|other", field="value"`
fn fields(cursor: &mut Cursor<'_>, fields: &[&str]) -> Result<Filter, Mistake> {
    let mut pairs = vec![];
    loop {
        let offset = cursor.position();
        let field = cursor.word();
        if !fields.contains(&field) {
            return Err(Mistake { offset, expected: format!("one of {}", fields.join(", ")) });
        }
        if !cursor.eat('=') {
            return Err(cursor.error("`=`"));
        }
        let values = cursor.quoted()?.split('|').map(str::to_owned).collect();
        pairs.push((field.to_owned(), values));
        if !cursor.eat(',') {
            return Ok(Filter(pairs));
        }
    }
}
