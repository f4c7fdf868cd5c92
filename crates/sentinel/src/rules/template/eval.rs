//! What comes out of a template? Its texts, with the values of its actions between them.

use super::budget::{Budget, MAX_BYTES, MAX_RUN_DEPTH};
use super::syntax::{Branch, Named, Node, Nodes, Pipeline};
use super::value::Value;
use super::{Failure, Subject};

/// An expansion.
pub struct Run<'a> {
    pub named: &'a Named,
    pub subject: &'a Subject<'a>,
    pub budget: Budget,
    pub out: String,
    pub variables: Vec<(&'a str, Value)>,
    pub depth: usize,
}

/// How a block was left.
#[derive(Clone, Copy, PartialEq)]
pub enum Left {
    AtEnd,
    Break,
    Continue,
}

impl<'a> Run<'a> {
    pub fn nodes(&mut self, nodes: &'a Nodes, dot: &Value) -> Result<Left, Failure> {
        self.deeper()?;
        let n_variables = self.variables.len();
        let mut left = Left::AtEnd;
        for node in nodes {
            left = self.node(node, dot)?;
            if left != Left::AtEnd {
                break;
            }
        }
        self.variables.truncate(n_variables);
        self.depth -= 1;
        Ok(left)
    }

    fn node(&mut self, node: &'a Node, dot: &Value) -> Result<Left, Failure> {
        self.budget.work(0)?;
        match node {
            Node::Text(text) => self.put(text).map_err(|text| Failure { at: 0, text })?,
            Node::Value(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.put(&value.shown()).map_err(|text| Failure { at: at_of(pipeline), text })?;
                }
            }
            Node::If(branch) | Node::With(branch) => {
                let n_variables = self.variables.len();
                let value = self.pipeline(&branch.pipeline, dot)?;
                let inner = if matches!(node, Node::With(_)) { &value } else { dot };
                let left = if value.is_true() {
                    self.nodes(&branch.then, inner)?
                } else {
                    self.nodes(&branch.otherwise, dot)?
                };
                self.variables.truncate(n_variables);
                return Ok(left);
            }
            Node::Range(branch) => return self.range(branch, dot),
            Node::Template { name, data, at } => {
                let data = data.as_ref().map(|it| self.pipeline(it, dot)).transpose()?.unwrap_or(Value::Nil);
                self.template(name, data).map_err(|error| error.or_at(*at))?;
            }
            Node::Break => return Ok(Left::Break),
            Node::Continue => return Ok(Left::Continue),
        }
        Ok(Left::AtEnd)
    }

    /// Adds to what comes out.
    fn put(&mut self, text: &str) -> Result<(), String> {
        self.budget.work(text.len())?;
        if self.out.len() + text.len() > MAX_BYTES {
            return Err(format!("more than {MAX_BYTES} bytes come out"));
        }
        self.out.push_str(text);
        Ok(())
    }

    /// Puts in a template by its name.
    pub fn template(&mut self, name: &str, data: Value) -> Result<(), Failure> {
        let Some(nodes) = self.named.get(name) else {
            let known: Vec<String> = self.named.keys().map(|it| format!("{it:?}")).collect();
            return Err(format!("template {name:?} is not defined; known are: {}", known.join(", ")).into());
        };
        let outer = std::mem::replace(&mut self.variables, vec![("$", data.clone())]);
        self.nodes(nodes, &data)?;
        self.variables = outer;
        Ok(())
    }

    pub fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_RUN_DEPTH {
            return Err(format!("more than {MAX_RUN_DEPTH} blocks, templates or parentheses within one another"));
        }
        Ok(())
    }

    fn range(&mut self, branch: &'a Branch, dot: &Value) -> Result<Left, Failure> {
        let n_variables = self.variables.len();
        let (names, at) = (&branch.pipeline.variables, at_of(&branch.pipeline));
        let over = self.calls(&branch.pipeline.calls, dot)?;
        let mut rounds = rounds(&over).map_err(|text| Failure { at, text })?.peekable();
        if rounds.peek().is_none() {
            return self.nodes(&branch.otherwise, dot);
        }
        for (key, item) in rounds {
            self.budget.iteration().map_err(|text| Failure { at, text })?;
            let values = if names.len() == 2 { vec![key, item.clone()] } else { vec![item.clone()] };
            self.set(names, branch.pipeline.assigns, values);
            let left = self.nodes(&branch.then, &item)?;
            self.variables.truncate(n_variables);
            if left == Left::Break {
                break;
            }
        }
        Ok(Left::AtEnd)
    }

    /// Declares variables, or gives others to those that are there.
    pub fn set(&mut self, names: &'a [String], assigns: bool, values: Vec<Value>) {
        for (name, value) in names.iter().zip(values) {
            match self.variables.iter_mut().rev().find(|it| assigns && it.0 == name) {
                Some(it) => it.1 = value,
                None => self.variables.push((name, value)),
            }
        }
    }
}

/// Where a pipeline begins.
pub fn at_of(pipeline: &Pipeline) -> usize {
    pipeline.calls.first().map_or(0, |it| it.callee.at)
}

/// The keys and values that `range` goes over.
fn rounds(over: &Value) -> Result<Box<dyn Iterator<Item = (Value, Value)> + '_>, String> {
    let numbered = |idx: usize| Value::Int(i64::try_from(idx).unwrap_or(i64::MAX));
    Ok(match over {
        Value::Nil => Box::new(std::iter::empty()),
        Value::List(all) => Box::new(all.iter().enumerate().map(move |(idx, it)| (numbered(idx), it.clone()))),
        Value::Labels(map) => Box::new(map.iter().map(|(name, it)| (Value::text(name), Value::text(it)))),
        Value::Map(map) => Box::new(map.iter().map(|(name, it)| (Value::text(name), it.clone()))),
        Value::Int(n) => Box::new((0..*n).map(|it| (Value::Int(it), Value::Int(it)))),
        other => return Err(format!("range cannot go over {}; lists, labels and whole numbers can be", other.kind())),
    })
}
