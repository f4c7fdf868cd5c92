//! Does the compatible mode say what the tools say? Published inputs through our tests, beside the tools' own results.
//!
//! The corpus: pairs of samples with the results of Evidently, distances of NannyML, and streams with the indices at
//! which River's detectors saw a change.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::drift::online::{DetectorKind, OnlineDetector, State};
use crate::drift::{DriftError, MISSING_CATEGORY, Sample, evidently, nannyml, number_name};

/// Largest relative difference of two numbers that agree.
const TOLERANCE: f64 = 1e-9;
/// p-values that are one minus a number near one have no digits below this: SciPy's Bessel function, from which that of
/// Cramer and von Mises comes, is off by 1e-14 of its value.
const ROUNDING: f64 = 5e-15;
/// River's lists of warnings in the corpus end here.
const MAX_WARNINGS: usize = 50;

/// Two samples of one column.
#[derive(Clone, Debug, Deserialize)]
pub struct Input {
    /// Its name.
    pub id: String,
    /// `num` or `cat`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(rename = "ref")]
    reference: Vec<Option<Value>>,
    #[serde(rename = "cur")]
    current: Vec<Option<Value>>,
}

impl Input {
    /// How the tool held the numbers.
    fn numbers(&self) -> evidently::Numbers {
        let mut values = self.reference.iter().chain(&self.current);
        let are_integers = values.all(|it| matches!(it, Some(Value::Integer(_))));
        if are_integers { evidently::Numbers::Integers } else { evidently::Numbers::Reals }
    }
}

/// One value.
#[derive(Clone, Debug)]
enum Value {
    Integer(i64),
    Number(f64),
    Flag(bool),
    Text(String),
}

impl<'de> Deserialize<'de> for Value {
    /// From the text of a number itself: the reader of JSON is off by a unit in the last place for some, which shows where
    /// values lie close together far from zero.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        if let Ok(integer) = text.parse() {
            return Ok(Self::Integer(integer));
        }
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        if let Ok(flag) = text.parse() {
            return Ok(Self::Flag(flag));
        }
        serde_json::from_str(text).map(Self::Text).map_err(serde::de::Error::custom)
    }
}

impl Value {
    /// The number that Python takes it for.
    fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(it) => Some(*it as f64),
            Self::Number(it) => Some(*it),
            Self::Flag(it) => Some(f64::from(*it)),
            Self::Text(_) => None,
        }
    }
}

/// Evidently's results on one input.
#[derive(Clone, Debug, Deserialize)]
pub struct EvidentlyResults {
    /// The name of the input.
    pub id: String,
    default_test: String,
    tests: BTreeMap<String, EvidentlyResult>,
}

#[derive(Clone, Debug, Deserialize)]
struct EvidentlyResult {
    score: Option<f64>,
    #[serde(default)]
    drifted: bool,
    #[serde(default)]
    random: bool,
    error: Option<String>,
}

/// NannyML's results on one input.
#[derive(Clone, Debug, Deserialize)]
pub struct NannyResults {
    /// The name of the input.
    pub id: String,
    methods: BTreeMap<nannyml::Distance, NannyResult>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct NannyResult {
    value: f64,
    p_value: Option<f64>,
}

/// A stream and when River's detectors saw a change.
#[derive(Clone, Debug, Deserialize)]
pub struct RiverResults {
    /// Its name.
    pub id: String,
    stream: Vec<f64>,
    expected: BTreeMap<String, RiverResult>,
}

#[derive(Clone, Debug, Deserialize)]
struct RiverResult {
    drift: Vec<usize>,
    warning: Vec<usize>,
}

/// How many cases of one test agree.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Cases that agree, of numbers, verdicts and errors.
    pub passed: usize,
    /// Cases.
    pub total: usize,
    /// Errors among them, which were asked for.
    pub errors: usize,
    /// Cases that only random divisions give, left out.
    pub random: usize,
    /// What does not agree, one line each.
    pub failures: Vec<String>,
}

impl Tally {
    fn judge(&mut self, problem: Option<String>) {
        self.total += 1;
        match problem {
            None => self.passed += 1,
            Some(problem) => self.failures.push(problem),
        }
    }
}

/// Tallies by test.
pub type Tallies = BTreeMap<String, Tally>;

fn differs(found: f64, expected: f64) -> bool {
    (found - expected).abs() > TOLERANCE * expected.abs() + ROUNDING && !(found.is_nan() && expected.is_nan())
}

/// A sample that owns its values.
enum Owned {
    Numbers(Vec<f64>),
    Categories(BTreeMap<String, u64>),
}

impl Owned {
    fn with<T>(&self, ask: impl FnOnce(&Sample<'_>) -> T) -> T {
        match self {
            Self::Numbers(values) => ask(&Sample::Numbers(values)),
            Self::Categories(counts) => {
                let counts: Vec<(&str, u64)> = counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
                ask(&Sample::Categories(&counts))
            }
        }
    }
}

fn owned(kind: &str, values: &[Option<Value>]) -> Owned {
    let present = values.iter().flatten();
    if kind == "num" {
        let mut numbers: Vec<f64> = present.filter_map(Value::number).filter(|it| it.is_finite()).collect();
        numbers.sort_by(f64::total_cmp);
        return Owned::Numbers(numbers);
    }
    let mut counts = BTreeMap::new();
    for value in present {
        let name = match (value, value.number()) {
            (Value::Text(text), _) => text.clone(),
            (_, number) => number_name(number.unwrap_or(f64::NAN)),
        };
        *counts.entry(name).or_default() += 1;
    }
    debug_assert!(!counts.contains_key(MISSING_CATEGORY));
    Owned::Categories(counts)
}

/// Does `ask` of both samples of an input.
fn with_samples<T>(input: &Input, ask: impl FnOnce(&Sample<'_>, &Sample<'_>) -> T) -> T {
    let (reference, current) = (owned(&input.kind, &input.reference), owned(&input.kind, &input.current));
    reference.with(|reference| current.with(|current| ask(reference, current)))
}

/// Evidently's cases: the choice of test, every score and verdict, and its errors.
pub fn evidently(inputs: &BTreeMap<String, Input>, results: &[EvidentlyResults]) -> Tallies {
    let mut tallies = Tallies::new();
    for expected in results {
        let Some(input) = inputs.get(&expected.id) else { continue };
        with_samples(input, |reference, current| {
            let chosen = evidently::default_test(reference, current);
            let problem = (chosen.name() != expected.default_test)
                .then(|| format!("{}: chose {chosen}, expected {}", expected.id, expected.default_test));
            tallies.entry("choice of test".to_owned()).or_default().judge(problem);
            for (name, result) in &expected.tests {
                let tally = tallies.entry(name.clone()).or_default();
                let Ok(test) = name.parse::<evidently::Test>() else {
                    tally.judge(Some(format!("{name} is not known")));
                    continue;
                };
                if result.random && result.error.is_none() {
                    tally.random += 1;
                    continue;
                }
                tally.errors += usize::from(result.error.is_some());
                let problem =
                    disagreement(evidently::run_typed(test, reference, current, None, input.numbers()), result);
                tally.judge(problem.map(|it| format!("{}: {name}: {it}", expected.id)));
            }
        });
    }
    tallies
}

fn disagreement(found: Result<evidently::Answer, DriftError>, expected: &EvidentlyResult) -> Option<String> {
    match (found, &expected.error) {
        (Err(_), Some(_)) => None,
        (Err(error), None) => Some(format!("failed: {error}")),
        (Ok(answer), Some(error)) => Some(format!("score {}, expected the error: {error}", answer.score)),
        (Ok(answer), None) => {
            let score = expected.score.unwrap_or(f64::NAN);
            let is_other = differs(answer.score, score) || answer.drifted != expected.drifted;
            is_other.then(|| format!("{} {}, expected {score} {}", answer.score, answer.drifted, expected.drifted))
        }
    }
}

/// NannyML's cases.
pub fn nannyml(inputs: &BTreeMap<String, Input>, results: &[NannyResults]) -> Tallies {
    let mut tallies = Tallies::new();
    for expected in results {
        let Some(input) = inputs.get(&expected.id) else { continue };
        with_samples(input, |reference, current| {
            for (method, result) in &expected.methods {
                let problem = match nannyml::distance(*method, reference, current) {
                    Err(error) => Some(format!("failed: {error}")),
                    Ok((value, p_value)) => {
                        let p_differs = result.p_value.is_some_and(|it| differs(p_value.unwrap_or(f64::NAN), it));
                        (differs(value, result.value) || p_differs)
                            .then(|| format!("{value} {p_value:?}, expected {} {:?}", result.value, result.p_value))
                    }
                };
                let tally = tallies.entry(method.to_string()).or_default();
                tally.judge(problem.map(|it| format!("{}: {method}: {it}", expected.id)));
            }
        });
    }
    tallies
}

/// River's cases: the same indices of changes, and of warnings as far as the corpus lists them.
pub fn river(results: &[RiverResults]) -> Tallies {
    let mut tallies = Tallies::new();
    for expected in results {
        for (name, indices) in &expected.expected {
            let tally = tallies.entry(name.clone()).or_default();
            let Ok(kind) = name.parse::<DetectorKind>() else {
                tally.judge(Some(format!("{name} is not known")));
                continue;
            };
            let mut detector = kind.build();
            let (mut drift, mut warning) = (Vec::new(), Vec::new());
            for (idx, value) in expected.stream.iter().enumerate() {
                match detector.update(*value) {
                    State::Steady => {}
                    State::Warning => warning.push(idx),
                    State::Drift => drift.push(idx),
                }
            }
            warning.truncate(MAX_WARNINGS);
            let is_other = drift != indices.drift || warning != indices.warning;
            let problem = is_other.then(|| format!("{}: {name}: {drift:?}, expected {:?}", expected.id, indices.drift));
            tally.judge(problem);
        }
    }
    tallies
}
