//! Which spans does a `call` statement make? For each call one of the service that calls and one of the service that answers.

use std::time::Duration;

use fastrand::Rng;
use signal::{Labels, Span, SpanId, SpanKind, SpanStatus, Timestamp, TraceId};

use super::cadence::Cadence;
use super::cursor::{Cursor, Mistake};
use crate::shop::random::gauss;

/// The network takes this long: what the caller waits beyond the work of the other one.
const NETWORK: Duration = Duration::from_millis(1);

/// `call every 1s from 0 to 20m shop->pay "POST /pay" takes 120ms~0.1 fails 0.01`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CallPart {
    pub(super) cadence: Cadence,
    client: String,
    server: String,
    operation: String,
    takes: Duration,
    /// Standard deviation of `takes`, as a share of it.
    noise: f64,
    /// The share of calls that fail.
    fails: f64,
}

impl CallPart {
    /// Reads what stands behind `call`.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Mistake> {
        cursor.expect_word("every")?;
        let cadence = Cadence::read(cursor, "calls")?;
        let offset = cursor.position();
        let services = cursor.token().split_once("->").filter(|it| !it.0.is_empty() && !it.1.is_empty());
        let expected = || Mistake { offset, expected: "who calls whom, such as shop->pay".to_owned() };
        let (client, server) = services.ok_or_else(expected)?;
        let operation = cursor.quoted()?;
        cursor.expect_word("takes")?;
        let takes = cursor.duration()?;
        let noise = if cursor.eat('~') { share(cursor, 1.0)? } else { 0.0 };
        let fails = if cursor.eat_word("fails") { share(cursor, 1.0)? } else { 0.0 };
        let (client, server) = (client.to_owned(), server.to_owned());
        Ok(Self { cadence, client, server, operation, takes, noise, fails })
    }

    /// The two spans of a call, from 0, that ends at `end`; the same each time.
    pub(super) fn spans(&self, number: u32, end: Timestamp) -> [Span; 2] {
        let name = Labels::new([("client", &*self.client), ("server", &*self.server), ("name", &*self.operation)]);
        let seed = name.id().hash() ^ (self.cadence.from.as_millis() as u64).rotate_left(32);
        let mut random = Rng::with_seed(seed.wrapping_add(u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let trace = TraceId(random.u128(1..).to_be_bytes());
        let (outer, inner) = (SpanId(random.u64(1..).to_be_bytes()), SpanId(random.u64(1..).to_be_bytes()));
        let took = self.takes.mul_f64((1.0 + self.noise * gauss(&mut random)).max(0.01));
        let status = if random.f64() < self.fails { SpanStatus::Error } else { SpanStatus::Unset };
        let span = |service: &str, id, parent, kind, took: Duration| Span {
            trace,
            id,
            parent,
            name: self.operation.clone(),
            kind,
            start_nanos: u64::try_from(end.minus(took).millis()).unwrap_or(0) * 1_000_000,
            duration_nanos: u64::try_from(took.as_nanos()).unwrap_or(u64::MAX),
            status,
            message: String::new(),
            resource: Labels::new([("service", service)]),
            attributes: Labels::default(),
            events: vec![],
            links: vec![],
        };
        [
            span(&self.client, outer, None, SpanKind::Client, took + NETWORK),
            span(&self.server, inner, Some(outer), SpanKind::Server, took),
        ]
    }
}

fn share(cursor: &mut Cursor<'_>, most: f64) -> Result<f64, Mistake> {
    let offset = cursor.position();
    let found = cursor.token().parse().ok().filter(|it| (0.0..=most).contains(it));
    found.ok_or_else(|| Mistake { offset, expected: format!("a share from 0 to {most}, such as 0.05") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CallPart, Mistake> {
        let mut cursor = Cursor::new(text);
        let part = CallPart::read(&mut cursor)?;
        cursor.end().map(|()| part)
    }

    #[test]
    fn a_call_is_two_spans_of_one_trace() {
        let part = read("every 100ms from 0 to 20s shop->pay \"POST /pay\" takes 200ms~0.1 fails 0.25").unwrap();
        let end = Timestamp::from_secs(1_000_000);
        let calls: Vec<[Span; 2]> = (0..1000).map(|it| part.spans(it, end)).collect();
        for [client, server] in &calls {
            assert_eq!((client.trace, Some(client.id), client.kind), (server.trace, server.parent, SpanKind::Client));
            assert_eq!((client.service(), server.service()), ("shop", "pay"));
            assert!(client.secs() > server.secs() && client.end().millis().abs_diff(end.millis()) <= 1);
        }
        let failed = calls.iter().filter(|it| it[1].is_error()).count();
        assert!((200..300).contains(&failed), "{failed}");
        let mean = calls.iter().map(|it| it[1].secs()).sum::<f64>() / 1000.0;
        assert!((mean - 0.2).abs() < 0.005, "{mean}");
        assert_eq!(part.spans(7, end), calls[7], "the same each time");
    }

    #[test]
    fn mistakes_are_told_where_they_are() {
        let mistakes = [
            ("from 0", 0, "`every`"),
            ("every 1ms from 0 to 1h shop->pay \"x\" takes 1s", 6, "1000000 calls"),
            ("every 1s from 0 to 1m shop pay \"x\" takes 1s", 22, "who calls whom"),
            ("every 1s from 0 to 1m a->b takes 1s", 27, "double quotes"),
            ("every 1s from 0 to 1m a->b \"x\" takes 1s fails 2", 46, "a share from 0 to 1"),
        ];
        for (text, offset, expected) in mistakes {
            let mistake = read(text).unwrap_err();
            assert!(mistake.offset == offset && mistake.expected.contains(expected), "{text}: {mistake:?}");
        }
    }
}
