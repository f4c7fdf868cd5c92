//! Which streams are watched, and what happens to them?

use crate::random::Random;

/// How values are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Normal.
    Normal,
    /// The exponential of normal.
    Lognormal,
    /// Student's distribution with three degrees of freedom.
    HeavyTailed,
    /// Equally frequent.
    Uniform,
    /// Thirteen or so whole numbers.
    Integers,
}

impl Stream {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Lognormal => "lognormal",
            Self::HeavyTailed => "Student, 3 degrees",
            Self::Uniform => "uniform",
            Self::Integers => "integers",
        }
    }

    pub(super) fn draw(self, random: &mut Random) -> f64 {
        match self {
            Self::Normal => random.normal(),
            Self::Lognormal => random.normal().exp(),
            Self::HeavyTailed => {
                let squares: f64 = (0..3).map(|_| random.normal().powi(2)).sum();
                random.normal() / (squares / 3.0).sqrt()
            }
            Self::Uniform => random.uniform(),
            Self::Integers => (2.0 * random.normal()).round(),
        }
    }

    /// Mean and standard deviation.
    fn moments(self) -> (f64, f64) {
        let e = std::f64::consts::E;
        match self {
            Self::Normal => (0.0, 1.0),
            Self::Lognormal => (e.sqrt(), (e * (e - 1.0)).sqrt()),
            Self::HeavyTailed => (0.0, 3.0_f64.sqrt()),
            Self::Uniform => (0.5, (1.0_f64 / 12.0).sqrt()),
            Self::Integers => (0.0, (4.0 + 1.0_f64 / 12.0).sqrt()),
        }
    }
}

/// What happens to a stream, in its standard deviations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// The mean moves.
    Mean(f64),
    /// Distances from the mean grow by this factor.
    Spread(f64),
}

/// The changes in the order of [`super::Watched::delays`].
pub(super) const CHANGES: [Change; 4] =
    [Change::Mean(1.0), Change::Mean(0.5), Change::Spread(2.0), Change::Spread(std::f64::consts::SQRT_2)];

impl Change {
    pub(super) fn of(self, value: f64, stream: Stream, sign: f64) -> f64 {
        let (mean, deviation) = stream.moments();
        match self {
            Self::Mean(size) => value + sign * size * deviation,
            Self::Spread(factor) => mean + (value - mean) * factor,
        }
    }
}
