//! Is a busy resource explained by more work? Then it is no fault.

use std::collections::HashMap;

use signal::{Anomaly, Direction, Labels, Role, Topology};

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

/// Anomalies of traffic, by where they are: for each service and host, and each direction, the largest share by which
/// traffic has moved. A storm of anomalies asks often, so that nothing is asked of each anomaly of traffic.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    services: HashMap<String, Shares>,
    hosts: HashMap<String, Shares>,
}

/// The largest share above and below.
type Shares = [Option<f64>; 2];

impl Loads {
    /// What is traffic among these.
    pub fn of<'a>(evidence: impl Iterator<Item = &'a Anomaly>) -> Self {
        let mut loads = Self::default();
        for anomaly in evidence.filter(|it| is_load(&it.labels)) {
            let places = [(&mut loads.services, anomaly.labels.service()), (&mut loads.hosts, anomaly.labels.host())];
            for (map, place) in places {
                let Some(place) = place else { continue };
                let shares = map.entry(place.to_owned()).or_default();
                if let Some(share) = shares.get_mut(side(anomaly.direction)) {
                    *share = Some(share.unwrap_or(0.0).max(relative(anomaly)));
                }
            }
        }
        loads
    }

    /// True if traffic of the same service, host or direct caller has moved to the same side, by a share that explains
    /// the anomaly's share within `factor`.
    pub fn explain(&self, anomaly: &Anomaly, factor: f64, topology: &dyn Topology) -> bool {
        let is_enough = |shares: Option<&Shares>| {
            let share = shares.and_then(|it| *it.get(side(anomaly.direction))?);
            share.is_some_and(|it| relative(anomaly) <= factor * it)
        };
        let labels = &anomaly.labels;
        if labels.service().is_some_and(|it| is_enough(self.services.get(it)))
            || labels.host().is_some_and(|it| is_enough(self.hosts.get(it)))
        {
            return true;
        }
        !self.services.is_empty()
            && labels
                .service()
                .is_some_and(|it| topology.callers(it).iter().any(|it| is_enough(self.services.get(it.as_str()))))
    }
}

fn side(direction: Direction) -> usize {
    match direction {
        Direction::Above => 0,
        Direction::Below => 1,
    }
}
