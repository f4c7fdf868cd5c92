//! What does a script ask for? Its lines become commands.

use super::expand::{self, Item, SeriesText, Starts};
use crate::parse::duration_millis;

/// A line that is not in the language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text}")]
pub struct BadScript {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub text: String,
}

/// One command.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// Forgets all series.
    Clear,
    /// Adds series.
    Load {
        /// Milliseconds from one value to the next.
        interval: i64,
        /// The series.
        series: Vec<SeriesText>,
        /// Makes histograms with custom buckets of classic ones.
        with_nhcb: bool,
    },
    /// Asks a query.
    Eval(Box<Eval>),
}

/// A query and what it must answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Eval {
    /// Its line, from 1.
    pub line: usize,
    /// The expression.
    pub query: String,
    /// First time, in milliseconds.
    pub start: i64,
    /// Last time.
    pub end: i64,
    /// Between times; none in an instant query.
    pub step: Option<i64>,
    /// The order of series matters.
    pub is_ordered: bool,
    /// It must fail.
    pub fails: bool,
    /// What must be said.
    pub expects: Vec<Expect>,
    /// The series of the answer.
    pub series: Vec<SeriesText>,
    /// The number that is the answer.
    pub scalar: Option<f64>,
    /// The text that is the answer.
    pub text: Option<String>,
    /// First time and step of a range vector that is the answer.
    pub range_vector: Option<(i64, i64)>,
}

/// What a query must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expect {
    /// Of which kind.
    pub kind: ExpectKind,
    /// In which words.
    pub words: Words,
}

/// Kinds of what queries say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectKind {
    Fail,
    Warn,
    NoWarn,
    Info,
    NoInfo,
}

/// Which words are expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Any,
    Exactly(String),
    Pattern(String),
}

/// Reads a script.
pub(super) fn commands(text: &str) -> Result<Vec<Command>, BadScript> {
    let lines: Vec<&str> = text.lines().map(str::trim).map(|it| if it.starts_with('#') { "" } else { it }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let number = at + 1;
        at += 1;
        if line.is_empty() {
            continue;
        }
        let end = lines.iter().skip(at).position(|it| it.is_empty()).map_or(lines.len(), |it| at + it);
        let body = lines.get(at..end).unwrap_or(&[]);
        let word = line.split_whitespace().next().unwrap_or("");
        let fail = |text: String| BadScript { line: number, text };
        match word {
            "clear" => commands.push(Command::Clear),
            "load" | "load_with_nhcb" => {
                commands.push(load(line, body).map_err(|(offset, text)| BadScript { line: number + offset, text })?);
                at = end;
            }
            _ if word.starts_with("eval") => {
                let (eval, used) = eval(line, number, body)?;
                commands.push(Command::Eval(Box::new(eval)));
                at += used;
            }
            other => return Err(fail(format!("unknown command {other:?}"))),
        }
    }
    Ok(commands)
}

fn load(line: &str, body: &[&str]) -> Result<Command, (usize, String)> {
    let mut words = line.split_whitespace();
    let with_nhcb = words.next() == Some("load_with_nhcb");
    let interval = words.next().and_then(time).ok_or((0, "load needs an interval".to_owned()))?;
    let mut series = Vec::new();
    let mut cycle = Starts::new();
    let mut next: Option<Starts> = None;
    for (idx, line) in body.iter().enumerate() {
        let at = |text| (idx + 1, text);
        if let Some((metric, starts)) = expand::starts(line) {
            let starts = starts.map_err(at)?;
            if metric.is_empty() {
                cycle = starts
            } else {
                next = Some(starts)
            }
            continue;
        }
        let mut text = expand::series(line).map_err(at)?;
        text.starts = match next.take() {
            Some(starts) => starts,
            None => cycle.iter().cycle().take(text.items.len()).copied().collect(),
        };
        series.push(text);
    }
    Ok(Command::Load { interval, series, with_nhcb })
}

/// Milliseconds of a duration or of a number of seconds.
fn time(text: &str) -> Option<i64> {
    let (sign, plain) = text.strip_prefix('-').map_or((1, text), |it| (-1, it));
    if let Some(millis) = duration_millis(plain) {
        return i64::try_from(millis).ok().map(|it| it * sign);
    }
    // Times in scripts are small.
    plain.parse::<f64>().ok().map(|it| (it * 1000.0).round() as i64 * sign)
}

/// The first word and the rest behind it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start())
}

fn eval(line: &str, number: usize, body: &[&str]) -> Result<(Eval, usize), BadScript> {
    let fail = |offset: usize, text: String| BadScript { line: number + offset, text };
    let (word, rest) = split(line);
    let mut eval = head(rest).ok_or_else(|| fail(0, "eval needs times and a query".to_owned()))?;
    eval.line = number;
    let any = |kind| Expect { kind, words: Words::Any };
    match word {
        "eval" => {}
        "eval_ordered" => eval.is_ordered = true,
        "eval_fail" => eval.fails = true,
        "eval_warn" => eval.expects.push(any(ExpectKind::Warn)),
        "eval_info" => eval.expects.push(any(ExpectKind::Info)),
        other => return Err(fail(0, format!("unknown command {other:?}"))),
    }
    for (idx, line) in body.iter().enumerate() {
        if let Some(rest) = line.strip_prefix("expect ").or_else(|| line.strip_prefix("expect\t")) {
            expect(&mut eval, rest.trim()).map_err(|text| fail(idx + 1, text))?;
            continue;
        }
        if let Some(rest) = line.strip_prefix("expected_fail_message ") {
            eval.expects.push(Expect { kind: ExpectKind::Fail, words: Words::Exactly(rest.trim().to_owned()) });
            continue;
        }
        if let Some(rest) = line.strip_prefix("expected_fail_regexp ") {
            eval.expects.push(Expect { kind: ExpectKind::Fail, words: Words::Pattern(rest.trim().to_owned()) });
            continue;
        }
        if let Some(value) = expand::number(line) {
            eval.scalar = Some(value);
            return Ok((eval, idx + 1));
        }
        eval.series.push(expand::series(line).map_err(|text| fail(idx + 1, text))?);
    }
    Ok((eval, body.len()))
}

/// `instant at TIME QUERY` or `range from TIME to TIME step TIME QUERY`.
fn head(text: &str) -> Option<Eval> {
    let (kind, rest) = split(text);
    if kind == "instant" {
        let (word, behind) = split(rest);
        let (at, query) = if word == "at" { split(behind) } else { ("0", rest) };
        let start = time(at)?;
        return Some(Eval { query: query.to_owned(), start, end: start, ..Eval::default() });
    }
    let mut rest = rest;
    let mut times = Vec::new();
    for keyword in ["from", "to", "step"] {
        let (word, behind) = split(rest);
        let (value, behind) = split(behind);
        if word != keyword {
            return None;
        }
        times.push(time(value)?);
        rest = behind;
    }
    let [start, end, step] = times.as_slice() else { return None };
    (kind == "range").then(|| Eval {
        query: rest.to_owned(),
        start: *start,
        end: *end,
        step: Some(*step),
        ..Eval::default()
    })
}

fn expect(eval: &mut Eval, text: &str) -> Result<(), String> {
    let (word, rest) = split(text);
    let kind = match word {
        "ordered" => {
            eval.is_ordered = true;
            return Ok(());
        }
        "string" => {
            eval.text = Some(expand::quoted(rest)?);
            return Ok(());
        }
        "range" => {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let ["vector", "from", start, "to", end, "step", step] = words.as_slice() else {
                return Err(format!("cannot read {text:?}"));
            };
            eval.range_vector = time(start).zip(time(step));
            // As in Prometheus, the window ends where the expected values do.
            let end = time(end).ok_or_else(|| format!("cannot read {text:?}"))?;
            (eval.start, eval.end) = (end, end);
            return Ok(());
        }
        "fail" => ExpectKind::Fail,
        "warn" => ExpectKind::Warn,
        "no_warn" => ExpectKind::NoWarn,
        "info" => ExpectKind::Info,
        "no_info" => ExpectKind::NoInfo,
        other => return Err(format!("cannot expect {other:?}")),
    };
    let words = match rest.split_once(':') {
        Some(("msg", words)) => Words::Exactly(words.trim().to_owned()),
        Some(("regex", pattern)) => Words::Pattern(pattern.trim().to_owned()),
        _ if rest.is_empty() => Words::Any,
        _ => return Err(format!("cannot read {text:?}")),
    };
    eval.fails |= kind == ExpectKind::Fail;
    eval.expects.push(Expect { kind, words });
    Ok(())
}

impl Item {
    /// True if nothing is there.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Blank)
    }
}
