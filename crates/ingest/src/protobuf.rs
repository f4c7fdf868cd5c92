//! How is protobuf read without copying? A cursor over the wire format that hands out borrowed fields.
//!
//! Wire format: <https://protobuf.dev/programming-guides/encoding/>. Only what the protocols here need.

use crate::Error;

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: text, bytes or a message.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// Reads the fields of one message in order.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Message<'a> {
    /// `what` names the message in errors.
    pub(crate) const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// The next field's number and value; None at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            wire_type => return Err(self.error(format!("wire type {wire_type} is unknown"))),
        };
        if key >> 3 == 0 { Err(self.error("field number 0 is not allowed")) } else { Ok(Some((key >> 3, value))) }
    }

    fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0_u64;
        for (idx, byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * idx);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(idx + 1..).unwrap_or(&[]);
                return Ok(value);
            }
        }
        Err(self.error("a number does not end"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| self.error("a fixed field is cut off"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.error(format!("a field of {length} bytes is cut off, {} are left", self.rest.len()))),
        }
    }

    fn error(&self, detail: impl ToString) -> Error {
        Error::malformed(self.what, detail)
    }
}

impl<'a> Value<'a> {
    /// Hands out the numbers of a repeated field, which may come packed or one by one.
    pub(crate) fn numbers(self, what: &'static str, mut take: impl FnMut(u64)) -> Result<(), Error> {
        match self {
            Self::Varint(number) => take(number),
            Self::Bytes(bytes) => {
                let mut packed = Message::new(bytes, what);
                while !packed.rest.is_empty() {
                    take(packed.varint()?);
                }
            }
            _ => return Err(Error::malformed(what, "has the wrong wire type")),
        }
        Ok(())
    }

    /// A nested message or bytes.
    pub(crate) fn bytes(self, what: &'static str) -> Result<&'a [u8], Error> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Error::malformed(what, "has the wrong wire type")),
        }
    }

    /// Text; what is not UTF-8 is none. Some writers let any bytes through, and one name must not cost a whole batch.
    pub(crate) fn text_or_none(self, what: &'static str) -> Result<&'a str, Error> {
        Ok(std::str::from_utf8(self.bytes(what)?).unwrap_or_default())
    }

    /// A signed integer (`int32`, `int64`).
    #[expect(clippy::cast_possible_wrap, reason = "protobuf carries int64 as its two's complement")]
    pub(crate) fn int64(self, what: &'static str) -> Result<i64, Error> {
        match self {
            Self::Varint(value) => Ok(value as i64),
            _ => Err(Error::malformed(what, "has the wrong wire type")),
        }
    }

    /// An unsigned integer (`uint32`, `uint64`, `bool`, enumerations).
    pub(crate) fn uint64(self, what: &'static str) -> Result<u64, Error> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(Error::malformed(what, "has the wrong wire type")),
        }
    }

    /// An integer in zigzag form (`sint32`, `sint64`).
    #[expect(clippy::cast_possible_wrap, reason = "zigzag is undone on the two's complement")]
    pub(crate) fn sint64(self, what: &'static str) -> Result<i64, Error> {
        self.uint64(what).map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A `fixed64`.
    pub(crate) fn fixed64(self, what: &'static str) -> Result<u64, Error> {
        match self {
            Self::Fixed64(bits) => Ok(bits),
            _ => Err(Error::malformed(what, "has the wrong wire type")),
        }
    }

    /// Appends the numbers of a repeated `fixed64` or `double`, packed or not, as bits.
    pub(crate) fn fixed64s(self, what: &'static str, into: &mut Vec<u64>) -> Result<(), Error> {
        let Self::Bytes(packed) = self else {
            into.push(self.fixed64(what)?);
            return Ok(());
        };
        let (numbers, rest) = packed.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Error::malformed(what, "the last number is cut off"));
        }
        into.extend(numbers.iter().map(|it| u64::from_le_bytes(*it)));
        Ok(())
    }

    /// A `double`; NaN payloads such as the stale marker are kept.
    pub(crate) fn double(self, what: &'static str) -> Result<f64, Error> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(Error::malformed(what, "has the wrong wire type")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_order() {
        let mut message = Message::new(&[0x08, 0x96, 0x01, 0x12, 2, b'h', b'i'], "test");
        assert_eq!(message.next().unwrap(), Some((1, Value::Varint(150))));
        assert_eq!(message.next().unwrap().unwrap().1.text_or_none("x").unwrap(), "hi");
        assert_eq!(message.next().unwrap(), None);
    }

    #[test]
    fn numbers_come_packed_or_one_by_one() {
        let mut found = vec![];
        Value::Bytes(&[1, 0x96, 0x01]).numbers("test", |it| found.push(it)).unwrap();
        Value::Varint(7).numbers("test", |it| found.push(it)).unwrap();
        assert_eq!(found, [1, 150, 7]);
        assert!(Value::Bytes(&[1, 0x96]).numbers("test", |_| {}).is_err());
        assert!(Value::Fixed32(1).numbers("test", |_| {}).is_err());
    }

    #[test]
    fn repeated_numbers_are_read_packed_or_not() {
        let packed = [1.5_f64.to_le_bytes(), 2.5_f64.to_le_bytes()].concat();
        let mut bits = vec![];
        Value::Bytes(&packed).fixed64s("x", &mut bits).unwrap();
        Value::Fixed64(3.5_f64.to_bits()).fixed64s("x", &mut bits).unwrap();
        assert_eq!(bits, [1.5_f64, 2.5, 3.5].map(f64::to_bits));
        assert!(Value::Bytes(&packed[..9]).fixed64s("x", &mut bits).is_err());
    }

    #[test]
    fn zigzag_is_undone() {
        let number = |value| Value::Varint(value).sint64("x").unwrap();
        assert_eq!([0, 1, 2, 3, u64::MAX].map(number), [0, -1, 1, -2, i64::MIN]);
    }

    #[test]
    fn broken_wire_data_is_an_error() {
        for bytes in [&[0x08][..], &[0x12, 5, 1], &[0x0b], &[0x00, 0x00], &[0x09, 1], &[0xff; 11]] {
            assert!(Message::new(bytes, "test").next().is_err(), "{bytes:?}");
        }
        assert_eq!(Value::Bytes(b"a\xff").text_or_none("label").unwrap(), "");
        assert!(Value::Varint(1).text_or_none("label").is_err());
    }
}
