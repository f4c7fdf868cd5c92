//! Where does one syslog message end and the next one begin on a TCP connection?
//!
//! RFC 6587 knows two ways, told apart by the first byte: a length in digits and a space before the message, or a line
//! end behind it (some senders write a zero byte). Memory is bounded: a longer message is cut and the rest passed over.

/// Digits of the longest length that is believed.
const MOST_DIGITS: usize = 8;

/// Cuts a stream of bytes into messages.
#[derive(Debug)]
pub(crate) struct Framer {
    max_bytes: usize,
    buffer: Vec<u8>,
    /// Where the next message begins.
    begin: usize,
    /// Bytes behind `begin` in which no line end is.
    scanned: usize,
    skip: Skip,
}

/// What is passed over after a message that was cut.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Skip {
    Nothing,
    Bytes(usize),
    Line,
}

impl Framer {
    /// Messages of at most `max_bytes`.
    pub(crate) const fn new(max_bytes: usize) -> Self {
        Self { max_bytes, buffer: vec![], begin: 0, scanned: 0, skip: Skip::Nothing }
    }

    /// Takes bytes in and hands out whole messages, and whether each was cut.
    pub(crate) fn push(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8], bool)) {
        self.buffer.extend_from_slice(bytes);
        while self.next(&mut take) {}
        self.buffer.drain(..self.begin);
        self.begin = 0;
    }

    /// The connection has ended: hands out what is left, which counts as cut.
    pub(crate) fn finish(self, mut take: impl FnMut(&[u8], bool)) {
        let rest = self.rest();
        if self.skip == Skip::Nothing && !rest.is_empty() {
            match counted(rest) {
                Counted::Length(_, begin) => take(rest.get(begin..).unwrap_or(&[]), true),
                // The last line of a stream may have no line end.
                Counted::Never | Counted::Unknown => take(rest, false),
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.begin..).unwrap_or(&[])
    }

    /// False if more bytes are needed.
    fn next(&mut self, take: &mut impl FnMut(&[u8], bool)) -> bool {
        match self.skip {
            Skip::Bytes(count) => {
                let passed = count.min(self.rest().len());
                self.advance(passed);
                self.skip = if passed == count { Skip::Nothing } else { Skip::Bytes(count - passed) };
                return passed == count;
            }
            Skip::Line => {
                let end = self.rest().iter().position(is_end);
                self.advance(end.unwrap_or(self.rest().len()));
                self.skip = if end.is_some() { Skip::Nothing } else { Skip::Line };
                return end.is_some();
            }
            Skip::Nothing => {}
        }
        match self.rest().first() {
            None => false,
            Some(byte) if is_end(byte) => {
                self.advance(1);
                true
            }
            Some(b'1'..=b'9') => self.counted(take),
            Some(_) => self.line(take),
        }
    }

    /// `LENGTH SP MESSAGE`, or a line that happens to begin with a digit.
    fn counted(&mut self, take: &mut impl FnMut(&[u8], bool)) -> bool {
        let rest = self.rest();
        let (length, begin) = match counted(rest) {
            Counted::Length(length, begin) => (length, begin),
            Counted::Unknown => return false,
            Counted::Never => return self.line(take),
        };
        let kept = length.min(self.max_bytes);
        let Some(message) = rest.get(begin..begin + kept) else { return false };
        take(message, kept < length);
        self.advance(begin + kept);
        if kept < length {
            self.skip = Skip::Bytes(length - kept);
        }
        true
    }

    fn line(&mut self, take: &mut impl FnMut(&[u8], bool)) -> bool {
        let rest = self.rest();
        let found = rest.get(self.scanned..).unwrap_or(&[]).iter().position(is_end).map(|it| it + self.scanned);
        let end = found.unwrap_or(rest.len());
        if found.is_none() && end <= self.max_bytes {
            self.scanned = end;
            return false;
        }
        let kept = end.min(self.max_bytes);
        let message = rest.get(..kept).unwrap_or(&[]);
        take(message.strip_suffix(b"\r").unwrap_or(message), kept < end);
        self.advance(end);
        if found.is_none() {
            self.skip = Skip::Line;
        }
        true
    }

    fn advance(&mut self, count: usize) {
        self.begin += count;
        self.scanned = 0;
    }
}

/// What a message begins with.
enum Counted {
    /// Its length, and where it begins.
    Length(usize, usize),
    /// Digits, so far.
    Unknown,
    /// No length.
    Never,
}

fn counted(rest: &[u8]) -> Counted {
    let n_digits = rest.iter().take(MOST_DIGITS + 1).take_while(|it| it.is_ascii_digit()).count();
    let number = rest.get(..n_digits).and_then(|it| std::str::from_utf8(it).ok()?.parse::<usize>().ok());
    match (number, rest.get(n_digits)) {
        _ if n_digits > MOST_DIGITS || rest.first() == Some(&b'0') => Counted::Never,
        (_, None) => Counted::Unknown,
        (Some(number), Some(b' ')) => Counted::Length(number, n_digits + 1),
        _ => Counted::Never,
    }
}

fn is_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(max_bytes: usize, pieces: &[&[u8]]) -> Vec<String> {
        let mut framer = Framer::new(max_bytes);
        let mut found = vec![];
        let mut take = |it: &[u8], is_cut: bool| {
            found.push(format!("{}{}", String::from_utf8_lossy(it), if is_cut { " (cut)" } else { "" }));
        };
        for piece in pieces {
            framer.push(piece, &mut take);
            assert!(framer.buffer.len() <= max_bytes + MOST_DIGITS + 2, "{}", framer.buffer.len());
        }
        framer.finish(&mut take);
        found
    }

    #[test]
    fn both_ways_of_framing_may_be_mixed() {
        for (bytes, expected) in [
            (
                &b"5 <1>ab7 <2>c\nde<3>line\r\n\n<4>zero\0\x3c5>last"[..],
                &["<1>ab", "<2>c\nde", "<3>line", "<4>zero", "<5>last"][..],
            ),
            (b"2023-11-14 a\nx\n", &["2023-11-14 a", "x"]),
            (b"123456789 x\n", &["123456789 x"]),
            (b"10 short", &["short (cut)"]),
            (b"12 <1>01234567890 3 <2>", &["<1>012345678", "3 <2> (cut)"]),
            (b"<1>0123456789abcdef\n<2>\n", &["<1>012345678 (cut)", "<2>"]),
            (b"15 <1>0123456789abc<2>\n", &["<1>012345678 (cut)", "c<2>"]),
            (b"15 <1>0123456789ab3 <2>", &["<1>012345678 (cut)", "<2>"]),
            (b"\n\0\n", &[]),
        ] {
            let expected: Vec<String> = expected.iter().map(|it| (*it).to_owned()).collect();
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(frames(12, &[bytes]), expected, "{shown}");
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(frames(12, &single), expected, "{shown} byte by byte");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Guarantees: MUST 133 of docs/specs/ingest.md: where a packet ends says nothing.
        #[test]
        fn the_pieces_do_not_matter(text in "[0-9a<> \n]{0,60}", size in 1_usize..7) {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(frames(9, &[text.as_bytes()]), frames(9, &pieces));
        }
    }
}
