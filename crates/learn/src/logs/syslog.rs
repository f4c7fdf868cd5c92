//! Where does the header of syslog end? What RFC 3164 and RFC 5424 say of the beginning of a line.

/// The fields of RFC 5424 between its version and the structured data: time, host, program, process, message.
const FIELDS: usize = 5;

/// The length of a priority, `<34>`, or 0.
pub(super) fn priority(line: &[u8]) -> usize {
    let [b'<', rest @ ..] = line else { return 0 };
    let digits = rest.iter().take(3).take_while(|it| it.is_ascii_digit()).count();
    if digits > 0 && rest.get(digits) == Some(&b'>') { digits + 2 } else { 0 }
}

/// The length of a header with a version, `<34>1 TIME HOST PROGRAM PROCESS MESSAGE DATA `, if the line has one.
pub(super) fn structured(line: &[u8]) -> Option<usize> {
    let begin = priority(line);
    if begin == 0 || line.get(begin..begin + 2) != Some(b"1 ") {
        return None;
    }
    let mut at = begin + 2;
    for _ in 0..FIELDS {
        let length = line.get(at..)?.iter().position(|it| *it == b' ').filter(|it| *it > 0)?;
        at += length + 1;
    }
    at += data(line.get(at..)?)?;
    let rest = line.get(at..)?;
    let gap = usize::from(rest.first() == Some(&b' '));
    let mark = if rest.get(gap..)?.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    Some(at + gap + mark)
}

/// The length of structured data: `-`, or elements in brackets, in whose quoted values a backslash escapes.
fn data(text: &[u8]) -> Option<usize> {
    if text.first() == Some(&b'-') {
        return Some(1);
    }
    let (mut is_open, mut is_quoted, mut is_escaped) = (false, false, false);
    for (idx, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' if is_open => is_quoted = !is_quoted,
            b'[' if !is_open => is_open = true,
            b']' if !is_quoted => is_open = false,
            _ if !is_open => return (idx > 0).then_some(idx),
            _ => {}
        }
    }
    (!is_open && !text.is_empty()).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> Option<&str> {
        structured(line.as_bytes()).and_then(|it| line.get(it..))
    }

    #[test]
    fn the_message_follows_the_data() {
        assert_eq!(message("<34>1 2003-10-11T22:14:15.003Z m.example.com su - ID47 - it failed"), Some("it failed"));
        assert_eq!(message("<165>1 - - - - - [a@1 x=\"1\"][b@2 y=\"]\\\"\"] \u{feff}An event"), Some("An event"));
        assert_eq!(message("<165>1 - - - - - -"), Some(""));
    }

    #[test]
    fn what_is_broken_is_no_header() {
        for line in
            ["", "<34>", "<34>1 ", "<34>1 a b c", "<34>2 a b c d e - x", "<34>1 a b c d e [x", "<34>1 a b c d e x"]
        {
            assert_eq!(message(line), None, "{line}");
        }
        assert_eq!(["<34>x", "<>x", "<abc>", "<12345>", ""].map(|it| priority(it.as_bytes())), [4, 0, 0, 0, 0]);
    }
}
