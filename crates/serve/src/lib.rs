//! HTTP API, web UI and /metrics.
