//! What has changed here that another place does not know yet? For a copy of the state that outlives this disk.
//!
//! Triggers note each row that is written, so that nothing that is saved can be forgotten here. Rows are told in the order
//! of their newest change; a copy that has all of them up to some point is the state as it was then.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use signal::{Change, Incident, LedgerEntry, Plan, Timestamp};

use super::State;
use super::anchor::Anchor;
use crate::disk::DirectoryLock;
use crate::{Error, Recovery, disk};

/// Tables that are copied.
const TABLES: [(&str, &str); 5] =
    [("incidents", "id"), ("plans", "id"), ("changes", "id"), ("ledger", "sequence"), ("state", "name")];
/// Values that stay on this disk: the key that approvals are signed with is nobody else's.
const SECRETS: [&str; 1] = ["approval-signing-key"];

/// A row of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Table and key, for example `incidents/7`; a later row of this name takes the place of an earlier one.
    pub name: String,
    /// What it holds.
    pub value: Vec<u8>,
}

impl State {
    /// From here on changes are noted; at the first time everything that is there counts as changed.
    pub fn begin_journal(&self) -> Result<(), Error> {
        self.with("begin the journal", |connection| {
            let transaction = connection.transaction()?;
            let is_there: Option<i64> = transaction
                .query_row("SELECT 1 FROM sqlite_master WHERE name = 'journal'", [], |it| it.get(0))
                .optional()?;
            if is_there.is_none() {
                transaction.execute_batch(
                    "CREATE TABLE journal (sequence INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, \
                     key TEXT NOT NULL, UNIQUE (source, key) ON CONFLICT REPLACE);",
                )?;
                note_all(&transaction)?;
                for (table, key) in TABLES {
                    let note = format!("INSERT INTO journal (source, key) VALUES ('{table}', NEW.{key})");
                    transaction.execute_batch(&format!(
                        "CREATE TRIGGER journal_{table}_added AFTER INSERT ON {table} BEGIN {note}; END;
                         CREATE TRIGGER journal_{table}_changed AFTER UPDATE ON {table} BEGIN {note}; END;"
                    ))?;
                }
            }
            transaction.commit()
        })
    }

    /// The copy is lost: everything that is there counts as changed.
    pub fn journal_anew(&self) -> Result<(), Error> {
        self.with("begin the journal anew", |connection| {
            let transaction = connection.transaction()?;
            note_all(&transaction)?;
            transaction.commit()
        })
    }

    /// The oldest changes, at most so many, and up to which number they go.
    pub fn journal(&self, limit: usize) -> Result<(Vec<Row>, i64), Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.with("read the journal", |connection| {
            let mut statement =
                connection.prepare("SELECT sequence, source, key FROM journal ORDER BY sequence LIMIT ?")?;
            let noted: Vec<(i64, String, String)> = statement
                .query_map([limit], |it| Ok((it.get(0)?, it.get(1)?, it.get(2)?)))?
                .collect::<Result<_, _>>()?;
            let last = noted.last().map_or(0, |it| it.0);
            let mut rows = vec![];
            for (_, table, key) in noted {
                if table == "state" && SECRETS.contains(&key.as_str()) {
                    continue;
                }
                if let Some(value) = value_of(connection, &table, &key)? {
                    rows.push(Row { name: format!("{table}/{key}"), value });
                }
            }
            Ok((rows, last))
        })
    }

    /// The copy has everything up to this number.
    pub fn forget_journal(&self, up_to: i64) -> Result<(), Error> {
        self.with("shorten the journal", |connection| {
            connection.execute("DELETE FROM journal WHERE sequence <= ?", [up_to]).map(|_| ())
        })
    }

    fn put_row(&self, row: &Row) -> Result<(), Error> {
        let operation = "restore a row";
        let json = Error::json(operation);
        match row.name.split_once('/') {
            Some(("incidents", _)) => {
                self.save_incident(&serde_json::from_slice::<Incident>(&row.value).map_err(json)?)
            }
            Some(("plans", _)) => self.save_plan(&serde_json::from_slice::<Plan>(&row.value).map_err(json)?),
            Some(("changes", _)) => self.add_changes(&[serde_json::from_slice::<Change>(&row.value).map_err(json)?]),
            Some(("ledger", _)) => self.put_entry(&serde_json::from_slice(&row.value).map_err(json)?),
            Some(("state", name)) => self.put_state(name, &row.value),
            // A table of a later release.
            _ => Ok(()),
        }
    }

    fn put_entry(&self, entry: &LedgerEntry) -> Result<(), Error> {
        let LedgerEntry { sequence, time, actor, action, subject, detail, previous_hash, hash } = entry;
        let sequence = i64::try_from(*sequence).unwrap_or(i64::MAX);
        let fields = params![sequence, time.millis(), actor, action, subject, detail, previous_hash, hash];
        self.with("restore the ledger", |connection| {
            connection.execute("INSERT OR REPLACE INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)", fields).map(|_| ())
        })
    }

    fn anchor_at_the_end(&self) -> Result<(), Error> {
        let newest: Option<(i64, String)> = self.with("read the ledger", |connection| {
            let sql = "SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1";
            connection.query_row(sql, [], |it| Ok((it.get(0)?, it.get(1)?))).optional()
        })?;
        let Some((sequence, hash)) = newest else { return Ok(()) };
        self.anchor.write(&Anchor { sequence: sequence.cast_unsigned(), hash })
    }
}

fn note_all(connection: &Connection) -> rusqlite::Result<()> {
    TABLES.iter().try_for_each(|(table, key)| {
        let sql = "INSERT INTO journal (source, key) SELECT";
        connection.execute_batch(&format!("{sql} '{table}', {key} FROM {table} ORDER BY {key};"))
    })
}

fn value_of(connection: &Connection, table: &str, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let json = |sql: &str| connection.query_row(sql, [key], |it| it.get::<_, String>(0)).optional();
    Ok(match table {
        "incidents" => json("SELECT json FROM incidents WHERE id = ?")?.map(String::into_bytes),
        "plans" => json("SELECT json FROM plans WHERE id = ?")?.map(String::into_bytes),
        "changes" => json("SELECT json FROM changes WHERE id = ?")?.map(String::into_bytes),
        "state" => connection.query_row("SELECT value FROM state WHERE name = ?", [key], |it| it.get(0)).optional()?,
        _ => connection.query_row("SELECT * FROM ledger WHERE sequence = ?", [key], entry_of).optional()?,
    })
}

fn entry_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Vec<u8>> {
    let entry = LedgerEntry {
        sequence: row.get::<_, i64>(0)?.cast_unsigned(),
        time: Timestamp::from_millis(row.get(1)?),
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
        previous_hash: row.get(6)?,
        hash: row.get(7)?,
    };
    Ok(serde_json::to_vec(&entry).expect("texts and numbers are JSON"))
}

/// A value of a state that nobody has open; None if there is none.
pub fn peek(dir: &Path, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let path = dir.join(super::FILE);
    if !path.exists() {
        return Ok(None);
    }
    State::open(&path, &mut Recovery::default())?.get_state(name)
}

/// Makes a state of the rows of a copy, in place of the one in the directory, which is set aside.
///
/// # Errors
/// Somebody has it open, a row cannot be read, or the disk refuses; then the old state stays.
pub fn replace(dir: &Path, rows: &[Row]) -> Result<(), Error> {
    disk::make_dir(dir)?;
    let _lock = DirectoryLock::take(dir)?;
    let path = dir.join(super::FILE);
    let fresh = dir.join("state-restored.sqlite");
    let others = |of: &Path| {
        let anchor = of.with_extension("anchor");
        [disk::with_suffix(of, "-wal"), disk::with_suffix(of, "-shm"), anchor]
    };
    for it in others(&fresh).iter().chain([&fresh]) {
        disk::remove(it)?;
    }
    let state = State::open(&fresh, &mut Recovery::default())?;
    rows.iter().try_for_each(|it| state.put_row(it))?;
    state.anchor_at_the_end()?;
    state.with("restore the state", |it| it.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);"))?;
    drop(state);
    if path.exists() {
        disk::set_aside(&path)?;
    }
    for it in others(&path) {
        disk::remove(&it)?;
    }
    let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(Error::io("replace", to));
    rename(&fresh.with_extension("anchor"), &path.with_extension("anchor"))?;
    rename(&fresh, &path)?;
    disk::sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use signal::ChangeKind;

    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("sentinel-journal-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn open(dir: &Path) -> State {
        State::open(&dir.join(super::super::FILE), &mut Recovery::default()).unwrap()
    }

    fn change(title: &str) -> Change {
        let service = "pay".to_owned();
        let (kind, title) = (ChangeKind::Deploy, title.to_owned());
        Change { time: Timestamp::from_secs(5), service, kind, title, version: None }
    }

    #[test]
    fn a_copy_of_all_changes_is_the_same_state() {
        let (one, other) = (folder("one"), folder("other"));
        let state = open(&one);
        state.append_entry(Timestamp::from_secs(1), "sentinel", "before", "x", "{}").unwrap();
        state.begin_journal().unwrap();
        state.begin_journal().unwrap();
        let mut copy = BTreeMap::new();
        for round in 0..5_u8 {
            state.put_state("heard", &[round]).unwrap();
            state.put_state("approval-signing-key", b"secret").unwrap();
            state.add_changes(&[change("a"), change(&format!("b{round}"))]).unwrap();
            state.append_entry(Timestamp::from_secs(2), "ann", "plan.approved", "PLAN-1", "{}").unwrap();
            let (rows, up_to) = state.journal(1000).unwrap();
            assert!(rows.len() <= 5, "{rows:?}");
            state.forget_journal(up_to).unwrap();
            copy.extend(rows.into_iter().map(|it| (it.name, it.value)));
        }
        assert_eq!(state.journal(1000).unwrap().0, []);
        state.journal_anew().unwrap();
        assert_eq!(state.journal(1000).unwrap().0.len(), copy.len(), "what is told when the copy is lost");
        let rows: Vec<Row> = copy.into_iter().map(|(name, value)| Row { name, value }).collect();
        assert!(rows.iter().all(|it| !it.value.starts_with(b"secret")), "a key left the disk");
        // There was something else before.
        open(&other).put_state("heard", b"old").unwrap();
        replace(&other, &rows).unwrap();
        assert_eq!(peek(&other, "heard").unwrap(), Some(vec![4]));
        let restored = open(&other);
        assert_eq!(restored.get_state("approval-signing-key").unwrap(), None);
        assert_eq!(restored.entries(0, 0).unwrap(), state.entries(0, 0).unwrap());
        assert_eq!(restored.verify_ledger().unwrap(), 6, "the chain fits, up to its anchor");
        let all = |it: &State| it.changes(signal::TimeRange::ALL).unwrap();
        assert_eq!(all(&restored).len(), 6);
        fs::remove_dir_all(&one).unwrap();
        fs::remove_dir_all(&other).unwrap();
    }

    #[test]
    fn a_state_that_is_in_use_is_not_replaced() {
        let dir = folder("used");
        let _lock = DirectoryLock::take(&dir).unwrap();
        assert!(replace(&dir, &[]).is_err());
        assert_eq!(peek(&dir, "heard").unwrap(), None);
        fs::remove_dir_all(&dir).unwrap();
    }
}
