//! What is the value of a pipeline? That of its last call, whose last argument is the value of the call before.

use super::Failure;
use super::eval::Run;
use super::functions::Function;
use super::syntax::{Call, Operand, Pipeline, Root};
use super::value::Value;

impl<'a> Run<'a> {
    /// The value of a pipeline, which its variable takes too.
    pub fn pipeline(&mut self, pipeline: &'a Pipeline, dot: &Value) -> Result<Value, Failure> {
        let value = self.calls(&pipeline.calls, dot)?;
        self.set(&pipeline.variables, pipeline.assigns, vec![value.clone()]);
        Ok(value)
    }

    pub fn calls(&mut self, calls: &'a [Call], dot: &Value) -> Result<Value, Failure> {
        let mut piped = None;
        for call in calls {
            let value = self.call(call, piped.take(), dot).map_err(|it| it.or_at(call.callee.at))?;
            piped = Some(value);
        }
        piped.ok_or_else(|| "a value expected".to_owned().into())
    }

    fn call(&mut self, call: &'a Call, piped: Option<Value>, dot: &Value) -> Result<Value, Failure> {
        let value = match (&call.callee.root, call.arguments.as_slice()) {
            (Root::Function(function), arguments) => self.function(*function, arguments, piped, dot)?,
            (_, []) => return self.operand(&call.callee, dot),
            (_, arguments) => return self.method(&call.callee, arguments, dot),
        };
        self.field_of(value, &call.callee.fields)
    }

    fn function(
        &mut self,
        function: Function,
        arguments: &'a [Operand],
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, Failure> {
        // These look at no more arguments than they need.
        if let Some(stop_at) = function.stops_at() {
            let mut last = Value::Nil;
            for operand in arguments {
                last = self.operand(operand, dot)?;
                if last.is_true() == stop_at {
                    return Ok(last);
                }
            }
            return Ok(piped.unwrap_or(last));
        }
        let mut values = arguments.iter().map(|it| self.operand(it, dot)).collect::<Result<Vec<_>, _>>()?;
        values.extend(piped);
        for text in values.iter().filter_map(|it| it.as_text().ok()) {
            self.budget.work(text.len())?;
        }
        let value = function.call(self, &values).map_err(|it| it.of(function.name()))?;
        self.budget.work(value.as_text().map_or(0, str::len))?;
        Ok(value)
    }

    fn operand(&mut self, operand: &'a Operand, dot: &Value) -> Result<Value, Failure> {
        self.budget.work(0)?;
        let value = match &operand.root {
            Root::Dot => dot.clone(),
            Root::Constant(it) => it.clone(),
            Root::Variable(name) => {
                let found = self.variables.iter().rev().find(|it| it.0 == name);
                found.map(|it| it.1.clone()).ok_or_else(|| format!("{name} has no value"))?
            }
            Root::Function(function) => self.function(*function, &[], None, dot)?,
            Root::Nested(pipeline) => {
                self.deeper()?;
                let value = self.pipeline(pipeline, dot)?;
                self.depth -= 1;
                value
            }
        };
        self.field_of(value, &operand.fields).map_err(|it| it.or_at(operand.at))
    }

    fn field_of(&self, mut value: Value, fields: &[String]) -> Result<Value, Failure> {
        for name in fields {
            value = value.field(name)?;
        }
        Ok(value)
    }

    /// A method with an argument, which only times have.
    fn method(&mut self, callee: &'a Operand, arguments: &'a [Operand], dot: &Value) -> Result<Value, Failure> {
        let Some((name, before)) = callee.fields.split_last() else {
            return Err("only functions have arguments".to_owned().into());
        };
        // A copy without the last field would have to outlive the run: the fields before it are looked up here.
        let root = match &callee.root {
            Root::Dot => dot.clone(),
            Root::Variable(name) => {
                self.variables.iter().rev().find(|it| it.0 == name).map_or(Value::Nil, |it| it.1.clone())
            }
            Root::Nested(pipeline) => self.pipeline(pipeline, dot)?,
            Root::Constant(_) | Root::Function(_) => Value::Nil,
        };
        let (receiver, [argument]) = (self.field_of(root, before)?, arguments) else {
            return Err(format!(".{name}: one argument expected").into());
        };
        let argument = self.operand(argument, dot)?;
        match receiver {
            Value::Time(time) => Ok(super::time::method(time, name, Some(&argument))?),
            other => {
                Err(format!(".{name} has arguments, but a value of type {} has no such method", other.kind()).into())
            }
        }
    }
}
