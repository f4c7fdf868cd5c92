//! Where do stages keep small things over restarts? Bytes under a name: detector snapshots, offsets of tailed files.

use rusqlite::{OptionalExtension as _, params};

use super::State;
use crate::Error;

impl State {
    /// The bytes under a name, if there are any.
    pub fn get_state(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.with("read a value", |connection| {
            let mut statement = connection.prepare("SELECT value FROM state WHERE name = ?")?;
            statement.query_row([name], |it| it.get(0)).optional()
        })
    }

    /// Puts bytes under a name in place of those that were there; durable when it returns.
    pub fn put_state(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.with("save a value", |connection| {
            let mut statement = connection.prepare("INSERT OR REPLACE INTO state VALUES (?, ?)")?;
            statement.execute(params![name, bytes]).map(|_| ())
        })
    }
}
