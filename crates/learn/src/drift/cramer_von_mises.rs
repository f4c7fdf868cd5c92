//! How far are the distribution functions apart on the whole? The two-sample test of Cramer and von Mises.
//!
//! Statistic T of Anderson's equation 9, with middle ranks for ties. p-values as in SciPy: exact up to 20 values a side,
//! otherwise the limit distribution.
//! Sources: Anderson: On the distribution of the two-sample Cramer-von Mises criterion, Annals of Mathematical
//! Statistics 33 (1962); Csorgo, Faraway: The exact and asymptotic distributions of Cramer-von Mises statistics, J.
//! Royal Statistical Society B 58 (1996).

use std::collections::BTreeMap;

use crate::probability::{ln_choose, ln_gamma};

use super::kolmogorov_smirnov::gcd;
use super::pair::Cell;

const MAX_EXACT: f64 = 20.0;
/// The most divisions that numpy counts in half precision.
const MAX_HALF_PRECISION: f64 = 65_504.0;
/// SciPy adds terms of the limit until one is smaller; the last one still counts.
const SMALLEST_TERM: f64 = 1e-7;
/// Large statistics, as of many equal values, need many terms; what this many do not tell is no chance at all.
const MAX_TERMS: u32 = 20_000;

/// Statistic and p-value.
pub(super) fn test(cells: impl Iterator<Item = Cell>, n: f64, m: f64) -> (f64, f64) {
    let squares = squares(cells, n, m);
    let (product, all) = (n * m, n + m);
    let statistic = squares / (product * all) - (4.0 * product - 1.0) / (6.0 * all);
    let p_value = if n.max(m) <= MAX_EXACT { exact(squares, n, m) } else { limit(statistic, n, m) };
    (statistic, p_value)
}

/// U of Anderson's equation 10: n sum (rank - place)^2 of the reference and m times the same of the current side.
fn squares(cells: impl Iterator<Item = Cell>, n: f64, m: f64) -> f64 {
    let (mut reference, mut current) = (0.0, 0.0);
    let (mut of_reference, mut of_current) = (0.0, 0.0);
    for cell in cells {
        let (left, right) = (cell.reference as f64, cell.current as f64);
        let rank = reference + current + (left + right + 1.0) / 2.0;
        of_reference += sum_of_squares(rank - reference, left);
        of_current += sum_of_squares(rank - current, right);
        reference += left;
        current += right;
    }
    n * of_reference + m * of_current
}

/// The sum of (d - i)^2 for i from 1 to `count`.
fn sum_of_squares(d: f64, count: f64) -> f64 {
    let firsts = count * (count + 1.0) / 2.0;
    count * d * d - 2.0 * d * firsts + firsts * (2.0 * count + 1.0) / 3.0
}

/// The share of all divisions whose statistic is at least this large, counted path by path.
fn exact(squares: f64, n: f64, m: f64) -> f64 {
    let (a, b, least) = lattice(squares, n, m);
    // Frequencies of sums at the points (u, 0..=v) of the lattice; one row of it at a time.
    let mut row: Vec<BTreeMap<i64, f64>> = vec![BTreeMap::new(); n as usize + 1];
    if let Some(first) = row.first_mut() {
        first.insert(0, 1.0);
    }
    for u in 0..=m as i64 {
        let mut before: BTreeMap<i64, f64> = BTreeMap::new();
        for (v, sums) in (0_i64..).zip(row.iter_mut()) {
            let step = (a * v - b * u).pow(2);
            for (sum, ways) in std::mem::take(sums) {
                *before.entry(sum).or_default() += ways;
            }
            before = before.into_iter().map(|(sum, ways)| (sum + step, ways)).collect();
            sums.clone_from(&before);
        }
    }
    let last = row.last().into_iter().flatten();
    let many: f64 = last.filter(|it| *it.0 as f64 >= least).map(|it| it.1).sum();
    (many / ln_choose(n + m, n).exp().round()).min(1.0)
}

/// Steps of both sides, and the least sum that is as large as the one seen.
fn lattice(squares: f64, n: f64, m: f64) -> (i64, i64, f64) {
    let common = n * m / gcd(n as u64, m as u64) as f64;
    let product = n * m;
    let least =
        common * common * (n + m) * (6.0 * squares - product * (4.0 * product - 1.0)) / (6.0 * product * product);
    ((common / n) as i64, (common / m) as i64, least.floor())
}

/// The same as numpy adds it: in the smallest floating type that holds the number of divisions, and in its order.
///
/// `None` where numpy would take integers for it, which fails there: of few divisions and sizes without a common factor.
pub(super) fn exact_as_numpy(cells: impl Iterator<Item = Cell>, n: f64, m: f64) -> Option<f64> {
    let divisions = ln_choose(n + m, n).exp().round();
    let common = n * m / gcd(n as u64, m as u64) as f64;
    if divisions <= common * common * (n + m) {
        return None;
    }
    let rounded = if divisions > MAX_HALF_PRECISION { single } else { half };
    let (a, b, least) = lattice(squares(cells, n, m), n, m);
    let mut row: Vec<Vec<(f64, f64)>> = vec![Vec::new(); n as usize + 1];
    if let Some(first) = row.first_mut() {
        first.push((0.0, 1.0));
    }
    for u in 0..=m as i64 {
        let mut before: Vec<(f64, f64)> = Vec::new();
        for (v, sums) in (0_i64..).zip(row.iter_mut()) {
            let step = (a * v - b * u).pow(2) as f64;
            before = joined(&before, sums, rounded);
            before.iter_mut().for_each(|it| it.0 = rounded(it.0 + step));
            sums.clone_from(&before);
        }
    }
    let last = row.last().into_iter().flatten();
    let many: Vec<f32> = last.filter(|it| it.0 >= least).map(|it| it.1 as f32).collect();
    Some(rounded(rounded(f64::from(pairwise_sum(&many))) / rounded(divisions)))
}

/// The nearest number of 32 bits.
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

/// The nearest number of 16 bits.
fn half(value: f64) -> f64 {
    let unit = (value.abs().max(f64::MIN_POSITIVE).log2().floor() - 10.0).max(-24.0).exp2();
    (value / unit).round_ties_even() * unit
}

/// Sums that both have first, in ascending order, then the others of the first and of the second. Of sums that rounding
/// made equal, the first is joined.
fn joined(left: &[(f64, f64)], right: &[(f64, f64)], rounded: fn(f64) -> f64) -> Vec<(f64, f64)> {
    let firsts = |side: &[(f64, f64)]| {
        let mut places: BTreeMap<u64, usize> = BTreeMap::new();
        // Sums are not negative, so their bits are in their order.
        side.iter().enumerate().for_each(|(idx, it)| {
            places.entry(it.0.to_bits()).or_insert(idx);
        });
        places
    };
    let (of_left, of_right) = (firsts(left), firsts(right));
    let both = || of_left.iter().filter_map(|(sum, left)| Some((*left, *of_right.get(sum)?)));
    let (mut is_left, mut is_right) = (vec![false; left.len()], vec![false; right.len()]);
    let mut all = Vec::with_capacity(left.len() + right.len());
    for (a, b) in both() {
        if let (Some(one), Some(other)) = (left.get(a), right.get(b)) {
            all.push((one.0, rounded(one.1 + other.1)));
        }
        is_left.get_mut(a).into_iter().chain(is_right.get_mut(b)).for_each(|it| *it = true);
    }
    for (side, is_joined) in [(left, is_left), (right, is_right)] {
        all.extend(side.iter().zip(is_joined).filter(|it| !it.1).map(|it| *it.0));
    }
    all
}

/// numpy's sum: halves down to 128, then eight sums side by side.
fn pairwise_sum(values: &[f32]) -> f32 {
    if values.len() < 8 {
        return values.iter().fold(-0.0, |sum, it| sum + it);
    }
    if values.len() > 128 {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % 8);
        return pairwise_sum(left) + pairwise_sum(right);
    }
    let mut lanes = [0.0_f32; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(sum, it)| *sum += it);
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, it| sum + it)
}

fn limit(statistic: f64, n: f64, m: f64) -> f64 {
    let (product, all) = (n * m, n + m);
    let mean = (1.0 + 1.0 / all) / 6.0;
    let variance = (all + 1.0) * (4.0 * product * all - 3.0 * (n * n + m * m) - 2.0 * product);
    let variance = variance / (45.0 * all * all * 4.0 * product);
    let normed = 1.0 / 6.0 + (statistic - mean) / (45.0 * variance).sqrt();
    if normed < 0.003 { 1.0 } else { (1.0 - limit_cdf(normed)).max(0.0) }
}

fn limit_cdf(x: f64) -> f64 {
    let mut sum = 0.0;
    for k in 0..MAX_TERMS {
        let k = f64::from(k);
        let factor = (ln_gamma(k + 0.5) - ln_gamma(k + 1.0)).exp() / (std::f64::consts::PI.powf(1.5) * x.sqrt());
        let y = 4.0 * k + 1.0;
        let term = factor * y.sqrt() * scaled_bessel(y * y / (16.0 * x));
        sum += term;
        if term.abs() < SMALLEST_TERM {
            break;
        }
    }
    sum
}

/// exp(-q) K(1/4, q) by its integral, exp(-q (1 + cosh t)) cosh(t / 4) over t > 0; the trapezoid rule is exact to the
/// last digits for such a function.
fn scaled_bessel(q: f64) -> f64 {
    // The peak is as narrow as 1 / sqrt(q).
    let step = (0.5 / q.sqrt()).min(1.0 / 32.0);
    let at = |t: f64| (-q * (1.0 + t.cosh())).exp() * (t / 4.0).cosh();
    let mut sum = 0.5 * at(0.0);
    let mut t = step;
    loop {
        let value = at(t);
        sum += value;
        if value < sum * 1e-18 || t > 100.0 {
            return sum * step;
        }
        t += step;
    }
}
