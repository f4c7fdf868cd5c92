//! Is a value above a threshold? Operator `Binarizer`: 1 if it is, else 0.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};

use super::kernel::{Form, Kernel, operator};
use super::rows::{Rows, only};

#[derive(Debug)]
struct Binarizer(f32);

/// Of a node.
pub fn new(node: &NodeProto) -> super::Built {
    operator("Binarizer", Binarizer(node.get_attr_opt::<f32>("threshold")?.unwrap_or_default()))
}

impl Kernel for Binarizer {
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        Ok(vec![(DatumType::F32, only(inputs)?.1.clone())])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let input = only(inputs)?;
        let is_above = |x: &f64| if *x > f64::from(self.0) { 1.0_f32 } else { 0.0 };
        let values: Vec<f32> = Rows::new(input)?.values.iter().map(is_above).collect();
        Ok(vec![Tensor::from_shape(input.shape(), &values)?])
    }
}
