//! Which value does a given share of the recent ones exceed? A quantile that follows a stream in 16 bytes.
//!
//! Stochastic approximation (Robbins, Monro: A stochastic approximation method, Annals of Mathematical Statistics 22,
//! 1951) of the logarithm: a value above lifts the estimate by a step times the share that shall be below, one below
//! lowers it by a step times the share that shall be above, so it rests where the shares balance. Steps of the logarithm
//! make it independent of the unit. The step falls with the number of values and then stays, so that old values are
//! forgotten.

/// The estimate lies above this; zeros and what is smaller count as this.
const SMALLEST: f64 = 1e-12;
const LARGEST: f64 = 1e150;
/// The step of the first value, and how it falls.
const FIRST_STEP: f64 = 4.0;
const STEP_POINTS: f64 = 4.0;
/// The step that remains; values older than some hundreds of points are then forgotten.
const LAST_STEP: f64 = 0.02;

/// The value that the given share of non-negative values exceeds.
///
/// ```
/// use learn::quantile::Quantile;
///
/// let mut quantile = Quantile::new(0.1);
/// for idx in 0..20_000_u64 {
///     quantile.learn_one((idx * 7919 % 1000) as f64);
/// }
/// assert!((quantile.value() - 900.0).abs() < 30.0, "{}", quantile.value());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// Share of values above; between 0 and 1.
    above: f32,
    points: u32,
    log: f64,
}

impl Quantile {
    /// Knows nothing yet; `above` is the share of values that shall exceed it (0.5: the median).
    pub fn new(above: f32) -> Self {
        Self { above: above.clamp(1e-4, 1.0 - 1e-4), points: 0, log: 0.0 }
    }

    /// Values taken in.
    pub fn points(&self) -> u32 {
        self.points
    }

    /// The estimate; 0 before the first value.
    pub fn value(&self) -> f64 {
        if self.points == 0 { 0.0 } else { self.log.exp() }
    }

    /// Takes in a value. NaN is ignored, the sign is not looked at.
    #[inline]
    pub fn learn_one(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let value = value.abs().clamp(SMALLEST, LARGEST).ln();
        if self.points == 0 {
            self.log = value;
        }
        let above = f64::from(self.above);
        let step = (FIRST_STEP * STEP_POINTS / (STEP_POINTS + f64::from(self.points))).max(LAST_STEP);
        let direction = match value.total_cmp(&self.log) {
            std::cmp::Ordering::Greater => 1.0 - above,
            std::cmp::Ordering::Less => -above,
            std::cmp::Ordering::Equal => 0.0,
        };
        // Not further than the value itself: the first long steps cannot run away.
        let moved = self.log + step * direction;
        self.log = if direction > 0.0 { moved.min(value) } else { moved.max(value) };
        self.points = self.points.saturating_add(1);
    }

    /// The state in two words.
    pub fn to_words(&self) -> [u64; 2] {
        [u64::from(self.points), self.log.to_bits()]
    }

    /// Takes the state back; words that hold no number change nothing.
    pub fn restore(&mut self, [points, log]: [u64; 2]) {
        let log = f64::from_bits(log);
        if log.is_finite() {
            (self.points, self.log) = (u32::try_from(points).unwrap_or(u32::MAX), log);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of normal noise.
    type Shape = fn(f64) -> f64;

    /// A sum of uniform numbers is nearly normal; powers make it heavy-tailed.
    fn noise(rng: &mut fastrand::Rng) -> f64 {
        (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0
    }

    #[test]
    fn the_wanted_share_is_above_whatever_the_distribution() {
        let shapes: [(&str, Shape); 4] = [
            ("normal", |z| z.abs()),
            ("lognormal", |z| (2.0 * z).exp()),
            ("tiny", |z| z.abs() * 1e-7),
            ("cubic", |z| (z * z * z).abs() * 1e6),
        ];
        for (name, shape) in shapes {
            for above in [0.05_f32, 0.1, 0.5] {
                let mut rng = fastrand::Rng::with_seed(7);
                let mut quantile = Quantile::new(above);
                let mut n_above = 0;
                for idx in 0..24_000 {
                    let value = shape(noise(&mut rng));
                    n_above += u32::from(idx >= 4000 && value > quantile.value());
                    quantile.learn_one(value);
                }
                let share = f64::from(n_above) / 20_000.0;
                assert!((share / f64::from(above) - 1.0).abs() < 0.15, "{name} {above}: {share}");
            }
        }
    }

    #[test]
    fn it_follows_a_change_of_scale() {
        let mut quantile = Quantile::new(0.5);
        (0..2000).for_each(|it| quantile.learn_one(1.0 + f64::from(it % 10) / 10.0));
        (0..2000).for_each(|it| quantile.learn_one(100.0 + f64::from(it % 10)));
        assert!((99.0..111.0).contains(&quantile.value()), "{}", quantile.value());
    }

    #[test]
    fn odd_values_are_survived() {
        let mut quantile = Quantile::new(0.5);
        for value in [f64::NAN, 0.0, f64::INFINITY, -1.0, f64::MIN_POSITIVE, 1e300] {
            quantile.learn_one(value);
            assert!(quantile.value().is_finite());
        }
        let mut other = Quantile::new(0.5);
        other.restore(quantile.to_words());
        assert_eq!(other, quantile);
        other.restore([3, f64::NAN.to_bits()]);
        assert_eq!(other, quantile);
    }
}
