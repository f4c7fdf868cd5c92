//! Which columns are taken out of a table? Operator `ArrayFeatureExtractor`, also of text.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{Datum, DatumType, Tensor, TractResult};
use tract_onnx::tract_hir::internal::{TVec, bail, tensor1};

use super::kernel::{Form, Kernel, operator};

#[derive(Debug)]
struct ArrayFeatureExtractor;

/// Of a node.
pub fn new(_node: &NodeProto) -> super::Built {
    operator("ArrayFeatureExtractor", ArrayFeatureExtractor)
}

impl Kernel for ArrayFeatureExtractor {
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        let [(datum, shape), (_, places)] = inputs else { bail!("two inputs are wanted") };
        let n = places.iter().cloned().product();
        // A single axis counts as one row.
        let leading =
            if shape.len() > 1 { shape.iter().take(shape.len() - 1).cloned().collect() } else { vec![1.into()] };
        Ok(vec![(*datum, leading.into_iter().chain([n]).collect::<TVec<_>>())])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let [table, places] = inputs else { bail!("two inputs are wanted") };
        let places = places.cast_to::<i64>()?;
        let places = places.try_as_plain_ram()?.as_slice::<i64>()?;
        let taken = match table.datum_type() {
            DatumType::String => take::<String>(table, places)?,
            DatumType::F32 => take::<f32>(table, places)?,
            DatumType::F64 => take::<f64>(table, places)?,
            DatumType::I64 => take::<i64>(table, places)?,
            DatumType::I32 => take::<i32>(table, places)?,
            other => bail!("a table of {other:?} is not supported"),
        };
        Ok(vec![taken])
    }
}

fn take<T: Datum>(table: &Tensor, places: &[i64]) -> TractResult<Tensor> {
    let width = table.shape().last().copied().unwrap_or(1).max(1);
    let mut taken: Vec<T> = vec![];
    for row in table.try_as_plain_ram()?.as_slice::<T>()?.chunks_exact(width) {
        for place in places {
            match usize::try_from(*place).ok().and_then(|it| row.get(it)) {
                Some(value) => taken.push(value.clone()),
                None => bail!("column {place} is taken, there are {width}"),
            }
        }
    }
    let leading = table.shape().split_last().map(|it| it.1).unwrap_or_default();
    let leading = if leading.is_empty() { &[1][..] } else { leading };
    let shape: Vec<usize> = leading.iter().copied().chain([places.len()]).collect();
    tensor1(&taken).into_shape(&shape)
}
