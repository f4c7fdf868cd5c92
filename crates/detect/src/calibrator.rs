//! From which score on does a point count, so that alerts stay within their budget? A count of would-be alerts at each of
//! 15 thresholds, older ones weighing less; the lowest threshold whose count fits is taken.
//!
//! A would-be alert is a run of points that k of n sustain at a threshold, with all runs that follow before an incident
//! would be closed. At each threshold two counts are kept: over a long span (14 days, or 4 periods of the budget) it must
//! stay within the budget, and over one period within twice the budget, so that a bad day cannot spend a fortnight's
//! alerts. One period without alerts is assumed before the start: the threshold begins at 1.0 and moves on evidence only.
//! It is never below 1.0: a budget is a limit, not a quota to be filled with noise.

use signal::{AlertBudget, Timestamp};

use crate::ladder::{RUNGS, TOP};

/// The long span, in days, and in periods if that is more.
const SPAN_DAYS: f64 = 14.0;
const SPAN_PERIODS: f64 = 4.0;
/// In one period there may be so many times the budget.
const BURST: f64 = 2.0;
const DAY_MILLIS: f64 = 86_400_000.0;

/// Would-be alerts at each threshold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Calibrator {
    budget: AlertBudget,
    /// Everything below is true of this instant; None before the first point.
    as_of: Option<Timestamp>,
    /// Days watched, older ones weighing less; begins with one period.
    exposure_days: f64,
    rungs: [Rung; RUNGS],
    /// The lowest rung that fits.
    rung: u8,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Rung {
    long: f64,
    short: f64,
    /// Points up to here belong to the alert before.
    until_millis: i64,
}

impl Calibrator {
    /// Knows nothing: threshold 1.0.
    pub fn new(budget: AlertBudget) -> Self {
        let rung = Rung { long: 0.0, short: 0.0, until_millis: i64::MIN };
        Self { budget, as_of: None, exposure_days: budget.period_days(), rungs: [rung; RUNGS], rung: 0 }
    }

    /// The rung that counts now.
    pub fn rung(&self) -> u8 {
        self.rung
    }

    /// Until when the counts are true.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// Days remembered, with the period that was assumed.
    pub fn exposure_days(&self) -> f64 {
        self.exposure_days
    }

    /// Alerts per day that are to be expected at the present threshold.
    pub fn expected_per_day(&self) -> f64 {
        self.highest_from(self.rung, |it| it.long) / self.exposure_days.max(f64::MIN_POSITIVE)
    }

    /// Lets time pass in which the series were watched.
    pub fn watch(&mut self, now: Timestamp) {
        let days = self.age(now);
        let span = self.span_days();
        self.exposure_days += span * (1.0 - (-days / span).exp());
        self.calibrate();
    }

    /// Lets time pass in which nobody watched: it says nothing, but it makes the rest older.
    pub fn skip(&mut self, now: Timestamp) {
        self.age(now);
        self.calibrate();
    }

    /// Takes in that k of n points are sustained at a level (1 to 15); what comes until `until` belongs to the same alert.
    /// Call `watch` or `skip` first. Returns true if a new alert began at the lowest threshold.
    pub fn observe(&mut self, time: Timestamp, until: Timestamp, level: u8) -> bool {
        let mut is_new = false;
        for (rung, idx) in self.rungs.iter_mut().zip(0_u8..).take(usize::from(level)) {
            if time.millis() > rung.until_millis {
                rung.long += 1.0;
                rung.short += 1.0;
                is_new |= idx == 0;
            }
            rung.until_millis = rung.until_millis.max(until.millis());
        }
        self.calibrate();
        is_new
    }

    /// Takes an alert out of the counts that a person has confirmed (`is_counted` false), or puts it back.
    pub fn correct(&mut self, onset: Timestamp, level: u8, is_counted: bool) {
        let days = self.as_of.map_or(0.0, |it| it.millis().saturating_sub(onset.millis()).max(0) as f64 / DAY_MILLIS);
        let sign = if is_counted { 1.0 } else { -1.0 };
        let (long, short) = ((-days / self.span_days()).exp(), (-days / self.budget.period_days()).exp());
        for rung in self.rungs.iter_mut().take(usize::from(level)) {
            rung.long = (rung.long + sign * long).max(0.0);
            rung.short = (rung.short + sign * short).max(0.0);
        }
        self.calibrate();
    }

    fn span_days(&self) -> f64 {
        SPAN_DAYS.max(SPAN_PERIODS * self.budget.period_days())
    }

    /// Makes everything older; returns by how many days.
    fn age(&mut self, now: Timestamp) -> f64 {
        let before = *self.as_of.get_or_insert(now);
        let days = now.millis().saturating_sub(before.millis()).max(0) as f64 / DAY_MILLIS;
        if days > 0.0 {
            self.as_of = Some(now);
            let (long, short) = ((-days / self.span_days()).exp(), (-days / self.budget.period_days()).exp());
            self.exposure_days *= long;
            for rung in &mut self.rungs {
                rung.long *= long;
                rung.short *= short;
            }
        }
        days
    }

    fn calibrate(&mut self) {
        let long = self.budget.per_day() * self.exposure_days;
        let short = BURST * self.budget.alerts();
        // Right after an alert the count of a rate that just fits is half an alert too high.
        let fits = |rung: u8| {
            self.highest_from(rung, |it| it.long) <= long + 0.5
                && self.highest_from(rung, |it| it.short) <= short + 1e-9
        };
        self.rung = (0..TOP).find(|it| fits(*it)).unwrap_or(TOP - 1);
    }

    /// A higher threshold can count more alerts than a lower one, where one endless alert falls apart: then the higher
    /// one's count stands for both.
    fn highest_from(&self, rung: u8, count: impl Fn(&Rung) -> f64) -> f64 {
        self.rungs.iter().skip(usize::from(rung)).map(count).fold(0.0, f64::max)
    }

    /// The state as words.
    pub fn to_words(&self) -> Vec<u64> {
        let as_of = self.as_of.map_or(u64::MAX, |it| it.millis().cast_unsigned());
        let mut words = vec![as_of, self.exposure_days.to_bits()];
        for rung in &self.rungs {
            words.extend([rung.long.to_bits(), rung.short.to_bits(), rung.until_millis.cast_unsigned()]);
        }
        words
    }

    /// Takes the state back; false (and nothing changed) if the words are no state.
    pub fn restore(&mut self, words: &[u64]) -> bool {
        let [as_of, exposure_days, rungs @ ..] = words else { return false };
        let is_count = |it: f64| it.is_finite() && it >= 0.0;
        let mut restored = Self::new(self.budget);
        restored.as_of = (*as_of != u64::MAX).then(|| Timestamp::from_millis(as_of.cast_signed()));
        restored.exposure_days = f64::from_bits(*exposure_days);
        let (parts, rest) = rungs.as_chunks::<3>();
        for (rung, [long, short, until]) in restored.rungs.iter_mut().zip(parts) {
            *rung =
                Rung { long: f64::from_bits(*long), short: f64::from_bits(*short), until_millis: until.cast_signed() };
        }
        let is_whole = parts.len() == RUNGS && rest.is_empty();
        let is_sane = is_count(restored.exposure_days) && restored.rungs.iter().all(|it| is_count(it.long + it.short));
        let is_timely = restored.as_of.is_none_or(Timestamp::is_plausible);
        if !(is_whole && is_sane && is_timely) {
            return false;
        }
        restored.calibrate();
        *self = restored;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const DAY: i64 = 86_400;

    fn calibrator(budget: &str) -> Calibrator {
        Calibrator::new(budget.parse().unwrap())
    }

    /// Lets alerts happen every `every_secs` for some days, each at the level that `level` gives for its number; the
    /// number of those that pass the threshold of their time is returned for each day.
    fn live(it: &mut Calibrator, from: i64, days: i64, every_secs: i64, level: impl Fn(i64) -> u8) -> Vec<usize> {
        let mut passed = vec![0; usize::try_from(days).unwrap()];
        for second in (0..days * DAY).step_by(usize::try_from(every_secs).unwrap()) {
            let time = Timestamp::from_secs(from + second);
            let level = level(second / every_secs);
            it.watch(time);
            it.observe(time, Timestamp::from_secs(from + second + 90), level);
            passed[usize::try_from(second / DAY).unwrap()] += usize::from(level > it.rung());
        }
        passed
    }

    #[test]
    fn a_quiet_past_changes_nothing() {
        let mut it = calibrator("3 per day");
        it.watch(Timestamp::from_secs(0));
        it.watch(Timestamp::from_secs(30 * DAY));
        assert_eq!((it.rung(), it.expected_per_day()), (0, 0.0));
        assert!((it.exposure_days() - 14.0).abs() < 2.0);
    }

    #[test]
    fn the_budget_of_the_first_day_is_told_and_no_more() {
        let mut it = calibrator("3 per day");
        assert_eq!(live(&mut it, 0, 1, HOUR, |_| 4), [3]);
        assert_eq!(it.rung(), 4);
    }

    #[test]
    fn levels_of_noise_are_calibrated_to_the_budget() {
        // 24 alerts a day, of which the higher are rarer: level 5 or more 4 a day, 9 or more 1 a day.
        let level = |idx: i64| match idx % 24 {
            0 => 9,
            6 | 12 | 18 => 5,
            _ => 2,
        };
        for (budget, at_most) in [("24 per day", 24), ("4 per day", 4), ("1 per day", 1), ("1 per week", 0)] {
            let mut it = calibrator(budget);
            let passed = live(&mut it, 0, 60, HOUR, level);
            let late: usize = passed[30..].iter().sum();
            assert!(late <= 30 * at_most + 5, "{budget}: {passed:?}");
            assert!(late >= 30 * at_most * 8 / 10, "{budget}: {passed:?}");
            assert!(passed.iter().all(|it| *it as f64 <= 2.0 * at_most.max(1) as f64), "{budget}: {passed:?}");
        }
    }

    #[test]
    fn a_bad_day_after_a_quiet_month_is_told_twice_the_budget() {
        let mut it = calibrator("3 per day");
        it.watch(Timestamp::from_secs(0));
        it.watch(Timestamp::from_secs(30 * DAY));
        let passed = live(&mut it, 30 * DAY, 1, 600, |_| 4);
        assert!((6..=10).contains(&passed[0]), "{passed:?}");
        // What is worse than all that is told at once.
        it.observe(Timestamp::from_secs(31 * DAY), Timestamp::from_secs(31 * DAY + 90), 8);
        assert!(it.rung() < 8);
    }

    #[test]
    fn the_threshold_comes_down_again() {
        let mut it = calibrator("1 per day");
        live(&mut it, 0, 2, HOUR, |_| 6);
        assert_eq!(it.rung(), 6);
        it.watch(Timestamp::from_secs(90 * DAY));
        assert_eq!(it.rung(), 0);
    }

    #[test]
    fn what_always_passes_raises_the_threshold_to_its_end_only() {
        let mut it = calibrator("1 per day");
        assert_eq!(live(&mut it, 0, 2, HOUR, |_| TOP), [24, 24]);
        assert_eq!(it.rung(), TOP - 1);
    }

    #[test]
    fn confirmed_faults_do_not_count() {
        let mut it = calibrator("1 per day");
        live(&mut it, 0, 1, 6 * HOUR, |_| 6);
        assert!(it.rung() >= 6);
        (0..4).for_each(|idx| it.correct(Timestamp::from_secs(idx * 6 * HOUR), 6, false));
        assert_eq!(it.rung(), 0);
        (0..4).for_each(|idx| it.correct(Timestamp::from_secs(idx * 6 * HOUR), 6, true));
        assert!(it.rung() >= 6);
    }

    #[test]
    fn one_long_alert_is_one_alert_and_a_pause_is_no_evidence() {
        let mut it = calibrator("1 per day");
        for second in 0..5 * HOUR {
            it.watch(Timestamp::from_secs(second));
            it.observe(Timestamp::from_secs(second), Timestamp::from_secs(second + 90), 3);
        }
        assert_eq!(it.rung(), 0);
        let before = it.exposure_days();
        it.skip(Timestamp::from_secs(7 * DAY));
        assert!(it.exposure_days() < before);
    }

    #[test]
    fn it_is_restored() {
        let mut it = calibrator("1 per day");
        live(&mut it, 0, 2, HOUR, |idx| 1 + (idx % 9) as u8);
        let mut other = calibrator("1 per day");
        assert!(other.restore(&it.to_words()));
        assert_eq!(other, it);
        assert!(!other.restore(&[1, 2, 3]));
        let mut damaged = it.to_words();
        damaged[1] = f64::NAN.to_bits();
        assert!(!other.restore(&damaged));
        assert_eq!(other, it);
    }
}
