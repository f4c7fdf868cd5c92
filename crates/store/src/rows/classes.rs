//! How are residuals that are not geometric made small? Each is a class, the bits of its size and the first ones behind
//! them, and what is left of it as plain bits; the classes are entropy coded with the frequencies of this very row.
//!
//! Residuals whose last one was small are counted apart from those behind a large one: quiet and busy times of a
//! gauge follow each other. The coder is the range variant of asymmetric numeral systems (Duda, arXiv 1311.2540): some
//! bits for a class, as many as it deserves, and a table look-up to read it. The split into class and plain bits is that
//! of pcodec's bins, with fixed borders in place of searched ones.
//!
//! ```text
//! row = bits behind the size (2), contexts (2) as one byte | borders of the contexts (2 bytes each)
//!       | frequencies of each context | words of the coder (varint count, 2 bytes each) | state (4 bytes) | plain bits
//! ```

use super::bits::{BitReader, BitWriter};
use crate::bytes::{Reader, put_varint};

/// Frequencies of a context sum up to this power of two.
const SCALE_BITS: u32 = 11;
const SCALE: u32 = 1 << SCALE_BITS;
/// The coder's state is at least this.
const LOW: u32 = 1 << 16;
/// Most bits behind the size that are part of a class, and most contexts.
const MOST_DETAIL: u32 = 3;
/// As many for numbers that are all small, so that each is a class of its own: places in lists, for example.
const EXACT: u32 = 8;
const MOST_CONTEXTS: usize = 3;
/// Classes at most: of numbers with 64 bits, and all details.
const CLASSES: usize = 512;
/// About what an entry in a table of frequencies takes, in bits.
const ENTRY_BITS: f64 = 10.0;

/// How a row is to be written, and what that takes.
#[derive(Clone, Debug)]
pub struct Plan {
    detail: u32,
    borders: Vec<u16>,
    pub bits: f64,
}

/// The plan that takes the least; None for a row that has nothing to count.
pub fn plan(row: &[u64]) -> Option<Plan> {
    let exact = row.iter().all(|it| *it < CLASSES as u64).then_some(EXACT);
    let plans = (0..=MOST_DETAIL).chain(exact).flat_map(|detail| {
        let (classes, bits): (Vec<u16>, Vec<u32>) = row.iter().map(|it| class(*it, detail)).unzip();
        let plain: u64 = bits.into_iter().map(u64::from).sum();
        let together = counted(&classes, &[]);
        let n_classes = row.len();
        (1..=MOST_CONTEXTS).map(move |n_contexts| {
            let border = |idx: usize| quantile(&together, n_classes * idx / n_contexts);
            let borders: Vec<u16> = (1..n_contexts).map(border).collect();
            let counts = counted(&classes, &borders);
            let bits = plain as f64 + counts.iter().map(cost).sum::<f64>() + 64.0;
            Plan { detail, borders, bits }
        })
    });
    plans.min_by(|a, b| a.bits.total_cmp(&b.bits)).filter(|_| !row.is_empty())
}

/// Adds the row.
pub fn put(row: &[u64], plan: &Plan, out: &mut Vec<u8>) {
    out.push((plan.detail << 2) as u8 | plan.borders.len() as u8);
    plan.borders.iter().for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
    let classes: Vec<u16> = row.iter().map(|it| class(*it, plan.detail).0).collect();
    let tables: Vec<Vec<(u32, u32)>> = counted(&classes, &plan.borders).iter().map(ranges).collect();
    let mut head = BitWriter::default();
    tables.iter().for_each(|it| put_table(it, &mut head));
    head.finish(out);
    let mut contexts = Vec::with_capacity(row.len());
    let mut context = 0;
    for class in &classes {
        contexts.push(context);
        context = context_after(*class, &plan.borders);
    }
    // The coder is a stack: what is read first is written last.
    let (mut state, mut words) = (u64::from(LOW), vec![]);
    for (class, context) in classes.iter().zip(&contexts).rev() {
        let range = tables.get(*context).and_then(|it| it.get(usize::from(*class))).copied();
        let (start, frequency) = range.map_or((0, 1), |(start, frequency)| (u64::from(start), u64::from(frequency)));
        if state >= frequency << (32 - SCALE_BITS) {
            words.push(state as u16);
            state >>= 16;
        }
        state = ((state / frequency) << SCALE_BITS) + state % frequency + start;
    }
    put_varint(out, words.len() as u64);
    words.iter().rev().for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
    out.extend_from_slice(&(state as u32).to_le_bytes());
    let mut plain = BitWriter::default();
    for value in row {
        let (_, bits) = class(*value, plan.detail);
        plain.put(*value, bits);
    }
    plain.finish(out);
}

/// Reads `count` numbers back.
pub fn read(reader: &mut Reader<'_>, count: usize) -> Option<Vec<u64>> {
    let head = reader.byte()?;
    let (detail, n_borders) = (u32::from(head >> 2), usize::from(head & 3));
    if (detail > MOST_DETAIL && detail != EXACT) || n_borders >= MOST_CONTEXTS {
        return None;
    }
    let borders: Vec<u16> = (0..n_borders).map(|_| reader.u16()).collect::<Option<_>>()?;
    let mut bits = BitReader::new(reader.rest());
    let tables: Vec<Table> =
        (0..=n_borders).map(|_| Table::read(&mut bits, detail, &borders)).collect::<Option<_>>()?;
    reader.take(bits.bytes_read())?;
    let n_words = usize::try_from(reader.varint()?).ok()?;
    let words = reader.take(n_words.checked_mul(2)?)?;
    let mut words = words.chunks_exact(2).map(|it| it.iter().rev().fold(0, |all, byte| (all << 8) | u32::from(*byte)));
    let mut state = reader.u32()?;
    let mut plain = BitReader::new(reader.rest());
    let mut table = tables.first()?;
    let mut row = Vec::with_capacity(count);
    for _ in 0..count {
        let slot = state & (SCALE - 1);
        let entry = table.entries.get(usize::from(*table.slots.get(slot as usize)?))?;
        state = entry.frequency.wrapping_mul(state >> SCALE_BITS).wrapping_add(slot).wrapping_sub(entry.start);
        if state < LOW {
            state = (state << 16) | words.next()?;
        }
        row.push(entry.base | plain.get(entry.bits)?);
        table = tables.get(entry.context)?;
    }
    reader.take(plain.bytes_read())?;
    Some(row)
}

/// The class of a number, and how many plain bits follow.
pub fn class(value: u64, detail: u32) -> (u16, u32) {
    let bits = (64 - value.leading_zeros()).saturating_sub(detail + 1);
    // The leading one is part of `top`, so that classes of ever more bits follow each other without a gap.
    let top = value >> bits;
    (((u64::from(bits) << detail) + top) as u16, bits)
}

/// The smallest number of a class, and how many plain bits follow.
fn base(class: u16, detail: u32) -> Option<(u64, u32)> {
    let class = u64::from(class);
    let bits = (class >> detail).saturating_sub(1) as u32;
    if bits + detail >= 64 {
        return None;
    }
    let top = class - (u64::from(bits) << detail);
    Some((top << bits, bits))
}

fn context_after(class: u16, borders: &[u16]) -> usize {
    borders.iter().filter(|it| class > **it).count()
}

/// The class of the number that would be at this place if they were sorted.
fn quantile(counts: &[[u32; CLASSES]], place: usize) -> u16 {
    let mut before = 0;
    let is_behind = |count: &u32| {
        before += *count as usize;
        before > place
    };
    counts.iter().flatten().position(is_behind).unwrap_or(0) as u16
}

/// How often each class is in each context.
fn counted(classes: &[u16], borders: &[u16]) -> Vec<[u32; CLASSES]> {
    let mut counts = vec![[0; CLASSES]; borders.len() + 1];
    let mut context = 0;
    for class in classes {
        if let Some(it) = counts.get_mut(context).and_then(|it| it.get_mut(usize::from(*class))) {
            *it += 1;
        }
        context = context_after(*class, borders);
    }
    counts
}

/// Bits for the classes of a context and for its table.
fn cost(counts: &[u32; CLASSES]) -> f64 {
    let total: f64 = counts.iter().map(|it| f64::from(*it)).sum();
    let used = counts.iter().filter(|it| **it > 0).map(|it| f64::from(*it));
    used.map(|it| ENTRY_BITS - it * (it / total).log2()).sum()
}

/// Start and frequency of each class, scaled so that they fill the scale and none that occurs is 0.
fn ranges(counts: &[u32; CLASSES]) -> Vec<(u32, u32)> {
    let total: u64 = counts.iter().map(|it| u64::from(*it)).sum();
    let scaled = |it: &u32| match it {
        0 => 0,
        it => ((u64::from(*it) * u64::from(SCALE) + total / 2) / total).max(1) as u32,
    };
    let mut frequencies: Vec<u32> = counts.iter().map(scaled).collect();
    if total == 0 {
        return frequencies.into_iter().map(|it| (0, it)).collect();
    }
    // What rounding has added or lost is taken from the largest, which notices it least.
    let mut sum: u32 = frequencies.iter().sum();
    while sum != SCALE {
        let Some(largest) = frequencies.iter_mut().max() else { break };
        let step = if sum > SCALE { (sum - SCALE).min(*largest / 2) } else { SCALE - sum };
        *largest = if sum > SCALE { *largest - step } else { *largest + step };
        sum = if sum > SCALE { sum - step } else { sum + step };
    }
    let mut start = 0;
    let range = |frequency: u32| {
        start += frequency;
        (start - frequency, frequency)
    };
    frequencies.into_iter().map(range).collect()
}

/// Number of classes, then for each the gap to the one before and its frequency, all in gamma codes.
fn put_table(ranges: &[(u32, u32)], out: &mut BitWriter) {
    let used = || ranges.iter().enumerate().filter(|(_, range)| range.1 > 0);
    put_gamma(used().count() as u64 + 1, out);
    let mut next = 0;
    for (class, (_, frequency)) in used() {
        put_gamma((class - next) as u64 + 1, out);
        out.put(u64::from(frequency.ilog2()), 4);
        out.put(u64::from(*frequency), frequency.ilog2());
        next = class + 1;
    }
}

/// Elias' gamma code: the number of bits behind the first in unary, then these bits.
fn put_gamma(value: u64, out: &mut BitWriter) {
    let bits = value.ilog2();
    out.put(u64::MAX << 1, bits + 1);
    out.put(value, bits);
}

fn gamma(bits: &mut BitReader<'_>) -> Option<u64> {
    let n_bits = bits.ones(32)?;
    Some((1 << n_bits) | bits.get(n_bits)?)
}

/// What is needed to read the classes of a context.
struct Table {
    /// The number of the entry for each slot of the scale.
    slots: Vec<u16>,
    entries: Vec<Entry>,
}

/// A class.
struct Entry {
    start: u32,
    frequency: u32,
    base: u64,
    bits: u32,
    /// Of the number behind.
    context: usize,
}

impl Table {
    fn read(bits: &mut BitReader<'_>, detail: u32, borders: &[u16]) -> Option<Self> {
        let n_classes = gamma(bits)?.checked_sub(1).filter(|it| *it < CLASSES as u64)?;
        let mut table = Self { slots: Vec::with_capacity(SCALE as usize), entries: vec![] };
        let mut next = 0;
        for _ in 0..n_classes {
            let class = u16::try_from(next + gamma(bits)? - 1).ok()?;
            let n_bits = bits.get(4)? as u32;
            let frequency = (1 << n_bits) | bits.get(n_bits)? as u32;
            let (start, number) = (table.slots.len() as u32, table.entries.len() as u16);
            if start + frequency > SCALE {
                return None;
            }
            let (base, n_plain) = base(class, detail)?;
            let context = context_after(class, borders);
            table.entries.push(Entry { start, frequency, base, bits: n_plain, context });
            table.slots.resize((start + frequency) as usize, number);
            next = u64::from(class) + 1;
        }
        Some(table)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size_after_round_trip(row: &[u64]) -> usize {
        let Some(plan) = plan(row) else { return 0 };
        let mut out = vec![];
        put(row, &plan, &mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(read(&mut reader, row.len()).as_deref(), Some(row));
        assert!(reader.rest().is_empty());
        out.len()
    }

    #[test]
    fn classes_follow_each_other_without_gaps() {
        for detail in 0..=MOST_DETAIL {
            let mut next = 0;
            for value in (0..5000).chain([u64::MAX]) {
                let (found, bits) = class(value, detail);
                let (smallest, n_bits) = base(found, detail).unwrap();
                assert_eq!(bits, n_bits);
                assert_eq!(value >> bits, smallest >> bits, "{value} with {detail}");
                assert!(usize::from(found) < CLASSES && (found <= next || value == u64::MAX));
                next = found + 1;
            }
        }
    }

    #[test]
    fn a_row_takes_about_its_entropy() {
        let mut random = fastrand::Rng::with_seed(1);
        let two: Vec<u64> = (0..4096).map(|_| if random.u8(..8) == 0 { 12 } else { 3 }).collect();
        // 0.544 bits each.
        assert!((270..310).contains(&size_after_round_trip(&two)), "{}", size_after_round_trip(&two));
        let noise: Vec<u64> = (0..4096).map(|_| random.u64(..1 << 20)).collect();
        assert!(size_after_round_trip(&noise) < 4096 * 20 / 8 + 100, "{}", size_after_round_trip(&noise));
        let quiet_and_busy: Vec<u64> =
            (0..4096).map(|it| if it / 64 % 2 == 0 { 0 } else { 8 + random.u64(..4) }).collect();
        assert!(size_after_round_trip(&quiet_and_busy) < 650, "{}", size_after_round_trip(&quiet_and_busy));
    }

    #[test]
    fn cut_and_changed_bytes_do_not_panic() {
        let row: Vec<u64> = (0..300).map(|it| it * it % 97).collect();
        let mut out = vec![];
        put(&row, &plan(&row).unwrap(), &mut out);
        for idx in 0..out.len() {
            assert_eq!(read(&mut Reader::new(&out[..idx]), row.len()), None);
            let mut changed = out.clone();
            changed[idx] ^= 0x55;
            let _ = read(&mut Reader::new(&changed), row.len());
        }
    }

    proptest! {
        #[test]
        fn any_row_comes_back(row in prop::collection::vec((0..64_u32, any::<u64>()), 0..200)) {
            let row: Vec<u64> = row.into_iter().map(|(shift, value)| value >> shift).collect();
            size_after_round_trip(&row);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..500_usize) {
            let _ = read(&mut Reader::new(&bytes), count);
        }
    }
}
