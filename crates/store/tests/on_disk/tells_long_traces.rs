//! Is a trace of very many spans counted in full, and are the first of them given?

use signal::{Labels, Span, SpanId, SpanKind, SpanQuery, SpanStatus, TimeRange, Timestamp, TraceId, TraceSearch as _};
use store::{Config, Store, Write};

use crate::scratch::Scratch;

const START: u64 = 1_795_000_000_000_000_000;
const LONG: TraceId = TraceId([7; 16]);
const MOST: usize = 10_000;

/// Spans come in any order: the later half of the trace first.
fn span(number: u64) -> Span {
    Span {
        trace: if number < 12_000 { LONG } else { TraceId([9; 16]) },
        id: SpanId((number + 1).to_be_bytes()),
        parent: (number > 0).then_some(SpanId([0, 0, 0, 0, 0, 0, 0, 1])),
        name: "step".to_owned(),
        kind: SpanKind::Internal,
        start_nanos: START + number * 1_000_000,
        duration_nanos: 1,
        status: SpanStatus::Unset,
        message: String::new(),
        resource: Labels::new([("service", "batch")]),
        attributes: Labels::default(),
        events: vec![],
        links: vec![],
    }
}

fn put(store: &Store, numbers: std::ops::Range<u64>) {
    let now = Timestamp::from_millis((START / 1_000_000) as i64);
    store.append_and_wait(&Write::Spans(numbers.map(span).collect()), now).unwrap();
}

/// Guarantees: MUST 876 of docs/specs/ingest.md.
#[test]
fn the_first_spans_are_given_and_all_are_counted() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    let size = || store.trace_size(LONG, TimeRange::ALL).unwrap();
    assert_eq!(size(), 0);
    put(&store, 6000..12_000);
    assert!(store.flush());
    put(&store, 0..6000);
    put(&store, 12_000..12_010);
    // Some are packed, the others wait; then all are packed.
    for _ in 0..2 {
        let first = store.trace(LONG, TimeRange::ALL).unwrap();
        assert_eq!((first.len(), size()), (MOST, 12_000));
        assert!(first.iter().enumerate().all(|(idx, it)| it.start_nanos == START + idx as u64 * 1_000_000));
        assert!(store.flush());
    }
    let query = SpanQuery {
        service: None,
        name: None,
        min_duration: std::time::Duration::ZERO,
        only_errors: false,
        attributes: vec![],
        range: TimeRange::ALL,
        limit: 10,
    };
    let mut listed: Vec<usize> = store.traces(&query).unwrap().iter().map(|it| it.spans).collect();
    listed.sort_unstable();
    assert_eq!(listed, [10, 12_000]);
}
