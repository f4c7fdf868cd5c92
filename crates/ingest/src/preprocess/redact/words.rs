//! Which secrets are known by the word they begin with, or by their shape? Web tokens, what follows `Bearer`, tokens of
//! bots, passwords of a command or a statement.

use std::ops::Range;

use super::{Secret, beginning, card, is_key_byte, is_word_byte, keys, run, run_within};

/// The first part of a web token is not longer.
const MOST_HEAD_BYTES: usize = 4096;
/// So much of a credential tells whether it is one.
const MOST_LOOKED_AT: usize = 512;
/// Between the machine and the password in a line of `.netrc`.
const MOST_BETWEEN: usize = 256;
/// Before the private part of a key of PuTTY.
const MOST_PUTTY_BYTES: usize = 4096;

/// The first two bytes of what is looked for here and is no key of the table.
pub(super) const BEGINNINGS: &[[u8; 2]] = &[
    *b"ey", *b"Be", *b"be", *b"BE", *b"Ba", *b"ba", *b"BA", *b"SS", *b"Ap", *b"ap", *b"SK", *b"ma", *b"ID", *b"id",
    *b"Id", *b"PA", *b"pa", *b"Pa", *b"ss", *b"ac", *b"Pu", *b"dp", *b"dt", *b"NR",
];

/// What begins with the word that begins here; digits are looked at by the caller.
pub(super) fn at_word(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let rest = text.get(idx..)?;
    // Two letters begin many words; the next two tell.
    let found = match rest.as_bytes().get(..4)? {
        b"sshp" | b"mach" | b"iden" | b"IDEN" | b"Iden" | b"pass" | b"PASS" | b"Pass" | b"PuTT" => {
            behind_words(text, idx)
        }
        b"Bear" | b"bear" | b"BEAR" | b"Basi" | b"basi" | b"BASI" | b"SSWS" | b"ApiK" | b"apik" | b"Apik" => {
            authorization(text, idx)
        }
        [b'e', b'y', b'J', _] => web_token(text, idx),
        [b'S', b'K', ..] => hexadecimal(text, idx),
        [b'd', b'p', b'.', _] | b"dt0c" | b"acce" | b"NRII" | b"NRRA" => dotted(text, idx),
        _ => None,
    };
    found.or_else(|| keys::known_key(text, idx))
}

/// What begins with a digit: a card, the token of a Telegram bot stands behind its `:`, a refresh token of Google.
pub(super) fn at_digit(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    card::card(text, idx).or_else(|| {
        let is_refresh = text.get(idx..)?.starts_with("1//0");
        let end = is_refresh.then(|| run(text, idx + 4, |it| is_word_byte(it) || it == b'-'))?;
        (end >= idx + 34).then_some((idx..end, Secret::Key))
    })
}

/// Three parts of base64 with dots between them, or five if they are encrypted.
fn web_token(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let is_part = |it: u8| is_word_byte(it) || it == b'-';
    let ends_long = |from: usize, end: usize| end >= from + 10 && text.as_bytes().get(end) == Some(&b'.');
    let head = run_within(text, idx, MOST_HEAD_BYTES, is_part);
    if !ends_long(idx, head) {
        return None;
    }
    let body = run(text, head + 1, is_part);
    ends_long(head + 1, body).then(|| (idx..run(text, body, is_key_byte), Secret::Token))
}

/// `Bearer` or `Basic` and then a credential.
fn authorization(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let scheme = ["bearer ", "basic ", "ssws ", "apikey "]
        .into_iter()
        .find(|it| text.get(idx..idx + it.len()).is_some_and(|found| found.eq_ignore_ascii_case(it)))?;
    credential(text, idx + scheme.len())
}

/// A credential that begins here. "Basic authentication" is none: they have digits or both cases mixed within.
pub(super) fn credential(text: &str, from: usize) -> Option<(Range<usize>, Secret)> {
    let is_part = |it: u8| is_key_byte(it) || matches!(it, b'+' | b'/' | b'=' | b'~' | b':' | b'%');
    let value = text.get(from..run_within(text, from, MOST_LOOKED_AT, is_part))?;
    let is_mixed = value.bytes().any(|it| it.is_ascii_digit() || it == b'=')
        || value.bytes().skip(1).any(|it| it.is_ascii_uppercase());
    (value.len() >= 8 && is_mixed).then(|| (from..run(text, from, is_part), Secret::Authorization))
}

/// A key of Twilio is `SK` and 32 hexadecimal digits.
fn hexadecimal(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let is_twilio = text.get(idx..)?.starts_with("SK");
    let end = run(text, idx + 2, |it| it.is_ascii_hexdigit());
    (is_twilio && end == idx + 34).then_some((idx..end, Secret::Key))
}

/// Keys whose beginning has a dot or a dollar: Doppler, Dynatrace, Braintree.
fn dotted(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let rest = text.get(idx..)?;
    let prefix = ["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dt0c01.", "access_token$", "NRII-", "NRRA-"]
        .into_iter()
        .find(|it| rest.starts_with(it))?;
    let end = run(text, idx + prefix.len(), |it| is_key_byte(it) || it == b'$');
    (end - idx - prefix.len() >= 24).then_some((idx..end, Secret::Key))
}

/// What stands behind certain words of commands and statements.
fn behind_words(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let follows = |words: &str| {
        let is_there = text.get(idx..idx + words.len()).is_some_and(|it| it.eq_ignore_ascii_case(words));
        is_there.then_some(idx + words.len())
    };
    if let Some(from) = follows("machine ") {
        let line = beginning(text, from, MOST_BETWEEN).lines().next()?;
        let from = from + line.find(" password ")? + 10;
        return value(text, from, |it| !it.is_ascii_whitespace());
    }
    if let Some(from) = follows("sshpass -p ").or_else(|| follows("sshpass -p")) {
        return value(text, from, |it| !it.is_ascii_whitespace());
    }
    if let Some(from) = follows("PuTTY-User-Key-File-") {
        let lines = beginning(text, from, MOST_PUTTY_BYTES).find("Private-Lines:")?;
        return Some((from + lines..text.len(), Secret::PrivateKey));
    }
    let from = follows("identified by '").or_else(|| follows("password '")).or_else(|| follows("identified by \""))?;
    value(text, from, |it| !matches!(it, b'\'' | b'"'))
}

fn value(text: &str, from: usize, is_part: impl Fn(u8) -> bool) -> Option<(Range<usize>, Secret)> {
    let end = run(text, from, is_part);
    let found = text.get(from..end)?;
    (!found.is_empty() && !super::names::is_nothing(found)).then_some((from..end, Secret::Value))
}
