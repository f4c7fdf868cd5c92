//! Who did what? A chain of entries, each with the hash of the one before: what is changed, removed or moved later no
//! longer fits.
//!
//! The chain proves that the part up to a known hash is unchanged; the newest hash is known from the anchor.

use std::fmt::Write as _;

use rusqlite::{Connection, Row, params};
use sha2::{Digest as _, Sha256};
use signal::{LedgerEntry, PortError, Timestamp};
use tracing::warn;

use super::anchor::Anchor;
use super::{State, to_json};
use crate::Error;

/// What stands before the first entry.
const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Which entries: a JSON array of subjects has any length, a list of parameters has not.
const ABOUT: &str = "WHERE subject IN (SELECT value FROM json_each(?)) ORDER BY sequence";
const NEWEST: &str = "ORDER BY sequence DESC LIMIT 1";
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
        let draft = LedgerEntry {
            sequence: 1,
            time,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            previous_hash: NO_HASH.to_owned(),
            hash: String::new(),
        };
        let mut connection = self.lock();
        let entry = insert(&mut connection, draft).map_err(Error::sqlite("add to the ledger"))?;
        // Still under the lock, so that anchors follow each other as entries do.
        if let Err(error) = self.move_anchor(&connection, &entry) {
            self.anchor.note_failure(&error);
        }
        Ok(entry)
    }

    /// Makes the anchor when there is none. A ledger that has entries then gets one more that says so: taking the
    /// anchor away leaves a trace.
    pub fn begin_anchor(&self, now: Timestamp) -> Result<(), Error> {
        if self.anchor.path().exists() {
            return Ok(());
        }
        let last = self.with("read the ledger", |it| select(it, NEWEST, []))?.pop();
        let anchor = match last {
            None => Anchor { sequence: 0, hash: NO_HASH.to_owned() },
            Some(last) => {
                warn!(entries = last.sequence, "The ledger had no anchor; it has one from here on.");
                let detail = format!("{{\"entries_before\":{}}}", last.sequence);
                let entry = self.append_entry(now, "sentinel", "ledger.anchored", "ledger", &detail)?;
                Anchor { sequence: entry.sequence, hash: entry.hash }
            }
        };
        self.anchor.write(&anchor)
    }

    /// Entries with a sequence above `after`, in order, at most `limit` (0 means all).
    pub fn entries(&self, after: u64, limit: usize) -> Result<Vec<LedgerEntry>, Error> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let limit = if limit == 0 { -1 } else { i64::try_from(limit).unwrap_or(-1) };
        self.with("read the ledger", |connection| {
            select(connection, "WHERE sequence > ? ORDER BY sequence LIMIT ?", params![after, limit])
        })
    }

    /// Entries about any of these, in order.
    pub fn entries_about(&self, subjects: &[String]) -> Result<Vec<LedgerEntry>, Error> {
        let operation = "read the ledger";
        let subjects = to_json(operation, &subjects)?;
        self.with(operation, |connection| select(connection, ABOUT, [subjects]))
    }

    /// The number of entries, or which one does not fit and how.
    pub fn verify_ledger(&self) -> Result<u64, PortError> {
        // Read before the entries: those that are added meanwhile stand behind it.
        let anchor = self.known_anchor()?;
        let (mut count, mut previous_hash) = (0, NO_HASH.to_owned());
        loop {
            let page = self.entries(count, PAGE).map_err(Error::port("read the ledger"))?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                check(&entry, count + 1, &previous_hash).map_err(PortError::Refused)?;
                check_anchor(&entry, &anchor).map_err(PortError::Refused)?;
                (count, previous_hash) = (entry.sequence, entry.hash);
            }
        }
        if count < anchor.sequence {
            let newest = anchor.sequence;
            let problem = format!("ledger entries after {count} are missing: its anchor names entry {newest}");
            return Err(PortError::Refused(problem));
        }
        self.refuse_strays(count)
    }

    fn known_anchor(&self) -> Result<Anchor, PortError> {
        let path = self.anchor.path().display();
        match self.anchor.read() {
            Ok(Some(anchor)) => Ok(anchor),
            Ok(None) => Err(PortError::Refused(format!("the ledger's anchor {path} is missing"))),
            Err(error) if error.is_corruption() => Err(PortError::Refused(error.to_string())),
            Err(error) => Err(Error::port("read the ledger's anchor")(error)),
        }
    }

    /// Moves the anchor to a new entry, unless the ledger lacks what the old one names: then it stays, so that
    /// `verify_ledger` goes on telling.
    fn move_anchor(&self, connection: &Connection, entry: &LedgerEntry) -> Result<(), Error> {
        let Some(old) = self.anchor.read()? else { return Ok(()) };
        let follows = old.sequence.checked_add(1) == Some(entry.sequence) && old.hash == entry.previous_hash;
        let is_known = follows || old.sequence == 0 || {
            let named = select(connection, "WHERE sequence = ?", [old.sequence as i64]);
            named.map_err(Error::sqlite("read the ledger"))?.iter().any(|it| it.hash == old.hash)
        };
        if is_known {
            self.anchor.write(&Anchor { sequence: entry.sequence, hash: entry.hash.clone() })?;
        }
        Ok(())
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

/// Adds the draft behind the newest entry.
fn insert(connection: &mut Connection, draft: LedgerEntry) -> rusqlite::Result<LedgerEntry> {
    let transaction = connection.transaction()?;
    let mut entry = draft;
    if let Some(last) = select(&transaction, NEWEST, [])?.pop() {
        (entry.sequence, entry.previous_hash) = (last.sequence + 1, last.hash);
    }
    entry.hash = hash(&entry);
    let LedgerEntry { sequence, time, actor, action, subject, detail, previous_hash, hash } = &entry;
    let (sequence, millis) = (*sequence as i64, time.millis());
    transaction.execute(
        "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![sequence, millis, actor, action, subject, detail, previous_hash, hash],
    )?;
    transaction.commit()?;
    Ok(entry)
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

fn check_anchor(entry: &LedgerEntry, anchor: &Anchor) -> Result<(), String> {
    let sequence = entry.sequence;
    if sequence == anchor.sequence && entry.hash != anchor.hash {
        return Err(format!("ledger entry {sequence} is not the one that the anchor names: the end was replaced"));
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
    use std::path::PathBuf;
    use std::{env, fs};

    use super::*;
    use crate::Recovery;

    /// A database of its own; its files go with it.
    struct Fresh(PathBuf);

    impl Fresh {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("store-ledger-{name}-{}.sqlite", std::process::id()));
            let fresh = Self(path);
            fresh.remove();
            fresh
        }

        fn open(&self) -> State {
            State::open(&self.0, &mut Recovery::default()).unwrap()
        }

        fn anchor(&self) -> PathBuf {
            self.0.with_extension("anchor")
        }

        fn remove(&self) {
            for extension in ["sqlite", "sqlite-wal", "sqlite-shm", "anchor", "anchor.tmp"] {
                let _ = fs::remove_file(self.0.with_extension(extension));
            }
        }
    }

    impl Drop for Fresh {
        fn drop(&mut self) {
            self.remove();
        }
    }

    fn append(state: &State, n_entries: i64) {
        for idx in 0..n_entries {
            state.append_entry(Timestamp::from_secs(idx), "sentinel", "x", "ab", "[1]").unwrap();
        }
    }

    fn verdict(state: &State) -> String {
        state.verify_ledger().map_or_else(|it| it.to_string(), |it| it.to_string())
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
                "cut",
                "DELETE FROM ledger WHERE sequence > 3",
                "ledger entries after 3 are missing: its anchor names entry 5",
            ),
            ("all", "DELETE FROM ledger", "ledger entries after 0 are missing: its anchor names entry 5"),
            (
                "stray",
                "INSERT INTO ledger SELECT -1, time, actor, action, subject, detail, previous_hash, hash FROM ledger WHERE sequence = 1",
                "the ledger has 6 entries, but its chain has 5",
            ),
        ];
        for (name, sql, expected) in cases {
            let fresh = Fresh::new(name);
            let state = fresh.open();
            append(&state, 5);
            state.lock().execute_batch(sql).unwrap();
            assert_eq!(verdict(&state), expected, "{name}");
        }
    }

    #[test]
    fn pages_continue_the_chain() {
        let fresh = Fresh::new("pages");
        let state = fresh.open();
        append(&state, 3);
        let entries = state.entries(1, 1).unwrap();
        assert_eq!(entries.iter().map(|it| it.sequence).collect::<Vec<_>>(), [2]);
        assert_eq!(entries[0].previous_hash, state.entries(0, 1).unwrap()[0].hash);
        assert_eq!(state.entries(0, 0).unwrap().len(), 3);
    }

    #[test]
    fn entries_are_found_by_subject_through_the_index() {
        let fresh = Fresh::new("about");
        let state = fresh.open();
        for (idx, subject) in ["INC-1", "PLAN-1", "INC-11", "it's \"odd\"", "INC-1"].into_iter().enumerate() {
            state.append_entry(Timestamp::from_secs(idx as i64), "sentinel", "x", subject, "").unwrap();
        }
        let found = |subjects: &[&str]| -> Vec<u64> {
            let subjects: Vec<String> = subjects.iter().map(|it| (*it).to_owned()).collect();
            state.entries_about(&subjects).unwrap().iter().map(|it| it.sequence).collect()
        };
        assert_eq!(found(&["PLAN-1", "INC-1"]), [1, 2, 5]);
        assert_eq!(found(&["it's \"odd\"", "it's \"odd\""]), [4]);
        assert_eq!(found(&["INC-2"]), [] as [u64; 0]);
        assert_eq!(found(&[]), [] as [u64; 0]);
        let explain = format!("EXPLAIN QUERY PLAN SELECT detail FROM ledger {ABOUT}");
        let connection = state.lock();
        let mut statement = connection.prepare(&explain).unwrap();
        let rows = statement.query_map(["[]"], |it| it.get::<_, String>(3)).unwrap();
        let plan: Vec<String> = rows.map(Result::unwrap).collect();
        assert!(plan.iter().any(|it| it.contains("ledger_by_subject")), "{plan:?}");
    }

    /// Scenario: the process dies after an entry is durable and before the anchor is moved to it.
    /// Guarantees: no alarm, and the next entry moves the anchor.
    #[test]
    fn a_crash_before_the_anchor_is_no_alarm() {
        let fresh = Fresh::new("crash");
        let state = fresh.open();
        append(&state, 2);
        let before = fs::read(fresh.anchor()).unwrap();
        append(&state, 1);
        fs::write(fresh.anchor(), before).unwrap();
        fs::write(fresh.0.with_extension("anchor.tmp"), "3 half").unwrap();
        drop(state);
        let state = fresh.open();
        assert_eq!(verdict(&state), "3");
        append(&state, 1);
        assert_eq!(state.anchor.read().unwrap().unwrap().sequence, 4);
        assert_eq!(verdict(&state), "4");
    }

    /// Scenario: the end is cut, and entries are added behind the cut, also after a restart.
    /// Guarantees: the alarm stays, whether the ledger is still shorter than it was or longer.
    #[test]
    fn entries_behind_a_cut_do_not_hide_it() {
        let fresh = Fresh::new("regrown");
        let state = fresh.open();
        append(&state, 5);
        state.lock().execute_batch("DELETE FROM ledger WHERE sequence > 3").unwrap();
        append(&state, 1);
        assert_eq!(verdict(&state), "ledger entries after 4 are missing: its anchor names entry 5");
        drop(state);
        let state = fresh.open();
        state.append_entry(Timestamp::from_secs(9), "somebody", "y", "", "").unwrap();
        append(&state, 3);
        assert_eq!(verdict(&state), "ledger entry 5 is not the one that the anchor names: the end was replaced");
    }

    #[test]
    fn an_anchor_that_is_gone_or_damaged_is_told() {
        let fresh = Fresh::new("gone");
        let state = fresh.open();
        let path = fresh.anchor().display().to_string();
        assert_eq!(verdict(&state), "0");
        append(&state, 2);
        fs::write(fresh.anchor(), "2").unwrap();
        append(&state, 1);
        assert_eq!(verdict(&state), format!("{path} is corrupt: it is no anchor of a ledger"));
        assert_eq!(state.anchor.failures(), 1);
        fs::remove_file(fresh.anchor()).unwrap();
        append(&state, 1);
        assert_eq!(verdict(&state), format!("the ledger's anchor {path} is missing"));
        drop(state);
        // The operator accepts it by a restart, which leaves a trace.
        let state = fresh.open();
        assert_eq!(verdict(&state), "5");
        let trace = state.entries(4, 0).unwrap();
        assert_eq!((&*trace[0].action, &*trace[0].detail), ("ledger.anchored", "{\"entries_before\":4}"));
        append(&state, 1);
        assert_eq!(state.anchor.read().unwrap().unwrap().sequence, 6);
    }
}
