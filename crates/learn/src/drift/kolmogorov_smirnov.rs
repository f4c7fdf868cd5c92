//! How far are the distribution functions apart at most? The test of Kolmogorov and Smirnov, two-sided.
//!
//! The p-value is exact (lattice paths) up to 10,000 values a side, and that of a sample of n m / (n + m) values against
//! a known distribution beyond, as in SciPy; that one is exact up to 140 values (Durbin's matrix) and an expansion beyond.
//! Sources: Hodges: The significance probability of the Smirnov two-sample test, Arkiv foer Matematik 3 (1958);
//! Viehmann: Numerically more stable computation of the p-values for the two-sample Kolmogorov-Smirnov test,
//! arXiv:2102.08037; Pelz, Good: Approximating the lower tail-areas of the Kolmogorov-Smirnov one-sample statistic, J.
//! Royal Statistical Society B 38 (1976); Marsaglia, Tsang, Wang: Evaluating Kolmogorov's distribution, J. Statistical
//! Software 8 (2003).

use crate::probability::ln_choose;

use super::pair::Cell;

const MAX_EXACT: f64 = 10_000.0;
/// From n d^2 of this on the tails are one-sided; beyond the other one the p-value is 0.
const TAIL_FROM: f64 = 2.2;
const MAX_SQUARE: f64 = 370.0;
/// From here on the one-sided distribution is at its limit.
const LARGE: f64 = 1_000_000.0;
/// Logarithms below this are of nothing.
const MIN_LN: f64 = -708.0;
/// Up to so many values against a known distribution are counted exactly, until both distances cannot be large at once.
const SMALL: f64 = 140.0;
const SMALL_TAIL_FROM: f64 = 4.0;

/// Statistic and p-value.
pub(super) fn test(cells: impl Iterator<Item = Cell>, n: f64, m: f64) -> (f64, f64) {
    let statistic = statistic(cells, n, m);
    (statistic, p_value(statistic, n, m))
}

/// The greatest distance.
pub(super) fn statistic(cells: impl Iterator<Item = Cell>, n: f64, m: f64) -> f64 {
    let (mut reference, mut current, mut greatest) = (0.0, 0.0, 0.0_f64);
    for cell in cells {
        reference += cell.reference as f64;
        current += cell.current as f64;
        let gap: f64 = reference / n - current / m;
        greatest = greatest.max(gap.abs());
    }
    greatest
}

/// The chance of a distance of at least `statistic` between samples of `n` and `m` values.
pub(super) fn p_value(statistic: f64, n: f64, m: f64) -> f64 {
    if n.max(m) <= MAX_EXACT {
        // The statistic is a whole number of steps of 1 / lcm(n, m).
        let common = n / gcd(n as u64, m as u64) as f64 * m;
        let steps = (statistic * common).round();
        if steps == 0.0 {
            return 1.0;
        }
        if n == m { outside_square(n, steps) } else { outside(n.min(m), n.max(m), steps / common) }
    } else {
        limit(statistic, (n * m / (n + m)).round_ties_even())
    }
}

/// The greatest common divisor.
pub(super) fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The share of paths through a square of side `n` that reach a distance of `h` from the diagonal.
fn outside_square(n: f64, h: f64) -> f64 {
    let mut sum = 0.0;
    let mut k = (n / h).floor();
    while k >= 0.0 {
        let factor = (0..h as u64).fold(1.0, |product, it| {
            let it = it as f64;
            (n - k * h - it) * product / (n + k * h + it + 1.0)
        });
        sum = factor * (1.0 - sum);
        k -= 1.0;
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

/// The share of paths through a rectangle that reach a distance of `d`: of those through each point, how many already did?
///
/// Only additions of shares, so that small ones keep their digits; points beyond `d` have a share of 1 and are not
/// walked through.
fn outside(few: f64, many: f64, d: f64) -> f64 {
    // A little below, so that a path that reaches `d` exactly is outside in spite of rounding.
    let bound = d - 0.5 / (few * many);
    let mut shares = vec![1.0; few as usize + 1];
    if let Some(first) = shares.first_mut() {
        *first = 0.0;
    }
    let mut low = 0;
    for j in 0..=many as u64 {
        let j = j as f64;
        let from = ((j / many - bound) * few).floor().max(-1.0) as i64 + 1;
        let to = ((j / many + bound) * few).ceil().min(few + 1.0) as usize;
        let from = usize::try_from(from).unwrap_or(0);
        // What lies below the band now is outside.
        shares.iter_mut().take(from).skip(low).for_each(|it| *it = 1.0);
        low = from;
        let mut before = if from == 0 { 0.0 } else { 1.0 };
        let start = from as f64;
        let band = shares.get_mut(from..to).unwrap_or_default();
        for (step, share) in band.iter_mut().enumerate() {
            let i = start + step as f64;
            if i + j > 0.0 {
                *share = (i * before + j * *share) / (i + j);
            }
            before = *share;
        }
    }
    shares.last().copied().unwrap_or(1.0).clamp(0.0, 1.0)
}

/// The distribution of the greatest distance of `n` values from a known distribution, which two large samples approach.
fn limit(d: f64, n: f64) -> f64 {
    let square = n * d * d;
    if d >= 1.0 || square >= MAX_SQUARE {
        0.0
    } else if n <= SMALL && d < 0.5 && square <= SMALL_TAIL_FROM {
        (1.0 - below(d, n)).clamp(0.0, 1.0)
    } else if n <= SMALL {
        (2.0 * one_sided(d, n)).min(1.0)
    } else if square >= TAIL_FROM {
        // Both one-sided tails; that both distances are that large at once has no weight here.
        (2.0 * one_sided(d, n)).min(1.0)
    } else {
        (1.0 - body(d * n.sqrt(), n)).clamp(0.0, 1.0)
    }
}

/// Birnbaum and Tingey's exact one-sided distribution.
fn one_sided(d: f64, n: f64) -> f64 {
    if n > LARGE {
        return (-(6.0 * n * d + 1.0).powi(2) / (18.0 * n)).exp();
    }
    let last = (n * (1.0 - d)).floor() as u64;
    let ln_term = |j: f64| {
        let (up, down) = (d + j / n, 1.0 - d - j / n);
        let below = if down > 0.0 { (n - j) * down.ln() } else { f64::NEG_INFINITY };
        ln_choose(n, j) + below + (j - 1.0) * up.ln()
    };
    d * (0..=last).map(|j| ln_term(j as f64).exp()).sum::<f64>()
}

/// The share of samples of `n` values, few, that stay below a distance of `d`: an element of the `n`-th power of a matrix.
fn below(d: f64, n: f64) -> f64 {
    let steps = n * d;
    if steps <= 0.5 {
        return 0.0;
    }
    let k = steps.floor() as usize + 1;
    let size = 2 * k - 1;
    let rest = k as f64 - steps;
    let matrix = durbin(size, rest);
    // One row of the power is enough; each factor also takes its part of n! / n^n, so that nothing grows.
    let mut row: Vec<f64> = (0..size).map(|it| f64::from(it + 1 == k)).collect();
    for factor in 1..=n as u32 {
        let mut next = vec![0.0; size];
        for (share, line) in row.iter().zip(matrix.chunks_exact(size)) {
            next.iter_mut().zip(line).for_each(|(sum, it)| *sum += share * it);
        }
        next.iter_mut().for_each(|it| *it *= f64::from(factor) / n);
        row = next;
    }
    row.get(k - 1).copied().unwrap_or(0.0)
}

/// Durbin's matrix, row by row.
fn durbin(size: usize, rest: f64) -> Vec<f64> {
    let power = |it: usize| rest.powi(it as i32);
    let mut matrix = Vec::with_capacity(size * size);
    for row in 0..size {
        for column in 0..size {
            let mut value = if row + 1 >= column { 1.0 } else { 0.0 };
            if column == 0 {
                value -= power(row + 1);
            }
            if row + 1 == size {
                value -= power(size - column);
            }
            if column == 0 && row + 1 == size && 2.0 * rest > 1.0 {
                value += (2.0 * rest - 1.0).powi(size as i32);
            }
            let ways = (row + 1).saturating_sub(column);
            matrix.push((1..=ways).fold(value, |it, factor| it / factor as f64));
        }
    }
    matrix
}

/// Pelz and Good's expansion of the share below z / sqrt(n), by theta functions that converge fast for small z.
fn body(z: f64, n: f64) -> f64 {
    const PI: f64 = std::f64::consts::PI;
    let (z2, p2) = (z * z, PI * PI);
    let (z4, z6, p4, p6) = (z2 * z2, z2 * z2 * z2, p2 * p2, p2 * p2 * p2);
    if -p2 / 8.0 / z2 < MIN_LN {
        return 0.0;
    }
    let last = (16.0 * z / PI).ceil().max(1.0) as u32;
    let mut sums = [0.0; 4];
    for k in 1..=last {
        let m = f64::from(2 * k - 1);
        let (m2, m4) = (m * m, m.powi(4));
        let q = (-p2 / 8.0 / z2 * m2).exp();
        let terms = [
            1.0,
            -z2 + p2 / 4.0 * m2,
            6.0 * z6 + 2.0 * z4 + (2.0 * z4 - 5.0 * z2) * p2 / 4.0 * m2 + p4 * (1.0 - 2.0 * z2) / 16.0 * m4,
            -30.0 * z6 - 90.0 * z4 * z4
                + p2 * (135.0 * z4 - 96.0 * z6) / 4.0 * m2
                + p4 * (-60.0 * z2 + 212.0 * z4) / 16.0 * m4
                + p6 * (5.0 - 30.0 * z2) / 64.0 * m4 * m2,
        ];
        sums.iter_mut().zip(terms).for_each(|(sum, it)| *sum += it * q);
    }
    let scale = std::f64::consts::TAU.sqrt();
    let [mut first, mut second, mut third, mut fourth] = sums.map(|it| it * scale);
    first /= z;
    second /= 6.0 * z4;
    third /= 72.0 * z6 * z;
    fourth /= 6480.0 * z6 * z4;
    for k in 1..=last {
        let k2 = f64::from(k).powi(2);
        let q = (-p2 / 2.0 / z2 * k2).exp();
        third -= k2 * q * p2 * scale / (36.0 * z2 * z);
        fourth += (3.0 * z2 - p2 * k2) * k2 * q * p2 * scale / (216.0 * z6);
    }
    first + second / n.sqrt() + third / n + fourth / n.powf(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_counted_as_by_hand() {
        // Of the six paths through a square of two, two reach a distance of 2 and all reach 1.
        assert!((outside_square(2.0, 2.0) - 2.0 / 6.0).abs() < 1e-15);
        assert!((outside_square(2.0, 1.0) - 1.0).abs() < 1e-15);
        assert!((outside(2.0, 2.0, 1.0) - 2.0 / 6.0).abs() < 1e-15);
        // Of the three paths through 1 by 2 only one stays within one half.
        assert!((outside(1.0, 2.0, 1.0) - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn both_ways_to_count_agree() {
        for h in 1..=20 {
            let h = f64::from(h);
            let (a, b) = (outside_square(20.0, h), outside(20.0, 20.0, h / 20.0));
            assert!((a / b - 1.0).abs() < 1e-12, "{h}: {a} {b}");
        }
    }
}
