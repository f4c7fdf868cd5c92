//! Who calls whom, and what was changed?

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use signal::{Change, SeriesQuery};

use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, Page, given, range};

/// Changes without a range: the last day.
const DEFAULT_SPAN: Duration = Duration::from_secs(24 * 3600);

/// A service and what is around it.
#[derive(Serialize)]
pub struct Neighborhood {
    service: String,
    callees: Vec<String>,
    callers: Vec<String>,
    /// The hosts it runs on.
    neighbors: Vec<String>,
}

/// Which part of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopologyQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /sentinel/v1/topology`.
pub async fn topology(
    State(app): State<Arc<App>>,
    Ask(query): Ask<TopologyQuery>,
) -> Result<Json<Page<Neighborhood>>, Error> {
    app.ask(move |app| {
        let page = Page::of(services(app)?, given(&query.cursor), app.limit(query.limit)?)?;
        let around = |service: String| Neighborhood {
            callees: app.ports.topology.callees(&service),
            callers: app.ports.topology.callers(&service),
            neighbors: app.ports.topology.neighbors(&service),
            service,
        };
        Ok(Page { items: page.items.into_iter().map(around).collect(), next_cursor: page.next_cursor })
    })
    .await
    .map(Json)
}

/// All services that series name.
fn services(app: &App) -> Result<BTreeSet<String>, Error> {
    let all = app.ports.history.series(&SeriesQuery::default())?;
    Ok(all.iter().filter_map(|it| it.service()).map(str::to_owned).collect())
}

/// Which changes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangesQuery {
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /sentinel/v1/changes`.
pub async fn changes(State(app): State<Arc<App>>, Ask(query): Ask<ChangesQuery>) -> Result<Json<Page<Change>>, Error> {
    app.ask(move |app| {
        let range = range(&query.from, &query.to, app.now(), DEFAULT_SPAN)?;
        Page::of(app.ports.changes.changes(range)?, given(&query.cursor), app.limit(query.limit)?)
    })
    .await
    .map(Json)
}
