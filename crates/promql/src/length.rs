//! How long is a computed duration? Arithmetic on durations once the query's range and step are known.

use crate::ast::{DurationExpr, Length, Operator};

/// Milliseconds of seconds, without the fraction; none if there are too many.
pub(crate) fn millis(seconds: f64) -> Option<i64> {
    // A duration in Prometheus is nanoseconds in 64 bits.
    let most = i64::MAX as f64 / 1e9;
    (seconds.is_finite() && seconds.abs() <= most).then(|| ((seconds * 1000.0).round()) as i64)
}

/// What durations may depend on, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// End minus start of the query.
    pub range: i64,
    /// The query's step.
    pub step: i64,
}

impl Known {
    /// A range or a step, which must be above zero, in milliseconds.
    pub(crate) fn positive(self, length: &Length) -> Result<i64, String> {
        match self.any(length)? {
            it @ 1.. => Ok(it),
            _ => Err("duration must be greater than 0".to_owned()),
        }
    }

    /// An offset, in milliseconds.
    pub(crate) fn any(self, length: &Length) -> Result<i64, String> {
        match length {
            Length::Millis(it) => Ok(*it),
            Length::Computed(expr) => {
                let seconds = self.seconds(expr)?;
                millis(seconds).ok_or_else(|| "duration is out of range".to_owned())
            }
        }
    }

    fn seconds(self, expr: &DurationExpr) -> Result<f64, String> {
        Ok(match expr {
            DurationExpr::Number(it) => *it,
            DurationExpr::Step => self.step as f64 / 1000.0,
            DurationExpr::Range => self.range as f64 / 1000.0,
            DurationExpr::Negate(inner) => -self.seconds(inner)?,
            DurationExpr::Least(a, b) => self.seconds(a)?.min(self.seconds(b)?),
            DurationExpr::Most(a, b) => self.seconds(a)?.max(self.seconds(b)?),
            DurationExpr::Binary(operator, a, b) => {
                let (left, right) = (self.seconds(a)?, self.seconds(b)?);
                match operator {
                    Operator::Add => left + right,
                    Operator::Sub => left - right,
                    Operator::Mul => left * right,
                    Operator::Div if right == 0.0 => return Err("division by zero".to_owned()),
                    Operator::Div => left / right,
                    Operator::Mod if right == 0.0 => return Err("modulo by zero".to_owned()),
                    Operator::Mod => left % right,
                    _ => left.powf(right),
                }
            }
        })
    }
}
