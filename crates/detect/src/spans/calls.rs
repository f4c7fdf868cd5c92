//! Which two spans are the two sides of one call? The client's span is the parent of the server's; they come in any
//! order, from different senders, or one of them never comes.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signal::{Span, SpanId, SpanKind, Timestamp, TraceId};

/// Attributes by which a client names whom it calls, best first. Databases and queues send no spans of their own.
/// Names: <https://opentelemetry.io/docs/specs/semconv/general/attributes/>, older ones behind newer ones.
const PEERS: [&str; 8] = [
    "peer.service",
    "db.namespace",
    "db.name",
    "messaging.destination.name",
    "db.system.name",
    "db.system",
    "server.address",
    "net.peer.name",
];

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub client: String,
    pub server: String,
    /// What the caller saw.
    pub secs: f64,
    pub is_failed: bool,
}

/// One side of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Side {
    is_client: bool,
    service: String,
    /// Whom a client says it calls.
    peer: Option<String>,
    secs: f64,
    is_failed: bool,
}

type Key = (TraceId, SpanId);

/// A side that waits, in the order in which they came.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Waiting {
    /// It no longer waits then.
    deadline: Timestamp,
    /// The position of the batch that it came with.
    position: i64,
    key: Key,
}

/// Sides that wait for the other one.
#[derive(Debug)]
pub struct Calls {
    open: HashMap<Key, Side>,
    waiting: VecDeque<Waiting>,
    wait: Duration,
    most: usize,
    /// Sides that were given up because there were too many.
    pub given_up: u64,
}

impl Calls {
    /// Nothing waits.
    pub fn new(wait: Duration, most: usize) -> Self {
        Self { open: HashMap::new(), waiting: VecDeque::new(), wait, most, given_up: 0 }
    }

    /// Takes a span in; tells the call if this was its second side. `position` is that of the batch it came with.
    pub fn observe(&mut self, span: &Span, position: i64, now: Timestamp) -> Option<Call> {
        let (key, is_client) = match span.kind {
            SpanKind::Client | SpanKind::Producer => ((span.trace, span.id), true),
            SpanKind::Server | SpanKind::Consumer => ((span.trace, span.parent?), false),
            SpanKind::Internal => return None,
        };
        let side = Side {
            is_client,
            service: span.service().to_owned(),
            peer: if is_client { peer_of(span) } else { None },
            secs: span.secs(),
            is_failed: span.is_error(),
        };
        match self.open.remove(&key) {
            Some(other) if other.is_client != is_client => {
                let (client, server) = if is_client { (side, other) } else { (other, side) };
                Some(Call {
                    client: client.service,
                    server: server.service,
                    secs: client.secs,
                    is_failed: client.is_failed || server.is_failed,
                })
            }
            // The same side came twice: the newer one waits on.
            _ => {
                self.open.insert(key, side);
                self.waiting.push_back(Waiting { deadline: now.plus(self.wait), position, key });
                None
            }
        }
    }

    /// Calls whose other side will not come: those of clients that say whom they call, each with the position at which
    /// the client's side came.
    pub fn expire(&mut self, now: Timestamp) -> Vec<(i64, Call)> {
        let mut calls = vec![];
        while let Some(first) = self.waiting.front().copied() {
            // A deadline that lies further ahead than the wait was made by a clock that has gone back since.
            let is_due = first.deadline <= now || first.deadline > now.plus(self.wait);
            if !is_due && self.open.len() <= self.most {
                break;
            }
            self.waiting.pop_front();
            let Some(side) = self.open.remove(&first.key) else { continue };
            self.given_up += u64::from(!is_due);
            if let Some(server) = side.peer {
                let call = Call { client: side.service, server, secs: side.secs, is_failed: side.is_failed };
                calls.push((first.position, call));
            }
        }
        calls
    }

    /// The newest sides that wait, at most `most`, to be restored by another process.
    pub fn save(&self, most: usize) -> Vec<u8> {
        let known = |it: &Waiting| self.open.get(&it.key).map(|side| (*it, side.clone()));
        let newest = self.waiting.iter().skip(self.waiting.len().saturating_sub(most));
        let sides: Vec<(Waiting, Side)> = newest.filter_map(known).collect();
        serde_json::to_vec(&sides).expect("ids, texts and numbers are JSON")
    }

    /// Takes back what `save` wrote.
    pub fn restore(&mut self, state: &[u8]) -> Result<(), serde_json::Error> {
        for (waiting, side) in serde_json::from_slice::<Vec<(Waiting, Side)>>(state)? {
            self.open.insert(waiting.key, side);
            self.waiting.push_back(waiting);
        }
        Ok(())
    }

    /// How many sides wait.
    pub fn len(&self) -> usize {
        self.open.len()
    }
}

fn peer_of(span: &Span) -> Option<String> {
    PEERS.iter().find_map(|it| span.attributes.get(it)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, span};
    use super::*;

    fn calls() -> Calls {
        Calls::new(Duration::from_secs(10), 100)
    }

    /// Guarantees: MUST 161 of docs/specs/ingest.md.
    #[test]
    fn the_sides_of_a_call_meet_in_any_order() {
        let client = span("shop", "POST", SpanKind::Client, 1, 0, 0.2);
        let server = Span { status: signal::SpanStatus::Error, ..span("pay", "/pay", SpanKind::Server, 2, 1, 0.15) };
        let expected = Call { client: "shop".to_owned(), server: "pay".to_owned(), secs: 0.2, is_failed: true };
        for pair in [[&client, &server], [&server, &client]] {
            let mut calls = calls();
            assert_eq!(calls.observe(pair[0], 0, at(0)), None);
            assert_eq!(calls.observe(pair[1], 0, at(5)).as_ref(), Some(&expected));
            assert_eq!((calls.len(), calls.expire(at(60))), (0, vec![]));
        }
    }

    /// Guarantees: MUST 161 of docs/specs/ingest.md.
    #[test]
    fn a_database_is_known_by_what_its_client_says() {
        let mut calls = calls();
        let mut query = span("pay", "SELECT", SpanKind::Client, 1, 0, 0.01);
        query.attributes = signal::Labels::new([("db.system", "postgresql"), ("db.name", "ledger")]);
        calls.observe(&query, 41, at(0));
        calls.observe(&span("pay", "GET", SpanKind::Client, 2, 0, 0.01), 42, at(0));
        assert!(calls.expire(at(9)).is_empty());
        let told = calls.expire(at(10));
        assert_eq!(told.iter().map(|it| (it.0, &*it.1.server)).collect::<Vec<_>>(), [(41, "ledger")]);
        assert_eq!(calls.len(), 0);
    }

    /// Guarantees: MUST 162 of docs/specs/ingest.md.
    #[test]
    fn memory_is_bounded() {
        let mut calls = Calls::new(Duration::from_secs(10), 3);
        for id in 1..=200 {
            calls.observe(&span("a", "x", SpanKind::Client, id, 0, 0.1), 0, at(0));
            calls.expire(at(0));
        }
        assert_eq!((calls.len(), calls.given_up), (3, 197));
    }

    /// Scenario: the clock stands an hour ahead for a while, then right again.
    #[test]
    fn a_clock_that_goes_back_holds_nobody_up() {
        let mut calls = calls();
        let mut query = span("pay", "SELECT", SpanKind::Client, 1, 0, 0.01);
        query.attributes = signal::Labels::new([("db.name", "ledger")]);
        calls.observe(&query, 0, at(3600));
        calls.observe(&Span { id: SpanId([2; 8]), ..query }, 0, at(0));
        assert_eq!((calls.expire(at(10)).len(), calls.len()), (2, 0));
    }

    #[test]
    fn sides_meet_though_another_process_goes_on() {
        let mut before = calls();
        before.observe(&span("shop", "POST", SpanKind::Client, 1, 0, 0.2), 7, at(0));
        before.observe(&span("shop", "GET", SpanKind::Client, 2, 0, 0.2), 8, at(0));
        let mut after = calls();
        after.restore(&before.save(1)).unwrap();
        assert_eq!(after.observe(&span("pay", "/pay", SpanKind::Server, 3, 1, 0.1), 9, at(1)), None, "only the newest");
        let met = after.observe(&span("pay", "/pay", SpanKind::Server, 4, 2, 0.1), 9, at(1)).unwrap();
        assert_eq!((&*met.client, &*met.server), ("shop", "pay"));
    }
}
