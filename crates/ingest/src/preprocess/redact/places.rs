//! Which secrets are known by where they stand? Passwords and tokens in addresses, private keys, hashes of passwords.

use std::ops::Range;

use super::{Secret, is_key_byte, is_word_byte, names, run};

/// Users and passwords in addresses are not longer.
const MOST_USER_BYTES: usize = 512;
/// Addresses that let anybody in who knows them: what follows these beginnings is the secret.
const HOOKS: [&str; 9] = [
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "hooks.slack.com/triggers/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "hooks.zapier.com/hooks/catch/",
    "events.pagerduty.com/integration/",
    "alert.victorops.com/integrations/",
    "hooks.opsgenie.com/",
];

/// What an address hides; `idx` is where its `://` stands.
pub(super) fn in_address(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let from = idx + 3;
    let rest = text.get(from..)?;
    let end = |at: usize| run(text, at, |it| is_key_byte(it) || matches!(it, b'/' | b'@' | b'%' | b'+' | b'='));
    if let Some(hook) = HOOKS.iter().find(|it| rest.starts_with(**it)) {
        let (start, end) = (from + hook.len(), end(from + hook.len()));
        return (end - start >= 16).then_some((start..end, Secret::Address));
    }
    let host_end = run(text, from, is_key_byte);
    if text.get(from..host_end)?.ends_with(".webhook.office.com") {
        let end = end(host_end);
        return (end - host_end >= 16).then_some((host_end..end, Secret::Address));
    }
    let last = (from + MOST_USER_BYTES).min(text.len());
    let user = text.as_bytes().get(from..last)?;
    let is_end =
        |it: &u8| it.is_ascii_whitespace() || matches!(it, b'@' | b'/' | b'"' | b'\'' | b'[' | b'<' | b'>' | b'\\');
    let length = user.iter().position(is_end)?;
    if user.get(length) != Some(&b'@') {
        return None;
    }
    let user = text.get(from..from + length)?;
    let (start, secret) = match user.split_once(':') {
        Some((name, password)) => (from + name.len() + 1, password),
        // A token in place of a user.
        None if user.len() >= 20 && user.bytes().any(|it| it.is_ascii_digit()) => (from, user),
        None => return None,
    };
    (!names::is_nothing(secret)).then_some((start..from + length, Secret::Address))
}

/// From `-----BEGIN ... PRIVATE KEY-----` to its end, or to the end of the text.
pub(super) fn private_key(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let rest = text.get(idx..)?;
    let head = rest.strip_prefix("-----BEGIN ").or_else(|| rest.strip_prefix("---- BEGIN "))?;
    let title = head.get(..head.find("----")?)?.trim_end();
    let is_key = title.ends_with("PRIVATE KEY") || title.ends_with("PRIVATE KEY BLOCK");
    if !is_key || title.len() > 50 {
        return None;
    }
    let end = rest.find("---END ").or_else(|| rest.find("--- END "));
    let end = end.and_then(|it| Some(it + 7 + rest.get(it + 7..)?.find("----")? + 4));
    let end = end.map_or(text.len(), |it| run(text, idx + it, |it| it == b'-'));
    Some((idx..end, Secret::PrivateKey))
}

/// True if a private key begins in the text and does not end in it.
pub(crate) fn leaves_key_open(text: &str) -> bool {
    let begin = text.rfind("PRIVATE KEY");
    begin.is_some_and(|it| {
        let head = text.get(..it).unwrap_or("");
        let line = head.rfind("BEGIN ").filter(|begin| it - begin < 40);
        line.is_some_and(|begin| text.get(..begin).is_some_and(|it| it.trim_end().ends_with("----")))
    })
}

/// The token of a Telegram bot: 8 to 10 digits, `:` and 35 letters; `idx` is where the `:` stands.
pub(super) fn bot_token(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let n_digits = text.get(..idx)?.bytes().rev().take_while(u8::is_ascii_digit).count();
    let end = run(text, idx + 1, |it| is_word_byte(it) || it == b'-');
    ((8..=10).contains(&n_digits) && end - idx > 33).then_some((idx - n_digits..end, Secret::Key))
}

/// The token of Terraform Cloud has `.atlasv1.` in its middle; `idx` is where that stands.
pub(super) fn atlas_token(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    if !text.get(idx..)?.starts_with(".atlasv1.") {
        return None;
    }
    let before = text.get(..idx)?.bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
    let end = (before >= 14).then(|| run(text, idx + 9, is_key_byte))?;
    (end >= idx + 49).then_some((idx - before..end, Secret::Key))
}

/// A secret of an Azure application has a digit, `Q~` and 31 letters behind three others; `idx` is where the `~` stands.
pub(super) fn azure_secret(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let is_part = |it: u8| is_key_byte(it) || it == b'~';
    let start = idx.checked_sub(5)?;
    let [.., digit, b'Q'] = text.as_bytes().get(start..idx)? else { return None };
    if !digit.is_ascii_digit() || !text.as_bytes().get(start..idx)?.iter().all(|it| is_part(*it)) {
        return None;
    }
    let end = run(text, idx + 1, is_part);
    (end >= idx + 31).then_some((start..end, Secret::Key))
}

/// A hash of a password as `crypt` writes it: `$6$salt$hash`; `idx` is where the first `$` stands.
pub(super) fn password_hash(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let rest = text.get(idx + 1..)?;
    let schemes = ["1$", "2a$", "2b$", "2y$", "5$", "6$", "y$", "apr1$", "argon2id$", "argon2i$", "scrypt$", "pbkdf2"];
    if !schemes.iter().any(|it| rest.starts_with(it)) {
        return None;
    }
    let end = run(text, idx, |it| is_key_byte(it) || matches!(it, b'$' | b'/' | b'+' | b'=' | b','));
    let n_parts = text.get(idx..end)?.matches('$').count();
    (n_parts >= 3 && end - idx >= 28).then_some((idx..end, Secret::Key))
}
