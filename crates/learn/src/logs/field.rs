//! What could a piece of a line's header be? A timestamp, a level, a number, a bracket, a label, a name.
//!
//! Only looks are judged here, and the same piece may look like several things (`ERROR:` is a level and a label).
//! Whether there is a header at all is a question of many lines: see `layout`.

use serde::{Deserialize, Serialize};

use super::words::{Class, Word};

/// What a field looks like: a set of the constants below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Looks(pub(super) u8);

impl Looks {
    /// A part of a timestamp.
    pub(super) const TIME: Self = Self(1);
    /// A word such as `INFO`.
    pub(super) const LEVEL: Self = Self(2);
    /// What is masked anyway: a number, an id, a host.
    pub(super) const MASKED: Self = Self(4);
    /// Text in brackets.
    pub(super) const BRACKET: Self = Self(8);
    /// Ends with a colon, or with a bracket that was never opened.
    pub(super) const LABEL: Self = Self(16);
    /// Punctuation that stands alone.
    pub(super) const MARK: Self = Self(32);
    /// A name in several parts such as `shop.cart.Cart`.
    pub(super) const NAME: Self = Self(64);
    /// Followed by a bar, a tabulator or several spaces.
    pub(super) const CELL: Self = Self(128);

    /// A whole header of RFC 5424: a time, and all that follows it up to the message.
    pub(super) const STRUCTURED: Self = Self(Self::TIME.0 | Self::LABEL.0 | Self::MARK.0 | Self::CELL.0);

    /// All of them.
    pub(super) const ALL: Self = Self(u8::MAX);

    /// True if one of `other` is among these.
    const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// True if it looks like `other`, too.
    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A field at the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) looks: Looks,
    /// Bytes up to the next field.
    pub(super) length: usize,
}

/// Text in brackets that is longer is no field.
const MAX_BRACKET_BYTES: usize = 200;
/// A word that is longer is no field.
const MAX_WORD_BYTES: usize = 200;
const LEVELS: [&str; 32] = [
    "alert",
    "config",
    "crit",
    "critical",
    "debug",
    "emerg",
    "emergency",
    "err",
    "error",
    "failure",
    "fatal",
    "fine",
    "finer",
    "finest",
    "info",
    "information",
    "informational",
    "log",
    "note",
    "notice",
    "panic",
    "severe",
    "statement",
    "success",
    "trace",
    "verbose",
    "warn",
    "warning",
    "dbg",
    "inf",
    "wrn",
    "ftl",
];
const CALENDAR: [&[u8]; 19] = [
    b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun", b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul",
    b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const ZONES: [&[u8]; 15] = [
    b"UTC", b"GMT", b"CET", b"CEST", b"EST", b"EDT", b"CST", b"CDT", b"MST", b"MDT", b"PST", b"PDT", b"IST", b"JST",
    b"Z",
];

impl Field {
    /// The field that a text without leading spaces begins with; None at its end, or where surely no header goes on.
    /// Looks that are not `wanted` may be left out: to judge them takes time.
    pub(super) fn read(text: &[u8], wanted: Looks) -> Option<Self> {
        match text.first()? {
            b'"' | b'\'' | b'{' => None,
            b'[' | b'(' => Self::bracket(text, wanted).or_else(|| Self::word(text, wanted)),
            _ => Self::word(text, wanted),
        }
    }

    /// `[...]`, also with a colon behind it.
    fn bracket(text: &[u8], wanted: Looks) -> Option<Self> {
        let (&open, _) = text.split_first()?;
        let close = if open == b'[' { b']' } else { b')' };
        let mut depth = 0_usize;
        let end = text.iter().take(MAX_BRACKET_BYTES).position(|it| {
            depth += usize::from(*it == open);
            depth -= usize::from(*it == close);
            depth == 0
        })?;
        let (inside, after) = (text.get(1..end)?, text.get(end + 1..)?);
        let is_label = after.first() == Some(&b':') && after.get(1).is_none_or(|it| *it == b' ');
        if !is_label && !matches!(after.first(), None | Some(b' ' | b'\t' | b'|' | b'[' | b'(' | b',')) {
            return None;
        }
        let mut words = inside.trim_ascii().split(|it| *it == b' ');
        let mut inside = Looks::default();
        if wanted.has(Looks::LEVEL) && words.clone().next().is_some_and(is_level) {
            inside = inside.and(Looks::LEVEL);
        }
        if wanted.has(Looks::TIME) && words.any(is_time) {
            inside = inside.and(Looks::TIME);
        }
        let label = if is_label { Looks::LABEL } else { Looks::default() };
        Some(Self::ended(Looks::BRACKET.and(inside).and(label), end + 1 + usize::from(is_label), text))
    }

    fn word(text: &[u8], wanted: Looks) -> Option<Self> {
        let ends = |it: &u8| matches!(it, b' ' | b'\t' | b'|');
        let mut end = text.iter().take(MAX_WORD_BYTES + 1).position(ends).unwrap_or(text.len());
        if end > MAX_WORD_BYTES {
            return None;
        }
        if end == 0 {
            end = 1;
        }
        // `INFO:shop.cart:message` has no spaces.
        let word = text.get(..end)?;
        let colon = word.iter().position(|it| *it == b':').filter(|it| it + 1 < end && *it > 0);
        if let Some(colon) = colon.filter(|it| word.get(..*it).is_some_and(is_level)) {
            return Some(Self { looks: Looks::LEVEL, length: colon + 1 });
        }
        let mut looks = looks_of(word, wanted);
        let rest = text.get(end..)?;
        let padded = rest.trim_ascii_start();
        if rest.len() > padded.len() && padded.first() == Some(&b':') && padded.get(1) == Some(&b' ') {
            looks = looks.and(Looks::LABEL);
            end = text.len() - padded.len() + 1;
        }
        Some(Self::ended(looks, end, text))
    }

    /// The name up to a colon without a space, as after `INFO:`.
    pub(super) fn read_glued(text: &[u8]) -> Option<Self> {
        let end = text.iter().take(MAX_WORD_BYTES).position(|it| matches!(it, b':' | b' '))?;
        let is_label = end > 0 && text.get(end) == Some(&b':');
        is_label.then_some(Self { looks: Looks::LABEL, length: end + 1 })
    }

    /// With the space behind it.
    fn ended(looks: Looks, end: usize, text: &[u8]) -> Self {
        let is_gap = |it: &&u8| matches!(**it, b' ' | b'\t' | b'|');
        let rest = text.get(end..).unwrap_or_default();
        let gap = rest.iter().take_while(is_gap).count();
        let gap_text = rest.get(..gap).unwrap_or_default();
        let is_cell = gap > 1 || gap_text.first().is_some_and(|it| *it != b' ');
        Self { looks: if is_cell { looks.and(Looks::CELL) } else { looks }, length: end + gap }
    }
}

/// What a word looks like by itself.
fn looks_of(word: &[u8], wanted: Looks) -> Looks {
    let is_label = ends_as_label(word);
    let mut bare = word;
    while let [inside @ .., b':' | b',' | b';' | b']'] = bare {
        bare = inside;
    }
    let mut looks = if is_label { Looks::LABEL } else { Looks::default() };
    if !word.iter().any(|it| it.is_ascii_alphanumeric() || *it >= 0x80) {
        return looks.and(if word.len() <= 4 { Looks::MARK } else { Looks::default() });
    }
    if wanted.has_any(Looks(Looks::LEVEL.0 | Looks::TIME.0)) && is_stamped_level(bare) {
        return looks.and(Looks::LEVEL).and(Looks::TIME);
    }
    if wanted.has_any(Looks(Looks::TIME.0 | Looks::MASKED.0)) && is_time(bare) {
        return looks.and(Looks::TIME).and(Looks::MASKED);
    }
    if wanted.has(Looks::LEVEL) && is_level(bare) {
        looks = looks.and(Looks::LEVEL);
    }
    if wanted.has(Looks::MASKED) && is_masked(bare) {
        looks = looks.and(Looks::MASKED);
    }
    if wanted.has(Looks::NAME) && is_name(bare) { looks.and(Looks::NAME) } else { looks }
}

fn is_masked(word: &[u8]) -> bool {
    let plain = Word::begin(word);
    plain.text.len() == word.len() && plain.is_variable() || is_compound_number(word)
}

/// `sshd[77]:` and `Cart.java:7]` do, `[main]` does not.
fn ends_as_label(word: &[u8]) -> bool {
    match word {
        [.., b':'] => word.len() > 1,
        [.., b']'] => !word.contains(&b'['),
        _ => false,
    }
}

/// The first word of a line of glog: the letter of the level and the day.
fn is_stamped_level(word: &[u8]) -> bool {
    let [b'I' | b'W' | b'E' | b'F' | b'D', digits @ ..] = word else { return false };
    matches!(digits.len(), 4 | 8) && digits.iter().all(u8::is_ascii_digit)
}

fn is_level(word: &[u8]) -> bool {
    if let [letter] = word {
        return b"VDIWEFTN".contains(letter);
    }
    let is_marked = |it: &u8| matches!(it, b'<' | b'>' | b'*');
    let begin = word.iter().position(|it| !is_marked(it)).unwrap_or(0);
    let end = word.iter().rposition(|it| !is_marked(it)).map_or(0, |it| it + 1);
    let word = word.get(begin..end).unwrap_or_default();
    word.len() <= 13 && LEVELS.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(word))
}

/// `3.6.2015`, `12:01`, `2015-07-29T17:41:44,747+02:00`, `Jul`, `1117838570`, `10/Oct/2000:13:55:36`.
fn is_time(word: &[u8]) -> bool {
    if CALENDAR.contains(&word) || ZONES.contains(&word) {
        return true;
    }
    let digits = word.iter().filter(|it| it.is_ascii_digit()).count();
    if digits == word.len() {
        return is_epoch(word);
    }
    if !word.first().is_some_and(|it| it.is_ascii_digit()) || digits < 3 || is_address(word) {
        return false;
    }
    let mut letters = word.split(|it| !it.is_ascii_alphabetic()).filter(|it| !it.is_empty());
    let are_letters_of_time = letters.all(|it| matches!(it, b"T" | b"Z") || CALENDAR.contains(&it));
    let are_marks_of_time = word
        .iter()
        .all(|it| it.is_ascii_alphanumeric() || matches!(it, b':' | b'-' | b'/' | b'.' | b',' | b'+' | b'_'));
    let count = |mark: u8| word.iter().filter(|it| **it == mark).count();
    let (colons, dashes, slashes, dots) = (count(b':'), count(b'-'), count(b'/'), count(b'.'));
    let is_clock = (1..=4).contains(&colons);
    let is_date = matches!(dashes, 2 | 3) || slashes == 2 || dots == 2 || dashes == 1 && word.len() == 5;
    are_letters_of_time && are_marks_of_time && (is_clock || is_date || is_fraction_of_epoch(word))
}

/// Seconds, milli-, micro- or nanoseconds since 1970, between 2001 and 2033.
fn is_epoch(digits: &[u8]) -> bool {
    matches!(digits.len(), 10 | 13 | 16 | 19) && digits.first() == Some(&b'1')
}

fn is_fraction_of_epoch(word: &[u8]) -> bool {
    let mut parts = word.split(|it| *it == b'.');
    matches!((parts.next(), parts.next(), parts.next()), (Some(secs), Some(_), None) if is_epoch(secs))
}

/// Four numbers with dots, perhaps with a port.
fn is_address(word: &[u8]) -> bool {
    let host = word.split(|it| *it == b':').next().unwrap_or_default();
    let mut parts = 0;
    let is_short = host.split(|it| *it == b'.').all(|it| {
        parts += 1;
        (1..=3).contains(&it.len()) && it.iter().all(u8::is_ascii_digit)
    });
    is_short && parts == 4
}

/// `123#456`, `77:12`, `0x7f:3`: digits and punctuation.
fn is_compound_number(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_digit) && word.iter().all(|it| it.is_ascii_digit() || b"#:.-_/".contains(it))
}

fn is_name(word: &[u8]) -> bool {
    let is_part =
        |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-' | b'$' | b'.' | b':' | b'/' | b'@' | b'#');
    let joint = |it: &u8| matches!(it, b'.' | b'$' | b'/' | b'@' | b'_') || *it == b':';
    let inside = word.get(1..word.len().saturating_sub(1)).unwrap_or_default();
    Class::of(word.first().copied().unwrap_or(0)).is_word() && word.iter().all(is_part) && inside.iter().any(joint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(text: &str) -> Looks {
        Field::read(text.as_bytes(), Looks::ALL).unwrap().looks
    }

    #[test]
    fn timestamps_of_many_kinds_are_known() {
        for text in [
            "2015-07-29",
            "17:41:44,747",
            "2015-07-29T17:41:44.747Z",
            "20171223-22:15:29:606",
            "03-17",
            "16:13:38.811",
            "17/06/09",
            "2005.06.03",
            "2005-06-03-15.42.50.675872",
            "1117838570",
            "1700000000.125",
            "Jul",
            "Sun",
            "10/Oct/2000:13:55:36",
            "2024-01-02T03:04:05+01:00",
            "01.02.2024",
            "UTC",
            "[10.30 16:49:06]",
            "[Sun Dec 04 04:47:44 2005]",
            "2016-09-28,",
            "I0102",
            "[10/Oct/2000:13:55:36 -0700]",
        ] {
            assert!(looks(text).has(Looks::TIME), "{text}");
        }
        for text in ["10.0.0.1", "10.0.0.1:80", "12.5", "5", "1.2.3-rc1", "0:0:0:0:0:0:0:1", "hello", "Sunny"] {
            assert!(!looks(text).has(Looks::TIME), "{text}");
        }
    }

    #[test]
    fn levels_labels_and_names_are_told_apart() {
        for text in ["INFO", "[error]", "warning:", "E", "<warn>", "Info"] {
            assert!(looks(text).has(Looks::LEVEL), "{text}");
        }
        assert!(!looks("Informed").has(Looks::LEVEL));
        for text in ["sshd[77]:", "dfs.Node$X:", "Cart.java:7]", "c.e.Foo      : up", "[main]: up"] {
            assert!(looks(text).has(Looks::LABEL), "{text}");
        }
        for text in ["[main] up", "12:01", "done"] {
            assert!(!looks(text).has(Looks::LABEL), "{text}");
        }
        assert!(looks("nova.osapi.wsgi").has(Looks::NAME) && !looks("done.").has(Looks::NAME));
        assert!(looks("a|b").has(Looks::CELL) && looks("a   b").has(Looks::CELL) && !looks("a b").has(Looks::CELL));
    }
}
