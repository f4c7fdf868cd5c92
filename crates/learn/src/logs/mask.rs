//! Which parts of a line are surely variables? One pass over the bytes, no regular expressions.
//!
//! Words are split at white space and punctuation; `words` judges each by its looks. What is written in several words
//! and still one value becomes one variable: the parts of a timestamp, `address:port`, a hardware address, a URL, a
//! path of Windows, a size with its unit, a list in brackets, a quoted text that stands by itself. In JSON and after
//! `=` quotes are only punctuation, because there the message itself is quoted; of a quoted HTTP request the method
//! stays.

use super::words::{Class, Word};

/// What replaces a variable.
pub(super) const WILD_TEXT: &str = "<*>";
/// The same as bytes.
pub(super) const WILD: &[u8] = WILD_TEXT.as_bytes();
/// Only so many bytes of a line are looked at; what follows is as good as variable.
pub(super) const MAX_BYTES: usize = 4096;
/// A quoted text that is longer is not looked for.
const MAX_QUOTED_BYTES: usize = 256;
const WEEKDAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
/// A timestamp at the beginning of a line ends before this column.
const CALENDAR_COLUMNS: usize = 12;
const SIZES: [&[u8]; 13] =
    [b"B", b"KB", b"MB", b"GB", b"TB", b"PB", b"kB", b"KiB", b"MiB", b"GiB", b"TiB", b"Bytes", b"bytes"];
const TIMES: [&[u8]; 9] = [b"ns", b"us", b"ms", b"s", b"sec", b"secs", b"min", b"mins", b"h"];
const METHODS: [&[u8]; 8] = [b"GET ", b"PUT ", b"POST ", b"HEAD ", b"PATCH ", b"DELETE ", b"OPTIONS ", b"CONNECT "];

/// The line with `<*>` for each variable and single spaces.
///
/// ```
/// assert_eq!(learn::logs::mask("10:02:11 GET /cart/7 200 in 12.5 ms client=10.1.2.3:80"),
///     "<*> GET <*> <*> in <*> ms client=<*>");
/// ```
pub fn mask(line: &str) -> String {
    let mut masked = vec![];
    mask_into(line, &mut masked);
    String::from_utf8_lossy(&masked).into_owned()
}

/// As [`mask`], into a buffer that is reused. The result is UTF-8 unless the line was cut inside a character.
pub(super) fn mask_into(line: &str, out: &mut Vec<u8>) {
    out.clear();
    let line = line.as_bytes();
    let line = line.get(..MAX_BYTES).unwrap_or(line);
    let is_json = line.trim_ascii_start().first() == Some(&b'{');
    let mut rest = line;
    while let Some(&byte) = rest.first() {
        let class = Class::of(byte);
        let taken = if class.is_word() {
            put_word(rest, out)
        } else if class == Class::SPACE {
            if !out.is_empty() && out.last() != Some(&b' ') {
                out.push(b' ');
            }
            1
        } else {
            put_mark(byte, rest, is_json, out)
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    if out.last() == Some(&b' ') {
        out.pop();
    }
}

/// Writes a word or, if it is a variable, its placeholder; says how many bytes that were.
fn put_word(rest: &[u8], out: &mut Vec<u8>) -> usize {
    let word = Word::begin(rest);
    let length = word.text.len();
    let after = rest.get(length..).unwrap_or_default();
    if length == 0 {
        out.extend(rest.first());
        return 1;
    }
    if let Some(length) = spread(&word, rest, after) {
        put_wild(out);
        return length;
    }
    if word.is_variable() {
        let unit = if word.is_number() { unit(after, &SIZES) } else { 0 };
        put_wild(out);
        return length + unit;
    }
    if is_calendar(word.text, after, out) || is_address(&word, after, out) {
        put_wild(out);
    } else {
        out.extend_from_slice(word.text);
    }
    length
}

/// The length of a value that begins with this word and contains punctuation: a URL, a path, a hardware address.
fn spread(word: &Word, rest: &[u8], after: &[u8]) -> Option<usize> {
    let length = word.text.len();
    match after {
        [b':', b'/', b'/', b'!'..=b'~', ..] => Some(length + until_gap(after)),
        [b':', b'\\', ..] if length == 1 => Some(length + until_gap(after)),
        [b'?', b'!'..=b'~', ..] if word.text.first() == Some(&b'/') => Some(length + until_gap(after)),
        [b':', ..] if length == 2 => is_hardware_address(rest).then_some(HARDWARE_ADDRESS),
        _ => None,
    }
}

/// Up to white space, a quote or a bracket; a full stop or comma before it is punctuation.
fn until_gap(text: &[u8]) -> usize {
    let is_gap = |it: &u8| Class::of(*it) == Class::SPACE || b"\"'<>()[]{}|".contains(it);
    let length = text.iter().position(is_gap).unwrap_or(text.len());
    let inside = text.get(..length).unwrap_or(text);
    length - inside.iter().rev().take_while(|it| b".,;:!".contains(it)).count()
}

/// `aa:bb:cc:dd:ee:ff`.
const HARDWARE_ADDRESS: usize = 17;

fn is_hardware_address(rest: &[u8]) -> bool {
    let Some(address) = rest.get(..HARDWARE_ADDRESS) else { return false };
    let is_pair = |it: &[u8]| it.len() == 2 && it.iter().all(u8::is_ascii_hexdigit);
    let ends = rest.get(HARDWARE_ADDRESS).is_none_or(|it| !it.is_ascii_alphanumeric());
    ends && address.split(|it| *it == b':').all(is_pair)
}

/// The bytes of a unit that stands after one space, or 0.
fn unit(after: &[u8], units: &[&[u8]]) -> usize {
    let Some((b' ', after)) = after.split_first() else { return 0 };
    let unit = Word::begin(after).text;
    if units.contains(&unit) { unit.len() + 1 } else { 0 }
}

/// Joins `<*>:<*>` and its like, and lists in brackets, into one placeholder.
fn put_wild(out: &mut Vec<u8>) {
    let end = match out.as_slice() {
        [before @ .., b':' | b',' | b'@' | b'+'] if before.ends_with(WILD) => before.len(),
        [before @ .., b'(' | b'[' | b'{', b'<', b'*', b'>', b',', b' '] => before.len() + 1 + WILD.len(),
        _ => {
            out.extend_from_slice(WILD);
            return;
        }
    };
    out.truncate(end);
}

/// Weekdays and months belong to a timestamp at the beginning of a line, or where the next part of it follows.
fn is_calendar(word: &[u8], after: &[u8], before: &[u8]) -> bool {
    if word.len() != 3 || !word.first().is_some_and(u8::is_ascii_uppercase) {
        return false;
    }
    let is_weekday = WEEKDAYS.contains(&word);
    if !is_weekday && !MONTHS.contains(&word) {
        return false;
    }
    let next = after.trim_ascii_start();
    let is_followed = next.first().is_some_and(u8::is_ascii_digit)
        || is_weekday && next.get(..3).is_some_and(|it| MONTHS.contains(&it));
    before.len() < CALENDAR_COLUMNS || is_followed
}

/// An object's address as in `Socket@bedabb` and `Token{fadebed ...`, or one side of an address of mail.
fn is_address(word: &Word, after: &[u8], before: &[u8]) -> bool {
    if let [b'@', host @ ..] = after {
        return Word::begin(host).has_dot();
    }
    match before {
        [.., b'@' | b'{'] if word.is_hex() && word.text.len() >= 6 => true,
        [before @ .., b'@'] => before.ends_with(WILD) && word.has_dot(),
        _ => false,
    }
}

/// Writes punctuation or the placeholder of a value that begins with it; says how many bytes that were.
fn put_mark(byte: u8, rest: &[u8], is_json: bool, out: &mut Vec<u8>) -> usize {
    let value = match byte {
        b'"' | b'\'' if !is_json => quoted(rest, out),
        b'<' if matches!(out.last(), None | Some(b' ')) => bound(rest),
        b'(' | b'[' | b'{' if matches!(out.last(), Some(b' ' | b'=' | b':')) && is_empty_pair(rest) => {
            // Brackets without content where others have some: the value is absent, the variable is not.
            out.push(byte);
            Some(1)
        }
        _ => None,
    };
    match value {
        Some(_) => out.extend_from_slice(WILD),
        None => out.push(byte),
    }
    value.unwrap_or(1)
}

fn is_empty_pair(rest: &[u8]) -> bool {
    matches!(rest, [b'(', b')', ..] | [b'[', b']', ..] | [b'{', b'}', ..])
}

/// The length of a quoted text that begins here and stands by itself.
fn quoted(rest: &[u8], before: &[u8]) -> Option<usize> {
    let (&quote, inside) = rest.split_first()?;
    if !matches!(before.last(), None | Some(b' ' | b'(' | b'[' | b',')) {
        return None;
    }
    let length = inside.iter().take(MAX_QUOTED_BYTES).position(|it| *it == quote)?;
    let is_request = METHODS.iter().any(|it| inside.starts_with(it));
    (!is_request).then_some(length + 2)
}

/// The length of an upper bound such as `<1 sec`.
fn bound(rest: &[u8]) -> Option<usize> {
    let number = Word::begin(rest.get(1..)?);
    let after = rest.get(1 + number.text.len()..)?;
    number.is_number().then(|| 1 + number.text.len() + unit(after, &TIMES).max(unit(after, &SIZES)))
}
#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        assert_eq!(mask(line), expected, "of {line:?}");
    }

    #[test]
    fn variables_are_masked_and_words_stay() {
        check("Reserved 3 of SKU-4711 for order 99", "Reserved <*> of <*> for order <*>");
        check("2026-01-02T03:04:05.678Z ERROR x", "<*> ERROR x");
        check("Sun Dec 04 04:47:44 2005 ok", "<*> <*> <*> <*> <*> ok");
        check("request_id=00c0ffee took 1.5ms.", "request_id=<*> took <*>.");
        check("id 550e8400-e29b-41d4-a716-446655440000 gone", "id <*> gone");
        check("from 10.0.0.1:8080 to [::1]", "from <*> to [::<*>]");
        check("jk2_init() found child -5", "jk2_init() found child <*>");
        check("open '/etc/a b' failed", "open <*> failed");
        check("at PriceRules.apply(PriceRules.java:88)", "at PriceRules.apply(PriceRules.java:<*>)");
        check("see http://a.example/x?y=1 now", "see <*> now");
        check("user deadbeef face it", "user <*> face it");
        check("don't stop, it's fine", "don't stop, it's fine");
        check("", "");
        check("   \t ", "");
    }

    #[test]
    fn messages_in_json_and_logfmt_are_kept() {
        check(r#"{"msg":"pool exhausted","n":3}"#, r#"{"msg":"pool exhausted","n":<*>}"#);
        check(r#"level=error msg="pool exhausted" n=3"#, r#"level=error msg="pool exhausted" n=<*>"#);
    }

    #[test]
    fn a_huge_line_is_cut_and_any_bytes_are_survived() {
        assert!(mask(&"word ".repeat(300_000)).len() <= MAX_BYTES);
        assert!(!mask(&"\u{fc}".repeat(5_000)).is_empty());
        check("\u{1b}[31mred\u{1b}[0m \0", "[<*> [<*>");
    }
}
