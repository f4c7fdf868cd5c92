//! How fast does a counter grow? Per second, with resets.

/// The newest reading of a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    millis: i64,
    reading: Option<f64>,
}

impl Rate {
    /// The rate since the reading before; None for the first reading. A reading below the one before means that the
    /// counter began again at zero in between, as in Prometheus.
    pub fn next(&mut self, millis: i64, reading: f64) -> Option<f64> {
        let before = self.reading.replace(reading);
        let secs = millis.saturating_sub(std::mem::replace(&mut self.millis, millis)) as f64 / 1000.0;
        let grown = before.map(|before| if reading < before { reading } else { reading - before })?;
        (secs > 0.0).then_some(grown.max(0.0) / secs)
    }

    /// For writing down: time and reading, NaN for none.
    pub fn to_parts(self) -> (i64, f64) {
        (self.millis, self.reading.unwrap_or(f64::NAN))
    }

    /// Back from what was written down.
    pub fn from_parts((millis, reading): (i64, f64)) -> Self {
        Self { millis, reading: (!reading.is_nan()).then_some(reading) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_resets() {
        let mut rate = Rate::default();
        let readings = [(0, 100.0), (1000, 110.0), (3000, 150.0), (4000, 6.0), (5000, 6.0), (5000, 9.0)];
        let rates: Vec<_> = readings.iter().map(|(millis, reading)| rate.next(*millis, *reading)).collect();
        assert_eq!(rates, [None, Some(10.0), Some(20.0), Some(6.0), Some(0.0), None]);
        assert_eq!(Rate::from_parts(rate.to_parts()), rate);
    }
}
