//! Which plans were made, and where do they stand?

use rusqlite::params;
use signal::{Plan, PortError};

use super::{State, from_json, to_json};
use crate::Error;

impl State {
    /// Saves a plan, new or changed; durable when it returns.
    pub fn save_plan(&self, plan: &Plan) -> Result<(), Error> {
        let operation = "save a plan";
        let json = to_json(operation, plan)?;
        self.with(operation, |connection| {
            let mut statement = connection.prepare("INSERT OR REPLACE INTO plans VALUES (?, ?, ?)")?;
            statement.execute(params![plan.id.0 as i64, plan.incident.0 as i64, json]).map(|_| ())
        })
    }

    /// All plans, oldest first.
    pub fn load_plans(&self) -> Result<Vec<Plan>, PortError> {
        let operation = "read plans";
        let texts: Vec<String> = self
            .with(operation, |connection| {
                let mut statement = connection.prepare("SELECT json FROM plans ORDER BY id")?;
                statement.query_map([], |it| it.get(0))?.collect()
            })
            .map_err(Error::port(operation))?;
        from_json(operation, &texts)
    }
}
