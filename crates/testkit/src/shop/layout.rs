//! What does the shop consist of? Hosts, services and who calls whom.

/// The time of one compressed day, in simulated seconds.
pub(super) const DAY_SECS: f64 = 900.0;
/// Requests per second that enter the gateway in the middle of the day.
pub(super) const ENTRY_RPS: f64 = 120.0;
/// Cores of every host.
pub(super) const CORES: usize = 4;
/// The partner that is called but has no series of its own.
pub(super) const EXTERNAL: &str = "card-network";
/// The hosts.
pub(super) const HOSTS: [&str; 4] = ["web-1", "app-1", "app-2", "data-1"];

/// One outgoing dependency.
#[derive(Debug)]
pub(super) struct CallSpec {
    /// Who is called.
    pub(super) peer: &'static str,
    /// Calls per request of the caller.
    pub(super) share: f64,
    /// The caller gives up after this.
    pub(super) timeout_secs: f64,
}

/// One service in its normal state, in the middle of the day.
#[derive(Debug)]
pub(super) struct ServiceSpec {
    pub(super) name: &'static str,
    pub(super) host: &'static str,
    /// Share of the gateway's requests that reach it.
    pub(super) traffic: f64,
    /// Median of its own work, in milliseconds, without what it calls.
    pub(super) own_ms: f64,
    /// CPU, in percent of one core.
    pub(super) cpu_percent: f64,
    pub(super) memory_mb: f64,
    pub(super) memory_limit_mb: f64,
    /// Size of its database pool; 0 if it has none.
    pub(super) pool_max: f64,
    pub(super) version: &'static str,
    pub(super) calls: &'static [CallSpec],
}

const fn call(peer: &'static str, share: f64, timeout_secs: f64) -> CallSpec {
    CallSpec { peer, share, timeout_secs }
}

/// The services; callees stand before their callers, so that one pass carries trouble up the call graph.
#[rustfmt::skip]
pub(super) const SERVICES: [ServiceSpec; 8] = [
    ServiceSpec { name: "inventory", host: "data-1", traffic: 0.65, own_ms: 9.0, cpu_percent: 38.0, memory_mb: 820.0,
        memory_limit_mb: 1800.0, pool_max: 50.0, version: "2.7.1", calls: &[] },
    ServiceSpec { name: "payments", host: "data-1", traffic: 0.16, own_ms: 22.0, cpu_percent: 26.0, memory_mb: 640.0,
        memory_limit_mb: 1400.0, pool_max: 40.0, version: "5.2.0", calls: &[call("card-network", 1.0, 2.0)] },
    ServiceSpec { name: "shipping", host: "app-2", traffic: 0.16, own_ms: 18.0, cpu_percent: 18.0, memory_mb: 520.0,
        memory_limit_mb: 1200.0, pool_max: 30.0, version: "1.9.4", calls: &[] },
    ServiceSpec { name: "catalog", host: "app-1", traffic: 0.80, own_ms: 12.0, cpu_percent: 46.0, memory_mb: 900.0,
        memory_limit_mb: 2000.0, pool_max: 50.0, version: "3.4.0", calls: &[call("inventory", 0.4, 2.0)] },
    ServiceSpec { name: "cart", host: "app-1", traffic: 0.35, own_ms: 8.0, cpu_percent: 24.0, memory_mb: 610.0,
        memory_limit_mb: 1400.0, pool_max: 40.0, version: "4.0.3", calls: &[call("inventory", 0.5, 2.0)] },
    ServiceSpec { name: "recommendations", host: "web-1", traffic: 0.45, own_ms: 25.0, cpu_percent: 42.0, memory_mb: 1100.0,
        memory_limit_mb: 2400.0, pool_max: 0.0, version: "0.18.2", calls: &[call("catalog", 0.3, 1.5)] },
    ServiceSpec { name: "checkout", host: "app-2", traffic: 0.16, own_ms: 30.0, cpu_percent: 34.0, memory_mb: 760.0,
        memory_limit_mb: 1600.0, pool_max: 40.0, version: "6.1.0", calls: &[call("cart", 1.0, 2.5), call("payments", 1.0, 4.0),
            call("shipping", 1.0, 2.0), call("inventory", 1.0, 2.0)] },
    ServiceSpec { name: "gateway", host: "web-1", traffic: 1.0, own_ms: 4.0, cpu_percent: 40.0, memory_mb: 430.0,
        memory_limit_mb: 1000.0, pool_max: 0.0, version: "8.3.5", calls: &[call("catalog", 0.65, 3.0), call("cart", 0.35, 3.0),
            call("checkout", 0.16, 6.0), call("recommendations", 0.45, 2.0)] },
];

/// True if there is a service of this name.
pub(super) fn is_service(name: &str) -> bool {
    SERVICES.iter().any(|it| it.name == name)
}

/// True if there is a host of this name.
pub(super) fn is_host(name: &str) -> bool {
    HOSTS.contains(&name)
}

/// True if `caller` calls `peer`.
pub(super) fn is_call(caller: &str, peer: &str) -> bool {
    SERVICES.iter().any(|it| it.name == caller && it.calls.iter().any(|call| call.peer == peer))
}

/// The services of a host.
pub(super) fn services_on(host: &str) -> impl Iterator<Item = &'static str> {
    SERVICES.iter().filter(move |it| it.host == host).map(|it| it.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callees_stand_before_their_callers_and_hosts_exist() {
        for (idx, service) in SERVICES.iter().enumerate() {
            assert!(is_host(service.host));
            for call in service.calls {
                assert!(
                    call.peer == EXTERNAL || SERVICES[..idx].iter().any(|it| it.name == call.peer),
                    "{}",
                    call.peer
                );
            }
        }
        assert!(HOSTS.iter().all(|host| services_on(host).count() > 0));
    }
}
