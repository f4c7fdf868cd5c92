//! What are the words of a query? Turns text into tokens with their places.

use std::fmt;

use super::ParseError;
use super::escape;
use crate::ast::Place;

/// A word of the language.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name or a keyword, as written.
    Word(String),
    /// A number, as written.
    Number(f64),
    /// A duration, in seconds.
    Duration(f64),
    /// A string, without quotes.
    Text(String),
    /// Punctuation or an operator.
    Sign(&'static str),
    /// The end of the query.
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(it) => write!(formatter, "identifier {it:?}"),
            Self::Number(it) => write!(formatter, "number \"{it}\""),
            Self::Duration(it) => write!(formatter, "duration \"{it}s\""),
            Self::Text(it) => write!(formatter, "string {it:?}"),
            Self::Sign(it) => write!(formatter, "{it:?}"),
            Self::End => write!(formatter, "end of input"),
        }
    }
}

/// Signs, longer ones before those that they begin with.
const SIGNS: [&str; 27] = [
    "==", "!=", "=~", "!~", "<=", ">=", "</", ">/", "=", "<", ">", "+", "-", "*", "/", "%", "^", "(", ")", "{", "}",
    "[", "]", ",", ":", "@", "!",
];

/// Units of durations with their milliseconds, in the order in which they may follow each other.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("ms", 1),
    ("m", 60_000),
    ("s", 1000),
];
/// The position of each unit of [`UNITS`] from large to small.
const RANKS: [u8; 7] = [0, 1, 2, 3, 6, 4, 5];

/// Splits a query into tokens; the last one is [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<(Token, Place)>, ParseError> {
    let mut lexer = Lexer { text, at: 0, brackets: 0, is_in_braces: false };
    let mut found = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let token = lexer.token()?;
        let is_end = token == Token::End;
        found.push((token, Place { start, end: lexer.at }));
        if is_end {
            return Ok(found);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    brackets: usize,
    is_in_braces: bool,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn fail<T>(&self, start: usize, text: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::new(Place { start, end: self.at.max(start) }, text))
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            let comment = match rest.get(blanks..) {
                Some(it) if it.starts_with('#') => it.find('\n').unwrap_or(it.len()),
                _ => 0,
            };
            self.at += blanks + comment;
            if blanks + comment == 0 {
                return;
            }
        }
    }

    fn token(&mut self) -> Result<Token, ParseError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        let second = rest.chars().nth(1).unwrap_or(' ');
        if first.is_ascii_digit() || (first == '.' && second.is_ascii_digit()) {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' || (first == ':' && self.brackets == 0 && !self.is_in_braces) {
            return Ok(self.word());
        }
        if matches!(first, '"' | '\'' | '`') {
            return self.string(first);
        }
        let Some(sign) = SIGNS.into_iter().find(|it| rest.starts_with(it)) else {
            return self.fail(self.at, format!("unexpected character: {first:?}"));
        };
        self.enter(sign);
        self.at += sign.len();
        Ok(Token::Sign(sign))
    }

    /// Braces and brackets change what a colon means.
    fn enter(&mut self, sign: &str) {
        match sign {
            "{" => self.is_in_braces = true,
            "}" => self.is_in_braces = false,
            "[" => self.brackets += 1,
            "]" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
    }

    fn word(&mut self) -> Token {
        let takes_colon = self.brackets == 0 && !self.is_in_braces;
        let fits = |it: char| it.is_ascii_alphanumeric() || it == '_' || (takes_colon && it == ':');
        let rest = self.rest();
        let length = rest.find(|it: char| !fits(it)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or("").to_owned();
        self.at += length;
        let is = |other: &str| word.eq_ignore_ascii_case(other);
        match () {
            () if self.is_in_braces => Token::Word(word),
            () if is("inf") => Token::Number(f64::INFINITY),
            () if is("nan") => Token::Number(f64::NAN),
            () => Token::Word(word),
        }
    }

    fn string(&mut self, quote: char) -> Result<Token, ParseError> {
        let start = self.at;
        let rest = self.rest();
        let Some(length) = escape::length_of_string(rest, quote) else {
            self.at = self.text.len();
            return self.fail(start, "unterminated quoted string");
        };
        let inner = rest.get(1..length - 1).unwrap_or("");
        let text = if quote == '`' { Ok(inner.to_owned()) } else { escape::unescape(inner) };
        self.at += length;
        match text {
            Ok(text) => Ok(Token::Text(text)),
            Err(problem) => self.fail(start, problem),
        }
    }

    fn number(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        let rest = self.rest();
        let length = length_of_number(rest);
        let word = rest.get(..length).unwrap_or("").to_owned();
        self.at += length;
        if let Some(millis) = duration_millis(&word) {
            return match millis {
                0.. if millis <= i64::MAX as u64 / 1_000_000 => Ok(Token::Duration(millis as f64 / 1000.0)),
                _ => self.fail(start, "duration out of range"),
            };
        }
        match number(&word) {
            Some(value) => Ok(Token::Number(value)),
            None => self.fail(start, format!("bad number or duration syntax: {word:?}")),
        }
    }
}

/// Letters and digits that belong together, with the sign of an exponent.
fn length_of_number(text: &str) -> usize {
    let is_hex = text.get(..2).is_some_and(|it| it.eq_ignore_ascii_case("0x"));
    let mut before = ' ';
    for (at, it) in text.char_indices() {
        let is_exponent = !is_hex && matches!(before, 'e' | 'E') && matches!(it, '+' | '-');
        if !(it.is_ascii_alphanumeric() || matches!(it, '.' | '_') || is_exponent) {
            return at;
        }
        before = it;
    }
    text.len()
}

/// The value of a number literal: decimal, hexadecimal, octal, with underscores between digits.
pub(crate) fn number(word: &str) -> Option<f64> {
    let is_misplaced = word.starts_with('_') || word.ends_with('_') || word.contains("__") || word.contains("_.");
    if is_misplaced || word.contains("._") {
        return None;
    }
    let plain = word.replace('_', "");
    if let Some(hex) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok().map(|it| it as f64);
    }
    let is_octal = plain.len() > 1 && plain.starts_with('0') && plain.bytes().all(|it| it.is_ascii_digit());
    if is_octal && let Ok(value) = i64::from_str_radix(&plain, 8) {
        return Some(value as f64);
    }
    let is_decimal = plain.bytes().all(|it| matches!(it, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    plain.parse().ok().filter(|_| is_decimal)
}

/// Milliseconds of a duration such as `1h30m`; none if it is not one.
pub(crate) fn duration_millis(word: &str) -> Option<u64> {
    let mut rest = word;
    let mut total = 0_u64;
    let mut last_rank = None;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit())?;
        let count: u64 = rest.get(..digits)?.parse().ok()?;
        let unit_text = rest.get(digits..)?;
        let (idx, (unit, millis)) = UNITS.iter().enumerate().find(|(_, it)| unit_text.starts_with(it.0))?;
        let rank = *RANKS.get(idx)?;
        if last_rank.is_some_and(|it| it >= rank) {
            return None;
        }
        last_rank = Some(rank);
        total = total.saturating_add(count.saturating_mul(*millis));
        rest = unit_text.get(unit.len()..)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_many_forms() {
        assert_eq!(number("0x1f"), Some(31.0));
        assert_eq!(number("010"), Some(8.0));
        assert_eq!(number("08"), Some(8.0));
        assert_eq!(number("1_000.5e-3"), Some(1.0005));
        assert_eq!(number("2."), Some(2.0));
        assert_eq!(number("1__0"), None);
        assert_eq!(number("1f"), None);
    }

    #[test]
    fn durations_go_from_large_to_small() {
        assert_eq!(duration_millis("1h30m"), Some(5_400_000));
        assert_eq!(duration_millis("1m5ms"), Some(60_005));
        assert_eq!(duration_millis("5ms1m"), None);
        assert_eq!(duration_millis("5m5m"), None);
        assert_eq!(duration_millis("5"), None);
    }
}
