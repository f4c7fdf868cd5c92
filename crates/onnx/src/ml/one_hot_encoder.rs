//! Which category is it? Operator `OneHotEncoder`: a 1 at the place of the category.

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};
use tract_onnx::tract_hir::internal::{bail, ensure};

use super::attributes::{ints, texts};
use super::kernel::{Form, Kernel, operator};
use super::rows::only;

#[derive(Debug)]
struct OneHotEncoder {
    of_text: HashMap<String, usize>,
    of_int: HashMap<i64, usize>,
    n: usize,
    /// What is unknown gets no 1; else it is an error.
    allows_unknown: bool,
}

/// Of a node.
pub fn new(node: &NodeProto) -> super::Built {
    let (of_text, of_int) = (texts(node, "cats_strings")?, ints(node, "cats_int64s")?);
    ensure!(of_text.is_empty() != of_int.is_empty(), "categories are either numbers or text");
    let allows_unknown = node.get_attr_opt::<i64>("zeros")?.unwrap_or(1) != 0;
    let n = of_text.len().max(of_int.len());
    let of_text = of_text.into_iter().enumerate().map(|(at, it)| (it, at)).collect();
    let of_int = of_int.into_iter().enumerate().map(|(at, it)| (it, at)).collect();
    operator("OneHotEncoder", OneHotEncoder { of_text, of_int, n, allows_unknown })
}

impl OneHotEncoder {
    fn places(&self, input: &Tensor) -> TractResult<Vec<Option<usize>>> {
        if input.datum_type() == DatumType::String {
            let plain = input.try_as_plain_ram()?;
            return Ok(plain.as_slice::<String>()?.iter().map(|it| self.of_text.get(it).copied()).collect());
        }
        ensure!(!self.of_int.is_empty(), "categories are text, the values are numbers");
        let cast = input.cast_to::<i64>()?;
        Ok(cast.try_as_plain_ram()?.as_slice::<i64>()?.iter().map(|it| self.of_int.get(it).copied()).collect())
    }
}

impl Kernel for OneHotEncoder {
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        let shape = only(inputs)?.1.iter().cloned().chain([self.n.into()]).collect();
        Ok(vec![(DatumType::F32, shape)])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let input = only(inputs)?;
        let places = self.places(input)?;
        if !self.allows_unknown && places.contains(&None) {
            bail!("a value is none of the {} categories", self.n);
        }
        let mut values = vec![0.0_f32; places.len() * self.n];
        for (row, place) in values.chunks_exact_mut(self.n).zip(&places) {
            if let Some(one) = place.and_then(|it| row.get_mut(it)) {
                *one = 1.0;
            }
        }
        let shape: Vec<usize> = input.shape().iter().copied().chain([self.n]).collect();
        Ok(vec![Tensor::from_shape(&shape, &values)?])
    }
}
