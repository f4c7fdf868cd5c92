//! Which names may a question use? Services and hosts of incidents, calls, templates and series, and the latest changes.

use std::collections::BTreeSet;
use std::time::Duration;

use signal::{Change, ChangeLog as _, IncidentFilter, PortError, SeriesQuery, TimeRange, Timestamp};

use super::AskDesk;

/// Changes that "the last deploy" may mean.
const CHANGES: Duration = Duration::from_secs(7 * 86_400);
/// Series whose names are looked at.
const MAX_SERIES: usize = 50_000;
/// Names at most.
const MAX_NAMES: usize = 5_000;
/// Incidents whose services are looked at.
const MAX_INCIDENTS: usize = 200;

/// Known names and changes.
pub struct Inventory {
    /// In order.
    pub services: Vec<String>,
    /// In order of time.
    pub changes: Vec<Change>,
}

impl AskDesk {
    /// What is known now.
    pub(super) fn inventory(&self, now: Timestamp) -> Result<Inventory, PortError> {
        let mut names = BTreeSet::new();
        names.extend(self.map.calls().into_iter().flat_map(|(from, to)| [from, to]));
        let filter = IncidentFilter { limit: MAX_INCIDENTS, ..IncidentFilter::default() };
        names.extend(self.responder.backlog().incidents(&filter)?.into_iter().flat_map(|it| it.services));
        let series = self.eyes.history.series(&SeriesQuery { limit: MAX_SERIES, ..SeriesQuery::default() })?;
        let owners = series.iter().flat_map(|it| [it.service(), it.host()]).flatten();
        names.extend(owners.map(str::to_owned));
        let changes = self.store.changes(TimeRange::ending_at(now, CHANGES))?;
        names.extend(changes.iter().map(|it| it.service.clone()));
        names.retain(|it| !it.is_empty() && it.len() <= 200);
        Ok(Inventory { services: names.into_iter().take(MAX_NAMES).collect(), changes })
    }
}
