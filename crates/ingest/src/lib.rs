//! How do bytes become signals? One file per protocol; decoders are pure, sockets and files are at the edge.
//!
//! Reading order: where signals go (`sink`) and what is counted (`counts`); the limits (`config`), what is refused
//! (`error`, `problem`); the pushed protocols (`http`, then one file each); the pulled ones (`scrape`, `host`, `kafka`, `tail`).

#![warn(missing_docs)]

mod config;
mod counts;
mod error;
mod problem;
mod sink;

mod admission;
mod body;
mod entrance;
mod exemplar;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod label_cache;
mod limits;
mod metadata;
mod names;
mod protobuf;

mod alertmanager;
mod changes;
mod influx;
mod loki;
mod loki_labels;
mod loki_protobuf;
mod monitor;
mod otlp;
mod preprocess;
mod remote_write;
mod tenants;
mod versions;
mod when;

mod exposition;
mod fetch;
mod hashed;
mod prometheus;
mod scrape;

mod host;
mod kafka;
mod kubernetes;
mod mqtt;
mod syslog;
mod tail;

pub use admission::{Admission, InFlight};
pub use alertmanager::{Alert, decode_alerts, decode_webhook as decode_alert_webhook};
pub use changes::decode as decode_changes;
pub use config::{Config, HostConfig, MqttConfig, MqttTopic, PrometheusConfig, ScrapeConfig, SyslogConfig, TailConfig};
pub use counts::{Alteration, Counts, ErrorKind};
pub use entrance::Entrance;
pub use error::{Error, FieldError};
pub use exposition::{Exposition, Format, ScrapedExemplar, ScrapedSample, parse as parse_exposition};
pub use host::{HostSampler, watch_host};
pub use http::router;
pub use influx::{Frame as InfluxFrame, Precision as InfluxPrecision, decode as decode_influx};
pub use kafka::{
    KafkaConfig, KafkaCounts, KafkaDecoder, KafkaFields, KafkaFormat, KafkaMessage, KafkaPorts, KafkaProtocol,
    KafkaSecurity, KafkaSignals, KafkaStart, Poison, PoisonReason, consume as consume_kafka, kafka_client,
    kafka_client_problems,
};
pub use kubernetes::{KubernetesConfig, KubernetesCounts, PodLabels, Pods, watch_pods};
pub use loki::decode_json as decode_loki_json;
pub use loki_protobuf::decode as decode_loki_protobuf;
pub use metadata::MetricMetadata;
pub use monitor::{Observation, decode as decode_monitor};
pub use mqtt::{MqttMessage, decode as decode_mqtt, mqtt};
pub use otlp::{Decoded, OtlpConfig, OtlpDecoder, OtlpReceiver, OtlpSignal, otlp_json_to_protobuf};
pub use preprocess::{
    LookupConfig, PreprocessConfig, Preprocessed, Preprocessor, RuleConfig, Secret, SignalKind, TableConfig, redacted,
    secrets,
};
pub use problem::{Problems, Reason};
pub use prometheus::{Cursors, Naming as PrometheusNaming, decode as decode_prometheus, prometheus};
pub use remote_write::{decode as decode_remote_write, decode_v2 as decode_remote_write_v2};
pub use scrape::{scrape, scraped};
pub use sink::{Accepted, MonitorVerdict, OverLimit, Refused, Sink, Source};
pub use syslog::{Arrival as SyslogArrival, SyslogSockets, bind_syslog, decode as decode_syslog, syslog};
pub use tail::{Offsets, Position, tail};
pub use tenants::{
    ANONYMOUS, LabelUse, Limited, MetricUse, TenantLimits, TenantOverride, TenantUse, Tenants, TenantsConfig,
};

pub use versions::{Noticing, Versions};
