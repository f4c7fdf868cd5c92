//! How do numbers, texts, labels and scores lie in a record? Little-endian, LEB128 varints, texts with their length first.
//!
//! Reading trusts nothing: no length reserves more memory than there are bytes left.

use signal::{Labels, Score, Timestamp};

use crate::Error;

/// Adds an unsigned number, 7 bits per byte.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Adds a signed number; small magnitudes are short.
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Adds a number with a fraction, bit by bit: NaN stays the NaN it was.
pub fn put_f64(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Adds a text.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Adds labels.
pub fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
    put_varint(out, labels.len() as u64);
    for (name, value) in labels.iter() {
        put_text(out, name);
        put_text(out, value);
    }
}

/// Adds an instant.
pub fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    put_signed(out, time.millis());
}

/// Adds a score.
pub fn put_score(out: &mut Vec<u8>, score: &Score) {
    out.push(u8::from(score.is_ready) | u8::from(score.is_provisional) << 1);
    for it in [score.value, score.y, score.yhat, score.yhat_lower, score.yhat_upper] {
        put_f64(out, it);
    }
}

/// Reads what was put.
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// From the first byte, which must name the layout.
    pub fn new(bytes: &'a [u8], layout: u8) -> Result<Self, Error> {
        let mut reader = Self { bytes, offset: 0 };
        match reader.byte()? {
            found if found == layout => Ok(reader),
            found => Err(Error::Layout { found, known: layout }),
        }
    }

    /// All that is left.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// True if there is nothing left.
    pub fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// The error of a place where something else should stand.
    pub fn unreadable(&self, expected: &'static str) -> Error {
        Error::Unreadable { offset: self.offset, expected }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let taken = self.rest().get(..count).ok_or_else(|| self.unreadable("more bytes"))?;
        self.offset += count;
        Ok(taken)
    }

    /// So many bytes as the type says.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| self.unreadable("more bytes"))
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Error> {
        self.take(1)?.first().copied().ok_or_else(|| self.unreadable("a byte"))
    }

    /// An unsigned number.
    pub fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.unreadable("a number of at most ten bytes"))
    }

    /// A signed number.
    pub fn signed(&mut self) -> Result<i64, Error> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A number with a fraction.
    pub fn f64(&mut self) -> Result<f64, Error> {
        let bytes = self.take(8)?.try_into().map_err(|_| self.unreadable("eight bytes"))?;
        Ok(f64::from_bits(u64::from_le_bytes(bytes)))
    }

    /// A number of things, each of at least one byte.
    pub fn length(&mut self) -> Result<usize, Error> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if length <= self.rest().len() { Ok(length) } else { Err(self.unreadable("a length that fits")) }
    }

    /// A text.
    pub fn text(&mut self) -> Result<&'a str, Error> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.unreadable("UTF-8"))
    }

    /// Labels.
    pub fn labels(&mut self) -> Result<Labels, Error> {
        let pairs: Vec<(&str, &str)> = self.list(|it| Ok((it.text()?, it.text()?)))?;
        Ok(Labels::new(pairs))
    }

    /// An instant.
    pub fn time(&mut self) -> Result<Timestamp, Error> {
        Ok(Timestamp::from_millis(self.signed()?))
    }

    /// A score.
    pub fn score(&mut self) -> Result<Score, Error> {
        let flags = self.byte()?;
        Ok(Score {
            is_ready: flags & 1 != 0,
            is_provisional: flags & 2 != 0,
            value: self.f64()?,
            y: self.f64()?,
            yhat: self.f64()?,
            yhat_lower: self.f64()?,
            yhat_upper: self.f64()?,
        })
    }

    /// A list.
    pub fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let length = self.length()?;
        // Grows as things are read: the length is only a claim.
        let mut list = vec![];
        for _ in 0..length {
            list.push(one(self)?);
        }
        Ok(list)
    }
}
