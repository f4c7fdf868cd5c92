//! Which incidents were there?

use std::sync::PoisonError;

use rusqlite::params;
use signal::{Incident, IncidentFilter, IncidentId, PortError};

use super::{State, from_json, to_json};
use crate::Error;

impl State {
    /// Saves an incident, new or changed; durable when it returns.
    pub fn save_incident(&self, incident: &Incident) -> Result<(), Error> {
        let operation = "save an incident";
        let json = to_json(operation, incident)?;
        let services = to_json(operation, &incident.services)?;
        let status = to_json(operation, &incident.status)?;
        let (id, started_at) = (incident.id.0 as i64, incident.started_at.millis());
        self.with(operation, |connection| {
            let mut statement = connection.prepare("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?)")?;
            statement.execute(params![id, status, started_at, services, json]).map(|_| ())
        })
    }

    /// An id that was never given out before.
    pub fn next_incident_id(&self) -> Result<IncidentId, Error> {
        let newest: i64 = self.with("read the newest incident", |connection| {
            connection.query_row("SELECT coalesce(max(id), 0) FROM incidents", [], |it| it.get(0))
        })?;
        let mut given = self.given_incident.lock().unwrap_or_else(PoisonError::into_inner);
        *given = (*given).max(newest as u64) + 1;
        Ok(IncidentId(*given))
    }

    /// Incidents, newest first.
    pub fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, PortError> {
        let operation = "read incidents";
        let status = filter.status.map(|it| to_json(operation, &it)).transpose().map_err(Error::port(operation))?;
        let before = filter.before.map_or(i64::MAX, |it| i64::try_from(it.0).unwrap_or(i64::MAX));
        let limit = if filter.limit == 0 { -1 } else { i64::try_from(filter.limit).unwrap_or(-1) };
        let sql = "SELECT json FROM incidents WHERE id < ?1 AND (?2 IS NULL OR status = ?2) \
                   AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(services) WHERE value = ?3)) \
                   ORDER BY id DESC LIMIT ?4";
        let texts: Vec<String> = self
            .with(operation, |connection| {
                let mut statement = connection.prepare(sql)?;
                let rows = statement.query_map(params![before, status, filter.service, limit], |it| it.get(0))?;
                rows.collect()
            })
            .map_err(Error::port(operation))?;
        from_json(operation, &texts)
    }

    /// One incident.
    pub fn incident(&self, id: IncidentId) -> Result<Incident, PortError> {
        let operation = "read an incident";
        let texts: Vec<String> = self
            .with(operation, |connection| {
                let mut statement = connection.prepare("SELECT json FROM incidents WHERE id = ?")?;
                statement.query_map([i64::try_from(id.0).unwrap_or(-1)], |it| it.get(0))?.collect()
            })
            .map_err(Error::port(operation))?;
        from_json(operation, &texts)?.pop().ok_or_else(|| PortError::NotFound(id.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::env;

    use signal::{IncidentStatus, Severity, Timestamp};

    use super::*;
    use crate::Recovery;

    fn incident(id: IncidentId, service: &str, status: IncidentStatus) -> Incident {
        Incident {
            id,
            status,
            severity: Severity::Warning,
            title: format!("{service} is slow"),
            services: vec![service.to_owned()],
            started_at: Timestamp::from_secs(1),
            detected_at: Timestamp::from_secs(2),
            ended_at: None,
            symptoms: vec![],
            diagnosis: None,
            plans: vec![],
            timeline: vec![],
            feedback: None,
        }
    }

    #[test]
    fn incidents_are_filtered_and_survive() {
        // With a folder of its own, because SQLite has more than one file.
        let folder = env::temp_dir().join(format!("store-incidents-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("state.sqlite");
        let state = State::open(&path, &mut Recovery::default()).unwrap();
        let ids = [state.next_incident_id().unwrap(), state.next_incident_id().unwrap()];
        assert_eq!(ids, [IncidentId(1), IncidentId(2)]);
        state.save_incident(&incident(ids[0], "pay", IncidentStatus::Open)).unwrap();
        state.save_incident(&incident(ids[1], "cart", IncidentStatus::Open)).unwrap();
        state.save_incident(&incident(ids[0], "pay", IncidentStatus::Resolved)).unwrap();
        drop(state);
        let state = State::open(&path, &mut Recovery::default()).unwrap();
        let found = |filter: IncidentFilter| -> Vec<u64> {
            state.incidents(&filter).unwrap().iter().map(|it| it.id.0).collect()
        };
        assert_eq!(found(IncidentFilter::default()), [2, 1]);
        assert_eq!(found(IncidentFilter { status: Some(IncidentStatus::Open), ..Default::default() }), [2]);
        assert_eq!(found(IncidentFilter { service: Some("pay".to_owned()), ..Default::default() }), [1]);
        assert_eq!(found(IncidentFilter { before: Some(IncidentId(2)), ..Default::default() }), [1]);
        assert_eq!(found(IncidentFilter { limit: 1, ..Default::default() }), [2]);
        assert_eq!(state.incident(ids[0]).unwrap().status, IncidentStatus::Resolved);
        let missing = state.incident(IncidentId(9)).unwrap_err().to_string();
        assert_eq!(missing, "INC-9 does not exist");
        assert_eq!(state.next_incident_id().unwrap(), IncidentId(3));
        drop(state);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
