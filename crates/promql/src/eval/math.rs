//! What is the sine of it? Functions from one number to another, and from a histogram to a number.

use crate::histogram::{Histogram, variance};

/// A function on floats by its name.
pub(super) fn by_name(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "rad" => |it| it * std::f64::consts::PI / 180.0,
        "deg" => |it| it * 180.0 / std::f64::consts::PI,
        "sgn" => |it| match it {
            it if it < 0.0 => -1.0,
            it if it > 0.0 => 1.0,
            it => it,
        },
        _ => return None,
    })
}

/// A function on histograms by its name.
pub(super) fn of_histogram(name: &str) -> Option<fn(&Histogram) -> f64> {
    Some(match name {
        "histogram_count" => |it| it.count,
        "histogram_sum" => |it| it.sum,
        "histogram_avg" => |it| it.sum / it.count,
        "histogram_stdvar" => variance,
        "histogram_stddev" => |it| variance(it).sqrt(),
        _ => return None,
    })
}
