//! What do texts, letters and numbers within actions stand for? What they stand for in Go.

use super::value::Value;

/// A text or letter at the begin, and how many bytes it takes.
pub fn quoted(text: &str) -> Result<(Value, usize), String> {
    let quote = text.chars().next().unwrap_or('"');
    let inner = text.get(1..).unwrap_or("");
    let open = || format!("a closing {quote} expected");
    if quote == '`' {
        let (raw, _) = inner.split_once('`').ok_or_else(open)?;
        return Ok((Value::text(raw.replace('\r', "")), raw.len() + 2));
    }
    let (mut rest, mut bytes) = (inner, vec![]);
    loop {
        let letter = rest.chars().next().filter(|it| *it != '\n').ok_or_else(open)?;
        let behind = rest.get(letter.len_utf8()..).unwrap_or("");
        rest = if letter == quote {
            let len = text.len() - behind.len();
            let read = String::from_utf8_lossy(&bytes).into_owned();
            return Ok((if quote == '"' { Value::text(read) } else { letter_of(&read)? }, len));
        } else if letter == '\\' {
            escape(behind, &mut bytes)?
        } else {
            bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes());
            behind
        };
    }
}

/// `'a'` is a number.
fn letter_of(text: &str) -> Result<Value, String> {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(it), None) => Ok(Value::Int(u32::from(it).into())),
        _ => Err("one letter expected between ' and '; texts stand between \" and \"".to_owned()),
    }
}

/// Puts in what stands behind `\`; the rest.
fn escape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Result<&'a str, String> {
    let letter = text.chars().next().unwrap_or(' ');
    let behind = text.get(letter.len_utf8()..).unwrap_or("");
    let simple = match letter {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '"' => b'"',
        '\'' => b'\'',
        'x' => return coded(behind, 2, 16, bytes),
        'u' => return coded(behind, 4, 16, bytes),
        'U' => return coded(behind, 8, 16, bytes),
        '0'..='7' => return coded(text, 3, 8, bytes),
        other => return Err(format!("\\{other} is not known; \\n, \\t, \\r, \\\\, \\\", \\xNN and \\uNNNN are")),
    };
    bytes.push(simple);
    Ok(behind)
}

fn coded<'a>(text: &'a str, len: usize, base: u32, bytes: &mut Vec<u8>) -> Result<&'a str, String> {
    let wrong = || format!("{len} digits of a letter expected behind \\");
    let (digits, behind) = text.split_at_checked(len).ok_or_else(wrong)?;
    let code = u32::from_str_radix(digits, base).map_err(|_| wrong())?;
    if len < 4 {
        bytes.push(u8::try_from(code).map_err(|_| wrong())?);
    } else {
        let letter = char::from_u32(code).ok_or_else(|| format!("{digits} is not the number of a letter"))?;
        bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes());
    }
    Ok(behind)
}

/// A number: with a dot or an exponent it is a float.
pub fn number(word: &str) -> Result<Value, String> {
    let plain = word.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(it) => ("-", it),
        None => ("", plain.strip_prefix('+').unwrap_or(&plain)),
    };
    for (prefix, base) in [("0x", 16), ("0X", 16), ("0b", 2), ("0o", 8)] {
        if let Some(digits) = digits.strip_prefix(prefix) {
            let value = i64::from_str_radix(&format!("{sign}{digits}"), base);
            return value.map(Value::Int).map_err(|_| format!("{word:?} is not a number"));
        }
    }
    let is_number = digits.starts_with(|it: char| it.is_ascii_digit() || it == '.');
    let value = if digits.contains(['.', 'e', 'E']) {
        plain.parse().ok().map(Value::Float)
    } else {
        plain.parse().ok().map(Value::Int)
    };
    value.filter(|_| is_number).ok_or_else(|| format!("{word:?} is not a number"))
}
