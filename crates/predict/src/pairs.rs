//! Which answer belongs to which request? Halves wait for each other by id, bounded in number, memory and time.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use signal::{FeatureValue, Inference, Meter, Metric, Timestamp};

use crate::payload;

/// Halves that wait at most.
const MOST: usize = 20_000;
/// Memory of the bodies that wait, as their JSON.
const MOST_BYTES: usize = 32 << 20;
/// How long a half waits.
const PATIENCE: Duration = Duration::from_secs(300);

/// A request or an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Half {
    /// What both have in common.
    pub id: Arc<str>,
    /// The model.
    pub model: Arc<str>,
    /// Its version, if it is known.
    pub version: Arc<str>,
    /// When it was seen.
    pub time: Timestamp,
    /// What it is.
    pub part: Part,
}

/// A body.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// What was asked.
    Request(Value),
    /// What was answered.
    Response(Value),
}

/// Halves that wait.
#[derive(Default)]
pub struct Pairs {
    state: Mutex<State>,
    joined: AtomicU64,
    alone: AtomicU64,
    unreadable: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Arc<str>, (Half, usize)>,
    order: VecDeque<(Arc<str>, Timestamp)>,
    bytes: usize,
}

impl State {
    fn remove(&mut self, id: &str) -> Option<Half> {
        let (half, size) = self.waiting.remove(id)?;
        self.bytes -= size;
        Some(half)
    }
}

impl Pairs {
    /// The predictions that are complete with this half; it waits if there are none. Halves that waited too long, or
    /// whose room is needed, are given up and counted.
    pub fn join(&self, half: Half, now: Timestamp) -> Vec<Inference> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_other = |it: &Half| matches!(it.part, Part::Request(_)) != matches!(half.part, Part::Request(_));
        let partner =
            if state.waiting.get(&half.id).is_some_and(|it| is_other(&it.0)) { state.remove(&half.id) } else { None };
        let Some(partner) = partner else {
            self.wait(&mut state, half, now);
            return vec![];
        };
        drop(state);
        let (request, response) = if matches!(half.part, Part::Request(_)) { (half, partner) } else { (partner, half) };
        let rows = rows(&request, &response);
        self.joined.fetch_add(rows.len() as u64, Ordering::Relaxed);
        if rows.is_empty() {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
        }
        rows
    }

    fn wait(&self, state: &mut State, half: Half, now: Timestamp) {
        let size = size(&half);
        let oldest = now.minus(PATIENCE);
        let mut given_up = 0;
        while let Some((_, since)) = state.order.front() {
            let is_full = state.waiting.len() >= MOST || state.bytes + size > MOST_BYTES;
            if !is_full && *since >= oldest {
                break;
            }
            if let Some((id, _)) = state.order.pop_front() {
                // One that has found its other half is not there any more.
                given_up += u64::from(state.remove(&id).is_some());
            }
        }
        if let Some((_, old)) = state.waiting.insert(Arc::clone(&half.id), (half.clone(), size)) {
            state.bytes -= old;
            given_up += 1;
        }
        state.bytes += size;
        state.order.push_back((half.id, now));
        self.alone.fetch_add(given_up, Ordering::Relaxed);
    }
}

fn size(half: &Half) -> usize {
    let (Part::Request(body) | Part::Response(body)) = &half.part;
    256 + half.id.len() + nodes(body)
}

/// About the memory of a value.
fn nodes(value: &Value) -> usize {
    match value {
        Value::String(it) => 32 + it.len(),
        Value::Array(list) => 32 + list.iter().map(nodes).sum::<usize>(),
        Value::Object(object) => 32 + object.iter().map(|(key, value)| 64 + key.len() + nodes(value)).sum::<usize>(),
        _ => 32,
    }
}

/// One prediction per row of the request.
pub fn rows(request: &Half, response: &Half) -> Vec<Inference> {
    let (Part::Request(asked), Part::Response(answered)) = (&request.part, &response.part) else { return vec![] };
    let (Some(features), Some(told)) = (payload::rows(asked), payload::told(answered)) else { return vec![] };
    let n = features.len();
    let latency_ms = response.time.secs_since(request.time).max(0.0) * 1000.0;
    let row = |(idx, (features, told)): (usize, (payload::Features, payload::Told))| Inference {
        id: if n == 1 { Arc::clone(&request.id) } else { format!("{}-{idx}", request.id).into() },
        time: request.time,
        model: Arc::clone(&request.model),
        version: Arc::clone(&request.version),
        features,
        prediction: told.prediction,
        probability: told.probability,
        probabilities: told.probabilities,
        latency_ms,
        is_shadow: false,
    };
    let told = told
        .into_iter()
        .chain(std::iter::repeat(payload::Told { prediction: FeatureValue::Missing, ..payload::Told::default() }));
    features.into_iter().zip(told).enumerate().map(row).collect()
}

impl Meter for Pairs {
    fn metrics(&self) -> Vec<Metric> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let get = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let unreadable = "Requests with answers in no known shape.";
        vec![
            Metric::counter("sentinel_predict_pairs_joined_total", "Predictions of events joined.", get(&self.joined)),
            Metric::counter("sentinel_predict_pairs_alone_total", "Events without their other half.", get(&self.alone)),
            Metric::counter("sentinel_predict_pairs_unreadable_total", unreadable, get(&self.unreadable)),
            Metric::gauge("sentinel_predict_pairs_waiting", "Events that wait.", state.waiting.len() as f64),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn half(id: &str, secs: i64, part: Part) -> Half {
        Half { id: id.into(), model: "m".into(), version: "".into(), time: Timestamp::from_secs(secs), part }
    }

    fn request(id: &str, secs: i64) -> Half {
        half(id, secs, Part::Request(json!({"instances": [{"a": 1}, {"a": 2}]})))
    }

    fn response(id: &str, secs: i64) -> Half {
        half(id, secs, Part::Response(json!({"predictions": [1, 0]})))
    }

    #[test]
    fn halves_join_in_either_order() {
        let pairs = Pairs::default();
        let now = Timestamp::from_secs(10);
        assert!(pairs.join(request("x", 10), now).is_empty());
        let rows = pairs.join(response("x", 11), now);
        let told: Vec<(&str, Option<f64>, f64)> =
            rows.iter().map(|it| (&*it.id, it.prediction.as_number(), it.latency_ms)).collect();
        assert_eq!(told, [("x-0", Some(1.0), 1000.0), ("x-1", Some(0.0), 1000.0)]);
        assert!(pairs.join(response("y", 10), now).is_empty());
        assert_eq!(pairs.join(request("y", 10), now).len(), 2);
        assert!(pairs.state.lock().unwrap().waiting.is_empty());
        assert_eq!(pairs.state.lock().unwrap().bytes, 0);
    }

    #[test]
    fn halves_that_stay_alone_are_given_up_and_counted() {
        let pairs = Pairs::default();
        for idx in 0..MOST + 5 {
            pairs.join(request(&idx.to_string(), 0), Timestamp::from_secs(0));
        }
        assert_eq!(pairs.alone.load(Ordering::Relaxed), 5);
        assert!(pairs.join(response("0", 1), Timestamp::from_secs(1)).is_empty(), "the oldest is gone");
        pairs.join(request("late", 1000), Timestamp::from_secs(1000));
        assert_eq!(pairs.state.lock().unwrap().waiting.len(), 1);
        assert!(pairs.alone.load(Ordering::Relaxed) as usize >= MOST);
    }
}
