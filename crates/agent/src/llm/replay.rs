//! What did the model say when it was asked this? The recorded answer, byte by byte, or a clear no.

use std::collections::{HashMap, VecDeque};
use std::io::BufRead;
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::record::{Line, digest};
use crate::{Ask, LlmError, Model, ModelError, Price, Turn, Usage};

/// Answers from a recording. The same request asked twice gets its answers in the order in which they were recorded.
pub struct Replay {
    name: String,
    price: Option<Price>,
    lines: Vec<Line>,
    left: Mutex<HashMap<String, VecDeque<usize>>>,
}

impl Replay {
    /// Reads what `Recorded` wrote. `price` gives the price of a model by its name.
    pub fn read(from: impl BufRead, price: impl Fn(&str) -> Option<Price>) -> Result<Self, LlmError> {
        let mut lines = vec![];
        for (idx, line) in from.lines().enumerate() {
            let bad = |reason: String| LlmError::Recording { line: idx + 1, reason };
            let text = line.map_err(|error| bad(error.to_string()))?;
            if text.trim().is_empty() {
                continue;
            }
            let line: Line = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
            if line.turn.is_some() == line.error.is_some() {
                return Err(bad("must have either a turn or an error".to_owned()));
            }
            lines.push(line);
        }
        let Some(first) = lines.first() else {
            return Err(LlmError::Recording { line: 0, reason: "holds no turn".to_owned() });
        };
        let name = first.model.clone();
        let price = price(name.split_once('/').map_or(name.as_str(), |it| it.1));
        let mut left: HashMap<String, VecDeque<usize>> = HashMap::new();
        for (idx, line) in lines.iter().enumerate() {
            left.entry(line.digest.clone()).or_default().push_back(idx);
        }
        Ok(Self { name, price, lines, left: Mutex::new(left) })
    }

    fn answer(&self, ask: &Ask<'_>, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<Turn, ModelError> {
        let digest = digest(ask);
        let idx =
            self.left.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&digest).and_then(VecDeque::pop_front);
        let Some(line) = idx.and_then(|it| self.lines.get(it)) else {
            return Err(ModelError::Rejected(self.unknown(ask, &digest)));
        };
        line.pieces.iter().for_each(|it| on_text(it));
        match (&line.turn, &line.error) {
            (Some(turn), _) => Ok(turn.clone()),
            (None, error) => Err(error.clone().unwrap_or(ModelError::Open)),
        }
    }

    /// Says what was recorded in place of this request.
    fn unknown(&self, ask: &Ask<'_>, digest: &str) -> String {
        let short = digest.get(..12).unwrap_or_default();
        if self.lines.iter().any(|it| it.digest == digest) {
            return format!("the recording has no further answer to the request {short}");
        }
        let asked = serde_json::to_value(ask).unwrap_or_default();
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let next = left.values().filter_map(VecDeque::front).min();
        match next.and_then(|idx| Some((idx + 1, self.lines.get(*idx)?))) {
            None => format!("the recording has no answer to the request {short}: all of its turns were asked for"),
            Some((number, line)) => {
                let place = difference(&line.ask, &asked, "").unwrap_or_default();
                format!(
                    "the recording has no answer to the request {short}: its turn {number} was asked something else, \
                     which differs first at {place}"
                )
            }
        }
    }
}

/// Where two values differ first, as a JSON pointer.
fn difference(a: &Value, b: &Value, place: &str) -> Option<String> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let names = a.keys().chain(b.keys().filter(|it| !a.contains_key(*it)));
            let null = &Value::Null;
            let below = |it: &String| {
                difference(a.get(it).unwrap_or(null), b.get(it).unwrap_or(null), &format!("{place}/{it}"))
            };
            names.into_iter().find_map(below)
        }
        (Value::Array(a), Value::Array(b)) => {
            let below =
                a.iter().zip(b).enumerate().find_map(|(idx, (a, b))| difference(a, b, &format!("{place}/{idx}")));
            below.or_else(|| (a.len() != b.len()).then(|| format!("{place}/{}", a.len().min(b.len()))))
        }
        (a, b) => (a != b).then(|| place.to_owned()),
    }
}

impl Model for Replay {
    fn name(&self) -> &str {
        &self.name
    }

    fn turn<'a>(
        &'a self,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(async move { self.answer(ask, on_text) })
    }

    fn cost(&self, usage: &Usage) -> Option<f64> {
        self.price.map(|it| it.of(usage))
    }
}
