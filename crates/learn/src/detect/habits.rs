//! At which hours of the day does a series leave its band as a matter of habit? A nightly job is a surprise for two nights.
//!
//! Each hour has a count of 0 to 3 days on which the series left its band there. An hour gains one at the end of such a day
//! and loses one at the end of another, so that a habit is forgotten as fast as it was learned. A series that leaves its
//! band all day long has the habit at every hour: of its excursions only what the long memory finds new is told.

const HOURS: usize = 24;
const HOUR_MILLIS: i64 = 3_600_000;
/// So many days in a row make a habit.
const HABIT_DAYS: u64 = 2;
const MOST_DAYS: u64 = 3;

/// The habits of one series, in 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Habits {
    /// Two bits for each hour of the day.
    days: u64,
    /// One bit for each hour of the present day.
    today: u32,
    /// The present day, in days since 1970.
    day: i32,
}

impl Habits {
    /// True if the series leaves its band around this local time day by day: an hour more or less is the same, as jobs are
    /// late and clocks change.
    #[inline]
    pub fn has(&self, local_millis: i64) -> bool {
        let (day, hour) = day_and_hour(local_millis);
        let now = self.on(day);
        [HOURS - 1, 0, 1].iter().any(|step| now.count((hour + step) % HOURS) >= HABIT_DAYS)
    }

    /// Notes that the series left its band.
    pub fn note(&mut self, local_millis: i64) {
        let (day, hour) = day_and_hour(local_millis);
        *self = self.on(day);
        self.today |= 1 << hour;
    }

    /// As numbers that can be stored.
    pub fn to_words(self) -> [u64; 3] {
        [self.days, u64::from(self.today), u64::from(self.day.cast_unsigned())]
    }

    /// How many words `to_words` gives.
    pub const WORDS: usize = 3;

    /// From such numbers; None if they cannot be.
    pub fn from_words(words: &[u64]) -> Option<Self> {
        let [days, today, day] = words.try_into().ok()?;
        let is_valid = days < 1 << (2 * HOURS) && today < 1 << HOURS;
        let (today, day) = (u32::try_from(today).ok()?, u32::try_from(day).ok()?.cast_signed());
        is_valid.then_some(Self { days, today, day })
    }

    fn count(&self, hour: usize) -> u64 {
        self.days >> (2 * hour) & 3
    }

    /// As they are on this day. A clock that is set back a little does not begin a day again.
    fn on(mut self, day: i32) -> Self {
        for _ in 0..day.saturating_sub(self.day).clamp(0, MOST_DAYS as i32 + 1) {
            self.end_day();
        }
        self.day = self.day.max(day);
        self
    }

    fn end_day(&mut self) {
        let next = |hour: usize| match self.today >> hour & 1 {
            1 => (self.count(hour) + 1).min(MOST_DAYS),
            _ => self.count(hour).saturating_sub(1),
        };
        self.days = (0..HOURS).fold(0, |days, hour| days | next(hour) << (2 * hour));
        self.today = 0;
    }
}

fn day_and_hour(local_millis: i64) -> (i32, usize) {
    let hours = local_millis.div_euclid(HOUR_MILLIS);
    (hours.div_euclid(HOURS as i64) as i32, hours.rem_euclid(HOURS as i64) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * HOUR_MILLIS;

    fn at(day: i64, minute: i64) -> i64 {
        day * DAY + minute * 60_000
    }

    #[test]
    fn two_days_in_a_row_make_a_habit_and_days_without_end_it() {
        let mut habits = Habits::default();
        for (day, is_habit) in [(100, false), (101, false), (102, true)] {
            assert_eq!(habits.has(at(day, 125)), is_habit, "{day}");
            habits.note(at(day, 120));
        }
        assert!(habits.has(at(103, 65)) && habits.has(at(103, 235)), "an hour more or less");
        assert!(!habits.has(at(103, 245)) && !habits.has(at(103, 55)));
        assert!(habits.has(at(104, 125)) && !habits.has(at(105, 125)), "without it the habit fades");
    }

    #[test]
    fn a_long_gap_and_a_clock_that_is_set_back_are_harmless() {
        let mut habits = Habits::default();
        (0..4).for_each(|day| habits.note(at(day, 30)));
        habits.note(at(2, 600));
        assert!(habits.has(at(4, 30)), "the day before is not begun again");
        habits.note(at(i64::from(i32::MAX) / 2, 30));
        assert!(!habits.has(at(5, 30)));
        assert_eq!(Habits::from_words(&habits.to_words()), Some(habits));
        assert_eq!(Habits::from_words(&[u64::MAX, 0, 0]), None);
        assert_eq!(Habits::from_words(&[0, 1 << 30, 0]), None);
    }
}
