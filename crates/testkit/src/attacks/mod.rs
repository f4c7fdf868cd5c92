//! What would somebody write who can put text into telemetry? Payloads (a table, `payloads.json`) for every channel by
//! which foreign text comes in. Whatever they say, it must stay text.

use serde::Deserialize;

const PAYLOADS: &str = include_str!("payloads.json");

/// A way by which foreign text comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A log line.
    LogLine,
    /// The text in pieces over several log lines.
    SeveralLines,
    /// The value of a label.
    LabelValue,
    /// The name of a metric.
    MetricName,
    /// The name of a pod.
    PodName,
    /// The name of a service.
    ServiceName,
    /// An attribute, the name and the status of a span.
    TraceAttribute,
    /// An annotation of an alert of another system.
    AlertAnnotation,
    /// What a change says of itself.
    ChangeTitle,
    /// What a person says of an incident.
    Comment,
    /// A runbook.
    Runbook,
    /// What a tool of a foreign MCP server answers.
    McpResult,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::LogLine,
        Self::SeveralLines,
        Self::LabelValue,
        Self::MetricName,
        Self::PodName,
        Self::ServiceName,
        Self::TraceAttribute,
        Self::AlertAnnotation,
        Self::ChangeTitle,
        Self::Comment,
        Self::Runbook,
        Self::McpResult,
    ];

    /// True if only a language model ever reads it.
    pub const fn is_of_agent(self) -> bool {
        matches!(self, Self::Runbook | Self::McpResult)
    }
}

/// One text on one way.
#[derive(Clone, Debug)]
pub struct Attack {
    /// Number, from 0; the same for the same table.
    pub id: usize,
    /// What it tries: `order`, `markup`, `mention`, `secret` and so on.
    pub family: String,
    /// How it comes in.
    pub channel: Channel,
    /// The text.
    pub text: String,
    /// What must not stand as it is in a page, a report or a message.
    pub forbidden: Vec<String>,
    /// Parts of a secret, which must stand nowhere.
    pub secrets: Vec<String>,
}

#[derive(Deserialize)]
struct Payload {
    family: String,
    text: String,
    forbidden: Vec<String>,
}

/// Every payload on every way.
///
/// # Panics
/// If the table is broken, which a test would show.
pub fn attacks() -> Vec<Attack> {
    let payloads: Vec<Payload> = serde_json::from_str(PAYLOADS).expect("the table is JSON");
    let ways = Channel::ALL.len();
    let combined = payloads.iter().flat_map(|it| Channel::ALL.map(|channel| (it, channel)));
    // Neighbors are of different payloads and different ways, so that any part of the list has all of both.
    let mut attacks: Vec<Attack> = combined.enumerate().map(|(idx, (it, channel))| attack(idx, it, channel)).collect();
    attacks.sort_by_key(|it| ((it.id % ways + ways - it.id / ways % ways) % ways, it.id));
    attacks.iter_mut().enumerate().for_each(|(idx, it)| it.id = idx);
    attacks
}

fn attack(id: usize, payload: &Payload, channel: Channel) -> Attack {
    let mut text = payload.text.clone();
    let mut secrets = vec![];
    while let Some((before, after)) = text.split_once("{{secret:") {
        let (kind, rest) = after.split_once("}}").expect("a placeholder is closed");
        let (secret, part) = made_up(kind, id);
        text = format!("{before}{secret}{rest}");
        secrets.push(part);
    }
    Attack { id, family: payload.family.clone(), channel, text, forbidden: payload.forbidden.clone(), secrets }
}

/// A made-up secret, put together here so that no file holds one, and the part of it that must not be seen.
fn made_up(kind: &str, seed: usize) -> (String, String) {
    let mut rng = fastrand::Rng::with_seed(seed as u64);
    let mut letters = |n: usize| -> String {
        let digit = char::from(b'0' + rng.u8(0..10));
        std::iter::once(digit).chain(std::iter::repeat_with(|| rng.alphanumeric()).take(n - 1)).collect()
    };
    let part = letters(36);
    let secret = match kind {
        "github" => format!("gh{}_{part}", "p"),
        "aws" => {
            let part: String = part.to_uppercase().chars().take(16).collect();
            return (format!("AK{}{part}", "IA"), part);
        }
        "slack" => format!("xo{}-1234567890-{part}", "xb"),
        "jwt" => format!("ey{}.eyJ{part}.{part}", "JhbGciOiJIUzI1NiJ9"),
        "postgres" => format!("postgres://app:{part}@db.example/shop"),
        "bearer" => format!("Authorization: Bearer {part}"),
        "stripe" => format!("sk_{}_{part}", "live"),
        "openai" => format!("sk-{}-{part}", "proj"),
        "pem" => format!("-----BEGIN {0} KEY-----\n{part}{part}\n-----END {0} KEY-----", "PRIVATE"),
        "password" => format!("password={part}"),
        other => panic!("{other:?} is no kind of secret"),
    };
    (secret, part)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Guarantees: MUST 750 of docs/specs/untrusted-text.md.
    #[test]
    fn there_are_enough_on_every_way_and_any_part_has_all_ways() {
        let all = attacks();
        assert!(all.len() >= 200, "{}", all.len());
        let texts: BTreeSet<&str> = all.iter().filter(|it| it.secrets.is_empty()).map(|it| it.text.as_str()).collect();
        assert!(texts.len() >= 60, "{}", texts.len());
        let part = &all[..240];
        let ways: BTreeSet<Channel> = part.iter().map(|it| it.channel).collect();
        let families: BTreeSet<&str> = part.iter().map(|it| it.family.as_str()).collect();
        assert_eq!((ways.len(), families.len()), (12, 12), "{families:?}");
        assert!(all.iter().all(|it| !it.text.contains("{{secret:")));
    }
}
