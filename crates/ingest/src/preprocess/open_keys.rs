//! What of a private key that is logged line by line? Its first line is known by itself; those that follow in the same
//! stream are letters like any others, and go with it until its last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use signal::{LogRecord, SeriesId};

use super::redact::leaves_key_open;

/// A key has fewer lines.
const MOST_LINES: u32 = 120;
/// Streams that may be within a key at the same time; of more the first line alone goes.
const MOST_STREAMS: usize = 1024;

/// Streams whose last line lies within a key.
#[derive(Debug, Default)]
pub(super) struct OpenKeys {
    /// How many there are: mostly none, which is seen without a lock.
    count: AtomicUsize,
    lines_left: Mutex<HashMap<SeriesId, u32>>,
}

impl OpenKeys {
    /// A line with a secret has come: does a key begin in it that does not end?
    pub fn note(&self, record: &LogRecord) {
        if leaves_key_open(&record.line) {
            let mut open = self.lines_left.lock().unwrap_or_else(PoisonError::into_inner);
            if open.len() < MOST_STREAMS {
                open.insert(record.labels.id(), MOST_LINES);
            }
            self.count.store(open.len(), Relaxed);
        }
    }

    /// What is left of a line that lies within a key; None if it does not.
    pub fn without_key(&self, record: &LogRecord) -> Option<String> {
        if self.count.load(Relaxed) == 0 {
            return None;
        }
        let mut open = self.lines_left.lock().unwrap_or_else(PoisonError::into_inner);
        let id = record.labels.id();
        let lines_left = open.get_mut(&id)?;
        *lines_left -= 1;
        let line = record.line.as_str();
        let end = line.find("-----END ").and_then(|it| Some(it + 9 + line.get(it + 9..)?.find("-----")? + 5));
        let is_key = end.is_some() || is_of_key(line);
        if *lines_left == 0 || end.is_some() || !is_key {
            open.remove(&id);
            self.count.store(open.len(), Relaxed);
        }
        is_key.then(|| format!("[redacted:private_key]{}", end.and_then(|it| line.get(it..)).unwrap_or("")))
    }
}

/// Base64, perhaps behind the time and level that a logger puts before it, or a header of the key.
fn is_of_key(line: &str) -> bool {
    let word = line.split_whitespace().next_back().unwrap_or("");
    let is_base64 = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/' | b'=');
    let is_header = ["Proc-Type: ", "DEK-Info: ", "Comment: ", "Version: "].iter().any(|it| line.starts_with(it));
    is_header || word.is_empty() || word.bytes().all(is_base64) && word.len() >= 4
}

#[cfg(test)]
mod tests {
    use signal::{Labels, Timestamp};

    use crate::Preprocessor;

    use super::*;

    fn line(service: &str, text: &str) -> LogRecord {
        LogRecord::new(Timestamp::from_secs(1), Labels::new([("service", service)]), text)
    }

    /// Guarantees: MUST 732 of docs/specs/ingest.md.
    #[test]
    fn a_key_that_comes_line_by_line_is_not_stored() {
        let it = Preprocessor::new(&serde_json::from_str("{}").unwrap()).unwrap();
        let base64 = "q1W2".repeat(16);
        let begin = format!("-----BEGIN RSA {} KEY-----", "PRIVATE");
        let end = format!("-----END RSA {} KEY----- done", "PRIVATE");
        let first = it.logs(vec![line("a", &begin), line("b", "all is well"), line("a", &base64)]);
        let then = it.logs(vec![line("a", &base64), line("a", &end), line("a", "all is well")]);
        let texts: Vec<&str> = first.iter().chain(&then).map(|it| it.line.as_str()).collect();
        let gone = "[redacted:private_key]";
        assert_eq!(texts, [gone, "all is well", gone, gone, "[redacted:private_key] done", "all is well"]);
    }

    #[test]
    fn a_key_that_never_ends_takes_no_other_lines_with_it() {
        let it = Preprocessor::new(&serde_json::from_str("{}").unwrap()).unwrap();
        let begin = format!("-----BEGIN {} KEY-----", "PRIVATE");
        let kept = it.logs(vec![line("a", &begin), line("a", "GET /a 200, fine."), line("a", "q1W2")]);
        assert_eq!(
            kept.iter().map(|it| it.line.as_str()).collect::<Vec<_>>(),
            ["[redacted:private_key]", "GET /a 200, fine.", "q1W2"]
        );
    }
}
