//! What does every handler have at hand? Ports, configuration, live events and counters.

use std::sync::Arc;

use maud::Markup;
use signal::{Labels, Meter as _, Metric, PortError, SeriesId, TimeRange, Timestamp};
use tracing::error;

use crate::error::Error;
use crate::sources::Looks;
use crate::traffic::Traffic;
use crate::{Config, Live, Ports};

/// The state of the server, shared by all handlers.
pub struct App {
    /// Where answers come from.
    pub ports: Arc<Ports>,
    /// Live events.
    pub live: Live,
    /// Names and limits.
    pub config: Config,
    /// Counters of requests.
    pub traffic: Traffic,
    /// What was counted when somebody looked at the intake.
    pub looks: Looks,
    /// Since when it answers.
    pub started: Timestamp,
}

impl App {
    /// Asks the ports on a thread that may block, because they touch the disk.
    pub async fn ask<T: Send + 'static>(
        self: Arc<Self>,
        question: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        match tokio::task::spawn_blocking(move || question(&self)).await {
            Ok(answer) => answer,
            Err(error) => {
                error!(%error, "Handler panicked.");
                Err(Error::Crashed)
            }
        }
    }

    /// The same for a page: data are read and the page is printed on that thread.
    pub async fn page(
        self: Arc<Self>,
        render: impl FnOnce(&Self) -> Result<Markup, Error> + Send + 'static,
    ) -> Result<axum::response::Html<String>, Error> {
        let markup = self.ask(render).await?;
        Ok(axum::response::Html(markup.into_string()))
    }

    /// The time that pages and relative ranges refer to.
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// What all stages count.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut all: Vec<Metric> = self.ports.meters.iter().flat_map(|it| it.metrics()).collect();
        all.extend(self.traffic.metrics());
        all.extend(self.live.metrics());
        all
    }

    /// The labels of a stored series.
    pub fn labels(&self, id: SeriesId) -> Result<Labels, Error> {
        self.ports.history.labels(id)?.ok_or_else(|| Error::not_found(format!("series {id}")))
    }

    /// The number of items asked for.
    pub fn limit(&self, wanted: Option<usize>) -> Result<usize, Error> {
        let limit = wanted.unwrap_or(self.config.page_size);
        let max = self.config.max_page_size;
        if limit == 0 || limit > max {
            return Err(Error::Unusable(format!("limit: must be 1 to {max}")));
        }
        Ok(limit)
    }

    /// The sequence of the ledger's last entry, found by doubling and halving, because sequences have no gaps.
    pub fn last_sequence(&self) -> Result<u64, PortError> {
        let is_beyond = |after: u64| -> Result<bool, PortError> { Ok(self.ports.ledger.entries(after, 1)?.is_empty()) };
        let mut high = 1;
        while !is_beyond(high)? {
            high *= 2;
        }
        let mut low = 0;
        while low < high {
            let middle = low + (high - low) / 2;
            if is_beyond(middle)? { high = middle } else { low = middle + 1 }
        }
        Ok(low)
    }

    /// Changes of the last day up to now.
    pub fn recent_changes(&self) -> Result<Vec<signal::Change>, PortError> {
        let day = std::time::Duration::from_secs(24 * 3600);
        self.ports.changes.changes(TimeRange::ending_at(self.now(), day))
    }
}
