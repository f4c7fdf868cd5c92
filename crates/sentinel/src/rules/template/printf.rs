//! What does `printf` write? What that of Go does: <https://pkg.go.dev/fmt>.

use super::super::numbers::{g, go_g, scientific};
use super::value::Value;

/// Letters that a value may be widened to, and decimals.
const MAX_WIDTH: usize = 1000;

/// What stands between `%` and its letter.
#[derive(Default)]
struct Spec {
    minus: bool,
    plus: bool,
    zero: bool,
    space: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
}

pub fn printf(values: &[Value]) -> Result<Value, String> {
    let Some((format, values)) = values.split_first() else { return Err("a format expected".to_owned()) };
    let (mut rest, mut out, mut values) = (format.as_text()?, String::new(), values.iter());
    while let Some((text, behind)) = rest.split_once('%') {
        out.push_str(text);
        let (spec, behind) = spec(behind)?;
        let Some(verb) = behind.chars().next() else {
            out.push_str("%!(NOVERB)");
            rest = "";
            break;
        };
        rest = behind.get(verb.len_utf8()..).unwrap_or("");
        match (verb, values.as_slice().first()) {
            ('%', _) => out.push('%'),
            (_, None) => out.push_str(&format!("%!{verb}(MISSING)")),
            (_, Some(value)) => {
                values.next();
                out.push_str(&padded(&spec, &verb_of(&spec, verb, value), value));
            }
        }
    }
    out.push_str(rest);
    if !values.as_slice().is_empty() {
        let left: Vec<String> = values.map(|it| format!("{}={}", it.kind(), it.shown())).collect();
        out.push_str(&format!("%!(EXTRA {})", left.join(", ")));
    }
    Ok(Value::text(out))
}

fn spec(text: &str) -> Result<(Spec, &str), String> {
    let (mut spec, mut rest) = (Spec::default(), text);
    while let Some(flag) = rest.chars().next() {
        match flag {
            '-' => spec.minus = true,
            '+' => spec.plus = true,
            '0' => spec.zero = true,
            ' ' => spec.space = true,
            '#' => spec.sharp = true,
            _ => break,
        }
        rest = rest.get(1..).unwrap_or("");
    }
    (spec.width, rest) = digits(rest)?;
    if let Some(behind) = rest.strip_prefix('.') {
        let (precision, behind) = digits(behind)?;
        (spec.precision, rest) = (Some(precision), behind);
    }
    if rest.starts_with(['*', '[']) {
        return Err("`*` and `[n]` in a format are not supported; write the number itself".to_owned());
    }
    Ok((spec, rest))
}

fn digits(text: &str) -> Result<(usize, &str), String> {
    let behind = text.trim_start_matches(|it: char| it.is_ascii_digit());
    let digits = text.get(..text.len() - behind.len()).unwrap_or("");
    match digits.parse() {
        Ok(n) if n <= MAX_WIDTH => Ok((n, behind)),
        Err(_) if digits.is_empty() => Ok((0, behind)),
        _ => Err(format!("a width or precision of at most {MAX_WIDTH} expected, found {digits}")),
    }
}

fn verb_of(spec: &Spec, verb: char, value: &Value) -> String {
    let signed = |text: String, is_negative: bool| match (is_negative, spec.plus, spec.space) {
        (false, true, _) if !text.starts_with('+') => format!("+{text}"),
        (false, false, true) => format!(" {text}"),
        _ => text,
    };
    match (verb, value) {
        ('v', Value::Float(it)) => signed(float(spec, 'g', *it), *it < 0.0),
        ('v' | 'd', Value::Int(it)) => signed(it.to_string(), *it < 0),
        ('v', _) => value.shown(),
        ('s', Value::Int(_) | Value::Float(_) | Value::Bool(_)) => wrong(verb, value),
        ('s', _) => match spec.precision {
            Some(n) => value.shown().chars().take(n).collect(),
            None => value.shown(),
        },
        ('q', Value::Text(it)) if spec.sharp && !it.contains('`') => format!("`{it}`"),
        ('q', Value::Text(it)) => format!("{it:?}"),
        ('t', Value::Bool(it)) => it.to_string(),
        ('T', _) => value.kind().to_owned(),
        ('x', Value::Int(it)) => radix(*it, if spec.sharp { "0x" } else { "" }, |n| format!("{n:x}")),
        ('X', Value::Int(it)) => radix(*it, if spec.sharp { "0X" } else { "" }, |n| format!("{n:X}")),
        ('o', Value::Int(it)) => radix(*it, if spec.sharp { "0" } else { "" }, |n| format!("{n:o}")),
        ('b', Value::Int(it)) => radix(*it, if spec.sharp { "0b" } else { "" }, |n| format!("{n:b}")),
        ('c', Value::Int(it)) => {
            let letter = u32::try_from(*it).ok().and_then(char::from_u32);
            letter.unwrap_or('\u{fffd}').to_string()
        }
        ('x', Value::Text(it)) => it.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Text(it)) => it.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Float(it)) => signed(float(spec, verb, *it), *it < 0.0),
        _ => wrong(verb, value),
    }
}

fn wrong(verb: char, value: &Value) -> String {
    format!("%!{verb}({}={})", value.kind(), value.shown())
}

fn radix(value: i64, prefix: &str, digits: impl Fn(u64) -> String) -> String {
    format!("{}{prefix}{}", if value < 0 { "-" } else { "" }, digits(value.unsigned_abs()))
}

fn float(spec: &Spec, verb: char, value: f64) -> String {
    if !value.is_finite() {
        return go_g(value);
    }
    let decimals = spec.precision.unwrap_or(6);
    let text = match verb.to_ascii_lowercase() {
        'f' => format!("{value:.decimals$}"),
        'e' => {
            let text = format!("{value:.decimals$e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            scientific(mantissa, exponent.parse().unwrap_or(0))
        }
        _ => spec.precision.map_or_else(|| go_g(value), |it| g(value, it)),
    };
    if verb.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

fn padded(spec: &Spec, text: &str, value: &Value) -> String {
    let n = spec.width.saturating_sub(text.chars().count());
    if n == 0 {
        return text.to_owned();
    }
    let is_number = matches!(value, Value::Int(_)) || matches!(value, Value::Float(it) if it.is_finite());
    match (spec.minus, spec.zero) {
        (true, _) => format!("{text}{}", " ".repeat(n)),
        (false, true) if is_number => {
            let digits = text.trim_start_matches(['+', '-', ' ']);
            let sign = text.get(..text.len() - digits.len()).unwrap_or("");
            format!("{sign}{}{digits}", "0".repeat(n))
        }
        (false, true) => format!("{}{text}", "0".repeat(n)),
        _ => format!("{}{text}", " ".repeat(n)),
    }
}
