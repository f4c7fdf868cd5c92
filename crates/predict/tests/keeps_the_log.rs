//! What survives kills, dead sinks and full queues? MUST 515 to 523 of docs/specs/predict.md.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod support;

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use predict::{CsvConfig, CsvOutlet, Files, Keep, Log, LogConfig, Outlet, ParquetConfig, ParquetOutlet};
use signal::{Clock as _, Inference, InferenceLog as _, Label, LoggedInference, Meter as _, SystemClock};
use support::{Folder, inference, logged};

fn open(folder: &Folder, config: &LogConfig) -> Arc<Log> {
    Log::open(&folder.join("log"), config, Arc::new(SystemClock)).unwrap()
}

fn rows(n: usize) -> Vec<Inference> {
    (0..n).map(|it| inference(&format!("row {it}"), 5)).collect()
}

fn metric(log: &Log, name: &str, sink: &str) -> f64 {
    let is_it = |it: &&signal::Metric| it.name == name && it.labels.iter().any(|(_, value)| value == sink);
    log.metrics().iter().find(is_it).map_or(f64::NAN, |it| it.value)
}

fn until(what: &str, is_done: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_done() {
        assert!(started.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::yield_now();
    }
}

/// MUST 515: what was acknowledged is there after a kill, and what a kill tore is cut.
#[tokio::test]
async fn a_torn_tail_is_cut_and_the_rest_is_there() {
    let folder = Folder::new();
    let log = open(&folder, &LogConfig::default());
    log.write(rows(1000)).await.unwrap();
    // The files as they are at this moment, without anything that an orderly end would write.
    let copy = Folder::new();
    std::fs::create_dir_all(copy.join("log/rows")).unwrap();
    let name = "log/rows/00000000000000000001.log";
    std::fs::copy(folder.join(name), copy.join(name)).unwrap();
    let whole = std::fs::metadata(copy.join(name)).unwrap().len();
    let mut file = std::fs::OpenOptions::new().append(true).open(copy.join(name)).unwrap();
    file.write_all(&[7; 100]).unwrap();
    let again = open(&copy, &LogConfig::default());
    assert_eq!(logged(&again, 1000).len(), 1000);
    assert_eq!(std::fs::metadata(copy.join(name)).unwrap().len(), whole);
    assert!(again.metrics().iter().any(|it| it.name == "sentinel_predict_log_torn_bytes_total" && it.value == 100.0));
    again.write(rows(1)).await.unwrap();
    assert_eq!(logged(&again, 1001).last().unwrap().sequence, 1001);
}

/// MUST 593 of docs/specs/model-watch.md: labels are read again from their place, also after a restart.
#[tokio::test]
async fn labels_are_read_in_the_order_in_which_they_came() {
    let folder = Folder::new();
    let log = open(&folder, &LogConfig::default());
    assert_eq!(log.ends(), (0, 0));
    log.write(rows(3)).await.unwrap();
    let label = |id: usize| Label { id: format!("row {id}").into(), label: 1.0.into(), time: SystemClock.now() };
    for part in [vec![label(2), label(0)], vec![label(1)]] {
        log.label(part).await.unwrap();
    }
    let read = |log: &Log, after: u64, most: usize| {
        let mut found = vec![];
        let mut take = |place: u64, label: Label| {
            found.push((place, label.id.to_string()));
            found.len() < most
        };
        log.read_labels(after, &mut take).unwrap();
        found
    };
    let all: Vec<(u64, String)> = [(1, 2), (2, 0), (3, 1)].map(|(place, id)| (place, format!("row {id}"))).into();
    assert_eq!((read(&log, 0, 9), log.ends()), (all.clone(), (3, 3)));
    assert_eq!(read(&log, 0, 2), all[..2]);
    drop(log);
    let again = open(&folder, &LogConfig::default());
    assert_eq!((read(&again, 1, 9), again.ends()), (all[1..].to_vec(), (3, 3)));
}

/// MUST 516: files are finished at their size, read over their borders, and removed at the bound.
#[tokio::test]
async fn the_log_is_bounded() {
    let folder = Folder::new();
    let config = LogConfig { segment_bytes: 65_536, max_bytes: 200_000, ..LogConfig::default() };
    let log = open(&folder, &config);
    for _ in 0..20 {
        log.write(rows(1000)).await.unwrap();
    }
    drop(log);
    let log = open(&folder, &config);
    let rows = logged(&log, 1);
    let sequences: Vec<u64> = rows.iter().map(|it| it.sequence).collect();
    assert_eq!(*sequences.last().unwrap(), 20_000);
    assert!(sequences.windows(2).all(|it| it[1] == it[0] + 1), "there are no gaps");
    assert!(rows.len() < 10_000, "{} rows are kept", rows.len());
}

/// A clock that stands until it is moved.
struct Moved(Mutex<signal::Timestamp>);

impl signal::Clock for Moved {
    fn now(&self) -> signal::Timestamp {
        *self.0.lock().unwrap()
    }
}

/// MUST 882: rows and labels are removed in their time, also where nothing comes any more, and numbers go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_log_is_emptied_in_its_time() {
    let folder = Folder::new();
    let clock = Arc::new(Moved(Mutex::new(SystemClock.now())));
    let log = Log::open(&folder.join("log"), &LogConfig::default(), Arc::clone(&clock) as _).unwrap();
    log.write(rows(10)).await.unwrap();
    log.label(vec![Label { id: "row 1".into(), label: 1.0.into(), time: clock.now() }]).await.unwrap();
    let kept = || log.metrics().iter().find(|it| it.name == "sentinel_predict_log_expired_total").unwrap().value;
    assert_eq!((kept(), logged(&log, 10).len()), (0.0, 10));
    *clock.0.lock().unwrap() = SystemClock.now().plus(Duration::from_secs(91 * 86_400));
    until("all are removed", || kept() == 10.0);
    assert_eq!(logged(&log, 0).len(), 0);
    until("labels as well", || {
        let mut n = 0;
        let mut count = |_, _| {
            n += 1;
            true
        };
        log.read_labels(0, &mut count).unwrap();
        n == 0
    });
    log.write(rows(1)).await.unwrap();
    assert_eq!(logged(&log, 1)[0].sequence, 11);
}

/// A place that does not answer until it is told to.
struct Dead {
    is_alive: Arc<AtomicBool>,
    taken: Arc<AtomicUsize>,
}

impl Outlet for Dead {
    fn deliver(&mut self, rows: &[LoggedInference]) -> io::Result<()> {
        if !self.is_alive.load(Ordering::SeqCst) {
            return Err(io::Error::other("nobody answers"));
        }
        self.taken.fetch_add(rows.len(), Ordering::SeqCst);
        Ok(())
    }
}

/// MUST 517, 518: a dead sink holds up nobody, loses nothing up to the bound of the disk, and gets all when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_sink_costs_disk_and_gets_all_later() {
    let folder = Folder::new();
    let log = open(&folder, &LogConfig::default());
    let (is_alive, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let dead = Dead { is_alive: Arc::clone(&is_alive), taken: Arc::clone(&taken) };
    log.follow("dead", &folder.join("sinks"), Box::new(dead)).unwrap();
    for _ in 0..50 {
        log.write(rows(1000)).await.unwrap();
    }
    until("the failure is counted", || metric(&log, "sentinel_predict_logger_events_failed_total", "dead") > 0.0);
    assert_eq!(metric(&log, "sentinel_predict_logger_work_queue_depth", "dead"), 50_000.0);
    assert_eq!(metric(&log, "sentinel_predict_logger_events_sent_total", "log"), 50_000.0);
    is_alive.store(true, Ordering::SeqCst);
    until("all rows come", || taken.load(Ordering::SeqCst) == 50_000);
    until("all are settled", || metric(&log, "sentinel_predict_logger_events_sent_total", "dead") == 50_000.0);
    assert_eq!(metric(&log, "sentinel_predict_logger_events_dropped_total", "dead"), 0.0);
}

/// MUST 518: a sink whose place was lost with the power gets all anew, rather twice than never.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_whose_place_is_not_readable_gets_all_anew() {
    let folder = Folder::new();
    let live = || {
        let taken = Arc::new(AtomicUsize::new(0));
        (Arc::clone(&taken), Dead { is_alive: Arc::new(AtomicBool::new(true)), taken })
    };
    let log = open(&folder, &LogConfig::default());
    log.write(rows(10)).await.unwrap();
    let (taken, sink) = live();
    log.follow("sink", &folder.join("sinks"), Box::new(sink)).unwrap();
    log.write(rows(20)).await.unwrap();
    until("what came since it began", || taken.load(Ordering::SeqCst) == 20);
    drop(log);
    let place = std::fs::read_dir(folder.join("sinks")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&place, "").unwrap();
    let log = open(&folder, &LogConfig::default());
    let (taken, sink) = live();
    log.follow("sink", &folder.join("sinks"), Box::new(sink)).unwrap();
    until("all that there is", || taken.load(Ordering::SeqCst) == 30);
}

/// MUST 519: what does not fit is dropped and counted exactly; offering never waits.
#[test]
fn drops_are_counted_exactly() {
    let folder = Folder::new();
    let config = LogConfig { queue_rows: 100, ..LogConfig::default() };
    let log = open(&folder, &config);
    for _ in 0..2000 {
        log.offer(rows(10));
    }
    log.close();
    let written = metric(&log, "sentinel_predict_logger_events_sent_total", "log");
    let dropped = metric(&log, "sentinel_predict_logger_events_dropped_total", "log");
    assert_eq!(written + dropped, 20_000.0);
    assert_eq!(logged(&log, 0).len() as f64, written);
}

/// MUST 520: one header and the same columns, whoever writes; a file with other columns is put aside.
#[tokio::test]
async fn csv_files_have_one_header_whoever_writes() {
    let folder = Folder::new();
    let path = folder.join("live/live_predictions.csv");
    let config = CsvConfig { path: path.clone(), ..CsvConfig::default() };
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // An empty file is there already, as seed 3 ships it.
    std::fs::write(&path, "").unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let config = config.clone();
            std::thread::spawn(move || {
                let mut outlet = CsvOutlet::new(config);
                for batch in 0..50 {
                    let inference = inference(&format!("{writer}, \"{batch}\""), 2);
                    outlet.deliver(&[LoggedInference { sequence: 1, inference, label: None }]).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|it| it.join().unwrap());
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (201, "feature 0,feature 1,prediction,probability,timestamp,id"));
    assert!(lines[1..].iter().all(|it| it.starts_with("0,1,1,0.75,2025-06-15T15:06:40.000Z,\"")), "{}", lines[1]);
    // A new process does not write what stands there already, and other columns begin a new file.
    let mut outlet = CsvOutlet::new(config);
    let row = |id: &str, n| LoggedInference { sequence: 1, inference: inference(id, n), label: None };
    outlet.deliver(&[row("0, \"0\"", 2), row("new", 2)]).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 202);
    // MUST 881: what a version in the shadow said was told to nobody.
    let mut of_shadow = row("shadow", 2);
    of_shadow.inference.is_shadow = true;
    outlet.deliver(&[of_shadow]).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 202);
    outlet.deliver(&[row("other", 3)]).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    assert_eq!(std::fs::read_to_string(path.with_file_name("live_predictions.1.csv")).unwrap().lines().count(), 202);
}

/// Files in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<NamedFile>>>);

/// A name and what the file holds.
type NamedFile = (String, Vec<u8>);

impl Files for Memory {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().push((name.to_owned(), bytes.to_vec()));
        Ok(())
    }
}

/// MUST 521: Parquet by model and day, and nothing is settled before its file is there.
#[tokio::test]
async fn parquet_files_are_by_model_and_day() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    let (folder, memory) = (Folder::new(), Memory::default());
    let log = open(&folder, &LogConfig::default());
    let config = ParquetConfig { rows_per_file: 1_000_000, ..ParquetConfig::default() };
    let config = ParquetConfig { rows_per_file: config.rows_per_file.min(200_000), ..config };
    log.follow("parquet", &folder.join("sinks"), Box::new(ParquetOutlet::new(config, Box::new(memory.clone()))))
        .unwrap();
    let mut all = rows(1500);
    all[0].model = "churn".into();
    all[1].time = all[1].time.plus(Duration::from_secs(86_400));
    log.write(all).await.unwrap();
    log.close();
    let mut files = memory.0.lock().unwrap().clone();
    files.sort();
    let counts: Vec<(String, i64)> = files
        .into_iter()
        .map(|(name, bytes)| {
            let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
            (name, reader.metadata().file_metadata().num_rows())
        })
        .collect();
    let wanted = [
        ("model=churn/day=2025-06-15/part-00000000000000000001.parquet", 1),
        ("model=income/day=2025-06-15/part-00000000000000000003.parquet", 1498),
        ("model=income/day=2025-06-16/part-00000000000000000002.parquet", 1),
    ];
    assert_eq!(counts, wanted.map(|(name, n)| (name.to_owned(), n)));
}

/// MUST 522: columns are left out or hashed before anything is written, and models are sampled by id.
#[tokio::test]
async fn columns_are_redacted_and_models_sampled() {
    let folder = Folder::new();
    let columns = [("feature 0", Keep::Nothing), ("feature 1", Keep::Hash), ("feature 2", Keep::Presence)];
    let config = LogConfig {
        columns: columns.iter().map(|(name, keep)| ((*name).to_owned(), *keep)).collect(),
        hash_key: "a key of sixteen".to_owned(),
        sample: [("income".to_owned(), 0.25)].into(),
        ..LogConfig::default()
    };
    let log = open(&folder, &config);
    log.write(rows(2000)).await.unwrap();
    let rows = logged(&log, 1);
    // Five standard deviations of a binomial of 2000 at 0.25 are 97.
    assert!((400..=600).contains(&rows.len()), "{}", rows.len());
    let features: Vec<(&str, String)> =
        rows[0].inference.features.iter().map(|(name, it)| (&**name, it.to_string())).collect();
    assert_eq!(
        features.iter().map(|it| it.0).collect::<Vec<_>>(),
        ["feature 1", "feature 2", "feature 3", "feature 4"]
    );
    assert_eq!((features[0].1.len(), features[1].1.as_str(), features[2].1.as_str()), (16, "true", "3"));
}
