//! How are points of one series made small? Times as integers, values as decimals where they are decimals, else XOR.
//!
//! Most gauges were decimals before they were floats: 12.34 is 1234 with exponent 2, and such integers pack far better
//! than the bits of the float (the idea of VictoriaMetrics, and of ALP by Afroozeh and others, SIGMOD 2023). A few
//! values that do not fit (NaN, infinities) are kept beside them. Rows of full-precision floats fall back to the XOR
//! code of Gorilla (Pelkonen and others, VLDB 2015). Every bit comes back, whatever the values.

use signal::{Point, Timestamp};

use super::bits::{BitReader, BitWriter};
use super::integers;
use crate::bytes::{Reader, put_varint};

/// Powers of ten up to the largest exponent tried.
const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Magnitudes below this are exact as f64.
const MAX_MANTISSA: f64 = 9_007_199_254_740_992.0;
/// How values are written.
const CONSTANT: u8 = 0;
const DECIMAL: u8 = 1;
const XOR: u8 = 2;

/// Points in order of time to bytes.
pub fn encode(points: &[Point]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    put_varint(&mut out, points.len() as u64);
    let times: Vec<i64> = points.iter().map(|it| it.time.millis()).collect();
    integers::encode(&times, &mut out);
    let values: Vec<f64> = points.iter().map(|it| it.value).collect();
    encode_values(&values, &mut out);
    out
}

/// Bytes to points; None if the bytes are not what `encode` wrote.
pub fn decode(bytes: &[u8]) -> Option<Vec<Point>> {
    let mut reader = Reader::new(bytes);
    let count = usize::try_from(reader.varint()?).ok().filter(|it| *it <= u16::MAX.into())?;
    let times = integers::decode(&mut reader, count)?;
    let values = decode_values(&mut reader, count)?;
    let points = times.into_iter().zip(values);
    Some(points.map(|(time, value)| Point { time: Timestamp::from_millis(time), value }).collect())
}

fn encode_values(values: &[f64], out: &mut Vec<u8>) {
    let first = values.first().copied().unwrap_or(0.0);
    if values.iter().all(|it| it.to_bits() == first.to_bits()) {
        out.push(CONSTANT);
        out.extend_from_slice(&first.to_bits().to_le_bytes());
        return;
    }
    if let Some(decimals) = Decimals::of(values) {
        out.push(DECIMAL);
        decimals.encode(out);
        return;
    }
    out.push(XOR);
    encode_xor(values, out);
}

fn decode_values(reader: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    match reader.byte()? {
        CONSTANT => Some(vec![f64::from_bits(reader.u64()?); count]),
        DECIMAL => decode_decimals(reader, count),
        XOR => decode_xor(reader, count),
        _ => None,
    }
}

/// Values as integers over a power of ten, with those that are none.
struct Decimals {
    exponent: usize,
    mantissas: Vec<i64>,
    exceptions: Vec<(usize, u64)>,
}

impl Decimals {
    /// None if too many values are no short decimals.
    fn of(values: &[f64]) -> Option<Self> {
        let mut exponent = 0;
        let mut n_exceptions = 0;
        for value in values {
            match (exponent..TENS.len()).find(|it| mantissa(*value, *it).is_some()) {
                Some(found) => exponent = found,
                None => n_exceptions += 1,
            }
            if n_exceptions > values.len() / 8 {
                return None;
            }
        }
        let mut found = Self { exponent, mantissas: Vec::with_capacity(values.len()), exceptions: vec![] };
        let mut last = 0;
        for (idx, value) in values.iter().enumerate() {
            match mantissa(*value, exponent) {
                Some(mantissa) => last = mantissa,
                None => found.exceptions.push((idx, value.to_bits())),
            }
            found.mantissas.push(last);
        }
        // A larger exponent may have pushed large values out of the exact range.
        (found.exceptions.len() <= values.len() / 8).then_some(found)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.exponent as u8);
        put_varint(out, self.exceptions.len() as u64);
        for (idx, bits) in &self.exceptions {
            put_varint(out, *idx as u64);
            out.extend_from_slice(&bits.to_le_bytes());
        }
        integers::encode(&self.mantissas, out);
    }
}

/// The integer that, divided by the power of ten, gives exactly this value.
fn mantissa(value: f64, exponent: usize) -> Option<i64> {
    let ten = TENS.get(exponent)?;
    let scaled = (value * ten).round();
    // Through the integer, because it loses the sign of -0.0.
    let mantissa = scaled as i64;
    let is_exact = scaled.abs() < MAX_MANTISSA && (mantissa as f64 / ten).to_bits() == value.to_bits();
    is_exact.then_some(mantissa)
}

fn decode_decimals(reader: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    let ten = TENS.get(usize::from(reader.byte()?))?;
    let exceptions = (0..reader.count()?).map(|_| Some((usize::try_from(reader.varint()?).ok()?, reader.u64()?)));
    let exceptions: Vec<(usize, u64)> = exceptions.collect::<Option<_>>()?;
    let mantissas = integers::decode(reader, count)?;
    let mut values: Vec<f64> = mantissas.into_iter().map(|it| it as f64 / ten).collect();
    for (idx, bits) in exceptions {
        *values.get_mut(idx)? = f64::from_bits(bits);
    }
    Some(values)
}

fn encode_xor(values: &[f64], out: &mut Vec<u8>) {
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

fn decode_xor(reader: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes_per_point(values: impl Iterator<Item = f64>) -> f64 {
        let time = |idx: usize| Timestamp::from_millis(1_700_000_000_000 + idx as i64 * 1000);
        let points: Vec<Point> =
            values.take(240).enumerate().map(|(idx, value)| Point { time: time(idx), value }).collect();
        let bytes = encode(&points);
        assert_same(&points, &decode(&bytes).unwrap());
        bytes.len() as f64 / points.len() as f64
    }

    fn assert_same(expected: &[Point], found: &[Point]) {
        let bits = |it: &Point| (it.time, it.value.to_bits());
        assert_eq!(expected.iter().map(bits).collect::<Vec<_>>(), found.iter().map(bits).collect::<Vec<_>>());
    }

    #[test]
    fn typical_gauges_are_small() {
        let mut random = fastrand::Rng::with_seed(1);
        assert!(bytes_per_point(std::iter::repeat(0.1)) < 0.2);
        assert!(bytes_per_point((0..).map(|it| f64::from(it) * 17.0)) < 0.2);
        let mut noise = || f64::from(random.i32(-100..=100));
        assert!(bytes_per_point((0..).map(|_| 40.0 + noise().round() / 10.0)) < 1.5);
        assert!(bytes_per_point((0..).map(|it| if it % 60 == 59 { f64::NAN } else { f64::from(it % 7) })) < 0.8);
    }

    #[test]
    fn cut_and_changed_bytes_do_not_panic() {
        let points: Vec<Point> = (0..100)
            .map(|it| Point {
                time: Timestamp::from_secs(it * it),
                value: (it as f64).sqrt() * if it % 2 == 0 { 1.0 } else { 1e9 },
            })
            .collect();
        let bytes = encode(&points);
        for idx in 0..bytes.len() {
            assert!(decode(&bytes[..idx]).is_none_or(|it| it.len() <= points.len()));
            let mut changed = bytes.clone();
            changed[idx] ^= 0x55;
            let _ = decode(&changed);
        }
    }

    proptest! {
        #[test]
        fn any_points_come_back(raw in prop::collection::vec((any::<i64>(), any::<u64>()), 0..300)) {
            let points: Vec<Point> = raw
                .iter()
                .map(|(time, bits)| Point { time: Timestamp::from_millis(*time), value: f64::from_bits(*bits) })
                .collect();
            assert_same(&points, &decode(&encode(&points)).unwrap());
        }

        #[test]
        fn decimals_with_exceptions_come_back(
            raw in prop::collection::vec((-1_000_000_i64..1_000_000, 0_u8..40), 1..300),
            exponent in 0_i32..10,
        ) {
            let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, f64::MAX, f64::from_bits(u64::MAX)];
            let value = |mantissa: i64, kind: u8| {
                special.get(usize::from(kind)).copied().unwrap_or(mantissa as f64 / 10_f64.powi(exponent))
            };
            let points: Vec<Point> = raw
                .iter()
                .enumerate()
                .map(|(idx, (mantissa, kind))| Point { time: Timestamp::from_secs(idx as i64), value: value(*mantissa, *kind) })
                .collect();
            assert_same(&points, &decode(&encode(&points)).unwrap());
        }
    }
}
