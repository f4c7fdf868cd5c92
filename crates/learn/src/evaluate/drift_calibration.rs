//! How often does the verdict name drift where there is none, and how often does it miss one? Measured on made-up data.
//!
//! Each run draws two samples of one distribution (or of a shifted one) and asks for the verdict; beside it stands what
//! Evidently's rules, in the compatible mode, say about the same samples.

use crate::drift::{Method, Options, Sample, compare, evidently, judge_columns, verdict};
use crate::random::Random;

/// How a column is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Column {
    /// Normal, with this mean.
    Normal(f64),
    /// Normal, with this standard deviation.
    Spread(f64),
    /// Student's distribution with two degrees of freedom: no variance.
    HeavyTailed,
    /// Pareto's distribution with exponent 1.5.
    Pareto,
    /// Fifteen whole numbers.
    Integers,
    /// Half zeros, otherwise exponential.
    HalfZeros,
    /// 95 of 100 are zeros, the others exponential.
    MostlyZeros,
    /// Logarithms are normal with a deviation of 1.5.
    LogNormal,
    /// Cauchy's distribution: no mean.
    Cauchy,
    /// Normal, rounded to halves.
    Rounded,
    /// So many categories, the k-th with a share of 1 / k.
    Categories(usize),
    /// So many equally frequent categories.
    EqualCategories(usize),
    /// The first of so many categories has 97 of 100 values, the others are equally frequent.
    Unbalanced(usize),
}

impl Column {
    /// Its name in tables.
    pub fn name(self) -> String {
        match self {
            Self::Normal(0.0) => "normal".to_owned(),
            Self::Normal(shift) => format!("normal +{shift} sd"),
            Self::Spread(factor) => format!("normal sd x{factor}"),
            Self::HeavyTailed => "Student, 2 degrees".to_owned(),
            Self::Pareto => "Pareto 1.5".to_owned(),
            Self::Integers => "15 integers".to_owned(),
            Self::HalfZeros => "half zeros".to_owned(),
            Self::MostlyZeros => "95 % zeros".to_owned(),
            Self::LogNormal => "lognormal 1.5".to_owned(),
            Self::Cauchy => "Cauchy".to_owned(),
            Self::Rounded => "normal, in halves".to_owned(),
            Self::Categories(n) => format!("{n} categories, 1/k"),
            Self::EqualCategories(n) => format!("{n} categories, equal"),
            Self::Unbalanced(n) => format!("{n} categories, one of 97 %"),
        }
    }

    fn draw(self, size: usize, random: &mut Random) -> Drawn {
        let mut numbers = |of: &dyn Fn(&mut Random) -> f64| {
            let mut values: Vec<f64> = (0..size).map(|_| of(random)).collect();
            values.sort_unstable_by(f64::total_cmp);
            Drawn::Numbers(values)
        };
        match self {
            Self::Normal(mean) => numbers(&|it| it.normal() + mean),
            Self::Spread(deviation) => numbers(&|it| it.normal() * deviation),
            Self::HeavyTailed => numbers(&|it| it.normal() / (-it.uniform().max(1e-300).ln()).sqrt()),
            Self::Pareto => numbers(&|it| (1.0 - it.uniform()).powf(-1.0 / 1.5)),
            Self::Integers => numbers(&|it| it.below(15) as f64),
            Self::HalfZeros => numbers(&|it| zero_or_exponential(it, 0.5)),
            Self::MostlyZeros => numbers(&|it| zero_or_exponential(it, 0.95)),
            Self::LogNormal => numbers(&|it| (1.5 * it.normal()).exp()),
            Self::Cauchy => numbers(&|it| ((it.uniform() - 0.5) * std::f64::consts::PI).tan()),
            Self::Rounded => numbers(&|it| (2.0 * it.normal()).round() / 2.0),
            Self::Categories(n) => categories(size, (1..=n).map(|it| 1.0 / it as f64).collect(), random),
            Self::EqualCategories(n) => categories(size, vec![1.0; n], random),
            Self::Unbalanced(n) => {
                let others = 0.03 / (n - 1).max(1) as f64;
                categories(size, (0..n).map(|it| if it == 0 { 0.97 } else { others }).collect(), random)
            }
        }
    }
}

fn zero_or_exponential(random: &mut Random, zeros: f64) -> f64 {
    if random.uniform() < zeros { 0.0 } else { -(1.0 - random.uniform()).ln() }
}

enum Drawn {
    Numbers(Vec<f64>),
    Categories(Vec<(String, u64)>),
}

impl Drawn {
    fn with<T>(&self, ask: impl FnOnce(&Sample<'_>) -> T) -> T {
        match self {
            Self::Numbers(values) => ask(&Sample::Numbers(values)),
            Self::Categories(counts) => {
                let counts: Vec<(&str, u64)> = counts.iter().map(|it| (it.0.as_str(), it.1)).collect();
                ask(&Sample::Categories(&counts))
            }
        }
    }
}

fn categories(size: usize, weights: Vec<f64>, random: &mut Random) -> Drawn {
    let mut sum = 0.0;
    let bounds: Vec<f64> = weights
        .iter()
        .map(|it| {
            sum += it;
            sum
        })
        .collect();
    let mut counts = vec![0; weights.len()];
    for _ in 0..size {
        let point = random.uniform() * sum;
        let found = bounds.partition_point(|it| *it <= point);
        if let Some(count) = counts.get_mut(found) {
            *count += 1;
        }
    }
    let named = counts.into_iter().enumerate().map(|(idx, count)| (format!("{idx:04}"), count));
    Drawn::Categories(named.filter(|it| it.1 > 0).collect())
}

/// Shares of runs, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// In which the verdict's p-value is at most `alpha`.
    pub significant: f64,
    /// In which it is at most a twentieth of `alpha`, which is where a table of 20 columns is judged.
    pub surest: f64,
    /// In which the verdict is drift: significant, and large enough.
    pub drifted: f64,
    /// In which Kolmogorov and Smirnov's p-value is at most `alpha` (numbers only).
    pub kolmogorov_smirnov: Option<f64>,
    /// In which Evidently's default says drift.
    pub evidently: f64,
}

/// The shares over `runs` pairs of samples of these sizes.
pub fn rates(reference: Column, current: Column, sizes: (usize, usize), runs: u32, options: &Options) -> Rates {
    let mut rates = Rates::default();
    let mut by_distance = None;
    for run in 0..runs {
        let mut random = Random::for_part(options.seed, u64::from(run));
        let (left, right) = (reference.draw(sizes.0, &mut random), current.draw(sizes.1, &mut random));
        left.with(|left| {
            right.with(|right| {
                let Ok(finding) = verdict(left, right, options) else { return };
                rates.significant += f64::from(finding.p_value.is_some_and(|it| it <= options.alpha));
                rates.surest += f64::from(finding.p_value.is_some_and(|it| it <= options.alpha / 20.0));
                rates.drifted += f64::from(finding.drifted);
                if left.is_of_numbers() {
                    let finding = compare(Method::KolmogorovSmirnov, left, right, options);
                    let is_found = finding.is_ok_and(|it| it.p_value.is_some_and(|it| it <= options.alpha));
                    by_distance = Some(by_distance.unwrap_or(0.0) + f64::from(is_found));
                }
                let answer = evidently::run(evidently::default_test(left, right), left, right, None);
                rates.evidently += f64::from(answer.is_ok_and(|it| it.drifted));
            });
        });
    }
    let n = f64::from(runs.max(1));
    Rates {
        significant: rates.significant / n,
        surest: rates.surest / n,
        drifted: rates.drifted / n,
        kolmogorov_smirnov: by_distance.map(|it| it / n),
        evidently: rates.evidently / n,
    }
}

/// The share of tables of these columns, without drift, in which at least one column is named.
pub fn family_rate(columns: &[Column], sizes: (usize, usize), runs: u32, options: &Options) -> f64 {
    let mut named = 0_u32;
    for run in 0..runs {
        let mut random = Random::for_part(options.seed ^ 0xfa_3117, u64::from(run));
        let mut findings = Vec::new();
        for column in columns {
            let (left, right) = (column.draw(sizes.0, &mut random), column.draw(sizes.1, &mut random));
            findings.extend(left.with(|left| right.with(|right| verdict(left, right, options))));
        }
        judge_columns(&mut findings, options);
        named += u32::from(findings.iter().any(|it| it.drifted));
    }
    f64::from(named) / f64::from(runs.max(1))
}
