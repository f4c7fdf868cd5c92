//! Which values has a signal taken before? A map of 128 bins in 48 bytes that grows with the range and forgets by the month.
//!
//! The distance from a new value to the nearest bin that was ever occupied is what is new about it: it is large above the
//! largest value, below the smallest, and in gaps between. A value that came before is never new again, so that a nightly
//! job is a surprise once. Bins are a power of two wide and lie on its multiples; when the range outgrows them, two become
//! one. There are two generations of bins: values that were in neither the present nor the last one are forgotten.

/// Bins, one bit each.
const BINS: i64 = 128;
/// With fewer bins than this in use, bins are halved at the next change of generation.
const FEW_BINS: i64 = 16;
/// The first bin's width as a share of the first value, and of what a value of nearly 0 is taken for.
const FIRST_SHARE: f64 = 1e-4;
const SMALLEST: f64 = 1e-9;
/// Bin numbers stay below this so that neighbors can be told apart in a double.
const LARGEST_INDEX: f64 = 1e12;
/// Exponents of the bins' width; both ends are far outside of what occurs.
const EXPONENTS: (i16, i16) = (-1000, 1000);

/// Values that were taken before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    /// Bit k stands for the bin that begins at `(base + k) * 2^exponent`. Four words because `u128` would pad the struct.
    recent: [u64; 2],
    older: [u64; 2],
    base: i64,
    /// Largest distance so far, as a multiple of a unit that shrinks while time passes; kept by the owner.
    pub largest: f32,
    exponent: i16,
}

/// How a value lies to those seen before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Gap {
    /// To the nearest bin in use; 0 inside of one, or if there is none.
    pub distance: f64,
    /// From the lowest to the highest bin in use.
    pub lowest: f64,
    pub highest: f64,
}

impl Gap {
    /// The range of what was seen.
    pub fn range(&self) -> f64 {
        self.highest - self.lowest
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self { recent: [0; 2], older: [0; 2], base: 0, largest: 0.0, exponent: i16::MIN }
    }
}

impl Seen {
    /// True until the first value.
    pub fn is_empty(&self) -> bool {
        self.exponent == i16::MIN
    }

    /// Where a finite value lies.
    #[inline]
    pub fn gap(&self, x: f64) -> Gap {
        let bits = self.bits();
        if bits == 0 {
            return Gap::default();
        }
        let (lowest, highest) = (i64::from(bits.trailing_zeros()), BINS - i64::from(bits.leading_zeros()));
        let width = power_of_two(self.exponent);
        let position = x * power_of_two(-self.exponent) - self.base as f64;
        let bins = if position < lowest as f64 {
            lowest as f64 - position
        } else if position >= highest as f64 {
            position - highest as f64
        } else {
            within(bits, position)
        };
        let value_at = |bin: i64| (self.base + bin) as f64 * width;
        Gap { distance: bins * width, lowest: value_at(lowest), highest: value_at(highest) }
    }

    /// Takes a finite value in.
    #[inline]
    pub fn add(&mut self, x: f64) {
        if self.is_empty() {
            self.begin(x);
        }
        let bin = self.bin(x);
        if (0..BINS).contains(&bin) {
            self.recent = words(pair(self.recent) | 1 << bin);
        } else {
            self.make_room(x);
        }
    }

    /// Begins a new generation: what was not seen in the one that ends is forgotten with the next change.
    pub fn turn(&mut self) {
        (self.older, self.recent) = (self.recent, [0; 2]);
        let few = self.used().filter(|(lowest, highest)| highest - lowest < FEW_BINS && self.exponent > EXPONENTS.0);
        if let Some((lowest, highest)) = few {
            self.halve(lowest, highest);
        }
    }

    /// As numbers that can be stored.
    pub fn to_parts(self) -> [u64; 7] {
        let [a, b] = self.recent;
        let [c, d] = self.older;
        [
            a,
            b,
            c,
            d,
            self.base.cast_unsigned(),
            u64::from(self.largest.to_bits()),
            u64::from(self.exponent.cast_unsigned()),
        ]
    }

    /// From such numbers; None if they cannot be.
    pub fn from_parts([a, b, c, d, base, largest, exponent]: [u64; 7]) -> Option<Self> {
        let exponent = u16::try_from(exponent).ok()?.cast_signed();
        let largest = f32::from_bits(u32::try_from(largest).ok()?);
        let is_valid = exponent == i16::MIN || (EXPONENTS.0..=EXPONENTS.1).contains(&exponent);
        let base = base.cast_signed();
        let is_near = base.unsigned_abs() < 1 << 62;
        let seen = Self { recent: [a, b], older: [c, d], base, largest, exponent };
        (is_valid && is_near && largest >= 0.0).then_some(seen)
    }

    fn bits(&self) -> u128 {
        pair(self.recent) | pair(self.older)
    }

    /// The bin of a value, outside of `0..BINS` if there is none yet.
    fn bin(&self, x: f64) -> i64 {
        ((x * power_of_two(-self.exponent)).floor() as i64).saturating_sub(self.base)
    }

    fn begin(&mut self, x: f64) {
        let width = x.abs().max(SMALLEST) * FIRST_SHARE;
        self.exponent = (width.log2().floor() as i16).clamp(EXPONENTS.0, EXPONENTS.1);
        self.base = (x * power_of_two(-self.exponent)).floor() as i64 - BINS / 2;
    }

    /// Moves or widens the bins until the value has one.
    #[cold]
    fn make_room(&mut self, x: f64) {
        while (x * power_of_two(-self.exponent)).abs() > LARGEST_INDEX && self.exponent < EXPONENTS.1 {
            self.widen();
        }
        loop {
            let (bin, used) = (self.bin(x), self.used());
            let (lowest, highest) = used.map_or((bin, bin), |(lowest, highest)| (lowest.min(bin), highest.max(bin)));
            if highest - lowest < BINS {
                let spare = (BINS - 1 - (highest - lowest)) / 2;
                self.shift(self.base + lowest - spare);
                self.recent = words(pair(self.recent) | bit_at(self.bin(x)));
                return;
            }
            self.widen();
        }
    }

    /// The lowest and the highest bin in use.
    fn used(&self) -> Option<(i64, i64)> {
        let bits = self.bits();
        (bits != 0).then(|| (i64::from(bits.trailing_zeros()), BINS - 1 - i64::from(bits.leading_zeros())))
    }

    fn shift(&mut self, base: i64) {
        let by = self.base - base;
        self.each(|bit| Some(bit + by));
        self.base = base;
    }

    /// Makes one bin of two, with those in use in the middle.
    fn widen(&mut self) {
        let (lowest, highest) = self.used().unwrap_or((0, BINS - 1));
        let old = self.base;
        let base = (old + lowest).div_euclid(4) + (old + highest).div_euclid(4) - BINS / 2;
        self.each(|bit| Some((old + bit).div_euclid(2) - base));
        (self.base, self.exponent) = (base, self.exponent + 1);
    }

    /// Makes two bins of one, both in use.
    fn halve(&mut self, lowest: i64, highest: i64) {
        let base = self.base.saturating_mul(2) + lowest + highest - BINS / 2;
        let old = self.base;
        let split = |bits: u128| {
            ones(bits)
                .flat_map(|bit| [0, 1].map(|half| 2 * (old + bit) + half - base))
                .fold(0, |all, it| all | bit_at(it))
        };
        (self.recent, self.older) = (words(split(pair(self.recent))), words(split(pair(self.older))));
        (self.base, self.exponent) = (base, self.exponent - 1);
    }

    fn each(&mut self, place: impl Fn(i64) -> Option<i64>) {
        let moved = |bits: u128| ones(bits).filter_map(&place).fold(0, |all, it| all | bit_at(it));
        (self.recent, self.older) = (words(moved(pair(self.recent))), words(moved(pair(self.older))));
    }
}

/// Bins from a position between the outermost bins in use to the nearest one.
#[inline]
fn within(bits: u128, position: f64) -> f64 {
    let bin = position as u32;
    let from = bits >> bin;
    if from & 1 == 1 {
        return 0.0;
    }
    let above = f64::from(bin + from.trailing_zeros()) - position;
    let lower = bits & ((1 << bin) - 1);
    let below = position - f64::from(BINS as u32 - lower.leading_zeros());
    above.min(below)
}

fn ones(mut bits: u128) -> impl Iterator<Item = i64> {
    std::iter::from_fn(move || {
        let next = (bits != 0).then(|| i64::from(bits.trailing_zeros()));
        bits &= bits.wrapping_sub(1);
        next
    })
}

fn bit_at(bin: i64) -> u128 {
    if (0..BINS).contains(&bin) { 1 << bin } else { 0 }
}

fn pair([low, high]: [u64; 2]) -> u128 {
    u128::from(low) | u128::from(high) << 64
}

fn words(bits: u128) -> [u64; 2] {
    [bits as u64, (bits >> 64) as u64]
}

/// Exactly `2^exponent`, for exponents of ordinary numbers.
fn power_of_two(exponent: i16) -> f64 {
    f64::from_bits(((i64::from(exponent) + 1023).clamp(1, 2046) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(values: &[f64]) -> Seen {
        let mut seen = Seen::default();
        values.iter().for_each(|it| seen.add(*it));
        seen
    }

    #[test]
    fn outside_and_between_is_new_and_what_was_there_is_not() {
        let seen = seen(&[0.0, 100.0, 10.0, 90.0]);
        for (x, distance) in [(0.0, 0.0), (100.0, 0.0), (150.0, 50.0), (-40.0, 40.0), (50.0, 40.0), (70.0, 20.0)] {
            let found = seen.gap(x);
            assert!((found.distance - distance).abs() < 2.0, "{x}: {found:?}");
            assert!((found.range() - 100.0).abs() < 3.0);
        }
    }

    #[test]
    fn a_value_that_is_not_repeated_is_forgotten_after_two_generations() {
        let mut seen = seen(&[10.0, 11.0, 1000.0]);
        for (turns, is_new) in [(0, false), (1, false), (2, true)] {
            let mut later = seen;
            (0..turns).for_each(|_| {
                later.turn();
                [10.0, 11.0].iter().for_each(|it| later.add(*it));
            });
            assert_eq!(later.gap(1000.0).distance > 900.0, is_new, "{turns}");
        }
        // The bins become fine again.
        (0..20).for_each(|_| {
            seen.turn();
            [10.0, 11.0].iter().for_each(|it| seen.add(*it));
        });
        assert!(seen.gap(10.5).distance > 0.3, "{seen:?}");
    }

    #[test]
    fn the_state_is_small() {
        assert_eq!(size_of::<Seen>(), 48);
    }

    proptest! {
        #[test]
        fn a_value_just_added_is_never_new(values in prop::collection::vec(prop_oneof![-1e3..1e3_f64, -1e150..1e150_f64, Just(0.0), Just(1e-300)], 1..60)) {
            let mut seen = Seen::default();
            for x in &values {
                seen.add(*x);
                prop_assert_eq!(seen.gap(*x).distance, 0.0);
            }
            prop_assert_eq!(Seen::from_parts(seen.to_parts()), Some(seen));
        }

        #[test]
        fn the_distance_is_right_within_two_bins(values in prop::collection::vec(0.0..1e3_f64, 2..60), x in -2e3..3e3_f64) {
            let seen = seen(&values);
            let exact = values.iter().map(|it| (it - x).abs()).fold(f64::INFINITY, f64::min);
            let width = power_of_two(seen.exponent);
            let found = seen.gap(x).distance;
            prop_assert!(found <= exact + 1e-9 && found >= exact - 1.01 * width, "{} {} {}", found, exact, width);
        }
    }
}
