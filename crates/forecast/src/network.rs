//! How does a model in a file forecast? From a window of the last values; its own forecasts join the window where more are
//! wanted than it tells at once.
//!
//! What can run the file is the edge's business and comes in as a `Network`. There is nothing to train: `fit` takes the
//! window. Trial, drift, intervals and versions are as with any other model.

use std::fmt;
use std::sync::Arc;

use learn::forecast::{Regular, fill_gaps};
use serde::{Deserialize, Serialize};

use crate::candidate::Candidate;
use crate::period::period;

/// What is kept of it begins so.
const MAGIC: &[u8] = b"SNTLFILE1";

/// A function from the last values to the next ones, of fixed lengths.
pub trait Network: fmt::Debug + Send + Sync {
    /// How many values it wants.
    fn n_in(&self) -> usize;

    /// How many values it tells.
    fn n_out(&self) -> usize;

    /// SHA-256 of the file.
    fn checksum(&self) -> &str;

    /// The next values; the error says why there are none.
    fn answer(&self, window: &[f64]) -> Result<Vec<f64>, String>;
}

/// Parameters of the class `onnx`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The file.
    pub path: String,
    /// Whether the model gets values with mean 0 and standard deviation 1 (of the window), and tells such.
    #[serde(default)]
    pub scaled: bool,
    /// How long one run may take.
    #[serde(default = "ten_seconds")]
    pub timeout: String,
}

fn ten_seconds() -> String {
    "10s".to_owned()
}

impl FileConfig {
    /// What can be told without the file.
    pub fn check(&self) -> Result<(), String> {
        if self.path.is_empty() {
            return Err("path: missing; give the path of an ONNX file".to_owned());
        }
        if period(&self.timeout).is_none() {
            return Err(format!("timeout: {:?} is not a duration such as 10s", self.timeout));
        }
        Ok(())
    }
}

/// A model in a file, with the window of a series.
#[derive(Clone, Debug)]
pub struct FileModel {
    network: Option<Arc<dyn Network>>,
    state: State,
}

/// What is kept of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    checksum: String,
    scaled: bool,
    step: i64,
    next: Option<i64>,
    /// The last values, oldest first; none for gaps.
    window: Vec<Option<f64>>,
}

impl FileModel {
    /// One that knows no series yet.
    pub fn new(network: Option<Arc<dyn Network>>, scaled: bool) -> Self {
        let checksum = network.as_ref().map(|it| it.checksum().to_owned()).unwrap_or_default();
        Self { network, state: State { checksum, scaled, ..State::default() } }
    }

    /// Whether these bytes are of such a model.
    pub fn is_of(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads what `save` wrote. The file must still be the one that it was saved with.
    pub fn load(bytes: &[u8], network: Option<Arc<dyn Network>>) -> Result<Self, String> {
        let saved = bytes.strip_prefix(MAGIC).ok_or("it is no model of a file")?;
        let state: State = serde_json::from_slice(saved).map_err(|error| error.to_string())?;
        let network = network.ok_or("the watch has no model of a file any more; retrain")?;
        if network.checksum() != state.checksum {
            return Err("the model's file is another one by now; retrain, or put the old file back".to_owned());
        }
        Ok(Self { network: Some(network), state })
    }

    fn network(&self) -> Result<&dyn Network, String> {
        self.network.as_deref().ok_or_else(|| "the model's file was not read".to_owned())
    }

    /// The window without gaps.
    fn filled(&self) -> Result<Vec<f64>, String> {
        let mut values: Vec<f64> = self.state.window.iter().map(|it| it.unwrap_or(f64::NAN)).collect();
        fill_gaps(&mut values, 0);
        let first = values.iter().copied().find(|it| it.is_finite()).ok_or("there is no value yet")?;
        let mut last = first;
        for value in &mut values {
            if value.is_finite() {
                last = *value;
            } else {
                *value = last;
            }
        }
        Ok(values)
    }
}

impl Candidate for FileModel {
    fn fit(&mut self, history: &Regular) -> Result<(), String> {
        self.state.window.clear();
        self.state.next = None;
        self.partial_fit(history)
    }

    fn partial_fit(&mut self, newer: &Regular) -> Result<(), String> {
        let n_in = self.network()?.n_in();
        let state = &mut self.state;
        state.step = newer.step;
        for (index, value) in newer.values.iter().enumerate() {
            let time = newer.time_of(index);
            let next = state.next.unwrap_or(time);
            if time < next {
                continue;
            }
            let n_missing = usize::try_from((time - next) / newer.step.max(1)).unwrap_or(0).min(n_in);
            state.window.extend(std::iter::repeat_n(None, n_missing));
            state.window.push(Some(*value).filter(|it| it.is_finite()));
            state.next = Some(time + newer.step);
            let n_over = state.window.len().saturating_sub(n_in);
            state.window.drain(..n_over);
        }
        match state.window.len() {
            n if n < n_in => Err(format!("the model wants {n_in} values, there are {n}")),
            _ => Ok(()),
        }
    }

    fn predict(&self, steps: usize) -> Result<Vec<f64>, String> {
        let network = self.network()?;
        let mut window = self.filled()?;
        let (mean, deviation) = if self.state.scaled { scale(&window) } else { (0.0, 1.0) };
        window.iter_mut().for_each(|it| *it = (*it - mean) / deviation);
        let mut told = Vec::with_capacity(steps);
        while told.len() < steps {
            let answer = network.answer(&window)?;
            if answer.is_empty() {
                return Err("the model told nothing".to_owned());
            }
            told.extend(answer.iter().map(|it| it * deviation + mean));
            window.extend(&answer);
            window.drain(..answer.len());
        }
        told.truncate(steps);
        Ok(told)
    }

    fn next_time(&self) -> Option<i64> {
        self.state.next
    }

    fn boxed(&self) -> Box<dyn Candidate> {
        Box::new(self.clone())
    }

    fn save(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(serde_json::to_vec(&self.state).expect("text, numbers and lists of numbers are JSON"));
        bytes
    }

    fn class(&self) -> String {
        "onnx".to_owned()
    }
}

/// Mean and standard deviation; 1 where nothing changes.
fn scale(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean, if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells the mean of the window, and then that plus one.
    #[derive(Debug)]
    struct Mean;

    impl Network for Mean {
        fn n_in(&self) -> usize {
            3
        }

        fn n_out(&self) -> usize {
            2
        }

        fn checksum(&self) -> &str {
            "abc"
        }

        fn answer(&self, window: &[f64]) -> Result<Vec<f64>, String> {
            let mean = window.iter().sum::<f64>() / window.len() as f64;
            Ok(vec![mean, mean + 1.0])
        }
    }

    fn model(scaled: bool) -> FileModel {
        FileModel::new(Some(Arc::new(Mean)), scaled)
    }

    #[test]
    fn its_own_forecasts_join_the_window() {
        let mut it = model(false);
        it.fit(&Regular::new(0, 60, vec![9.0, 1.0, 2.0, 3.0])).unwrap();
        assert_eq!(it.next_time(), Some(240));
        // The window after two values is 3, 2, 3: its mean is 8 / 3.
        assert_eq!(it.predict(3).unwrap(), [2.0, 3.0, 8.0 / 3.0]);
    }

    #[test]
    fn gaps_are_filled_and_what_was_seen_is_left_out() {
        let mut it = model(false);
        it.fit(&Regular::new(0, 60, vec![1.0, f64::NAN, 3.0])).unwrap();
        assert_eq!(it.predict(1).unwrap(), [2.0]);
        it.partial_fit(&Regular::new(120, 60, vec![99.0, 4.0])).unwrap();
        // The gap leads the window now: it is as the first value that is known.
        assert_eq!(it.predict(1).unwrap(), [10.0 / 3.0]);
        // Two values are missing, then comes one: all of the window but it is what came last before.
        it.partial_fit(&Regular::new(360, 60, vec![7.0])).unwrap();
        assert_eq!((it.next_time(), it.predict(1).unwrap()), (Some(420), vec![7.0]));
    }

    #[test]
    fn scaled_values_come_back_to_their_scale() {
        let mut it = model(true);
        it.fit(&Regular::new(0, 60, vec![10.0, 20.0, 30.0])).unwrap();
        let deviation = (200.0_f64 / 3.0).sqrt();
        let told = it.predict(2).unwrap();
        assert!((told[0] - 20.0).abs() < 1e-9 && (told[1] - 20.0 - deviation).abs() < 1e-9, "{told:?}");
    }

    #[test]
    fn too_few_values_are_an_error() {
        assert_eq!(
            model(false).fit(&Regular::new(0, 60, vec![1.0])),
            Err("the model wants 3 values, there are 1".into())
        );
    }

    #[test]
    fn it_comes_back_with_the_same_file_only() {
        let mut it = model(false);
        it.fit(&Regular::new(0, 60, vec![1.0, f64::NAN, 3.0])).unwrap();
        let back = FileModel::load(&it.save(), Some(Arc::new(Mean))).unwrap();
        assert_eq!(back.predict(4), it.predict(4));
        assert!(FileModel::load(&it.save(), None).is_err());
        let mut other = it.clone();
        other.state.checksum = "of another".to_owned();
        assert!(FileModel::load(&other.save(), Some(Arc::new(Mean))).unwrap_err().contains("another one by now"));
    }
}
