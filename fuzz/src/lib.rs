//! Which decoders read foreign bytes, and what must hold of what they hand out? One target per decoder.
//!
//! `fuzz_targets/` gives them to libFuzzer; `tests/` gives them the saved inputs of `corpus/`, with no more than Rust.

#![warn(missing_docs)]

mod agents;
mod events;
mod holds;
mod metrics;
mod models;
mod otlp;
mod ours;
mod queries;

pub use agents::{claims, mcp_client, mcp_server, provider_streams, questions, runbooks};
pub use events::{alerts, kafka, loki_json, loki_protobuf, syslog};
pub use metrics::{exposition, influx, monitor, mqtt, prometheus_answer, remote_write_v1, remote_write_v2};
pub use models::{cloudevents, model_files, payloads, profiles, table_cells, tensors};
pub use otlp::{otlp_json, otlp_logs, otlp_metrics, otlp_traces};
pub use ours::{cluster_records, compressed, scenario, store_chunk, store_pack, store_wal};

pub use queries::promql;
use signal::Timestamp;

/// When everything arrives: nothing depends on the clock.
const ARRIVAL: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A target: bytes that must not break it.
pub type Target = fn(&[u8]);

/// All targets by the names of their files in `fuzz_targets/` and their folders in `corpus/`.
pub const TARGETS: [(&str, Target); 35] = [
    ("alerts", alerts),
    ("claims", claims),
    ("cloudevents", cloudevents),
    ("cluster_records", cluster_records),
    ("compressed", compressed),
    ("exposition", exposition),
    ("influx", influx),
    ("kafka", kafka),
    ("loki_json", loki_json),
    ("loki_protobuf", loki_protobuf),
    ("mcp_client", mcp_client),
    ("mcp_server", mcp_server),
    ("model_files", model_files),
    ("monitor", monitor),
    ("mqtt", mqtt),
    ("otlp_json", otlp_json),
    ("otlp_logs", otlp_logs),
    ("otlp_metrics", otlp_metrics),
    ("otlp_traces", otlp_traces),
    ("payloads", payloads),
    ("profiles", profiles),
    ("prometheus_answer", prometheus_answer),
    ("promql", promql),
    ("provider_streams", provider_streams),
    ("questions", questions),
    ("remote_write_v1", remote_write_v1),
    ("remote_write_v2", remote_write_v2),
    ("runbooks", runbooks),
    ("scenario", scenario),
    ("store_chunk", store_chunk),
    ("store_pack", store_pack),
    ("store_wal", store_wal),
    ("syslog", syslog),
    ("table_cells", table_cells),
    ("tensors", tensors),
];
