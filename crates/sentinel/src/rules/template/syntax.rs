//! What does a template consist of once it is understood?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::functions::Function;
use super::value::Value;

pub type Nodes = Vec<Node>;

/// Templates by name, as `define` and `block` make them.
pub type Named = BTreeMap<String, Arc<Nodes>>;

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Text(String),
    Value(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { name: String, data: Option<Pipeline>, at: usize },
    Break,
    Continue,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    pub pipeline: Pipeline,
    pub then: Nodes,
    pub otherwise: Nodes,
}

/// Calls, the value of each being the last argument of the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pub variables: Vec<String>,
    /// True if the variables are there already.
    pub assigns: bool,
    pub calls: Vec<Call>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub callee: Operand,
    pub arguments: Vec<Operand>,
}

/// A value, and which of its fields is meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    pub root: Root,
    pub fields: Vec<String>,
    /// Bytes before it.
    pub at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Root {
    Dot,
    Variable(String),
    Constant(Value),
    Function(Function),
    Nested(Box<Pipeline>),
}
