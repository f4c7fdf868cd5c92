//! Is a number far from those that usually stand there?
//!
//! Numbers of logs are durations, sizes and amounts: heavy-tailed, so that they are judged on a logarithmic scale, against
//! the usual spread and against the largest seen so far. Ids and timestamps, which only grow, are recognized and left
//! alone. An outlier teaches nothing until most are outliers: then all begins anew.

use serde::{Deserialize, Serialize};

/// Numbers before the first verdict.
const READY: u32 = 100;
/// Memory in numbers.
const MEMORY: f64 = 500.0;
/// Far is more than so many mean absolute deviations from the center, and than so much on the logarithmic scale.
const DEVIATIONS: f64 = 8.0;
const LEAST_DISTANCE: f64 = 0.7;
/// How far beyond the largest number seen, as a share of its distance from the center, and at least (a factor of 1.5).
const BEYOND_SHARE: f64 = 0.5;
const BEYOND: f64 = 0.405;
/// Numbers of which more than this share is larger than the one before are ids or timestamps.
const GROWING_SHARE: f64 = 0.85;
/// Below a thousandth the scale is linear.
const UNIT: f64 = 1000.0;

/// What is said about a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NumbersVerdict {
    /// Nothing, or too little is known.
    Usual,
    /// It is far away.
    Outlier {
        /// The usual one.
        usual: f64,
        /// The smallest and the largest that are not far away.
        lowest: f64,
        /// The largest that is not far away.
        highest: f64,
        /// Outliers among the newest 20, with this one.
        recent: u32,
    },
}

/// Larger numbers would overflow on the scale on which numbers are compared.
const LARGEST: f64 = 1e100;

/// The usual values of a numeric parameter.
///
/// ```
/// use learn::events::{Numbers, NumbersVerdict};
///
/// let mut took_ms = Numbers::default();
/// (0..300).for_each(|it| assert_eq!(took_ms.observe(f64::from(10 + it * 7 % 20)), NumbersVerdict::Usual));
/// assert!(matches!(took_ms.observe(5000.0), NumbersVerdict::Outlier { recent: 1, .. }));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    seen: u32,
    center: f64,
    deviation: f64,
    lowest: f64,
    highest: f64,
    before: f64,
    growing: f64,
    /// One bit per number, the newest lowest; 1 is an outlier.
    recent: u32,
}

impl Numbers {
    /// Judges a number by those before, and takes it in. What is not finite is passed over, and so is what is no measure
    /// of anything, such as an identity like `7e301` that only reads like a number.
    pub fn observe(&mut self, value: f64) -> NumbersVerdict {
        // NaN is not below.
        let is_number = value.abs() < LARGEST;
        if !is_number {
            return NumbersVerdict::Usual;
        }
        let y = (value * UNIT).asinh();
        let weight = 1.0 / f64::from(self.seen + 1).min(MEMORY);
        self.growing += weight.max(0.02) * (f64::from(u8::from(value > self.before)) - self.growing);
        self.before = value;
        let (lowest, highest) = self.limits();
        let is_outlier = self.seen >= READY
            && !(lowest..=highest).contains(&y)
            && self.growing.max(1.0 - self.growing) < GROWING_SHARE;
        self.recent = self.recent << 1 | u32::from(is_outlier);
        if self.recent.count_ones() > 24 {
            // What stands there has changed for good.
            *self = Self { before: value, growing: 0.5, ..Self::default() };
            return NumbersVerdict::Usual;
        }
        if is_outlier {
            let [usual, lowest, highest] = [self.center, lowest, highest].map(|it| it.sinh() / UNIT);
            return NumbersVerdict::Outlier { usual, lowest, highest, recent: (self.recent & 0xf_ffff).count_ones() };
        }
        self.learn(y, weight);
        NumbersVerdict::Usual
    }

    fn limits(&self) -> (f64, f64) {
        let far = (DEVIATIONS * self.deviation).max(LEAST_DISTANCE);
        let beyond = |edge: f64| ((edge - self.center).abs() * BEYOND_SHARE).max(BEYOND);
        (
            (self.center - far).min(self.lowest - beyond(self.lowest)),
            (self.center + far).max(self.highest + beyond(self.highest)),
        )
    }

    fn learn(&mut self, y: f64, weight: f64) {
        if self.seen == 0 {
            (self.center, self.lowest, self.highest) = (y, y, y);
        }
        self.seen = self.seen.saturating_add(1);
        let distance = (y - self.center).abs();
        self.center += weight * (y - self.center);
        self.deviation += weight * (distance - self.deviation);
        // The edges come back slowly, so that what was seen once does not excuse everything for good.
        self.highest += 0.0005 * (self.center - self.highest);
        self.lowest += 0.0005 * (self.center - self.lowest);
        (self.lowest, self.highest) = (self.lowest.min(y), self.highest.max(y));
    }
}

/// Reads a number with an optional unit behind it: durations become seconds, sizes become bytes, a percent sign is passed
/// over. None for anything else, such as ids, addresses and dates.
///
/// ```
/// use learn::events::number_of;
///
/// assert_eq!(number_of("12.5"), Some(12.5));
/// assert_eq!(number_of("250ms"), Some(0.25));
/// assert_eq!(number_of("3kB"), Some(3000.0));
/// assert_eq!(number_of("10.0.0.1"), None);
/// ```
pub fn number_of(text: &str) -> Option<f64> {
    let is_number = |it: u8| it.is_ascii_digit() || matches!(it, b'.' | b'-' | b'+');
    let end = text.bytes().position(|it| !is_number(it)).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let factor = match unit {
        "" | "%" => 1.0,
        "ns" => 1e-9,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "B" => 1.0,
        "k" | "K" | "kB" | "KB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        // Scientific notation; nothing else that begins with `e` is a number.
        _ if unit.starts_with(['e', 'E']) => return text.parse().ok().filter(|it: &f64| it.is_finite()),
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor).filter(|it| it.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outliers(values: impl IntoIterator<Item = f64>, numbers: &mut Numbers) -> usize {
        let told =
            |it: f64, numbers: &mut Numbers| matches!(numbers.observe(it), NumbersVerdict::Outlier { recent: 3.., .. });
        values.into_iter().filter(|it| told(*it, numbers)).count()
    }

    /// Guarantees: state can be saved as JSON, which knows no infinity, whatever was read.
    #[test]
    fn no_number_makes_the_state_infinite() {
        let mut numbers = Numbers::default();
        for value in [5.0, f64::MAX, 7e307, -8e306, 9e99, f64::NAN, f64::NEG_INFINITY, 5.0, 6.0] {
            numbers.observe(value);
            let Numbers { center, deviation, lowest, highest, before, growing, .. } = numbers;
            let all = [center, deviation, lowest, highest, before, growing];
            assert!(all.iter().all(|it| it.is_finite()), "after {value}: {numbers:?}");
        }
        assert_eq!(numbers.seen, 4, "{numbers:?}");
    }

    #[test]
    fn usual_distributions_have_no_outliers_that_are_told() {
        let mut told = 0;
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut id = 0.0;
            let values: Vec<f64> = (0..5_000)
                .map(|_| {
                    let gauss = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
                    match seed % 6 {
                        0 => (3.0 + gauss).exp(),
                        1 => (1.0 - random.f64()).powf(-1.0 / 1.5),
                        2 => f64::from(random.u32(1..10)),
                        3 => random.f64() * 65_000.0,
                        4 => 200.0 + if random.u8(..) == 0 { 304.0 } else { 0.0 },
                        _ => {
                            id += random.f64() * 1000.0;
                            id
                        }
                    }
                })
                .collect();
            told += usize::from(outliers(values, &mut Numbers::default()) > 0);
        }
        assert!(told <= 1, "{told} of 200 streams");
    }

    #[test]
    fn a_duration_that_is_far_too_long_is_told_and_a_new_level_is_adopted() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut took = || 10.0 * (0.5 * (random.f64() - 0.5)).exp();
        let mut numbers = Numbers::default();
        assert_eq!(outliers((0..500).map(|_| took()), &mut numbers), 0);
        assert_eq!(outliers([900.0, 1100.0, 950.0], &mut numbers), 1);
        assert!(outliers((0..200).map(|_| 100.0 * took()), &mut numbers) < 30);
        assert_eq!(outliers((0..200).map(|_| 100.0 * took()), &mut numbers), 0);
    }

    #[test]
    fn numbers_with_units() {
        for (text, expected) in [
            ("-3", Some(-3.0)),
            ("1e3", Some(1000.0)),
            ("75%", Some(75.0)),
            ("1.5s", Some(1.5)),
            ("2MiB", Some(2_097_152.0)),
            ("", None),
            ("abc", None),
            ("12ab", None),
            ("2026-01-02", None),
            ("1e", None),
            ("1e999", None),
            ("ms", None),
        ] {
            assert_eq!(number_of(text), expected, "{text}");
        }
    }
}
