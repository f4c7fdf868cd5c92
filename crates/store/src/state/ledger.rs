//! Who did what? A chain of entries, each with the hash of the one before: what is changed, removed or moved later no
//! longer fits.
//!
//! The chain proves that the part up to a known hash is unchanged. Entries cut off at the end leave a shorter valid
//! chain; to find that too, keep the newest hash elsewhere (each report prints it).

use std::fmt::Write as _;

use rusqlite::{Connection, Row, params};
use sha2::{Digest as _, Sha256};
use signal::{LedgerEntry, PortError, Timestamp};

use super::State;
use crate::Error;

/// What stands before the first entry.
const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Entries per read while verifying.
const PAGE: usize = 1000;

impl State {
    /// Adds an entry; durable when it returns.
    pub fn append_entry(
        &self,
        time: Timestamp,
        actor: &str,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<LedgerEntry, Error> {
        self.with("add to the ledger", |connection| {
            let transaction = connection.transaction()?;
            let last = select(&transaction, "ORDER BY sequence DESC LIMIT 1", [])?.pop();
            let mut entry = LedgerEntry {
                sequence: last.as_ref().map_or(1, |it| it.sequence + 1),
                time,
                actor: actor.to_owned(),
                action: action.to_owned(),
                subject: subject.to_owned(),
                detail: detail.to_owned(),
                previous_hash: last.map_or_else(|| NO_HASH.to_owned(), |it| it.hash),
                hash: String::new(),
            };
            entry.hash = hash(&entry);
            let mut statement = transaction.prepare("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
            let LedgerEntry { sequence, previous_hash, hash, .. } = &entry;
            let (sequence, millis) = (*sequence as i64, time.millis());
            statement.execute(params![sequence, millis, actor, action, subject, detail, previous_hash, hash])?;
            drop(statement);
            transaction.commit()?;
            Ok(entry)
        })
    }

    /// Entries with a sequence above `after`, in order, at most `limit` (0 means all).
    pub fn entries(&self, after: u64, limit: usize) -> Result<Vec<LedgerEntry>, Error> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let limit = if limit == 0 { -1 } else { i64::try_from(limit).unwrap_or(-1) };
        self.with("read the ledger", |connection| {
            select(connection, "WHERE sequence > ? ORDER BY sequence LIMIT ?", params![after, limit])
        })
    }

    /// The number of entries, or which one does not fit and how.
    pub fn verify_ledger(&self) -> Result<u64, PortError> {
        let (mut count, mut previous_hash) = (0, NO_HASH.to_owned());
        loop {
            let page = self.entries(count, PAGE).map_err(Error::port("read the ledger"))?;
            if page.is_empty() {
                return self.refuse_strays(count);
            }
            for entry in page {
                check(&entry, count + 1, &previous_hash).map_err(PortError::Refused)?;
                (count, previous_hash) = (entry.sequence, entry.hash);
            }
        }
    }

    /// Entries that reading in order does not meet.
    fn refuse_strays(&self, count: u64) -> Result<u64, PortError> {
        let all: i64 = self
            .with("read the ledger", |connection| {
                connection.query_row("SELECT count(*) FROM ledger", [], |it| it.get(0))
            })
            .map_err(Error::port("read the ledger"))?;
        if u64::try_from(all) == Ok(count) {
            return Ok(count);
        }
        Err(PortError::Refused(format!("the ledger has {all} entries, but its chain has {count}")))
    }
}

fn check(entry: &LedgerEntry, expected: u64, previous_hash: &str) -> Result<(), String> {
    let sequence = entry.sequence;
    if sequence != expected {
        return Err(format!("ledger entry {expected} is missing: {sequence} comes in its place"));
    }
    if entry.previous_hash != previous_hash {
        return Err(format!("ledger entry {sequence} does not follow the entry before it"));
    }
    if entry.hash != hash(entry) {
        return Err(format!("ledger entry {sequence} was altered: its hash does not fit its content"));
    }
    Ok(())
}

/// SHA-256 over all fields, each with its length before it, so that no two entries give the same bytes.
fn hash(entry: &LedgerEntry) -> String {
    let mut hasher = Sha256::new();
    hasher.update(entry.sequence.to_le_bytes());
    hasher.update(entry.time.millis().to_le_bytes());
    for field in [&entry.actor, &entry.action, &entry.subject, &entry.detail, &entry.previous_hash] {
        hasher.update((field.len() as u64).to_le_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn select(
    connection: &Connection,
    rest: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<LedgerEntry>> {
    let columns = "SELECT sequence, time, actor, action, subject, detail, previous_hash, hash FROM ledger";
    let mut statement = connection.prepare(&format!("{columns} {rest}"))?;
    statement.query_map(parameters, entry_of)?.collect()
}

fn entry_of(row: &Row<'_>) -> rusqlite::Result<LedgerEntry> {
    Ok(LedgerEntry {
        sequence: row.get::<_, i64>(0)? as u64,
        time: Timestamp::from_millis(row.get(1)?),
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
        previous_hash: row.get(6)?,
        hash: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::path::PathBuf;

    use super::*;
    use crate::Recovery;

    fn fresh(name: &str) -> (State, PathBuf) {
        let path = env::temp_dir().join(format!("store-ledger-{name}-{}.sqlite", std::process::id()));
        let _ = std::fs::remove_file(&path);
        (State::open(&path, &mut Recovery::default()).unwrap(), path)
    }

    #[test]
    fn tampering_is_found_and_named() {
        let cases = [
            ("none", "SELECT 1", "5"),
            (
                "detail",
                "UPDATE ledger SET detail = '{}' WHERE sequence = 3",
                "ledger entry 3 was altered: its hash does not fit its content",
            ),
            (
                "moved",
                "UPDATE ledger SET actor = 'a', subject = 'bx' WHERE sequence = 2",
                "ledger entry 2 was altered: its hash does not fit its content",
            ),
            ("removed", "DELETE FROM ledger WHERE sequence = 2", "ledger entry 2 is missing: 3 comes in its place"),
            ("first", "DELETE FROM ledger WHERE sequence = 1", "ledger entry 1 is missing: 2 comes in its place"),
            (
                "swapped",
                "UPDATE ledger SET sequence = 99 WHERE sequence = 3; UPDATE ledger SET sequence = 3 WHERE sequence = 4; \
                 UPDATE ledger SET sequence = 4 WHERE sequence = 99",
                "ledger entry 3 does not follow the entry before it",
            ),
            (
                "stray",
                "INSERT INTO ledger SELECT -1, time, actor, action, subject, detail, previous_hash, hash FROM ledger WHERE sequence = 1",
                "the ledger has 6 entries, but its chain has 5",
            ),
        ];
        for (name, sql, expected) in cases {
            let (state, path) = fresh(name);
            for idx in 0..5 {
                let entry = state.append_entry(Timestamp::from_secs(idx), "sentinel", "x", "ab", "[1]").unwrap();
                assert_eq!(entry.sequence, idx as u64 + 1);
            }
            state.lock().execute_batch(sql).unwrap();
            let verdict = state.verify_ledger().map_or_else(|it| it.to_string(), |it| it.to_string());
            assert_eq!(verdict, expected, "{name}");
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn pages_continue_the_chain() {
        let (state, path) = fresh("pages");
        for idx in 0..3 {
            state.append_entry(Timestamp::from_secs(idx), "user", "y", "s", "").unwrap();
        }
        let entries = state.entries(1, 1).unwrap();
        assert_eq!(entries.iter().map(|it| it.sequence).collect::<Vec<_>>(), [2]);
        assert_eq!(entries[0].previous_hash, state.entries(0, 1).unwrap()[0].hash);
        assert_eq!(state.entries(0, 0).unwrap().len(), 3);
        std::fs::remove_file(&path).unwrap();
    }
}
