//! Is a series silent, or does only nothing get through? Gateways say every two seconds that they are there; while one of
//! them is not heard, no time passes for the partition, so that a network that is cut is not taken for services that died.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cluster::Beat;

/// How often a gateway says that it is there.
pub const BEAT: Duration = Duration::from_secs(2);
/// A gateway that was not heard for so long is away.
const AWAY: Duration = Duration::from_secs(6);
/// And after this it is gone: what came through it is silent indeed.
const GONE: Duration = Duration::from_secs(120);
/// Gateways that are known, so that nobody fills the memory with names.
const MOST: usize = 10_000;

/// The gateways that a partition hears.
#[derive(Debug, Default)]
pub struct Feed {
    heard: BTreeMap<String, Instant>,
}

impl Feed {
    /// A gateway was heard.
    pub fn hear(&mut self, beat: &Beat, now: Instant) {
        if beat.is_leaving {
            self.heard.remove(&beat.gateway);
        } else if self.heard.len() < MOST || self.heard.contains_key(&beat.gateway) {
            self.heard.insert(beat.gateway.clone(), now);
        }
    }

    /// The gateways that are away, if any: nobody is silent meanwhile.
    pub fn away(&mut self, now: Instant) -> Vec<&str> {
        self.heard.retain(|_, heard| now.saturating_duration_since(*heard) < GONE);
        let is_away = |heard: &Instant| now.saturating_duration_since(*heard) > AWAY;
        self.heard.iter().filter(|it| is_away(it.1)).map(|it| it.0.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_there_away_and_gone() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let beat = |gateway: &str, is_leaving| Beat { gateway: gateway.to_owned(), is_leaving };
        let mut feed = Feed::default();
        assert!(feed.away(at(0)).is_empty(), "nobody is known");
        feed.hear(&beat("a", false), at(0));
        feed.hear(&beat("b", false), at(0));
        feed.hear(&beat("b", false), at(20));
        assert_eq!(feed.away(at(21)), ["a"]);
        feed.hear(&beat("b", true), at(22));
        assert_eq!(feed.away(at(100)), ["a"], "who leaves is not waited for");
        assert!(feed.away(at(121)).is_empty());
    }
}
