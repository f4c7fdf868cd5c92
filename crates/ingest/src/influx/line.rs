//! What does one line of the line protocol say? A cursor that hands out borrowed parts of it.
//!
//! Syntax: <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>. A line ends at the first line
//! break that is not inside a quoted text; only there may a text hold one.

use std::borrow::Cow;

/// One line: `series field=value[,field=value] [timestamp]`; its fields are handed out apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line<'a> {
    /// Measurement and tags as they were sent, with escapes.
    pub(crate) series: &'a [u8],
    /// In the unit of the request; none if the sender leaves it to the receiver.
    pub(crate) time: Option<i64>,
}

/// One field of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Field<'a> {
    /// The key as it was sent, with escapes.
    pub(crate) key: &'a [u8],
    /// The number; none for a text.
    pub(crate) value: Option<f64>,
}

/// Why a line cannot be read, in `InfluxDB`'s words.
pub(crate) type Mistake = &'static str;

/// A place in a body.
pub(crate) struct Lines<'a> {
    body: &'a [u8],
    offset: usize,
}

impl<'a> Lines<'a> {
    pub(crate) const fn new(body: &'a [u8]) -> Self {
        Self { body, offset: 0 }
    }

    /// Goes to the next line that is neither empty nor a comment; where it begins, or none at the end.
    pub(crate) fn begin(&mut self) -> Option<usize> {
        loop {
            self.skip(|it| matches!(it, b' ' | b'\t' | b'\r' | b'\n' | 0));
            match self.peek()? {
                b'#' => self.skip(|it| it != b'\n'),
                _ => return Some(self.offset),
            }
        }
    }

    /// Reads the line that has begun. After a mistake the next line is the one behind the next line break.
    pub(crate) fn read(&mut self, fields: &mut Vec<Field<'a>>) -> Result<Line<'a>, Mistake> {
        fields.clear();
        let outcome = self.line(fields);
        if outcome.is_err() {
            self.skip(|it| it != b'\n');
        }
        outcome
    }

    /// The line that begins at an offset, until the first line break.
    pub(crate) fn text(&self, begin: usize) -> &'a [u8] {
        let rest = self.body.get(begin..).unwrap_or(&[]);
        rest.split(|it| *it == b'\n').next().unwrap_or(&[]).trim_ascii_end()
    }

    /// The number of the line at an offset, from 1.
    pub(crate) fn number(&self, offset: usize) -> usize {
        1 + self.body.iter().take(offset).filter(|it| **it == b'\n').count()
    }

    fn line(&mut self, fields: &mut Vec<Field<'a>>) -> Result<Line<'a>, Mistake> {
        let series = self.until(b" ");
        if series.is_empty() || series.starts_with(b",") {
            return Err("missing measurement");
        }
        self.spaces();
        loop {
            fields.push(self.field(fields.is_empty())?);
            if !self.eat(b',') {
                break;
            }
        }
        self.spaces();
        let time = self.until(b" ");
        self.spaces();
        if !matches!(self.peek(), None | Some(b'\n')) {
            return Err("bad timestamp");
        }
        let time = match time {
            b"" => None,
            digits => Some(ascii(digits).and_then(|it| it.parse().ok()).ok_or("bad timestamp")?),
        };
        Ok(Line { series, time })
    }

    fn field(&mut self, is_first: bool) -> Result<Field<'a>, Mistake> {
        if is_first && matches!(self.peek(), None | Some(b'\n')) {
            return Err("missing fields");
        }
        let key = self.until(b"=, ");
        if key.is_empty() {
            return Err("missing field key");
        }
        if !self.eat(b'=') {
            return Err("missing field value");
        }
        if self.eat(b'"') {
            self.quoted()?;
            return Ok(Field { key, value: None });
        }
        let value = number(self.until(b", "))?;
        Ok(Field { key, value: Some(value) })
    }

    /// Goes behind the closing quote; what stands between is not kept.
    fn quoted(&mut self) -> Result<(), Mistake> {
        let begin = self.offset;
        loop {
            match self.peek() {
                None => {
                    // The rest of the body may be sound: it goes on at the next line break.
                    self.offset = begin;
                    return Err("unbalanced quotes");
                }
                Some(b'"') => break self.offset += 1,
                Some(b'\\') => self.offset += 2,
                Some(_) => self.offset += 1,
            }
        }
        if matches!(self.peek(), None | Some(b',' | b' ' | b'\n' | b'\r')) { Ok(()) } else { Err("unbalanced quotes") }
    }

    /// Up to one of `stops` or the end of the line; a backslash takes the byte behind it along.
    fn until(&mut self, stops: &[u8]) -> &'a [u8] {
        let begin = self.offset;
        while let Some(byte) = self.peek() {
            if byte == b'\n' || stops.contains(&byte) {
                break;
            }
            let is_escape = byte == b'\\' && !matches!(self.body.get(self.offset + 1), None | Some(b'\n'));
            self.offset += if is_escape { 2 } else { 1 };
        }
        let part = self.body.get(begin..self.offset).unwrap_or(&[]);
        // A line may end like those of Windows.
        if self.peek() == Some(b'\n') { part.strip_suffix(b"\r").unwrap_or(part) } else { part }
    }

    fn spaces(&mut self) {
        self.skip(|it| matches!(it, b' ' | b'\r'));
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.offset += usize::from(is_there);
        is_there
    }

    fn skip(&mut self, is_skipped: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&is_skipped) {
            self.offset += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.offset).copied()
    }
}

/// A measurement and its tags, unescaped.
pub(crate) type Parts<'a> = (Cow<'a, str>, Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Takes a series apart.
pub(crate) fn parts(series: &[u8]) -> Result<Parts<'_>, Mistake> {
    let mut cursor = Lines::new(series);
    let measurement = unescaped(cursor.until(b","), b", ")?;
    let mut tags = vec![];
    while cursor.eat(b',') {
        let name = cursor.until(b"=,");
        if name.is_empty() {
            return Err("missing tag key");
        }
        if !cursor.eat(b'=') {
            return Err("missing tag value");
        }
        let value = cursor.until(b"=,");
        if value.is_empty() || cursor.peek() == Some(b'=') {
            return Err("missing tag value");
        }
        tags.push((unescaped(name, b",= ")?, unescaped(value, b",= ")?));
    }
    Ok((measurement, tags))
}

/// Takes away backslashes before these bytes; any other backslash stands for itself.
pub(crate) fn unescaped<'a>(part: &'a [u8], escaped: &[u8]) -> Result<Cow<'a, str>, Mistake> {
    let text = std::str::from_utf8(part).map_err(|_| "not UTF-8")?;
    if !part.contains(&b'\\') {
        return Ok(text.into());
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(it) = rest.next() {
        let is_escape =
            it == '\\' && rest.peek().is_some_and(|it| u8::try_from(*it).is_ok_and(|it| escaped.contains(&it)));
        if !is_escape {
            plain.push(it);
        } else if let Some(it) = rest.next() {
            plain.push(it);
        }
    }
    Ok(plain.into())
}

/// A float (`1.5`), an integer (`1i`, `1u`) or a truth (`t`, `False`).
fn number(value: &[u8]) -> Result<f64, Mistake> {
    let parsed = match value {
        b"" => return Err("missing field value"),
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Some(1.0),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Some(0.0),
        [digits @ .., b'i'] => ascii(digits).and_then(|it| it.parse::<i64>().ok()).map(|it| it as f64),
        [digits @ .., b'u'] => ascii(digits).and_then(|it| it.parse::<u64>().ok()).map(|it| it as f64),
        // Words such as `nan` and `inf` are numbers to Rust, but not here.
        digits if digits.iter().all(|it| it.is_ascii_digit() || b"+-.eE".contains(it)) => {
            ascii(digits).and_then(|it| it.parse::<f64>().ok()).filter(|it| it.is_finite())
        }
        _ => None,
    };
    parsed.ok_or("invalid number")
}

fn ascii(digits: &[u8]) -> Option<&str> {
    std::str::from_utf8(digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Vec<String> {
        let mut lines = Lines::new(body.as_bytes());
        let mut fields = vec![];
        let mut found = vec![];
        while let Some(begin) = lines.begin() {
            let number = lines.number(begin);
            found.push(match lines.read(&mut fields) {
                Err(mistake) => format!("{number}: {mistake}"),
                Ok(line) => {
                    let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
                    let fields: Vec<String> =
                        fields.iter().map(|it| format!("{}={:?}", text(it.key), it.value)).collect();
                    format!("{number}: {} | {} | {:?}", text(line.series), fields.join(" "), line.time)
                }
            });
        }
        found
    }

    #[test]
    fn lines_are_taken_apart() {
        for (body, expected) in [
            ("cpu,host=a usage=1.5 17", &["1: cpu,host=a | usage=Some(1.5) | Some(17)"][..]),
            (
                "cpu a=1i,b=2u,c=t,d=F,e=-1e3",
                &["1: cpu | a=Some(1.0) b=Some(2.0) c=Some(1.0) d=Some(0.0) e=Some(-1000.0) | None"],
            ),
            (
                "# comment\r\n\r\n  cpu  a=1  5 \r\nmem b=2\r\n",
                &["3: cpu | a=Some(1.0) | Some(5)", "4: mem | b=Some(2.0) | None"],
            ),
            (r"my\ cpu,ho\,st=a\=b\ c us\=age=1", &[r"1: my\ cpu,ho\,st=a\=b\ c | us\=age=Some(1.0) | None"]),
            (
                "m a=\"x, y=1 \\\" z\nnext\",b=1 5\nn c=1",
                &["1: m | a=None b=Some(1.0) | Some(5)", "3: n | c=Some(1.0) | None"],
            ),
            ("m a=1 -5", &["1: m | a=Some(1.0) | Some(-5)"]),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
    }

    /// Guarantees: MUST 103 of docs/specs/ingest.md: a bad line says what is wrong and the next one is read.
    #[test]
    fn a_bad_line_is_named_and_the_next_one_is_read() {
        for (body, expected) in [
            ("cpu", "missing fields"),
            ("cpu ", "missing fields"),
            (",host=a b=1", "missing measurement"),
            ("cpu a", "missing field value"),
            ("cpu a=", "missing field value"),
            ("cpu =1", "missing field key"),
            ("cpu a=1,", "missing field key"),
            ("cpu a=1,,b=2", "missing field key"),
            ("cpu a=x", "invalid number"),
            ("cpu a=1.5i", "invalid number"),
            ("cpu a=-1u", "invalid number"),
            ("cpu a=NaN", "invalid number"),
            ("cpu a=inf", "invalid number"),
            ("cpu a=1e999", "invalid number"),
            ("cpu a=\"x", "unbalanced quotes"),
            ("cpu a=\"x\"y", "unbalanced quotes"),
            ("cpu a=1 noon", "bad timestamp"),
            ("cpu a=1 1 2", "bad timestamp"),
            ("cpu a=1 99999999999999999999", "bad timestamp"),
        ] {
            let found = read(&format!("{body}\nmem b=2"));
            assert_eq!(found, [format!("1: {expected}"), "2: mem | b=Some(2.0) | None".to_owned()], "{body}");
        }
    }

    #[test]
    fn series_are_taken_apart() {
        let (measurement, tags) = parts(br"my\ cpu\,x,ho\,st=a\=b\ c,d=C:\\dir").unwrap();
        assert_eq!(measurement, "my cpu,x");
        assert_eq!(tags, [("ho,st".into(), "a=b c".into()), ("d".into(), r"C:\\dir".into())]);
        for (series, expected) in [
            (&b"cpu,"[..], "missing tag key"),
            (b"cpu,=a", "missing tag key"),
            (b"cpu,a", "missing tag value"),
            (b"cpu,a=", "missing tag value"),
            (b"cpu,a=b=c", "missing tag value"),
            (b"cpu,a=\xff", "not UTF-8"),
        ] {
            assert_eq!(parts(series).unwrap_err(), expected, "{series:?}");
        }
    }
}
