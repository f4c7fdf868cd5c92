//! How do names of other systems become names that Prometheus allows? As in Telegraf's Prometheus serializers: what is
//! not allowed becomes `_`, except at both ends, where it is left out.

use crate::preprocess::redacted;

/// The name of a metric; empty if no character of it may stand in one.
pub(crate) fn metric(name: &str) -> String {
    legal(name, |it| it == ':')
}

/// The name of a label; empty if no character of it may stand in one.
pub(crate) fn label(name: &str) -> String {
    legal(name, |_| false)
}

fn legal(name: &str, is_also_allowed: impl Fn(char) -> bool) -> String {
    let is_letter = |it: char| it.is_ascii_alphabetic() || it == '_' || is_also_allowed(it);
    let is_legal = |it: char| is_letter(it) || it.is_ascii_digit();
    if name.starts_with(is_letter) && name.chars().all(is_legal) {
        return name.to_owned();
    }
    // Afterwards its signs are gone by which a secret is known.
    let name = redacted(name, &mut |_| {});
    let rest = name.trim_start_matches(|it| !is_letter(it));
    let replaced: String = rest.chars().map(|it| if is_legal(it) { it } else { '_' }).collect();
    replaced.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_legal() {
        for (name, expected) in [
            ("http_requests:rate", "http_requests:rate"),
            ("my.app-99%", "my_app_99"),
            ("9lives", "lives"),
            ("_kept_", "_kept_"),
            ("caf\u{e9} x", "caf__x"),
            ("\u{e9}", ""),
            ("at https://ops:hunter22@db/", "at_https:__ops:_redacted:address__db"),
        ] {
            assert_eq!(metric(name), expected);
        }
        assert_eq!(label("a:b"), "a_b");
    }
}
