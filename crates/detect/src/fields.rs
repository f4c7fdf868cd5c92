//! What is the value of a field in a log line? For JSON, `key=value` and prose (`took 12 ms`), without parsing the rest.

/// The text that stands at a field: after the name and `=`, `:` or a space, up to the next space, comma or bracket, or
/// within quotes. None if the line has no such field.
pub(crate) fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    if name.is_empty() {
        return None;
    }
    let is_word = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-' | '.');
    line.match_indices(name).find_map(|(idx, _)| {
        let (before, after) = (line.get(..idx)?, line.get(idx + name.len()..)?);
        if before.chars().next_back().is_some_and(is_word) {
            return None;
        }
        // The quote of a JSON key, then what separates the name from its value.
        let after = after.strip_prefix('"').unwrap_or(after);
        let value = after.trim_start_matches([' ', '=', ':']);
        if value.len() == after.len() {
            return None;
        }
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.get(..quoted.find('"').unwrap_or(quoted.len()))?,
            None => value.get(..value.find([' ', ',', ';', '}', ')', ']', '"']).unwrap_or(value.len()))?,
        };
        (!value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_of_json_logfmt_and_prose() {
        for (line, name, expected) in [
            (r#"{"msg":"paid","took_ms":12.5,"user":"ann b"}"#, "took_ms", Some("12.5")),
            (r#"{"msg":"paid","took_ms": 12.5,"user":"ann b"}"#, "user", Some("ann b")),
            ("level=info took=350ms path=/cart", "took", Some("350ms")),
            (r#"level=info msg="took long" took=3"#, "took", Some("long")),
            ("order 17 took 12.5 ms, ok", "took", Some("12.5")),
            ("order 17 took 12.5 ms, ok", "order", Some("17")),
            ("(latency: 3s)", "latency", Some("3s")),
            ("undertook 5", "took", None),
            ("took", "took", None),
            ("tookx=5", "took", None),
            ("", "took", None),
            ("x=5", "", None),
            ("\u{fc}took=5 took=6", "took", Some("6")),
        ] {
            assert_eq!(field(line, name), expected, "{name} in {line:?}");
        }
    }
}
