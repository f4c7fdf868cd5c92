//! Is this value new where only a few ever came?

use serde::{Deserialize, Serialize};

/// So many different values are few.
const FEW: usize = 8;
/// Values seen before a new one is news, and since the last new one, and each known one at least so often.
const READY: u32 = 200;
const SETTLED: u32 = 200;
const SEEN: u32 = 5;
/// A new value that has come so often is known.
const ADOPTED: u32 = 20;

/// The values of a parameter that has few, such as a region or a state. Keeps hashes, not texts.
///
/// ```
/// use learn::events::Categories;
///
/// let mut region = Categories::default();
/// (0..500).for_each(|it| assert_eq!(region.observe(it % 3), 0));
/// assert_eq!(region.observe(77), 1);
/// assert_eq!(region.observe(77), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Categories {
    known: [(u64, u32); FEW],
    len: u8,
    has_many: bool,
    seen: u32,
    since_new: u32,
    novel: (u64, u32),
}

impl Categories {
    /// Takes in the hash of a value. How often this value has come since it was first news; 0 if it is none.
    pub fn observe(&mut self, value: u64) -> u32 {
        if self.has_many {
            return 0;
        }
        self.seen = self.seen.saturating_add(1);
        self.since_new = self.since_new.saturating_add(1);
        let len = usize::from(self.len);
        if let Some((_, count)) = self.known.iter_mut().take(len).find(|(it, _)| *it == value) {
            *count = count.saturating_add(1);
            return 0;
        }
        let is_settled = self.seen > READY
            && self.since_new > SETTLED
            && self.known.iter().take(len).all(|(_, count)| *count >= SEEN);
        if !is_settled {
            self.learn(value);
            return 0;
        }
        self.novel = if self.novel.0 == value { (value, self.novel.1 + 1) } else { (value, 1) };
        if self.novel.1 >= ADOPTED {
            self.learn(value);
        }
        self.novel.1
    }

    /// True once there were too many different values for a new one to be news.
    pub const fn has_many(&self) -> bool {
        self.has_many
    }

    fn learn(&mut self, value: u64) {
        self.since_new = 0;
        match self.known.get_mut(usize::from(self.len)) {
            Some(place) => {
                *place = (value, 1);
                self.len += 1;
            }
            None => self.has_many = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_and_rare_known_ones_are_no_news() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut users = Categories::default();
        assert!((0..5_000).all(|_| users.observe(random.u64(..)) == 0));
        assert!(users.has_many());
        // A rare value that came once in the beginning: nothing is settled until it has come several times.
        let mut state = Categories::default();
        assert!((0..5_000).all(|it| state.observe(u64::from(it == 10) + 1) == 0));
        assert_eq!(state.observe(9), 0);
    }

    #[test]
    fn a_new_value_is_news_until_it_is_known() {
        let mut state = Categories::default();
        (0..1_000).for_each(|it| assert_eq!(state.observe(it % 2), 0));
        let news: Vec<u32> = (0..25).map(|_| state.observe(5)).collect();
        assert_eq!((news[0], news[19], news[20], news[24]), (1, 20, 0, 0));
    }
}
