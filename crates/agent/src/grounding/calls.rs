//! Who calls whom, as a clause says it?

use super::Flaw;
use super::clause::Word;
use super::fact::Fact;

/// The relation of two names around a verb, or after `from` and `to`, against those of a fact.
pub fn check(words: &[Word<'_>], fact: &Fact<'_>, is_place: &dyn Fn(&str) -> bool) -> Result<(), Flaw> {
    let is_name = |it: &str| is_place(it) || fact.calls.iter().any(|(from, to)| from == it || to == it);
    let lower: Vec<&str> = words.iter().map(|it| it.lower.as_str()).collect();
    let has = |from: Option<&str>, to: Option<&str>| {
        let is = |wanted: Option<&str>, it: &str| wanted.is_none_or(|wanted| wanted == it);
        fact.calls.iter().any(|it| is(from, &it.0) && is(to, &it.1))
    };
    let Some(verb) = lower.iter().position(|it| matches!(*it, "calls" | "call" | "called" | "depends" | "requests"))
    else {
        return Ok(());
    };
    let after = |word: &str| {
        let at = lower.iter().position(|it| *it == word)?;
        lower.get(at + 1).copied().filter(|it| is_name(it))
    };
    let (left, right) = (lower.iter().take(verb).rev(), lower.iter().skip(verb + 1));
    let (left, right) = (left.copied().find(|it| is_name(it)), right.copied().find(|it| is_name(it)));
    let is_noun = lower.iter().skip(verb).any(|it| matches!(*it, "from" | "to"));
    let is_passive = lower.get(verb) == Some(&"called") && lower.get(verb + 1) == Some(&"by");
    let holds = match (left, right) {
        _ if is_noun && (after("from").is_some() || after("to").is_some()) => has(after("from"), after("to")),
        _ if lower.get(verb) == Some(&"requests") => true,
        (Some(left), Some(right)) if is_passive => has(Some(right), Some(left)),
        (Some(left), Some(right)) => has(Some(left), Some(right)),
        (None, Some(right)) if is_passive => has(Some(right), None),
        (Some(left), None) => lower.get(verb) != Some(&"calls") || has(Some(left), None),
        _ => true,
    };
    if holds { Ok(()) } else { Err(Flaw::Relation) }
}
