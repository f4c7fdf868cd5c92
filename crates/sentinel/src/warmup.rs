//! What does the detector know after a restart? Its saved state, and the stored minutes since.

use std::sync::Arc;
use std::time::Duration;

use detect::{AlertBudgets, LogWatch, ServiceMap};
use signal::{History as _, LogQuery, LogSearch as _, PortError, SeriesPoints, SeriesQuery, TimeRange, Timestamp};
use store::Store;

use crate::shards::Shards;

/// Samples that are scored again; enough to leave the warm-up at one sample a second.
const SAMPLES: Duration = Duration::from_secs(600);
/// Log lines that are counted again.
const LOGS: Duration = Duration::from_secs(1800);
/// Where the state of the budgets is kept.
const BUDGETS: &str = "alert-budgets";
/// At most this many of them.
const LOG_LINES: usize = 50_000;

/// Restores saved detector state and replays what was stored lately.
pub fn warm(
    store: &Arc<Store>,
    shards: &Shards,
    budgets: &AlertBudgets,
    log_watch: &LogWatch,
    map: &ServiceMap,
    now: Timestamp,
) -> anyhow::Result<()> {
    for idx in 0..shards.len() {
        if let Some(state) = store.get_state(&name(idx))?
            && let Err(reason) = shards.restore(idx, &state)
        {
            tracing::warn!(shard = idx, reason, "Saved detector state not used.");
        }
    }
    if let Some(state) = store.get_state(BUDGETS)?
        && let Err(reason) = budgets.restore(&state)
    {
        tracing::warn!(%reason, "Saved alert budgets not used.");
    }
    let range = TimeRange::ending_at(now, SAMPLES);
    shards.begin_rehearsal();
    let query = SeriesQuery { matchers: vec![], range: Some(range), limit: 0 };
    for labels in store.series(&query)? {
        map.learn(&labels);
        let points = store.points(labels.id(), range)?;
        shards.replay(&SeriesPoints { labels, points });
    }
    budgets.rehearse(shards.end_rehearsal(), range);
    Ok(replay_logs(store, log_watch, now)?)
}

/// Saves the state of all shards and budgets.
pub fn save(store: &Store, shards: &Shards, budgets: &AlertBudgets) -> anyhow::Result<()> {
    for (idx, state) in shards.save().iter().enumerate() {
        store.put_state(&name(idx), state)?;
    }
    store.put_state(BUDGETS, &budgets.save())?;
    Ok(())
}

fn name(idx: usize) -> String {
    format!("detector-shard-{idx}")
}

fn replay_logs(store: &Arc<Store>, log_watch: &LogWatch, now: Timestamp) -> Result<(), PortError> {
    let query = LogQuery {
        text: String::new(),
        matchers: vec![],
        min_level: None,
        range: TimeRange::ending_at(now, LOGS),
        limit: LOG_LINES,
    };
    let hits = store.search(&query)?;
    for hit in hits.iter().rev() {
        log_watch.observe(&hit.record);
    }
    Ok(())
}
