//! What is told of the time ahead: values with their bounds, and how likely limits are crossed.

/// A forecast of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Time of the first value, in seconds.
    pub first_secs: i64,
    /// Distance, in seconds.
    pub step_secs: i64,
    /// The version that made it.
    pub version: String,
    /// The values.
    pub values: Vec<f64>,
    /// Lower and upper bounds of each value, by level in the order of the watch.
    pub bounds: Vec<Vec<(f64, f64)>>,
    /// For each limit of the watch: the probability that it is crossed in its time, and the first time at which that is
    /// as likely as not.
    pub crossings: Vec<Crossing>,
}

/// How likely a limit is crossed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Crossing {
    /// The largest probability of a single step to lie beyond the limit.
    pub probability: f64,
    /// The first time, in seconds, at which it lies beyond the limit as likely as not.
    pub likely_from_secs: Option<i64>,
    /// The newest value lies beyond it already.
    pub is_crossed: bool,
}
