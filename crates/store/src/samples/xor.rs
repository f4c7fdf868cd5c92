//! How are floats with all their digits written quickly? As what differs from the one before (Gorilla, Pelkonen and
//! others, VLDB 2015).

use crate::bytes::Reader;
use crate::rows::bits::{BitReader, BitWriter};

/// Adds the values.
pub fn encode(values: &[f64], out: &mut Vec<u8>) {
    let mut writer = BitWriter::default();
    let mut last = 0_u64;
    // No window yet: it has no room for anything.
    let (mut leading, mut width) = (64, 0);
    for value in values {
        let xor = value.to_bits() ^ last;
        last = value.to_bits();
        if xor == 0 {
            writer.put(0, 1);
            continue;
        }
        let (zeros_before, zeros_after) = (xor.leading_zeros().min(31), xor.trailing_zeros());
        if zeros_before >= leading && zeros_after >= 64 - leading - width {
            writer.put(0b10, 2);
        } else {
            (leading, width) = (zeros_before, 64 - zeros_before - zeros_after);
            writer.put(0b11, 2);
            writer.put(u64::from(leading), 5);
            writer.put(u64::from(width - 1), 6);
        }
        writer.put(xor >> (64 - leading - width), width);
    }
    writer.finish(out);
}

/// Reads `count` values back.
pub fn decode(reader: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    let mut bits = BitReader::new(reader.rest());
    let mut values = Vec::with_capacity(count);
    let mut last = 0_u64;
    let (mut leading, mut width) = (0_u32, 0_u32);
    for _ in 0..count {
        if bits.get(1)? == 1 {
            if bits.get(1)? == 1 {
                leading = bits.get(5)? as u32;
                width = bits.get(6)? as u32 + 1;
            }
            let shift = 64_u32.checked_sub(leading + width)?;
            last ^= bits.get(width)?.checked_shl(shift)?;
        }
        values.push(f64::from_bits(last));
    }
    reader.take(bits.bytes_read())?;
    Some(values)
}
