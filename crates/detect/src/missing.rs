//! Which series have stopped, and is it one series or all of a service?

use signal::{Anomaly, AnomalyKind, Direction, Labels, Score, Severity, Timestamp};

use crate::config::Config;
use crate::series::Series;

/// What is missing is told again until it has been missing so long, in seconds.
const FORGET_SECS: f64 = 3600.0;

/// A service or a host, and its series in this shard.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// `{service="..."}` or `{host="..."}`.
    pub labels: Labels,
    /// Since when all of it is missing.
    pub missing_since: Option<Timestamp>,
    /// Series that came lately, series that are overdue, and the newest point, at this look.
    fresh: u32,
    overdue: u32,
    newest: Timestamp,
}

impl Owner {
    /// The owner of a series.
    pub fn of(labels: &Labels) -> Self {
        let pair = match (labels.service(), labels.host()) {
            (Some(service), _) => ("service", service),
            (None, Some(host)) => ("host", host),
            (None, None) => ("__name__", labels.name()),
        };
        Self { labels: Labels::new([pair]), missing_since: None, fresh: 0, overdue: 0, newest: Timestamp::MIN }
    }

    /// What is said about the whole owner.
    pub fn anomaly(&self, since: Timestamp, time: Timestamp, is_over: bool) -> Anomaly {
        let score = Score { value: 2.0, ..Score::warming_up(0.0) };
        Anomaly {
            labels: self.labels.clone(),
            kind: AnomalyKind::MissingData,
            direction: Direction::Below,
            onset: since,
            time,
            score,
            severity: Severity::Warning,
            is_over,
            explanation: String::new(),
        }
    }
}

/// Seconds without a point after which a series is overdue.
pub(crate) fn allowed_secs(series: &Series, config: &Config) -> f64 {
    (f64::from(config.missing_after_intervals) * series.interval_secs).max(f64::from(config.missing_after_secs))
}

/// Looks at all series and tells of those that have stopped.
pub(crate) fn look<'a>(
    series: impl Iterator<Item = &'a mut Series>,
    owners: &mut [Owner],
    now: Timestamp,
    config: &Config,
    out: &mut Vec<Anomaly>,
) {
    owners.iter_mut().for_each(|it| (it.fresh, it.overdue, it.newest) = (0, 0, Timestamp::MIN));
    let mut stopped = vec![];
    for it in series {
        end_silent_episode(it, now, config, out);
        let Some(owner) = owners.get_mut(it.owner as usize) else { continue };
        if it.is_of_past || !it.is_regular(config.missing_min_points) {
            continue;
        }
        let silent_secs = now.secs_since(it.newest);
        if silent_secs > allowed_secs(it, config) {
            owner.overdue += 1;
            owner.newest = owner.newest.max(it.newest);
            stopped.push(it);
        } else if silent_secs < (3.0 * it.interval_secs).max(5.0) {
            owner.fresh += 1;
        }
    }
    for it in stopped {
        // While the rest of the owner may be stopping too, nothing is said about one of its series.
        let is_alone = owners.get(it.owner as usize).is_some_and(|it| it.fresh > 0);
        let is_recent = now.secs_since(it.newest) < FORGET_SECS;
        if is_alone && it.rule.has_symptoms() && (is_recent || it.is_missing) {
            let onset = it.newest;
            out.push(Anomaly {
                is_over: !is_recent,
                ..it.describe(onset, now, AnomalyKind::MissingData, Direction::Below)
            });
            it.is_missing = is_recent;
        }
    }
    for owner in owners.iter_mut().filter(|it| it.overdue > 0 && it.fresh == 0) {
        let is_recent = now.secs_since(owner.newest) < FORGET_SECS;
        if is_recent || owner.missing_since.is_some() {
            let since = *owner.missing_since.get_or_insert(owner.newest);
            out.push(owner.anomaly(since, now, !is_recent));
        }
        if !is_recent {
            owner.missing_since = None;
        }
    }
}

/// A series has come again: it and its owner are no longer missing.
pub(crate) fn end(series: &mut Series, owner: &mut Owner, time: Timestamp, out: &mut Vec<Anomaly>) {
    if std::mem::take(&mut series.is_missing) {
        out.push(Anomaly { is_over: true, ..of_series(series, time) });
    }
    out.extend(owner.missing_since.take().map(|since| owner.anomaly(since, time, true)));
}

/// An episode of a series that no longer comes would never end by itself.
fn end_silent_episode(series: &mut Series, now: Timestamp, config: &Config, out: &mut Vec<Anomaly>) {
    if series.episode.open.is_none() {
        return;
    }
    let is_known = series.is_regular(config.missing_min_points);
    let allowed_secs =
        if is_known { allowed_secs(series, config) } else { f64::from(config.incidents.symptom_timeout_secs) };
    if now.secs_since(series.newest) > allowed_secs {
        out.extend(series.end_episode(series.newest));
    }
}

/// What is said about one series that has stopped.
pub(crate) fn of_series(series: &Series, time: Timestamp) -> Anomaly {
    series.describe(series.newest, time, AnomalyKind::MissingData, Direction::Below)
}
