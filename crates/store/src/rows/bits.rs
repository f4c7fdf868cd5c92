//! How are numbers of any width in bits put one after another? Most significant bit first.

/// Collects bits.
#[derive(Default)]
pub struct BitWriter {
    out: Vec<u8>,
    current: u64,
    used: u32,
}

impl BitWriter {
    /// Adds the lowest `bits` (at most 64) of `value`.
    pub fn put(&mut self, value: u64, bits: u32) {
        let mut left = bits;
        while left > 0 {
            let room = 64 - self.used;
            let taken = room.min(left);
            let part = (value >> (left - taken)) & (u64::MAX >> (64 - taken));
            self.current |= part << (room - taken);
            self.used += taken;
            left -= taken;
            if self.used == 64 {
                self.out.extend_from_slice(&self.current.to_be_bytes());
                (self.current, self.used) = (0, 0);
            }
        }
    }

    /// Adds the bytes to `out`, the last one filled with zeros.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.out);
        out.extend(self.current.to_be_bytes().iter().take(self.used.div_ceil(8) as usize));
    }
}

/// Reads bits back; None at the end.
pub struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    /// From the first bit.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// From a bit on.
    pub const fn from_bit(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    /// The next number of `bits` (at most 64).
    pub fn get(&mut self, bits: u32) -> Option<u64> {
        if bits > 32 {
            return Some((self.get(bits - 32)? << 32) | self.get(32)?);
        }
        if bits == 0 {
            return Some(0);
        }
        let value = self.window() >> (64 - bits);
        self.advance(bits)?;
        Some(value)
    }

    /// The number of ones before the next zero, which is read too; after `limit` (at most 48) ones no zero follows.
    pub fn ones(&mut self, limit: u32) -> Option<u32> {
        let ones = self.window().leading_ones().min(limit);
        self.advance(if ones == limit { ones } else { ones + 1 })?;
        Some(ones)
    }

    /// Whole bytes that were begun.
    pub const fn bytes_read(&self) -> usize {
        self.position.div_ceil(8)
    }

    /// At least 57 bits from here on, zeros after the end.
    fn window(&self) -> u64 {
        let start = self.position / 8;
        let word = match self.bytes.get(start..).and_then(|it| it.first_chunk()) {
            Some(whole) => u64::from_be_bytes(*whole),
            None => {
                let mut partial = [0; 8];
                partial.iter_mut().zip(self.bytes.iter().skip(start)).for_each(|(to, from)| *to = *from);
                u64::from_be_bytes(partial)
            }
        };
        word << (self.position % 8)
    }

    fn advance(&mut self, bits: u32) -> Option<()> {
        self.position += bits as usize;
        (self.position <= self.bytes.len() * 8).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_comes_back() {
        let mut writer = BitWriter::default();
        let values: Vec<(u64, u32)> = (1..=64).map(|bits| (0xdead_beef_0bad_cafe_u64 >> (64 - bits), bits)).collect();
        values.iter().for_each(|(value, bits)| writer.put(*value, *bits));
        let mut out = vec![];
        writer.finish(&mut out);
        let mut reader = BitReader::new(&out);
        values.iter().for_each(|(value, bits)| assert_eq!(reader.get(*bits), Some(*value), "{bits} bits"));
        assert_eq!(reader.bytes_read(), out.len());
        assert_eq!(reader.get(8), None);
    }
}
