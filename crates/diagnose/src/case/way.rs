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

#[cfg(test)]
mod tests {
    use super::super::{Case, Span, rank};

    /// Whom a shop's slow requests are blamed on: two of three ask a stock, without a span around that. From the begin on each
    /// takes `own` milliseconds more, and those that ask `way` more.
    fn blamed(own: f64, way: f64) -> String {
        let mut case = Case { at: 1_700_000_000_000, ..Case::default() };
        for second in -90..60_i64 {
            let (is_asking, is_late) = (second % 3 != 0, second >= 0);
            let more = if is_late { own + if is_asking { way } else { 0.0 } } else { 0.0 };
            let span = |id: &str, parent: &str, service: &str, millis: f64| Span {
                trace: second.to_string(),
                id: id.to_owned(),
                parent: parent.to_owned(),
                service: service.to_owned(),
                operation: "GET /".to_owned(),
                start: case.at + second * 1000,
                millis,
                ..Span::default()
            };
            let mut spans = vec![span("1", "", "shop", 20.0 + more + if is_asking { 10.0 } else { 0.0 })];
            spans.extend(is_asking.then(|| span("2", "1", "stock", 10.0)));
            case.spans.extend(spans);
        }
        rank(&case).causes.first().map(|it| it.service.clone()).unwrap_or_default()
    }

    /// Guarantees: MUST 847 of docs/specs/diagnosis.md.
    #[test]
    fn requests_that_ask_nobody_tell_a_slow_caller_from_a_slow_way() {
        assert_eq!(blamed(100.0, 0.0), "shop");
        assert_eq!(blamed(0.0, 100.0), "stock");
    }
}
