//! What can be set about OpenTelemetry? Where it is taken, and which attributes become labels.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// OpenTelemetry's standard ports.
const GRPC: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4317);
const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4318);

/// OpenTelemetry (OTLP): metrics, logs and traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// Address for OTLP over gRPC; `null` turns it off. If the default address is taken by another program, that is
    /// logged and the rest goes on. Default: 127.0.0.1:4317.
    pub grpc: Option<SocketAddr>,
    /// Address for OTLP over HTTP beside the main one, which takes it too; `null` turns it off. If the default address
    /// is taken by another program, that is logged and the rest goes on. Default: 127.0.0.1:4318.
    pub http: Option<SocketAddr>,
    /// Attributes of resources that become labels of series and metadata of log lines, besides `service.name`
    /// (`service`), `service.instance.id` (`instance`) and `host.name` (`host`). Default: service.namespace,
    /// deployment.environment.name, k8s.namespace.name and k8s.pod.name.
    pub promote_resource_attributes: Vec<String>,
    /// How many series with delta temporality are added up to counters at the same time. Series that are not told any
    /// more are forgotten first. Default: 100000.
    pub max_delta_series: usize,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        let promoted = ["service.namespace", "deployment.environment.name", "k8s.namespace.name", "k8s.pod.name"];
        Self {
            grpc: Some(GRPC),
            http: Some(HTTP),
            promote_resource_attributes: promoted.map(str::to_owned).to_vec(),
            max_delta_series: 100_000,
        }
    }
}

impl OtlpConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.grpc.is_some_and(|it| it.port() != 0) && self.grpc == self.http {
            problems.push("http: must not be the address of grpc".to_owned());
        }
        if self.promote_resource_attributes.len() > 32 {
            problems.push("promote_resource_attributes: at most 32 can be labels".to_owned());
        }
        if self.max_delta_series == 0 {
            problems.push("max_delta_series: must be at least 1".to_owned());
        }
        problems
    }

    /// True if the address is the default one, which may be taken without harm.
    pub fn is_default(address: SocketAddr) -> bool {
        [GRPC, HTTP].contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_problems_name_their_key() {
        assert_eq!(OtlpConfig::default().validate(), Vec::<String>::new());
        let config = OtlpConfig { http: Some(GRPC), max_delta_series: 0, ..OtlpConfig::default() };
        assert_eq!(config.validate().len(), 2);
    }
}
