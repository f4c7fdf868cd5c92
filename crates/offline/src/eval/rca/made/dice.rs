//! What does chance give? Numbers of a few distributions from a seeded generator.

use std::f64::consts::TAU;

use fastrand::Rng;

/// Whether it happens that does so with a probability.
pub fn chance(random: &mut Rng, probability: f64) -> bool {
    random.f64() < probability
}

/// A number between two, whose logarithm is evenly spread.
pub fn log_between(random: &mut Rng, least: f64, most: f64) -> f64 {
    least * (most / least).powf(random.f64())
}

/// A standard normal number (Box and Muller).
pub fn normal(random: &mut Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (TAU * random.f64()).cos()
}

/// How many of so many expected events happen: Poisson where few are expected, else nearly so.
pub fn events(random: &mut Rng, expected: f64) -> f64 {
    if expected > 30.0 {
        return (expected + expected.sqrt() * normal(random)).round().max(0.0);
    }
    let (limit, mut product, mut n) = ((-expected.max(0.0)).exp(), random.f64(), 0.0);
    while product > limit {
        product *= random.f64();
        n += 1.0;
    }
    n
}

/// One of several.
pub fn one_of<T: Copy>(random: &mut Rng, of: &[T]) -> Option<T> {
    if of.is_empty() { None } else { of.get(random.usize(..of.len())).copied() }
}
