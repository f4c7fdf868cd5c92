//! What stands between the protocols and a sink? Limits of memory and of tenants, and the rules; the same before one
//! process that does all and before a gateway.

use std::sync::Arc;

use axum::Router;
use ingest::{
    Admission, Counts, Entrance, InFlight, KubernetesCounts, Limited, Noticing, OtlpReceiver, PodLabels, Pods,
    Preprocessed, Preprocessor, Sink, TenantUse, Tenants, Versions,
};
use serve::{IntakeStatus, NamedCount, TenantStatus};
use signal::{Clock, Meter};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;

/// The way in for everything that is pushed or fetched.
pub struct Front {
    /// Takes signals of all sources: through the rules, then through the limits.
    pub sink: Arc<dyn Sink>,
    /// What is done to signals before.
    pub preprocessor: Arc<Preprocessor>,
    /// Whose signals they are.
    pub tenants: Arc<Tenants>,
    /// Which versions services run.
    pub versions: Arc<Versions>,
    /// What the protocols count.
    pub counts: Arc<Counts>,
    /// The way in for OpenTelemetry.
    pub otlp: Arc<OtlpReceiver>,
    entrance: Entrance,
    kubernetes: Option<Kubernetes>,
}

/// What is known of pods.
struct Kubernetes {
    pods: Arc<Pods>,
    counts: Arc<KubernetesCounts>,
}

impl Front {
    /// Stands before a sink; `versions` are what was seen before.
    ///
    /// # Errors
    /// A table of the rules that cannot be read; the message names its key.
    pub fn before(
        sink: Arc<dyn Sink>,
        config: &Config,
        versions: Arc<Versions>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let preprocessor = Arc::new(Preprocessor::new(&config.preprocess).map_err(anyhow::Error::msg)?);
        let tenants = Tenants::new(&config.tenants, Arc::clone(&clock));
        let noticing = Arc::new(Noticing::new(sink, Arc::clone(&versions)));
        let limited = Arc::new(Limited::new(noticing, Arc::clone(&tenants)));
        let mut sink: Arc<dyn Sink> = Arc::new(Preprocessed::new(limited, Arc::clone(&preprocessor)));
        let kubernetes = config
            .kubernetes
            .enabled
            .then(|| Kubernetes { pods: Arc::new(Pods::new(&config.kubernetes.labels)), counts: Arc::default() });
        if let Some(it) = &kubernetes {
            sink = Arc::new(PodLabels::new(sink, Arc::clone(&it.pods)));
        }
        let counts = Arc::new(Counts::default());
        let entrance = Entrance {
            sink: Arc::clone(&sink),
            config: config.ingest.clone(),
            tenant_label: config.tenants.label.clone(),
            admission: Admission::new(config.ingest.max_in_flight_bytes),
            counts: Arc::clone(&counts),
            clock,
        };
        let otlp = OtlpReceiver::new(entrance.clone(), &config.otlp);
        Ok(Self { sink, preprocessor, tenants, versions, counts, otlp, entrance, kubernetes })
    }

    /// The routes of all pushed protocols.
    pub fn routes(&self) -> Router {
        ingest::router(self.entrance.clone()).merge(self.otlp.http_routes())
    }

    /// Follows the API of Kubernetes, if that is wanted.
    pub fn watch(&self, config: &Config, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
        let Some(Kubernetes { pods, counts }) = &self.kubernetes else { return };
        tasks.spawn(ingest::watch_pods(
            config.kubernetes.clone(),
            Arc::clone(pods),
            Arc::clone(&self.versions),
            Arc::clone(&self.sink),
            Arc::clone(counts),
            stopped.clone(),
        ));
    }

    /// What people see of it.
    pub fn senders(&self) -> Senders {
        Senders { tenants: Arc::clone(&self.tenants), admission: Arc::clone(&self.entrance.admission) }
    }

    /// What it counts.
    pub fn meters(&self) -> Vec<Arc<dyn Meter>> {
        let kubernetes = self.kubernetes.iter().map(|it| Arc::clone(&it.counts) as Arc<dyn Meter>);
        let mut meters: Vec<Arc<dyn Meter>> = vec![
            Arc::clone(&self.counts) as _,
            Arc::clone(&self.preprocessor) as _,
            Arc::clone(&self.tenants) as _,
            Arc::clone(&self.versions) as _,
            Arc::clone(&self.entrance.admission) as _,
        ];
        meters.extend(kubernetes);
        meters
    }
}

/// What people see of it.
pub struct Senders {
    tenants: Arc<Tenants>,
    admission: Arc<Admission>,
}

impl serve::Intake for Senders {
    fn intake(&self) -> IntakeStatus {
        let InFlight { now, most_so_far, limit, turned_away } = self.admission.in_flight();
        IntakeStatus {
            in_flight_bytes: now,
            in_flight_bytes_max: most_so_far,
            in_flight_bytes_limit: limit,
            turned_away,
            tenants: self.tenants.usage().into_iter().map(status).collect(),
        }
    }
}

fn status(it: TenantUse) -> TenantStatus {
    TenantStatus {
        name: it.name,
        series: it.series,
        max_series: it.limits.max_series as u64,
        streams: it.streams,
        max_streams: it.limits.max_streams as u64,
        events_per_sec: it.limits.events_per_sec,
        events: it.events,
        over_limit: it.over_limit,
        throttled: it.throttled,
        labels: it.labels.into_iter().map(|it| NamedCount { name: it.name, count: it.values }).collect(),
        metrics: it.metrics.into_iter().map(|it| NamedCount { name: it.name, count: it.series }).collect(),
    }
}
