//! Which series only count up, and how fast do they?

use diagnose::case::Kind;

/// A counter has so many values at least, grows at so many of its steps, and begins anew at no more than these.
const COUNTER_VALUES: usize = 8;
const COUNTER_GROWS: f64 = 0.3;
const COUNTER_RESETS: f64 = 0.02;

/// Whether values only grow, but for new beginnings, and the name does not speak of something that may be held.
pub fn is_counter(indicator: &str, values: &[f64]) -> bool {
    let name = indicator.to_ascii_lowercase();
    let is_named = ["total", "count", "sum", "bucket"].iter().any(|it| name.ends_with(it));
    let is_flow = matches!(Kind::of(indicator), Kind::Cpu | Kind::Workload | Kind::Error | Kind::Network | Kind::Loss);
    if !(is_named || is_flow) {
        return false;
    }
    let finite: Vec<f64> = values.iter().copied().filter(|it| it.is_finite()).collect();
    let n_steps = finite.len().saturating_sub(1) as f64;
    let of = |is_meant: fn(&f64, &f64) -> bool| {
        finite.iter().zip(finite.iter().skip(1)).filter(|(a, b)| is_meant(a, b)).count() as f64
    };
    let (n_grown, n_reset) = (of(|a, b| b > a), of(|a, b| b < a));
    // Half of a gauge's steps go down; a series that grew at few steps alone may be one that rose with the fault.
    finite.len() >= COUNTER_VALUES && n_reset <= n_steps * COUNTER_RESETS && n_grown >= n_steps * COUNTER_GROWS
}

/// Growth per second, counted from 0 after a new beginning.
pub fn to_rates(times: &[i64], values: &mut [f64]) {
    let mut last: Option<(i64, f64)> = None;
    for (time, value) in times.iter().zip(values) {
        let now = *value;
        let rate = last.map(|(then, before)| {
            let grown = if now >= before { now - before } else { now };
            grown * 1000.0 / (time - then).max(1) as f64
        });
        if now.is_finite() {
            last = Some((*time, now));
        }
        *value = rate.unwrap_or(f64::NAN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 783 of docs/specs/diagnosis.md.
    #[test]
    fn counters_become_rates_and_gauges_stay() {
        let grown: Vec<f64> = (0..20).map(|it| f64::from(it * it)).collect();
        assert!(is_counter("istio-request-total", &grown) && is_counter("cpu", &grown));
        assert!(!is_counter("mem", &grown) && !is_counter("latency", &grown));
        let step: Vec<f64> = (0..20).map(|it| if it < 10 { 0.0 } else { 5.0 }).collect();
        assert!(!is_counter("error", &step));
        let mut values = vec![1.0, 3.0, f64::NAN, 7.0, 2.0];
        to_rates(&[0, 1000, 2000, 3000, 4000], &mut values);
        assert!(values[0].is_nan() && values[2].is_nan());
        assert_eq!((values[1], values[3], values[4]), (2.0, 2.0, 2.0));
    }
}
