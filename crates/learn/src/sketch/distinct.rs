//! How many different ones? Exactly while they are few, then estimated to about 2 %.
//!
//! Up to `EXACT` hashes are kept as they are; then they become the registers of a HyperLogLog (Flajolet, Fusy, Gandouet,
//! Meunier: "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", AofA 2007; with 64-bit
//! hashes as in Heule, Nunkesser, Hall: "HyperLogLog in Practice", EDBT 2013, so that no correction for collisions of
//! hashes is needed).

use serde::{Deserialize, Serialize};

/// So many different ones are counted exactly.
const EXACT: usize = 256;
/// Bits of the hash that choose a register: 4096 registers, a standard error of 1.6 %.
const PRECISION: u32 = 12;
const REGISTERS: usize = 1 << PRECISION;
/// Bias correction for this number of registers.
const ALPHA: f64 = 0.7213 / (1.0 + 1.079 / REGISTERS as f64);

/// A mergeable count of different hashes, at most 4 KiB.
///
/// ```
/// use learn::sketch::{Distinct, hash_text};
///
/// let mut users = Distinct::default();
/// ["ann", "bob", "ann"].iter().for_each(|it| users.learn_one(hash_text(it)));
/// assert_eq!(users.estimate(), 2.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distinct(Form);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Form {
    /// Sorted.
    Few(Vec<u64>),
    Many(Box<[u8]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self(Form::Few(vec![]))
    }
}

impl Distinct {
    /// Takes in a hash, such as that of [`hash_text`].
    pub fn learn_one(&mut self, hash: u64) {
        match &mut self.0 {
            Form::Many(registers) => put(registers, hash),
            Form::Few(hashes) => {
                let Err(place) = hashes.binary_search(&hash) else { return };
                if hashes.len() < EXACT {
                    hashes.insert(place, hash);
                    return;
                }
                let mut registers = registers_of(hashes);
                put(&mut registers, hash);
                self.0 = Form::Many(registers);
            }
        }
    }

    /// Takes in all that another one has taken in.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (_, Form::Few(hashes)) => hashes.iter().for_each(|it| self.learn_one(*it)),
            (Form::Many(ours), Form::Many(theirs)) => raise(ours, theirs),
            (Form::Few(hashes), Form::Many(theirs)) => {
                let mut registers = registers_of(hashes);
                raise(&mut registers, theirs);
                self.0 = Form::Many(registers);
            }
        }
    }

    /// How many different hashes: exact up to 256, then with a standard error of 1.6 %.
    pub fn estimate(&self) -> f64 {
        let registers = match &self.0 {
            Form::Few(hashes) => return hashes.len() as f64,
            Form::Many(registers) => registers,
        };
        let count = REGISTERS as f64;
        let sum: f64 = registers.iter().map(|it| (-f64::from(*it)).exp2()).sum();
        let raw = ALPHA * count * count / sum;
        let empty = registers.iter().filter(|it| **it == 0).count();
        // With few different ones the number of empty registers says more (linear counting).
        if raw <= 2.5 * count && empty > 0 { count * (count / empty as f64).ln() } else { raw }
    }

    /// Whether it can have come from hashes: what was read from a file may say anything.
    pub fn is_sound(&self) -> bool {
        match &self.0 {
            Form::Few(hashes) => hashes.len() <= EXACT && hashes.is_sorted(),
            Form::Many(registers) => registers.len() == REGISTERS && registers.iter().all(|it| *it <= 64),
        }
    }

    /// Memory in bytes.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.0 {
                Form::Few(hashes) => hashes.capacity() * size_of::<u64>(),
                Form::Many(registers) => registers.len(),
            }
    }
}

/// A 64-bit hash of a text, the same on every machine: FNV-1a, then the finalizer of MurmurHash3 so that all bits mix.
pub fn hash_text(text: &str) -> u64 {
    let fnv = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (fnv ^ fnv >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ mixed >> 33
}

fn registers_of(hashes: &[u64]) -> Box<[u8]> {
    let mut registers = vec![0; REGISTERS].into_boxed_slice();
    hashes.iter().for_each(|it| put(&mut registers, *it));
    registers
}

fn put(registers: &mut [u8], hash: u64) {
    let idx = (hash >> (64 - PRECISION)) as usize;
    // The first one among the other bits; a one behind them ends the search.
    let rank = ((hash << PRECISION | 1 << (PRECISION - 1)).leading_zeros() + 1) as u8;
    if let Some(register) = registers.get_mut(idx) {
        *register = (*register).max(rank);
    }
}

fn raise(ours: &mut [u8], theirs: &[u8]) {
    ours.iter_mut().zip(theirs).for_each(|(a, b)| *a = (*a).max(*b));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: std::ops::Range<u32>) -> Distinct {
        let mut distinct = Distinct::default();
        range.for_each(|it| distinct.learn_one(hash_text(&format!("user-{it}"))));
        distinct
    }

    #[test]
    fn few_are_exact_and_many_are_right_to_five_percent() {
        for count in [0, 1, 255, 256, 257, 1_000, 5_000, 12_000, 100_000, 1_000_000] {
            let distinct = of(0..count);
            let error = (distinct.estimate() - f64::from(count)).abs() / f64::from(count.max(1));
            assert!(error <= if count <= 256 { 0.0 } else { 0.05 }, "{count}: {}", distinct.estimate());
            assert!(distinct.state_bytes() < 4400);
        }
    }

    #[test]
    fn the_same_ones_again_change_nothing() {
        let mut many = of(0..3_000);
        let before = many.clone();
        (0..3_000).for_each(|it: u32| many.learn_one(hash_text(&format!("user-{it}"))));
        assert_eq!(many, before);
    }

    #[test]
    fn merging_parts_is_the_same_as_taking_the_whole() {
        for (one, other, whole) in
            [(0..100, 50..150, 0..150), (0..100, 0..9_000, 0..9_000), (0..9_000, 5..60, 0..9_000)]
        {
            let mut merged = of(one);
            merged.merge(&of(other));
            assert_eq!(merged.estimate(), of(whole).estimate());
        }
    }
}
