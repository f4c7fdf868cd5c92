//! Where are comparisons kept? A folder per model: the report as JSON and HTML, and the short form, which is written
//! last: a run without it was cut short and does not count.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use drift::Report;

use crate::model_watch::run::Run;

/// The short form.
const SHORT: &str = "run.json";
/// The whole as JSON.
const REPORT: &str = "report.json";
/// The whole as a page.
const PAGE: &str = "report.html";

/// The runs of one model.
pub struct Runs {
    folder: PathBuf,
    most: usize,
    /// Oldest first.
    all: Vec<Run>,
}

impl Runs {
    /// Reads what is there.
    pub fn open(folder: PathBuf, most: usize) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut all = vec![];
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let Ok(bytes) = fs::read(path.join(SHORT)) else { continue };
            match serde_json::from_slice::<Run>(&bytes) {
                Ok(run) => all.push(run),
                Err(error) => tracing::warn!(path = %path.display(), %error, "A kept comparison cannot be read."),
            }
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self { folder, most, all })
    }

    /// All, oldest first.
    pub fn all(&self) -> &[Run] {
        &self.all
    }

    /// The newest.
    pub fn newest(&self) -> Option<&Run> {
        self.all.last()
    }

    /// A name for a run of this instant.
    pub fn name(&self, time: signal::Timestamp) -> String {
        let text: String = time.to_string().chars().filter(|it| it.is_ascii_alphanumeric()).take(15).collect();
        let is_taken = |it: &str| self.all.iter().any(|run| run.id == it);
        let named = (1..).map(|idx| if idx == 1 { format!("{text}Z") } else { format!("{text}Z-{idx:03}") });
        named.into_iter().find(|it| !is_taken(it)).unwrap_or(text)
    }

    /// Keeps a run, durable when it returns, and removes those that are too old.
    pub fn keep(&mut self, run: Run, report: &Report) -> io::Result<()> {
        let folder = self.folder.join(&run.id);
        fs::create_dir_all(&folder)?;
        write(&folder, REPORT, &serde_json::to_vec(report).map_err(io::Error::other)?)?;
        write(&folder, PAGE, drift::html(report).as_bytes())?;
        write(&folder, SHORT, &serde_json::to_vec(&run).map_err(io::Error::other)?)?;
        fs::File::open(&folder)?.sync_all()?;
        fs::File::open(&self.folder)?.sync_all()?;
        self.all.push(run);
        while self.all.len() > self.most {
            let old = self.all.remove(0);
            let folder = self.folder.join(&old.id);
            // The short form goes first: a run is whole or not there.
            fs::remove_file(folder.join(SHORT)).and_then(|()| fs::remove_dir_all(&folder))?;
        }
        Ok(())
    }

    /// The report of a run as JSON or as a page; none if there is no such run.
    pub fn report(&self, id: &str, is_page: bool) -> io::Result<Option<String>> {
        if !self.all.iter().any(|it| it.id == id) {
            return Ok(None);
        }
        fs::read_to_string(self.folder.join(id).join(if is_page { PAGE } else { REPORT })).map(Some)
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{name}.new"));
    let mut file = fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, folder.join(name))
}

#[cfg(test)]
pub mod tests {
    use std::collections::BTreeMap;

    use signal::Timestamp;

    use super::*;

    /// A run in which nothing happened.
    pub fn run(id: &str, secs: i64) -> Run {
        let time = Timestamp::from_secs(secs);
        Run {
            id: id.to_owned(),
            model: "income".to_owned(),
            time,
            reason: "schedule".to_owned(),
            from: time,
            to: time,
            versions: BTreeMap::new(),
            rows: 10,
            reference: "a file".to_owned(),
            measures: Default::default(),
            features: vec![],
            prediction: None,
            performance: None,
            concept: None,
            estimated: vec![],
            no_estimate: None,
            drifted_segments: vec![],
            schema_changes: vec![],
            latency_ms: None,
            summary: String::new(),
            took_ms: 0.0,
        }
    }

    fn report() -> Report {
        drift::compare(&drift::Profile::default(), &drift::Profile::default(), &drift::Config::default())
    }

    /// Guarantees 538: what is kept is whole, the newest are kept, and what was cut short does not count.
    #[test]
    fn runs_are_kept_whole_and_the_oldest_go() {
        let folder = std::env::temp_dir().join(format!("sentinel-runs-{}", std::process::id()));
        let mut runs = Runs::open(folder.clone(), 2).unwrap();
        for secs in [1_700_000_000, 1_700_000_000, 1_700_000_060] {
            let id = runs.name(Timestamp::from_secs(secs));
            runs.keep(run(&id, secs), &report()).unwrap();
        }
        fs::create_dir_all(folder.join("20240101T000000Z")).unwrap();
        fs::write(folder.join("20240101T000000Z").join(REPORT), "{}").unwrap();
        let again = Runs::open(folder.clone(), 2).unwrap();
        let ids: Vec<&str> = again.all().iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["20231114T221320Z-002", "20231114T221420Z"]);
        assert!(again.report(ids[1], true).unwrap().unwrap().contains("<html"));
        assert_eq!(again.report("../../etc", false).unwrap(), None);
        fs::remove_dir_all(folder).unwrap();
    }
}
