//! Which parts of a text are secrets? Known forms of keys, values behind names such as `password`, passwords in
//! addresses, private keys and card numbers; each is replaced by `[redacted:kind]` before anything is stored.
//!
//! One pass over the bytes: a word is looked at where it begins, a name where its `=` or `:` stands.

use std::borrow::Cow;
use std::ops::Range;

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

/// How keys begin, and how many more letters, digits, `_` and `-` they have at least. From the documentation of those
/// who give them out.
const PREFIXES: [(&str, usize); 36] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("ABSK", 40),
    ("AIza", 35),
    ("ya29.", 20),
    ("GOCSPX-", 20),
    ("ghp_", 36),
    ("gho_", 36),
    ("ghu_", 36),
    ("ghs_", 36),
    ("ghr_", 36),
    ("github_pat_", 22),
    ("glpat-", 20),
    ("gldt-", 20),
    ("xoxb-", 10),
    ("xoxa-", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("whsec_", 16),
    ("sk-", 32),
    ("SG.", 32),
    ("npm_", 36),
    ("pypi-AgE", 32),
    ("dop_v1_", 64),
    ("shpat_", 32),
    ("hf_", 30),
    ("hvs.", 24),
    ("lin_api_", 32),
    ("PMAK-", 32),
    ("dapi", 32),
    ("AGE-SECRET-KEY-1", 50),
];

/// By the first byte of a word: the keys that begin with it, a bit for each.
#[expect(clippy::indexing_slicing, reason = "it is computed by the compiler, which would say so")]
const BY_FIRST_BYTE: [u64; 256] = {
    let mut table = [0; 256];
    let mut idx = 0;
    while idx < PREFIXES.len() {
        table[PREFIXES[idx].0.as_bytes()[0] as usize] |= 1 << idx;
        idx += 1;
    }
    table
};

/// Names whose value is a secret whatever it looks like; compared without `_` and `-` and in lower case, and they may
/// have something before them (`db_password`).
const STRONG: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "secretkey",
    "apikey",
    "privatekey",
    "accesskey",
    "accountkey",
    "credentials",
];
/// Names that are also used for what is no secret: their value must be long.
const WEAK: [&str; 5] = ["token", "cookie", "signature", "authkey", "sessionkey"];
const WEAK_LENGTH: usize = 16;
/// Users in addresses are not longer.
const MOST_USER_BYTES: usize = 128;

/// Parts of a text that are secrets, in order, without overlap.
pub fn secrets(text: &str) -> Vec<(Range<usize>, Secret)> {
    let bytes = text.as_bytes();
    let mut found: Vec<(Range<usize>, Secret)> = vec![];
    let mut is_in_word = false;
    let mut idx = 0;
    while let Some(byte) = bytes.get(idx).copied() {
        let is_word = is_word_byte(byte);
        let secret = match byte {
            b'=' | b':' => behind_name(text, idx).or_else(|| in_address(text, idx)),
            b'-' if !is_in_word => private_key(text, idx),
            _ if is_word && !is_in_word => at_word(text, idx),
            _ => None,
        };
        is_in_word = is_word;
        match secret {
            Some((range, kind)) => {
                idx = range.end.max(idx + 1);
                is_in_word = true;
                found.push((range, kind));
            }
            None => idx += 1,
        }
    }
    found
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

fn at_word(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let rest = text.get(idx..)?;
    let first = *rest.as_bytes().first()?;
    match first {
        b'0'..=b'9' => card(text, idx),
        b'e' if rest.starts_with("eyJ") => web_token(text, idx),
        b'B' | b'b' => authorization(text, idx),
        _ => None,
    }
    .or_else(|| {
        let mut candidates = BY_FIRST_BYTE.get(usize::from(first)).copied().filter(|it| *it != 0)?;
        let next = || {
            let idx = (candidates != 0).then(|| candidates.trailing_zeros() as usize)?;
            candidates &= candidates - 1;
            PREFIXES.get(idx)
        };
        let (prefix, length) = std::iter::from_fn(next).find(|(prefix, _)| rest.starts_with(prefix))?;
        let end = run(text, idx + prefix.len(), is_key_byte);
        (end - idx - prefix.len() >= *length).then_some((idx..end, Secret::Key))
    })
}

/// Three parts of base64 with dots between them.
fn web_token(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let end = run(text, idx, is_key_byte);
    let parts: Vec<&str> = text.get(idx..end)?.split('.').collect();
    let is_token = parts.len() == 3 && parts.iter().take(2).all(|it| it.len() >= 10);
    is_token.then_some((idx..end, Secret::Token))
}

/// `Bearer` or `Basic` and then a credential.
fn authorization(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let scheme = ["bearer ", "basic "]
        .into_iter()
        .find(|it| text.get(idx..idx + it.len()).is_some_and(|found| found.eq_ignore_ascii_case(it)))?;
    let from = idx + scheme.len();
    let end = run(text, from, |it| is_key_byte(it) || matches!(it, b'+' | b'/' | b'=' | b'~'));
    // "Basic authentication" is no credential: those have digits or both cases mixed within.
    let value = text.get(from..end)?;
    let is_mixed = value.bytes().any(|it| it.is_ascii_digit() || it == b'=')
        || value.bytes().skip(1).any(|it| it.is_ascii_uppercase());
    (value.len() >= 8 && is_mixed).then_some((from..end, Secret::Authorization))
}

/// The value behind a name; `idx` is where `=` or `:` stands.
fn behind_name(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let before = text.get(..idx)?;
    let is_quoted_name = before.ends_with(['"', '\'']);
    if !may_end_name(before) {
        return None;
    }
    let name = name_before(before);
    let is_strong = STRONG.iter().any(|it| name.ends_with(it));
    if !is_strong && !WEAK.iter().any(|it| name.ends_with(it)) {
        return None;
    }
    let after = text.get(idx + 1..)?;
    let from = idx + 1 + (after.len() - after.trim_start_matches([' ', '"', '\'', '\\', '=']).len());
    let end = run(text, from, |it| {
        !it.is_ascii_whitespace()
            && !matches!(it, b'"' | b'\'' | b'\\' | b',' | b';' | b'&' | b')' | b'}' | b']' | b'<' | b'>')
    });
    let value = text.get(from..end)?;
    let is_assigned = text.as_bytes().get(idx) == Some(&b'=') || is_quoted_name;
    let is_secret =
        is_strong && (is_assigned || looks_secret(value)) || value.len() >= WEAK_LENGTH && looks_secret(value);
    (is_secret && !is_nothing(value)).then_some((from..end, Secret::Value))
}

/// False if none of the names can stand at the end of the text: seen by the last byte, which is a digit before most `:`.
fn may_end_name(text: &str) -> bool {
    let last = text.as_bytes().iter().rev().find(|it| !matches!(it, b'"' | b'\'' | b'\\' | b' ' | b'_' | b'-'));
    let ends_so = |last: u8| STRONG.iter().chain(&WEAK).any(|it| it.as_bytes().last() == Some(&last));
    last.map(u8::to_ascii_lowercase).is_some_and(ends_so)
}

/// The name at the end of a text, in lower case without `_` and `-`; its last 40 letters if it is longer.
fn name_before(text: &str) -> String {
    let text = text.trim_end_matches(['"', '\'', '\\', ' ']).as_bytes();
    let part = text.iter().rev().take(40).take_while(|it| is_word_byte(**it) || **it == b'-');
    let mut name: Vec<u8> = part.filter(|it| it.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    name.reverse();
    String::from_utf8(name).unwrap_or_default()
}

/// What stands for no value, or for one that is hidden already.
fn is_nothing(value: &str) -> bool {
    let is_masked = value.bytes().all(|it| matches!(it, b'*' | b'x' | b'X' | b'.' | b'-'));
    let words = ["", "null", "none", "nil", "true", "false", "undefined", "[REDACTED", "[FILTERED"];
    is_masked || words.contains(&value) || value.contains("[redacted:") || value.starts_with("${")
}

/// Prose has no digits within its words and no signs.
fn looks_secret(value: &str) -> bool {
    value.len() >= 6
        && value.bytes().any(|it| it.is_ascii_digit() || matches!(it, b'!' | b'@' | b'#' | b'$' | b'%' | b'+' | b'/'))
}

/// The password of `scheme://user:password@host`; `idx` is where the second `:` stands.
fn in_address(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    // Most are none of an address, which is seen soonest by what comes behind.
    let end = run(text, idx + 1, |it| !it.is_ascii_whitespace() && !matches!(it, b'@' | b'/' | b'"' | b'\''));
    if text.as_bytes().get(end) != Some(&b'@') || end == idx + 1 {
        return None;
    }
    let near = text.as_bytes().get(idx.saturating_sub(MOST_USER_BYTES + 3)..idx)?;
    let scheme = near.windows(3).rposition(|it| it == b"://")?;
    let user = near.get(scheme + 3..)?;
    let is_user = !user.iter().any(|it| matches!(it, b'/' | b' ' | b'@' | b'"' | b':' | b'['));
    (is_user && !is_nothing(text.get(idx + 1..end)?)).then_some((idx + 1..end, Secret::Address))
}

/// From `-----BEGIN ... PRIVATE KEY-----` to its end, or to the end of the text.
fn private_key(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let rest = text.get(idx..)?;
    let head = rest.strip_prefix("-----BEGIN ")?;
    let title = head.get(..head.find("-----")?)?;
    if !title.ends_with("PRIVATE KEY") || title.len() > 40 {
        return None;
    }
    let end = rest.find("-----END ").and_then(|it| Some(it + 9 + rest.get(it + 9..)?.find("-----")? + 5));
    Some((idx..idx + end.unwrap_or(rest.len()), Secret::PrivateKey))
}

/// 13 to 19 digits in groups, of a card scheme, with the right check digit (Luhn, ISO/IEC 7812-1).
fn card(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let is_free_before = !text.get(..idx)?.ends_with(['-', '.', '+', '/', '#', '%']);
    let end = run(text, idx, |it| it.is_ascii_digit() || it == b'-' || it == b' ');
    let end = idx + text.get(idx..end)?.trim_end_matches([' ', '-']).len();
    let digits: Vec<u8> = text.get(idx..end)?.bytes().filter(u8::is_ascii_digit).map(|it| it - b'0').collect();
    let groups: Vec<usize> = text.get(idx..end)?.split([' ', '-']).map(str::len).collect();
    let is_grouped = matches!(groups.as_slice(), [4, 4, 4, 4] | [4, 6, 5] | [15] | [16]);
    let is_free_behind = !text.as_bytes().get(end).is_some_and(|it| is_word_byte(*it) || *it == b'.');
    let is_card = is_free_before && is_free_behind && is_grouped && is_scheme(&digits) && luhn(&digits);
    is_card.then_some((idx..end, Secret::Card))
}

fn is_scheme(digits: &[u8]) -> bool {
    let first = digits.iter().take(4).fold(0_u32, |sum, it| sum * 10 + u32::from(*it));
    match digits.len() {
        15 => matches!(first / 100, 34 | 37),
        16 => matches!(first, 4000..=4999 | 5100..=5599 | 2221..=2720 | 6011 | 6500..=6599),
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |it: u8| if it > 4 { it * 2 - 9 } else { it * 2 };
    let values = digits.iter().rev().enumerate().map(|(idx, it)| if idx % 2 == 1 { doubled(*it) } else { *it });
    values.map(u32::from).sum::<u32>().is_multiple_of(10)
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

    proptest::proptest! {
        #[test]
        fn any_text_is_survived_and_redacting_again_changes_nothing(text in "(password|token|://a|:|=|@|\\PC|[0-9 ]{0,20}|-----BEGIN PRIVATE KEY-----){0,12}") {
            let once = safe(&text);
            proptest::prop_assert_eq!(safe(&once), once);
        }
    }
}
