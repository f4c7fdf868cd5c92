//! Does what goes in come out, before and after a restart, with the stated fates?

use signal::{
    Change, ChangeKind, ChangeLog, History, LabelTest, Labels, Ledger, LogLevel, LogQuery, LogRecord, LogSearch,
    Matcher, Meter, Point, SeriesPoints, SeriesQuery, TimeRange, Timestamp,
};
use store::{Appended, Config, Error, Store, Write};

use crate::scratch::Scratch;

const START: i64 = 1_700_000_000;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(START + secs)
}

fn labels(text: &str) -> Labels {
    text.parse().unwrap()
}

fn samples(series: &str, points: &[(i64, f64)]) -> Write {
    let points = points.iter().map(|(secs, value)| Point { time: at(*secs), value: *value }).collect();
    Write::samples(vec![SeriesPoints { labels: labels(series), points }])
}

fn logs(stream: &str, lines: &[(i64, &str)]) -> Write {
    let record = |(secs, line): &(i64, &str)| LogRecord::new(at(*secs), labels(stream), *line);
    Write::Logs(lines.iter().map(record).collect())
}

fn values(store: &Store, series: &str, range: TimeRange) -> Vec<(i64, f64)> {
    let points = store.points(labels(series).id(), range).unwrap();
    points.iter().map(|it| (it.time.millis() / 1000 - START, it.value)).collect()
}

fn query(text: &str) -> LogQuery {
    LogQuery { text: text.to_owned(), matchers: vec![], min_level: None, range: TimeRange::ALL, limit: 100 }
}

fn found(store: &Store, query: &LogQuery) -> Vec<String> {
    store.search(query).unwrap().into_iter().map(|it| it.record.line).collect()
}

#[test]
fn points_have_stated_fates() {
    let scratch = Scratch::new();
    let (store, _) = Store::open(&scratch.path, Config { late_window_secs: 100, ..Config::default() }).unwrap();
    let write = |write: Write| store.append_and_wait(&write, at(1000)).unwrap();
    let stored = |stored: u64| Appended { stored, ..Appended::default() };
    assert_eq!(write(samples("m", &[(10, 1.0), (20, 2.0), (20, 9.0)])), Appended { duplicates: 1, ..stored(2) });
    assert_eq!(write(samples("m", &[(15, 1.5)])), Appended { late: 1, ..stored(1) });
    assert_eq!(write(samples("m", &[(15, 7.0), (10, 7.0)])), Appended { duplicates: 2, ..stored(0) });
    assert_eq!(write(samples("m", &[(1600, 1.0), (1601, 1.0)])), Appended { future: 1, ..stored(1) });
    assert_eq!(write(samples("m", &[(1499, 1.0)])), Appended { too_old: 1, ..stored(0) });
    assert_eq!(write(samples("other", &[(-9_000_000, 1.0)])), stored(1), "history of a new series is welcome");
    let absurd = [Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX)];
    let points = absurd.iter().map(|it| Point { time: *it, value: 1.0 }).collect();
    let result = write(Write::samples(vec![SeriesPoints { labels: labels("m"), points }]));
    assert_eq!(result, Appended { too_old: 1, future: 1, ..stored(0) });
    assert_eq!(values(&store, "m", TimeRange::ALL), [(10, 1.0), (15, 1.5), (20, 2.0), (1600, 1.0)]);
    let metric = |name: &str, reason: &str| {
        let mut all = store.metrics().into_iter();
        all.find(|it| it.name == name && it.labels.iter().all(|it| it.1 == reason)).unwrap().value
    };
    assert_eq!(metric("sentinel_store_points_stored_total", ""), 5.0);
    assert_eq!(metric("sentinel_store_points_dropped_total", "duplicate"), 3.0);
    assert_eq!(metric("sentinel_store_points_dropped_total", "too_old"), 2.0);
    assert_eq!(metric("sentinel_store_points_dropped_total", "future"), 2.0);
}

#[test]
fn points_are_one_row_in_head_blocks_and_after_restarts() {
    let scratch = Scratch::new();
    let expected: Vec<(i64, f64)> = (0..3000).map(|it| (it, (it % 100) as f64 / 4.0)).collect();
    let mut store = Store::open(&scratch.path, Config::default()).unwrap().0;
    for (round, points) in expected.chunks(500).enumerate() {
        // The last ten of each part come late, after newer ones.
        let (in_time, late) = points.split_at(490);
        store.append_and_wait(&samples("m{a=\"1\"}", in_time), at(5000)).unwrap();
        store.append_and_wait(&samples("m{a=\"1\"}", &[(round as i64 * 500 + 499, points[499].1)]), at(5000)).unwrap();
        if round % 2 == 0 {
            assert!(store.flush());
        }
        let appended = store.append_and_wait(&samples("m{a=\"1\"}", late), at(5000)).unwrap();
        assert_eq!((appended.late, appended.duplicates), (9, 1));
        if round % 3 == 0 {
            drop(store);
            store = Store::open(&scratch.path, Config::default()).unwrap().0;
        }
        // The same again changes nothing, whether it is in memory or in a block.
        let again = store.append_and_wait(&samples("m{a=\"1\"}", points), at(5000)).unwrap();
        assert_eq!((again.stored, again.duplicates), (0, 500), "round {round}");
    }
    assert_eq!(values(&store, "m{a=\"1\"}", TimeRange::ALL), expected);
    assert_eq!(values(&store, "m{a=\"1\"}", TimeRange::new(at(995), at(1004))), expected[995..1005]);
    let found = |matchers: Vec<Matcher>, range: Option<TimeRange>| -> Vec<String> {
        let query = SeriesQuery { matchers, range, limit: 0 };
        store.series(&query).unwrap().iter().map(ToString::to_string).collect()
    };
    assert_eq!(found(vec![Matcher::name("m")], None), [r#"m{a="1"}"#]);
    assert_eq!(found(vec![], Some(TimeRange::new(at(7), at(7)))), [r#"m{a="1"}"#]);
    assert!(found(vec![], Some(TimeRange::new(at(3001), at(4000)))).is_empty());
    assert!(found(vec![Matcher::name("x")], None).is_empty());
}

/// Guarantees: MUST 340 to 342 of docs/specs/query-api.md.
#[test]
fn many_series_are_read_at_once_as_they_are_read_alone() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    for round in 0..4 {
        // A third of the series ends early.
        let series = (0..1300).filter(|it| round == 0 || it % 3 > 0);
        let batch = series.map(|it| {
            let labels = labels(&format!("m{{a=\"{it}\",b=\"{}\"}}", it % 2));
            let points = [(round * 100 + 1, f64::from(it)), (round * 100 + 2, stale)];
            SeriesPoints { labels, points: points.map(|(secs, value)| Point { time: at(secs), value }).to_vec() }
        });
        store.append_and_wait(&Write::samples(batch.collect()), at(1000)).unwrap();
        if round % 2 == 0 {
            assert!(store.flush());
        }
    }
    let odd = ["1".to_owned()];
    let tests = [
        LabelTest { label: "b", values: Some(&odd), holds: &|it| it == "1" },
        LabelTest { label: "a", values: None, holds: &|it| it.ends_with(['1', '3']) },
        LabelTest { label: "c", values: None, holds: &str::is_empty },
    ];
    let found = store.select(&tests, None).unwrap();
    assert_eq!(found.len(), 260);
    let late = TimeRange::new(at(150), at(1000));
    assert_eq!(store.select(&tests, Some(late)).unwrap().len(), 173, "those that have ended are not there");
    for range in [TimeRange::ALL, TimeRange::new(at(101), at(201)), TimeRange::new(at(3), at(100))] {
        let read = store.read(&found, range, &|_| true).unwrap();
        for (labels, points) in found.iter().zip(&read) {
            let alone = store.points(labels.id(), range).unwrap();
            let bits = |it: &[Point]| it.iter().map(|it| (it.time, it.value.to_bits())).collect::<Vec<_>>();
            assert_eq!(bits(points), bits(&alone), "{labels}");
        }
    }
    let read = store.read(&found, TimeRange::ALL, &|_| false).unwrap();
    assert_eq!(read.len(), found.len());
    assert!(read.iter().filter(|it| !it.is_empty()).count() < found.len(), "it ends when it is told to");
}

#[test]
fn the_write_ahead_log_is_emptied_by_a_flush() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    for idx in 0..50 {
        store.append_and_wait(&samples("m", &[(idx, 1.0)]), at(100)).unwrap();
        store.append_and_wait(&logs("{app=\"a\"}", &[(idx, "hello")]), at(100)).unwrap();
    }
    assert!(store.flush());
    drop(store);
    let (store, recovery) = Store::open(&scratch.path, Config::default()).unwrap();
    assert_eq!((recovery.segments, recovery.points, recovery.lines), (0, 0, 0));
    assert_eq!(values(&store, "m", TimeRange::ALL).len(), 50);
    assert_eq!(found(&store, &query("hello")).len(), 50);
}

#[test]
fn lines_are_found_at_once_and_later_in_the_same_way() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    let pay = [(1, "db_pool exhausted after 30 s"), (2, "all is well"), (3, "ERROR pool pool exhausted")];
    let appended = store.append_and_wait(&logs("{service=\"pay\"}", &pay), at(9)).unwrap();
    let first = appended.first_log_id.unwrap();
    store.append_and_wait(&logs("{service=\"cart\",level=\"warn\"}", &[(4, "pool is low")]), at(9)).unwrap();
    for _ in ["in memory or on its way", "in the index"] {
        assert_eq!(found(&store, &query("pool exhausted")), [pay[2].1, pay[0].1]);
        assert_eq!(found(&store, &query("\"exhausted after\"")), [pay[0].1]);
        assert_eq!(found(&store, &query("\"after exhausted\"")), [""; 0]);
        assert_eq!(found(&store, &query("POOL")).len(), 3);
        assert_eq!(found(&store, &LogQuery { limit: 2, ..query("") }), ["pool is low", pay[2].1]);
        let only_pay = vec![Matcher::Equal("service".to_owned(), "pay".to_owned())];
        assert_eq!(found(&store, &LogQuery { matchers: only_pay, ..query("pool") }).len(), 2);
        let nobody = vec![Matcher::Equal("service".to_owned(), "x".to_owned())];
        assert_eq!(found(&store, &LogQuery { matchers: nobody, ..query("pool") }).len(), 0);
        assert_eq!(found(&store, &LogQuery { min_level: Some(LogLevel::Error), ..query("") }), [pay[2].1]);
        assert_eq!(found(&store, &LogQuery { range: TimeRange::new(at(2), at(2)), ..query("") }), [pay[1].1]);
        let best = store.search(&LogQuery { limit: 1, ..query("pool exhausted") }).unwrap();
        assert_eq!(best[0].record.line, pay[2].1, "the one with more of the words is the most relevant");
        assert!(best[0].relevance > 0.0);
        assert_eq!(store.line(first).unwrap().unwrap().line, pay[0].1);
        assert_eq!(store.line(signal::LogId(99)).unwrap(), None);
        assert!(store.flush());
    }
}

#[test]
fn a_push_that_comes_again_is_absorbed_also_after_a_restart() {
    let scratch = Scratch::new();
    let push = logs("{app=\"a\"}", &[(1, "same"), (1, "same"), (2, "other")]);
    for round in 0..3 {
        let store = Store::open(&scratch.path, Config::default()).unwrap().0;
        let appended = store.append_and_wait(&push, at(5)).unwrap();
        let expected = if round == 0 { (3, 0) } else { (0, 3) };
        assert_eq!((appended.stored, appended.duplicates), expected, "round {round}");
        assert_eq!(found(&store, &query("")).len(), 3);
        if round == 1 {
            assert!(store.flush());
        }
    }
}

#[test]
fn no_text_breaks_a_search() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    let lines = [
        (1, "'; DROP TABLE lines; --"),
        (2, "a AND (b OR c*) NEAR/2 ^d"),
        (3, "<script>alert(1)</script>\u{1b}[31m\0end"),
    ];
    store.append_and_wait(&logs("{app=\"it's \\\"x\\\"\"}", &lines), at(5)).unwrap();
    for _ in 0..2 {
        let texts = [
            "\"",
            "\"\"",
            "*",
            "a*",
            "line:a",
            "NEAR(",
            "a AND",
            "OR",
            "NOT a",
            "-a",
            "^a",
            "{a}",
            "a\0b",
            "'; DROP TABLE lines; --",
            "\\",
            "%",
            "a\"b\"c",
            "\u{feff}",
            "\u{1F600}",
            "(((((",
            "text MATCH 'x'",
            "+ +",
            ":::",
            "\u{0301}",
        ];
        for text in texts {
            assert!(store.search(&query(text)).is_ok(), "{text:?}");
        }
        assert_eq!(found(&store, &query("'; DROP TABLE lines; --")), [lines[0].1]);
        assert_eq!(found(&store, &query("a AND (b OR")), [lines[1].1]);
        assert_eq!(found(&store, &query("<script>")), [lines[2].1]);
        assert!(found(&store, &query("***")).is_empty());
        assert!(store.flush());
    }
    let reads = store.metrics().into_iter().find(|it| it.name == "sentinel_store_reads_failed_total").unwrap();
    assert_eq!(reads.value, 0.0, "no search has failed behind the scenes");
}

#[test]
fn old_and_excess_data_goes_by_whole_files() {
    let scratch = Scratch::new();
    let config = Config { flush_secs: 1, ..Config::default() };
    let mut store = Store::open(&scratch.path, config.clone()).unwrap().0;
    let day = 86_400;
    for idx in 0..5 {
        store.append_and_wait(&samples(&format!("m{idx}"), &[(idx * day, 1.0)]), at(idx * day)).unwrap();
        store.append_and_wait(&logs("{app=\"a\"}", &[(idx * day, "line")]), at(idx * day)).unwrap();
        assert!(store.flush());
    }
    let names = |store: &Store| {
        store.series(&SeriesQuery::default()).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    store.maintain(at(31 * day + 10)).unwrap();
    assert_eq!(names(&store), ["m2", "m3", "m4"], "thirty days are kept");
    assert!(found(&store, &query("line")).len() < 5);
    drop(store);
    let small = store::Retention { retention_days: 30.0, retention_gigabytes: 1e-9 };
    store = Store::open(&scratch.path, Config { samples: small.clone(), logs: small, ..config }).unwrap().0;
    store.maintain(at(5 * day)).unwrap();
    assert!(names(&store).is_empty());
    assert_eq!(found(&store, &query("line")).len(), 1, "the partition that is written to stays");
    store.append_and_wait(&samples("m9", &[(5 * day, 1.0)]), at(5 * day)).unwrap();
    assert_eq!(names(&store), ["m9"]);
}

#[test]
fn a_directory_has_one_owner() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    let error = Store::open(&scratch.path, Config::default()).unwrap_err();
    assert!(matches!(error, Error::Locked(_)));
    assert!(error.to_string().contains(&scratch.path.display().to_string()), "{error}");
    drop(store);
    assert!(Store::open(&scratch.path, Config::default()).is_ok());
}

#[test]
fn decisions_survive() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    let change = |secs: i64| Change {
        time: at(secs),
        service: "pay".to_owned(),
        kind: ChangeKind::Deploy,
        title: "v2".to_owned(),
        version: None,
    };
    store.add_changes(&[change(2), change(1), change(1)]).unwrap();
    store.put_state("tail", b"one").unwrap();
    store.put_state("tail", b"two").unwrap();
    Ledger::append(&*store, "sentinel", "incident.opened", "INC-1", "{}").unwrap();
    drop(store);
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    assert_eq!(store.changes(TimeRange::ALL).unwrap(), [change(1), change(2)]);
    assert_eq!(store.changes(TimeRange::new(at(2), at(9))).unwrap(), [change(2)]);
    assert_eq!(store.get_state("tail").unwrap().as_deref(), Some(&b"two"[..]));
    assert_eq!(store.get_state("none").unwrap(), None);
    assert_eq!(store.verify().unwrap(), 1);
    let about = store.entries_about(&["INC-1".to_owned(), "PLAN-1".to_owned()]).unwrap();
    assert_eq!(about, Ledger::entries(&*store, 0, 0).unwrap());
    assert!(store.entries_about(&["INC-2".to_owned()]).unwrap().is_empty());
}

/// Scenario: more series than are read together, in two blocks and in memory, with a duplicate, a late point, a series
/// that is only in one place and one that is nowhere.
#[test]
fn many_series_at_once_are_the_same_as_one_by_one() {
    let scratch = Scratch::new();
    let (store, _) = Store::open(&scratch.path, Config::default()).unwrap();
    let name = |idx: i64| labels(&format!(r#"m{{idx="{idx}"}}"#));
    let write = |secs: &[i64], keep: &dyn Fn(i64) -> bool| {
        let points = |idx: i64| secs.iter().map(|it| Point { time: at(*it), value: (idx * it) as f64 }).collect();
        let batch = (0..1300).filter(|it| keep(*it)).map(|idx| SeriesPoints { labels: name(idx), points: points(idx) });
        store.append_and_wait(&Write::samples(batch.collect()), at(1000)).unwrap();
    };
    write(&[0, 60, 120], &|_| true);
    assert!(store.flush());
    write(&[90, 120, 180, 240], &|idx| idx % 3 != 0);
    assert!(store.flush());
    write(&[100, 300, 360], &|idx| idx % 2 == 0);
    let mut ids: Vec<_> = (0..1400).map(|it| name(it).id()).collect();
    ids.sort();
    for range in [TimeRange::ALL, TimeRange::new(at(61), at(300)), TimeRange::new(at(61), at(89))] {
        let mut seen = vec![];
        store.scan(&ids, range, &mut |id, points| {
            assert_eq!(points, store.points(id, range).unwrap());
            seen.push((id, points.len()));
        });
        assert_eq!(seen.iter().map(|it| it.0).collect::<Vec<_>>(), ids);
        let query = SeriesQuery { matchers: vec![], range: Some(range), limit: 0 };
        let mut listed: Vec<_> = store.series(&query).unwrap().iter().map(Labels::id).collect();
        listed.sort();
        let with_points: Vec<_> = seen.iter().filter(|it| it.1 > 0).map(|it| it.0).collect();
        assert_eq!(listed, with_points, "{range:?}");
    }
    let count = |range| {
        let mut count = 0;
        store.scan(&ids, range, &mut |_, points| count += points.len());
        count
    };
    let (all, in_memory) = (3 * 1300 + 3 * 866, 650 * 3);
    assert_eq!(count(TimeRange::ALL), all + in_memory);
    assert_eq!(count(TimeRange::new(at(61), at(89))), 0);
}

/// Guarantees: a value that is written piece by piece is there after a restart, and the old one while it is not whole.
#[test]
fn snapshots_are_replaced_whole() {
    let scratch = Scratch::new();
    let open = || Store::open(&scratch.path, Config::default()).unwrap().0;
    let store = open();
    store.put_snapshot("model-0", &mut [b"one".to_vec(), b" two".to_vec()].into_iter()).unwrap();
    let mut torn = [b"three".to_vec()].into_iter().chain(std::iter::from_fn(|| panic!("the process ends here")));
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.put_snapshot("model-0", &mut torn)));
    assert!(ended.is_err());
    drop(store);
    let store = open();
    assert_eq!(store.get_snapshot("model-0").unwrap().as_deref(), Some(&b"one two"[..]));
    assert_eq!(store.get_snapshot("../state").unwrap(), None, "a name cannot leave the folder");
    let left: Vec<_> = std::fs::read_dir(scratch.path.join("snapshots")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "what was unfinished is gone: {left:?}");
}
