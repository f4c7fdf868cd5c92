//! What stands where a value is missing? Operator `Imputer`.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};
use tract_onnx::tract_hir::internal::ensure;

use super::attributes::{floats, ints};
use super::kernel::{Form, Kernel, operator};
use super::rows::{Rows, only};

#[derive(Debug)]
struct Imputer {
    /// What is put in, one for each column or one for all.
    instead: Vec<f64>,
    /// What counts as missing; not-a-number is equal to itself here.
    missing: f64,
    is_int: bool,
}

/// Of a node.
pub fn new(node: &NodeProto) -> super::Built {
    let of_int = ints(node, "imputed_value_int64s")?;
    let is_int = !of_int.is_empty();
    let instead = if is_int {
        of_int.iter().map(|it| *it as f64).collect()
    } else {
        floats(node, "imputed_value_floats")?.iter().map(|it| f64::from(*it)).collect()
    };
    let missing = if is_int {
        node.get_attr_opt::<i64>("replaced_value_int64")?.unwrap_or_default() as f64
    } else {
        f64::from(node.get_attr_opt::<f32>("replaced_value_float")?.unwrap_or_default())
    };
    operator("Imputer", Imputer { instead, missing, is_int })
}

impl Kernel for Imputer {
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        let datum = if self.is_int { DatumType::I64 } else { DatumType::F32 };
        Ok(vec![(datum, only(inputs)?.1.clone())])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let input = only(inputs)?;
        let rows = Rows::new(input)?;
        let n = self.instead.len();
        ensure!(n == 1 || n == rows.width, "{n} values stand for missing ones, a row has {}", rows.width);
        let filled = |(column, x): (usize, &f64)| {
            let is_missing = *x == self.missing || (x.is_nan() && self.missing.is_nan());
            let instead = self.instead.get(if n == 1 { 0 } else { column }).copied().unwrap_or(f64::NAN);
            if is_missing { instead } else { *x }
        };
        let values = rows.iter().flat_map(|row| row.iter().enumerate().map(filled));
        Ok(vec![if self.is_int {
            Tensor::from_shape(input.shape(), &values.map(|it| it as i64).collect::<Vec<_>>())?
        } else {
            Tensor::from_shape(input.shape(), &values.map(|it| it as f32).collect::<Vec<_>>())?
        }])
    }
}
