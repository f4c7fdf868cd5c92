//! How are the values of a chunk made small? As decimals where they are decimals, else as numbers near them, as places
//! in a list of those that occur, or by their bits; whichever takes least, if there is time to try.
//!
//! Most gauges were decimals before they were floats: 12.34 is 1234 with exponent 2, and such integers pack far better
//! than the bits of the float. Means and sums of decimals are a last bit or two away from a decimal. Every bit comes
//! back, whatever the values.

use super::decimals::{self, Decimals};
use super::xor;
use crate::bytes::{Reader, put_varint};
use crate::rows::{self, Effort};

/// How values are written.
const CONSTANT: u8 = 0;
const DECIMAL: u8 = 1;
const XOR: u8 = 2;
const NEAR: u8 = 3;
const LISTED: u8 = 4;
const ORDERED: u8 = 5;

/// Adds the values.
pub fn encode(values: &[f64], effort: Effort, out: &mut Vec<u8>) {
    let first = values.first().copied().unwrap_or(0.0);
    if values.iter().all(|it| it.to_bits() == first.to_bits()) {
        out.push(CONSTANT);
        out.extend_from_slice(&first.to_bits().to_le_bytes());
        return;
    }
    match effort {
        Effort::Quick => encode_quickly(values, out),
        Effort::Dense => out.append(&mut densest(values, true)),
    }
}

/// Reads `count` values back.
pub fn decode(reader: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    match reader.byte()? {
        LISTED => decode_listed(reader, count),
        kind => decode_plain(kind, reader, count),
    }
}

fn decode_plain(kind: u8, reader: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    match kind {
        CONSTANT => Some(vec![f64::from_bits(reader.u64()?); count]),
        DECIMAL => decimals::decode(reader, count),
        XOR => xor::decode(reader, count),
        NEAR => decimals::decode_near(reader, count),
        ORDERED => Some(rows::decode(reader, count)?.into_iter().map(value_at).collect()),
        _ => None,
    }
}

fn encode_quickly(values: &[f64], out: &mut Vec<u8>) {
    match Decimals::of(values) {
        Some(decimals) => {
            out.push(DECIMAL);
            decimals.encode(Effort::Quick, out);
        }
        None => {
            out.push(XOR);
            xor::encode(values, out);
        }
    }
}

/// What takes least of all.
fn densest(values: &[f64], may_list: bool) -> Vec<u8> {
    let mut all = vec![];
    let exact = Decimals::of(values);
    let is_all_exact = exact.as_ref().is_some_and(|it| it.exceptions.is_empty());
    if let Some(exact) = exact {
        let mut out = vec![DECIMAL];
        exact.encode(Effort::Dense, &mut out);
        all.push(out);
    }
    if !is_all_exact {
        for near in Decimals::near(values) {
            let mut out = vec![NEAR];
            near.encode_near(&mut out);
            all.push(out);
        }
        let mut out = vec![ORDERED];
        rows::encode(&values.iter().map(|it| place_of(*it)).collect::<Vec<_>>(), Effort::Dense, &mut out);
        all.push(out);
        // Gorilla's code knows no distances, but floats cut to fewer bits.
        let mut out = vec![XOR];
        xor::encode(values, &mut out);
        all.push(out);
    }
    all.extend(may_list.then(|| listed(values)).flatten());
    all.into_iter().min_by_key(Vec::len).unwrap_or_default()
}

/// The values that occur, in their order, and which of them each one is; None if few occur twice.
fn listed(values: &[f64]) -> Option<Vec<u8>> {
    let places: Vec<i64> = values.iter().map(|it| place_of(*it)).collect();
    let mut distinct = places.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() > values.len() / 2 {
        return None;
    }
    let mut out = vec![LISTED];
    put_varint(&mut out, distinct.len() as u64);
    out.append(&mut densest(&distinct.iter().map(|it| value_at(*it)).collect::<Vec<_>>(), false));
    let number = |it: &i64| distinct.binary_search(it).unwrap_or(0) as i64;
    rows::encode(&places.iter().map(number).collect::<Vec<_>>(), Effort::Dense, &mut out);
    Some(out)
}

fn decode_listed(reader: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    let n_distinct = usize::try_from(reader.varint()?).ok().filter(|it| *it <= count)?;
    let kind = reader.byte()?;
    let distinct = decode_plain(kind, reader, n_distinct)?;
    let numbers = rows::decode(reader, count)?;
    numbers.into_iter().map(|it| distinct.get(usize::try_from(it).ok()?).copied()).collect()
}

/// The place of a float among all floats: neighbors differ by 1, and the order is that of numbers.
pub fn place_of(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// The way back.
pub fn value_at(place: i64) -> f64 {
    f64::from_bits((place ^ ((place >> 63) as u64 >> 1) as i64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_order_of_numbers() {
        let values = [f64::NEG_INFINITY, -1.5, -f64::MIN_POSITIVE, -0.0, 0.0, f64::MIN_POSITIVE, 1.0, f64::INFINITY];
        assert!(values.map(place_of).is_sorted());
        for value in values.into_iter().chain([f64::NAN, -f64::NAN, f64::from_bits(0x7ff0_0000_0000_0002)]) {
            assert_eq!(value_at(place_of(value)).to_bits(), value.to_bits());
        }
        assert_eq!(place_of(1.0_f64.next_up()), place_of(1.0) + 1);
    }
}
