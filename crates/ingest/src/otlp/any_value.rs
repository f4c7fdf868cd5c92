//! How does a value of OpenTelemetry become text? Plain values as they are, lists and maps as compact JSON.
//!
//! `AnyValue` is the only message of OTLP that holds itself, so the depth is bounded here.
//! Text rules: <https://opentelemetry.io/docs/specs/otel/common/#anyvalue-representation-for-non-otlp-protocols>.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Error;
use crate::limits::shortened;
use crate::protobuf::Message;

/// Deeper values are refused, as protobuf's own readers refuse messages of more than 100 levels (three for each here).
const MAX_DEPTH: usize = 32;

/// `KeyValue { key = 1, value = 2 }`: the key, empty if it is not UTF-8, and the bytes of the value.
pub(super) fn key_value(bytes: &[u8]) -> Result<(&str, &[u8]), Error> {
    let (mut key, mut any): (&str, &[u8]) = ("", &[]);
    let mut fields = Message::new(bytes, "KeyValue");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => key = value.text_or_none("KeyValue.key")?,
            2 => any = value.bytes("KeyValue.value")?,
            _ => {}
        }
    }
    Ok((key, any))
}

/// An `AnyValue` as text. Not much more than `max_bytes` are written; the caller cuts. Bytes that are no UTF-8 are
/// replaced by U+FFFD.
pub(super) fn text(bytes: &[u8], max_bytes: usize) -> Result<Cow<'_, str>, Error> {
    let any = Any::read(bytes)?;
    if let Any::Text(text) = any {
        return Ok(String::from_utf8_lossy(text));
    }
    let mut out = String::new();
    any.write(&mut out, max_bytes, 0)?;
    Ok(out.into())
}

enum Any<'a> {
    Empty,
    Text(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    List(&'a [u8]),
    Map(&'a [u8]),
    Bytes(&'a [u8]),
}

impl<'a> Any<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut any = Self::Empty;
        let mut fields = Message::new(bytes, "AnyValue");
        while let Some((field, value)) = fields.next()? {
            any = match field {
                1 => Self::Text(value.bytes("AnyValue.string_value")?),
                2 => Self::Bool(value.uint64("AnyValue.bool_value")? != 0),
                3 => Self::Int(value.int64("AnyValue.int_value")?),
                4 => Self::Double(value.double("AnyValue.double_value")?),
                5 => Self::List(value.bytes("AnyValue.array_value")?),
                6 => Self::Map(value.bytes("AnyValue.kvlist_value")?),
                7 => Self::Bytes(value.bytes("AnyValue.bytes_value")?),
                _ => any,
            };
        }
        Ok(any)
    }

    /// Writes it: at depth 0 as plain text, below as JSON.
    fn write(&self, out: &mut String, max_bytes: usize, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::malformed("AnyValue", format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let is_inside = depth > 0;
        match self {
            Self::Empty if is_inside => out.push_str("null"),
            Self::Empty => {}
            Self::Text(text) => quote(&String::from_utf8_lossy(text), max_bytes, out),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => append(out, format_args!("{value}")),
            Self::Double(value) => double(*value, is_inside, out),
            Self::Bytes(bytes) if is_inside => append(out, format_args!("\"{}\"", encoded(bytes, max_bytes))),
            Self::Bytes(bytes) => out.push_str(&encoded(bytes, max_bytes)),
            Self::List(bytes) => list(bytes, out, max_bytes, depth + 1)?,
            Self::Map(bytes) => map(bytes, out, max_bytes, depth + 1)?,
        }
        Ok(())
    }
}

/// `ArrayValue { values = 1 }`.
fn list(bytes: &[u8], out: &mut String, max_bytes: usize, depth: usize) -> Result<(), Error> {
    out.push('[');
    let mut is_first = true;
    let mut fields = Message::new(bytes, "ArrayValue");
    while let Some((field, value)) = fields.next()? {
        // What is beyond the limit would be cut off anyway.
        if field == 1 && out.len() <= max_bytes {
            comma(&mut is_first, out);
            Any::read(value.bytes("ArrayValue.values")?)?.write(out, max_bytes, depth)?;
        }
    }
    out.push(']');
    Ok(())
}

/// `KeyValueList { values = 1 }`.
fn map(bytes: &[u8], out: &mut String, max_bytes: usize, depth: usize) -> Result<(), Error> {
    out.push('{');
    let mut is_first = true;
    let mut fields = Message::new(bytes, "KeyValueList");
    while let Some((field, value)) = fields.next()? {
        if field == 1 && out.len() <= max_bytes {
            comma(&mut is_first, out);
            let (key, any) = key_value(value.bytes("KeyValueList.values")?)?;
            quote(key, max_bytes, out);
            out.push(':');
            Any::read(any)?.write(out, max_bytes, depth)?;
        }
    }
    out.push('}');
    Ok(())
}

fn comma(is_first: &mut bool, out: &mut String) {
    if !std::mem::take(is_first) {
        out.push(',');
    }
}

fn quote(text: &str, max_bytes: usize, out: &mut String) {
    append(out, format_args!("{}", serde_json::Value::from(shortened(text, max_bytes))));
}

fn encoded(bytes: &[u8], max_bytes: usize) -> String {
    STANDARD.encode(bytes.get(..max_bytes).unwrap_or(bytes))
}

/// The shortest digits that read back; JSON has no words for what is not finite, so they are quoted inside.
fn double(value: f64, is_inside: bool, out: &mut String) {
    let name = if value.is_nan() {
        "NaN"
    } else if value == f64::INFINITY {
        "Infinity"
    } else if value == f64::NEG_INFINITY {
        "-Infinity"
    } else {
        let is_handy = value == 0.0 || (1e-6..1e21).contains(&value.abs());
        return if is_handy { append(out, format_args!("{value}")) } else { append(out, format_args!("{value:e}")) };
    };
    if is_inside { append(out, format_args!("\"{name}\"")) } else { out.push_str(name) }
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push(0x80 | (length & 0x7f) as u8);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(bytes);
        out
    }

    fn shown(bytes: &[u8]) -> String {
        text(bytes, 1000).unwrap().into_owned()
    }

    #[test]
    fn plain_values_are_as_they_are() {
        let double = |value: f64| shown(&[&[0x21][..], &value.to_le_bytes()].concat());
        assert_eq!(shown(&field(1, b"a\"b")), "a\"b");
        assert_eq!(shown(&[0x10, 1]), "true");
        assert_eq!(shown(&[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), "-1");
        assert_eq!([5.0, 0.1, 1e300, f64::NAN].map(double), ["5", "0.1", "1e300", "NaN"]);
        assert_eq!(shown(&field(7, b"\x00\xff")), "AP8=");
        assert_eq!(shown(&[]), "");
        assert_eq!(shown(&field(1, b"a\xff")), "a\u{fffd}");
    }

    #[test]
    fn lists_and_maps_are_compact_json() {
        let text = field(1, b"x\"y");
        let double = [&[0x21][..], &f64::NAN.to_le_bytes()].concat();
        let list = field(5, &[field(1, &text), field(1, &[]), field(1, &double)].concat());
        assert_eq!(shown(&list), r#"["x\"y",null,"NaN"]"#);
        let pair = [field(1, b"k"), field(2, &list)].concat();
        let map = field(6, &field(1, &pair));
        assert_eq!(shown(&map), r#"{"k":["x\"y",null,"NaN"]}"#);
    }

    /// Guarantees: MUST 8 and MUST 209.
    #[test]
    fn depth_and_length_are_bounded() {
        let mut value = field(1, b"x");
        for _ in 0..MAX_DEPTH {
            value = field(5, &field(1, &value));
        }
        assert!(shown(&value).starts_with("[[["));
        for _ in 0..10_000 {
            value = field(5, &field(1, &value));
        }
        assert_eq!(text(&value, 1000).unwrap_err().to_string(), "AnyValue: nested deeper than 32 levels");
        let long = field(5, &field(1, &field(1, &[b'x'; 40])).repeat(1000));
        assert!(text(&long, 100).unwrap().len() < 200);
    }
}
