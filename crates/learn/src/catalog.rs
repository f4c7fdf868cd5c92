//! Which estimators are there? One line each; conformance tests and reference pages walk over this table.

/// One estimator of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name in configuration and metrics.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The most memory that one series may take, in bytes.
    pub max_state_bytes: usize,
    /// Where the method was published.
    pub source: &'static str,
}

/// Streaming detectors of one series.
pub const DETECTORS: &[Entry] = &[
    Entry {
        name: "level",
        summary: "Robust level, trend and scale; a tail guard for heavy tails; a slow reference for creeping change.",
        max_state_bytes: 512,
        source: "Gelper, Fried, Croux: Robust forecasting with exponential and Holt-Winters smoothing, J. Forecasting 2010",
    },
    Entry {
        name: "counts",
        summary: "Sum of rare events over ten seconds against their usual rate, beside `level` on counters of failures.",
        max_state_bytes: 400,
        source: "Anscombe: The transformation of Poisson, binomial and negative-binomial data, Biometrika 35 (1948)",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Counts, Level, Settings};

    #[test]
    fn every_detector_has_a_name_of_its_own_and_a_bound() {
        let mut names: Vec<_> = DETECTORS.iter().map(|it| it.name).collect();
        names.dedup();
        assert_eq!(names.len(), DETECTORS.len());
        let sizes = [Level::new(Settings::default()).state_bytes(), Counts::new(600.0).state_bytes()];
        assert!(DETECTORS.iter().zip(sizes).all(|(it, bytes)| it.max_state_bytes >= bytes), "{sizes:?}");
    }
}
