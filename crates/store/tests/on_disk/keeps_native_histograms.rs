//! Are native histograms found with their series, also after a restart and when they are packed?

use signal::{
    HISTOGRAM_MARK, HistogramSample, History, Labels, NativeHistogram, Point, SeriesPoints, TimeRange, Timestamp,
};
use store::{Config, Store, Write};

use crate::scratch::Scratch;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

fn labels(pod: u32) -> Labels {
    format!("latency{{pod=\"{pod}\"}}").parse().unwrap()
}

fn value(secs: i64) -> NativeHistogram {
    let count = secs as f64;
    NativeHistogram {
        schema: 2,
        count,
        sum: 0.5 * count,
        positive: vec![(secs as i32 % 7, count)],
        ..Default::default()
    }
}

fn sample(pod: u32, secs: i64) -> HistogramSample {
    HistogramSample { labels: labels(pod), time: at(secs), value: value(secs) }
}

fn write(store: &Store, samples: &[HistogramSample]) -> (u64, u64) {
    let kept = store.append_and_wait(&Write::Histograms(samples.to_vec()), at(1000)).unwrap();
    let mark = |it: &HistogramSample| SeriesPoints {
        labels: it.labels.clone(),
        points: vec![Point { time: it.time, value: f64::from_bits(HISTOGRAM_MARK) }],
    };
    store.append_and_wait(&Write::samples(samples.iter().map(mark).collect()), at(1000)).unwrap();
    (kept.stored, kept.duplicates)
}

fn found(store: &Store, pod: u32, range: TimeRange) -> Vec<(Timestamp, NativeHistogram)> {
    let all = store.histograms(&[labels(99), labels(pod)], range).unwrap();
    assert!(all[0].is_empty(), "of a series that is not there");
    all[1].iter().map(|(time, value)| (*time, (**value).clone())).collect()
}

/// Guarantees: MUST 12 of docs/specs/ingest.md.
#[test]
fn they_are_found_over_restarts_and_packs() {
    let scratch = Scratch::new();
    let (store, _) = Store::open(&scratch.path, Config::default()).unwrap();
    let samples: Vec<_> = (0..200).flat_map(|secs| [sample(1, secs), sample(2, secs)]).collect();
    assert_eq!(write(&store, &samples), (400, 0));
    assert_eq!(write(&store, &samples[..10]), (0, 10), "what comes again is known");
    let range = TimeRange::new(at(10), at(29));
    let expected: Vec<_> = (10..30).map(|secs| (at(secs), value(secs))).collect();
    assert_eq!(found(&store, 1, range), expected);
    drop(store);

    let (store, recovery) = Store::open(&scratch.path, Config::default()).unwrap();
    assert_eq!(recovery.histograms, 400, "from the write-ahead log");
    assert_eq!(found(&store, 2, range), expected);
    assert!(store.flush());
    assert_eq!(found(&store, 2, range), expected);
    drop(store);

    let (store, recovery) = Store::open(&scratch.path, Config::default()).unwrap();
    assert_eq!(recovery.histograms, 0, "all are in packs");
    assert_eq!(found(&store, 1, TimeRange::ALL).len(), 200);
    let mut marks = store.points(labels(1).id(), range).unwrap();
    marks.retain(|it| signal::is_histogram_mark(it.value));
    assert_eq!(marks.len(), 20, "marks keep their bits in blocks");
}
