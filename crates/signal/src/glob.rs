//! Does a name match a pattern with `*`?

/// True if `text` matches `pattern`, where `*` stands for any number of characters. Linear in both for one star,
/// at worst their product, so that a hostile pattern or label cannot stall a shard.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    while let Some((part, after)) = rest.split_once('*') {
        let Some((_, left)) = text.split_once(part) else { return false };
        (text, rest) = (left, after);
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::glob_matches;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("cpu", "cpu", true),
            ("cpu", "cpu_usage", false),
            ("cpu*", "cpu_usage", true),
            ("*_percent", "host_cpu_percent", true),
            ("*_percent", "percent_host", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(glob_matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
