//! What do templates ask of the storage, and what do they do with what is found?

use super::Answer;
use crate::rules::template::Failure;
use crate::rules::template::eval::Run;
use crate::rules::template::value::Value;

/// Samples of an expression at the time of the evaluation.
pub fn query(run: &mut Run<'_>, values: &[Value]) -> Result<Value, Failure> {
    let [expression] = values else { return Ok(Value::Nil) };
    let expression = expression.as_text()?;
    run.budget.query()?;
    let found = (run.subject.query)(expression).map_err(|error| format!("{expression:?}: {error}"))?;
    run.budget.work(found.len())?;
    Ok(Value::List(found.into_iter().map(|(labels, value)| Value::sample(labels, value)).collect()))
}

/// Puts a template in by a name that is not known before.
pub fn tmpl(run: &mut Run<'_>, values: &[Value]) -> Result<Value, Failure> {
    let [name, data] = values else { return Ok(Value::Nil) };
    let before = std::mem::take(&mut run.out);
    run.template(name.as_text()?, data.clone())?;
    Ok(Value::text(std::mem::replace(&mut run.out, before)))
}

pub fn first(value: &Value) -> Answer {
    value.list()?.first().cloned().ok_or_else(|| "first() called on vector with no elements".to_owned())
}

/// A label of a sample.
pub fn label(name: &Value, sample: &Value) -> Answer {
    sample.field("Labels")?.field(name.as_text()?)
}

/// The number of a sample.
pub fn value(sample: &Value) -> Answer {
    sample.field("Value")
}

/// What the label `__value__` of a sample says.
pub fn strvalue(sample: &Value) -> Answer {
    sample.field("Labels")?.field("__value__")
}

pub fn sort_by_label(name: &Value, samples: &Value) -> Answer {
    let mut keyed = vec![];
    for sample in samples.list()? {
        keyed.push((label(name, sample)?.shown(), sample.clone()));
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Value::List(keyed.into_iter().map(|it| it.1).collect()))
}
