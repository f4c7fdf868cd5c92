//! Are log files followed from the pattern to the sink, and is the place saved only after the acknowledgement?

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ingest::{Config, Counts, Offsets, Refused, TailConfig};
use tokio::sync::watch;

use crate::fake::{MemoryOffsets, Recorder, StillClock};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sentinel-follow-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn append(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        let mut file = std::fs::File::options().append(true).create(true).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Running {
    recorder: Arc<Recorder>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(directory: &Path, offsets: &Arc<MemoryOffsets>, refusals: Vec<Refused>) -> Self {
        let config = TailConfig {
            paths: vec![format!("{}/*.log", directory.display())],
            service: Some("pay".to_owned()),
            host: Some("here".to_owned()),
            read_existing: true,
            poll_interval_ms: 50,
            partial_line_ms: 100,
            ..TailConfig::default()
        };
        let recorder = Arc::new(Recorder::default());
        recorder.refusals.lock().unwrap().extend(refusals);
        let (stop, shutdown) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let clock = Arc::new(StillClock);
        let offsets: Arc<dyn Offsets> = offsets.clone();
        let task =
            tokio::spawn(ingest::tail(config, Config::default(), offsets, recorder.clone(), clock, counts, shutdown));
        Self { recorder, stop, task }
    }

    async fn finish(self) -> Vec<String> {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
        self.recorder.texts()
    }
}

/// Guarantees: MUST 50, 51 and 53 of docs/specs/ingest.md.
#[tokio::test]
async fn lines_come_with_labels_and_reading_resumes() {
    let scratch = Scratch::new("resume");
    let offsets = Arc::new(MemoryOffsets::default());
    let path = scratch.append("a.log", "one\n2023-01-01T00:00:00Z two\n");
    let running = Running::start(&scratch.0, &offsets, vec![]);
    running.recorder.wait_until(|it| it.texts().len() == 2).await;
    {
        let lines = running.recorder.lines.lock().unwrap();
        let filename = path.to_string_lossy();
        assert_eq!(
            lines[0].labels.to_string(),
            format!(r#"{{filename="{filename}",host="here",job="tail",service="pay"}}"#)
        );
        assert_eq!(lines[0].time.millis(), 1_700_000_000_000);
        assert_eq!(lines[1].time.to_string(), "2023-01-01T00:00:00.000Z");
    }
    scratch.append("b.log", "a new file\n");
    running.recorder.wait_until(|it| it.texts().len() == 3).await;
    running.finish().await;

    scratch.append("a.log", "three\n");
    let running = Running::start(&scratch.0, &offsets, vec![]);
    running.recorder.wait_until(|it| it.texts().contains(&"three".to_owned())).await;
    let again = running.finish().await;
    assert!(!again.contains(&"one".to_owned()), "{again:?}");
}

/// Guarantees: MUST 52: nothing is lost or skipped while the sink is busy, and the place is behind what was taken.
#[tokio::test]
async fn a_busy_sink_is_offered_the_same_lines_again() {
    let scratch = Scratch::new("busy");
    let offsets = Arc::new(MemoryOffsets::default());
    let path = scratch.append("a.log", "one\ntwo\n");
    let busy = Refused::Busy { retry_after_secs: 0 };
    let running = Running::start(&scratch.0, &offsets, vec![busy.clone(), busy]);
    running.recorder.wait_until(|it| it.texts().len() == 2).await;
    assert!(offsets.load(&path).is_none_or(|it| it.offset == 0 || it.offset == 8));
    scratch.append("a.log", "three\n");
    running.recorder.wait_until(|it| it.texts().len() == 3).await;
    // The third line is only read after the place behind the second was saved.
    assert!(offsets.load(&path).unwrap().offset >= 8);
    assert_eq!(running.finish().await, ["one", "two", "three"]);
}
