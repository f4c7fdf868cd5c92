//! Which values does `1+2x3 _ stale {{sum:1}}` mean? The series of scripts, written out.

use signal::Labels;

use super::histogram_text;
use crate::histogram::Histogram;
use crate::parse;
use crate::series::STALE_NAN_BITS;

/// One value of a series.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// No sample.
    Blank,
    /// A number, or the stale marker.
    Float(f64),
    /// A histogram, and whether it says what is known of resets.
    Histogram(Box<Histogram>, bool),
}

/// A series with its values.
#[derive(Clone, Debug)]
pub(super) struct SeriesText {
    /// Its labels.
    pub labels: Labels,
    /// Its values, one interval after the other.
    pub items: Vec<Item>,
    /// For each value when its counter began, in milliseconds relative to it; empty if nothing is said of it.
    pub starts: Starts,
}

/// For each value when its counter began, in milliseconds relative to it.
pub(super) type Starts = Vec<Option<i64>>;

/// Values that a repetition may give.
const MAX_REPEAT: usize = 1_000_000;

/// A number as scripts write it.
pub(super) fn number(text: &str) -> Option<f64> {
    let (sign, plain) = match text.as_bytes().first()? {
        b'-' => (-1.0, text.get(1..)?),
        b'+' => (1.0, text.get(1..)?),
        _ => (1.0, text),
    };
    let value = match plain.to_ascii_lowercase().as_str() {
        "inf" => f64::INFINITY,
        "nan" => f64::NAN,
        _ => parse::number(plain)?,
    };
    Some(sign * value)
}

/// The text in a quoted string.
pub(super) fn quoted(text: &str) -> Result<String, String> {
    parse::string(text).map_err(|error| error.text)
}

/// A line of a series.
pub(super) fn series(line: &str) -> Result<SeriesText, String> {
    let end = metric_end(line).ok_or("the braces of the labels do not end")?;
    let (metric, values) = line.split_at(end);
    let labels = parse::metric(metric.trim()).map_err(|error| format!("{}: {metric:?}", error.text))?;
    let mut items = Vec::new();
    for word in words(values)? {
        item(&word, &mut items)?;
    }
    Ok(SeriesText { labels, items, starts: Vec::new() })
}

/// A line `metric@st DURATIONS`, which says when counters began: the metric and the durations; none if it is no such
/// line.
pub(super) fn starts(line: &str) -> Option<(&str, Result<Starts, String>)> {
    let (metric, durations) = line.split_once(char::is_whitespace)?;
    let metric = metric.strip_suffix("@st")?;
    let mut starts = Vec::new();
    for word in durations.split_whitespace() {
        if start_item(word, &mut starts).is_none() {
            return Some((metric, Err(format!("cannot read the start {word:?}"))));
        }
    }
    Some((metric, Ok(starts)))
}

/// `_`, `*`, `-1m`, each with `xN`, or `-1m+5sxN`.
fn start_item(word: &str, starts: &mut Starts) -> Option<()> {
    let (formula, times) = match word.rsplit_once('x') {
        Some((formula, times)) => (formula, repeat(times)?),
        None => (word, 0),
    };
    match formula {
        "_" => starts.extend((0..times.max(1)).map(|_| None)),
        "*" => {
            let last = starts.iter().rev().flatten().next().copied().unwrap_or(0);
            starts.extend((0..=times).map(|_| Some(last)));
        }
        _ => {
            let (start, step) = match signed_millis(formula) {
                Some(start) => (start, 0),
                None => formula.char_indices().skip(1).filter(|it| matches!(it.1, '+' | '-')).find_map(|(at, _)| {
                    let (start, step) = formula.split_at(at);
                    Some((signed_millis(start)?, signed_millis(step)?))
                })?,
            };
            starts.extend((0..=i64::try_from(times).ok()?).map(|it| Some(start + step * it)));
        }
    }
    Some(())
}

fn signed_millis(text: &str) -> Option<i64> {
    let (sign, plain) = match text.strip_prefix('-') {
        Some(plain) => (-1, plain),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let millis = if plain == "0" { 0 } else { parse::duration_millis(plain)? };
    i64::try_from(millis).ok().map(|it| sign * it)
}

/// Where name and labels end.
fn metric_end(line: &str) -> Option<usize> {
    let brace = line.find('{').filter(|it| !line.get(..*it).unwrap_or("").contains(char::is_whitespace));
    let space = line.find(char::is_whitespace).unwrap_or(line.len());
    let Some(brace) = brace else { return Some(space) };
    let mut quote = None;
    let mut is_escaped = false;
    for (at, it) in line.char_indices().skip_while(|it| it.0 <= brace) {
        match (it, quote) {
            _ if is_escaped => is_escaped = false,
            ('\\', Some(_)) => is_escaped = true,
            (it, Some(open)) if it == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'' | '`', None) => quote = Some(it),
            ('}', None) => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Values, split at blanks outside of histograms.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut depth = 0_usize;
    for it in text.chars() {
        match it {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1).ok_or("there is a brace too many")?,
            _ => {}
        }
        if it.is_whitespace() && depth == 0 {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(it);
        }
    }
    if depth > 0 {
        return Err("the braces of a histogram do not end".to_owned());
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

fn item(word: &str, items: &mut Vec<Item>) -> Result<(), String> {
    if word.starts_with("{{") {
        return histograms(word, items);
    }
    let bad = || format!("cannot read the value {word:?}");
    if word == "stale" {
        items.push(Item::Float(f64::from_bits(STALE_NAN_BITS)));
        return Ok(());
    }
    if let Some(rest) = word.strip_prefix('_') {
        let count = if rest.is_empty() { 1 } else { rest.strip_prefix('x').and_then(repeat).ok_or_else(bad)? };
        items.extend((0..count).map(|_| Item::Blank));
        return Ok(());
    }
    // What looks like a hexadecimal number is a repetition here.
    if let Some(value) = number(word).filter(|_| !word.contains('x')) {
        items.push(Item::Float(value));
        return Ok(());
    }
    let (formula, times) = word.rsplit_once('x').ok_or_else(bad)?;
    let times = repeat(times).ok_or_else(bad)?;
    let (start, step) = match number(formula) {
        Some(value) => (value, 0.0),
        None => stepped(formula).ok_or_else(bad)?,
    };
    let mut value = start;
    for _ in 0..=times {
        items.push(Item::Float(value));
        value += step;
    }
    Ok(())
}

fn repeat(text: &str) -> Option<usize> {
    text.parse().ok().filter(|it| *it <= MAX_REPEAT)
}

/// `start+step` or `start-step`; the sign of an exponent is not the one in the middle.
fn stepped(formula: &str) -> Option<(f64, f64)> {
    formula.char_indices().skip(1).filter(|it| matches!(it.1, '+' | '-')).find_map(|(at, sign)| {
        let (start, step) = formula.split_at(at);
        let step = number(step.get(1..)?)?;
        Some((number(start)?, if sign == '-' { -step } else { step }))
    })
}

fn histograms(word: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let bad = || format!("cannot read the histogram {word:?}");
    let end = word.find("}}").ok_or_else(bad)? + 2;
    let (first, rest) = word.split_at(end);
    let (first, has_hint) = histogram_text::histogram(first)?;
    if rest.is_empty() {
        items.push(Item::Histogram(Box::new(first), has_hint));
        return Ok(());
    }
    if let Some(times) = rest.strip_prefix('x') {
        let times = repeat(times).ok_or_else(bad)?;
        items.extend((0..=times).map(|_| Item::Histogram(Box::new(first.clone()), has_hint)));
        return Ok(());
    }
    let is_negative = rest.starts_with('-');
    let step = rest.get(1..).ok_or_else(bad)?;
    let end = step.find("}}").ok_or_else(bad)? + 2;
    let (step, rest) = step.split_at(end);
    let (step, _) = histogram_text::histogram(step)?;
    let times = rest.strip_prefix('x').and_then(repeat).ok_or_else(bad)?;
    let mut value = first;
    for idx in 0..=times {
        if idx > 0 {
            let result = if is_negative { value.subtract(&step) } else { value.add(&step) };
            result.map_err(|_| bad())?;
        }
        items.push(Item::Histogram(Box::new(value.clone()), has_hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_out() {
        let it = series(r#"m{a="x y", b="}"} 1+2x2 _x2 -3 stale 5e-1-1x1 {{sum:1}}+{{sum:2 count:1}}x1"#).unwrap();
        assert_eq!(it.labels, Labels::metric("m", &[("a", "x y"), ("b", "}")]));
        let values: Vec<String> = it
            .items
            .iter()
            .map(|it| match it {
                Item::Blank => "_".to_owned(),
                Item::Float(value) if crate::is_stale(*value) => "stale".to_owned(),
                Item::Float(value) => value.to_string(),
                Item::Histogram(value, _) => format!("sum {}", value.sum),
            })
            .collect();
        let expected = ["1", "3", "5", "_", "_", "-3", "stale", "0.5", "-0.5", "sum 1", "sum 3"];
        assert_eq!(values, expected);
    }
}
