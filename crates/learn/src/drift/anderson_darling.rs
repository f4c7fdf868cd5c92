//! Are the distribution functions apart, with weight on the tails? The test of Anderson and Darling for two samples.
//!
//! Statistic: Scholz and Stephens' A2akN with middle ranks, standardized by its mean and deviation (SciPy's).
//! Our p-value is that of the limit distribution; SciPy's interpolates a table and ends at 0.001 and 0.25.
//! Sources: Scholz, Stephens: K-sample Anderson-Darling tests, J. American Statistical Association 82 (1987);
//! Marsaglia, Marsaglia: Evaluating the Anderson-Darling distribution, J. Statistical Software 9 (2004).

use crate::probability::chi_square_upper;

use super::pair::Cell;

/// The deviation of the limit distribution, sqrt(2 (pi^2 - 9) / 3).
const LIMIT_DEVIATION: f64 = 0.761_407_366_398_8;
/// From here on one term of the limit distribution gives the tail.
const TAIL_FROM: f64 = 8.0;
/// Scholz and Stephens' table 2 for two samples: critical values and their levels.
const CRITICAL: [(f64, f64); 7] = [
    (0.325, 0.25),
    (1.226, 0.1),
    (1.961, 0.05),
    (1.96 + 1.149 - 0.391, 0.025),
    (3.752, 0.01),
    (4.592, 0.005),
    (6.546, 0.001),
];

/// The sum over cells while one walks through them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    n: f64,
    m: f64,
    reference: f64,
    current: f64,
    sum: f64,
}

impl Sum {
    pub(super) fn new(n: f64, m: f64) -> Self {
        Self { n, m, reference: 0.0, current: 0.0, sum: 0.0 }
    }

    /// Takes the next cell in ascending order.
    #[inline]
    pub(super) fn add(&mut self, cell: &Cell) {
        let (reference, current) = (cell.reference as f64, cell.current as f64);
        let (all, total) = (self.n + self.m, reference + current);
        let below = self.reference + self.current + total / 2.0;
        let weight = below * (all - below) - all * total / 4.0;
        if weight > 0.0 {
            // N M_j - B_j n is the same for both sides but for its sign.
            let gap = all * (self.reference + reference / 2.0) - below * self.n;
            self.sum += total / all * gap * gap / weight;
        }
        self.reference += reference;
        self.current += current;
    }

    /// A2akN.
    pub(super) fn statistic(&self) -> f64 {
        let all = self.n + self.m;
        self.sum * (1.0 / self.n + 1.0 / self.m) * (all - 1.0) / all
    }

    /// The p-value of the limit distribution.
    pub(super) fn p_value(&self, deviation: f64) -> f64 {
        limit_upper(1.0 + (self.statistic() - 1.0) * LIMIT_DEVIATION / deviation)
    }
}

/// The standardized statistic and the p-value; no p-value if all values are one.
pub(super) fn test(cells: impl Iterator<Item = Cell>, n: f64, m: f64) -> (f64, Option<f64>) {
    let mut sum = Sum::new(n, m);
    let n_cells = cells.map(|it| sum.add(&it)).count();
    let deviation = deviation(n, m);
    let standardized = (sum.statistic() - 1.0) / deviation;
    (standardized, (n_cells > 1).then(|| sum.p_value(deviation)))
}

/// Standard deviation of A2akN for samples of these sizes.
pub(super) fn deviation(n: f64, m: f64) -> f64 {
    let all = n + m;
    let inverse = 1.0 / n + 1.0 / m;
    let (h, g) = harmonic(all);
    let k = 2.0;
    let a = (4.0 * g - 6.0) + (10.0 - 6.0 * g) * inverse;
    let b = (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * inverse - 8.0 * h + 4.0 * g - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * k * k + (4.0 * h - 4.0 * g + 6.0) * k + (2.0 * h - 6.0) * inverse + 4.0 * h;
    let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
    let variance = (a * all.powi(3) + b * all * all + c * all + d) / ((all - 1.0) * (all - 2.0) * (all - 3.0));
    variance.sqrt()
}

/// Beyond this size the sums are those of their expansions, to the last digit.
const LARGE: f64 = 1000.0;

/// The sum of 1/i for i below `all`, and the double sum of Scholz and Stephens, of 1/((all - i) j) for i < j < `all`:
/// the sum of 1/i^2 less 2/all of the first.
fn harmonic(all: f64) -> (f64, f64) {
    let (h, squares) = if all > LARGE {
        let (inverse, square) = (1.0 / all, 1.0 / (all * all));
        let h = all.ln() + 0.577_215_664_901_532_9 - inverse / 2.0 - square / 12.0 * (1.0 - square / 10.0);
        let rest = inverse * (1.0 + inverse / 2.0 + square / 6.0 * (1.0 - square / 5.0));
        (h, std::f64::consts::PI.powi(2) / 6.0 - rest)
    } else {
        let below = || (1_u32..).map(f64::from).take_while(|it| *it < all);
        (below().map(|it| 1.0 / it).sum(), below().map(|it| 1.0 / (it * it)).sum())
    };
    (h, squares - 2.0 * h / all)
}

/// The share of the limit distribution above `z`.
pub(super) fn limit_upper(z: f64) -> f64 {
    if z <= 0.0 {
        1.0
    } else if z < 2.0 {
        let poly = 0.0116720 - 0.00168691 * z;
        let poly = 2.00012 + (0.247105 - (0.0649821 - (0.0347962 - poly * z) * z) * z) * z;
        1.0 - (-1.2337141 / z).exp() / z.sqrt() * poly
    } else if z < TAIL_FROM {
        let poly = 0.008056 - 0.0003146 * z;
        let poly = 1.0776 - (2.30695 - (0.43424 - (0.082433 - poly * z) * z) * z) * z;
        -(-poly.exp()).exp_m1()
    } else {
        // The largest weight is 1/2; the others together multiply its tail by sqrt(3).
        3.0_f64.sqrt() * chi_square_upper(2.0 * z, 1.0)
    }
}

/// SciPy's p-value: the table's levels through a parabola of their logarithms, from 0.001 to 0.25.
pub(super) fn table_p_value(standardized: f64) -> f64 {
    match CRITICAL {
        [(lowest, most), .., (highest, least)] => {
            if standardized < lowest {
                most
            } else if standardized > highest {
                least
            } else {
                parabola(standardized).exp()
            }
        }
    }
}

/// Least squares through (critical value, ln level), solved by orthogonal polynomials.
fn parabola(x: f64) -> f64 {
    let n = CRITICAL.len() as f64;
    let mean = |of: &dyn Fn(f64, f64) -> f64| CRITICAL.iter().map(|it| of(it.0, it.1.ln())).sum::<f64>() / n;
    let center = mean(&|x, _| x);
    let spread = mean(&|x, _| (x - center).powi(2));
    let skew = mean(&|x, _| (x - center).powi(3)) / spread;
    let second = |x: f64| (x - center).powi(2) - skew * (x - center) - spread;
    let slope = mean(&|x, y| (x - center) * y) / spread;
    let curve = mean(&|x, y| second(x) * y) / mean(&|x, _| second(x).powi(2));
    mean(&|_, y| y) + slope * (x - center) + curve * second(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The double sums as SciPy adds them.
    #[test]
    fn sums_are_those_of_their_definition_at_every_size() {
        for all in [3_u32, 4, 20, 1000, 1001, 3000] {
            let mut double = 0.0;
            for i in 1..all - 1 {
                double += (i + 1..all).map(|j| 1.0 / (f64::from(all - i) * f64::from(j))).sum::<f64>();
            }
            let single: f64 = (1..all).map(|it| 1.0 / f64::from(it)).sum();
            let (h, g) = harmonic(f64::from(all));
            assert!((h / single - 1.0).abs() < 1e-13 && (g / double - 1.0).abs() < 1e-12, "{all}: {h} {g} {double}");
        }
    }
}
