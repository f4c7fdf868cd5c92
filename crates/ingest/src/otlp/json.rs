//! How is OTLP in JSON read? It is turned into the bytes of protobuf, which everything else reads: one way for both.
//!
//! The mapping is that of proto3 with the exceptions of OTLP: ids are hexadecimal, enumerations are numbers, unknown
//! fields are ignored. Integers of 64 bits may be text or numbers.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::schema::{Field, Holds, Kind, Shape};
use crate::Error;

/// Bytes that are kept free for the length of a nested message, which is known only at its end. Numbers of protobuf may
/// be longer than they need to be.
const LENGTH_BYTES: usize = 5;

/// The message as protobuf. Errors name the path, for example `resourceLogs[0].scopeLogs[0].logRecords[2].traceId`.
pub(super) fn to_protobuf(body: &[u8], shape: &'static Shape) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(body.len());
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = MessageSeed { shape, out: &mut out }.deserialize(&mut json).and_then(|()| json.end());
    if read.is_ok() {
        return Ok(out);
    }
    // Paths cost time, so they are looked up only when there is something to tell.
    out.clear();
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let read = MessageSeed { shape, out: &mut out }.deserialize(tracked).and_then(|()| json.end());
    match read {
        Ok(()) => Ok(out),
        Err(error) => Err(Error::malformed("the body", format!("at {}: {error}", track.path()))),
    }
}

/// Reads an object and appends its fields.
struct MessageSeed<'o> {
    shape: &'static Shape,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.shape.0.iter().map(|it| it.0).collect();
        write!(formatter, "an object with the fields {}", names.join(", "))
    }

    /// `null` is the same as nothing.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(TextSeed)? {
            match self.shape.0.iter().find(|it| it.0 == name) {
                Some(field) => map.next_value_seed(FieldSeed { field, out: self.out })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Reads the value of a field, which may be an array.
struct FieldSeed<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Field(_, number, holds) = self.field;
        match holds {
            Holds::One(kind) => ValueSeed { number: *number, kind: *kind, out: self.out }.deserialize(deserializer),
            Holds::Many(kind) => {
                deserializer.deserialize_any(ArrayVisitor { number: *number, kind: *kind, out: self.out })
            }
        }
    }
}

struct ArrayVisitor<'o> {
    number: u32,
    kind: Kind,
    out: &'o mut Vec<u8>,
}

impl<'de> Visitor<'de> for ArrayVisitor<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while sequence.next_element_seed(ValueSeed { number: self.number, kind: self.kind, out: self.out })?.is_some() {
        }
        Ok(())
    }
}

/// Reads one value and appends it as a field.
struct ValueSeed<'o> {
    number: u32,
    kind: Kind,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if let Kind::Message(shape) = self.kind {
            return nested(self.number, self.out, |out| MessageSeed { shape, out }.deserialize(deserializer));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            Kind::Text => "a text",
            Kind::Bytes => "base64",
            Kind::Hex => "hexadecimal digits",
            Kind::Bool => "true or false",
            Kind::Double => "a number",
            Kind::Int64 | Kind::Sfixed64 => "a whole number or its digits as text",
            Kind::Uint64 | Kind::Fixed64 => "a whole number that is not negative, or its digits as text",
            Kind::Sint32 => "a whole number of 32 bits",
            Kind::Message(_) => "an object",
        })
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        match self.kind {
            Kind::Bool => {
                self.varint(u64::from(value));
                Ok(())
            }
            _ => Err(E::invalid_type(serde::de::Unexpected::Bool(value), &self)),
        }
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.whole(i128::from(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.whole(i128::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        if matches!(self.kind, Kind::Double) {
            self.fixed(value.to_bits());
            return Ok(());
        }
        // Some writers of JSON know only numbers with a point: `1.0` and `1e3` are whole.
        if value.fract() != 0.0 || value.abs() >= 1e19 {
            return Err(E::invalid_value(serde::de::Unexpected::Float(value), &self));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 1e19")]
        self.whole(value as i128)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let wrong = |it: &Self| E::invalid_value(serde::de::Unexpected::Str(super::brief(text)), it);
        match self.kind {
            Kind::Text => self.bytes(text.as_bytes()),
            Kind::Bytes => {
                let plain = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
                let decoded = URL_SAFE_NO_PAD.decode(plain).or_else(|_| STANDARD.decode(text));
                let decoded = decoded.map_err(|_| wrong(&self))?;
                self.bytes(&decoded);
            }
            Kind::Hex => {
                let decoded = hex(text).ok_or_else(|| wrong(&self))?;
                self.bytes(&decoded);
            }
            Kind::Double => {
                let value = match text {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    _ => text.parse::<f64>().ok().filter(|it| it.is_finite()).ok_or_else(|| wrong(&self))?,
                };
                self.fixed(value.to_bits());
            }
            Kind::Bool | Kind::Message(_) => return Err(wrong(&self)),
            Kind::Int64 | Kind::Uint64 | Kind::Sint32 | Kind::Fixed64 | Kind::Sfixed64 => {
                let value = text.parse::<i128>().map_err(|_| wrong(&self))?;
                return self.whole(value);
            }
        }
        Ok(())
    }
}

impl ValueSeed<'_> {
    #[expect(clippy::cast_sign_loss, reason = "protobuf carries signed numbers as their two's complement")]
    fn whole<E: serde::de::Error>(self, value: i128) -> Result<(), E> {
        let wrong =
            |it: &Self| E::custom(format!("{value} is out of range, expected {}", it as &dyn serde::de::Expected));
        let signed = || i64::try_from(value).map_err(|_| wrong(&self));
        let unsigned = || u64::try_from(value).map_err(|_| wrong(&self));
        match self.kind {
            Kind::Double => self.fixed((value as f64).to_bits()),
            Kind::Int64 => {
                let bits = signed()? as u64;
                self.varint(bits);
            }
            Kind::Sfixed64 => {
                let bits = signed()? as u64;
                self.fixed(bits);
            }
            Kind::Uint64 => {
                let bits = unsigned()?;
                self.varint(bits);
            }
            Kind::Fixed64 => {
                let bits = unsigned()?;
                self.fixed(bits);
            }
            Kind::Sint32 => {
                let value = i64::from(i32::try_from(value).map_err(|_| wrong(&self))?);
                self.varint(((value << 1) ^ (value >> 63)) as u64);
            }
            Kind::Text | Kind::Bytes | Kind::Hex | Kind::Bool | Kind::Message(_) => {
                return Err(E::custom(format!("found {value}, expected {}", &self as &dyn serde::de::Expected)));
            }
        }
        Ok(())
    }

    fn varint(self, value: u64) {
        key(self.number, 0, self.out);
        varint(value, self.out);
    }

    fn fixed(self, bits: u64) {
        key(self.number, 1, self.out);
        self.out.extend_from_slice(&bits.to_le_bytes());
    }

    fn bytes(self, bytes: &[u8]) {
        key(self.number, 2, self.out);
        varint(bytes.len() as u64, self.out);
        self.out.extend_from_slice(bytes);
    }
}

/// Appends a message whose length is put in when it is known.
fn nested<E>(number: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    key(number, 2, out);
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    write(out)?;
    let mut length = out.len() - start - LENGTH_BYTES;
    for (idx, byte) in out.iter_mut().skip(start).take(LENGTH_BYTES).enumerate() {
        let more = if idx + 1 < LENGTH_BYTES { 0x80 } else { 0 };
        *byte = (length & 0x7f) as u8 | more;
        length >>= 7;
    }
    Ok(())
}

fn key(number: u32, wire_type: u32, out: &mut Vec<u8>) {
    varint(u64::from(number << 3 | wire_type), out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// A key of an object, borrowed where JSON allows it.
struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(text.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::schema;

    fn read(body: &str) -> Result<Vec<u8>, String> {
        to_protobuf(body.as_bytes(), &schema::TRACES).map_err(|error| error.to_string())
    }

    /// Guarantees: MUST 206 of docs/specs/ingest.md.
    #[test]
    fn mistakes_name_the_path() {
        for (body, expected) in [
            (r#"{"resourceSpans":5}"#, "at resourceSpans: invalid type: integer `5`, expected an array"),
            (r#"{"resourceSpans":[5]}"#, "at resourceSpans[0]: invalid type: integer `5`, expected an object with"),
            (
                r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}"#,
                "at resourceSpans[0].scopeSpans[0].spans[0].traceId: invalid value: string \"xyz\", expected hexadecimal digits",
            ),
            (
                r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_SERVER"}]}]}]}"#,
                "spans[0].kind: invalid value",
            ),
            (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}"#, "-1 is out of range"),
            (
                r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":1.5}]}]}]}"#,
                "invalid value: floating point `1.5`",
            ),
            (r#"{"resourceSpans":["#, "EOF while parsing"),
            ("{} x", "trailing characters"),
            ("", "EOF while parsing"),
            ("[]", "expected an object"),
        ] {
            let error = read(body).unwrap_err();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }

    /// Guarantees: MUST 206.
    #[test]
    fn unknown_fields_and_nulls_are_ignored() {
        assert_eq!(read(r#"{"resourceSpans":null,"new":[{"deep":{}}]}"#).unwrap(), b"");
        assert_eq!(read(r#"{"resource_spans":[{}]}"#).unwrap(), b"", "only lowerCamelCase is OTLP");
    }

    /// Guarantees: MUST 209.
    #[test]
    fn depth_is_bounded() {
        let deep = format!(r#"{{"resourceSpans":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&deep).is_err());
        let value = format!(r#"{}{{}}{}"#, r#"{"arrayValue":{"values":["#.repeat(10_000), "]}}".repeat(10_000));
        let body = format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"a","value":{value}}}]}}}}]}}"#);
        assert!(read(&body).unwrap_err().contains("recursion limit"));
    }
}
