//! What does a person want to know? Words to a question that code can answer: its shape, services, signal, endpoint,
//! incident and span of time. The clock, the time zone and the known names are arguments; no model is asked.
//!
//! Reading order: `token` cuts the words, `when` (with `clock` and `zone`) finds times, `who` services, `shape` what is
//! asked; `spike` looks for the moment and the series when there is no incident to explain it by.

mod clock;
mod shape;
mod spike;
mod token;
mod when;
mod who;
mod zone;

use jiff::tz::TimeZone;
use signal::{Change, IncidentId, Role, TimeRange, Timestamp};

pub use shape::Shape;
pub use spike::spikes;
pub use zone::time_zone;

use token::Token;

/// A longer question is read up to here.
const MAX_BYTES: usize = 2_000;

/// What must be known to read a question.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// Now.
    pub now: Timestamp,
    /// Where the clock of whoever asks is.
    pub zone: TimeZone,
    /// Names of services and hosts.
    pub services: &'a [String],
    /// Deploys and other changes, in order of time.
    pub changes: &'a [Change],
}

/// A question as it was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The words, shortened.
    pub text: String,
    /// What is asked.
    pub shape: Shape,
    /// Services and hosts that are named, as they are known.
    pub services: Vec<String>,
    /// A service that is named and not known.
    pub unknown_service: Option<String>,
    /// A path such as `/api/v1`.
    pub endpoint: Option<String>,
    /// The signal that is spoken of.
    pub signal: Option<Role>,
    /// The incident that is named.
    pub incident: Option<IncidentId>,
    /// The time that is spoken of.
    pub window: Option<Window>,
    /// Words that are none of the above: what to search for.
    pub topic: String,
}

/// A span of time that a question names.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// First and last instant.
    pub range: TimeRange,
    /// The moment, if the question names one.
    pub at: Option<Timestamp>,
    /// Why it is this span, in words: `the deploy of pay at ..`; empty if the words say it.
    pub because: String,
}

impl Question {
    /// True if it says enough to be answered.
    pub fn is_clear(&self) -> bool {
        self.shape != Shape::Unclear
    }
}

/// Reads a question.
pub fn parse(text: &str, setting: &Setting<'_>) -> Question {
    let text = text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or_default().trim();
    let mut tokens = token::tokens(text);
    let incident = incident(&mut tokens);
    let endpoint = endpoint(&mut tokens);
    let named = who::services(&mut tokens, setting.services);
    let window = when::window(&mut tokens, setting, &named.known);
    let signal = shape::signal(&tokens);
    let has_subject = signal.is_some() || endpoint.is_some() || incident.is_some() || !named.known.is_empty();
    let shape = shape::shape(&tokens, has_subject);
    Question {
        topic: topic(&tokens, shape),
        text: text.to_owned(),
        shape,
        services: named.known,
        unknown_service: named.unknown,
        endpoint,
        signal,
        incident,
        window,
    }
}

/// `INC-17`, `incident 17`, `incident #17`.
fn incident(tokens: &mut [Token]) -> Option<IncidentId> {
    for idx in 0..tokens.len() {
        let word = tokens.get(idx).map(|it| it.lower.clone())?;
        if let Some(number) = word.strip_prefix("inc-").or_else(|| word.strip_prefix("inc")).and_then(number) {
            token::take(tokens, idx, 1);
            return Some(IncidentId(number));
        }
        let next = tokens.get(idx + 1).and_then(|it| number(it.lower.trim_start_matches('#')));
        if let Some(number) = next.filter(|_| matches!(word.as_str(), "incident" | "inc" | "inc.")) {
            token::take(tokens, idx, 2);
            return Some(IncidentId(number));
        }
    }
    None
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// A path, also after a method or in an address.
fn endpoint(tokens: &mut [Token]) -> Option<String> {
    let is_path = |it: &&(usize, String)| it.1.starts_with('/') && it.1.bytes().any(|byte| byte.is_ascii_alphabetic());
    let found = tokens.iter().enumerate().map(|(idx, it)| (idx, it.text.clone())).collect::<Vec<_>>();
    let (idx, path) = found.iter().find(is_path)?.clone();
    token::take(tokens, idx, 1);
    Some(path)
}

/// The words that are left, without those that only ask.
fn topic(tokens: &[Token], shape: Shape) -> String {
    let words = tokens.iter().filter(|it| !it.is_taken && !shape::only_asks(&it.lower, shape));
    words.map(|it| it.text.as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
