//! What are the clauses of a claim, and how does each hang together with the one before it?

use super::words::{number, pieces};

/// How a clause is joined to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// It stands alone.
    Stop,
    /// Beside it.
    And,
    /// The one before happened earlier.
    Before,
    /// The one before happened later.
    After,
    /// At about the same time.
    When,
    /// This one is the reason for the one before.
    Because,
    /// The one before is the reason for this one.
    So,
}

/// A part of a sentence that says one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause<'a> {
    /// How it hangs together with what is before it.
    pub join: Join,
    /// Its words, without quotations.
    pub words: Vec<Word<'a>>,
}

/// A word as it is written, and in small letters.
#[derive(Clone, Debug, PartialEq)]
pub struct Word<'a> {
    /// As written.
    pub text: &'a str,
    /// In small letters.
    pub lower: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'a> {
    Word(Word<'a>),
    /// `,` may go on with a list; the others end what is said.
    Break(bool),
}

/// The clauses of a text, and what stands in quotes in it.
pub fn read(text: &str) -> (Vec<Clause<'_>>, Vec<&str>) {
    let (mut tokens, mut quotes) = (vec![], vec![]);
    for (idx, part) in text.split('"').enumerate() {
        if idx % 2 == 1 {
            quotes.push(part);
            continue;
        }
        for chunk in part.split_whitespace() {
            if chunk.starts_with(['(', '[']) {
                tokens.push(Token::Break(false));
            }
            tokens.extend(pieces(chunk).map(|it| Token::Word(Word { text: it, lower: it.to_lowercase() })));
            if chunk.ends_with([',', ';', ':', '.', '!', ')', ']']) {
                tokens.push(Token::Break(chunk.ends_with(',')));
            }
        }
    }
    let mut reader = Reader { tokens: &tokens, clauses: vec![], words: vec![], join: Join::Stop, fronted: None };
    reader.run();
    (reader.clauses, quotes)
}

struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    clauses: Vec<Clause<'a>>,
    words: Vec<Word<'a>>,
    join: Join,
    /// `After the deploy, latency rose`: how the next clause hangs together with the first.
    fronted: Option<Join>,
}

impl<'a> Reader<'_, 'a> {
    fn run(&mut self) {
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            at += match token {
                Token::Break(is_comma) => self.stop(*is_comma),
                Token::Word(word) => self.word(at, word),
            };
        }
        self.end(Join::Stop);
    }

    fn stop(&mut self, is_comma: bool) -> usize {
        let usual = if is_comma { Join::And } else { Join::Stop };
        let join = self.fronted.take().unwrap_or(usual);
        self.end(join);
        1
    }

    fn word(&mut self, at: usize, word: &Word<'a>) -> usize {
        let rest = |ahead: usize| match self.tokens.get(at + ahead) {
            Some(Token::Word(it)) => it.lower.as_str(),
            _ => "",
        };
        let is_range = self.words.iter().rev().nth(1).is_some_and(|it| it.lower == "between");
        let (join, length) = match (word.lower.as_str(), rest(1)) {
            ("and", _) if is_range => (None, 1),
            ("and" | "but" | "while" | "whereas" | "as" | "which", _) => (Some(Join::And), 1),
            (word, next) => relation(word, next).map_or((None, 1), |it| (Some(it.0), it.1)),
        };
        let next = rest(length);
        let is_order = matches!(join, Some(Join::Before | Join::After)) && word.lower != "then";
        // `30 s before`, `after 10:00:00` and `after 20 before` say something of their own clause.
        let is_own = is_order && (next.is_empty() || next.starts_with(|it: char| it.is_ascii_digit()));
        match join.filter(|_| !is_own) {
            None => self.words.push(word.clone()),
            Some(it) if self.is_front() && it != Join::And => self.fronted = Some(turned(it)),
            Some(it) => self.end(it),
        }
        if is_own { 1 } else { length }
    }

    /// True at the very beginning, or after `30 s` there.
    fn is_front(&self) -> bool {
        let is_amount = |it: &Word<'_>| number(it.text).is_some() || super::words::is_unit(&it.lower);
        self.clauses.is_empty() && self.fronted.is_none() && self.words.iter().all(is_amount)
    }

    fn end(&mut self, next: Join) {
        if self.words.is_empty() {
            // `, then` and `, which led to`: the word says more than the comma.
            if !matches!(next, Join::And | Join::Stop) {
                self.join = next;
            }
            return;
        }
        let words = std::mem::take(&mut self.words);
        self.clauses.push(Clause { join: self.join, words });
        self.join = next;
    }
}

/// The relation that a word, with the next one, begins; and how many words it takes.
fn relation(word: &str, next: &str) -> Option<(Join, usize)> {
    Some(match (word, next) {
        ("prior", "to") | ("earlier", "than") => (Join::Before, 2),
        ("later", "than") | ("preceded", "by") => (Join::After, 2),
        ("followed", "by") => (Join::Before, 2),
        ("followed" | "following" | "after", _) => (Join::After, 1),
        ("preceded" | "preceding" | "before" | "then", _) => (Join::Before, 1),
        ("when", _) => (Join::When, 1),
        ("because", "of") | ("due", "to") => (Join::Because, 2),
        ("caused" | "triggered" | "explained", "by") => (Join::Because, 2),
        ("resulted" | "resulting" | "results" | "result", "from") => (Join::Because, 2),
        ("because", _) => (Join::Because, 1),
        ("led" | "leads" | "leading", "to") | ("resulted" | "resulting" | "results", "in") => (Join::So, 2),
        ("caused" | "causes" | "causing" | "triggered" | "explains", _) => (Join::So, 1),
        _ => return None,
    })
}

/// The same said from the other side.
const fn turned(join: Join) -> Join {
    match join {
        Join::Before => Join::After,
        Join::After => Join::Before,
        Join::Because => Join::So,
        Join::So => Join::Because,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let (clauses, quotes) = read(text);
        let mut all: Vec<String> = clauses
            .iter()
            .map(|it| {
                let words: Vec<&str> = it.words.iter().map(|it| it.text).collect();
                format!("{:?}: {}", it.join, words.join(" "))
            })
            .collect();
        all.extend(quotes.iter().map(|it| format!("quoted: {it}")));
        all.join(" | ")
    }

    #[test]
    fn clauses_are_joined_as_the_words_say() {
        for (text, expected) in [
            ("Latency rose after the deploy.", "Stop: Latency rose | After: the deploy"),
            ("After the deploy, latency rose.", "Stop: the deploy | Before: latency rose"),
            ("30 s after the deploy, latency rose.", "Stop: 30 s the deploy | Before: latency rose"),
            ("pay was deployed 30 s before.", "Stop: pay was deployed 30 s before"),
            ("It rose to 5 after 2 before.", "Stop: It rose to 5 after 2 before"),
            ("CPU rose, then latency rose", "Stop: CPU rose | Before: latency rose"),
            ("CPU rose, which led to errors", "Stop: CPU rose | So: errors"),
            ("Errors were caused by the deploy", "Stop: Errors were | Because: the deploy"),
            ("Because of the deploy, CPU fell", "Stop: the deploy | So: CPU fell"),
            ("between 10:00:00 and 10:01:00", "Stop: between 10:00:00 and 10:01:00"),
            ("Lines like \"a and b\" are new", "Stop: Lines like are new | quoted: a and b"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
