//! At which times is an expression evaluated?

/// Times at equal distances, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The first time.
    pub start: i64,
    /// Between one time and the next.
    pub step: i64,
    /// How many times there are.
    pub count: usize,
}

impl Grid {
    /// One time.
    pub(crate) const fn once(time: i64) -> Self {
        Self { start: time, step: 1, count: 1 }
    }

    /// From `start` to `end`, both included; none if the end is before the start.
    pub(crate) fn between(start: i64, end: i64, step: i64) -> Self {
        let steps = end.saturating_sub(start).checked_div(step.max(1)).unwrap_or(0);
        let count = if end < start { 0 } else { usize::try_from(steps).map_or(usize::MAX, |it| it.saturating_add(1)) };
        Self { start, step: step.max(1), count }
    }

    /// The time of a step.
    pub(crate) fn time(&self, idx: usize) -> i64 {
        let idx = i64::try_from(idx).unwrap_or(i64::MAX);
        self.start.saturating_add(self.step.saturating_mul(idx))
    }

    /// The last time; the first if there is none.
    pub(crate) fn last(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }

    /// All times.
    pub(crate) fn times(&self) -> impl Iterator<Item = i64> + '_ {
        (0..self.count).map(|it| self.time(it))
    }
}
