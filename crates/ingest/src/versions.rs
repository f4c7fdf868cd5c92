//! Which version does a service run, and since when? A version that was not there before is a deploy, as if somebody had
//! told of it.
//!
//! Versions are told by `service.version` of OpenTelemetry (with lines, spans and the series `target_info`), and by the
//! label `version` of series whose name ends in `build_info`, as programs of the Prometheus world have it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use signal::{Change, ChangeKind, Exemplar, HistogramSample, LogRecord, Meter, Metric, SeriesPoints, Span, Timestamp};

use crate::{Accepted, Alert, MetricMetadata, MonitorVerdict, Refused, Sink, Source};

/// Services that are looked after.
const MOST_SERVICES: usize = 10_000;
/// Versions that are remembered of a service; of more the one that was not seen for longest is forgotten.
const MOST_VERSIONS: usize = 16;
/// A version that was not seen for so long, while another was, comes back by a roll-back.
const GONE: Duration = Duration::from_secs(600);
/// The label that OpenTelemetry's attribute becomes.
const SERVICE_VERSION: &str = "service_version";
/// The series by which OpenTelemetry tells it, which stands for its lines and spans, too.
const OPENTELEMETRY: &str = "target_info";

/// Versions by service, each with the time when it was last seen.
#[derive(Debug, Default)]
pub struct Versions {
    state: Mutex<State>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// By origin and service: what is a version to one origin is none to another.
    services: BTreeMap<String, BTreeMap<String, Timestamp>>,
    /// When a deploy of a service was told last, and by which origin.
    told: BTreeMap<String, (String, Timestamp)>,
    #[serde(skip)]
    noticed: u64,
}

impl Versions {
    /// What was seen before, as [`Versions::save`] wrote it; nothing if it cannot be read.
    pub fn restore(saved: &[u8]) -> Self {
        Self { state: Mutex::new(serde_json::from_slice(saved).unwrap_or_default()) }
    }

    /// What was seen so far.
    pub fn save(&self) -> Vec<u8> {
        serde_json::to_vec(&*self.lock()).unwrap_or_default()
    }

    /// A service runs a version at an instant, as an origin says (the name of a metric, for example). The first version
    /// of a service is no change, and what two origins say of the same deploy is one.
    pub fn observe(&self, origin: &str, service: &str, version: &str, time: Timestamp) -> Option<Change> {
        if service.is_empty() || version.is_empty() {
            return None;
        }
        let mut state = self.lock();
        let (before, is_back) = state.news(format!("{origin} {service}"), version, time)?;
        let told = state.told.get(service);
        if told.is_some_and(|(by, at)| by != origin && time.secs_since(*at).abs() < GONE.as_secs_f64()) {
            return None;
        }
        if state.told.len() < MOST_SERVICES || state.told.contains_key(service) {
            state.told.insert(service.to_owned(), (origin.to_owned(), time));
        }
        state.noticed += 1;
        Some(deploy(service, version, &before, is_back, time))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The version before, and whether the new one comes back, if it is news.
    fn news(&mut self, key: String, version: &str, time: Timestamp) -> Option<(String, bool)> {
        let is_full = self.services.len() >= MOST_SERVICES;
        let Some(seen) = self.services.get_mut(&key) else {
            if !is_full {
                self.services.insert(key, BTreeMap::from([(version.to_owned(), time)]));
            }
            return None;
        };
        let last = seen.get(version).copied();
        let others = seen.iter().filter(|(it, _)| *it != version);
        let newest = others.max_by_key(|it| it.1).map(|(version, time)| (version.clone(), *time));
        if last.is_none_or(|it| it < time) {
            seen.insert(version.to_owned(), time);
        }
        let (before, since) = newest?;
        let is_back = last.is_some_and(|it| since > it && time.since(it) >= GONE);
        if last.is_some() && !is_back {
            return None;
        }
        if seen.len() > MOST_VERSIONS
            && let Some(oldest) = seen.iter().min_by_key(|it| it.1).map(|it| it.0.clone())
        {
            seen.remove(&oldest);
        }
        Some((before, is_back))
    }
}

fn deploy(service: &str, version: &str, before: &str, is_back: bool, time: Timestamp) -> Change {
    let title = if is_back { format!("Back to {version} from {before}") } else { format!("{version} after {before}") };
    Change { time, service: service.to_owned(), kind: ChangeKind::Deploy, title, version: Some(version.to_owned()) }
}

impl Meter for Versions {
    fn metrics(&self) -> Vec<Metric> {
        let state = self.lock();
        vec![
            Metric::counter(
                "sentinel_ingest_deploys_noticed_total",
                "Deploys known by a version that was not there before.",
                state.noticed,
            ),
            Metric::gauge(
                "sentinel_ingest_versioned_services",
                "Services whose version is known.",
                state.services.len() as f64,
            ),
        ]
    }
}

/// A sink that notices deploys in what passes.
pub struct Noticing {
    inner: Arc<dyn Sink>,
    versions: Arc<Versions>,
}

impl Noticing {
    /// Looks at what goes to a sink.
    pub fn new(inner: Arc<dyn Sink>, versions: Arc<Versions>) -> Self {
        Self { inner, versions }
    }

    /// Hands a batch on, then the deploys in it. That one is not stored is no reason to refuse the batch, which is.
    async fn pass(
        &self,
        changes: Vec<Change>,
        batch: BoxFuture<'_, Result<Accepted, Refused>>,
    ) -> Result<Accepted, Refused> {
        let accepted = batch.await?;
        if !changes.is_empty()
            && let Err(refused) = self.inner.changes(changes).await
        {
            tracing::warn!(%refused, "A deploy that was noticed is not stored.");
        }
        Ok(accepted)
    }

    fn of_series(&self, series: &SeriesPoints) -> Option<Change> {
        let name = series.labels.name();
        let label = match name {
            OPENTELEMETRY => SERVICE_VERSION,
            _ if name.ends_with("build_info") => "version",
            _ => return None,
        };
        // A mark of a series that ends is no sign of life.
        let newest = series.points.iter().rfind(|it| !it.value.is_nan())?;
        self.versions.observe(name, series.labels.service()?, series.labels.get(label)?, newest.time)
    }

    fn of_line(&self, line: &LogRecord) -> Option<Change> {
        self.versions.observe(OPENTELEMETRY, line.labels.service()?, line.metadata.get(SERVICE_VERSION)?, line.time)
    }

    fn of_span(&self, span: &Span) -> Option<Change> {
        self.versions.observe(
            OPENTELEMETRY,
            span.resource.service()?,
            span.resource.get(SERVICE_VERSION)?,
            span.start(),
        )
    }
}

impl Sink for Noticing {
    fn samples(&self, source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let changes: Vec<Change> = batch.iter().filter_map(|it| self.of_series(it)).collect();
        if changes.is_empty() {
            return self.inner.samples(source, batch);
        }
        Box::pin(self.pass(changes, self.inner.samples(source, batch)))
    }

    fn past(&self, source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        self.inner.past(source, batch)
    }

    fn histograms(&self, source: Source, batch: Vec<HistogramSample>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        self.inner.histograms(source, batch)
    }

    fn exemplars(&self, source: Source, batch: Vec<Exemplar>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        self.inner.exemplars(source, batch)
    }

    fn metadata(&self, batch: Vec<MetricMetadata>) {
        self.inner.metadata(batch);
    }

    fn logs(&self, source: Source, batch: Vec<LogRecord>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let changes = batch.iter().filter_map(|it| self.of_line(it)).collect();
        Box::pin(self.pass(changes, self.inner.logs(source, batch)))
    }

    fn spans(&self, source: Source, batch: Vec<Span>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let changes = batch.iter().filter_map(|it| self.of_span(it)).collect();
        Box::pin(self.pass(changes, self.inner.spans(source, batch)))
    }

    fn changes(&self, batch: Vec<Change>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        self.inner.changes(batch)
    }

    fn alerts(&self, batch: Vec<Alert>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        self.inner.alerts(batch)
    }

    fn monitor(&self, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<MonitorVerdict, Refused>> {
        self.inner.monitor(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + secs)
    }

    /// Guarantees: MUST 180 of docs/specs/ingest.md.
    #[test]
    fn a_new_version_is_a_deploy_once() {
        let versions = Versions::default();
        assert_eq!(versions.observe("o", "pay", "1.0", at(0)), None, "what runs already was not deployed now");
        let change = versions.observe("o", "pay", "1.1", at(60)).unwrap();
        assert_eq!((change.kind, change.time, change.version.as_deref()), (ChangeKind::Deploy, at(60), Some("1.1")));
        assert_eq!(change.title, "1.1 after 1.0");
        // A rollout: instances of both go on for a while.
        for second in 61..300 {
            assert_eq!(versions.observe("o", "pay", ["1.0", "1.1"][second % 2], at(second as i64)), None);
        }
        assert_eq!(versions.observe("o", "cart", "1.1", at(300)), None, "each service has versions of its own");
    }

    /// Guarantees: MUST 180 of docs/specs/ingest.md.
    #[test]
    fn a_version_that_comes_back_is_a_roll_back() {
        let versions = Versions::default();
        versions.observe("o", "pay", "1.0", at(0));
        versions.observe("o", "pay", "1.1", at(60));
        (60..2000).for_each(|second| _ = versions.observe("o", "pay", "1.1", at(second)));
        let versions = Versions::restore(&versions.save());
        assert_eq!(versions.observe("o", "pay", "1.0", at(2000)).unwrap().title, "Back to 1.0 from 1.1");
        assert_eq!(versions.observe("o", "pay", "1.0", at(2001)), None);
        // Silence of the whole service is none.
        assert_eq!(versions.observe("o", "pay", "1.0", at(90_000)), None);
        assert_eq!(Versions::restore(b"{").observe("o", "pay", "9", at(0)), None);
    }

    /// Guarantees: MUST 180 of docs/specs/ingest.md.
    #[test]
    fn what_two_origins_say_is_one_deploy() {
        let versions = Versions::default();
        versions.observe("kubernetes", "pay", "v1.0", at(0));
        assert_eq!(versions.observe("target_info", "pay", "1.0", at(1)), None);
        assert!(versions.observe("kubernetes", "pay", "v1.1", at(60)).is_some());
        assert_eq!(versions.observe("target_info", "pay", "1.1", at(70)), None);
        assert!(versions.observe("target_info", "pay", "1.2", at(4000)).is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let versions = Versions::default();
        (0..20_000).for_each(|it| _ = versions.observe("o", &format!("s{it}"), "1", at(0)));
        (0..100).for_each(|it| _ = versions.observe("o", "s1", &format!("v{it}"), at(it)));
        let state = versions.lock();
        assert_eq!(state.services.len(), MOST_SERVICES);
        assert!(state.services.values().all(|it| it.len() <= MOST_VERSIONS));
    }
}
