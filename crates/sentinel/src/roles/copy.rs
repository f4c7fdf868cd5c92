//! How does the next responder get the incidents when the disk of this one is gone? What changes in the state goes to a
//! compacted topic before it is said that the anomalies that led to it were heard.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use cluster::{NotSent, Outlet, Topics, row_records};
use store::{Row, Store};
use tokio::runtime::Handle;

use crate::config::Config;
use crate::roles::hearing;

/// Rows that are sent before it is waited for them.
const ROUND: usize = 500;

/// The way of the state into the topic.
pub struct BookCopy {
    topics: Topics,
    outlet: Outlet,
    runtime: Handle,
    /// Of this owner; 0 until it is one.
    term: Mutex<u64>,
}

impl BookCopy {
    /// Nothing is known yet of those before.
    pub fn new(topics: Topics, outlet: Outlet) -> Self {
        Self { topics, outlet, runtime: Handle::current(), term: Mutex::new(0) }
    }

    /// Reads what owners before have written, and makes the state in the directory of it if that is behind.
    pub fn restore(&self, config: &Config, dir: &Path) -> anyhow::Result<()> {
        let book = cluster::read_book(&config.cluster, &self.topics).context("cannot read the book of incidents")?;
        *self.term.lock().unwrap_or_else(PoisonError::into_inner) = book.term() + 1;
        let (rows, torn) = book.rows();
        for name in torn {
            tracing::warn!(name, "A row of the book is not there in full and is left out.");
        }
        let rows: Vec<Row> = rows.into_iter().map(|(name, value)| Row { name, value }).collect();
        let kept = format!("state/{}", hearing::POSITION);
        let copied = rows.iter().find(|it| it.name == kept).and_then(|it| hearing::position_of(&it.value));
        let own = store::peek_state(dir, hearing::POSITION).context("cannot look into the data directory")?;
        let own = own.and_then(|it| hearing::position_of(&it));
        if copied <= own {
            return Ok(());
        }
        tracing::info!(rows = rows.len(), ?copied, ?own, "The book of incidents comes from the topic.");
        store::replace_state(dir, &rows).context("cannot put the book of incidents in place")
    }

    /// From here on changes are noted; all that is there, if nobody has written a copy yet or it is lost.
    pub fn begin(&self, store: &Store) -> anyhow::Result<()> {
        store.begin_journal()?;
        let is_first = *self.term.lock().unwrap_or_else(PoisonError::into_inner) == 1;
        if is_first {
            store.journal_anew()?;
        }
        Ok(())
    }

    /// Sends all that has changed; it is with the brokers when this returns.
    pub fn send(&self, store: &Store) -> anyhow::Result<()> {
        loop {
            let (rows, up_to) = store.journal(ROUND)?;
            if up_to == 0 {
                return Ok(());
            }
            self.send_rows(&rows).context("the brokers have not taken the book of incidents")?;
            store.forget_journal(up_to)?;
        }
    }

    fn send_rows(&self, rows: &[Row]) -> Result<(), NotSent> {
        let term = *self.term.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ways = vec![];
        for row in rows {
            for record in row_records(term, &row.name, &row.value) {
                ways.push(self.outlet.send(&self.topics.book, 0, &record.key, &record.value)?);
            }
        }
        ways.into_iter().try_for_each(|it| self.runtime.block_on(it.arrived()).map(|_| ()))
    }
}
