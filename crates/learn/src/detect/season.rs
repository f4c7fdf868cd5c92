//! What is usual at this time of day, and on this day of the week? A profile found by itself, in 150 bytes.
//!
//! 48 slots of half an hour hold the mean of the day's values there; seven offsets hold how a day of the week differs.
//! What counts is not the distance from the slot's mean but from all that is usual within an hour before and after, so that
//! edges which move a little, and the hour that daylight saving takes or gives, are no surprise.
//! Slots are kept as 16-bit steps of a common range that grows as needed.

/// Half-hour slots of a day.
const SLOTS: usize = 48;
const SLOT_MILLIS: i64 = 1_800_000;
/// So many slots to each side count as the same time of day.
const TOLERANCE: usize = 2;
/// Weight of a new day in a slot, once there are as many days as its inverse.
const DAY_RATE: f64 = 0.2;
/// Weight of a new week in the offset of its day.
const WEEK_RATE: f64 = 0.34;
/// The offsets are believed when they explain this share of what days differ by.
const WEEK_SHARE: f64 = 0.5;
/// They matter if days differ by more than this share of half the range of the day.
const LEAST_WEEK: f64 = 0.05;
/// Steps on each side of the middle of the range.
const STEPS: f64 = 32_000.0;
const UNKNOWN: i16 = i16::MIN;

/// The profile of one series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Season {
    slots: [i16; SLOTS],
    /// One bit for each slot that two days agree on.
    known: u64,
    /// Middle and half of the range that the steps stand for.
    middle: f64,
    half: f64,
    /// Sum and number of values in the present slot, and of their distances from the profile in the present day.
    sum: f64,
    day_sum: f64,
    offsets: [f32; 7],
    /// How far days lie from the profile, without and with the offsets.
    plain_error: f32,
    week_error: f32,
    count: u32,
    slot: i32,
    day_count: u16,
    /// Weeks in which each day of the week was seen, at most 15, four bits each.
    weeks: u32,
    /// Days seen, as far as that matters.
    days: u8,
}

impl Default for Season {
    fn default() -> Self {
        Self {
            slots: [UNKNOWN; SLOTS],
            known: 0,
            middle: 0.0,
            half: 0.0,
            sum: 0.0,
            day_sum: 0.0,
            offsets: [0.0; 7],
            plain_error: 0.0,
            week_error: 0.0,
            count: 0,
            day_count: 0,
            slot: i32::MIN,
            weeks: 0,
            days: 0,
        }
    }
}

impl Season {
    /// The lowest and highest usual value around a local time; None until two days were seen there.
    #[inline]
    pub fn usual(&self, local_millis: i64) -> Option<(f64, f64)> {
        let slot = slot_of(local_millis);
        let here = slot_of_day(slot);
        if self.known >> here & 1 == 0 {
            return None;
        }
        let (mut lowest, mut highest) = (i16::MAX, i16::MIN);
        for step in 0..=2 * TOLERANCE {
            let near = (here + SLOTS + step - TOLERANCE) % SLOTS;
            let value = self.slots.get(near).copied().filter(|_| self.known >> near & 1 == 1);
            (lowest, highest) = (value.unwrap_or(lowest).min(lowest), value.unwrap_or(highest).max(highest));
        }
        let offset = self.offset(slot);
        Some((self.value(lowest) + offset, self.value(highest) + offset))
    }

    /// Takes a finite value in. A slot is learned when it is over.
    #[inline]
    pub fn learn(&mut self, local_millis: i64, x: f64) {
        let slot = slot_of(local_millis);
        if slot != self.slot {
            self.end_slot(slot);
        }
        self.sum += x;
        self.count = self.count.saturating_add(1);
    }

    /// True if the days of the week differ and the profile knows how.
    pub fn is_weekly(&self) -> bool {
        let plain = f64::from(self.plain_error);
        plain > LEAST_WEEK * self.half && f64::from(self.week_error) < (1.0 - WEEK_SHARE) * plain
    }

    /// As numbers that can be stored.
    pub fn to_words(&self) -> Vec<u64> {
        let pack = |it: &[i16]| it.iter().rev().fold(0, |word, it| word << 16 | u64::from(it.cast_unsigned()));
        let mut words: Vec<u64> = self.slots.chunks(4).map(pack).collect();
        words.extend([
            self.known,
            self.middle.to_bits(),
            self.half.to_bits(),
            self.sum.to_bits(),
            self.day_sum.to_bits(),
        ]);
        words.extend(self.offsets.iter().map(|it| u64::from(it.to_bits())));
        words.extend([self.plain_error, self.week_error].map(|it| u64::from(it.to_bits())));
        words.extend([self.count, self.slot.cast_unsigned(), self.weeks].map(u64::from));
        words.extend([u64::from(self.day_count), u64::from(self.days)]);
        words
    }

    /// How many words `to_words` gives.
    pub const WORDS: usize = SLOTS / 4 + 5 + 7 + 2 + 3 + 2;

    /// From such numbers; None if they cannot be.
    pub fn from_words(words: &[u64]) -> Option<Self> {
        let mut season = Self::default();
        let mut words = words.iter().copied();
        for chunk in season.slots.chunks_mut(4) {
            let word = words.next()?;
            chunk.iter_mut().zip(0..).for_each(|(it, at)| *it = ((word >> (16 * at)) as u16).cast_signed());
        }
        season.known = words.next()?;
        for value in [&mut season.middle, &mut season.half, &mut season.sum, &mut season.day_sum] {
            *value = Some(f64::from_bits(words.next()?)).filter(|it| it.is_finite())?;
        }
        let [a, b, c, d, e, f, g] = &mut season.offsets;
        for value in [a, b, c, d, e, f, g, &mut season.plain_error, &mut season.week_error] {
            *value = Some(f32::from_bits(u32::try_from(words.next()?).ok()?)).filter(|it| it.is_finite())?;
        }
        season.count = u32::try_from(words.next()?).ok()?;
        season.slot = u32::try_from(words.next()?).ok()?.cast_signed();
        season.weeks = u32::try_from(words.next()?).ok()?;
        season.day_count = u16::try_from(words.next()?).ok()?;
        season.days = u8::try_from(words.next()?).ok()?;
        words.next().is_none().then_some(season)
    }

    fn value(&self, step: i16) -> f64 {
        self.middle + f64::from(step) / STEPS * self.half
    }

    fn offset(&self, slot: i32) -> f64 {
        if self.is_weekly() { f64::from(self.offsets.get(day_of_week(slot)).copied().unwrap_or(0.0)) } else { 0.0 }
    }

    #[cold]
    fn end_slot(&mut self, next: i32) {
        if self.count > 0 {
            let mean = self.sum / f64::from(self.count);
            self.learn_slot(slot_of_day(self.slot), mean);
        }
        if day_of(next) != day_of(self.slot) && self.day_count > 0 {
            self.learn_day();
        }
        (self.slot, self.sum, self.count) = (next, 0.0, 0);
    }

    fn learn_slot(&mut self, at: usize, mean: f64) {
        self.make_room(mean);
        let Some(step) = self.slots.get(at).copied() else { return };
        let (before, is_first) = (self.value(step), step == UNKNOWN);
        // With a weekly rhythm, the profile is that of the mean day.
        let target = mean - self.offset(self.slot);
        let rate = (1.0 / (2.0 + f64::from(self.days))).max(DAY_RATE);
        let after = if is_first { target } else { before + rate * (target - before) };
        if !is_first {
            self.known |= 1 << at;
            self.day_sum += mean - before;
            self.day_count = self.day_count.saturating_add(1);
        }
        self.make_room(after);
        let step = self.step(after);
        if let Some(it) = self.slots.get_mut(at) {
            *it = step;
        }
    }

    /// Compares the day that ends with what its day of the week promised.
    fn learn_day(&mut self) {
        let day = day_of_week(self.slot);
        let distance = self.day_sum / f64::from(self.day_count.max(1));
        (self.day_sum, self.day_count) = (0.0, 0);
        self.days = self.days.saturating_add(1);
        let weeks = self.weeks >> (4 * day) & 15;
        let Some(offset) = self.offsets.get_mut(day) else { return };
        if weeks > 0 {
            let error = (distance - f64::from(*offset)).abs();
            self.plain_error += 0.1 * (distance.abs() as f32 - self.plain_error);
            self.week_error += 0.1 * (error as f32 - self.week_error);
        }
        let rate = (1.0 / (1.0 + f64::from(weeks))).max(WEEK_RATE);
        *offset += (rate * (distance - f64::from(*offset))) as f32;
        if weeks < 15 {
            self.weeks += 1 << (4 * day);
        }
    }

    fn step(&self, value: f64) -> i16 {
        if self.half > 0.0 { ((value - self.middle) / self.half * STEPS).clamp(-STEPS, STEPS) as i16 } else { 0 }
    }

    /// Widens the range to hold a value, and rewrites the slots.
    fn make_room(&mut self, value: f64) {
        if self.known == 0 && self.slots.iter().all(|it| *it == UNKNOWN) {
            (self.middle, self.half) = (value, value.abs() * 1e-3);
        }
        if (value - self.middle).abs() <= self.half {
            return;
        }
        let (lowest, highest) = ((self.middle - self.half).min(value), (self.middle + self.half).max(value));
        let old = (self.middle, self.half);
        (self.middle, self.half) = (f64::midpoint(lowest, highest), 0.55 * (highest - lowest));
        for idx in 0..SLOTS {
            let Some(step) = self.slots.get(idx).copied().filter(|it| *it != UNKNOWN) else { continue };
            let moved = self.step(old.0 + f64::from(step) / STEPS * old.1);
            if let Some(it) = self.slots.get_mut(idx) {
                *it = moved;
            }
        }
    }
}

/// Half hours since 1970; they fit for 120,000 years.
fn slot_of(local_millis: i64) -> i32 {
    local_millis.div_euclid(SLOT_MILLIS).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

fn slot_of_day(slot: i32) -> usize {
    slot.rem_euclid(SLOTS as i32) as usize
}

fn day_of(slot: i32) -> i32 {
    slot.div_euclid(SLOTS as i32)
}

/// 0 is a Thursday, as 1970-01-01 was.
fn day_of_week(slot: i32) -> usize {
    day_of(slot).rem_euclid(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// Busy from 8 to 18 o'clock; nothing on the sixth and seventh day of a week.
    fn value(hour: i64, has_weekend: bool) -> f64 {
        let is_weekend = has_weekend && (hour / 24) % 7 >= 5;
        100.0 + if (8..18).contains(&(hour % 24)) { 50.0 } else { 0.0 } - if is_weekend { 60.0 } else { 0.0 }
    }

    fn after_days(days: i64, has_weekend: bool) -> Season {
        let mut season = Season::default();
        (0..days * 24).for_each(|hour| season.learn(hour * HOUR, value(hour, has_weekend)));
        season
    }

    #[test]
    fn the_day_is_known_after_two_days() {
        assert_eq!(after_days(1, false).usual(25 * HOUR), None);
        let season = after_days(3, false);
        for (hour, expected) in [(3, 100.0), (13, 150.0)] {
            let (lowest, highest) = season.usual((72 + hour) * HOUR).unwrap();
            assert!((lowest - expected).abs() < 0.1 && (highest - expected).abs() < 0.1, "{hour}: {lowest} {highest}");
        }
        // Around an edge both levels are usual.
        let (lowest, highest) = season.usual((72 + 8) * HOUR).unwrap();
        assert!((lowest - 100.0).abs() < 0.1 && (highest - 150.0).abs() < 0.1, "{lowest} {highest}");
    }

    #[test]
    fn the_week_is_known_after_some_weeks_and_only_if_there_is_one() {
        let season = after_days(42, true);
        assert!(season.is_weekly());
        for hour in [42 * 24 + 13, (42 + 5) * 24 + 13] {
            let (lowest, highest) = season.usual(hour * HOUR).unwrap();
            let expected = value(hour, true);
            assert!(
                (lowest - expected).abs() < 12.0 && (highest - expected).abs() < 12.0,
                "{hour}: {lowest} {highest}"
            );
        }
        assert!(!after_days(42, false).is_weekly());
    }

    #[test]
    fn it_is_small_and_comes_back_from_words() {
        assert!(size_of::<Season>() <= 208, "{}", size_of::<Season>());
        let season = after_days(20, true);
        assert_eq!(season.to_words().len(), Season::WORDS);
        assert_eq!(Season::from_words(&season.to_words()), Some(season));
        assert_eq!(Season::from_words(&[1, 2, 3]), None);
    }
}
