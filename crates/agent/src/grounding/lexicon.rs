//! Which words of a claim carry its sense, and which carry none? Any other word must stand in the evidence.
//!
//! The lists are closed on purpose: a verb that is not here cannot be compared with a fact, so the claim is dropped. What a
//! model may say is told to it in the prompt.

use super::facts::Direction;
use super::words::{ACRONYMS, COMPOUNDS, DOWN, SUBJECTS, THINGS, UP, is_unit, number, number_word};

/// Words that say where something goes though they are no verbs of it; with `before` at the end they turn round.
const MORE: [&str; 9] = ["higher", "more", "greater", "larger", "above", "over", "exceeded", "exceeds", "longer"];
const LESS: [&str; 7] = ["lower", "less", "fewer", "smaller", "below", "under", "shorter"];
/// It came into being.
const CAME: [&str; 4] = ["new", "appeared", "appears", "emerged"];
/// It began to be or to move.
const BEGAN: [&str; 6] = ["began", "begin", "begins", "beginning", "started", "starts"];
/// It is no longer there.
const GONE: [&str; 7] = ["gone", "stopped", "vanished", "disappeared", "ended", "ceased", "silent"];
/// It does not move.
const LEVEL: [&str; 5] = ["flat", "steady", "stable", "unchanged", "constant"];
/// The largest of all.
const HIGH: [&str; 5] = ["highest", "peak", "peaked", "maximum", "max"];
/// The smallest of all.
const LOW: [&str; 3] = ["lowest", "minimum", "min"];
/// They say how things hang together; where they are no part of a relation that is understood, nobody knows what is said.
const RELATIONS: [&str; 8] = ["before", "after", "earlier", "later", "calls", "called", "first", "last"];

/// Words without a sense of their own.
const FUNCTION: [&str; 172] = [
    "the",
    "a",
    "an",
    "this",
    "that",
    "these",
    "those",
    "its",
    "it",
    "their",
    "they",
    "them",
    "itself",
    "of",
    "in",
    "on",
    "by",
    "to",
    "for",
    "from",
    "with",
    "is",
    "was",
    "are",
    "were",
    "be",
    "been",
    "being",
    "has",
    "had",
    "have",
    "and",
    "or",
    "at",
    "which",
    "whose",
    "who",
    "when",
    "where",
    "there",
    "also",
    "about",
    "around",
    "roughly",
    "approximately",
    "within",
    "per",
    "than",
    "as",
    "such",
    "same",
    "other",
    "another",
    "one",
    "both",
    "into",
    "across",
    "between",
    "during",
    "while",
    "whereas",
    "but",
    "like",
    "since",
    "until",
    "till",
    "then",
    "so",
    "value",
    "values",
    "median",
    "mean",
    "average",
    "rate",
    "rates",
    "count",
    "counts",
    "number",
    "level",
    "deviation",
    "deviations",
    "robust",
    "point",
    "points",
    "series",
    "metric",
    "metrics",
    "indicator",
    "signal",
    "signals",
    "sample",
    "samples",
    "symptom",
    "symptoms",
    "incident",
    "evidence",
    "fact",
    "facts",
    "time",
    "times",
    "fold",
    "utc",
    "window",
    "range",
    "share",
    "percentile",
    "line",
    "lines",
    "log",
    "logs",
    "template",
    "templates",
    "message",
    "messages",
    "kind",
    "kinds",
    "change",
    "changes",
    "changed",
    "span",
    "spans",
    "trace",
    "traces",
    "total",
    "shows",
    "show",
    "showed",
    "seen",
    "says",
    "say",
    "said",
    "told",
    "reached",
    "went",
    "observed",
    "recorded",
    "measured",
    "reported",
    "found",
    "stood",
    "stands",
    "agree",
    "agrees",
    "confirm",
    "confirms",
    "took",
    "takes",
    "take",
    "fit",
    "fits",
    "contains",
    "mention",
    "mentions",
    "logged",
    "wrote",
    "sharply",
    "strongly",
    "clearly",
    "significantly",
    "suddenly",
    "far",
    "much",
    "expected",
    "usual",
    "instead",
    "dependency",
    "depends",
    "s",
    "stayed",
    "remained",
    "blamed",
    "affected",
];

/// Nobody can compare them with one fact, or they say that all is well; foreign text that has them is no support.
const UNCHECKED: [&str; 34] = [
    "all",
    "every",
    "always",
    "only",
    "most",
    "each",
    "entire",
    "whole",
    "everything",
    "everywhere",
    "healthy",
    "fine",
    "ok",
    "normal",
    "normally",
    "recovered",
    "recovering",
    "resolved",
    "fixed",
    "safe",
    "harmless",
    "innocent",
    "irrelevant",
    "broken",
    "dead",
    "alive",
    "false",
    "true",
    "wrong",
    "right",
    "fake",
    "stop",
    "despite",
    "although",
];

/// What a word says about a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// It went there; true for a comparison, which `before` turns round.
    Went(Direction, bool),
    /// It is there and was not.
    Came,
    /// It began.
    Began,
    /// It is there no longer.
    Gone,
    /// It did not move.
    Level,
    /// The largest value.
    High,
    /// The smallest value.
    Low,
}

/// The sense of a word in small letters.
pub fn sense(word: &str) -> Option<Sense> {
    let lists: [(&[&str], Sense); 10] = [
        (&UP, Sense::Went(Direction::Up, false)),
        (&DOWN, Sense::Went(Direction::Down, false)),
        (&MORE, Sense::Went(Direction::Up, true)),
        (&LESS, Sense::Went(Direction::Down, true)),
        (&CAME, Sense::Came),
        (&BEGAN, Sense::Began),
        (&GONE, Sense::Gone),
        (&LEVEL, Sense::Level),
        (&HIGH, Sense::High),
        (&LOW, Sense::Low),
    ];
    lists.iter().find(|it| it.0.contains(&word)).map(|it| it.1)
}

/// How many times as much a word says that something is, at least and at most.
pub fn factor(word: &str) -> Option<(f64, f64)> {
    match word {
        "doubled" => Some((1.75, 2.5)),
        "tripled" => Some((2.5, 3.5)),
        "quadrupled" => Some((3.5, 4.5)),
        "halved" => Some((0.4, 0.6)),
        _ => None,
    }
}

/// True for what has no sense of its own, or one that is compared elsewhere: such a word needs no support.
pub fn is_known(word: &str) -> bool {
    FUNCTION.contains(&word)
        || RELATIONS.contains(&word)
        || sense(word).is_some()
        || number(word).is_some()
        || number_word(word).is_some()
        || is_unit(word)
        || ACRONYMS.contains(&word)
        || COMPOUNDS.contains(&word)
        || THINGS.contains(&word)
        || is_subject(word)
}

/// True for a kind of trouble, which needs support of its own.
pub fn is_subject(word: &str) -> bool {
    SUBJECTS.iter().any(|it| it.0.contains(&word))
}

/// True for what is never published, whoever says it.
pub fn is_unchecked(word: &str) -> bool {
    UNCHECKED.contains(&word)
}
