//! How is one sample line taken apart? Name, labels, value, timestamp, exemplar, for both formats.

use std::borrow::Cow;

use super::Format;

/// Names and values of labels.
pub(super) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// One line, taken apart but not yet judged.
pub(super) struct Sample<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) labels: Pairs<'a>,
    pub(super) value: &'a str,
    pub(super) timestamp: Option<&'a str>,
    pub(super) exemplar: Option<Exemplar<'a>>,
}

/// What stands after ` # ` in OpenMetrics.
pub(super) struct Exemplar<'a> {
    pub(super) labels: Pairs<'a>,
    pub(super) value: &'a str,
    pub(super) timestamp: Option<&'a str>,
}

/// Reads one line from left to right.
pub(super) struct Scanner<'a> {
    rest: &'a str,
    format: Format,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(line: &'a str, format: Format) -> Self {
        Self { rest: line, format }
    }

    pub(super) fn sample(mut self) -> Result<Sample<'a>, String> {
        let mut name: Cow<'a, str> = self.name(true).into();
        let mut labels = vec![];
        self.blanks_of_text();
        if self.eat('{') {
            let quoted = self.labels(&mut labels)?;
            match (name.is_empty(), quoted) {
                (true, Some(quoted)) => name = quoted,
                (false, Some(_)) => return Err(expected("a label name with `=`")),
                (_, None) => {}
            }
        }
        if name.is_empty() {
            return Err(expected("a metric name"));
        }
        self.separator("a value")?;
        let value = self.word("a value")?;
        let timestamp = self.optional_word()?;
        let exemplar = self.exemplar()?;
        self.blanks_of_text();
        if self.rest.is_empty() {
            Ok(Sample { name, labels, value, timestamp, exemplar })
        } else {
            Err(expected("end of line"))
        }
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`, with `:` in metric names; "" if there is none.
    fn name(&mut self, is_metric: bool) -> &'a str {
        let is_start = |it: char| it.is_ascii_alphabetic() || it == '_' || (is_metric && it == ':');
        if !self.rest.starts_with(is_start) {
            return "";
        }
        self.take_until(|it| !is_start(it) && !it.is_ascii_digit())
    }

    /// Everything up to `}`. A quoted text without `=` is the metric's name.
    fn labels(&mut self, labels: &mut Pairs<'a>) -> Result<Option<Cow<'a, str>>, String> {
        let mut metric = None;
        self.blanks_of_text();
        let mut may_end = true;
        while !(may_end && self.eat('}')) {
            let is_quoted = self.rest.starts_with('"');
            let name = if is_quoted { self.quoted()? } else { self.name(false).into() };
            self.blanks_of_text();
            if is_quoted && metric.is_none() && !self.rest.starts_with('=') {
                metric = Some(name);
            } else {
                if name.is_empty() {
                    return Err(expected("a label name"));
                }
                if !self.eat('=') {
                    return Err(expected("`=`"));
                }
                self.blanks_of_text();
                let value = self.quoted()?;
                labels.push((name, value));
            }
            self.blanks_of_text();
            let has_comma = self.eat(',');
            self.blanks_of_text();
            if !has_comma && !self.rest.starts_with('}') {
                return Err(expected("`,` or `}`"));
            }
            // Only the text format allows a comma before the brace.
            may_end = !has_comma || self.format == Format::Text;
        }
        Ok(metric)
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, String> {
        if !self.eat('"') {
            return Err(expected("a quoted value"));
        }
        let start = self.rest;
        let mut unescaped: Option<String> = None;
        let mut chars = start.char_indices();
        while let Some((idx, it)) = chars.next() {
            match it {
                '"' => {
                    self.rest = start.get(idx + 1..).unwrap_or("");
                    return Ok(unescaped.map_or_else(|| start.get(..idx).unwrap_or("").into(), Into::into));
                }
                '\\' => {
                    let text = unescaped.get_or_insert_with(|| start.get(..idx).unwrap_or("").to_owned());
                    match chars.next().map(|(_, it)| it) {
                        Some('n') => text.push('\n'),
                        Some(it @ ('\\' | '"')) => text.push(it),
                        // An unknown escape stands for itself.
                        Some(it) => text.extend(['\\', it]),
                        None => break,
                    }
                }
                it => {
                    if let Some(text) = &mut unescaped {
                        text.push(it);
                    }
                }
            }
        }
        Err(expected("a closing quote"))
    }

    fn word(&mut self, what: &str) -> Result<&'a str, String> {
        let word = self.take_until(|it| matches!(it, ' ' | '\t'));
        if word.is_empty() || word.starts_with('#') { Err(expected(what)) } else { Ok(word) }
    }

    /// A word after a blank, unless an exemplar or the end follows.
    fn optional_word(&mut self) -> Result<Option<&'a str>, String> {
        let ends = match self.format {
            Format::Text => self.rest.trim_start_matches([' ', '\t']).is_empty(),
            Format::OpenMetrics => self.rest.is_empty() || self.rest.starts_with(" # "),
        };
        if ends {
            return Ok(None);
        }
        self.separator("a timestamp")?;
        self.word("a timestamp").map(Some)
    }

    fn exemplar(&mut self) -> Result<Option<Exemplar<'a>>, String> {
        let Some(rest) = self.rest.strip_prefix(" # ").filter(|_| self.format == Format::OpenMetrics) else {
            return Ok(None);
        };
        self.rest = rest;
        let mut labels = vec![];
        if !self.eat('{') {
            return Err(expected("`{` of an exemplar"));
        }
        if self.labels(&mut labels)?.is_some() {
            return Err(expected("a label name with `=`"));
        }
        self.separator("an exemplar's value")?;
        let value = self.word("an exemplar's value")?;
        let timestamp = self.optional_word()?;
        Ok(Some(Exemplar { labels, value, timestamp }))
    }

    /// One space in OpenMetrics, any blanks in text (none are needed after `}`).
    fn separator(&mut self, what: &str) -> Result<(), String> {
        match self.format {
            Format::Text => {
                self.blanks_of_text();
                Ok(())
            }
            Format::OpenMetrics => {
                if self.eat(' ') {
                    Ok(())
                } else {
                    Err(expected(&format!("one space and {what}")))
                }
            }
        }
    }

    fn blanks_of_text(&mut self) {
        if self.format == Format::Text {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let (taken, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }
}

fn expected(what: &str) -> String {
    format!("{what} expected")
}
