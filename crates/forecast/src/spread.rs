//! How far may a value lie from its forecast? Errors that a model made on values it had not seen, by lead.
//!
//! Split conformal prediction: the half width at a level is the error of rank ceil((n + 1) level) (Lei et al. 2018,
//! <https://doi.org/10.1080/01621459.2017.1307116>). Where there are too few errors for that rank, the largest is
//! widened as the normal distribution says. Widths never shrink with the lead, and grow with its square root beyond the
//! last lead that was tried out.

use serde::{Deserialize, Serialize};

/// Leads whose errors are kept; others lie between two of them.
const MOST_LEADS: usize = 24;
/// Errors of one lead that are kept, evenly spread by size.
const MOST_ERRORS: usize = 200;

/// Absolute errors by lead.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Lead (1 is the next value), and its errors in ascending order.
    leads: Vec<(usize, Vec<f64>)>,
    /// The errors of one forecast each, with their sign, at the same leads; they tell how errors go together.
    #[serde(default)]
    paths: Vec<Vec<f64>>,
}

/// Forecasts whose errors are kept together, evenly spread over the trial.
const MOST_PATHS: usize = 100;

impl Spread {
    /// From the errors of each lead, the first of which is that of the next value, and the errors (forecast less value) of
    /// each forecast by lead.
    pub fn new(errors: &[Vec<f64>], paths: &[Vec<f64>]) -> Self {
        let n_known = errors.iter().take_while(|it| it.len() >= 2).count().max(errors.len().min(1));
        let mut chosen: Vec<usize> = (0..MOST_LEADS)
            .map(|it| {
                let share = it as f64 / (MOST_LEADS - 1) as f64;
                // Close together for short leads.
                ((n_known as f64).powf(share).round() as usize).clamp(1, n_known.max(1))
            })
            .collect();
        chosen.dedup();
        let lead = |lead: usize| {
            let mut sorted: Vec<f64> =
                errors.get(lead - 1)?.iter().map(|it| it.abs()).filter(|it| it.is_finite()).collect();
            sorted.sort_by(f64::total_cmp);
            Some((lead, thinned(sorted)))
        };
        let leads: Vec<(usize, Vec<f64>)> = chosen.into_iter().filter_map(lead).filter(|it| !it.1.is_empty()).collect();
        let stride = paths.len().div_ceil(MOST_PATHS).max(1);
        // What is not known of a path, as the values end or have a gap, adds no crossing.
        let at = |path: &Vec<f64>, lead: usize| path.get(lead - 1).copied().filter(|it| it.is_finite()).unwrap_or(0.0);
        let kept = |path: &Vec<f64>| leads.iter().map(|(lead, _)| at(path, *lead)).collect();
        let paths = paths.iter().step_by(stride).map(kept).collect();
        Self { leads, paths }
    }

    /// Probability that a value of the path lies beyond the limit: the share of tried forecasts whose errors, added to this
    /// one, cross it anywhere, and never less than at the single step that is most likely to.
    pub fn probability_crossed(&self, values: &[f64], limit: f64, is_above: bool) -> f64 {
        let beyond = |(idx, value): (usize, &f64)| {
            let above = self.probability_above(idx + 1, *value, limit);
            if is_above { above } else { 1.0 - above }
        };
        let likeliest = values.iter().enumerate().map(beyond).fold(0.0, f64::max);
        let crosses = |path: &&Vec<f64>| {
            let steps =
                self.leads.iter().zip(*path).filter_map(|((lead, _), error)| Some(values.get(lead - 1)? - error));
            steps.into_iter().any(|it| if is_above { it > limit } else { it < limit })
        };
        let n_crossed = self.paths.iter().filter(crosses).count() as f64;
        // The likeliest step counts as one more forecast: few forecasts alone never say 0 or 1.
        let of_paths = (n_crossed + likeliest) / (self.paths.len() as f64 + 1.0);
        of_paths.max(likeliest)
    }

    /// Half the width of the interval at a level, for a lead of at least 1; none if no errors are known.
    pub fn half_width(&self, lead: usize, level: f64) -> Option<f64> {
        let (last, _) = self.leads.last()?;
        let mut widest = 0.0_f64;
        let mut before = (0_usize, 0.0_f64);
        for (known, errors) in &self.leads {
            let width = quantile(errors, level).max(widest);
            if *known >= lead {
                let share = (lead - before.0) as f64 / (*known - before.0).max(1) as f64;
                let start = if before.0 == 0 { width } else { before.1 };
                return Some(start + (width - start) * share);
            }
            (widest, before) = (width, (*known, width));
        }
        Some(widest * (lead as f64 / *last as f64).sqrt())
    }

    /// Probability that the value at a lead is above the limit, if its forecast is `value`. By the normal distribution
    /// whose central 80 % are as wide as the interval at that level.
    pub fn probability_above(&self, lead: usize, value: f64, limit: f64) -> f64 {
        let deviation = self.half_width(lead, 0.8).unwrap_or(0.0) / normal_quantile(0.9);
        if deviation <= 0.0 {
            return if value > limit { 1.0 } else { 0.0 };
        }
        normal_cdf((value - limit) / deviation)
    }
}

/// At most `MOST_ERRORS` of sorted errors, with the smallest and the largest.
fn thinned(sorted: Vec<f64>) -> Vec<f64> {
    let n = sorted.len();
    if n <= MOST_ERRORS {
        return sorted;
    }
    let place = |it: usize| it * (n - 1) / (MOST_ERRORS - 1);
    (0..MOST_ERRORS).filter_map(|it| sorted.get(place(it)).copied()).collect()
}

fn quantile(sorted: &[f64], level: f64) -> f64 {
    let n = sorted.len();
    let rank = ((n + 1) as f64 * level).ceil() as usize;
    match sorted.get(rank.saturating_sub(1)) {
        Some(it) => *it,
        None => {
            let reached = n as f64 / (n + 1) as f64;
            let widened = normal_quantile(0.5 + level / 2.0) / normal_quantile(0.5 + reached / 2.0);
            sorted.last().copied().unwrap_or(0.0) * widened.max(1.0)
        }
    }
}

/// The standard normal distribution function; Abramowitz and Stegun 7.1.26, error below 1e-7.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let tail = poly * (-z * z).exp() / 2.0;
    if x >= 0.0 { 1.0 - tail } else { tail }
}

/// Its inverse by bisection, for probabilities between 0.5 and 1.
pub(crate) fn normal_quantile(probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if normal_cdf(middle) < probability { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use learn::random::Random;

    use super::*;

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        for (x, p) in [(0.0, 0.5), (1.0, 0.841_344_7), (1.959_964, 0.975), (-1.644_854, 0.05)] {
            assert!((normal_cdf(x) - p).abs() < 1e-6, "{x}");
        }
        assert!((normal_quantile(0.975) - 1.959_964).abs() < 1e-4);
    }

    #[test]
    fn intervals_of_noise_cover_what_they_say_also_with_few_errors() {
        for n in [10, 30, 300] {
            let mut random = Random::new(n as u64);
            let (mut inside, mut all) = (0_u32, 0_u32);
            for _ in 0..400 {
                let errors: Vec<f64> = (0..n).map(|_| random.normal()).collect();
                let width = Spread::new(&[errors], &[]).half_width(1, 0.9).unwrap();
                for _ in 0..20 {
                    all += 1;
                    inside += u32::from(random.normal().abs() <= width);
                }
            }
            let coverage = f64::from(inside) / f64::from(all);
            assert!((coverage - 0.9).abs() < 0.025, "{n} errors: {coverage}");
        }
    }

    #[test]
    fn widths_grow_with_the_lead() {
        let errors: Vec<Vec<f64>> = (1..=40).map(|lead| vec![f64::from(lead), -f64::from(lead), 0.5, 0.2]).collect();
        let spread = Spread::new(&errors, &[]);
        let widths: Vec<f64> = (1..=100).map(|it| spread.half_width(it, 0.8).unwrap()).collect();
        assert!(widths.windows(2).all(|it| it[0] <= it[1]), "{widths:?}");
        assert!((widths[99] - widths[39] * (100.0_f64 / 40.0).sqrt()).abs() < 1e-9);
        assert!(spread.leads.len() <= MOST_LEADS);
        assert_eq!(Spread::default().half_width(1, 0.8), None);
    }

    #[test]
    fn probabilities_follow_the_distance_from_the_limit() {
        let spread = Spread::new(&[(1..200).map(|it| normal_quantile(0.5 + f64::from(it) / 400.0)).collect()], &[]);
        assert!((spread.probability_above(1, 10.0, 10.0) - 0.5).abs() < 1e-6);
        assert!((spread.probability_above(1, 11.645, 10.0) - 0.95).abs() < 0.01);
        let certain = Spread::new(&[vec![0.0; 9]], &[]);
        assert_eq!((certain.probability_above(1, 2.0, 1.0), certain.probability_above(1, 1.0, 1.0)), (1.0, 0.0));
    }

    /// Twenty steps that each cross with 5 %: errors that are independent make a crossing of any of them likely, errors
    /// that are the same at all steps do not.
    #[test]
    fn a_path_crosses_more_often_than_its_steps_where_errors_are_independent() {
        let mut random = Random::new(7);
        let independent: Vec<Vec<f64>> = (0..100).map(|_| (0..20).map(|_| random.normal()).collect()).collect();
        let alike: Vec<Vec<f64>> = (0..100).map(|_| vec![random.normal(); 20]).collect();
        let probability = |paths: &[Vec<f64>]| {
            let by_lead: Vec<Vec<f64>> = (0..20).map(|lead| paths.iter().map(|it| it[lead]).collect()).collect();
            Spread::new(&by_lead, paths).probability_crossed(&[10.0; 20], 11.645, true)
        };
        let (often, seldom) = (probability(&independent), probability(&alike));
        assert!((0.4..0.75).contains(&often), "{often}");
        assert!((0.03..0.15).contains(&seldom), "{seldom}");
        assert_eq!(Spread::default().probability_crossed(&[1.0, 3.0], 2.0, true), 1.0);
        assert_eq!(Spread::default().probability_crossed(&[1.0, 3.0], 0.5, false), 0.0);
    }
}
