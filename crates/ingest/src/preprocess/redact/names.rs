//! Is what stands behind a name a secret? Names such as `password`, in whatever way the value is given to them: with
//! `=`, `:`, in JSON, in a header, in an address, in XML, escaped, or on the next line.

use std::ops::Range;

use super::{Secret, beginning, is_key_byte, is_word_byte, places, run, run_within, words};

/// How sure a name makes us.
#[derive(Clone, Copy, PartialEq)]
enum Weight {
    /// The value is a secret whatever it looks like.
    Strong,
    /// The name is also used for what is no secret: the value must be long and look like one.
    Weak,
    /// As weak, and `:` alone does not make it a name.
    Assigned,
    /// A header with cookies: all that follows.
    Cookies,
    /// A header with a scheme and a credential.
    Authorization,
    /// The value of a pair whose name stands before.
    Pair,
}

use Weight::{Assigned, Authorization, Cookies, Pair, Strong, Weak};

/// Ends of names in lower case without `_`, `-` and `.`; what is shorter than five letters must be a word of its own.
#[rustfmt::skip]
const NAMES: &[(&str, Weight)] = &[
    ("password", Strong), ("passwd", Strong), ("passphrase", Strong), ("pwd", Strong), ("pass", Strong),
    ("passcode", Strong), ("userpass", Strong), ("dbpass", Strong), ("psk", Strong), ("secret", Strong),
    ("secretkey", Strong), ("secretkeybase", Strong), ("apikey", Strong), ("privatekey", Strong),
    ("accesskey", Strong), ("accountkey", Strong), ("credentials", Strong),
    ("encryptionkey", Strong), ("signingkey", Strong), ("masterkey", Strong), ("accesstoken", Strong),
    ("refreshtoken", Strong), ("idtoken", Strong), ("authtoken", Strong), ("apitoken", Strong),
    ("bottoken", Strong), ("sessiontoken", Strong), ("securitytoken", Strong), ("privatetoken", Strong),
    ("clientkeydata", Strong), ("requirepass", Strong), ("appkey", Weak), ("applicationkey", Weak),
    ("routingkey", Weak), ("integrationkey", Weak), ("servicekey", Weak), ("licensekey", Weak),
    ("writekey", Weak), ("geniekey", Weak), ("fastlykey", Weak), ("storagekey", Weak), ("sharedkey", Weak), ("token", Weak),
    ("signature", Weak), ("authkey", Weak), ("sessionkey", Weak), ("jwt", Weak), ("sig", Weak), ("dsn", Weak),
    ("sessionid", Assigned), ("sessid", Assigned), ("connectsid", Assigned), ("session", Assigned),
    ("code", Assigned), ("auth", Assigned), ("nonce", Assigned), ("verifier", Assigned), ("cookie", Cookies),
    ("cookies", Cookies), ("authorization", Authorization), ("value", Pair),
];

const WEAK_LENGTH: usize = 16;
/// So much of a value without quotes is looked at: a line may be full of names, and each of them is looked behind.
const MOST_LOOKED_AT: usize = 512;
/// The same between quotes or tags.
const MOST_QUOTED: usize = 8192;
/// Before the `:` of what curl is told.
const MOST_USER_BYTES: usize = 64;
const SHORT_NAME: usize = 5;
/// So many letters of a name are looked at.
const NAME_LETTERS: usize = 40;

/// By the last letter of a name: the names that end with it, a bit for each.
#[expect(clippy::indexing_slicing, reason = "it is computed by the compiler, which would say so")]
static BY_LAST: [u64; 256] = {
    let mut table = [0; 256];
    let mut idx = 0;
    while idx < NAMES.len() {
        let bytes = NAMES[idx].0.as_bytes();
        let last = bytes[bytes.len() - 1];
        table[last as usize] |= 1 << idx;
        table[last.to_ascii_uppercase() as usize] |= 1 << idx;
        idx += 1;
    }
    table
};

/// How a value is given to its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    /// Bytes that it takes.
    pub length: usize,
    /// False for `:`, which also stands in prose.
    pub is_assignment: bool,
}

/// The value behind a name; `idx` is where the sign between them stands.
pub(super) fn behind_name(text: &str, idx: usize, sign: Sign) -> Option<(Range<usize>, Secret)> {
    let before = text.get(..idx)?;
    let candidates = candidates(before);
    if candidates == 0 {
        return None;
    }
    let (bare, is_quoted_name) = without_quotes(before);
    let name = Name::at_end_of(bare);
    let weight = name.weight(candidates).filter(|_| !name.before(bare).ends_with("[redacted:"))?;
    let place = Place::of(text, idx + sign.length);
    let value = text.get(place.range.clone())?;
    if value.starts_with("-----BEGIN") {
        return places::private_key(text, place.range.start);
    }
    let is_alone = || name.begins_line(bare) && ends_line(text, place.range.end);
    let is_assigned = sign.is_assignment || is_quoted_name;
    let is_long = value.len() >= WEAK_LENGTH && looks_secret(value) && !value.starts_with("0x");
    let is_secret = match weight {
        Strong => place.is_near && (is_assigned || value.len() >= 6 && is_alone()) || looks_secret(value),
        Weak => is_long,
        Assigned => is_long && (is_assigned || is_alone()),
        Pair => is_secret_pair(name.before(bare)) && (is_assigned || is_alone()),
        Cookies => return cookies(text, place.range),
        Authorization => return behind_scheme(text, place.range.start),
    };
    (is_secret && !is_nothing(value)).then(|| (place.whole(text), Secret::Value))
}

/// `<password>value</password>`; `idx` is where the first `>` stands.
pub(super) fn in_tag(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let before = text.get(..idx)?;
    let candidates = candidates(before);
    if candidates == 0 {
        return None;
    }
    let name = Name::at_end_of(before);
    if name.weight(candidates)? != Strong || !before.get(..name.start)?.ends_with(['<', ':']) {
        return None;
    }
    let end = run_within(text, idx + 1, MOST_QUOTED, |it| it != b'<');
    let value = text.get(idx + 1..end)?;
    let is_closed = text.get(end..)?.starts_with("</");
    (is_closed && !is_nothing(value)).then_some((idx + 1..end, Secret::Value))
}

/// The value behind `--password `, `-u user:` of curl and `-p` of mysql; `idx` is where the first `-` stands.
pub(super) fn behind_flag(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let flag_end = run_within(text, idx, MOST_LOOKED_AT, is_key_byte);
    let flag = text.get(idx..flag_end)?;
    let from = flag_end + 1;
    if flag.len() < 2 || text.as_bytes().get(flag_end) != Some(&b' ') {
        return None;
    }
    let is_program = |name: &str| text.get(idx.saturating_sub(200)..idx).is_some_and(|it| it.contains(name));
    if flag.starts_with("--") && flag.len() > 3 {
        let before = text.get(..from - 1)?;
        let name = Name::at_end_of(before);
        let weight = name.weight(candidates(before))?;
        let place = Place::of(text, from);
        let found = text.get(place.range.clone())?;
        let is_secret = match weight {
            Strong => !found.starts_with('-'),
            Weak | Assigned => found.len() >= WEAK_LENGTH && looks_secret(found),
            Cookies => return cookies(text, place.range),
            Authorization => return behind_scheme(text, place.range.start),
            Pair => false,
        };
        return (is_secret && !is_nothing(found)).then(|| (place.whole(text), Secret::Value));
    }
    if matches!(flag, "-u" | "--user" | "-U") && is_program("curl") {
        let start = from + beginning(text, from, MOST_USER_BYTES + 1).find(':')? + 1;
        let end = run(text, start, |it| !it.is_ascii_whitespace() && !matches!(it, b'"' | b'\''));
        let found = text.get(start..end)?;
        let is_user = !text.get(from..start)?.contains([' ', '[']);
        return (is_user && !is_nothing(found)).then_some((start..end, Secret::Value));
    }
    let is_of_mysql = flag.len() > 4 && flag.starts_with("-p") && (is_program("mysql") || is_program("mariadb"));
    is_of_mysql.then_some((idx + 2..idx + flag.len(), Secret::Value))
}

/// Names that can stand at the end of the text, by its last letter.
fn candidates(before: &str) -> u64 {
    let before = if before.ends_with(';') { without_quotes(before).0 } else { before };
    let is_letter = |it: &&u8| !matches!(it, b'"' | b'\'' | b'\\' | b' ' | b'_' | b'-' | b']');
    let last = before.as_bytes().iter().rev().take(8).find(is_letter);
    last.and_then(|it| BY_LAST.get(usize::from(*it))).copied().unwrap_or(0)
}

/// The text without the quotes at its end, and whether there were any.
fn without_quotes(before: &str) -> (&str, bool) {
    let bare = before.trim_end_matches(['"', '\'', '\\', ' ', ']']);
    let bare = ["&quot;", "&#34;", "&#39;", "%22"].iter().find_map(|it| bare.strip_suffix(it)).unwrap_or(bare);
    (bare, bare.len() < before.trim_end_matches(' ').len())
}

/// The letters at the end of a text, the last first, in lower case without what separates words.
struct Name {
    letters: [u8; NAME_LETTERS],
    length: usize,
    /// A bit for each letter that begins a word.
    begins_word: u64,
    /// Where it begins in the text.
    start: usize,
}

impl Name {
    fn at_end_of(text: &str) -> Self {
        let mut name = Self { letters: [0; NAME_LETTERS], length: 0, begins_word: 0, start: text.len() };
        for byte in text.bytes().rev() {
            name.note_escape(byte);
            let is_separator = matches!(byte, b'_' | b'-' | b'.');
            let Some(place) = name.letters.get_mut(name.length).filter(|_| is_word_byte(byte) || is_separator) else {
                break;
            };
            name.start -= 1;
            if is_separator {
                name.begins_word |= 1 << name.length >> 1;
                continue;
            }
            *place = byte.to_ascii_lowercase();
            // An upper-case letter begins a word if what follows it is in lower case.
            name.begins_word |= u64::from(byte.is_ascii_uppercase()) << name.length;
            name.length += 1;
        }
        name.begins_word |= 1 << name.length >> 1;
        name
    }

    /// What belongs to the escape before a name is no part of it: `\\n`, `%3F`, or the end of a color.
    fn note_escape(&mut self, before: u8) {
        let first = self.length.checked_sub(1).and_then(|it| self.letters.get(it)).copied().unwrap_or(0);
        let n_letters = match before {
            b'\\' if matches!(first, b'n' | b't' | b'r') => 1,
            b'0'..=b'9' if first == b'm' => 1,
            b'%' => 2,
            _ => return,
        };
        if let Some(it) = self.length.checked_sub(n_letters + 1) {
            self.begins_word |= 1 << it;
        }
    }

    fn weight(&self, candidates: u64) -> Option<Weight> {
        let fits = |(idx, (name, _)): &(usize, &(&str, Weight))| {
            let is_end = candidates >> idx & 1 == 1
                && name.len() <= self.length
                && name.bytes().rev().zip(self.letters).all(|(one, other)| one == other);
            is_end && (name.len() >= SHORT_NAME || self.begins_word >> (name.len() - 1) & 1 == 1)
        };
        NAMES.iter().enumerate().find(fits).map(|(_, (_, weight))| *weight)
    }

    /// What stands before it.
    fn before<'a>(&self, text: &'a str) -> &'a str {
        text.get(..self.start).unwrap_or("")
    }

    /// True if nothing stands before it on its line, as in YAML and in headers.
    fn begins_line(&self, text: &str) -> bool {
        let before = self.before(text).trim_end_matches(['"', '\'', ' ', '\t', '-', '>', '<']);
        before.is_empty() || before.ends_with(['\n', '\r'])
    }
}

/// `name: DB_PASSWORD` before `value: ...`; `before` ends where the word `value` begins.
fn is_secret_pair(before: &str) -> bool {
    let before = before.trim_end_matches(['"', '\'', '\\', ' ', ',', '\n', '\t', '{', '-']);
    let name = Name::at_end_of(before);
    let is_named = || name.before(before).trim_end_matches(['"', '\'', '\\', ' ', ':', '=']).ends_with(['e', 'E', 'y']);
    name.weight(candidates(before)) == Some(Strong) && is_named()
}

/// Where a value lies.
struct Place {
    /// Of a long value without quotes only what is looked at.
    range: Range<usize>,
    is_quoted: bool,
    /// On the line of its name.
    is_near: bool,
}

impl Place {
    fn of(text: &str, from: usize) -> Self {
        let rest = text.get(from..).unwrap_or("");
        let bare = rest.trim_start_matches([' ', '\t', '=', '>', ':', '|', '\\', '\r', '\n']);
        let bare =
            ["&quot;", "&#34;", "&#39;", "%22", "u0022"].iter().find_map(|it| bare.strip_prefix(it)).unwrap_or(bare);
        let gap = rest.get(..rest.len() - bare.len()).unwrap_or("");
        let is_near = !gap.contains('\n') && !gap.contains("\\n");
        let start = from + gap.len();
        let quote = bare.bytes().next().filter(|it| matches!(it, b'"' | b'\'' | b'`'));
        let inside = quote.and_then(|it| quoted_end(text, start + 1, it, gap.ends_with('\\')));
        match (inside, quote) {
            (Some(end), _) => Self { range: start + 1..end, is_quoted: true, is_near },
            (None, Some(_)) => Self::bare(text, start + 1, is_near),
            (None, None) => Self::bare(text, start, is_near),
        }
    }

    fn bare(text: &str, start: usize, is_near: bool) -> Self {
        Self { range: start..bare_end(text, start, MOST_LOOKED_AT), is_quoted: false, is_near }
    }

    /// The value to its end. Only of secrets: what is none is looked at again from the next sign on.
    fn whole(self, text: &str) -> Range<usize> {
        let start = self.range.start;
        if self.is_quoted { self.range } else { start..bare_end(text, start, usize::MAX) }
    }
}

/// Where a quoted value ends: at the same quote, which is escaped if the first was.
fn quoted_end(text: &str, from: usize, quote: u8, is_escaped: bool) -> Option<usize> {
    let bytes = text.as_bytes().get(from..)?;
    let mut n_escapes = 0;
    for (idx, byte) in bytes.iter().take(MOST_QUOTED).enumerate() {
        match byte {
            b'\\' => n_escapes += 1,
            it if *it == quote && is_escaped && n_escapes > 0 => return Some(from + idx - n_escapes),
            it if *it == quote && n_escapes % 2 == 0 => return Some(from + idx),
            b'\n' => return None,
            _ => n_escapes = 0,
        }
    }
    None
}

/// Where a value without quotes ends, or what is looked at of it.
fn bare_end(text: &str, from: usize, most: usize) -> usize {
    let mut end = run_within(text, from, most, |it| {
        !it.is_ascii_whitespace()
            && !matches!(it, b'"' | b'\'' | b'`' | b'\\' | b',' | b';' | b'&' | b')' | b'}' | b']' | b'<' | b'>')
    });
    let value = text.get(from..end).unwrap_or("");
    for sign in ["%26", "%22", "%0A", "%0a", "%7D", "%7d", "%20"] {
        end = value.find(sign).map_or(end, |it| end.min(from + it));
    }
    end
}

fn ends_line(text: &str, end: usize) -> bool {
    let rest = text.get(end..).unwrap_or("").trim_start_matches(['"', '\'', ' ', '\t', '\r', ',']);
    rest.is_empty() || rest.starts_with('\n')
}

/// All cookies to the end of the header, if one of them has a value.
fn cookies(text: &str, first: Range<usize>) -> Option<(Range<usize>, Secret)> {
    let is_part = |it: u8| !matches!(it, b'"' | b'\'' | b'\n' | b'\r' | b'\\');
    let value = text.get(first.start..run_within(text, first.start, MOST_LOOKED_AT, is_part))?;
    let is_secret = value.len() >= WEAK_LENGTH && value.contains('=') && looks_secret(value);
    (is_secret && !is_nothing(value)).then(|| (first.start..run(text, first.start, is_part), Secret::Value))
}

/// The credential of an `Authorization` header, with or without a scheme before it.
fn behind_scheme(text: &str, from: usize) -> Option<(Range<usize>, Secret)> {
    let end = run_within(text, from, MOST_LOOKED_AT, is_word_byte);
    let next = beginning(text, end, MOST_LOOKED_AT).lines().next().unwrap_or("");
    if next.contains("[redacted:") {
        return None;
    }
    let parameter = ["Signature=", "response=\""].iter().find_map(|it| Some(end + next.find(it)? + it.len()));
    // No scheme has a digit but those whose credential is a parameter.
    let is_scheme = next.starts_with(' ') && !text.get(from..end)?.bytes().any(|it| it.is_ascii_digit());
    let found = words::credential(text, parameter.unwrap_or(if is_scheme { end + 1 } else { from }));
    found.filter(|(range, _)| !text.get(range.clone()).is_some_and(is_nothing))
}

/// What stands for no value, or for one that is hidden already.
pub(super) fn is_nothing(value: &str) -> bool {
    let is_masked = value.bytes().all(|it| matches!(it, b'*' | b'x' | b'X' | b'.' | b'-'));
    let words = ["", "null", "none", "nil", "true", "false", "undefined", "[REDACTED", "[FILTERED"];
    is_masked || words.contains(&value) || value.contains("[redacted:") || value.starts_with("${")
}

/// Prose has no digits within its words and no signs.
fn looks_secret(value: &str) -> bool {
    value.len() >= 6
        && value.bytes().any(|it| it.is_ascii_digit() || matches!(it, b'!' | b'@' | b'#' | b'$' | b'%' | b'+' | b'/'))
}
