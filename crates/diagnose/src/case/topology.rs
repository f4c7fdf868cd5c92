//! Who calls whom, directly and over others?

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::input::Call;

/// Calls between services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology<'a> {
    callees: BTreeMap<&'a str, BTreeSet<&'a str>>,
    callers: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Topology<'a> {
    pub(crate) fn of(calls: impl IntoIterator<Item = &'a Call>) -> Self {
        let mut topology = Self::default();
        for call in calls.into_iter().filter(|it| it.caller != it.callee) {
            topology.callees.entry(&call.caller).or_default().insert(&call.callee);
            topology.callers.entry(&call.callee).or_default().insert(&call.caller);
        }
        topology
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.callees.is_empty()
    }

    pub(crate) fn callers(&self, service: &str) -> impl Iterator<Item = &'a str> + '_ {
        self.callers.get(service).into_iter().flatten().copied()
    }

    pub(crate) fn callees(&self, service: &str) -> impl Iterator<Item = &'a str> + '_ {
        self.callees.get(service).into_iter().flatten().copied()
    }

    /// Where requests come in: the busiest service that nobody calls.
    pub(crate) fn entry(&self, volumes: impl Iterator<Item = (&'a str, f64)>) -> Option<&'a str> {
        let roots = volumes.filter(|(service, _)| !self.callers.contains_key(service));
        let roots = roots.filter(|(service, _)| self.callees.contains_key(service));
        roots.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(service, _)| service)
    }

    /// A shortest way of calls from one service to another, both included.
    pub(crate) fn path(&self, from: &str, to: &str) -> Option<Vec<&'a str>> {
        let (from, _) = self.callees.get_key_value(from)?;
        let mut came_from: BTreeMap<&str, &'a str> = BTreeMap::new();
        let mut queue = VecDeque::from([*from]);
        while let Some(service) = queue.pop_front() {
            if service == to {
                return Some(trail(service, from, &came_from));
            }
            for callee in self.callees(service).filter(|it| it != from) {
                if !came_from.contains_key(callee) {
                    came_from.insert(callee, service);
                    queue.push_back(callee);
                }
            }
        }
        None
    }

    /// Everybody whom a service calls, directly or over others.
    pub(crate) fn reach(&self, from: &str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut queue: Vec<&'a str> = self.callees(from).collect();
        while let Some(service) = queue.pop() {
            if seen.insert(service) {
                queue.extend(self.callees(service));
            }
        }
        seen
    }
}

fn trail<'a>(last: &'a str, first: &str, came_from: &BTreeMap<&str, &'a str>) -> Vec<&'a str> {
    let mut trail = vec![last];
    let mut at = last;
    while at != first {
        let Some(before) = came_from.get(at) else { break };
        at = before;
        trail.push(at);
    }
    trail.reverse();
    trail
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(pairs: &[(&str, &str)]) -> Vec<Call> {
        pairs.iter().map(|(a, b)| Call { caller: (*a).to_owned(), callee: (*b).to_owned() }).collect()
    }

    #[test]
    fn the_way_from_a_symptom_to_its_cause_is_told_step_by_step() {
        let calls = calls(&[("web", "cart"), ("cart", "db"), ("web", "pay"), ("db", "cart"), ("pay", "pay")]);
        let topology = Topology::of(&calls);
        assert_eq!(topology.path("web", "db"), Some(vec!["web", "cart", "db"]));
        assert_eq!(topology.path("web", "web"), Some(vec!["web"]));
        assert_eq!(topology.path("pay", "db"), None);
        assert_eq!(topology.reach("cart"), BTreeSet::from(["db", "cart"]));
        assert_eq!(topology.entry([("web", 1.0), ("cart", 9.0)].into_iter()), Some("web"));
    }
}
