//! Why is it wrong? Ranked causes, each with the evidence it rests on.

use serde::{Deserialize, Serialize};

use crate::{CausalGraph, Evidence, EvidenceId, Timestamp};

/// The answer to "why": causes, best first, and the probability that none of them is right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// When it was made (data time).
    pub time: Timestamp,
    /// Best first; empty means no cause was found.
    pub causes: Vec<Cause>,
    /// 0 to 1.
    pub no_cause_confidence: f64,
    /// Everything that the causes cite.
    pub evidence: Vec<Evidence>,
    /// The way that the trouble took.
    #[serde(default)]
    pub graph: CausalGraph,
    /// How long it took, in milliseconds of wall time.
    pub took_ms: f64,
}

impl Diagnosis {
    /// The evidence a cause cites.
    pub fn evidence_of<'a>(&'a self, cause: &'a Cause) -> impl Iterator<Item = &'a Evidence> {
        self.evidence.iter().filter(|it| cause.evidence.contains(&it.id))
    }
}

/// One possible cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The service or host to blame.
    pub service: String,
    /// The signal that shows it best: a series, a template or a change.
    pub indicator: String,
    /// What sort of fault.
    pub fault: FaultClass,
    /// 0 to 1, calibrated.
    pub confidence: f64,
    /// One or two sentences for people, made by code from the evidence.
    pub summary: String,
    /// What it rests on; never empty.
    pub evidence: Vec<EvidenceId>,
}

/// What sort of fault it is; playbooks match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// One process takes the CPU.
    CpuHog,
    /// CPU is short without one process to blame.
    CpuSaturation,
    /// Memory grows and is not given back.
    MemoryLeak,
    /// A pool of connections, threads or handles is used up.
    PoolExhaustion,
    /// A new version or configuration brought it.
    BadDeploy,
    /// A disk fills or is full.
    DiskFilling,
    /// Something that is called does not answer in time.
    DependencyTimeout,
    /// More requests than the service can take.
    TrafficSurge,
    /// Network loss or delay.
    Network,
    /// A signal has stopped.
    MissingData,
    /// Errors rise without one of the patterns above.
    ErrorBurst,
    /// A model is asked other things than those it learned from.
    DataDrift,
    /// A model answers otherwise than it did.
    PredictionDrift,
    /// What a model learned is no longer true: its answers are worse.
    ConceptDrift,
    /// What a model is asked has other columns or types than it learned from.
    SchemaDrift,
    /// A value that cannot be true or has no pattern.
    Unknown,
}

impl FaultClass {
    /// Name in configuration and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CpuHog => "cpu_hog",
            Self::CpuSaturation => "cpu_saturation",
            Self::MemoryLeak => "memory_leak",
            Self::PoolExhaustion => "pool_exhaustion",
            Self::BadDeploy => "bad_deploy",
            Self::DiskFilling => "disk_filling",
            Self::DependencyTimeout => "dependency_timeout",
            Self::TrafficSurge => "traffic_surge",
            Self::Network => "network",
            Self::MissingData => "missing_data",
            Self::ErrorBurst => "error_burst",
            Self::DataDrift => "data_drift",
            Self::PredictionDrift => "prediction_drift",
            Self::ConceptDrift => "concept_drift",
            Self::SchemaDrift => "schema_drift",
            Self::Unknown => "unknown",
        }
    }
}
