//! Which values of a diagnosis may stand in a step? A closed list, each checked before it is used.
//!
//! The values come from telemetry and are untrusted. They are never parsed as a command: an argument stays one
//! argument, a path segment one segment, a JSON string one string.

use std::fmt;

use signal::IncidentId;

use crate::refusal::{Refusal, RefusalReason};

/// What may be written between braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The incident's id.
    Incident,
    /// The service or host to blame.
    Service,
    /// The host, from the evidence.
    Host,
    /// The process, from the evidence.
    Pid,
    /// The start of the process, seconds since the epoch.
    StartTime,
    /// The version that was rolled out before the fault.
    Version,
}

const ALL: [(&str, Placeholder); 6] = [
    ("incident", Placeholder::Incident),
    ("service", Placeholder::Service),
    ("host", Placeholder::Host),
    ("pid", Placeholder::Pid),
    ("start_time", Placeholder::StartTime),
    ("version", Placeholder::Version),
];

impl fmt::Display for Placeholder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ALL.iter().find(|(_, it)| it == self).map_or("", |(name, _)| name);
        write!(formatter, "{{{name}}}")
    }
}

/// The process that is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Where it runs.
    pub host: String,
    /// Process id.
    pub pid: u32,
    /// Its start, seconds since the epoch.
    pub start_time: i64,
    /// The command line (untrusted).
    pub command: String,
}

/// What the diagnosis says, typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The incident.
    pub incident: IncidentId,
    /// The service or host to blame.
    pub service: String,
    /// The host of the blamed service, if the evidence names one.
    pub host: Option<String>,
    /// The blamed process, if the cause cites one.
    pub process: Option<Process>,
    /// The version of the blamed change, if the cause cites one.
    pub version: Option<String>,
}

impl Facts {
    /// The checked value of a placeholder.
    pub fn value(&self, placeholder: Placeholder) -> Result<String, Refusal> {
        let value = match placeholder {
            Placeholder::Incident => Some(self.incident.to_string()),
            Placeholder::Service => Some(self.service.clone()),
            Placeholder::Host => self.host.clone(),
            Placeholder::Pid => self.process.as_ref().map(|it| it.pid.to_string()),
            Placeholder::StartTime => self.process.as_ref().map(|it| it.start_time.to_string()),
            Placeholder::Version => self.version.clone(),
        };
        let value = value.ok_or_else(|| {
            let text = format!("{placeholder} is needed, but the evidence of {} does not name it", self.incident);
            Refusal::new(RefusalReason::MissingFact, text)
        })?;
        if is_safe(&value) {
            return Ok(value);
        }
        let shown: String = value.chars().take(64).collect();
        let text = format!("the value {shown:?} of {placeholder} has characters that are not allowed in a step");
        Err(Refusal::new(RefusalReason::UnsafeValue, text))
    }
}

/// True for a plain name: 1 to 128 letters, digits, `.`, `_`, `:`, `-`, `+`; no leading dash; no `..`.
pub fn is_safe(value: &str) -> bool {
    (1..=128).contains(&value.len())
        && value.bytes().all(|it| it.is_ascii_alphanumeric() || b"._:-+".contains(&it))
        && !value.starts_with('-')
        && !value.contains("..")
        && value != "."
}

/// A text with placeholders, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Placeholder),
}

impl Template {
    /// Reads `text {name} text`; `{{` and `}}` stand for braces. The error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = vec![];
        let mut plain = String::new();
        let mut rest = text;
        while let Some(idx) = rest.find(['{', '}']) {
            let (before, from_brace) = rest.split_at(idx);
            plain.push_str(before);
            if let Some(after) = from_brace.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = from_brace.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else {
                let (placeholder, after) = read_placeholder(from_brace)?;
                pieces.extend([Piece::Text(std::mem::take(&mut plain)), Piece::Value(placeholder)]);
                rest = after;
            }
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// True if it holds any placeholder.
    pub fn has_placeholders(&self) -> bool {
        self.0.iter().any(|it| matches!(it, Piece::Value(_)))
    }

    /// How many placeholders it holds.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|it| matches!(it, Piece::Value(_))).count()
    }

    /// The text with the same stand-in for every value, to check its form before there are facts.
    pub fn with_dummies(&self, dummy: &str) -> String {
        let pieces = self.0.iter().map(|it| if let Piece::Text(text) = it { text } else { dummy });
        pieces.collect()
    }

    /// The text with the checked values.
    pub fn fill(&self, facts: &Facts) -> Result<String, Refusal> {
        let pieces = self.0.iter().map(|it| match it {
            Piece::Text(text) => Ok(text.clone()),
            Piece::Value(placeholder) => facts.value(*placeholder),
        });
        pieces.collect()
    }
}

fn read_placeholder(from_brace: &str) -> Result<(Placeholder, &str), String> {
    let name = from_brace.strip_prefix('{').and_then(|it| it.split_once('}'));
    let found = name
        .and_then(|(name, after)| ALL.iter().find(|(it, _)| *it == name).map(|(_, placeholder)| (*placeholder, after)));
    found.ok_or_else(|| {
        let shown = name.map_or(from_brace.to_owned(), |(name, _)| format!("{{{name}}}"));
        let known: Vec<String> = ALL.iter().map(|(name, _)| format!("{{{name}}}")).collect();
        format!("{shown:?} is no placeholder; there are {} (write {{{{ for a brace)", known.join(", "))
    })
}

/// Reads and fills in one go; a template that cannot be read is refused (validation has named it before).
pub fn fill(text: &str, facts: &Facts) -> Result<String, Refusal> {
    Template::parse(text).map_err(|text| Refusal::new(RefusalReason::UnsafeValue, text))?.fill(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(service: &str) -> Facts {
        Facts { incident: IncidentId(7), service: service.to_owned(), host: None, process: None, version: None }
    }

    #[test]
    fn values_that_could_become_words_of_a_command_are_refused() {
        for hostile in [
            "",
            "-rf",
            "--help",
            "a b",
            "a;b",
            "$(id)",
            "`id`",
            "a|b",
            "a\nb",
            "a\0b",
            "../etc",
            "a..b",
            ".",
            "a/b",
            "a\\b",
            "a'b",
            "a\"b",
            "a%2fb",
            "a&b",
            "{pid}",
            "a*",
            "~",
            "\u{1b}[2J",
            "pay\u{0301}",
            "a=b",
            "a@b",
            "a#b",
            "a?b",
            "a,b",
            "a<b",
        ] {
            let refusal = fill("x={service}", &facts(hostile)).unwrap_err();
            assert_eq!(refusal.reason, RefusalReason::UnsafeValue, "{hostile:?}");
        }
        assert!(fill("{service}", &facts(&"a".repeat(129))).is_err());
        for good in ["pay", "Pay-1", "a.b_c:8080", "v1.2+3"] {
            assert_eq!(fill("x={service}", &facts(good)).unwrap(), format!("x={good}"));
        }
    }

    #[test]
    fn braces_and_unknown_names() {
        assert_eq!(fill("{{{incident}}}", &facts("pay")).unwrap(), "{INC-7}");
        for broken in ["{", "}", "{log}", "{service", "{ service }", "{{}"] {
            assert!(Template::parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_missing_fact_is_refused_by_name() {
        let refusal = fill("{pid}", &facts("pay")).unwrap_err();
        assert_eq!(refusal.reason, RefusalReason::MissingFact);
        assert_eq!(refusal.text, "{pid} is needed, but the evidence of INC-7 does not name it");
    }
}
