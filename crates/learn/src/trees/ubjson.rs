//! What does a file in Universal Binary JSON say? It is read straight into structures, as JSON is, without a tree of values.
//!
//! XGBoost writes its models in it by default since version 2.1. Format: <https://ubjson.org>, draft 12, with the typed
//! and counted containers. Nothing is kept before its bytes were seen, so that a number in a file does not become memory.

use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Containers within each other at most.
const MAX_DEPTH: usize = 128;

/// Why a file cannot be read, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct UbjsonError {
    problem: String,
    at: usize,
}

impl de::Error for UbjsonError {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self { problem: problem.to_string(), at: 0 }
    }
}

/// Reads one value, which must be all of the bytes.
///
/// # Errors
/// If the bytes are no such file, or hold something else than is wanted.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, UbjsonError> {
    let mut reader = Reader { bytes, at: 0, depth: 0 };
    let value = T::deserialize(&mut reader).map_err(|error| reader.located(error))?;
    if reader.at == bytes.len() { Ok(value) } else { Err(reader.error("there is more behind the end")) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, problem: impl Into<String>) -> UbjsonError {
        UbjsonError { problem: problem.into(), at: self.at }
    }

    /// What a structure complains about does not know where it is.
    fn located(&self, error: UbjsonError) -> UbjsonError {
        if error.at == 0 { UbjsonError { at: self.at, ..error } } else { error }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], UbjsonError> {
        let end = self.at.checked_add(n).filter(|it| *it <= self.bytes.len());
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.error("the file ends"))?;
        self.at += n;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], UbjsonError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// True, and one byte further, if it comes next.
    fn passes(&mut self, wanted: u8) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// The mark of a value; `N` says nothing and may stand anywhere.
    fn mark(&mut self) -> Result<u8, UbjsonError> {
        loop {
            let [mark] = self.fixed()?;
            if mark != b'N' {
                return Ok(mark);
            }
        }
    }

    fn whole(&mut self, mark: u8) -> Result<i64, UbjsonError> {
        Ok(match mark {
            b'i' => i64::from(i8::from_be_bytes(self.fixed()?)),
            b'U' => i64::from(u8::from_be_bytes(self.fixed()?)),
            b'I' => i64::from(i16::from_be_bytes(self.fixed()?)),
            b'l' => i64::from(i32::from_be_bytes(self.fixed()?)),
            b'L' => i64::from_be_bytes(self.fixed()?),
            _ => return Err(self.error(format!("{:?} is no mark of a whole number", char::from(mark)))),
        })
    }

    fn length(&mut self) -> Result<usize, UbjsonError> {
        let mark = self.mark()?;
        let length = self.whole(mark)?;
        usize::try_from(length).map_err(|_| self.error("a length is negative"))
    }

    fn text(&mut self) -> Result<&'a str, UbjsonError> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.error("a text is not UTF-8"))
    }

    fn value<V: Visitor<'a>>(&mut self, mark: u8, visitor: V) -> Result<V::Value, UbjsonError> {
        match mark {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'd' => visitor.visit_f32(f32::from_be_bytes(self.fixed()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(self.fixed()?)),
            b'S' | b'H' => visitor.visit_borrowed_str(self.text()?),
            b'C' => {
                let [letter] = self.fixed()?;
                visitor.visit_char(char::from(letter))
            }
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(self.error(format!("more than {MAX_DEPTH} lists are within each other")));
                }
                let mut items = Items::begin(self, if mark == b'[' { b']' } else { b'}' })?;
                let value = if mark == b'[' { visitor.visit_seq(&mut items) } else { visitor.visit_map(&mut items) };
                // A failure has not read to the end.
                let end = if value.is_ok() { items.finish() } else { Ok(()) };
                self.depth -= 1;
                end.and(value)
            }
            number => visitor.visit_i64(self.whole(number)?),
        }
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = UbjsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjsonError> {
        let mark = self.mark()?;
        self.value(mark, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjsonError> {
        if self.passes(b'Z') { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// What is in a container: up to its end mark, or counted; each with its mark, or all with one.
struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    end: u8,
    mark: Option<u8>,
    left: Option<usize>,
    is_over: bool,
}

impl<'r, 'a> Items<'r, 'a> {
    fn begin(reader: &'r mut Reader<'a>, end: u8) -> Result<Self, UbjsonError> {
        let mark = if reader.passes(b'$') { Some(reader.mark()?) } else { None };
        let left = if reader.passes(b'#') { Some(reader.length()?) } else { None };
        // Values without bytes would make a list of any length out of a few.
        let is_sized = mark.is_none_or(|it| b"iUIlLdDSHC[{".contains(&it));
        if mark.is_some() && left.is_none() || !is_sized {
            return Err(reader.error("a typed list has no length, or its values have no bytes"));
        }
        Ok(Self { reader, end, mark, left, is_over: false })
    }

    fn has_next(&mut self) -> bool {
        if self.is_over {
            return false;
        }
        match &mut self.left {
            Some(0) => self.is_over = true,
            Some(left) => *left -= 1,
            None => self.is_over = self.reader.passes(self.end),
        }
        !self.is_over
    }

    /// A visitor that has all it wants does not ask for the end.
    fn finish(mut self) -> Result<(), UbjsonError> {
        if self.has_next() { Err(self.reader.error("a list has more values than are wanted")) } else { Ok(()) }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = UbjsonError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, UbjsonError> {
        if !self.has_next() {
            return Ok(None);
        }
        seed.deserialize(Item { reader: self.reader, mark: self.mark }).map(Some)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = UbjsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, UbjsonError> {
        if !self.has_next() {
            return Ok(None);
        }
        let key = self.reader.text()?;
        seed.deserialize(de::value::BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, UbjsonError> {
        seed.deserialize(Item { reader: self.reader, mark: self.mark })
    }
}

/// A value whose mark may be that of its container.
struct Item<'r, 'a> {
    reader: &'r mut Reader<'a>,
    mark: Option<u8>,
}

impl<'de> Deserializer<'de> for Item<'_, 'de> {
    type Error = UbjsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjsonError> {
        match self.mark {
            Some(mark) => self.reader.value(mark, visitor),
            None => self.reader.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjsonError> {
        match self.mark {
            Some(_) => visitor.visit_some(self),
            None => self.reader.deserialize_option(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(bytes: &[u8]) -> Result<Value, String> {
        from_slice(bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn all_kinds_of_values_and_lists_are_read() {
        let plain = b"{i\x01a[i\x05U\xffI\x01\x00l\x00\x01\x00\x00ZTFNSi\x02hiCx]i\x01bd\x3f\x80\x00\x00}";
        assert_eq!(read(plain), Ok(json!({"a": [5, 255, 256, 65536, null, true, false, "hi", "x"], "b": 1.0})));
        let counted =
            b"{#i\x02i\x01a[$d#L\x00\x00\x00\x00\x00\x00\x00\x02\x3f\x80\x00\x00\xc0\x00\x00\x00i\x01b[#i\x01T";
        assert_eq!(read(counted), Ok(json!({"a": [1.0, -2.0], "b": [true]})));
        assert_eq!(from_slice::<Vec<Option<u8>>>(b"[$U#i\x02\x07\x09"), Ok(vec![Some(7), Some(9)]));
        assert_eq!(from_slice::<(Option<f32>, Option<f32>)>(b"[Zd\x3f\x00\x00\x00]"), Ok((None, Some(0.5))));
    }

    #[test]
    fn what_is_damaged_says_where() {
        assert_eq!(read(b"[i\x05"), Err("the file ends at byte 3".to_owned()));
        assert_eq!(read(b"i\x05i"), Err("there is more behind the end at byte 2".to_owned()));
        assert_eq!(read(b"Q"), Err("'Q' is no mark of a whole number at byte 1".to_owned()));
        assert!(read(b"[$T#L\x7f\xff\xff\xff\xff\xff\xff\xff").unwrap_err().contains("have no bytes"));
        assert!(read(b"[#L\x7f\xff\xff\xff\xff\xff\xff\xff").unwrap_err().starts_with("the file ends"));
        assert!(read(b"Si\xff").unwrap_err().starts_with("a length is negative"));
        assert!(read(&[b'['; 1000]).unwrap_err().starts_with("more than 128 lists"));
    }
}
