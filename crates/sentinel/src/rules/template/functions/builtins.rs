//! What do the functions answer that all templates of Go have? <https://pkg.go.dev/text/template#hdr-Functions>

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Answer;
use crate::rules::template::value::Value;

/// Numbers are compared with numbers whether whole or not, which Go refuses.
fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, String> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(Some(a.cmp(b))),
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => Ok(a.number()?.partial_cmp(&b.number()?)),
        (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
        _ => Err(format!("{} and {} cannot be compared", a.kind(), b.kind())),
    }
}

fn same(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Nil, other) | (other, Value::Nil) => Ok(*other == Value::Nil),
        _ => Ok(order(a, b)? == Some(Ordering::Equal)),
    }
}

/// True if the first is any of the others.
pub fn eq(values: &[Value]) -> Answer {
    let Some((first, others)) = values.split_first() else { return Ok(Value::Bool(false)) };
    for other in others {
        if same(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub fn ne(a: &Value, b: &Value) -> Answer {
    Ok(Value::Bool(!same(a, b)?))
}

pub fn lt(a: &Value, b: &Value) -> Answer {
    Ok(Value::Bool(order(a, b)?.is_some_and(Ordering::is_lt)))
}

pub fn le(a: &Value, b: &Value) -> Answer {
    Ok(Value::Bool(order(a, b)?.is_some_and(Ordering::is_le)))
}

pub fn gt(a: &Value, b: &Value) -> Answer {
    Ok(Value::Bool(order(a, b)?.is_some_and(Ordering::is_gt)))
}

pub fn ge(a: &Value, b: &Value) -> Answer {
    Ok(Value::Bool(order(a, b)?.is_some_and(Ordering::is_ge)))
}

/// An element of a list, or the value of a label; more keys go on within it.
pub fn index(values: &[Value]) -> Answer {
    let Some((first, keys)) = values.split_first() else { return Ok(Value::Nil) };
    let mut value = first.clone();
    for key in keys {
        value = match &value {
            Value::List(all) => {
                let found = position(key)?.and_then(|it| all.get(it));
                found.cloned().ok_or_else(|| format!("{} is out of a list of {}", key.shown(), all.len()))?
            }
            Value::Text(text) => {
                let found = position(key)?.and_then(|it| text.as_bytes().get(it));
                let byte = found.ok_or_else(|| format!("{} is out of {} bytes", key.shown(), text.len()))?;
                Value::Int((*byte).into())
            }
            Value::Labels(_) | Value::Map(_) => value.field(key.as_text()?)?,
            other => return Err(format!("labels or a list expected, found {}", other.kind())),
        };
    }
    Ok(value)
}

fn position(key: &Value) -> Result<Option<usize>, String> {
    match key {
        Value::Int(it) => Ok(usize::try_from(*it).ok()),
        other => Err(format!("a whole number expected, found {}", other.kind())),
    }
}

/// A part of a text or list: from, and up to.
pub fn slice(values: &[Value]) -> Answer {
    let Some((value, bounds)) = values.split_first() else { return Ok(Value::Nil) };
    let Value::Int(n) = len(value)? else { return Ok(Value::Nil) };
    let n = usize::try_from(n).unwrap_or(0);
    let wrong = || format!("not bounds of a part of {n}");
    let (from, to) = match bounds {
        [] => (0, n),
        [from] => (position(from)?.ok_or_else(wrong)?, n),
        [from, to] => (position(from)?.ok_or_else(wrong)?, position(to)?.ok_or_else(wrong)?),
        _ => return Err("at most two bounds expected".to_owned()),
    };
    match value {
        Value::Text(it) => it.get(from..to).map(Value::text).ok_or_else(wrong),
        Value::List(it) => it.get(from..to).map(|it| Value::List(it.into())).ok_or_else(wrong),
        other => Err(format!("a text or a list expected, found {}", other.kind())),
    }
}

pub fn len(value: &Value) -> Answer {
    let n = match value {
        Value::Text(it) => it.len(),
        Value::List(it) => it.len(),
        Value::Labels(it) => it.len(),
        Value::Map(it) => it.len(),
        other => return Err(format!("a text, labels or a list expected, found {}", other.kind())),
    };
    Ok(Value::Int(i64::try_from(n).unwrap_or(i64::MAX)))
}

/// With a space between two values that are not texts.
pub fn print(values: &[Value]) -> Answer {
    let (mut out, mut was_text) = (String::new(), true);
    for value in values {
        let is_text = matches!(value, Value::Text(_));
        if !is_text && !was_text {
            out.push(' ');
        }
        out.push_str(&value.shown());
        was_text = is_text;
    }
    Ok(Value::text(out))
}

pub fn println(values: &[Value]) -> Answer {
    let texts: Vec<String> = values.iter().map(Value::shown).collect();
    Ok(Value::text(texts.join(" ") + "\n"))
}

/// The values as `.arg0`, `.arg1` and so on, for a template that is put in.
pub fn args(values: &[Value]) -> Answer {
    let named: BTreeMap<String, Value> =
        values.iter().enumerate().map(|(idx, it)| (format!("arg{idx}"), it.clone())).collect();
    Ok(Value::Map(Arc::new(named)))
}
