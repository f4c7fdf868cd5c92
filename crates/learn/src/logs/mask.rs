//! Which parts of a line are surely variables? One pass over the bytes, no regular expressions.
//!
//! Words are split at white space and punctuation. A word is a variable if it begins or ends with a digit, is a
//! hexadecimal id, a path or a URL; neighbors such as the parts of a timestamp or `address:port` become one.
//! A quoted text that stands by itself is a variable too; in JSON and after `=` the quotes are only punctuation,
//! because there the message itself is quoted.

/// What replaces a variable.
pub(super) const WILD_TEXT: &str = "<*>";
/// The same as bytes.
pub(super) const WILD: &[u8] = WILD_TEXT.as_bytes();
/// Only so many bytes of a line are looked at; what follows is as good as variable.
pub(super) const MAX_BYTES: usize = 4096;
/// Weekdays and months at the beginning of a line belong to a timestamp.
const CALENDAR: [&[u8]; 19] = [
    b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun", b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul",
    b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
/// A timestamp ends before this column.
const CALENDAR_COLUMNS: usize = 12;

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
        let taken = match CLASS.get(usize::from(byte)) {
            Some(Class::Word) => {
                let length = rest.iter().position(|it| class(*it) != Class::Word).unwrap_or(rest.len());
                let word = rest.get(..length).unwrap_or(rest);
                put_word(word, out);
                length
            }
            Some(Class::Space) => {
                if !out.is_empty() && out.last() != Some(&b' ') {
                    out.push(b' ');
                }
                1
            }
            _ => match quoted(rest, is_json, out) {
                Some(length) => {
                    out.extend_from_slice(WILD);
                    length
                }
                None => {
                    out.push(byte);
                    1
                }
            },
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    if out.last() == Some(&b' ') {
        out.pop();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Space,
    Mark,
}

const CLASS: [Class; 256] = classes();

#[allow(clippy::indexing_slicing, reason = "evaluated at compile time, where a bad index does not compile")]
const fn classes() -> [Class; 256] {
    let mut table = [Class::Mark; 256];
    let mut idx = 0;
    while idx < 256 {
        let byte = idx as u8;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'%' | 0x80..) {
            table[idx] = Class::Word;
        } else if byte <= b' ' {
            table[idx] = Class::Space;
        }
        idx += 1;
    }
    table
}

fn class(byte: u8) -> Class {
    CLASS.get(usize::from(byte)).copied().unwrap_or(Class::Mark)
}

/// Writes a word or, if it is a variable, its placeholder.
fn put_word(word: &[u8], out: &mut Vec<u8>) {
    // A full stop at the end is punctuation: `took 12.` and `took 13.` must not differ.
    let stop = word.len() - usize::from(word.len() > 1 && word.last() == Some(&b'.'));
    let (core, tail) = word.split_at_checked(stop).unwrap_or((word, b""));
    if is_variable(core) || is_calendar(core, out) {
        put_wild(out);
    } else {
        out.extend_from_slice(core);
    }
    out.extend_from_slice(tail);
}

/// Joins `<*>:<*>` and its like into one placeholder.
fn put_wild(out: &mut Vec<u8>) {
    let joined = match out.as_slice() {
        [.., b':' | b',' | b'@' | b'+'] => out.get(..out.len() - 1).is_some_and(|it| it.ends_with(WILD)),
        _ => false,
    };
    if joined {
        out.pop();
    } else {
        out.extend_from_slice(WILD);
    }
}

fn is_variable(word: &[u8]) -> bool {
    let (Some(first), Some(last)) = (word.first(), word.last()) else { return false };
    if *first == b'/' || last.is_ascii_digit() || first.is_ascii_digit() {
        return true;
    }
    let mut digits = 0;
    let mut is_hex = true;
    for byte in word {
        digits += usize::from(byte.is_ascii_digit());
        is_hex &= byte.is_ascii_hexdigit() || *byte == b'-';
    }
    // `deadbeef` without a digit is an id from eight characters on; shorter ones may be words such as `face`.
    let is_id = is_hex && (digits > 0 && word.len() >= 4 || word.len() >= 8);
    let is_negative = *first == b'-' && word.get(1).is_some_and(u8::is_ascii_digit);
    // `mod_jk2_init` is a name, `a1f-x93b2-k` is not.
    is_id || is_negative || digits > 2 || digits > 0 && word.len() >= 24
}

fn is_calendar(word: &[u8], before: &[u8]) -> bool {
    word.len() == 3 && before.len() < CALENDAR_COLUMNS && CALENDAR.contains(&word)
}

/// The length of a quoted text that begins here and stands by itself.
fn quoted(rest: &[u8], is_json: bool, before: &[u8]) -> Option<usize> {
    let (&quote, inside) = rest.split_first()?;
    let stands_alone = matches!(before.last(), None | Some(b' ' | b'(' | b'[' | b','));
    if is_json || !matches!(quote, b'"' | b'\'') || !stands_alone {
        return None;
    }
    inside.iter().take(256).position(|it| *it == quote).map(|length| length + 2)
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
        check("see http://a.example/x?y=1 now", "see http:<*>?y=<*> now");
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
