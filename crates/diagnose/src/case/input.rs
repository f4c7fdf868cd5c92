//! What is known of one incident, as plain data without a store behind it?

/// Everything there is to judge one incident by. Each part may be empty.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// When the incident was noticed, milliseconds since 1970. It may be up to a minute or so wrong to either side.
    pub at: i64,
    /// Series around that time.
    pub metrics: Vec<Metric>,
    /// Who calls whom, if it is known beforehand.
    pub calls: Vec<Call>,
    /// Where it was noticed, if that is known.
    pub symptom: Option<Symptom>,
}

/// One series of numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric {
    /// Whom the numbers are about.
    pub service: String,
    /// What they are, for example `cpu` or `latency/p99`.
    pub indicator: String,
    /// Values of a time without a fault, in the order in which they were measured; may be empty. `NaN` is a gap.
    pub normal: Vec<f64>,
    /// Times of `values` in milliseconds since 1970, ascending.
    pub times: Vec<i64>,
    /// Values around the incident. `NaN` is a gap.
    pub values: Vec<f64>,
}

/// One service sends requests to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// Who asks.
    pub caller: String,
    /// Who answers.
    pub callee: String,
}

/// What was noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symptom {
    /// On which service.
    pub service: String,
    /// In which of its indicators.
    pub indicator: Option<String>,
}
