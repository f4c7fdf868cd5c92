//! Who calls whom, and what runs where? Learned from the labels of the series that come in.
//!
//! `service` with `peer_service` (or `upstream`, `destination_service`) on one series means that the service calls the
//! peer; `service` with `host` means that it runs there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use signal::{Labels, SeriesMap, Topology};

/// Labels that name the called service.
const PEER_LABELS: [&str; 3] = ["peer_service", "upstream", "destination_service"];
/// Series looked at; later ones add nothing, so that a label bomb cannot fill the memory.
const LARGEST: usize = 100_000;

/// The service called by the series' service, if a label names it.
pub(crate) fn peer_of(labels: &Labels) -> Option<&str> {
    PEER_LABELS.iter().find_map(|it| labels.get(it))
}

/// What of a series' labels says who calls whom or what runs where; None if nothing does. Many series have the same.
pub fn place_of(labels: &Labels) -> Option<Labels> {
    let service = labels.service()?;
    let (peer, host) = (peer_of(labels), labels.host());
    if peer.is_none() && host.is_none() {
        return None;
    }
    Some(Labels::new([("service", service), (PEER_LABELS[0], peer.unwrap_or("")), ("host", host.unwrap_or(""))]))
}

/// A map of services and hosts that grows as series come in. Shared between threads.
#[derive(Debug, Default)]
pub struct ServiceMap {
    links: RwLock<Links>,
}

#[derive(Debug, Default)]
struct Links {
    known: SeriesMap<()>,
    callees: BTreeMap<String, BTreeSet<String>>,
    callers: BTreeMap<String, BTreeSet<String>>,
    /// Service to hosts and host to services, in one map.
    neighbors: BTreeMap<String, BTreeSet<String>>,
}

impl ServiceMap {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the labels of a series.
    pub fn learn(&self, labels: &Labels) {
        self.learn_all([labels]);
    }

    /// Takes in the labels of many series; those that are known already cost one look each.
    pub fn learn_all<'a>(&self, series: impl IntoIterator<Item = &'a Labels>) {
        let links = self.links();
        if links.known.len() >= LARGEST {
            return;
        }
        let is_new = |it: &&Labels| !links.known.contains_key(&it.id());
        let new: Vec<&Labels> = series.into_iter().filter(is_new).collect();
        drop(links);
        if new.is_empty() {
            return;
        }
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        for labels in new {
            if links.known.len() >= LARGEST {
                return;
            }
            links.learn(labels);
        }
    }

    /// Every call that is known: caller and callee, in order.
    pub fn calls(&self) -> Vec<(String, String)> {
        let links = self.links();
        let pairs = links.callees.iter().flat_map(|(from, to)| to.iter().map(|it| (from.clone(), it.clone())));
        pairs.collect()
    }

    fn links(&self) -> RwLockReadGuard<'_, Links> {
        self.links.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Links {
    fn learn(&mut self, labels: &Labels) {
        // Also what has no service: it need not be looked at again.
        self.known.insert(labels.id(), ());
        let Some(service) = labels.service() else { return };
        if let Some(peer) = peer_of(labels).filter(|it| *it != service) {
            link(&mut self.callees, service, peer);
            link(&mut self.callers, peer, service);
        }
        if let Some(host) = labels.host() {
            link(&mut self.neighbors, service, host);
            link(&mut self.neighbors, host, service);
        }
    }
}

impl Topology for ServiceMap {
    fn callees(&self, service: &str) -> Vec<String> {
        list(&self.links().callees, service)
    }

    fn callers(&self, service: &str) -> Vec<String> {
        list(&self.links().callers, service)
    }

    fn neighbors(&self, owner: &str) -> Vec<String> {
        list(&self.links().neighbors, owner)
    }
}

fn link(map: &mut BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) {
    map.entry(from.to_owned()).or_default().insert(to.to_owned());
}

fn list(map: &BTreeMap<String, BTreeSet<String>>, from: &str) -> Vec<String> {
    map.get(from).into_iter().flatten().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_hosts_are_learned_from_labels() {
        let map = ServiceMap::new();
        for labels in [
            r#"client_request_duration_seconds{service="shop",peer_service="payments"}"#,
            r#"client_errors_total{service="shop",upstream="stock",host="web-1"}"#,
            r#"latency{service="payments",host="web-1"}"#,
            r#"latency{service="payments",peer_service="payments"}"#,
            r#"host_cpu_percent{host="web-2"}"#,
        ] {
            map.learn(&labels.parse().unwrap());
            map.learn(&labels.parse().unwrap());
        }
        assert_eq!(map.callees("shop"), ["payments", "stock"]);
        assert_eq!(map.callers("payments"), ["shop"]);
        assert_eq!(map.neighbors("web-1"), ["payments", "shop"]);
        assert_eq!(map.neighbors("shop"), ["web-1"]);
        assert!(map.callees("nobody").is_empty());
        assert_eq!(map.calls().len(), 2);
    }

    #[test]
    fn what_says_where_a_series_belongs_is_all_that_is_learned_from_it() {
        for (labels, expected) in [
            (
                r#"errors_total{app="shop",upstream="stock",path="/a"}"#,
                Some(r#"{peer_service="stock",service="shop"}"#),
            ),
            (r#"latency{service="pay",pod="p-1",le="5"}"#, Some(r#"{host="p-1",service="pay"}"#)),
            ("latency{service=\"pay\"}", None),
            ("cpu{host=\"a\"}", None),
        ] {
            let place = place_of(&labels.parse().unwrap());
            assert_eq!(place.map(|it| it.to_string()).as_deref(), expected, "{labels}");
        }
    }
}
