//! Where do signals go? Into a `Sink`, which the composition root implements.

use futures_util::future::BoxFuture;

use signal::{Change, Exemplar, HistogramSample, IncidentId, LogRecord, SeriesPoints, Span};

use crate::{Alert, MetricMetadata};

/// Takes decoded signals. A batch is acknowledged (`Ok`) only when it is durable.
pub trait Sink: Send + Sync + 'static {
    /// Takes samples.
    fn samples(&self, source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>>;
    /// Takes samples of the past, such as the history of a series that is fetched: they are learned from, and nobody is
    /// told of what was unusual. They come before newer ones of the same series.
    fn past(&self, source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        self.samples(source, batch)
    }
    /// Takes exemplars of series whose samples were taken. A sink that keeps none drops them all.
    fn exemplars(&self, source: Source, batch: Vec<Exemplar>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let _ = source;
        Box::pin(std::future::ready(Ok(Accepted { dropped: batch.len() as u64, ..Accepted::default() })))
    }
    /// Takes native histograms, before the samples among which marks stand for them. A sink that keeps none drops them all.
    fn histograms(&self, source: Source, batch: Vec<HistogramSample>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let _ = source;
        Box::pin(std::future::ready(Ok(Accepted { dropped: batch.len() as u64, ..Accepted::default() })))
    }
    /// Hears what is said about metrics. Senders tell it again and again, so it may be forgotten.
    fn metadata(&self, batch: Vec<MetricMetadata>) {
        drop(batch);
    }
    /// Takes log lines.
    fn logs(&self, source: Source, batch: Vec<LogRecord>) -> BoxFuture<'_, Result<Accepted, Refused>>;
    /// Takes spans.
    fn spans(&self, source: Source, batch: Vec<Span>) -> BoxFuture<'_, Result<Accepted, Refused>>;
    /// Takes changes.
    fn changes(&self, batch: Vec<Change>) -> BoxFuture<'_, Result<Accepted, Refused>>;
    /// Takes alerts of other systems: new ones, ones that go on, and ones that have ended.
    fn alerts(&self, batch: Vec<Alert>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let refused = Refused::Failed(format!("{} alerts: this role does not look after incidents", batch.len()));
        Box::pin(std::future::ready(Err(refused)))
    }
    /// Takes one observation of `/monitor`: stores it, scores it at once and answers.
    fn monitor(&self, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<MonitorVerdict, Refused>>;
}

/// The way a signal came in; a closed set, used as a label of our own metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `POST /monitor`.
    Monitor,
    /// Loki push.
    Loki,
    /// Prometheus remote write.
    RemoteWrite,
    /// Scraped exposition target.
    Scrape,
    /// Followed log file.
    Tail,
    /// This host.
    Host,
    /// Our own API, for example changes.
    Api,
    /// OpenTelemetry over HTTP or gRPC.
    Otlp,
    /// Influx line protocol.
    Influx,
    /// Queries to a Prometheus-compatible server.
    Prometheus,
    /// Kafka topics.
    Kafka,
    /// MQTT topics.
    Mqtt,
    /// Syslog over UDP or TCP.
    Syslog,
    /// Alerts of Prometheus or Alertmanager.
    Alertmanager,
    /// Our own recording and alerting rules.
    Rules,
}

impl Source {
    /// All sources, in the order of their declaration.
    pub const ALL: [Self; 15] = [
        Self::Monitor,
        Self::Loki,
        Self::RemoteWrite,
        Self::Scrape,
        Self::Tail,
        Self::Host,
        Self::Api,
        Self::Otlp,
        Self::Influx,
        Self::Prometheus,
        Self::Kafka,
        Self::Mqtt,
        Self::Syslog,
        Self::Alertmanager,
        Self::Rules,
    ];

    /// Snake-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Loki => "loki",
            Self::RemoteWrite => "remote_write",
            Self::Scrape => "scrape",
            Self::Tail => "tail",
            Self::Host => "host",
            Self::Api => "api",
            Self::Otlp => "otlp",
            Self::Influx => "influx",
            Self::Prometheus => "prometheus",
            Self::Kafka => "kafka",
            Self::Mqtt => "mqtt",
            Self::Syslog => "syslog",
            Self::Alertmanager => "alertmanager",
            Self::Rules => "rules",
        }
    }
}

/// What became of an acknowledged batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Points, lines, spans or changes that are durable now.
    pub stored: u64,
    /// Those that were not kept: duplicates, too old, in the future. The sink counts the reasons.
    pub dropped: u64,
    /// How many of these were there already.
    pub duplicates: u64,
    /// Those that were left out because of a limit of their tenant, of which the sender must hear.
    pub over_limit: Option<Box<OverLimit>>,
}

impl Accepted {
    /// All of it was stored, or some was dropped.
    pub const fn new(stored: u64, dropped: u64) -> Self {
        Self { stored, dropped, duplicates: 0, over_limit: None }
    }
}

/// What is over a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverLimit {
    /// Points or lines.
    pub count: u64,
    /// Which limit, and what to do.
    pub detail: String,
}

/// What `/monitor` answers.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorVerdict {
    /// True if the observation is an anomaly.
    pub is_critical: bool,
    /// For people, for example "Normal".
    pub message: String,
    /// Deviation in robust standard deviations, with sign.
    pub z_score: f64,
    /// The incident's report.
    pub report: Option<String>,
    /// What a language model added to it, as far as it holds.
    pub investigation: Option<String>,
    /// The incident.
    pub incident: Option<IncidentId>,
}

/// Why a batch was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue is full; the sender waits and sends again.
    #[error("too busy, try again in {retry_after_secs} s")]
    Busy {
        /// Seconds to wait.
        retry_after_secs: u64,
    },
    /// The tenant sends more a second than it may; the sender waits and sends again.
    #[error("{detail}; try again in {retry_after_secs} s")]
    TooFast {
        /// Seconds to wait.
        retry_after_secs: u64,
        /// Which limit.
        detail: String,
    },
    /// The batch is wrong; sending it again is useless. The text names the field.
    #[error("{0}")]
    Invalid(String),
    /// Storing failed; the sender may try again, the operator looks at the log.
    #[error("cannot store: {0}")]
    Failed(String),
}

impl Refused {
    /// Seconds after which the same batch may be taken; None if there is nothing to wait for.
    pub const fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::Busy { retry_after_secs } | Self::TooFast { retry_after_secs, .. } => Some(*retry_after_secs),
            Self::Invalid(_) | Self::Failed(_) => None,
        }
    }
}
