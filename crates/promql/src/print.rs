//! How is an expression written? Printing that parses back to the same expression.

use std::fmt;

use crate::ast::{
    Aggregate, At, Binary, Boundary, Cardinality, DurationExpr, Expr, Kind, Length, Matching, Operator, Selector,
    Subquery,
};
use crate::matcher::Matcher;
use crate::parse::escape;

/// Text in double quotes with escapes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for it in text.chars() {
        match it {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            it if escape::broken_byte(it).is_some() => {
                out.push_str(&format!("\\x{:02x}", escape::broken_byte(it).unwrap_or(0)));
            }
            it if u32::from(it) < 0x20 || it == '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(it))),
            it => out.push(it),
        }
    }
    out.push('"');
    out
}

/// True if a label's name needs no quotes.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|it: char| it.is_ascii_digit())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
}

fn is_plain_metric(name: &str) -> bool {
    is_plain_name(&name.replace(':', "_"))
}

/// A label's name, in quotes where it needs them.
pub(crate) fn label_name(name: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    if is_plain_name(name) { formatter.write_str(name) } else { formatter.write_str(&quoted(name)) }
}

/// A number as PromQL reads it.
pub(crate) fn number(value: f64) -> String {
    match value {
        it if it.is_nan() => "NaN".to_owned(),
        // Without a sign, which would bind less tightly than a power.
        f64::INFINITY => "Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        it => it.to_string(),
    }
}

fn names(names: &[String], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    formatter.write_str("(")?;
    for (idx, name) in names.iter().enumerate() {
        if idx > 0 {
            formatter.write_str(", ")?;
        }
        label_name(name, formatter)?;
    }
    formatter.write_str(")")
}

fn millis(millis: i64, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if millis < 0 { "-" } else { "" };
    write!(formatter, "{sign}{}ms", millis.unsigned_abs())
}

impl fmt::Display for Length {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millis(it) => millis(*it, formatter),
            Self::Computed(expr) => write!(formatter, "{expr}"),
        }
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(it) => formatter.write_str(&number(*it)),
            Self::Step => formatter.write_str("step()"),
            Self::Range => formatter.write_str("range()"),
            Self::Negate(inner) => write!(formatter, "-{inner}"),
            Self::Least(a, b) => write!(formatter, "min_of({a}, {b})"),
            Self::Most(a, b) => write!(formatter, "max_of({a}, {b})"),
            Self::Binary(operator, a, b) => write!(formatter, "({a} {} {b})", operator.as_str()),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Number(value) => formatter.write_str(&number(*value)),
            Kind::Text(text) => formatter.write_str(&quoted(text)),
            Kind::Vector(selector) => {
                series(selector, formatter)?;
                modifiers(selector, formatter)
            }
            Kind::Matrix { selector, range } => {
                series(selector, formatter)?;
                write!(formatter, "[{range}]")?;
                modifiers(selector, formatter)
            }
            Kind::Subquery(it) => subquery(it, formatter),
            Kind::Paren(inner) => write!(formatter, "({inner})"),
            Kind::Negate(inner) => write!(formatter, "-{inner}"),
            Kind::Plus(inner) => write!(formatter, "+{inner}"),
            Kind::Binary(it) => binary(it, formatter),
            Kind::Aggregate(it) => aggregate(it, formatter),
            Kind::Call { function, args } => {
                write!(formatter, "{}(", function.name)?;
                for (idx, arg) in args.iter().enumerate() {
                    write!(formatter, "{}{arg}", if idx > 0 { ", " } else { "" })?;
                }
                formatter.write_str(")")
            }
        }
    }
}

fn series(selector: &Selector, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let is_plain = selector.name.as_deref().is_some_and(is_plain_metric);
    let is_name = |it: &Matcher| selector.name.as_ref().is_some_and(|name| *it == Matcher::equal("__name__", name));
    if is_plain {
        formatter.write_str(selector.name.as_deref().unwrap_or(""))?;
    }
    let rest: Vec<&Matcher> = selector.matchers.iter().filter(|it| !(is_plain && is_name(it))).collect();
    if rest.is_empty() && is_plain {
        return Ok(());
    }
    formatter.write_str("{")?;
    for (idx, matcher) in rest.iter().enumerate() {
        formatter.write_str(if idx > 0 { "," } else { "" })?;
        match &selector.name {
            Some(name) if is_name(matcher) => formatter.write_str(&quoted(name))?,
            _ => write!(formatter, "{matcher}")?,
        }
    }
    formatter.write_str("}")
}

fn modifiers(selector: &Selector, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match selector.boundary {
        Boundary::Plain => {}
        Boundary::Anchored => formatter.write_str(" anchored")?,
        Boundary::Smoothed => formatter.write_str(" smoothed")?,
    }
    times(selector.at, &selector.offset, formatter)
}

fn times(at: Option<At>, offset: &Length, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match at {
        None => {}
        Some(At::Start) => formatter.write_str(" @ start()")?,
        Some(At::End) => formatter.write_str(" @ end()")?,
        Some(At::Millis(millis)) => write!(formatter, " @ {:.3}", millis as f64 / 1000.0)?,
    }
    match offset {
        Length::Millis(0) => Ok(()),
        Length::Computed(_) => write!(formatter, " offset ({offset})"),
        Length::Millis(_) => write!(formatter, " offset {offset}"),
    }
}

fn subquery(it: &Subquery, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(formatter, "{}[{}:", it.expr, it.range)?;
    if let Some(step) = &it.step {
        write!(formatter, "{step}")?;
    }
    formatter.write_str("]")?;
    times(it.at, &it.offset, formatter)
}

fn binary(it: &Binary, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(formatter, "{} {}", it.left, it.operator.as_str())?;
    if it.returns_bool {
        formatter.write_str(" bool")?;
    }
    matching(&it.matching, it.operator, formatter)?;
    write!(formatter, " {}", it.right)
}

fn matching(it: &Matching, operator: Operator, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let is_grouped = matches!(it.cardinality, Cardinality::ManyToOne | Cardinality::OneToMany);
    if it.is_on || is_grouped || !it.labels.is_empty() {
        formatter.write_str(if it.is_on { " on " } else { " ignoring " })?;
        names(&it.labels, formatter)?;
    }
    if is_grouped && !operator.is_set() {
        formatter.write_str(if it.cardinality == Cardinality::ManyToOne { " group_left " } else { " group_right " })?;
        names(&it.include, formatter)?;
    }
    if let Some(value) = it.fill_left {
        write!(formatter, " fill_left ({})", number(value))?;
    }
    if let Some(value) = it.fill_right {
        write!(formatter, " fill_right ({})", number(value))?;
    }
    Ok(())
}

fn aggregate(it: &Aggregate, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    formatter.write_str(it.operator.as_str())?;
    if it.is_without || !it.grouping.is_empty() {
        formatter.write_str(if it.is_without { " without " } else { " by " })?;
        names(&it.grouping, formatter)?;
        formatter.write_str(" ")?;
    }
    formatter.write_str("(")?;
    if let Some(parameter) = &it.parameter {
        write!(formatter, "{parameter}, ")?;
    }
    write!(formatter, "{})", it.expr)
}

/// A float as Go's `%g` writes it.
pub(crate) fn go_float(value: f64) -> String {
    match value {
        it if it.is_nan() => return "NaN".to_owned(),
        f64::INFINITY => return "+Inf".to_owned(),
        f64::NEG_INFINITY => return "-Inf".to_owned(),
        0.0 => return if value.is_sign_negative() { "-0" } else { "0" }.to_owned(),
        _ => {}
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A float as OpenMetrics writes it: whole numbers have a `.0`.
pub(crate) fn open_metrics_float(value: f64) -> String {
    let text = go_float(value);
    let is_whole = text.bytes().all(|it| it.is_ascii_digit() || it == b'-');
    if is_whole { format!("{text}.0") } else { text }
}

/// Labels as Prometheus writes them: `{a="b", c="d"}`.
pub(crate) fn labels(labels: &signal::Labels) -> String {
    let mut pairs = Vec::new();
    for (name, value) in labels.iter() {
        let name = if is_plain_name(name) { name.to_owned() } else { quoted(name) };
        pairs.push(format!("{name}={}", quoted(value)));
    }
    format!("{{{}}}", pairs.join(", "))
}
