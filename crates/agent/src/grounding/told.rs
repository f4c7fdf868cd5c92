//! What do the sentences of our own tools say? They are made by code and read by code: what is foreign in them stands in
//! quotes or in the labels at the beginning, so each is read from its end.

use signal::Timestamp;

use super::fact::Fact;
use super::facts::Direction;
use super::words::{number, pieces};

/// Adds what a sentence says to its fact.
pub fn read(sentence: &str, fact: &mut Fact<'_>) {
    series(sentence, fact);
    lines(sentence, fact);
    calls(sentence, fact);
    let is_change = ["Deploy of ", "Change of ", "Change ", "Flag of "].iter().any(|it| sentence.starts_with(it));
    if is_change || sentence.starts_with("Trace ") {
        fact.begins.extend(instants(sentence).first());
    }
    if sentence.starts_with("Span ") {
        fact.begins.extend(instants(sentence).last());
    }
    if sentence.starts_with("Deploy of ") {
        fact.came = Some(true);
    }
}

/// `.., first 20 at T, last 912 at T, lowest 20 at T, highest 912 at T, it rose.`
fn series(sentence: &str, fact: &mut Fact<'_>) {
    let value = |word: &str| {
        let after = sentence.rsplit_once(&format!(", {word} "))?.1;
        let value = number(pieces(after).next()?)?.value;
        Some((value, instants(after).first().copied()))
    };
    let (Some(first), Some(last), Some(low), Some(high)) =
        (value("first"), value("last"), value("lowest"), value("highest"))
    else {
        return;
    };
    let turn = match fact.direction {
        Some(Direction::Up) => high.0,
        Some(Direction::Down) => low.0,
        None => first.0,
    };
    fact.is_level = sentence.ends_with(", it is level.");
    (fact.first, fact.last, fact.low, fact.high) = (Some(first.0), Some(last.0), Some(low), Some(high));
    fact.before.push(first.0);
    fact.during.extend([turn, last.0]);
    fact.ends.extend(last.1);
}

/// `Lines like .. are new (error): 0 per minute before, 12 per minute after, since T.` and `.. first at T .., last at T.`
fn lines(sentence: &str, fact: &mut Fact<'_>) {
    if let Some((_, tail)) = sentence.rsplit_once("): ").filter(|_| sentence.starts_with("Lines like ")) {
        let numbers: Vec<f64> =
            tail.split(", ").filter_map(|it| number(pieces(it).next()?)).map(|it| it.value).collect();
        if let [before, during, ..] = numbers[..] {
            fact.moved(before, during);
        }
        fact.begins.extend(instants(tail).first());
        let is = |words: &str| sentence.contains(&format!(" are {words} ("));
        fact.came = is("new").then_some(true).or(is("gone").then_some(false));
    } else if sentence.contains(" lines of service ") {
        let after = |words: &str| instants(sentence.rsplit_once(words)?.1).first().copied();
        fact.begins.extend(after(", first at "));
        fact.ends.extend(after(", last at "));
    }
}

/// `"shop" calls "pay", "db".`, `"pay" is called by "shop".` and `Calls from "shop" to "pay" at ..`
fn calls(sentence: &str, fact: &mut Fact<'_>) {
    let quoted: Vec<String> = sentence.split('"').skip(1).step_by(2).map(str::to_lowercase).collect();
    let Some((one, others)) = quoted.split_first() else { return };
    let words = sentence.split('"').nth(2).unwrap_or("").trim();
    let pairs = others.iter().map(|it| match words {
        "is called by" => (it.clone(), one.clone()),
        _ => (one.clone(), it.clone()),
    });
    if sentence.starts_with('"') && matches!(words, "calls" | "is called by") {
        fact.calls.extend(pairs);
    } else if sentence.starts_with("Calls from \"") && words == "to" {
        fact.calls.extend(pairs.take(1));
    }
}

/// The instants of a text that stand outside of quotes, in its order.
fn instants(text: &str) -> Vec<Timestamp> {
    text.split('"').step_by(2).flat_map(pieces).filter_map(|it| it.parse().ok()).collect()
}
