//! How are columns brought to one scale? Operator `Scaler`: offset taken away, then times scale.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};

use super::attributes::floats;
use super::kernel::{Form, Kernel, operator};
use super::rows::{Rows, fits, of_column, only};

#[derive(Debug)]
struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
}

/// Of a node.
pub fn new(node: &NodeProto) -> super::Built {
    operator("Scaler", Scaler { offset: floats(node, "offset")?, scale: floats(node, "scale")? })
}

impl Kernel for Scaler {
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        Ok(vec![(DatumType::F32, only(inputs)?.1.clone())])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let input = only(inputs)?;
        let rows = Rows::new(input)?;
        fits("offset", &self.offset, rows.width)?;
        fits("scale", &self.scale, rows.width)?;
        let scaled = |(column, x): (usize, &f64)| {
            ((x - of_column(&self.offset, column)) * of_column(&self.scale, column)) as f32
        };
        let values: Vec<f32> = rows.iter().flat_map(|row| row.iter().enumerate().map(scaled)).collect();
        Ok(vec![Tensor::from_shape(input.shape(), &values)?])
    }
}
