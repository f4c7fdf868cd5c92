//! How sure is a score? Placeholder until the constants are fitted.

/// The probability that the first cause is right, from the features of the ranking.
pub(crate) fn confidence(margin: f64, strength: f64, seen: Option<f64>) -> f64 {
    let doubt = seen.map_or(0.0, |it| (3.0 - it).max(0.0) * 2.0);
    1.0 / (1.0 + (-(margin * 2.0 + strength - 2.0 - doubt)).exp())
}
