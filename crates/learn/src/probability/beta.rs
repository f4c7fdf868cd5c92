//! What is the incomplete beta function, and with it Student's and Fisher's distribution?
//!
//! Source: Press et al.: Numerical Recipes, chapter 6.4 (continued fraction).

use super::gamma::ln_gamma;

const MAX_TERMS: usize = 20_000;
const TINY: f64 = 1e-300;

/// The regularized incomplete beta function I_x(a, b), of `a`, `b` > 0 and `x` in 0 to 1.
pub fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return if x.is_nan() { x } else { 0.0 };
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, 1.0 - x) / b
    }
}

/// The share of Student's distribution with `degrees` degrees of freedom above `t`.
pub fn student_upper(t: f64, degrees: f64) -> f64 {
    let tail = 0.5 * incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t));
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// The share of Fisher's F distribution above `f`.
pub fn f_upper(f: f64, degrees_above: f64, degrees_below: f64) -> f64 {
    if f <= 0.0 {
        return 1.0;
    }
    incomplete_beta(degrees_below / 2.0, degrees_above / 2.0, degrees_below / (degrees_below + degrees_above * f))
}

/// Lentz' method.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    let mut m = 0.0;
    for _ in 0..MAX_TERMS {
        m += 1.0;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / not_zero(1.0 + even * d);
        c = not_zero(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / not_zero(1.0 + odd * d);
        c = not_zero(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h
}

fn not_zero(x: f64) -> f64 {
    if x.abs() < TINY { TINY } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: the values of scipy.special.betainc and scipy.stats.t.sf.
    #[test]
    fn values_are_those_of_scipy() {
        let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-11, "{found} {expected}");
        near(incomplete_beta(2.0, 3.0, 0.4), 0.5248);
        near(student_upper(2.0, 10.0), 0.03669401738537018);
        near(student_upper(0.3, 1998.0), 0.38210418159597437);
        near(student_upper(1.0, 1.0), 0.25);
        near(f_upper(3.0, 1.0, 10.0), 0.1139374121519203);
    }
}
