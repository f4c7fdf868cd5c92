//! Which parts of a text are secrets? Known forms of keys, values behind names such as `password`, passwords in
//! addresses, private keys and card numbers; each is replaced by `[redacted:kind]` before anything is stored.
//!
//! One pass over the bytes: a word is looked at where it begins, a name where its `=` or `:` stands. Most words end at a
//! filter on their first two bytes, most names at one on their last.

mod card;
mod keys;
mod names;
mod places;
mod words;

use std::borrow::Cow;
use std::ops::Range;

use self::names::Sign;
pub(crate) use self::places::leaves_key_open;

/// What a secret is; a closed set, used as a label of our own metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Secret {
    /// A key that is known by how it begins, for example of a cloud or a code host.
    Key,
    /// The value of a name such as `password` or `api_key`.
    Value,
    /// What follows `Bearer` or `Basic`.
    Authorization,
    /// A JSON Web Token.
    Token,
    /// The password in an address.
    Address,
    /// A private key in PEM form.
    PrivateKey,
    /// The number of a payment card.
    Card,
}

impl Secret {
    pub(crate) const ALL: [Self; 7] =
        [Self::Key, Self::Value, Self::Authorization, Self::Token, Self::Address, Self::PrivateKey, Self::Card];

    /// Snake-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
            Self::Authorization => "authorization",
            Self::Token => "token",
            Self::Address => "address",
            Self::PrivateKey => "private_key",
            Self::Card => "card",
        }
    }
}

/// What a byte is, for the pass over all of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Digit,
    /// Something may be known by this byte.
    Sign,
    /// It may stand for another byte.
    Escape,
    Other,
}

#[expect(clippy::indexing_slicing, reason = "it is computed by the compiler, which would say so")]
static CLASSES: [Class; 256] = {
    let mut table = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'0'..=b'9' => Class::Digit,
            it if is_word_byte(it) => Class::Word,
            b'=' | b':' | b'>' | b'-' | b'.' | b'~' | b'$' => Class::Sign,
            b'%' | b'\\' | 0x1b => Class::Escape,
            _ => Class::Other,
        };
        byte += 1;
    }
    table
};

const ASSIGNED: Sign = Sign { length: 1, is_assignment: true };
const COLON: Sign = Sign { length: 1, is_assignment: false };

/// Parts of a text that are secrets, in order, without overlap.
pub fn secrets(text: &str) -> Vec<(Range<usize>, Secret)> {
    let bytes = text.as_bytes();
    let mut found: Vec<(Range<usize>, Secret)> = vec![];
    let mut is_in_word = false;
    let mut idx = 0;
    while let Some(byte) = bytes.get(idx).copied() {
        let class = class_of(byte);
        let is_word = matches!(class, Class::Word | Class::Digit);
        let mut next = idx + 1;
        let secret = match class {
            Class::Other => None,
            Class::Word | Class::Digit if is_in_word => None,
            Class::Digit => words::at_digit(text, idx).or_else(|| keys_at(text, bytes, idx)),
            Class::Word => keys_at(text, bytes, idx),
            Class::Sign => at_sign(text, bytes, idx, is_in_word),
            Class::Escape => {
                next = idx + escape_length(bytes, idx);
                escaped_sign(bytes, idx).and_then(|it| names::behind_name(text, idx, it))
            }
        };
        is_in_word = is_word;
        match secret {
            Some((mut range, kind)) => {
                // A token that is known by its middle begins before what was looked at, and may touch another.
                while let Some((before, _)) = found.pop_if(|it| it.0.end > range.start) {
                    range.start = range.start.min(before.start);
                }
                if let Some(between) = text.get(next..range.start) {
                    let inner = secrets(between).into_iter();
                    found.extend(inner.map(|(it, kind)| (it.start + next..it.end + next, kind)));
                }
                idx = range.end.max(idx + 1);
                // What stands in its place ends with a bracket.
                is_in_word = false;
                found.push((range, kind));
            }
            None => idx = next,
        }
    }
    found
}

#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
fn class_of(byte: u8) -> Class {
    CLASSES[byte as usize]
}

#[inline]
fn keys_at(text: &str, bytes: &[u8], idx: usize) -> Option<(Range<usize>, Secret)> {
    let (first, second) = (bytes.get(idx)?, bytes.get(idx + 1)?);
    if keys::may_begin(*first, *second) { words::at_word(text, idx) } else { None }
}

/// What is known by a sign: a name before it, an address around it, or the form of what surrounds it.
fn at_sign(text: &str, bytes: &[u8], idx: usize, is_in_word: bool) -> Option<(Range<usize>, Secret)> {
    let ahead = |it: usize| bytes.get(idx + it).copied().unwrap_or(0);
    match bytes.get(idx)? {
        b'=' => names::behind_name(text, idx, ASSIGNED),
        b':' if ahead(1) == b'/' && ahead(2) == b'/' => places::in_address(text, idx),
        b':' if ahead(1) == b'A' && ahead(2) == b'A' && is_in_word => {
            places::bot_token(text, idx).or_else(|| names::behind_name(text, idx, COLON))
        }
        b':' if ahead(1) == b'=' => names::behind_name(text, idx, Sign { length: 2, is_assignment: true }),
        b':' => names::behind_name(text, idx, COLON),
        b'>' if is_in_word => names::in_tag(text, idx),
        b'-' if !is_in_word && ahead(1) == b'-' && ahead(2) == b'-' => places::private_key(text, idx),
        b'-' if !is_in_word => names::behind_flag(text, idx),
        b'.' if ahead(1) == b'a' && ahead(2) == b't' => places::atlas_token(text, idx),
        b'~' if is_in_word => places::azure_secret(text, idx),
        b'$' if !is_in_word => places::password_hash(text, idx),
        _ => None,
    }
}

/// `=` or `:` as addresses and JSON may write it.
fn escaped_sign(bytes: &[u8], idx: usize) -> Option<Sign> {
    let rest = bytes.get(idx..)?;
    let signs: [(&[u8], bool); 4] = [(b"%3D", true), (b"%3A", false), (b"\\u003D", true), (b"\\u003A", false)];
    let fits = |it: &(&[u8], bool)| rest.get(..it.0.len()).is_some_and(|found| found.eq_ignore_ascii_case(it.0));
    signs.iter().find(|it| fits(it)).map(|it| Sign { length: it.0.len(), is_assignment: it.1 })
}

/// How many bytes stand for one sign: what follows an escape begins a word, not what is in it.
fn escape_length(bytes: &[u8], idx: usize) -> usize {
    let is_hex = |from: usize, n: usize| {
        bytes.get(idx + from..idx + from + n).is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit))
    };
    let next = bytes.get(idx + 1).copied().unwrap_or(0);
    match bytes.get(idx).copied().unwrap_or(0) {
        b'%' if is_hex(1, 2) => 3,
        b'\\' if next == b'u' && is_hex(2, 4) => 6,
        b'\\' if next == b'x' && is_hex(2, 2) => 4,
        b'\\' if matches!(next, b'n' | b't' | b'r' | b'"' | b'/') => 2,
        0x1b if next == b'[' => {
            let rest = bytes.get(idx + 2..).unwrap_or_default();
            rest.iter().take(20).position(u8::is_ascii_alphabetic).map_or(2, |it| it + 3)
        }
        _ => 1,
    }
}

/// The text with its secrets replaced; `count` is called for each.
pub fn redacted<'a>(text: &'a str, count: &mut dyn FnMut(Secret)) -> Cow<'a, str> {
    let found = secrets(text);
    if found.is_empty() {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    let mut from = 0;
    for (range, kind) in found {
        safe.push_str(text.get(from..range.start).unwrap_or(""));
        safe.push_str("[redacted:");
        safe.push_str(kind.as_str());
        safe.push(']');
        from = range.end;
        count(kind);
    }
    safe.push_str(text.get(from..).unwrap_or(""));
    safe.into()
}

const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn is_key_byte(byte: u8) -> bool {
    is_word_byte(byte) || byte == b'-' || byte == b'.'
}

/// The end of the run of such bytes that begins here.
fn run(text: &str, from: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().position(|it| !is_part(*it)).unwrap_or(rest.len())
}

/// The same, but no further than so many bytes.
fn run_within(text: &str, from: usize, most: usize, is_part: impl Fn(u8) -> bool) -> usize {
    run(beginning(text, from, most), 0, is_part) + from
}

/// At most so many bytes of what begins here, in whole letters.
fn beginning(text: &str, from: usize, most: usize) -> &str {
    let rest = text.get(from..).unwrap_or("");
    rest.get(..rest.floor_char_boundary(most)).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(text: &str) -> String {
        redacted(text, &mut |_| {}).into_owned()
    }

    /// Guarantees: MUST 150 of docs/specs/ingest.md.
    #[test]
    fn secrets_are_replaced_in_their_usual_places() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N";
        let web_token = format!("token {jwt} sent");
        let github = format!("pushed with ghp_{} today", "a1B2".repeat(9));
        for (text, expected) in [
            ("login password=hunter2 ok", "login password=[redacted:value] ok"),
            (
                r#"{"user":"bo","db_password": "s3cr3t!","n":1}"#,
                r#"{"user":"bo","db_password": "[redacted:value]","n":1}"#,
            ),
            ("X-Api-Key: 9f8a7b6c5d4e", "X-Api-Key: [redacted:value]"),
            ("GET /?api_key=abc123&user=7", "GET /?api_key=[redacted:value]&user=7"),
            ("Authorization: Bearer abc.DEF-123_x", "Authorization: Bearer [redacted:authorization]"),
            ("curl -H 'authorization: Basic dXNlcjpwYXNz'", "curl -H 'authorization: Basic [redacted:authorization]'"),
            ("postgres://app:pa55word@db:5432/x", "postgres://app:[redacted:address]@db:5432/x"),
            ("key AKIAIOSFODNN7EXAMPLE used", "key [redacted:key] used"),
            (&web_token, "token [redacted:token] sent"),
            (&github, "pushed with [redacted:key] today"),
            ("paid with 4111 1111 1111 1111.", "paid with 4111 1111 1111 1111."),
            ("paid with 4111 1111 1111 1111, thanks", "paid with [redacted:card], thanks"),
            ("card=378282246310005", "card=[redacted:card]"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- left",
                "[redacted:private_key] left",
            ),
            ("-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted:private_key]"),
            ("AccountName=x;AccountKey=Zm9vYmFy==;Suffix=y", "AccountName=x;AccountKey=[redacted:value];Suffix=y"),
        ] {
            assert_eq!(safe(text), expected, "{text}");
        }
    }

    /// Guarantees: MUST 151 of docs/specs/ingest.md.
    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "Failed password for root from 10.0.0.1 port 22 ssh2",
            "password: authentication failure",
            "syntax error at token: identifier",
            "password=*** token=null secret=${SECRET}",
            "Basic authentication is off",
            "blk_-1608999687919862906 at 4111111111111111123",
            "order 4111111111111112 and 1.4111111111111111",
            "http://example.org:8080/a@b and a:b@c",
            "sk-learn, hf_hub and npm_config",
            "-----BEGIN CERTIFICATE-----",
            "2026-01-31 12:00:00 INFO monkey=banana",
            "",
            "\u{e9}=\u{fc}:password",
        ] {
            assert_eq!(safe(text), text);
        }
    }

    /// Time that this thread has really run, whatever else the machine does.
    fn on_processor() -> std::time::Duration {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        std::time::Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
    }

    /// Guarantees: MUST 822 of docs/specs/ingest.md. The longest lines that are taken, each full of what a search could
    /// begin at; if each of these places were looked at to the end of the line, a line would take seconds.
    #[test]
    fn no_line_takes_long() {
        let start = on_processor();
        for part in [
            "1 ",
            "1-",
            "12 34-",
            "eyJ-",
            "eyJaaaaaaa.b.",
            "eyJaaaaaaa.eyJaaaaaaa-",
            "pat-",
            "re_a-",
            "-.",
            "- ",
            ".at",
            ".atlasv1.",
            "a~",
            "$",
            "$x",
            "token:",
            "token=a",
            "password>",
            "<password>",
            ":password>",
            "cookie:",
            "authorization:",
            "Authorization: a ",
            "machine ",
            "PuTTY-User-Key-File-",
            "curl -u ",
            "mysql -p ",
            "-----BEGIN ",
            "Bearer ",
            "value:",
            "password:\n",
            "token='",
            "token=\"`",
            "%3Dtoken",
            "://a",
            "a@:AA",
        ] {
            let line = part.repeat((64 << 10) / part.len());
            assert!(secrets(&line).len() <= line.len());
        }
        let took = on_processor() - start;
        assert!(took < std::time::Duration::from_secs(10), "{took:?} for 36 lines");
    }

    /// Guarantees: what is long goes whole, although only its beginning is looked at.
    #[test]
    fn long_secrets_go_whole() {
        let long = "\u{e9}0a".repeat(1000);
        assert_eq!(safe(&format!("password={long} ok")), "password=[redacted:value] ok");
        assert_eq!(safe(&format!("Cookie: a={long}; b=c")), "Cookie: [redacted:value]");
        let token = format!("eyJ{0}.{1}.{0}", "aB1_".repeat(500), "aB1_".repeat(9000));
        assert_eq!(safe(&format!("with {token} at")), "with [redacted:token] at");
        assert_eq!(safe(&format!("sk-{} at", "aB1_".repeat(500))), "[redacted:key] at");
    }

    #[test]
    fn cards_stand_alone() {
        let card = "4111 1111 1111 1111";
        for (text, is_card) in [
            (format!("{card}{} x", " ".repeat(50)), true),
            (format!("{card}  7"), false),
            (format!("{card}-"), true),
            (format!("{card} -- 1"), false),
            ("4111111111111111 12".to_owned(), false),
            ("3782 822463 10005".to_owned(), true),
            (format!("1 {card}"), true),
        ] {
            assert_eq!(safe(&text).contains("[redacted:card]"), is_card, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived_and_redacting_again_changes_nothing(text in "(password|token|://a|:|=|@|\\PC|[0-9 ]{0,20}|-----BEGIN PRIVATE KEY-----){0,12}") {
            let once = safe(&text);
            proptest::prop_assert_eq!(safe(&once), once);
        }
    }
}
