//! Does the query make sense? Types of operands and arguments, and combinations that mean nothing.

use super::ParseError;
use super::expression::is_operand;
use crate::ast::{Aggregator, Binary, Cardinality, Expr, Kind, Selector, Type};
use crate::functions::Function;

/// Checks an expression and all that is in it.
pub(super) fn check(expr: &Expr) -> Result<(), ParseError> {
    match &expr.kind {
        Kind::Number(_) | Kind::Text(_) => Ok(()),
        Kind::Vector(selector) | Kind::Matrix { selector, .. } => self::selector(selector, expr),
        Kind::Subquery(subquery) => {
            check(&subquery.expr)?;
            expect(&subquery.expr, Type::Vector, || {
                format!(
                    "subquery is only allowed on instant vector, got {} instead",
                    subquery.expr.value_type().as_str()
                )
            })
        }
        Kind::Paren(inner) => check(inner),
        Kind::Negate(inner) | Kind::Plus(inner) => {
            check(inner)?;
            let value_type = inner.value_type();
            match is_operand(value_type) {
                true => Ok(()),
                false => fail(
                    expr,
                    format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                        value_type.as_str()
                    ),
                ),
            }
        }
        Kind::Binary(binary) => self::binary(binary, expr),
        Kind::Aggregate(aggregate) => {
            check(&aggregate.expr)?;
            expect_in(&aggregate.expr, Type::Vector, "aggregation expression")?;
            let Some(parameter) = &aggregate.parameter else { return Ok(()) };
            check(parameter)?;
            let wanted = if aggregate.operator == Aggregator::CountValues { Type::Text } else { Type::Scalar };
            expect_in(parameter, wanted, "aggregation parameter")
        }
        Kind::Call { function, args } => call(function, args, expr),
    }
}

fn fail<T>(expr: &Expr, text: String) -> Result<T, ParseError> {
    Err(ParseError::new(expr.place, text))
}

fn expect(expr: &Expr, wanted: Type, text: impl FnOnce() -> String) -> Result<(), ParseError> {
    if expr.value_type() == wanted { Ok(()) } else { fail(expr, text()) }
}

fn expect_in(expr: &Expr, wanted: Type, context: &str) -> Result<(), ParseError> {
    expect(expr, wanted, || {
        format!("expected type {} in {context}, got {}", wanted.as_str(), expr.value_type().as_str())
    })
}

fn selector(selector: &Selector, expr: &Expr) -> Result<(), ParseError> {
    let names = selector.matchers.iter().filter(|it| it.name == "__name__");
    if let Some(name) = &selector.name
        && let Some(other) = names.clone().find(|it| it.value != *name)
        && !selector.matchers.is_empty()
    {
        let text = format!("metric name must not be set twice: {name:?} or {:?}", other.value);
        return fail(expr, text);
    }
    if selector.matchers.iter().all(|it| it.matches("")) {
        return fail(expr, "vector selector must contain at least one non-empty matcher".to_owned());
    }
    Ok(())
}

fn binary(binary: &Binary, expr: &Expr) -> Result<(), ParseError> {
    check(&binary.left)?;
    check(&binary.right)?;
    let (left, right) = (binary.left.value_type(), binary.right.value_type());
    let operator = binary.operator;
    if binary.returns_bool && !operator.is_comparison() {
        return fail(expr, "bool modifier can only be used on comparison operators".to_owned());
    }
    if operator.is_comparison() && !binary.returns_bool && left == Type::Scalar && right == Type::Scalar {
        return fail(expr, "comparisons between scalars must use BOOL modifier".to_owned());
    }
    for side in [&binary.left, &binary.right] {
        if !is_operand(side.value_type()) {
            return fail(side, "binary expression must contain only scalar and instant vector types".to_owned());
        }
    }
    let matching = &binary.matching;
    let are_vectors = left == Type::Vector && right == Type::Vector;
    if !are_vectors && !matching.labels.is_empty() {
        return fail(expr, "vector matching only allowed between instant vectors".to_owned());
    }
    let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
    if fills && operator.is_set() {
        return fail(expr, "filling in missing series not allowed for set operators".to_owned());
    }
    if fills && !are_vectors {
        return fail(expr, "filling in missing series only allowed between instant vectors".to_owned());
    }
    if operator.is_set() && !are_vectors {
        return fail(expr, format!("set operator {:?} not allowed in binary scalar expression", operator.as_str()));
    }
    let grouped = matches!(matching.cardinality, Cardinality::ManyToOne | Cardinality::OneToMany);
    if matching.is_on
        && grouped
        && let Some(label) = matching.include.iter().find(|it| matching.labels.contains(it))
    {
        return fail(expr, format!("label {label:?} must not occur in ON and GROUP clause at once"));
    }
    Ok(())
}

fn call(function: &Function, args: &[Expr], expr: &Expr) -> Result<(), ParseError> {
    let wanted = function.args.len();
    let given = args.len();
    let name = function.name;
    if function.variadic == 0 && given != wanted {
        return fail(expr, format!("expected {wanted} argument(s) in call to {name:?}, got {given}"));
    }
    if function.variadic != 0 {
        let least = wanted.saturating_sub(1);
        if given < least {
            return fail(expr, format!("expected at least {least} argument(s) in call to {name:?}, got {given}"));
        }
        if let Ok(more) = usize::try_from(function.variadic)
            && given > least + more
        {
            let most = least + more;
            return fail(expr, format!("expected at most {most} argument(s) in call to {name:?}, got {given}"));
        }
    }
    for (idx, arg) in args.iter().enumerate() {
        if name == "info" && idx == 1 {
            info_selector(arg)?;
            continue;
        }
        check(arg)?;
        let Some(wanted) = function.args.get(idx).or(function.args.last()) else { continue };
        expect_in(arg, *wanted, &format!("call to function {name:?}"))?;
    }
    Ok(())
}

/// The second argument of `info` selects labels: it may fit everything, and has no name in front of it.
fn info_selector(arg: &Expr) -> Result<(), ParseError> {
    let Kind::Vector(selector) = &arg.inner().kind else {
        return fail(
            arg,
            format!(
                "expected label selectors as the second argument to \"info\" function, got {}",
                arg.value_type().as_str()
            ),
        );
    };
    match selector.name {
        None => Ok(()),
        Some(_) => fail(arg, "expected label selectors only, got vector selector instead".to_owned()),
    }
}
