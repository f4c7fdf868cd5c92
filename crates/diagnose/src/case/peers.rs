//! The rankers of others, re-implemented as they were published, to be run beside ours on the same cases.
//!
//! Sources: BARO (Pham et al., FSE 2024, <https://arxiv.org/abs/2405.09330>) ranks by the largest robust z-score, median
//! and interquartile range of the normal part; N-sigma by the largest z-score, mean and standard deviation.

use super::input::Metric;

/// Robust z-scores, the largest first: index of the metric and score.
pub fn baro(metrics: &[Metric]) -> Vec<(usize, f64)> {
    ranked(metrics, |normal| {
        let mut values = normal.to_vec();
        let width = percentile(&mut values, 0.75)? - percentile(&mut values, 0.25)?;
        Some((percentile(&mut values, 0.5)?, width))
    })
}

/// Z-scores, the largest first: index of the metric and score.
pub fn n_sigma(metrics: &[Metric]) -> Vec<(usize, f64)> {
    ranked(metrics, |normal| {
        let mean = normal.iter().sum::<f64>() / normal.len() as f64;
        let variance = normal.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / normal.len() as f64;
        Some((mean, variance.sqrt()))
    })
}

/// Linear interpolation between neighbors, as NumPy does it.
fn percentile(values: &mut [f64], q: f64) -> Option<f64> {
    let place = values.len().checked_sub(1)? as f64 * q;
    let low = quantile_at(values, place.floor() as usize)?;
    let high = quantile_at(values, place.ceil() as usize)?;
    Some(low + (high - low) * place.fract())
}

fn quantile_at(values: &mut [f64], idx: usize) -> Option<f64> {
    (idx < values.len()).then(|| *values.select_nth_unstable_by(idx, f64::total_cmp).1)
}

/// A width of 0 is taken as 1, as scikit-learn's scalers do.
fn ranked(metrics: &[Metric], fit: impl Fn(&[f64]) -> Option<(f64, f64)>) -> Vec<(usize, f64)> {
    let score = |metric: &Metric| {
        let (center, width) = fit(&metric.normal)?;
        let width = if width > 0.0 { width } else { 1.0 };
        metric.values.iter().map(|it| (it - center) / width).max_by(f64::total_cmp)
    };
    let mut scores: Vec<(usize, f64)> =
        metrics.iter().enumerate().filter_map(|(idx, it)| Some((idx, score(it)?))).collect();
    scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scores
}

/// The metrics as the authors of the published figures prepare them: no latency quantiles but the 90th, memory in
/// megabytes, nothing that is constant in either part, databases joined with their service.
pub fn published(metrics: &[Metric]) -> Vec<Metric> {
    let is_left_out = |it: &Metric| it.indicator.ends_with("lat_50") || it.indicator.ends_with("lat_99");
    let kept = metrics.iter().filter(|it| !is_left_out(it) && !is_constant(&it.normal) && !is_constant(&it.values));
    kept.map(|it| {
        let unit = if it.indicator == "mem" { 1e6 } else { 1.0 };
        Metric {
            service: it.service.strip_suffix("-db").unwrap_or(&it.service).to_owned(),
            normal: it.normal.iter().map(|value| value / unit).collect(),
            values: it.values.iter().map(|value| value / unit).collect(),
            ..it.clone()
        }
    })
    .collect()
}

fn is_constant(values: &[f64]) -> bool {
    let mut rest = values.iter();
    let Some(first) = rest.next() else { return true };
    rest.all(|it| it == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_series_win_with_raw_columns_and_are_dropped_by_the_published_preparation() {
        let metric = |service: &str, indicator: &str, normal: Vec<f64>, values: Vec<f64>| Metric {
            service: service.to_owned(),
            indicator: indicator.to_owned(),
            times: (0..values.len() as i64).collect(),
            normal,
            values,
        };
        let busy: Vec<f64> = (0..100).map(|it| 10.0 + f64::from(it % 7)).collect();
        let metrics =
            [metric("idle-db", "mem", vec![4e8; 100], vec![4.1e8; 10]), metric("pay", "cpu", busy, vec![80.0, 90.0])];
        assert_eq!(baro(&metrics)[0].0, 0);
        let prepared = published(&metrics);
        assert_eq!(prepared.len(), 1);
        assert_eq!(prepared[n_sigma(&prepared)[0].0].service, "pay");
        let (_, score) = baro(&prepared)[0];
        assert!((score - 77.0 / 4.0).abs() < 0.5, "{score}");
    }
}
