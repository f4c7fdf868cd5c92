//! Whose signals are they, and how much of this process may one tenant take? Series, streams and events per second,
//! each counted; what is over a limit is left out and told, with the label that makes the series so many.
//!
//! A tenant is named by the header `X-Scope-OrgID`, as Loki and Mimir have it, and becomes a label: so signals of Kafka,
//! MQTT and scraped targets have a tenant, too, once a rule or a target sets that label.

mod census;
mod config;
mod header;
mod limited;
mod population;
mod rate;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use signal::{Clock, Meter, Metric, Timestamp};

pub use self::census::{LabelUse, MetricUse};
pub use self::config::{TenantLimits, TenantOverride, TenantsConfig};
pub(crate) use self::header::tenant_of;
pub use self::limited::Limited;
use self::population::Population;
use self::rate::Rate;

/// The tenant of signals without the label.
pub const ANONYMOUS: &str = "anonymous";

/// All tenants that have sent something lately. Bounded by `tenants.max_tenants`.
pub struct Tenants {
    config: TenantsConfig,
    clock: Arc<dyn Clock>,
    known: RwLock<BTreeMap<Box<str>, Arc<Tenant>>>,
    /// When series that have not come again cease to count.
    next_turn: Mutex<Timestamp>,
    /// Batches of tenants that were one too many.
    turned_away: AtomicU64,
}

/// One tenant's use of this process.
struct Tenant {
    limits: TenantLimits,
    series: Population,
    streams: Population,
    rate: Mutex<Rate>,
    events: AtomicU64,
    throttled: AtomicU64,
}

/// How much a tenant uses, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantUse {
    /// Its name.
    pub name: String,
    /// What it may use.
    pub limits: TenantLimits,
    /// Series that came lately.
    pub series: u64,
    /// Log streams that came lately.
    pub streams: u64,
    /// Points, lines and spans taken since the start.
    pub events: u64,
    /// Points and lines of series and streams that were one too many, since the start.
    pub over_limit: u64,
    /// Batches refused because they came too fast, since the start.
    pub throttled: u64,
    /// Labels with most values among its series, the most first.
    pub labels: Vec<LabelUse>,
    /// Metrics with most series, the most first.
    pub metrics: Vec<MetricUse>,
}

/// Labels and metrics that are shown of a tenant.
const SHOWN: usize = 10;

impl Tenants {
    /// No tenant yet.
    pub fn new(config: &TenantsConfig, clock: Arc<dyn Clock>) -> Arc<Self> {
        let next_turn = Mutex::new(clock.now().plus(config.idle()));
        Arc::new(Self { config: config.clone(), clock, known: RwLock::default(), next_turn, turned_away: 0.into() })
    }

    /// What each tenant uses, by name.
    pub fn usage(&self) -> Vec<TenantUse> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, tenant)| tenant.usage(name)).collect()
    }

    /// The tenant of that name; None if there are too many already.
    fn get(&self, name: &str) -> Option<Arc<Tenant>> {
        if let Some(it) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(Arc::clone(it));
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(name) && known.len() >= self.config.max_tenants {
            self.turned_away.fetch_add(1, Relaxed);
            return None;
        }
        let new = || Arc::new(Tenant::new(self.config.limits_of(name), self.clock.now()));
        Some(Arc::clone(known.entry(name.into()).or_insert_with(new)))
    }

    /// Lets series that have not come for long cease to count, when it is time.
    fn turn(&self) {
        let now = self.clock.now();
        {
            let mut next = self.next_turn.lock().unwrap_or_else(PoisonError::into_inner);
            if now < *next {
                return;
            }
            *next = now.plus(self.config.idle());
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, it| {
            it.series.turn();
            it.streams.turn();
            it.series.count() + it.streams.count() > 0 || it.rate().is_in_use(now)
        });
    }
}

impl Tenant {
    fn new(limits: TenantLimits, now: Timestamp) -> Self {
        Self {
            series: Population::new(limits.max_series),
            streams: Population::new(limits.max_streams),
            rate: Mutex::new(Rate::new(limits.events_per_sec, now)),
            limits,
            events: 0.into(),
            throttled: 0.into(),
        }
    }

    fn rate(&self) -> std::sync::MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usage(&self, name: &str) -> TenantUse {
        TenantUse {
            name: name.to_owned(),
            limits: self.limits.clone(),
            series: self.series.count(),
            streams: self.streams.count(),
            events: self.events.load(Relaxed),
            over_limit: self.series.refused() + self.streams.refused(),
            throttled: self.throttled.load(Relaxed),
            labels: self.series.labels(SHOWN),
            metrics: self.series.metrics(SHOWN),
        }
    }
}

impl Meter for Tenants {
    fn metrics(&self) -> Vec<Metric> {
        const OVER: &str = "Points and lines left out, because their tenant has too many series or streams.";
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut metrics = vec![
            Metric::counter(
                "sentinel_ingest_tenants_turned_away_total",
                "Batches of tenants that were one too many.",
                self.turned_away.load(Relaxed),
            ),
            Metric::gauge("sentinel_ingest_tenants", "Tenants that sent something lately.", known.len() as f64),
        ];
        for (name, it) in &*known {
            let counter = |metric, help, value: u64| Metric::counter(metric, help, value).label("tenant", name);
            let gauge = |metric, help, value: u64| Metric::gauge(metric, help, value as f64).label("tenant", name);
            let events = it.events.load(Relaxed);
            metrics.extend([
                gauge("sentinel_ingest_tenant_series", "Series that came lately.", it.series.count()),
                gauge("sentinel_ingest_tenant_series_limit", "Most series of the tenant.", it.limits.max_series as u64),
                gauge("sentinel_ingest_tenant_streams", "Log streams that came lately.", it.streams.count()),
                counter("sentinel_ingest_tenant_events_total", "Points, lines and spans taken.", events),
                counter("sentinel_ingest_tenant_over_limit_total", OVER, it.series.refused()).label("kind", "series"),
                counter("sentinel_ingest_tenant_over_limit_total", OVER, it.streams.refused()).label("kind", "streams"),
                counter(
                    "sentinel_ingest_tenant_throttled_total",
                    "Batches that came too fast.",
                    it.throttled.load(Relaxed),
                ),
            ]);
        }
        metrics
    }
}
