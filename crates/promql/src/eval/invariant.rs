//! Does the value depend on the time of evaluation? What does not is evaluated once.

use crate::ast::{Expr, Kind};

/// Functions that look at the time of evaluation, or at that of samples.
const DEPEND_ON_TIME: [&str; 11] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "time",
    "timestamp",
];

/// True if the value is the same at every step of one query.
pub(crate) fn is_invariant(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Number(_) | Kind::Text(_) => true,
        Kind::Vector(selector) | Kind::Matrix { selector, .. } => selector.at.is_some(),
        // The value of a subquery at a fixed time is fixed.
        Kind::Subquery(subquery) => subquery.at.is_some(),
        Kind::Paren(inner) | Kind::Negate(inner) | Kind::Plus(inner) => is_invariant(inner),
        Kind::Binary(it) => is_invariant(&it.left) && is_invariant(&it.right),
        Kind::Aggregate(it) => is_invariant(&it.expr) && it.parameter.as_ref().is_none_or(is_invariant),
        Kind::Call { function, args } => !DEPEND_ON_TIME.contains(&function.name) && args.iter().all(is_invariant),
    }
}
