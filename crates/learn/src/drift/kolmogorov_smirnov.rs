//! How far are the distribution functions apart at most? The test of Kolmogorov and Smirnov, two-sided.
//!
//! The p-value is exact (lattice paths) up to 10,000 values a side, and Kolmogorov's limit beyond, as in SciPy.
//! Sources: Hodges: The significance probability of the Smirnov two-sample test, Arkiv foer Matematik 3 (1958);
//! Viehmann: Numerically more stable computation of the p-values for the two-sample Kolmogorov-Smirnov test,
//! arXiv:2102.08037.

use super::pair::Cell;

const MAX_EXACT: f64 = 10_000.0;

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
        limit(statistic, (n * m / (n + m)).round())
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
/// Only additions of shares, so that small ones keep their digits.
fn outside(few: f64, many: f64, d: f64) -> f64 {
    // A little below, so that a path that reaches `d` exactly is outside in spite of rounding.
    let bound = d - 0.5 / (few * many);
    let columns = few as usize;
    let is_outside = |i: f64, j: f64| (i / few - j / many).abs() >= bound;
    let mut shares: Vec<f64> = (0..=columns).map(|i| f64::from(is_outside(i as f64, 0.0))).collect();
    // Once outside always outside: along the edge the first step out decides.
    let mut is_out = 0.0_f64;
    for share in &mut shares {
        is_out = is_out.max(*share);
        *share = is_out;
    }
    for j in 1..=many as u64 {
        let j = j as f64;
        let mut before = 0.0;
        for (i, share) in shares.iter_mut().enumerate() {
            let i = i as f64;
            *share = if is_outside(i, j) {
                1.0
            } else if i == 0.0 {
                *share
            } else {
                (i * before + j * *share) / (i + j)
            };
            before = *share;
        }
    }
    shares.last().copied().unwrap_or(1.0).clamp(0.0, 1.0)
}

/// Kolmogorov's limit, with the correction of Pelz and Good to the first orders left out of reach of any verdict.
fn limit(d: f64, n: f64) -> f64 {
    let x = d * n.sqrt();
    if x < 0.2 {
        return 1.0;
    }
    let mut sum = 0.0;
    for k in 1..=100_u32 {
        let k = f64::from(k);
        let term = (-2.0 * k * k * x * x).exp();
        sum += if k % 2.0 == 1.0 { term } else { -term };
        if term < 1e-17 {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
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
