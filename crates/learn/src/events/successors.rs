//! What follows what? After an event that always had the same few successors, another one is a break.
//!
//! Events of one source in order, such as the lines that one process writes. Only what was nearly deterministic says
//! anything: of concurrent requests everything follows everything, and nothing is told.

use serde::{Deserialize, Serialize};

/// Successors that are kept.
const KEPT: usize = 4;
/// So many regular successors at most.
const FEW: u8 = 3;
/// Transitions before anything is said, and since the last new successor.
const READY: u32 = 200;
const SETTLED: u32 = 200;
/// Breaks among the newest 16 transitions that are told.
const BREAKS: u32 = 3;
/// A successor that came in so many breaks that were not told is known.
const ADOPTED: u32 = 3;
/// More breaks than this among the newest 32: the program is another one.
const MOST_BREAKS: u32 = 20;
/// A successor is overdue after so many times the longest gap, at least so long; gaps longer than a minute say nothing.
const LONGEST_GAPS: i64 = 4;
const LEAST_OVERDUE_MILLIS: i64 = 5_000;
const LARGEST_GAP_MILLIS: i64 = 60_000;

/// A successor that never came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// The successor that usually comes.
    pub expected: u64,
    /// Transitions seen before.
    pub seen: u32,
    /// Breaks among the newest 16 transitions; from 3 on it is worth a word.
    pub recent: u32,
}

impl Break {
    /// True if it has happened often enough lately to be told.
    pub const fn is_told(&self) -> bool {
        self.recent >= BREAKS
    }
}

/// What followed one event so far.
///
/// ```
/// use learn::events::Successors;
///
/// let mut after_begin = Successors::default();
/// (0..500).for_each(|_| assert_eq!(after_begin.observe(7, 20), None));
/// let breaks: Vec<bool> = (0..3).map(|_| after_begin.observe(9, 20).unwrap().is_told()).collect();
/// assert_eq!(breaks, [false, false, true]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Successors {
    known: [(u64, u32); KEPT],
    len: u8,
    seen: u32,
    since_new: u32,
    candidate: (u64, u32),
    recent: u32,
    longest_gap_millis: i64,
}

impl Successors {
    /// Takes in what came next and after how many milliseconds.
    pub fn observe(&mut self, next: u64, gap_millis: i64) -> Option<Break> {
        self.seen = self.seen.saturating_add(1);
        self.since_new = self.since_new.saturating_add(1);
        self.recent <<= 1;
        self.longest_gap_millis = self.longest_gap_millis.max(gap_millis);
        let len = usize::from(self.len);
        if let Some((_, count)) = self.known.iter_mut().take(len).find(|(it, _)| *it == next) {
            *count = count.saturating_add(1);
            return None;
        }
        if !self.is_regular() {
            self.learn(next);
            return None;
        }
        self.recent |= 1;
        let found = self.broken();
        if self.recent.count_ones() > MOST_BREAKS {
            *self = Self::default();
        }
        self.candidate = if self.candidate.0 == next { (next, self.candidate.1 + 1) } else { (next, 1) };
        if self.candidate.1 >= ADOPTED && found.is_none_or(|it| !it.is_told()) {
            self.learn(next);
        }
        found
    }

    /// The successor that usually comes, if nothing came for so long that it is overdue.
    pub fn overdue(&self, waited_millis: i64) -> Option<Break> {
        let limit = LONGEST_GAPS.saturating_mul(self.longest_gap_millis).max(LEAST_OVERDUE_MILLIS);
        let is_overdue = self.is_regular() && self.longest_gap_millis <= LARGEST_GAP_MILLIS && waited_millis > limit;
        if is_overdue { self.broken() } else { None }
    }

    fn is_regular(&self) -> bool {
        self.seen >= READY && self.since_new >= SETTLED && self.len <= FEW
    }

    fn broken(&self) -> Option<Break> {
        let (expected, _) = self.known.iter().take(usize::from(self.len)).max_by_key(|it| it.1)?;
        Some(Break { expected: *expected, seen: self.seen, recent: (self.recent & 0xffff).count_ones() })
    }

    fn learn(&mut self, next: u64) {
        self.since_new = 0;
        if let Some(place) = self.known.get_mut(usize::from(self.len)) {
            *place = (next, 1);
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_at_random_is_never_told() {
        for seed in 0..100 {
            let mut random = fastrand::Rng::with_seed(seed);
            let kinds = random.u64(1..40);
            let mut successors = Successors::default();
            // Also rare ones: a few of a thousand.
            let told = (0..20_000).any(|_| {
                let next = if random.u16(..) < 200 { 100 + random.u64(..20) } else { random.u64(..kinds) };
                successors.observe(next, 10).is_some_and(|it| it.is_told())
            });
            assert!(!told, "seed {seed}, {kinds} kinds");
        }
    }

    #[test]
    fn another_line_now_and_then_is_learned() {
        let mut successors = Successors::default();
        let told =
            (0..10_000).any(|it| successors.observe(u64::from(it % 300 == 299), 10).is_some_and(|it| it.is_told()));
        assert!(!told);
        assert_eq!(successors.len, 2);
    }

    #[test]
    fn silence_after_what_always_went_on_is_a_break() {
        let mut successors = Successors::default();
        assert_eq!(successors.overdue(1_000_000), None);
        (0..500).for_each(|it| assert_eq!(successors.observe(it % 2, 2_000), None));
        assert_eq!(successors.overdue(7_000), None);
        assert_eq!(successors.overdue(8_001).map(|it| it.seen), Some(500));
    }

    #[test]
    fn a_new_program_is_told_for_a_while_and_then_learned() {
        let mut successors = Successors::default();
        (0..500).for_each(|_| assert_eq!(successors.observe(1, 5), None));
        let told = (0..1_000).filter(|_| successors.observe(2, 5).is_some_and(|it| it.is_told())).count();
        assert!((5..40).contains(&told), "{told}");
    }
}
