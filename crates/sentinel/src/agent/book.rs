//! Where are conversations kept? In the data folder: the newest investigation of each incident, and all transcripts until
//! they are too old or too many.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agent::Limits;
use signal::{IncidentId, Investigation, PortError, Timestamp};

use super::lock;

/// Investigations that are kept in memory.
const REMEMBERED: usize = 256;

/// Files of conversations.
pub struct InvestigationBook {
    folder: PathBuf,
    limits: Limits,
    /// None: there is no file.
    known: Mutex<BTreeMap<IncidentId, Option<Investigation>>>,
}

impl InvestigationBook {
    /// In a folder that is made when it is needed.
    pub fn open(folder: &Path, limits: Limits) -> Self {
        Self { folder: folder.to_owned(), limits, known: Mutex::default() }
    }

    /// The newest of an incident.
    pub fn newest(&self, id: IncidentId) -> Result<Option<Investigation>, PortError> {
        if let Some(it) = lock(&self.known).get(&id) {
            return Ok(it.clone());
        }
        let found = match fs::read(self.investigations().join(format!("{id}.json"))) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(|it| failed(it.into()))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error.into())),
        };
        // What was kept meanwhile is newer than what was read.
        let mut known = lock(&self.known);
        Ok(remember(&mut known, id, found, |_, _| {}).clone())
    }

    /// Keeps what came of a conversation, and the conversation.
    pub fn keep(&self, found: &Investigation, transcript: &str, now: Timestamp) -> io::Result<()> {
        remember(&mut lock(&self.known), found.incident, Some(found.clone()), |it, new| *it = new);
        let name = format!("{}-{}.jsonl", found.incident, now.millis());
        write_whole(&self.transcripts().join(name), transcript.as_bytes())?;
        let file = self.investigations().join(format!("{}.json", found.incident));
        write_whole(&file, &serde_json::to_vec(found)?)
    }

    /// Removes transcripts that are too old, and the oldest of those that are too many; investigations when they are too
    /// old.
    pub fn maintain(&self, now: Timestamp) -> io::Result<()> {
        let most_age = Duration::from_secs(u64::from(self.limits.transcript_days) * 86_400);
        let oldest = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.minus(most_age).millis()).unwrap_or(0));
        let mut failed_last = None;
        for folder in [self.transcripts(), self.investigations()] {
            let mut room = self.limits.transcript_megabytes << 20;
            for (written, bytes, path) in files(&folder)? {
                let has_room = room >= bytes;
                room = room.saturating_sub(bytes);
                if written < oldest || !has_room {
                    // One that cannot be removed must not keep the others.
                    failed_last = fs::remove_file(path).err().or(failed_last);
                }
            }
        }
        failed_last.map_or(Ok(()), Err)
    }

    fn transcripts(&self) -> PathBuf {
        self.folder.join("transcripts")
    }

    fn investigations(&self) -> PathBuf {
        self.folder.join("investigations")
    }
}

/// Keeps one more and no more than are remembered; of one that is there already `replace` decides.
fn remember(
    known: &mut BTreeMap<IncidentId, Option<Investigation>>,
    id: IncidentId,
    found: Option<Investigation>,
    replace: fn(&mut Option<Investigation>, Option<Investigation>),
) -> &Option<Investigation> {
    if known.len() >= REMEMBERED && !known.contains_key(&id) {
        known.pop_first();
    }
    match known.entry(id) {
        Entry::Vacant(it) => it.insert(found),
        Entry::Occupied(it) => {
            let kept = it.into_mut();
            replace(kept, found);
            kept
        }
    }
}

/// When each file was written, how long it is, and where: the newest first.
fn files(folder: &Path) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(it) => it,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let mut all = vec![];
    for entry in entries {
        let entry = entry?;
        let about = entry.metadata()?;
        all.push((about.modified()?, about.len(), entry.path()));
    }
    all.sort_by(|a, b| b.cmp(a));
    Ok(all)
}

/// The file is there whole or not at all; nobody else on the machine reads it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

fn failed(source: Box<dyn std::error::Error + Send + Sync>) -> PortError {
    PortError::Failed { operation: "read the investigation", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 721 of docs/specs/agent.md.
    #[test]
    fn transcripts_are_kept_for_their_time_and_size_only() {
        let folder = std::env::temp_dir().join(format!("sentinel-conversations-{}", std::process::id()));
        let limits = Limits { transcript_days: 2, transcript_megabytes: 1, ..Limits::default() };
        let book = InvestigationBook::open(&folder, limits);
        let transcripts = folder.join("transcripts");
        let names = || {
            let mut all: Vec<String> = files(&transcripts)
                .unwrap()
                .iter()
                .map(|it| it.2.file_name().unwrap().to_str().unwrap().to_owned())
                .collect();
            all.sort();
            all
        };
        for (name, bytes, days_ago) in [("a.jsonl", 600_000, 0), ("b.jsonl", 600_000, 1), ("c.jsonl", 10, 3)] {
            let path = transcripts.join(name);
            write_whole(&path, &vec![b'x'; bytes]).unwrap();
            let written = SystemTime::now() - Duration::from_secs(days_ago * 86_400);
            fs::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
        }
        let now = signal::Clock::now(&signal::SystemClock);
        book.maintain(now).unwrap();
        assert_eq!(names(), ["a.jsonl"]);
        assert!(book.newest(IncidentId(1)).unwrap().is_none());
        fs::remove_dir_all(folder).unwrap();
    }
}
