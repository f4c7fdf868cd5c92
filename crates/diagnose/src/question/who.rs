//! Whom does a question speak of? Words against the names that are known: in any case, with or without `-service`, one
//! letter wrong, the begin of a longer name.

use super::token::{Token, free, take};

/// Words that are never a misspelled name.
const COMMON: [&str; 64] = [
    "analyze", "analyse", "api", "are", "back", "been", "before", "between", "cause", "caused", "change", "changed",
    "cpu", "deploy", "deploys", "disk", "down", "error", "errors", "fail", "failing", "find", "from", "happen",
    "happened", "health", "healthy", "high", "hour", "hours", "incident", "latency", "line", "lines", "logs", "memory",
    "minutes", "night", "our", "pool", "queue", "rate", "request", "requests", "seen", "service", "services", "show",
    "since", "slow", "spike", "status", "tell", "that", "there", "this", "time", "today", "traffic", "what", "when",
    "which", "with", "worst",
];
/// Endings that people leave out or add.
const ENDINGS: [&str; 8] = ["service", "services", "svc", "server", "api", "app", "pod", "host"];

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Known names, in the order of the question.
    pub known: Vec<String>,
    /// A word before `service` that is no known name.
    pub unknown: Option<String>,
}

/// Finds names and marks their words as read.
pub fn services(tokens: &mut [Token], known: &[String]) -> Named {
    let mut named = Named::default();
    let mut idx = 0;
    while idx < tokens.len() {
        match best(tokens, idx, known) {
            Some((name, count)) => {
                take(tokens, idx, count);
                if !named.known.contains(&name) {
                    named.known.push(name);
                }
                idx += count;
            }
            None => idx += 1,
        }
    }
    if named.known.is_empty() {
        named.unknown = unknown(tokens);
    }
    named
}

/// The known name at a word, two or three words together first (`order service`, `check out`).
fn best(tokens: &[Token], idx: usize, known: &[String]) -> Option<(String, usize)> {
    for count in (1..=3).rev() {
        let words: Vec<&str> = (idx..idx + count).map(|it| free(tokens, it)).collect();
        if words.iter().any(|it| it.is_empty()) {
            continue;
        }
        let joined = plain(&words.concat());
        if let Some(name) = known.iter().find(|it| plain(it) == joined) {
            return Some((name.clone(), count));
        }
        // More than one word only counts if it is exact, but for what stands behind a name.
        if count == 2 && words.last().is_some_and(|it| ENDINGS.contains(it)) || count == 1 {
            let first = *words.first()?;
            if let Some(name) = near(first, known, count == 2) {
                return Some((name, count));
            }
        }
    }
    None
}

/// The name that a single word means; `is_marked` if "service" stands behind it.
fn near(word: &str, known: &[String], is_marked: bool) -> Option<String> {
    let word = plain(word.trim_end_matches("'s"));
    if word.len() < 2 || COMMON.contains(&word.as_str()) {
        return None;
    }
    let exact = known.iter().find(|it| plain(it) == word || bare(it) == bare(&word) && !bare(&word).is_empty());
    if let Some(it) = exact {
        return Some(it.clone());
    }
    if word.len() < 3 {
        return None;
    }
    // "payments" for "pay" and "pay" for "payment-gateway": the begin of one another, if only one name has it.
    let begins = |it: &&String| {
        let name = bare(it);
        name.len() >= 3
            && (word.len() >= 4 || is_marked)
            && (name.starts_with(&word) || word.starts_with(&name) && word.len() <= name.len() + 5)
    };
    let beginning: Vec<&String> = known.iter().filter(begins).collect();
    if let [only] = beginning.as_slice() {
        return Some((*only).clone());
    }
    let allowed = match word.len() {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    };
    let distances = known.iter().map(|it| (distance(&word, &plain(it)).min(distance(&word, &bare(it))), it));
    let nearest = distances.filter(|(it, _)| *it <= allowed).min_by_key(|(it, _)| *it)?;
    // A name of three letters is near to too much.
    (bare(nearest.1).len() > 3).then(|| nearest.1.clone())
}

fn unknown(tokens: &[Token]) -> Option<String> {
    let marks = ["service", "svc"];
    let is_name = |it: &str| {
        !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
    };
    let said = [
        "the", "a", "this", "that", "which", "what", "any", "every", "each", "my", "our", "worst", "slowest", "of",
        "in", "for",
    ];
    (1..tokens.len()).find_map(|idx| {
        let before = free(tokens, idx - 1);
        let is_marked = marks.contains(&free(tokens, idx));
        let text = tokens.get(idx - 1).map(|it| it.text.clone());
        text.filter(|_| is_marked && is_name(before) && !COMMON.contains(&before) && !said.contains(&before))
    })
}

/// Letters and digits in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The same without an ending that says nothing.
fn bare(name: &str) -> String {
    let name = plain(name);
    ENDINGS
        .iter()
        .find_map(|it| name.strip_suffix(it).filter(|rest| rest.len() >= 2))
        .map_or(name.clone(), str::to_owned)
}

/// How many letters must be changed, added, left out or swapped (Damerau, 1964; neighbors only).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 2 || a.len() > 64 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = vec![];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], idx: usize| row.get(idx).copied().unwrap_or(usize::MAX / 2);
            let mut least = at(&row, j) + usize::from(x != y);
            least = least.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let is_swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if is_swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::token::tokens;

    fn found(text: &str) -> String {
        let known = ["pay", "checkout-service", "frontend", "inventory", "payment-gateway", "web-1"].map(str::to_owned);
        let named = services(&mut tokens(text), &known);
        named.unknown.map_or(named.known.join(" "), |it| format!("?{it}"))
    }

    #[test]
    fn names_in_every_writing() {
        for text in [
            "checkout",
            "the Checkout service",
            "check out",
            "checkout-service",
            "chekcout",
            "CHECKOUT_SERVICE",
            "checkout's",
        ] {
            assert_eq!(found(text), "checkout-service", "{text}");
        }
        assert_eq!(found("front-end and inventroy"), "frontend inventory");
        assert_eq!(found("payment-gateway"), "payment-gateway");
        assert_eq!(found("pay service"), "pay");
        assert_eq!(found("web-1"), "web-1");
    }

    #[test]
    fn other_words_are_no_names() {
        for text in ["why is the latency high", "the service", "which service is the worst", "a day"] {
            assert_eq!(found(text), "", "{text}");
        }
        assert_eq!(found("is the billing service healthy"), "?billing");
    }
}
