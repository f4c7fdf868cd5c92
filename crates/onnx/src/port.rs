//! What does a model want, and what does it give?

use crate::tensor::Kind;

/// An input or an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name in the file.
    pub name: String,
    /// What its values are; none where the file does not say (outputs only).
    pub kind: Option<Kind>,
    /// Length of each axis, none where any length will do. No shape where the file does not say one.
    pub shape: Option<Vec<Option<usize>>>,
}

impl Port {
    /// In words: `input float32 [any, 4]`.
    pub fn text(&self) -> String {
        let kind = match self.kind {
            Some(Kind::F32) => "float32",
            Some(Kind::F64) => "float64",
            Some(Kind::I64) => "int64",
            Some(Kind::Bool) => "bool",
            Some(Kind::Text) => "text",
            None => "of any type",
        };
        let shape = match &self.shape {
            Some(axes) => {
                let axes: Vec<_> = axes.iter().map(|it| it.map_or("any".to_owned(), |n| n.to_string())).collect();
                format!("[{}]", axes.join(", "))
            }
            None => "of any shape".to_owned(),
        };
        format!("{} {kind} {shape}", self.name)
    }

    /// Whether a tensor of this shape fits.
    pub fn fits(&self, shape: &[usize]) -> bool {
        match &self.shape {
            Some(axes) => axes.len() == shape.len() && axes.iter().zip(shape).all(|(a, n)| a.is_none_or(|a| a == *n)),
            None => true,
        }
    }
}
