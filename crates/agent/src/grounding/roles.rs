//! What is a number of a clause: the value before, the value after, a change, a ratio? And what is a time: a beginning, an end?

use signal::{EvidenceSource, Timestamp};

use super::Flaw;
use super::check::same_time;
use super::clause::Word;
use super::fact::Fact;
use super::facts::Direction;
use super::lexicon::{Sense, sense};
use super::words::{Number, is_time_unit, number, scales};

/// Besides the rounding that is written, a number may be off by this share.
const SHARE: f64 = 0.005;

/// What a number is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What it was.
    Before,
    /// What it became.
    During,
    /// By how much.
    Change,
    /// How many times as much.
    Ratio,
    /// The largest value.
    High,
    /// The smallest value.
    Low,
    /// The first value.
    First,
    /// The last value.
    Last,
    /// How far from usual.
    Deviation,
    /// How long before or after.
    Lead,
    /// Nothing is said of it.
    Any,
}

/// All numbers of a clause, each with its role.
pub fn number_roles<'a>(words: &[Word<'a>]) -> Vec<(Number<'a>, Role)> {
    let read = |(idx, word): (usize, &Word<'a>)| Some((number(word.text)?, role(words, idx)));
    words.iter().enumerate().filter_map(read).collect()
}

fn role(words: &[Word<'_>], idx: usize) -> Role {
    let at = |idx: usize| words.get(idx).map_or("", |it| it.lower.as_str());
    let own_unit = words.get(idx).and_then(|it| number(it.text)).map_or("", |it| it.unit);
    let after = idx + 1;
    if matches!(own_unit, "x") || matches!(at(after), "times" | "x" | "fold") && at(after + 1) != "a" {
        return Role::Ratio;
    }
    if at(after) == "robust" || at(after).starts_with("deviation") {
        return Role::Deviation;
    }
    let is_time = is_time_unit(own_unit) || is_time_unit(at(after));
    let follows = (after..after + 4).map(at).find(|it| matches!(*it, "before" | "earlier" | "after" | "later"));
    let is_after_number = (after..after + 4).any(|it| number(at(it)).is_some());
    match follows.filter(|_| !is_after_number) {
        Some(_) if is_time && !stands_after(words, idx, &["after", "from", "to", "of"]) => return Role::Lead,
        Some("before" | "earlier") => return Role::Before,
        Some(_) if at(after) != "after" || !is_time => return Role::During,
        _ => {}
    }
    of_words_before(words, idx, is_time)
}

fn stands_after(words: &[Word<'_>], idx: usize, wanted: &[&str]) -> bool {
    idx.checked_sub(1).and_then(|it| words.get(it)).is_some_and(|it| wanted.contains(&it.lower.as_str()))
}

/// The nearest word before a number that says what it is.
fn of_words_before(words: &[Word<'_>], idx: usize, is_time: bool) -> Role {
    const BETWEEN: [&str; 12] =
        ["about", "around", "roughly", "approximately", "the", "a", "an", "value", "of", "was", "is", "its"];
    let near = words.iter().take(idx).rev();
    let is_now = near.clone().take(3).any(|it| matches!(it.lower.as_str(), "is" | "are" | "now"));
    for word in near.take(4) {
        return match word.lower.as_str() {
            "from" | "expected" | "usual" | "median" | "than" | "above" | "over" | "below" | "under" | "exceeded"
            | "exceeds" => Role::Before,
            "instead" => Role::Before,
            "after" if !is_time => Role::Before,
            "to" | "reached" => Role::During,
            "by" => Role::Change,
            "first" => Role::First,
            "last" => Role::Last,
            it if BETWEEN.contains(&it) => continue,
            it => match sense(it) {
                Some(Sense::Went(_, false)) => Role::Change,
                Some(Sense::High) => Role::High,
                Some(Sense::Low) => Role::Low,
                // What is, is as it became.
                _ => extreme(words, idx).unwrap_or(if is_now { Role::During } else { Role::Any }),
            },
        };
    }
    Role::Any
}

/// `the highest value of pay_latency_ms was 912`, `the last value of it is 7`.
fn extreme(words: &[Word<'_>], idx: usize) -> Option<Role> {
    let is_value =
        |it: usize| words.get(it).is_some_and(|it| matches!(it.lower.as_str(), "value" | "values" | "point"));
    words.iter().enumerate().take(idx).rev().find_map(|(at, it)| match (sense(&it.lower), it.lower.as_str()) {
        (Some(Sense::High), _) => Some(Role::High),
        (Some(Sense::Low), _) => Some(Role::Low),
        (_, "first") if is_value(at + 1) => Some(Role::First),
        (_, "last") if is_value(at + 1) => Some(Role::Last),
        _ => None,
    })
}

/// True if a number with the unit that follows it may be one of these values.
pub fn is_near(it: Number<'_>, next: &str, values: &[f64]) -> bool {
    let unit = if it.unit.is_empty() { next } else { it.unit };
    let near = |fact: f64, scale: f64| {
        let (value, rounding) = (it.value * scale, it.rounding * scale.abs());
        (fact - value).abs() <= rounding.max(SHARE * fact.abs()) * (1.0 + 1e-9)
    };
    values.iter().any(|fact| scales(unit).iter().any(|scale| near(*fact, *scale)))
}

/// The numbers of a clause against one fact.
pub fn check_numbers(words: &[Word<'_>], fact: &Fact<'_>, n_cited: usize) -> Result<(), Flaw> {
    for (idx, word) in words.iter().enumerate() {
        let Some(it) = number(word.text) else { continue };
        let next = words.get(idx + 1).map_or("", |it| it.lower.as_str());
        let role = role(words, idx);
        if !is_measured_in(it, next, role, fact) {
            return Err(Flaw::Role);
        }
        // At the time at which something began it was no longer what it had been.
        let is_at_begin = || words.iter().any(|it| same_time(&it.lower, &fact.begins) == Some(true));
        let role = if role == Role::Any && is_at_begin() { Role::During } else { role };
        let values = values(role, fact);
        let is_value = match &values {
            // The fact says nothing of this kind: then the number must at least be one of its own.
            None => is_near(it, next, &fact.all.numbers) || is_near(it, "", &fact.all.ratios),
            Some(values) => is_near(it, next, values) || role == Role::Change && is_share(it, next, fact),
        };
        let is_count = role == Role::Any && it.value == n_cited as f64;
        if !(is_value || is_count) {
            return Err(Flaw::Role);
        }
    }
    Ok(())
}

/// `80 seconds` is no value of a series of percent; only where the series is known can that be told.
fn is_measured_in(it: Number<'_>, next: &str, role: Role, fact: &Fact<'_>) -> bool {
    let is_value = matches!(role, Role::Before | Role::During | Role::High | Role::Low | Role::Change);
    let is_time = is_time_unit(it.unit) || it.unit.is_empty() && is_time_unit(next);
    let is_series = matches!(fact.evidence.source, EvidenceSource::SeriesWindow { .. });
    let of_time = ["latency", "duration", "seconds", "_ms", "_s{", "_time", "delay", "_age", "_lag"];
    !(is_value && is_time && is_series) || of_time.iter().any(|it| fact.all.text.contains(it))
}

fn values(role: Role, fact: &Fact<'_>) -> Option<Vec<f64>> {
    let one = |it: Option<f64>| it.map(|it| vec![it]);
    let pairs = || fact.before.iter().flat_map(|a| fact.during.iter().map(move |b| (b - a).abs())).collect();
    let values = match role {
        Role::Before => Some(fact.before.clone()),
        Role::During => Some(fact.during.clone()),
        Role::Change => Some(pairs()),
        Role::Ratio => {
            let ratio = fact.ratio()?;
            Some(vec![if fact.direction == Some(Direction::Down) { 1.0 / ratio } else { ratio }])
        }
        Role::High => one(fact.high.map(|it| it.0)),
        Role::Low => one(fact.low.map(|it| it.0)),
        Role::First => one(fact.first),
        Role::Last => one(fact.last),
        Role::Deviation => fact.deviation.map(|it| vec![it, it.abs()]),
        Role::Lead => fact.lead_secs.map(|it| vec![it, it.abs()]),
        Role::Any => None,
    };
    values.filter(|it| !it.is_empty())
}

/// `rose by 40 %`: of what it was.
fn is_share(it: Number<'_>, next: &str, fact: &Fact<'_>) -> bool {
    let is_percent = matches!(if it.unit.is_empty() { next } else { it.unit }, "%" | "percent");
    is_percent && fact.ratio().is_some_and(|ratio| is_near(it, "", &[(100.0 * (ratio - 1.0)).abs()]))
}

/// The times of a clause against one fact.
pub fn check_times(words: &[Word<'_>], fact: &Fact<'_>) -> Result<(), Flaw> {
    for (idx, word) in words.iter().enumerate() {
        let Some(any) = same_time(word.text, &fact.all.times) else { continue };
        let before = |n: usize| idx.checked_sub(n).and_then(|it| words.get(it)).map_or("", |it| it.lower.as_str());
        let is = |times: &[Timestamp]| same_time(word.text, times) == Some(true);
        let holds = match before(1) {
            "before" | "after" => order(word.text, fact, before(1) == "before"),
            "until" | "till" => is(&fact.ends),
            "and" | "between" => any,
            _ if (1..5).any(|it| before(it) == "last") => is(&fact.ends),
            _ => any && is_instant(words, fact, &is),
        };
        if !holds {
            return Err(Flaw::Order);
        }
    }
    Ok(())
}

/// An instant at which something happened; the ends of a window that was looked at are none.
fn is_instant(words: &[Word<'_>], fact: &Fact<'_>, is: &dyn Fn(&[Timestamp]) -> bool) -> bool {
    let has = |wanted: Sense| words.iter().any(|it| sense(&it.lower) == Some(wanted));
    let of = |it: Option<(f64, Option<Timestamp>)>| it.and_then(|it| it.1);
    match (of(fact.high), of(fact.low)) {
        (Some(high), _) if has(Sense::High) => is(&[high]),
        (_, Some(low)) if has(Sense::Low) => is(&[low]),
        _ if fact.begins.is_empty() => true,
        _ => is(&fact.begins) || has(Sense::Gone) && is(&fact.ends),
    }
}

/// `before 10:00:00`: all of it, and it is known when it was.
fn order(word: &str, fact: &Fact<'_>, is_before: bool) -> bool {
    let at = |it: &Timestamp| it.to_string().get(11..19).unwrap_or("").to_owned();
    let wanted = word.trim_end_matches(['Z', 'z']);
    let is_clock = wanted.len() >= 5 && wanted.as_bytes().get(2) == Some(&b':');
    let fits = |it: &Timestamp| if is_before { at(it).as_str() < wanted } else { at(it).as_str() >= wanted };
    is_clock && !fact.begins.is_empty() && fact.begins.iter().all(fits)
}
