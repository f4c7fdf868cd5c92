//! What was expected lately? The newest verdicts of a series, for charts.

use signal::{Score, TimeRange, Timestamp};

/// Verdicts kept per series.
const LENGTH: usize = 120;

/// One verdict in 32 bytes: charts do not need more digits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Entry {
    millis: i64,
    value: f32,
    y: f32,
    yhat: f32,
    lower: f32,
    upper: f32,
    is_provisional: bool,
}

/// A ring of the newest verdicts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Band {
    entries: Vec<Entry>,
    next: usize,
}

impl Band {
    /// The same memory without verdicts.
    pub fn emptied(mut self) -> Self {
        self.entries.clear();
        Self { entries: self.entries, next: 0 }
    }

    /// Takes in a verdict.
    #[inline]
    pub fn push(&mut self, time: Timestamp, score: &Score) {
        let entry = Entry {
            millis: time.millis(),
            value: score.value as f32,
            y: score.y as f32,
            yhat: score.yhat as f32,
            lower: score.yhat_lower as f32,
            upper: score.yhat_upper as f32,
            is_provisional: score.is_provisional,
        };
        match self.entries.get_mut(self.next) {
            Some(oldest) => *oldest = entry,
            None => self.entries.push(entry),
        }
        self.next = (self.next + 1) % LENGTH;
    }

    /// Verdicts in the range, in order of time.
    pub fn range(&self, range: TimeRange) -> Vec<(Timestamp, Score)> {
        let (newer, older) = self.entries.split_at(self.next.min(self.entries.len()));
        let verdicts = older.iter().chain(newer).map(|it| {
            let score = Score {
                value: it.value.into(),
                is_ready: true,
                is_provisional: it.is_provisional,
                y: it.y.into(),
                yhat: it.yhat.into(),
                yhat_lower: it.lower.into(),
                yhat_upper: it.upper.into(),
            };
            (Timestamp::from_millis(it.millis), score)
        });
        verdicts.filter(|(time, _)| range.contains(*time)).collect()
    }

    /// Memory in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries.capacity() * size_of::<Entry>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_in_order() {
        let mut band = Band::default();
        for second in 0..300 {
            band.push(Timestamp::from_secs(second), &Score::warming_up(second as f64));
        }
        let kept = band.range(TimeRange::ALL);
        let times: Vec<_> = kept.iter().map(|(time, _)| time.millis() / 1000).collect();
        assert_eq!(times, (180..300).collect::<Vec<_>>());
        assert_eq!(band.range(TimeRange::new(Timestamp::from_secs(200), Timestamp::from_secs(201))).len(), 2);
    }
}
