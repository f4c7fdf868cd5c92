//! Is a busy resource explained by more work? Then it is no fault.

use signal::{Anomaly, Labels, Role, Topology};

/// How far a point lies from what was expected, as a share of it.
pub(crate) fn relative(anomaly: &Anomaly) -> f64 {
    let score = &anomaly.score;
    (score.y - score.yhat).abs() / score.yhat.abs().max(f64::MIN_POSITIVE)
}

/// True if load can explain an anomaly of this role at all: resources, failures (they grow with requests) and metrics
/// whose meaning is not known; never latency or availability.
pub(crate) fn is_explainable(role: Role) -> bool {
    role.is_resource() || matches!(role, Role::Errors | Role::Other)
}

/// True if the series counts work. Bytes do not: a fault can move bytes too.
pub(crate) fn is_load(labels: &Labels) -> bool {
    Role::of(labels) == Role::Traffic && !labels.name().contains("bytes")
}

/// True if traffic of the same service, host or direct caller has moved to the same side, by a share that explains the
/// resource's share within `factor`.
pub(crate) fn explains(traffic: &Anomaly, anomaly: &Anomaly, factor: f64, topology: &dyn Topology) -> bool {
    is_load(&traffic.labels)
        && traffic.direction == anomaly.direction
        && relative(anomaly) <= factor * relative(traffic)
        && concerns(&traffic.labels, &anomaly.labels, topology)
}

fn concerns(traffic: &Labels, labels: &Labels, topology: &dyn Topology) -> bool {
    let is_same = |a: Option<&str>, b: Option<&str>| a.is_some() && a == b;
    let is_caller = || {
        labels
            .service()
            .zip(traffic.service())
            .is_some_and(|(it, caller)| topology.callers(it).iter().any(|it| it == caller))
    };
    is_same(traffic.service(), labels.service()) || is_same(traffic.host(), labels.host()) || is_caller()
}
