//! Which values are decimals, or a few last bits away from one? The integers over a power of ten, with the values that
//! are none kept beside them.
//!
//! The idea is that of VictoriaMetrics, and of ALP (Afroozeh and others, SIGMOD 2023). What a mean of decimals is away
//! from its decimal, counted in floats, is nearly always 0, 1 or 2, and takes a fraction of a bit or a bit.

use super::values::{place_of, value_at};
use crate::bytes::{Reader, put_varint};
use crate::rows::{self, Effort};

/// Powers of ten up to the largest exponent tried.
const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Magnitudes below this are exact as f64.
const MAX_MANTISSA: f64 = 9_007_199_254_740_992.0;
/// One value of so many may be no decimal.
const EXCEPTIONS: usize = 8;
/// A value so many floats away from a decimal is near it: sums of a few terms are not further off.
const MOST_AWAY: i64 = 8;

/// Values as integers over a power of ten, with those that are none.
pub struct Decimals {
    exponent: usize,
    mantissas: Vec<i64>,
    /// How many floats each value is away from its decimal.
    away: Vec<i64>,
    pub exceptions: Vec<(usize, u64)>,
}

impl Decimals {
    /// None if too many values are no short decimals.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut exponent = 0;
        let mut n_exceptions = 0;
        for value in values {
            match (exponent..TENS.len()).find(|it| mantissa(*value, *it).is_some()) {
                Some(found) => exponent = found,
                None => n_exceptions += 1,
            }
            if n_exceptions > values.len() / EXCEPTIONS {
                return None;
            }
        }
        Self::with(values, exponent, |value| Some((mantissa(value, exponent)?, 0)))
    }

    /// Those near values, with the exponent that fits all and the one that fits nearly all.
    pub fn near(values: &[f64]) -> Vec<Self> {
        let mut smallest: Vec<usize> =
            values.iter().filter_map(|value| (0..TENS.len()).find(|it| near(*value, *it).is_some())).collect();
        smallest.sort_unstable();
        let mut exponents: Vec<usize> = [smallest.len() * 49 / 50, smallest.len().saturating_sub(1)]
            .iter()
            .filter_map(|it| smallest.get(*it).copied())
            .collect();
        exponents.dedup();
        exponents.into_iter().filter_map(|exponent| Self::with(values, exponent, |it| near(it, exponent))).collect()
    }

    fn with(values: &[f64], exponent: usize, split: impl Fn(f64) -> Option<(i64, i64)>) -> Option<Self> {
        let room = || Vec::with_capacity(values.len());
        let mut found = Self { exponent, mantissas: room(), away: room(), exceptions: vec![] };
        let mut last = 0;
        for (idx, value) in values.iter().enumerate() {
            let (mantissa, away) = split(*value).unwrap_or_else(|| {
                found.exceptions.push((idx, value.to_bits()));
                (last, 0)
            });
            last = mantissa;
            found.mantissas.push(mantissa);
            found.away.push(away);
        }
        // A larger exponent may have pushed large values out of the exact range.
        (found.exceptions.len() <= values.len() / EXCEPTIONS).then_some(found)
    }

    /// Adds those that are decimals.
    pub fn encode(&self, effort: Effort, out: &mut Vec<u8>) {
        self.put_head(out);
        rows::encode(&self.mantissas, effort, out);
    }

    /// Adds those that are near decimals.
    pub fn encode_near(&self, out: &mut Vec<u8>) {
        self.put_head(out);
        rows::encode(&self.mantissas, Effort::Dense, out);
        rows::encode(&self.away, Effort::Dense, out);
    }

    fn put_head(&self, out: &mut Vec<u8>) {
        out.push(self.exponent as u8);
        put_varint(out, self.exceptions.len() as u64);
        for (idx, bits) in &self.exceptions {
            put_varint(out, *idx as u64);
            out.extend_from_slice(&bits.to_le_bytes());
        }
    }
}

/// Reads `count` decimals back.
pub fn decode(reader: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    let (ten, exceptions) = head(reader)?;
    let mantissas = rows::decode(reader, count)?;
    with_exceptions(mantissas.into_iter().map(|it| it as f64 / ten).collect(), exceptions)
}

/// Reads `count` values near decimals back.
pub fn decode_near(reader: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    let (ten, exceptions) = head(reader)?;
    let mantissas = rows::decode(reader, count)?;
    let away = rows::decode(reader, count)?;
    let value = |(mantissa, away): (i64, i64)| value_at(place_of(mantissa as f64 / ten).wrapping_add(away));
    with_exceptions(mantissas.into_iter().zip(away).map(value).collect(), exceptions)
}

type Exceptions = Vec<(usize, u64)>;

fn head(reader: &mut Reader<'_>) -> Option<(f64, Exceptions)> {
    let ten = TENS.get(usize::from(reader.byte()?))?;
    let exceptions = (0..reader.count()?).map(|_| Some((usize::try_from(reader.varint()?).ok()?, reader.u64()?)));
    Some((*ten, exceptions.collect::<Option<_>>()?))
}

fn with_exceptions(mut values: Vec<f64>, exceptions: Exceptions) -> Option<Vec<f64>> {
    for (idx, bits) in exceptions {
        *values.get_mut(idx)? = f64::from_bits(bits);
    }
    Some(values)
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

/// The integer whose decimal is nearest, and how many floats further the value is.
fn near(value: f64, exponent: usize) -> Option<(i64, i64)> {
    let ten = TENS.get(exponent)?;
    let scaled = (value * ten).round();
    let mantissa = scaled as i64;
    let away = place_of(value).wrapping_sub(place_of(mantissa as f64 / ten));
    (scaled.abs() < MAX_MANTISSA && (-MOST_AWAY..=MOST_AWAY).contains(&away)).then_some((mantissa, away))
}
