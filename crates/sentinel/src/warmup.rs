//! What does the detector know after a restart? Its saved state, and the stored minutes since.

use std::sync::Arc;
use std::time::Duration;

use detect::{AlertBudgets, LogWatch, ServiceMap};
use ingest::Versions;
use signal::{
    History as _, Labels, LogQuery, LogSearch as _, PortError, SeriesId, SeriesPoints, SeriesQuery, TimeRange,
    Timestamp,
};
use store::Store;

use crate::shards::Shards;

/// Samples that are scored again after the state was restored; enough to leave the warm-up at one sample a second.
const SAMPLES: Duration = Duration::from_secs(600);
/// The same where there is no state: a week at one sample a minute, or as many samples if they come more often.
const HISTORY: Duration = Duration::from_secs(7 * 86_400);
const HISTORY_SAMPLES: usize = 10_080;
/// Log lines that are counted again.
const LOGS: Duration = Duration::from_secs(1800);
/// At most this many of them.
const LOG_LINES: usize = 50_000;
/// Where the state of the budgets is kept.
const BUDGETS: &str = "alert-budgets";
/// Where the kinds of log lines that were ever seen are saved.
const LOG_TEMPLATES: &str = "log-templates-seen";
/// Where the habits of logs are kept.
const LOG_HABITS: &str = "log-habits";
/// Where the log templates with their identities are kept.
const LOG_IDENTITIES: &str = "log-templates";

/// Where the versions of services are kept.
const VERSIONS: &str = "service-versions";

/// The versions that services ran when they were seen last.
pub fn versions(store: &Store) -> anyhow::Result<Arc<Versions>> {
    let saved = store.get_state(VERSIONS)?;
    Ok(Arc::new(saved.map_or_else(Versions::default, |it| Versions::restore(&it))))
}

/// Restores saved detector state and replays what was stored lately.
pub fn warm(
    store: &Arc<Store>,
    shards: &Shards,
    budgets: &AlertBudgets,
    log_watch: &LogWatch,
    map: &ServiceMap,
    now: Timestamp,
) -> anyhow::Result<()> {
    let is_restored = restore_shards(store, shards)?;
    if let Some(state) = store.get_state(BUDGETS)?
        && let Err(reason) = budgets.restore(&state)
    {
        tracing::warn!(%reason, "Saved alert budgets not used.");
    }
    if let Some(state) = store.get_state(LOG_IDENTITIES)?
        && let Err(reason) = log_watch.restore_templates(&state)
    {
        tracing::warn!(reason, "Saved log templates not used.");
    }
    if let Some(seen) = store.get_state(LOG_TEMPLATES)? {
        log_watch.restore(&seen);
    }
    if let Some(state) = store.get_state(LOG_HABITS)?
        && let Err(reason) = log_watch.restore_habits(&state)
    {
        tracing::warn!(reason, "Saved habits of logs not used.");
    }
    let range = TimeRange::ending_at(now, if is_restored { SAMPLES } else { HISTORY });
    shards.begin_rehearsal();
    let oldest = replay_samples(store, shards, map, range)?;
    // Only time that was watched says how many alerts there are in a day.
    let watched = oldest.map_or(TimeRange::new(now, now), |it| TimeRange::new(it, now));
    budgets.rehearse(shards.end_rehearsal(), watched);
    Ok(replay_logs(store, log_watch, now)?)
}

/// True if every shard has its state back.
fn restore_shards(store: &Store, shards: &Shards) -> anyhow::Result<bool> {
    let mut is_restored = true;
    for idx in 0..shards.len() {
        let restored = store.get_snapshot(&name(idx))?.map(|state| shards.restore(idx, &state));
        if let Some(Err(reason)) = &restored {
            tracing::warn!(shard = idx, reason, "Saved detector state not used.");
        }
        is_restored &= matches!(restored, Some(Ok(_)));
    }
    Ok(is_restored)
}

/// Scores stored samples again, each shard's in a thread of its own, and says when the oldest of them was.
fn replay_samples(
    store: &Store,
    shards: &Shards,
    map: &ServiceMap,
    range: TimeRange,
) -> Result<Option<Timestamp>, PortError> {
    let series = store.series(&SeriesQuery { matchers: vec![], range: Some(range), limit: 0 })?;
    series.iter().for_each(|labels| map.learn(labels));
    let replay = |mut part: Vec<Labels>| {
        part.sort_unstable_by_key(Labels::id);
        let ids: Vec<SeriesId> = part.iter().map(Labels::id).collect();
        let mut part = part.into_iter();
        let mut oldest = None;
        store.scan(&ids, range, &mut |_, mut points| {
            points.drain(..points.len().saturating_sub(HISTORY_SAMPLES));
            oldest = earlier(oldest, points.first().map(|it| it.time));
            if let Some(labels) = part.next() {
                shards.replay(&SeriesPoints { labels, points });
            }
        });
        oldest
    };
    // A thread for each shard, so that none waits for the lock of another.
    std::thread::scope(|scope| {
        let threads: Vec<_> = shards.parts(series).into_iter().map(|it| scope.spawn(|| replay(it))).collect();
        let is_dead = |_| PortError::Refused("a thread panicked while samples were scored again".to_owned());
        threads.into_iter().try_fold(None, |oldest, it| Ok(earlier(oldest, it.join().map_err(is_dead)?)))
    })
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    [a, b].into_iter().flatten().min()
}

/// Saves the state of all shards and budgets, the log templates and the versions of services.
pub fn save(
    store: &Store,
    shards: &Shards,
    budgets: &AlertBudgets,
    log_watch: &LogWatch,
    versions: &Versions,
) -> anyhow::Result<()> {
    store.put_state(VERSIONS, &versions.save())?;
    store.put_state(LOG_TEMPLATES, &log_watch.save())?;
    for idx in 0..shards.len() {
        store.put_snapshot(&name(idx), &mut shards.save(idx))?;
    }
    store.put_state(BUDGETS, &budgets.save())?;
    store.save_exemplars()?;
    store.put_state(LOG_IDENTITIES, &log_watch.save_templates())?;
    store.put_state(LOG_HABITS, &log_watch.save_habits())?;
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
        log_watch.replay(&hit.record);
    }
    Ok(())
}
