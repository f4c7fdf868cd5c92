//! How is each row brought to the length 1? Operator `Normalizer`; a row of zeros stays one.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};
use tract_onnx::tract_hir::internal::bail;

use super::attributes::word;
use super::kernel::{Form, Kernel, operator};
use super::rows::{Rows, only};

#[derive(Clone, Copy, Debug)]
enum Normalizer {
    Max,
    L1,
    L2,
}

/// Of a node.
pub fn new(node: &NodeProto) -> super::Built {
    let kernel = match word(node, "norm", "MAX")?.as_str() {
        "MAX" => Normalizer::Max,
        "L1" => Normalizer::L1,
        "L2" => Normalizer::L2,
        other => bail!("norm {other} is unknown"),
    };
    operator("Normalizer", kernel)
}

impl Normalizer {
    fn length(self, row: &[f64]) -> f64 {
        match self {
            // Of the values, not of their size: so do onnxruntime and scikit-learn's exports.
            Self::Max => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::L1 => row.iter().map(|it| it.abs()).sum(),
            Self::L2 => row.iter().map(|it| it * it).sum::<f64>().sqrt(),
        }
    }
}

impl Kernel for Normalizer {
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        Ok(vec![(DatumType::F32, only(inputs)?.1.clone())])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let input = only(inputs)?;
        let rows = Rows::new(input)?;
        let mut values: Vec<f32> = Vec::with_capacity(rows.values.len());
        for row in rows.iter() {
            let length = self.length(row);
            values.extend(row.iter().map(|x| if length == 0.0 { *x as f32 } else { (x / length) as f32 }));
        }
        Ok(vec![Tensor::from_shape(input.shape(), &values)?])
    }
}
