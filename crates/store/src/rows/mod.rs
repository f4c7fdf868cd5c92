//! How is a row of integers made small? Divided by what all its steps have in common (memory comes in pages, times in
//! seconds), then its differences (none, first or second, whichever is smallest) around their median, as Rice codes.
//!
//! Rice codes (Rice and Plaunt 1971) are optimal for geometric residuals: a quotient in unary and `k` bits. A regular
//! time axis and a constant need no bits at all. Arithmetic wraps, so every i64 comes back. Where there is time for it
//! (when blocks and packs are merged), the residuals are counted and written as classes if that takes less.

pub mod bits;
mod classes;

use self::bits::{BitReader, BitWriter};
use crate::bytes::{Reader, put_signed, put_varint, unzigzag, zigzag};

/// From this quotient on a residual is written with all its 64 bits.
const ESCAPE: u32 = 20;
/// Instead of `k`: all residuals are 0 and take no bits.
const ALL_ZERO: u32 = 63;
/// Instead of `k`: residuals are written as classes.
const CLASSES: u32 = 62;
/// Rows from this length on have room for a table of frequencies.
const MIN_COUNTED: usize = 64;

/// How much time there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Somebody waits.
    Quick,
    /// Nobody waits: what takes least is found by trial.
    Dense,
}

/// The class of a number, by its size and the three bits behind the first, and how many bits it has below.
pub fn class(value: u64) -> (u16, u32) {
    classes::class(value, 3)
}

/// Adds the row to `out`; how many there are is known to the reader.
pub fn encode(values: &[i64], effort: Effort, out: &mut Vec<u8>) {
    let first = values.first().copied().unwrap_or(0);
    let unit = common_unit(values, first);
    put_varint(out, unit.unsigned_abs());
    if unit == 1 {
        return encode_steps(values, effort, out);
    }
    put_signed(out, first);
    let steps: Vec<i64> = values.iter().map(|it| it.wrapping_sub(first) / unit).collect();
    encode_steps(&steps, effort, out);
}

/// Reads `count` integers back.
pub fn decode(reader: &mut Reader<'_>, count: usize) -> Option<Vec<i64>> {
    let unit = i64::try_from(reader.varint()?).ok()?;
    if unit == 1 {
        return decode_steps(reader, count);
    }
    let first = reader.signed()?;
    let mut values = decode_steps(reader, count)?;
    values.iter_mut().for_each(|it| *it = it.wrapping_mul(unit).wrapping_add(first));
    Some(values)
}

/// The largest number that divides all distances from the first value; 1 if there is none or a distance overflows.
fn common_unit(values: &[i64], first: i64) -> i64 {
    let mut unit = 0_i64;
    for value in values {
        let Some(mut rest) = value.checked_sub(first).and_then(i64::checked_abs) else { return 1 };
        while rest != 0 {
            (unit, rest) = (rest, unit.checked_rem(rest).unwrap_or(0));
        }
        if unit == 1 {
            return 1;
        }
    }
    unit.max(1)
}

fn encode_steps(values: &[i64], effort: Effort, out: &mut Vec<u8>) {
    let mut plans: Vec<Plan> = (0..=2).map(|order| Plan::new(values, order)).collect();
    plans.sort_by_key(|it| it.bits);
    if effort == Effort::Dense {
        // What takes least as Rice codes is at most second as classes.
        plans.iter_mut().take(2).for_each(Plan::refine);
    }
    let plan = plans.into_iter().min_by_key(|it| it.bits).expect("there are three orders");
    out.push((plan.order << 6) as u8 | plan.k as u8);
    values.iter().take(plan.order).for_each(|it| put_signed(out, *it));
    put_signed(out, plan.center);
    if let Some(classes) = &plan.classes {
        return classes::put(&plan.residuals, classes, out);
    }
    if plan.k == ALL_ZERO {
        return;
    }
    let mut writer = BitWriter::default();
    for residual in &plan.residuals {
        put_rice(&mut writer, *residual, plan.k);
    }
    writer.finish(out);
}

fn decode_steps(reader: &mut Reader<'_>, count: usize) -> Option<Vec<i64>> {
    let head = reader.byte()?;
    let (order, k) = (usize::from(head >> 6), u32::from(head & 63));
    let mut values = Vec::with_capacity(count);
    for _ in 0..order.min(count) {
        values.push(reader.signed()?);
    }
    let center = reader.signed()?;
    let mut of_classes = vec![].into_iter();
    if k == CLASSES {
        of_classes = classes::read(reader, count.saturating_sub(order))?.into_iter();
    }
    let mut bits = BitReader::new(reader.rest());
    let mut last = values.last().copied().unwrap_or(0);
    let mut delta = match *values.as_slice() {
        [first, second] => second.wrapping_sub(first),
        _ => 0,
    };
    while values.len() < count {
        let residual = match k {
            ALL_ZERO => 0,
            CLASSES => unzigzag(of_classes.next()?),
            _ => unzigzag(get_rice(&mut bits, k)?),
        };
        let change = residual.wrapping_add(center);
        last = match order {
            0 => change,
            1 => last.wrapping_add(change),
            _ => {
                delta = delta.wrapping_add(change);
                last.wrapping_add(delta)
            }
        };
        values.push(last);
    }
    reader.take(bits.bytes_read())?;
    Some(values)
}

fn put_rice(writer: &mut BitWriter, value: u64, k: u32) {
    let quotient = value >> k;
    if quotient >= u64::from(ESCAPE) {
        writer.put(u64::MAX, ESCAPE);
        writer.put(value, 64);
    } else {
        // The ones of the quotient and the zero that ends them.
        writer.put(((1 << quotient) - 1) << 1, quotient as u32 + 1);
        writer.put(value, k);
    }
}

fn get_rice(bits: &mut BitReader<'_>, k: u32) -> Option<u64> {
    match bits.ones(ESCAPE)? {
        ESCAPE => bits.get(64),
        quotient => Some((u64::from(quotient) << k) | bits.get(k)?),
    }
}

/// One way to write the row, with its cost.
struct Plan {
    order: usize,
    k: u32,
    center: i64,
    residuals: Vec<u64>,
    /// Set if `k` says so.
    classes: Option<classes::Plan>,
    bits: u64,
}

impl Plan {
    fn new(values: &[i64], order: usize) -> Self {
        let mut rest: Vec<i64> = values.to_vec();
        for _ in 0..order {
            rest = rest.iter().zip(rest.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a)).collect();
        }
        let center = median(&rest);
        let residuals: Vec<u64> = rest.iter().map(|it| zigzag(it.wrapping_sub(center))).collect();
        let (k, bits) = best_parameter(&residuals);
        // The first values are written in full.
        Self { order, k, center, residuals, classes: None, bits: bits + 40 * order as u64 }
    }

    /// Takes classes if they take less.
    fn refine(&mut self) {
        if self.k == ALL_ZERO || self.residuals.len() < MIN_COUNTED {
            return;
        }
        let room = self.bits - 40 * self.order as u64;
        if let Some(found) = classes::plan(&self.residuals).filter(|it| it.bits < room as f64) {
            self.bits = found.bits as u64 + 40 * self.order as u64;
            (self.k, self.classes) = (CLASSES, Some(found));
        }
    }
}

fn median(values: &[i64]) -> i64 {
    let mut copy = values.to_vec();
    let middle = copy.len() / 2;
    if copy.is_empty() { 0 } else { *copy.select_nth_unstable(middle).1 }
}

/// The `k` near the logarithm of the mean that costs least, and its cost in bits.
fn best_parameter(residuals: &[u64]) -> (u32, u64) {
    if residuals.iter().all(|it| *it == 0) {
        return (ALL_ZERO, 0);
    }
    // Single outliers are escaped and must not count: half of the residuals lie below the median.
    let sum: f64 = residuals.iter().map(|it| *it as f64).sum();
    let mean = sum / residuals.len() as f64;
    let guess = (mean.max(1.0).log2() as u32).min(60);
    let middle = {
        let mut copy = residuals.to_vec();
        let at = copy.len() / 2;
        (64 - copy.select_nth_unstable(at).1.leading_zeros()).min(60)
    };
    let candidates = [guess.saturating_sub(1), guess, guess + 1, middle.saturating_sub(1), middle, middle + 1];
    let cost = |k: u32| -> u64 {
        residuals.iter().map(|it| it >> k).map(|it| if it >= 20 { 84 } else { it + 1 + u64::from(k) }).sum()
    };
    candidates.iter().map(|k| (*k, cost(*k))).min_by_key(|it| it.1).unwrap_or((0, u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size_after_round_trip(values: &[i64]) -> usize {
        let sizes = [Effort::Quick, Effort::Dense].map(|effort| {
            let mut out = vec![];
            encode(values, effort, &mut out);
            let mut reader = Reader::new(&out);
            assert_eq!(decode(&mut reader, values.len()).as_deref(), Some(values));
            assert!(reader.rest().is_empty());
            out.len()
        });
        assert!(sizes[1] <= sizes[0] + sizes[0] / 8, "{sizes:?}");
        sizes[0]
    }

    #[test]
    fn regular_rows_take_no_bits() {
        assert!(size_after_round_trip(&(0..240).map(|it| 1_700_000_000_000 + it * 1000).collect::<Vec<_>>()) < 16);
        assert!(size_after_round_trip(&[7; 240]) < 4);
        size_after_round_trip(&[]);
        size_after_round_trip(&[i64::MIN]);
        size_after_round_trip(&[i64::MIN, i64::MAX]);
        size_after_round_trip(&[0, i64::MIN, 4096]);
        let pages: Vec<i64> = (0..240).map(|it| (1 << 30) + 4096 * (it * it % 7)).collect();
        assert!(size_after_round_trip(&pages) < 120);
    }

    #[test]
    fn an_outlier_does_not_spoil_the_row() {
        let row: Vec<i64> = (0..240).map(|it| if it == 100 { 1 << 40 } else { it % 3 }).collect();
        assert!(size_after_round_trip(&row) < 120, "{}", size_after_round_trip(&row));
    }

    proptest! {
        #[test]
        fn any_row_comes_back(values in prop::collection::vec((any::<i64>(), 0..64_u32), 0..200)) {
            let values: Vec<i64> = values.into_iter().map(|(it, shift)| it >> shift).collect();
            size_after_round_trip(&values);
        }
    }
}
