//! Are there more or fewer events than usual? Counts per minute against the recent rate and the same hour of other days.
//!
//! A count is compared on the square-root scale, where a Poisson count spreads by one half whatever its mean (Anscombe,
//! Biometrika 35 (1948)); the spread is widened by the dispersion (variance over mean) that the stream has shown, as in a
//! negative-binomial model, because log lines come in bursts. What happened at the same hour of an earlier day, such as
//! the lines of a nightly job, is usual. A surge or drop teaches nothing while it lasts.

use serde::{Deserialize, Serialize};

const MINUTE_MILLIS: i64 = 60_000;
const HOURS: usize = 24;
/// Minutes before the first verdict about a surge, and about a drop.
const READY_MINUTES: u32 = 15;
const READY_FOR_DROP_MINUTES: u32 = 60;
/// Memory of the usual rate, and of the rate of an hour of the day, in minutes.
const MEMORY_MINUTES: f64 = 240.0;
const HOUR_MEMORY_MINUTES: f64 = 180.0;
/// Deviations on the square-root scale.
const SURGE_DEVIATIONS: f64 = 5.0;
const DROP_DEVIATIONS: f64 = 7.0;
/// A surge is at least so many times the usual count, plus so many events, and so many times the largest minute.
const SURGE_RATIO: f64 = 3.0;
const SURGE_EVENTS: f64 = 5.0;
const OVER_PEAK: f64 = 1.5;
/// A drop leaves at most this share, of at least so many events that were to be expected.
const DROP_SHARE: f64 = 0.25;
const DROP_EXPECTED: f64 = 20.0;
/// Largest spread of one minute that teaches: one minute must not excuse the next.
const LARGEST_SPREAD: f64 = 25.0;
const SPREAD_GROWTH: f64 = 4.0;
/// How the largest minute of an hour of the day is forgotten per minute of that hour (10 % a day), and the largest of the
/// last hours (half in six hours).
const PEAK_KEPT: f64 = 0.998_245;
const RECENT_PEAK_KEPT: f64 = 0.998_077;
/// After a pause of so many minutes the empty minutes between are not counted one by one.
const LONGEST_GAP_MINUTES: i64 = 1440;

/// What is said about the newest minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RateVerdict {
    /// Nothing, or too little is known.
    Usual,
    /// This minute already has far more events than a usual one.
    Surge {
        /// Events so far in this minute.
        count: f64,
        /// Events of a usual minute.
        usual: f64,
        /// More than this is a surge.
        limit: f64,
    },
    /// The last minutes had far fewer.
    Drop {
        /// Events in these minutes.
        count: f64,
        /// Events that were to be expected in them.
        expected: f64,
        /// How many minutes.
        minutes: u32,
    },
}

/// The usual rate of one kind of event, with the rhythm of the day (in UTC).
///
/// ```
/// use learn::events::{EventRate, RateVerdict};
///
/// let mut rate = EventRate::new(0);
/// // One event a minute for five hours, then 40 in a minute.
/// (0..300).for_each(|minute| rate.observe(minute * 60_000));
/// assert_eq!(rate.verdict(), RateVerdict::Usual);
/// (0..40).for_each(|it| rate.observe(300 * 60_000 + it * 1000));
/// assert!(matches!(rate.verdict(), RateVerdict::Surge { count: 40.0, .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRate {
    minute: i64,
    count: f32,
    /// Closed minutes.
    minutes: u32,
    usual: f64,
    /// The same with a memory of five minutes: what a new usual rate begins with.
    newest: f64,
    dispersion: f64,
    hour_rates: [f32; HOURS],
    hour_minutes: [u16; HOURS],
    hour_peaks: [f32; HOURS],
    /// The largest minute of this hour; it counts from tomorrow on.
    pending_peak: f32,
    recent_peak: f64,
    /// The run of low minutes that goes on, and the longest one that was usual.
    low: Low,
    longest_low: f32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Low {
    minutes: u32,
    count: f64,
    expected: f64,
}

impl EventRate {
    /// Counts from this instant on, in milliseconds.
    pub const fn new(start_millis: i64) -> Self {
        Self {
            minute: start_millis.div_euclid(MINUTE_MILLIS),
            count: 0.0,
            minutes: 0,
            usual: 0.0,
            newest: 0.0,
            dispersion: 1.0,
            hour_rates: [0.0; HOURS],
            hour_minutes: [0; HOURS],
            hour_peaks: [0.0; HOURS],
            pending_peak: 0.0,
            recent_peak: 0.0,
            low: Low { minutes: 0, count: 0.0, expected: 0.0 },
            longest_low: 0.0,
        }
    }

    /// Counts an event. One that is late counts in the current minute.
    #[inline]
    pub fn observe(&mut self, time_millis: i64) {
        self.advance(time_millis);
        self.count += 1.0;
    }

    /// Lets time pass: closes minutes that are over.
    #[inline]
    pub fn advance(&mut self, time_millis: i64) {
        let minute = time_millis.div_euclid(MINUTE_MILLIS);
        if minute > self.minute {
            self.close_until(minute);
        }
    }

    /// What is to be said now.
    #[inline]
    pub fn verdict(&self) -> RateVerdict {
        let count = f64::from(self.count);
        if count >= SURGE_RATIO * self.usual + SURGE_EVENTS && self.minutes >= READY_MINUTES {
            let (usual, limit) = self.surge_limit();
            if count > limit {
                return RateVerdict::Surge { count, usual, limit };
            }
        }
        if self.is_drop() {
            let Low { minutes, count, expected } = self.low;
            return RateVerdict::Drop { count, expected, minutes };
        }
        RateVerdict::Usual
    }

    /// Events of a usual minute, and the count from which on it is a surge.
    pub fn surge_limit(&self) -> (f64, f64) {
        let hour = self.hour_now();
        let usual = self.usual.max(self.hour_rate(hour).unwrap_or(0.0));
        let spread = 0.5 * (self.dispersion * self.youth()).sqrt();
        let improbable = ((usual + 0.375).sqrt() + SURGE_DEVIATIONS * spread).powi(2) - 0.375;
        let unseen = OVER_PEAK * self.peak() + 2.0;
        (usual, improbable.max(SURGE_RATIO * usual + SURGE_EVENTS).max(unseen))
    }

    /// What goes on now is the usual rate from now on.
    pub fn adopt(&mut self) {
        self.usual = self.newest;
        self.recent_peak = self.recent_peak.max(f64::from(self.count)).max(f64::from(self.pending_peak));
        let hour = self.hour_now();
        if let Some(rate) = self.hour_rates.get_mut(hour) {
            *rate = self.newest as f32;
        }
        self.low = Low::default();
    }

    /// Nobody could count until now: the time between says nothing.
    pub fn skip_to(&mut self, time_millis: i64) {
        let minute = time_millis.div_euclid(MINUTE_MILLIS);
        if minute > self.minute {
            (self.minute, self.count, self.low) = (minute, 0.0, Low::default());
        }
    }

    /// How many times the usual rate the newest minutes have; 1 without a usual rate.
    pub fn ratio(&self) -> f64 {
        if self.usual > 0.0 { self.newest.max(f64::from(self.count)) / self.usual } else { 1.0 }
    }

    /// Minutes that have been counted.
    pub const fn minutes(&self) -> u32 {
        self.minutes
    }

    /// Events of a usual minute of the last hours.
    pub const fn usual(&self) -> f64 {
        self.usual
    }

    fn hour_now(&self) -> usize {
        self.minute.div_euclid(60).rem_euclid(HOURS as i64) as usize
    }

    fn youth(&self) -> f64 {
        1.0 + 30.0 / f64::from(self.minutes.max(1))
    }

    /// The rate at this hour of the day, if it was seen for an hour at least.
    fn hour_rate(&self, hour: usize) -> Option<f64> {
        let minutes = self.hour_minutes.get(hour)?;
        self.hour_rates.get(hour).filter(|_| *minutes >= 60).map(|it| f64::from(*it))
    }

    /// The largest minute lately and at this time of other days; jobs do not start to the minute.
    fn peak(&self) -> f64 {
        let (hour, minute) = (self.hour_now(), self.minute.rem_euclid(60));
        let near = match minute {
            0..10 => (hour + HOURS - 1) % HOURS,
            50.. => (hour + 1) % HOURS,
            _ => hour,
        };
        let of = |hour: usize| self.hour_peaks.get(hour).copied().map_or(0.0, f64::from);
        self.recent_peak.max(of(hour)).max(of(near))
    }

    fn low_rate(&self) -> f64 {
        self.hour_rate(self.hour_now()).map_or(self.usual, |it| it.min(self.usual))
    }

    fn is_drop(&self) -> bool {
        let Low { minutes, count, expected } = self.low;
        if minutes < 3 || expected < DROP_EXPECTED || self.minutes < READY_FOR_DROP_MINUTES {
            return false;
        }
        let spread = 0.5 * (self.dispersion * self.youth()).sqrt();
        let deviations = ((expected + 0.375).sqrt() - (count + 0.375).sqrt()) / spread;
        count <= DROP_SHARE * expected
            && f64::from(minutes) > 2.0 * f64::from(self.longest_low)
            && deviations > DROP_DEVIATIONS
    }

    fn close_until(&mut self, minute: i64) {
        if minute.saturating_sub(self.minute) > LONGEST_GAP_MINUTES {
            self.close();
            (self.minute, self.low) = (minute, Low::default());
            return;
        }
        while self.minute < minute {
            self.close();
            self.minute += 1;
            if self.minute.rem_euclid(60) == 0 {
                self.close_hour();
            }
        }
    }

    fn close(&mut self) {
        let count = f64::from(std::mem::take(&mut self.count));
        let is_surge = self.minutes >= READY_MINUTES && count > self.surge_limit().1;
        self.follow_low(count);
        self.newest += (count - self.newest) / 5.0_f64.min(f64::from(self.minutes) + 1.0);
        self.minutes = self.minutes.saturating_add(1);
        self.pending_peak = self.pending_peak.max(count as f32);
        self.recent_peak *= RECENT_PEAK_KEPT;
        if let Some(peak) = self.hour_peaks.get_mut(self.minute.div_euclid(60).rem_euclid(HOURS as i64) as usize) {
            *peak *= PEAK_KEPT as f32;
        }
        if !is_surge && !self.is_drop() {
            self.learn(count);
        }
    }

    fn learn(&mut self, count: f64) {
        self.recent_peak = self.recent_peak.max(count);
        let weight = 1.0 / f64::from(self.minutes).min(MEMORY_MINUTES);
        let spread =
            ((count - self.usual).powi(2) / (self.usual + 0.5)).min(LARGEST_SPREAD + SPREAD_GROWTH * self.dispersion);
        self.usual += weight * (count - self.usual);
        // The rate itself was still unknown in the first minutes.
        if self.minutes > READY_MINUTES / 3 {
            self.dispersion = (self.dispersion + weight * (spread - self.dispersion)).max(1.0);
        }
        let hour = self.hour_now();
        if let (Some(rate), Some(minutes)) = (self.hour_rates.get_mut(hour), self.hour_minutes.get_mut(hour)) {
            *minutes = minutes.saturating_add(1);
            *rate += ((count - f64::from(*rate)) / f64::from(*minutes).min(HOUR_MEMORY_MINUTES)) as f32;
        }
    }

    fn follow_low(&mut self, count: f64) {
        let expected = self.low_rate();
        if count < 0.5 * expected {
            self.low.minutes += 1;
            self.low.count += count;
            self.low.expected += expected;
            return;
        }
        // Also the end of a drop teaches: the next one must be longer.
        self.longest_low = (self.longest_low * 0.999).max(self.low.minutes as f32);
        self.low = Low::default();
    }

    fn close_hour(&mut self) {
        let hour = (self.minute - 1).div_euclid(60).rem_euclid(HOURS as i64) as usize;
        let pending = std::mem::take(&mut self.pending_peak);
        if let Some(peak) = self.hour_peaks.get_mut(hour) {
            *peak = peak.max(pending);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poisson(random: &mut fastrand::Rng, mean: f64) -> u32 {
        let limit = (-mean).exp();
        let (mut product, mut count) = (random.f64(), 0);
        while product > limit {
            product *= random.f64();
            count += 1;
        }
        count
    }

    /// Feeds minutes of counts; the numbers of minutes with a verdict other than usual.
    fn run(rate: &mut EventRate, counts: impl IntoIterator<Item = u32>) -> (Vec<i64>, Vec<i64>) {
        let (mut surges, mut drops) = (vec![], vec![]);
        for (minute, count) in (rate.minute..).zip(counts) {
            let start = minute * MINUTE_MILLIS;
            (0..count).for_each(|it| rate.observe(start + i64::from(it) % MINUTE_MILLIS));
            match rate.verdict() {
                RateVerdict::Surge { .. } => surges.push(minute),
                RateVerdict::Drop { .. } => drops.push(minute),
                RateVerdict::Usual => {}
            }
            rate.advance(start + MINUTE_MILLIS);
        }
        (surges, drops)
    }

    #[test]
    fn noise_bursts_and_a_daily_rhythm_stay_silent() {
        let mut told = 0;
        for seed in 0..60 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mean = [0.02, 0.3, 2.0, 20.0, 60.0][seed as usize % 5];
            let counts: Vec<u32> = (0..3 * 1440)
                .map(|minute| {
                    let rhythm = 1.0 + 0.8 * (f64::from(minute) / 1440.0 * std::f64::consts::TAU).sin();
                    // Gamma-distributed rates make the counts negative-binomial with dispersion 1 + mean / 2.
                    let burst: f64 = (0..2).map(|_| -random.f64().max(1e-12).ln()).sum::<f64>() / 2.0;
                    poisson(&mut random, (mean * rhythm * burst).min(500.0))
                })
                .collect();
            let (surges, drops) = run(&mut EventRate::new(0), counts);
            told += usize::from(!surges.is_empty()) + usize::from(!drops.is_empty());
        }
        assert!(told <= 2, "{told} of 60 streams of three days each");
    }

    #[test]
    fn a_surge_is_told_within_its_first_minute_and_adopted_on_request() {
        for mean in [0.0, 1.0, 30.0] {
            let mut random = fastrand::Rng::with_seed(3);
            let mut rate = EventRate::new(0);
            assert_eq!(run(&mut rate, (0..300).map(|_| poisson(&mut random, mean))).0, Vec::<i64>::new());
            let high = (8.0 * mean) as u32 + 40;
            assert_eq!(run(&mut rate, [high; 3]).0, [300, 301, 302], "{mean}");
            rate.adopt();
            assert_eq!(run(&mut rate, [high; 3]).0, Vec::<i64>::new());
        }
    }

    #[test]
    fn a_drop_is_told_and_one_at_the_same_hour_each_day_is_not() {
        let mut rate = EventRate::new(0);
        assert_eq!(run(&mut rate, [20; 200]).1, Vec::<i64>::new());
        let (_, drops) = run(&mut rate, [0; 5]);
        assert_eq!(drops.first(), Some(&203));
        let mut nightly = EventRate::new(0);
        let day = || (0..1440).map(|it| if (180..300).contains(&it) { 0 } else { 20 });
        run(&mut nightly, day());
        run(&mut nightly, day());
        assert_eq!(run(&mut nightly, day()).1, Vec::<i64>::new());
    }

    #[test]
    fn a_nightly_job_is_told_once() {
        let mut rate = EventRate::new(0);
        let day = |shift: u32| (0..1440).map(move |it| if (125..128).contains(&(it + shift)) { 400 } else { 1 });
        let told: Vec<usize> = [0, 3, 1, 2].map(|shift| run(&mut rate, day(shift)).0.len()).to_vec();
        assert!(told[0] > 0 && told[1..].iter().all(|it| *it == 0), "{told:?}");
    }

    #[test]
    fn any_order_and_any_pause_is_survived() {
        let mut rate = EventRate::new(i64::MAX / 2);
        [0, i64::MIN / 4, i64::MAX / 2, 5].iter().for_each(|it| rate.observe(*it));
        rate.advance(i64::MAX / 2 + 90 * 86_400_000);
        assert_eq!(rate.verdict(), RateVerdict::Usual);
        assert!(size_of::<EventRate>() <= 400, "{}", size_of::<EventRate>());
    }
}
