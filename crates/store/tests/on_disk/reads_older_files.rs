//! Are files of earlier versions still read? Those in `older/` were written by the versions before packs had shapes,
//! before they had templates, before identities lay plain, before filters had checksums, and before blocks had compressed labels.

use signal::{History as _, Labels, LogQuery, LogSearch as _, SeriesQuery, TimeRange, Timestamp};
use store::{Config, Store, Write};

use crate::scratch::Scratch;

/// When the first line was written, and the first point.
const LINES_MILLIS: i64 = 1_764_140_000_000;
const POINTS_MILLIS: i64 = 1_795_680_000_000;

fn query(text: &str) -> LogQuery {
    LogQuery { text: text.to_owned(), matchers: vec![], min_level: None, range: TimeRange::ALL, limit: 1000 }
}

/// Guarantees: lines and their metadata are found in a pack of the oldest layout, and newer packs go into the same store.
#[test]
fn lines_in_packs_of_texts_are_found() {
    lines_are_found(include_bytes!("older/texts.pack"));
}

/// Guarantees: the same for packs of shapes.
#[test]
fn lines_in_packs_of_shapes_are_found() {
    lines_are_found(include_bytes!("older/shapes.pack"));
}

/// Guarantees: the same for packs of templates in which nothing lies plain.
#[test]
fn lines_in_packs_of_templates_are_found() {
    lines_are_found(include_bytes!("older/templates.pack"));
}

/// Guarantees: the same for such packs in a file that was merged; it is not merged again.
#[test]
fn lines_in_merged_packs_of_templates_are_found() {
    lines_are_found(include_bytes!("older/templates_merged.pack"));
}

/// Guarantees: the same for packs in which identities lie plain and filters have no checksum; such an identity is found.
#[test]
fn lines_in_packs_without_checksums_of_filters_are_found() {
    lines_are_found(include_bytes!("older/gathered.pack"));
    identities_are_found(include_bytes!("older/gathered.pack"));
}

/// Guarantees: the same for such packs in a file that was merged.
#[test]
fn lines_in_merged_packs_without_checksums_of_filters_are_found() {
    lines_are_found(include_bytes!("older/gathered_merged.pack"));
    identities_are_found(include_bytes!("older/gathered_merged.pack"));
}

fn identities_are_found(pack: &[u8]) {
    let scratch = Scratch::new();
    let folder = scratch.path.join("logs");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("00000000000000000001.pack"), pack).unwrap();
    let (store, _) = Store::open(&scratch.path, Config::default()).unwrap();
    // Only what is merged lets them lie plain.
    assert_eq!(store.log_parts().unwrap().plain >= 200 * 8, pack.starts_with(b"SNTLPAK2"));
    // As they were drawn when the file was written.
    let mut drawn = 1_u64;
    for _ in 0..200 {
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let id = format!("{:016x}", drawn ^ (drawn >> 29));
        let hits = store.search(&query(&id)).unwrap();
        assert_eq!(hits.iter().map(|it| it.record.line.clone()).collect::<Vec<_>>(), [format!("id {id} was seen")]);
    }
}

fn lines_are_found(pack: &[u8]) {
    let scratch = Scratch::new();
    let folder = scratch.path.join("logs");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("00000000000000000001.pack"), pack).unwrap();
    let (store, recovery) = Store::open(&scratch.path, Config::default()).unwrap();
    assert!(recovery.set_aside.is_empty(), "{recovery:?}");
    let mut hits = store.search(&query("GET carts")).unwrap();
    hits.sort_by_key(|it| it.record.time);
    // The pack was full before the last lines came.
    assert!(!hits.is_empty() && hits.len() <= 40, "{}", hits.len());
    for (idx, hit) in hits.iter().enumerate() {
        let idx = idx as u64;
        let expected =
            format!("GET /carts/{} 200 in {}.{idx:02} ms request={:016x}", idx * 37, idx % 11, idx * 2_654_435_761);
        assert_eq!(hit.record.line, expected);
        assert_eq!(hit.record.time, Timestamp::from_millis(LINES_MILLIS + 7 * idx as i64));
        let trace = (idx % 2 == 1).then(|| format!("{idx:032x}"));
        assert_eq!(hit.record.metadata.get("trace_id"), trace.as_deref());
    }
    assert_eq!(store.search(&query("\u{fc}ber")).unwrap()[0].record.line, "no digits \u{fc}ber");
    let record = signal::LogRecord::new(
        Timestamp::from_millis(LINES_MILLIS),
        Labels::new([("service", "shop")]),
        "GET /carts/0 again",
    );
    store.append_and_wait(&Write::Logs(vec![record]), Timestamp::from_millis(LINES_MILLIS)).unwrap();
    assert!(store.flush());
    assert_eq!(store.search(&query("GET carts")).unwrap().len(), hits.len() + 1);
    // Merged, they say the same in the newest layout.
    let mut before = store.search(&query("")).unwrap();
    let n_merged = usize::from(pack.starts_with(b"SNTLPAK2"));
    assert_eq!(store.merge(Timestamp::from_millis(i64::MAX)).unwrap(), folder.read_dir().unwrap().count() - n_merged);
    let mut after = store.search(&query("")).unwrap();
    before.sort_by_key(|it| it.id);
    after.sort_by_key(|it| it.id);
    assert!(after == before);
}

/// Guarantees: points and labels are found in a block of the older layout.
#[test]
fn points_in_blocks_with_plain_labels_are_found() {
    let scratch = Scratch::new();
    let folder = scratch.path.join("samples");
    std::fs::create_dir_all(&folder).unwrap();
    let block = include_bytes!("older/plain_labels.block");
    std::fs::write(folder.join("00000000000000000001.block"), block).unwrap();
    let (store, recovery) = Store::open(&scratch.path, Config::default()).unwrap();
    assert!(recovery.set_aside.is_empty(), "{recovery:?}");
    let all = SeriesQuery { matchers: vec![], range: None, limit: 0 };
    let series = store.series(&all).unwrap();
    let expected = (0..3).map(|it| Labels::metric("room_temperature", &[("service", &format!("s{it}"))]));
    assert_eq!(series, expected.collect::<Vec<_>>());
    for labels in series {
        let points = store.points(labels.id(), TimeRange::ALL).unwrap();
        assert_eq!(points.len(), 60, "{labels}");
        for (idx, point) in points.iter().enumerate() {
            let expected = (POINTS_MILLIS + 1000 * idx as i64, 20.5 + (idx % 3) as f64);
            assert_eq!((point.time.millis(), point.value), expected, "{labels}");
        }
    }
}
