//! Where does randomness come from where everything must be repeatable? From a seed, the same on all machines.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// xoshiro256++, seeded through SplitMix64.
///
/// The same seed gives the same numbers on all machines and in all releases.
/// It is not for secrets.
///
/// Source: Blackman, Vigna: Scrambled linear pseudorandom number generators, ACM TOMS 47 (2021); public domain code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// A generator for this seed; near seeds give unrelated numbers.
    pub fn new(seed: u64) -> Self {
        let mut word = seed;
        let state = std::array::from_fn(|_| split_mix(&mut word));
        Self { state }
    }

    /// A generator of its own for part `index` of something (a tree of a forest), so that parts can be made in any order.
    pub fn for_part(seed: u64, index: u64) -> Self {
        let mut word = seed;
        let seed = split_mix(&mut word);
        Self::new(seed ^ index.wrapping_add(1).wrapping_mul(GOLDEN))
    }

    /// Any 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number in 0 (inclusive) to 1 (exclusive), with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A number in `low` (inclusive) to `high` (exclusive, unless they are equal).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// An index below `n`; 0 if `n` is 0. Biased by less than n / 2^64 (Lemire's multiplication).
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// A number of the standard normal distribution (Marsaglia's polar method; the second number is thrown away).
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (self.between(-1.0, 1.0), self.between(-1.0, 1.0));
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }

    /// Puts the items into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = self.below(end + 1);
            items.swap(end, other);
        }
    }

    /// `k` different indices below `n` in random order; all of them if `k` is `n` or more.
    pub fn sample(&mut self, n: usize, k: usize) -> Vec<usize> {
        let mut indices: Vec<usize> = (0..n).collect();
        let k = k.min(n);
        for start in 0..k {
            let other = start + self.below(n - start);
            indices.swap(start, other);
        }
        indices.truncate(k);
        indices
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(GOLDEN);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: the numbers of the published reference code.
    #[test]
    fn numbers_are_those_of_the_reference_code() {
        let mut state = 1234567;
        let expected = [6457827717110365317u64, 3203168211198807973, 9817491932198370423, 4593380528125082431];
        assert_eq!(std::array::from_fn(|_| split_mix(&mut state)), expected);
        let mut random = Random { state: [1, 2, 3, 4] };
        let expected = [41943041u64, 58720359, 3588806011781223, 3591011842654386];
        assert_eq!(std::array::from_fn(|_| random.next_u64()), expected);
    }

    #[test]
    fn moments_are_right() {
        let mut random = Random::new(7);
        let n = 100_000;
        let moments = |draw: &mut dyn FnMut() -> f64| {
            let values: Vec<f64> = (0..n).map(|_| draw()).collect();
            let mean = values.iter().sum::<f64>() / n as f64;
            (mean, values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / n as f64)
        };
        let (mean, variance) = moments(&mut || random.uniform());
        assert!((mean - 0.5).abs() < 0.004 && (variance - 1.0 / 12.0).abs() < 0.002, "{mean} {variance}");
        let (mean, variance) = moments(&mut || random.normal());
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn samples_are_distinct_and_every_index_has_its_turn() {
        let mut random = Random::new(1);
        let mut hits = [0; 10];
        for _ in 0..3000 {
            let mut sample = random.sample(10, 3);
            sample.sort_unstable();
            sample.dedup();
            assert_eq!(sample.len(), 3);
            sample.into_iter().for_each(|it| hits[it] += 1);
        }
        assert!(hits.iter().all(|it| (800..1000).contains(it)), "{hits:?}");
        assert_eq!(random.sample(3, 9).len(), 3);
        assert_eq!((random.below(0), random.below(1)), (0, 0));
    }
}
