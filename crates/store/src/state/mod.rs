//! Where is what Sentinel itself decided? Incidents, plans, changes, the ledger and small values, in one SQLite file.
//!
//! Every write is a transaction that is synced before the call returns. The objects are JSON, with columns beside them
//! for what is searched. Beside it lies the anchor of the ledger.

mod anchor;
mod changes;
mod incidents;
mod journal;
mod ledger;
mod plans;
mod values;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use serde::Serialize;
use serde::de::DeserializeOwned;
use signal::{Clock as _, PortError, SystemClock};
use tracing::warn;

use self::anchor::AnchorFile;
pub use self::journal::{Row, peek, replace};
use crate::{Error, Recovery, disk};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    BEGIN;
    CREATE TABLE IF NOT EXISTS incidents (
        id INTEGER PRIMARY KEY, status TEXT NOT NULL, started_at INTEGER NOT NULL, services TEXT NOT NULL,
        json TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS incidents_by_status ON incidents (status);
    CREATE TABLE IF NOT EXISTS plans (id INTEGER PRIMARY KEY, incident INTEGER NOT NULL, json TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS changes (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, json TEXT NOT NULL UNIQUE);
    CREATE INDEX IF NOT EXISTS changes_by_time ON changes (time);
    CREATE TABLE IF NOT EXISTS ledger (
        sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        subject TEXT NOT NULL, detail TEXT NOT NULL, previous_hash TEXT NOT NULL, hash TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS ledger_by_subject ON ledger (subject);
    CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value BLOB NOT NULL);
    PRAGMA user_version = 1;
    COMMIT;
";

/// The name of the file in the data directory.
pub const FILE: &str = "state.sqlite";

/// The file.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    connection: Mutex<Connection>,
    anchor: AnchorFile,
    /// Ids that were given out and may not be saved yet.
    given_incident: Mutex<u64>,
}

impl State {
    /// Opens or makes the file; one that is corrupt is set aside, and an empty one takes its place.
    pub fn open(path: &Path, recovery: &mut Recovery) -> Result<Self, Error> {
        let connection = match connect(path) {
            Err(error) if error.is_corruption() => {
                warn!(path = %path.display(), %error, "State set aside.");
                recovery.set_aside.push(disk::set_aside(path)?);
                for suffix in ["-wal", "-shm"] {
                    disk::remove(&disk::with_suffix(path, suffix))?;
                }
                connect(path)?
            }
            other => other?,
        };
        let state = Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
            anchor: AnchorFile::beside(path),
            given_incident: Mutex::new(0),
        };
        state.begin_anchor(SystemClock.now())?;
        Ok(state)
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        disk::size(&self.path) + disk::size(&disk::with_suffix(&self.path, "-wal"))
    }

    /// How often the anchor of the ledger could not be moved.
    pub fn anchor_failures(&self) -> u64 {
        self.anchor.failures()
    }

    /// Runs statements and names the operation in an error.
    fn with<T>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        run(&mut self.lock()).map_err(Error::sqlite(operation))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |it| it.get(0))?;
        if verdict != "ok" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(rusqlite::Error::SqliteFailure(code, Some(verdict)));
        }
        connection.execute_batch(SCHEMA)?;
        Ok(connection)
    };
    open().map_err(Error::sqlite("open the state"))
}

/// An object as JSON.
fn to_json<T: Serialize>(operation: &'static str, object: &T) -> Result<String, Error> {
    serde_json::to_string(object).map_err(Error::json(operation))
}

/// Objects from JSON; one that cannot be read is an error that names the operation.
fn from_json<T: DeserializeOwned>(operation: &'static str, texts: &[String]) -> Result<Vec<T>, PortError> {
    let objects: Result<Vec<T>, _> = texts.iter().map(|it| serde_json::from_str(it)).collect();
    objects.map_err(Error::json(operation)).map_err(Error::port(operation))
}
