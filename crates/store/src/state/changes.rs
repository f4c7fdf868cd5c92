//! What was changed by people or pipelines?

use rusqlite::params;
use signal::{Change, PortError, TimeRange};

use super::{State, from_json, to_json};
use crate::Error;

impl State {
    /// Adds changes; one that is there already stays once. Durable when it returns.
    pub fn add_changes(&self, changes: &[Change]) -> Result<(), Error> {
        let operation = "save changes";
        let texts: Result<Vec<String>, Error> = changes.iter().map(|it| to_json(operation, it)).collect();
        let texts = texts?;
        self.with(operation, |connection| {
            let transaction = connection.transaction()?;
            for (change, json) in changes.iter().zip(&texts) {
                let mut statement = transaction.prepare("INSERT OR IGNORE INTO changes (time, json) VALUES (?, ?)")?;
                statement.execute(params![change.time.millis(), json])?;
            }
            transaction.commit()
        })
    }

    /// Changes in the range, in order of time.
    pub fn changes(&self, range: TimeRange) -> Result<Vec<Change>, PortError> {
        let operation = "read changes";
        let texts: Vec<String> = self
            .with(operation, |connection| {
                let mut statement =
                    connection.prepare("SELECT json FROM changes WHERE time BETWEEN ? AND ? ORDER BY time, id")?;
                statement.query_map([range.from.millis(), range.to.millis()], |it| it.get(0))?.collect()
            })
            .map_err(Error::port(operation))?;
        from_json(operation, &texts)
    }
}
