//! Which engine keeps samples, and which keeps log lines? Each candidate gets the same data in a process of its own.
//!
//! `cargo run --release -- own|tsink|fts5|tantivy` prints one line of figures. Results are in docs/adr/001.
//! What compiling costs is in the file that `cargo build --release --timings` names.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use signal::{History, Labels, LogQuery, LogRecord, LogSearch, SeriesPoints, TimeRange, Timestamp};
use store::{Config, Store, Write};

type Outcome = Result<(), Box<dyn Error>>;

const START: i64 = 1_700_000_000_000;
const N_SERIES: usize = 1000;
const N_STEPS: i64 = 1000;
const N_LINES: u64 = 200_000;
const SEARCH: [&str; 3] = ["pool exhausted 4711", "payment accepted", "shard"];

fn main() -> Outcome {
    let candidate = std::env::args().nth(1).unwrap_or_default();
    let directory = std::env::temp_dir().join(format!("store-candidates-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let result = match candidate.as_str() {
        "own" => own_samples(&directory),
        "tsink" => tsink_samples(&directory),
        "fts5" => fts5_lines(&directory),
        "tantivy" => tantivy_lines(&directory),
        _ => Err("one of own, tsink, fts5, tantivy expected".into()),
    };
    fs::remove_dir_all(&directory)?;
    result
}

/// One step of all series: a quarter each of integers, one decimal, three decimals, full-precision noise.
fn values(random: &mut fastrand::Rng) -> Vec<f64> {
    let value = |idx: usize, random: &mut fastrand::Rng| match idx % 4 {
        0 => f64::from(random.u8(5..15)),
        1 => f64::from(random.u16(380..420)) / 10.0,
        2 => f64::from(random.u16(180..220)) / 1000.0,
        _ => 40.0 + random.f64(),
    };
    (0..N_SERIES).map(|idx| value(idx, random)).collect()
}

fn own_samples(directory: &Path) -> Outcome {
    let (store, _) = Store::open(directory, Config::default())?;
    let series: Vec<Labels> = (0..N_SERIES).map(|it| Labels::metric("load", &[("host", &format!("h{it}"))])).collect();
    let mut random = fastrand::Rng::with_seed(1);
    let start = Instant::now();
    for step in 0..N_STEPS {
        let now = Timestamp::from_millis(START + step * 1000);
        let points = series.iter().zip(values(&mut random));
        let batch = points.map(|(labels, value)| SeriesPoints::one(labels.clone(), now, value)).collect();
        store.append_and_wait(&Write::Samples(batch), now)?;
    }
    let took = start.elapsed().as_secs_f64();
    let resident = resident_megabytes();
    assert!(store.flush());
    let start = Instant::now();
    let n_read: usize =
        series.iter().take(100).map(|it| store.points(it.id(), TimeRange::ALL).map_or(0, |it| it.len())).sum();
    report_samples("own chunks", took, n_read, start.elapsed().as_secs_f64(), directory, resident)
}

fn tsink_samples(directory: &Path) -> Outcome {
    let storage = open_tsink(directory)?;
    let mut random = fastrand::Rng::with_seed(1);
    let labels: Vec<Vec<tsink::Label>> =
        (0..N_SERIES).map(|it| vec![tsink::Label::new("host", format!("h{it}"))]).collect();
    let start = Instant::now();
    for step in 0..N_STEPS {
        let points = labels.iter().zip(values(&mut random));
        let row = |(labels, value): (&Vec<tsink::Label>, f64)| {
            tsink::Row::with_labels("load", labels.clone(), tsink::DataPoint::new(START + step * 1000, value))
        };
        storage.insert_rows(&points.map(row).collect::<Vec<_>>())?;
    }
    let took = start.elapsed().as_secs_f64();
    let resident = resident_megabytes();
    // Closed and opened again, so that it reads from disk as ours does after its flush.
    storage.close()?;
    let storage = open_tsink(directory)?;
    let start = Instant::now();
    let read = |it: &Vec<tsink::Label>| storage.select("load", it, START, i64::MAX).map_or(0, |it| it.len());
    let n_read: usize = labels.iter().take(100).map(read).sum();
    let read = start.elapsed().as_secs_f64();
    storage.close()?;
    report_samples("tsink 0.10", took, n_read, read, directory, resident)
}

/// With a sync per write, which is what our acknowledgement means; all else as it comes.
fn open_tsink(directory: &Path) -> Result<Arc<dyn tsink::Storage>, tsink::TsinkError> {
    tsink::StorageBuilder::new()
        .with_data_path(directory)
        .with_timestamp_precision(tsink::TimestampPrecision::Milliseconds)
        .with_retention_enforced(false)
        .with_wal_sync_mode(tsink::WalSyncMode::PerAppend)
        .build()
}

fn report_samples(name: &str, took: f64, n_read: usize, read: f64, directory: &Path, resident: f64) -> Outcome {
    let n_points = N_SERIES as f64 * N_STEPS as f64;
    println!(
        "{name}: {:.0} points/s with a sync per 1000 points, {:.2} bytes per sample on disk, {resident:.0} MB resident, \
         {:.1} M points/s read ({n_read} points)",
        n_points / took,
        bytes_of(directory)? as f64 / n_points,
        n_read as f64 / read / 1e6,
    );
    Ok(())
}

fn line(number: u64) -> String {
    match number % 4 {
        0 => format!("GET /api/v1/orders/{number} 200 in {} ms", number % 97),
        1 => format!("WARN connection pool exhausted, waited {} ms for user {}", number % 5003, number % 9001),
        2 => format!("payment {number} accepted, amount {}.{:02} EUR", number % 900, number % 100),
        _ => format!("cache miss for key session:{number:08x}, loading from database shard {}", number % 16),
    }
}

fn fts5_lines(directory: &Path) -> Outcome {
    let (store, _) = Store::open(directory, Config::default())?;
    let start = Instant::now();
    for batch in 0..N_LINES / 1000 {
        let record = |idx: u64| LogRecord {
            time: Timestamp::from_millis(START + (batch * 1000 + idx) as i64),
            labels: Labels::new([("service", format!("s{}", idx % 8))]),
            line: line(batch * 1000 + idx),
        };
        store.append_and_wait(&Write::Logs((0..1000).map(record).collect()), Timestamp::from_millis(START))?;
    }
    let acknowledged = start.elapsed().as_secs_f64();
    assert!(store.flush());
    let indexed = start.elapsed().as_secs_f64();
    println!("SQLite FTS5: acknowledged after {acknowledged:.2} s");
    let mut search = |text: &str| -> Result<usize, Box<dyn Error>> {
        let query =
            LogQuery { text: text.to_owned(), matchers: vec![], min_level: None, range: TimeRange::ALL, limit: 20 };
        Ok(store.search(&query)?.len())
    };
    report_lines("SQLite FTS5 (with our log and acknowledgement)", indexed, directory, &mut search)
}

fn tantivy_lines(directory: &Path) -> Outcome {
    use tantivy::collector::TopDocs;
    use tantivy::query::QueryParser;
    use tantivy::schema::{FAST, INDEXED, STORED, STRING, Schema, TEXT};
    let mut schema = Schema::builder();
    let text = schema.add_text_field("line", TEXT | STORED);
    let stream = schema.add_text_field("stream", STRING | STORED);
    let time = schema.add_i64_field("time", INDEXED | FAST | STORED);
    let index = tantivy::Index::create_in_dir(directory, schema.build())?;
    let mut writer = index.writer_with_num_threads(1, 50_000_000)?;
    let start = Instant::now();
    for number in 0..N_LINES {
        let mut document = tantivy::TantivyDocument::default();
        document.add_text(text, line(number));
        document.add_text(stream, format!("s{}", number % 8));
        document.add_i64(time, START + number as i64);
        writer.add_document(document)?;
        // As often as the store's indexer commits.
        if number % 8192 == 8191 {
            writer.commit()?;
        }
    }
    writer.commit()?;
    let indexed = start.elapsed().as_secs_f64();
    // Merges go on in the background: not in the time, but in the bytes.
    writer.wait_merging_threads()?;
    let searcher = index.reader()?.searcher();
    let mut parser = QueryParser::for_index(&index, vec![text]);
    parser.set_conjunction_by_default();
    let mut search = |text: &str| -> Result<usize, Box<dyn Error>> {
        let found = searcher.search(&parser.parse_query(text)?, &TopDocs::with_limit(20).order_by_score())?;
        let documents: Result<Vec<tantivy::TantivyDocument>, _> = found.iter().map(|it| searcher.doc(it.1)).collect();
        Ok(documents?.len())
    };
    report_lines("tantivy 0.27 (without a log)", indexed, directory, &mut search)
}

fn report_lines(
    name: &str,
    took: f64,
    directory: &Path,
    search: &mut dyn FnMut(&str) -> Result<usize, Box<dyn Error>>,
) -> Outcome {
    let mut searches = vec![];
    for text in SEARCH {
        let mut times = vec![];
        let mut n_found = 0;
        for _ in 0..5 {
            let start = Instant::now();
            n_found = search(text)?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let median = times.get(2).copied().unwrap_or(f64::NAN);
        searches.push(format!("{text:?} {median:.2} ms ({n_found} found)"));
    }
    let text_bytes: u64 = (0..N_LINES).map(|it| line(it).len() as u64).sum();
    println!(
        "{name}: {:.0} lines/s, {:.0} bytes per line on disk (text {:.0}), {:.0} MB resident, {}",
        N_LINES as f64 / took,
        bytes_of(directory)? as f64 / N_LINES as f64,
        text_bytes as f64 / N_LINES as f64,
        resident_megabytes(),
        searches.join(", "),
    );
    Ok(())
}

fn bytes_of(path: &Path) -> Result<u64, std::io::Error> {
    let mut bytes = 0;
    let mut waiting: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() { waiting.push(entry.path()) } else { bytes += metadata.len() }
        }
    }
    Ok(bytes)
}

fn resident_megabytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().map_or(f64::NAN, |kilobytes: f64| kilobytes / 1024.0)
}
