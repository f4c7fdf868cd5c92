//! Where in a line is the reader, and what should stand there?

use std::time::Duration;

use signal::Labels;

/// No scenario is longer than this.
pub(super) const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// What is wrong in a scenario, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: expected {expected}, found {found}")]
pub struct ParseError {
    /// The name the scenario was read under.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What should have stood there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// A mistake in the current line: the byte at which it begins and what should have stood there.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    pub(super) offset: usize,
    pub(super) expected: String,
}

/// Reads one line from left to right.
pub(super) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Cursor<'a> {
    /// A reader of the line without its comment.
    pub(super) fn new(line: &'a str) -> Self {
        Self { text: without_comment(line), offset: 0 }
    }

    /// The line without its comment.
    pub(super) fn text(&self) -> &'a str {
        self.text.trim()
    }

    pub(super) fn error(&self, expected: impl Into<String>) -> Mistake {
        Mistake { offset: self.offset, expected: expected.into() }
    }

    /// Skips white space and tells where the next thing begins.
    pub(super) fn position(&mut self) -> usize {
        self.offset = self.text.len() - self.rest().trim_start().len();
        self.offset
    }

    pub(super) fn is_at_end(&mut self) -> bool {
        self.position();
        self.rest().is_empty()
    }

    pub(super) fn end(&mut self) -> Result<(), Mistake> {
        if self.is_at_end() { Ok(()) } else { Err(self.error("the end of the line")) }
    }

    /// The text up to the next white space; may be empty.
    pub(super) fn token(&mut self) -> &'a str {
        self.take(|it| !it.is_whitespace())
    }

    /// Letters, digits, `_` and `-`, as in keywords and names.
    pub(super) fn word(&mut self) -> &'a str {
        self.take(|it| it.is_alphanumeric() || matches!(it, '_' | '-' | '.'))
    }

    /// Reads the next word if it is this one.
    pub(super) fn eat_word(&mut self, wanted: &str) -> bool {
        let before = self.position();
        let is_it = self.word() == wanted;
        if !is_it {
            self.offset = before;
        }
        is_it
    }

    pub(super) fn expect_word(&mut self, wanted: &str) -> Result<(), Mistake> {
        if self.eat_word(wanted) { Ok(()) } else { Err(self.error(format!("`{wanted}`"))) }
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        self.position();
        let is_it = self.rest().starts_with(wanted);
        if is_it {
            self.offset += wanted.len_utf8();
        }
        is_it
    }

    /// A name that may be missing only by mistake.
    pub(super) fn name(&mut self, what: &str) -> Result<&'a str, Mistake> {
        let before = self.position();
        let name = self.word();
        if name.is_empty() { Err(Mistake { offset: before, expected: what.to_owned() }) } else { Ok(name) }
    }

    pub(super) fn number(&mut self, what: &str) -> Result<u64, Mistake> {
        let before = self.position();
        self.word().parse().map_err(|_| Mistake { offset: before, expected: what.to_owned() })
    }

    /// `90s`, `1m30s`, `250ms`, `2h`, `0`.
    pub(super) fn duration(&mut self) -> Result<Duration, Mistake> {
        let before = self.position();
        let expected =
            || Mistake { offset: before, expected: "a time such as 90s, 1m30s or 250ms (at most 366d)".to_owned() };
        let token = self.take(|it| it.is_alphanumeric());
        parse_duration(token).filter(|it| *it <= LONGEST).ok_or_else(expected)
    }

    /// A text in double quotes; `\"`, `\\` and `\n` are escapes.
    pub(super) fn quoted(&mut self) -> Result<String, Mistake> {
        if !self.eat('"') {
            return Err(self.error("a text in double quotes"));
        }
        let mut text = String::new();
        let mut is_escaped = false;
        for it in self.rest().chars() {
            self.offset += it.len_utf8();
            match (is_escaped, it) {
                (false, '"') => return Ok(text),
                (false, '\\') => is_escaped = true,
                (true, 'n') => (is_escaped, _) = (false, text.push('\n')),
                _ => (is_escaped, _) = (false, text.push(it)),
            }
        }
        Err(self.error("a closing quote"))
    }

    /// `name{label="value"}`, `name` or `{label="value"}`.
    pub(super) fn selector(&mut self) -> Result<Labels, Mistake> {
        let start = self.position();
        self.take(|it| !it.is_whitespace() && it != '{');
        if self.rest().starts_with('{') {
            let length = closing_brace(self.rest()).ok_or_else(|| self.error("a selector that ends with `}`"))?;
            self.offset += length;
        }
        let text = self.text.get(start..self.offset).unwrap_or("");
        if text.is_empty() {
            return Err(self.error("a selector such as latency_seconds{service=\"pay\"}"));
        }
        text.parse::<Labels>()
            .map_err(|error| Mistake { offset: start + error.offset, expected: error.expected.to_owned() })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or("")
    }

    fn take(&mut self, accepts: impl Fn(char) -> bool) -> &'a str {
        self.position();
        let rest = self.rest();
        let taken = rest.get(..rest.find(|it| !accepts(it)).unwrap_or(rest.len())).unwrap_or("");
        self.offset += taken.len();
        taken
    }
}

/// Reads `1h2m3s250ms`; a bare `0` needs no unit.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|it: char| !it.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|it: char| it.is_ascii_digit()).unwrap_or(after.len()));
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(digits.parse::<u64>().ok()?.checked_mul(millis)?))?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

fn without_comment(line: &str) -> &str {
    let mut quotes = Quotes::default();
    let end = line.char_indices().find(|(_, it)| !quotes.is_inside(*it) && *it == '#').map(|(idx, _)| idx);
    line.get(..end.unwrap_or(line.len())).unwrap_or(line).trim_end()
}

/// The length up to and with the `}` that is not inside quotes.
fn closing_brace(text: &str) -> Option<usize> {
    let mut quotes = Quotes::default();
    text.char_indices().find(|(_, it)| !quotes.is_inside(*it) && *it == '}').map(|(idx, _)| idx + 1)
}

/// Follows double quotes and backslashes.
#[derive(Default)]
struct Quotes {
    is_open: bool,
    is_escaped: bool,
}

impl Quotes {
    fn is_inside(&mut self, it: char) -> bool {
        if self.is_escaped {
            self.is_escaped = false;
        } else if it == '\\' && self.is_open {
            self.is_escaped = true;
        } else if it == '"' {
            self.is_open = !self.is_open;
        }
        self.is_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let millis = |text| parse_duration(text).map(|it| it.as_millis());
        for (text, expected) in
            [("0", 0), ("90s", 90_000), ("1m30s", 90_000), ("250ms", 250), ("2h1s", 7_201_000), ("1d", 86_400_000)]
        {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        for text in ["", "5", "s", "5x", "-5s", "1.5s", "99999999999999999999s", "9999999999999999999d", "m5"] {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    #[test]
    fn comments_end_a_line_but_not_inside_quotes() {
        assert_eq!(without_comment(r##"log 1s {a="#\"#"} "x # y" # rest"##), r##"log 1s {a="#\"#"} "x # y""##);
        assert_eq!(without_comment("# all"), "");
    }

    #[test]
    fn selectors_may_hold_braces_and_spaces_in_quotes() {
        let mut cursor = Cursor::new(r#"m{a="} x",b="2"} rest"#);
        assert_eq!(cursor.selector().unwrap().get("a"), Some("} x"));
        assert_eq!(cursor.token(), "rest");
        assert_eq!(Cursor::new("m{a=1}").selector().unwrap_err().offset, 4);
    }
}
