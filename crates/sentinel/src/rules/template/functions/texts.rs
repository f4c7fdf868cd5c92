//! How are texts changed, and what do they lead to?

use std::fmt::Write as _;
use std::net::IpAddr;

use regex_lite::{Regex, RegexBuilder};

use super::{Answer, builtins};
use crate::rules::template::value::Value;

/// Bytes of a pattern once compiled.
const MAX_PATTERN: usize = 1 << 18;
/// Bytes that a replacement may come to.
const MAX_REPLACED: usize = 1 << 24;

/// Each word begins with a large letter.
pub fn title(value: &Value) -> Answer {
    let (mut out, mut is_within) = (String::new(), false);
    for letter in value.as_text()?.chars() {
        if is_within {
            out.push(letter);
        } else {
            out.extend(letter.to_uppercase());
        }
        is_within = letter.is_alphanumeric() || letter == '_' || !(letter.is_ascii() || letter.is_whitespace());
    }
    Ok(Value::text(out))
}

fn regex(pattern: &Value) -> Result<Regex, String> {
    let pattern = pattern.as_text()?;
    RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build().map_err(|error| format!("{pattern:?}: {error}"))
}

/// True if the pattern fits anywhere in the text.
pub fn fits(pattern: &Value, text: &Value) -> Answer {
    Ok(Value::Bool(regex(pattern)?.is_match(text.as_text()?)))
}

pub fn replace(pattern: &Value, replacement: &Value, text: &Value) -> Answer {
    let (replacement, text) = (replacement.as_text()?, text.as_text()?);
    if replacement.len().saturating_mul(text.len()) > MAX_REPLACED {
        return Err("replacement and text are too long".to_owned());
    }
    Ok(Value::text(regex(pattern)?.replace_all(text, replacement)))
}

pub fn html(values: &[Value]) -> Answer {
    let text = builtins::print(values)?.shown();
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Ok(Value::text(text.replace('"', "&#34;").replace('\'', "&#39;").replace('\0', "\u{fffd}")))
}

pub fn urlquery(values: &[Value]) -> Answer {
    Ok(Value::text(query_escaped(&builtins::print(values)?.shown())))
}

/// As a value in the query of a URL.
pub fn query_escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
    out
}

/// The page with the graph or the table of an expression.
pub fn link(expression: &Value, tab: u8) -> Answer {
    Ok(Value::text(format!("/graph?g0.expr={}&g0.tab={tab}", query_escaped(expression.as_text()?))))
}

/// The path of a URL.
pub fn path_of(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |it| it.1);
    let path = behind.find('/').and_then(|it| behind.get(it..)).unwrap_or("");
    path.split(['?', '#']).next().unwrap_or("")
}

/// Host and port of `host:port` or `[host]:port`.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let host = inner.unwrap_or(host);
    let is_good = !host.contains(['[', ']']) && (inner.is_some() || !host.contains(':'));
    is_good.then_some((host, port))
}

pub fn strip_port(value: &Value) -> Answer {
    let text = value.as_text()?;
    Ok(Value::text(split_port(text).map_or(text, |it| it.0)))
}

/// The first part of the name of a host, with its port.
pub fn strip_domain(value: &Value) -> Answer {
    let text = value.as_text()?;
    let (host, port) = split_port(text).unwrap_or((text, ""));
    if host.parse::<IpAddr>().is_ok() {
        return Ok(Value::text(text));
    }
    let short = host.split('.').next().unwrap_or("");
    Ok(Value::text(if port.is_empty() { short.to_owned() } else { format!("{short}:{port}") }))
}
