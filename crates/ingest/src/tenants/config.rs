//! What can the operator set about tenants? Limits for all, and for some by name.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Tenants, as they are named by the header `X-Scope-OrgID`, and what each may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantsConfig {
    /// Label that the tenant's name becomes on series, log streams and spans. Default: "tenant".
    pub label: String,
    /// Tenants that may be there at the same time; what comes from one more is refused. Default: 1000.
    pub max_tenants: usize,
    /// Series and streams that have not come for so long no longer count, in seconds; it may take twice as long.
    /// Default: 1800 (half an hour).
    pub idle_secs: u64,
    /// What each tenant may use.
    pub limits: TenantLimits,
    /// What some tenants may use instead, by name: keys of `limits`. What comes without a tenant is `anonymous`.
    /// Default: none.
    pub overrides: BTreeMap<String, TenantOverride>,
}

/// What one tenant may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantLimits {
    /// Most series; points of more are left out, and the sender is told which label has most values.
    /// Default: 1000000.
    pub max_series: usize,
    /// Most log streams; lines of more are left out. Default: 100000.
    pub max_streams: usize,
    /// Most points, lines and spans a second, as a mean over five seconds; faster batches are answered with 429.
    /// 0 means any number. Default: 0.
    pub events_per_sec: u64,
}

/// What one tenant may use instead of what all may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantOverride {
    /// Most series. Default: as all.
    pub max_series: Option<usize>,
    /// Most log streams. Default: as all.
    pub max_streams: Option<usize>,
    /// Most events a second; 0 means any number. Default: as all.
    pub events_per_sec: Option<u64>,
}

impl Default for TenantsConfig {
    fn default() -> Self {
        Self {
            label: "tenant".to_owned(),
            max_tenants: 1000,
            idle_secs: 1800,
            limits: TenantLimits::default(),
            overrides: BTreeMap::new(),
        }
    }
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self { max_series: 1_000_000, max_streams: 100_000, events_per_sec: 0 }
    }
}

impl TenantsConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if !is_label_name(&self.label) {
            problems.push(format!("label: {:?} is not a name of a label (letters, digits and _)", self.label));
        }
        if !(1..=100_000).contains(&self.max_tenants) {
            problems.push(format!("max_tenants: {} is not in 1..100000", self.max_tenants));
        }
        if !(60..=7 * 86_400).contains(&self.idle_secs) {
            problems.push(format!("idle_secs: {} is not in 60..604800", self.idle_secs));
        }
        let named = self.overrides.keys().map(|name| (format!("overrides.{name}"), self.limits_of(name)));
        for (key, limits) in std::iter::once(("limits".to_owned(), self.limits.clone())).chain(named) {
            for (name, value) in [("max_series", limits.max_series), ("max_streams", limits.max_streams)] {
                if value == 0 {
                    problems.push(format!("{key}.{name}: must be at least 1"));
                }
            }
        }
        problems
    }

    pub(crate) fn limits_of(&self, tenant: &str) -> TenantLimits {
        let all = &self.limits;
        let own = self.overrides.get(tenant).cloned().unwrap_or_default();
        TenantLimits {
            max_series: own.max_series.unwrap_or(all.max_series),
            max_streams: own.max_streams.unwrap_or(all.max_streams),
            events_per_sec: own.events_per_sec.unwrap_or(all.events_per_sec),
        }
    }

    pub(crate) const fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_secs)
    }
}

fn is_label_name(text: &str) -> bool {
    let is_word = text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    is_word && !text.is_empty() && !text.starts_with(|it: char| it.is_ascii_digit()) && text != "__name__"
}
