//! What does a node say of its operator? Lists that may be absent, and classes by number or by text.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};
use tract_onnx::tract_hir::internal::bail;

use crate::tensor::text_tensor;

/// Numbers; none if there are none.
pub fn floats(node: &NodeProto, name: &str) -> TractResult<Vec<f32>> {
    Ok(node.get_attr_opt_vec::<f32>(name)?.unwrap_or_default())
}

/// Whole numbers; none if there are none.
pub fn ints(node: &NodeProto, name: &str) -> TractResult<Vec<i64>> {
    Ok(node.get_attr_opt_vec::<i64>(name)?.unwrap_or_default())
}

/// Text; none if there is none.
pub fn texts(node: &NodeProto, name: &str) -> TractResult<Vec<String>> {
    Ok(node.get_attr_opt_vec::<String>(name)?.unwrap_or_default())
}

/// One word, or what stands for it.
pub fn word(node: &NodeProto, name: &str, default: &str) -> TractResult<String> {
    Ok(node.get_attr_opt::<String>(name)?.unwrap_or_else(|| default.to_owned()))
}

/// Names of classes.
#[derive(Clone, Debug)]
pub enum Classes {
    /// By number.
    Ints(Vec<i64>),
    /// By text.
    Texts(Vec<String>),
}

impl Classes {
    /// From the attributes `classlabels_strings` and one that has another name with each operator.
    pub fn new(node: &NodeProto, of_ints: &str) -> TractResult<Self> {
        let (of_text, of_int) = (texts(node, "classlabels_strings")?, ints(node, of_ints)?);
        match (of_text.is_empty(), of_int.is_empty()) {
            (false, _) => Ok(Self::Texts(of_text)),
            (true, false) => Ok(Self::Ints(of_int)),
            (true, true) => bail!("there are no class labels"),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(of) => of.len(),
            Self::Texts(of) => of.len(),
        }
    }

    /// The type of a label.
    pub fn datum(&self) -> DatumType {
        match self {
            Self::Ints(_) => DatumType::I64,
            Self::Texts(_) => DatumType::String,
        }
    }

    /// Labels of classes, one per row.
    pub fn labels(&self, winners: &[usize]) -> TractResult<Tensor> {
        let shape = [winners.len()];
        match self {
            Self::Ints(of) => {
                let labels: Vec<i64> = winners.iter().map(|it| of.get(*it).copied().unwrap_or_default()).collect();
                Tensor::from_shape(&shape, &labels)
            }
            Self::Texts(of) => {
                text_tensor(&shape, winners.iter().map(|it| of.get(*it).cloned().unwrap_or_default()).collect())
            }
        }
    }
}
