//! How are numbers written? As Prometheus does in JSON: the shortest text that reads back, with an exponent only where
//! the number is very small or very large.

use std::fmt::Write as _;

/// Below this a number has an exponent.
const SMALL: f64 = 1e-6;
/// From this on a number has an exponent.
const LARGE: f64 = 1e21;

/// Adds a value, without quotes.
pub fn put_value(out: &mut String, value: f64) {
    let size = value.abs();
    // Writing to a text cannot fail.
    let _ = if value.is_nan() {
        out.write_str("NaN")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "+Inf" } else { "-Inf" })
    } else if size < 1e15 && value.fract() == 0.0 && (value != 0.0 || value.is_sign_positive()) {
        // Much quicker for whole numbers, of which there are many.
        write!(out, "{}", value as i64)
    } else if size != 0.0 && !(SMALL..LARGE).contains(&size) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |it| ('-', it));
        write!(out, "{mantissa}e{sign}{digits:0>2}")
    } else {
        write!(out, "{value}")
    };
}

/// Adds an instant in seconds, given in milliseconds.
pub fn put_time(out: &mut String, millis: i64) {
    let sign = if millis < 0 { "-" } else { "" };
    let (secs, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
    // Writing to a text cannot fail.
    let _ = if rest == 0 { write!(out, "{sign}{secs}") } else { write!(out, "{sign}{secs}.{rest:03}") };
}

/// Adds a text in quotes, escaped as JSON.
pub fn put_text(out: &mut String, text: &str) {
    out.push('"');
    let is_plain = text.bytes().all(|it| it >= 0x20 && it != b'"' && it != b'\\' && it != 0x7f);
    if is_plain {
        out.push_str(text);
    } else {
        for it in text.chars() {
            match it {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                it if it.is_control() => _ = write!(out, "\\u{:04x}", u32::from(it)),
                it => out.push(it),
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_prometheus() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.3333333333333333"),
            (1e-6, "0.000001"),
            (9.5e-7, "9.5e-07"),
            (1e-300, "1e-300"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (f64::MAX, "1.7976931348623157e+308"),
            (123_456_789_012_345_680.0, "123456789012345680"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = String::new();
            put_value(&mut out, number);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn instants_have_milliseconds_only_if_they_need_them() {
        let time = |it| {
            let mut out = String::new();
            put_time(&mut out, it);
            out
        };
        assert_eq!(time(1_435_781_430_781), "1435781430.781");
        assert_eq!(time(1_435_781_430_500), "1435781430.500");
        assert_eq!((time(1_000), time(5), time(-1_005)), ("1".to_owned(), "0.005".to_owned(), "-1.005".to_owned()));
    }

    #[test]
    fn texts_are_json() {
        for text in ["plain", "a\"b\\c\nd\te\u{1}\u{7f}", "\u{e9}\u{1f600}"] {
            let mut out = String::new();
            put_text(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }
}
