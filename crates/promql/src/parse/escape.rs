//! What does a quoted string say? Go's escapes, which PromQL uses.

/// Bytes of the string at the begin of the text with both its quotes; none if it does not end.
pub(super) fn length_of_string(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, it) in text.char_indices().skip(1) {
        match it {
            _ if is_escaped => is_escaped = false,
            '\\' if quote != '`' => is_escaped = true,
            '\n' if quote != '`' => return None,
            it if it == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Replaces escapes; the error says what is wrong.
///
/// Bytes that are no UTF-8 (`\xc5` alone) become characters of a private plane, which [`broken_byte`] recognizes.
pub(super) fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(it) = chars.next() {
        if it != '\\' {
            push(&mut bytes, it);
            continue;
        }
        let kind = chars.next().ok_or("invalid syntax")?;
        match kind {
            'a' => bytes.push(0x07),
            'b' => bytes.push(0x08),
            'f' => bytes.push(0x0c),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(0x0b),
            '\\' | '\'' | '"' => push(&mut bytes, kind),
            'x' => bytes.push(code(&mut chars, 2, 16)? as u8),
            'u' => push(&mut bytes, scalar(code(&mut chars, 4, 16)?)?),
            'U' => push(&mut bytes, scalar(code(&mut chars, 8, 16)?)?),
            '0'..='7' => {
                let rest = code(&mut chars, 2, 8)?;
                let value = kind.to_digit(8).unwrap_or(0) * 64 + rest;
                bytes.push(u8::try_from(value).map_err(|_| "octal escape value > 255")?);
            }
            other => return Err(format!("unknown escape sequence {other:?}")),
        }
    }
    Ok(bytes
        .utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars().chain(chunk.invalid().iter().map(|byte| broken(*byte))))
        .collect())
}

/// The first character that stands for a byte that is no UTF-8.
const BROKEN: u32 = 0x0010_ff00;

fn broken(byte: u8) -> char {
    char::from_u32(BROKEN + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte that was no UTF-8, if the character stands for one.
pub(crate) fn broken_byte(it: char) -> Option<u8> {
    u32::from(it).checked_sub(BROKEN).and_then(|it| u8::try_from(it).ok())
}

/// True if the text can be the name of a label.
pub(crate) fn is_label_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|it| broken_byte(it).is_some() || it == char::REPLACEMENT_CHARACTER)
}

fn push(bytes: &mut Vec<u8>, it: char) {
    bytes.extend_from_slice(it.encode_utf8(&mut [0; 4]).as_bytes());
}

fn code(chars: &mut std::str::Chars<'_>, digits: usize, radix: u32) -> Result<u32, String> {
    let mut value = 0_u32;
    for _ in 0..digits {
        let digit = chars.next().and_then(|it| it.to_digit(radix)).ok_or("illegal character in escape sequence")?;
        value = value.wrapping_mul(radix).wrapping_add(digit);
    }
    Ok(value)
}

fn scalar(code: u32) -> Result<char, String> {
    char::from_u32(code).ok_or_else(|| "escape sequence is an invalid Unicode code point".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_go() {
        assert_eq!(unescape(r#"a\n\x41\101\u00e9\""#).unwrap(), "a\nAA\u{e9}\"");
        assert!(unescape(r"\d").is_err());
        assert_eq!(length_of_string(r#""a\"b" c"#, '"'), Some(6));
        assert_eq!(length_of_string("\"a", '"'), None);
    }
}
