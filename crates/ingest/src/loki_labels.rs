//! Which labels does the text of a Loki stream name? `{service="pay"}` in the grammar of PromQL, in which Loki reads it:
//! values in double, single or back quotes, with the escapes of Go, which Promtail writes.

use std::iter::Peekable;
use std::str::CharIndices;

/// The pairs in the order of the text, repeated names too; or what should have stood where.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut reader = Reader { text, rest: text.char_indices().peekable() };
    let mut pairs = vec![];
    let name = reader.word();
    if !name.is_empty() {
        pairs.push(("__name__".to_owned(), name));
    }
    if reader.eat('{') {
        while !reader.eat('}') {
            pairs.push(reader.pair()?);
            if !reader.eat(',') && !reader.is_next('}') {
                return Err(reader.expected("`,` or `}`"));
            }
        }
    }
    match reader.peek() {
        Some(_) => Err(reader.expected("the end of the labels")),
        None => Ok(pairs),
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl Reader<'_> {
    fn expected(&mut self, what: &str) -> String {
        let offset = self.rest.peek().map_or(self.text.len(), |it| it.0);
        format!("{what} expected at byte {offset} of {:?}", self.text)
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        while self.rest.next_if(|it| it.1.is_whitespace()).is_some() {}
        self.rest.peek().map(|it| it.1)
    }

    fn is_next(&mut self, wanted: char) -> bool {
        self.peek() == Some(wanted)
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.is_next(wanted) && self.rest.next().is_some()
    }

    /// A name without quotes; empty if there is none.
    fn word(&mut self) -> String {
        self.peek();
        let mut word = String::new();
        while let Some((_, it)) = self.rest.next_if(|it| it.1.is_alphanumeric() || "_.-:/".contains(it.1)) {
            word.push(it);
        }
        word
    }

    /// `NAME="VALUE"`; a quoted text alone is the name of the metric.
    fn pair(&mut self) -> Result<(String, String), String> {
        let quoted = self.quoted()?;
        let is_quoted = quoted.is_some();
        let name = quoted.unwrap_or_else(|| self.word());
        if name.is_empty() {
            return Err(self.expected("a label name"));
        }
        if !self.eat('=') {
            let is_whole = is_quoted && (self.is_next(',') || self.is_next('}'));
            return if is_whole { Ok(("__name__".to_owned(), name)) } else { Err(self.expected("`=`")) };
        }
        match self.quoted()? {
            Some(value) => Ok((name, value)),
            None => Err(self.expected("a quoted value")),
        }
    }

    /// A text in quotes; none if no quote comes next.
    fn quoted(&mut self) -> Result<Option<String>, String> {
        let Some(quote @ ('"' | '\'' | '`')) = self.peek() else { return Ok(None) };
        self.rest.next();
        // Bytes: Go writes what is no UTF-8 byte by byte.
        let mut value = vec![];
        while let Some((_, it)) = self.rest.next() {
            if it == quote {
                return match String::from_utf8(value) {
                    Ok(value) => Ok(Some(value)),
                    Err(_) => Err(format!("a value is not UTF-8 in {:?}", self.text)),
                };
            }
            match it {
                '\\' if quote != '`' => self.escape(&mut value)?,
                it => push(it, &mut value),
            }
        }
        Err(self.expected("a closing quote"))
    }

    /// What stands behind a backslash. What is no escape stands for itself.
    fn escape(&mut self, value: &mut Vec<u8>) -> Result<(), String> {
        let Some((_, it)) = self.rest.next() else { return Err(self.expected("an escape")) };
        match it {
            'a' => value.push(7),
            'b' => value.push(8),
            't' => value.push(b'\t'),
            'n' => value.push(b'\n'),
            'v' => value.push(11),
            'f' => value.push(12),
            'r' => value.push(b'\r'),
            'x' => value.push(u8::try_from(self.digits(2, 16, 0)?).unwrap_or(u8::MAX)),
            '0'..='7' => {
                let number = self.digits(2, 8, it.to_digit(8).unwrap_or(0))?;
                value.push(u8::try_from(number).map_err(|_| self.expected("an octal number up to 377"))?);
            }
            'u' | 'U' => {
                let number = self.digits(if it == 'u' { 4 } else { 8 }, 16, 0)?;
                push(char::from_u32(number).ok_or_else(|| self.expected("a character"))?, value);
            }
            it => push(it, value),
        }
        Ok(())
    }

    /// So many digits, behind a number that was read already.
    fn digits(&mut self, count: usize, radix: u32, before: u32) -> Result<u32, String> {
        let mut number = before;
        for _ in 0..count {
            let digit = self.rest.next_if(|it| it.1.is_digit(radix)).and_then(|it| it.1.to_digit(radix));
            let Some(digit) = digit else { return Err(self.expected("a digit")) };
            number = number.wrapping_mul(radix).wrapping_add(digit);
        }
        Ok(number)
    }
}

fn push(it: char, value: &mut Vec<u8>) {
    value.extend_from_slice(it.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use signal::Labels;

    use super::*;

    /// Guarantees: MUST 871 of docs/specs/ingest.md.
    #[test]
    fn labels_are_read_as_loki_reads_them() {
        for (text, expected) in [
            (r#"{service="pay", host="web-1",}"#, &[("service", "pay"), ("host", "web-1")][..]),
            ("{path=`C:\\new\\table`, q='it\"s'}", &[("path", r"C:\new\table"), ("q", "it\"s")]),
            (r#"{a="tab\there", b="caf\u00e9 \xc3\xa9 \351x"}"#, &[("a", "tab\there"), ("b", "")]),
            (r#"{a="\"\\\n\'", b="\U0001F600"}"#, &[("a", "\"\\\n'"), ("b", "\u{1f600}")]),
            (r#" up { job = "shop" } "#, &[("__name__", "up"), ("job", "shop")]),
            (r#"{"k8s.pod"="p-1", "up"}"#, &[("k8s.pod", "p-1"), ("__name__", "up")]),
            (r#"{a="1",a="2"}"#, &[("a", "1"), ("a", "2")]),
            ("{}", &[]),
            ("", &[]),
        ] {
            // A byte alone is no character: the labels cannot be kept.
            if text.contains("351") {
                assert_eq!(pairs(text), Err(format!("a value is not UTF-8 in {text:?}")));
                continue;
            }
            let found = pairs(text).unwrap();
            let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn mistakes_say_where() {
        for (text, expected) in [
            ("{a=b}", "a quoted value expected at byte 3"),
            ("{a=\"b\"", "`,` or `}` expected at byte 6"),
            ("{a=\"b", "a closing quote expected at byte 5"),
            ("{a=`b\"}", "a closing quote expected at byte 7"),
            ("{=\"b\"}", "a label name expected at byte 1"),
            ("{a}", "`=` expected at byte 2"),
            ("{a=\"b\"} x", "the end of the labels expected at byte 8"),
            (r#"{a="\x4"}"#, "a digit expected at byte 7"),
            (r#"{a="\ud800"}"#, "a character expected at byte 10"),
            (r#"{a="\777"}"#, "an octal number up to 377 expected at byte 8"),
        ] {
            assert_eq!(pairs(text), Err(format!("{expected} of {text:?}")));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What our own labels print is read back.
        #[test]
        fn printed_labels_are_read_back(value in any::<String>()) {
            let labels = Labels::new([("a", value.as_str()), ("b", "x")]);
            let read = pairs(&labels.to_string()).unwrap();
            prop_assert_eq!(Labels::new(read), labels);
        }

        #[test]
        fn any_text_is_survived(text in "[{}a=\"'`\\\\xu0-9, ]{0,30}") {
            let _ = pairs(&text);
        }
    }
}
