//! What time is it when the machine's clock jumps? What it was before, and as much later as has passed since.
//!
//! A clock that is set an hour forward makes every series look silent for an hour, and one that is set back makes every
//! point look as if it came from the future. So small corrections are followed at once, and a jump only when it has stayed
//! for a quarter of an hour; until then it is told. A machine that was asleep jumps, too, and rightly: what comes in may be as
//! late as either clock says (`latest`), so that nothing is refused.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use signal::{Clock, Meter, Metric, SystemClock, Timestamp};

/// The clock of the machine may be off by so much between two looks without having jumped (milliseconds).
const JUMP_MILLIS: i64 = 5_000;
/// A jump that stays for so long is followed.
const HOLD: Duration = Duration::from_secs(900);

/// The machine's clock without its jumps.
pub struct SteadyClock {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// What is to be added to the time that has passed since the start, in milliseconds.
    offset: i64,
    /// The machine's clock is off since then, and by so much.
    jumped: Option<(Duration, i64)>,
    jumps: u64,
}

impl Default for SteadyClock {
    fn default() -> Self {
        let state = State { offset: SystemClock.now().millis(), jumped: None, jumps: 0 };
        Self { start: Instant::now(), state: Mutex::new(state) }
    }
}

impl SteadyClock {
    fn look(&self) -> (Timestamp, Timestamp) {
        let (passed, wall) = (self.start.elapsed(), SystemClock.now());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.look(passed, wall), wall)
    }
}

impl State {
    /// The time after so much has passed, when the machine's clock shows `wall`.
    fn look(&mut self, passed: Duration, wall: Timestamp) -> Timestamp {
        let now = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX).saturating_add(self.offset);
        let off = wall.millis().saturating_sub(now);
        if off.abs() < JUMP_MILLIS {
            if self.jumped.take().is_some() {
                tracing::info!("The machine's clock is right again.");
            }
            self.offset += off;
            return wall;
        }
        // A second jump begins to be held anew.
        let is_known = self.jumped.is_some_and(|(_, known)| known.abs_diff(off) < JUMP_MILLIS.unsigned_abs());
        match self.jumped {
            Some((since, _)) if is_known && passed.saturating_sub(since) >= HOLD => {
                tracing::warn!(milliseconds = off, "The machine's clock has jumped and stays there; it is followed.");
                self.jumped = None;
                self.offset += off;
                return wall;
            }
            Some((_, _)) if is_known => {}
            _ => {
                self.jumps += 1;
                self.jumped = Some((passed, off));
                tracing::warn!(milliseconds = off, "The machine's clock has jumped; time goes on as before.");
            }
        }
        Timestamp::from_millis(now)
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        self.look().0
    }

    fn latest(&self) -> Timestamp {
        let (now, wall) = self.look();
        now.max(wall)
    }
}

impl Meter for SteadyClock {
    fn metrics(&self) -> Vec<Metric> {
        const OFF: &str = "How far the machine's clock is off since it jumped; 0 while it is believed.";
        self.look();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let off = state.jumped.map_or(0, |it| it.1);
        vec![
            Metric::counter("sentinel_clock_jumps_total", "Jumps of the machine's clock.", state.jumps),
            Metric::gauge("sentinel_clock_off_seconds", OFF, off as f64 / 1000.0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000_000;

    /// Looks each second, with what the machine's clock is off by then; tells how far the time is off.
    fn off(wall: impl Fn(u64) -> i64, secs: std::ops::Range<u64>, state: &mut State) -> Vec<i64> {
        secs.map(|it| {
            let right = START + it as i64 * 1000;
            state.look(Duration::from_secs(it), Timestamp::from_millis(right + wall(it))).millis() - right
        })
        .collect()
    }

    fn state() -> State {
        State { offset: START, jumped: None, jumps: 0 }
    }

    #[test]
    fn an_hour_forward_and_back_is_not_followed() {
        for jump in [3_600_000, -3_600_000] {
            let mut state = state();
            let seen = off(|it| if (100..400).contains(&it) { jump } else { 0 }, 0..600, &mut state);
            assert!(seen.iter().all(|it| *it == 0), "{seen:?}");
            assert_eq!((state.jumps, state.jumped), (1, None));
        }
    }

    #[test]
    fn what_stays_is_followed_and_drift_at_once() {
        let mut state = state();
        let seen = off(|it| if it >= 100 { 3_600_000 } else { 0 }, 0..1100, &mut state);
        assert_eq!((seen[999], seen[1000], seen[1099]), (0, 3_600_000, 3_600_000));
        let drift = off(|it| 3_600_000 + (it as i64 - 1100) * 3, 1100..5000, &mut state);
        assert_eq!(drift.last(), Some(&(3_600_000 + 3899 * 3)));
        assert_eq!(state.jumps, 1);
    }
}
