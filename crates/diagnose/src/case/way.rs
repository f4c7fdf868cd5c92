//! Is a caller slow of its own, or the way to one whom it asks?
//!
//! Where callers write no span around each request to others, their own time and the time on the way are one. Requests that
//! ask somebody and requests of the same kind that do not tell them apart.

use std::collections::{BTreeMap, BTreeSet};

use super::requests::{Requests, Trait};
use super::window::Side;

/// Fewer requests without a call tell nothing.
const MIN_WITHOUT: usize = 3;

/// Logarithms of the own time of requests, before and during.
#[derive(Default)]
pub(crate) struct Times {
    pub(crate) before: Vec<f64>,
    pub(crate) during: Vec<f64>,
}

impl Times {
    fn add(&mut self, side: Side, value: f64) {
        if side == Side::Before { &mut self.before } else { &mut self.during }.push(value);
    }

    fn is_known(&self) -> bool {
        self.before.len() >= MIN_WITHOUT && self.during.len() >= MIN_WITHOUT
    }
}

/// Of requests of a kind, by each service that some of them ask: those that do, and those that do not. `traits` are in
/// order, and `own` tells the logarithm of a request's own time.
pub(crate) fn apart<'a>(requests: &Requests<'a>, kind: u32, own: impl Fn(f64) -> f64) -> Vec<(&'a str, Times, Times)> {
    let first = requests.traits.partition_point(|it| it.0 < kind);
    let of_kind = requests.traits.get(first..).unwrap_or_default().iter().take_while(|it| it.0 == kind);
    let mut asking: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (_, what, place) in of_kind {
        if let Trait::Call(callee) = what
            && let Some((service, _)) = requests.kinds.get(*callee as usize)
        {
            asking.entry(service).or_default().insert(*place);
        }
    }
    let split = |(service, asking): (&'a str, BTreeSet<u32>)| {
        let (mut with, mut without) = (Times::default(), Times::default());
        for (it, place) in requests.list.iter().zip(0..).filter(|it| it.0.kind == kind) {
            let side = if asking.contains(&place) { &mut with } else { &mut without };
            side.add(it.side, own(it.own_millis));
        }
        (service, with, without)
    };
    asking.into_iter().map(split).filter(|it| it.1.is_known() && it.2.is_known()).collect()
}
