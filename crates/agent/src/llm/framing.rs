//! Where does a message of a streamed answer end? Server-sent events and lines of JSON, cut at any byte.

/// How a provider parts its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events; a message is what stands in the `data` lines of one.
    Events,
    /// A message per line.
    Lines,
}

/// Puts messages together from pieces of bytes. Whoever feeds it bounds the bytes.
#[derive(Debug)]
pub struct Frames {
    framing: Framing,
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    /// The last byte was a carriage return: a line feed after it ends no further line.
    is_after_return: bool,
    is_begun: bool,
}

impl Frames {
    /// Nothing so far.
    pub fn new(framing: Framing) -> Self {
        Self { framing, line: vec![], data: None, is_after_return: false, is_begun: false }
    }

    /// The messages that these bytes end.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = vec![];
        for byte in bytes {
            let is_after_return = std::mem::take(&mut self.is_after_return);
            match byte {
                b'\n' if is_after_return => {}
                b'\n' => messages.extend(self.end_line()),
                b'\r' => {
                    self.is_after_return = true;
                    messages.extend(self.end_line());
                }
                other => self.line.push(*other),
            }
        }
        messages
    }

    /// What is left when the connection has ended; an event without its empty line is one of a careless server.
    pub fn end(&mut self) -> Vec<Vec<u8>> {
        let last = self.end_line();
        last.into_iter().chain(self.data.take()).collect()
    }

    fn end_line(&mut self) -> Option<Vec<u8>> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.is_begun, true) && line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
        match self.framing {
            Framing::Lines => (!line.iter().all(u8::is_ascii_whitespace)).then_some(line),
            Framing::Events if line.is_empty() => self.data.take(),
            Framing::Events => {
                self.field(&line);
                None
            }
        }
    }

    /// Comments, names, ids and the wish for a pause are passed over: the data say what they are.
    fn field(&mut self, line: &[u8]) {
        let Some(rest) = line.strip_prefix(b"data") else { return };
        let value = match rest.strip_prefix(b":") {
            Some(value) => value.strip_prefix(b" ").unwrap_or(value),
            None if rest.is_empty() => rest,
            None => return,
        };
        match &mut self.data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => self.data = Some(value.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(framing: Framing, text: &str, size: usize) -> Vec<String> {
        let mut frames = Frames::new(framing);
        let mut found: Vec<Vec<u8>> = text.as_bytes().chunks(size).flat_map(|it| frames.take(it)).collect();
        found.extend(frames.end());
        found.into_iter().map(|it| String::from_utf8(it).unwrap()).collect()
    }

    /// Guarantees: MUST 682 of docs/specs/llm.md.
    #[test]
    fn events_are_whole_however_they_are_cut() {
        let text = "\u{feff}: hello\r\nevent: a\r\ndata: {\"x\":\r\ndata: \"\u{e9}\"}\r\n\r\n\n\ndata:1\rdata\r\rid: 7\nretry: 1\n\n\
                    database: no\n\ndata: last";
        for size in 1..text.len() {
            let wanted = ["{\"x\":\n\"\u{e9}\"}", "1\n", "last"];
            assert_eq!(messages(Framing::Events, text, size), wanted, "in pieces of {size}");
        }
    }

    /// Guarantees: MUST 682 of docs/specs/llm.md.
    #[test]
    fn lines_are_whole_however_they_are_cut() {
        let text = "{\"a\":1}\r\n\n  \n{\"b\":\"\u{20ac}\"}\n{\"c\":3}";
        for size in 1..text.len() {
            let wanted = ["{\"a\":1}", "{\"b\":\"\u{20ac}\"}", "{\"c\":3}"];
            assert_eq!(messages(Framing::Lines, text, size), wanted, "in pieces of {size}");
        }
    }
}
