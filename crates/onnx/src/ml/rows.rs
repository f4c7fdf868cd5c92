//! How does an operator see a table? As rows of 64-bit numbers, whatever they came as.

use tract_onnx::prelude::{DatumType, Tensor, TractResult};
use tract_onnx::tract_hir::internal::{TDim, TVec, bail, ensure};

use super::kernel::Form;

/// Numbers of a table, row by row.
pub struct Rows {
    /// The numbers.
    pub values: Vec<f64>,
    /// Numbers in a row, one at least.
    pub width: usize,
}

impl Rows {
    /// Of a tensor whose first axis is the row; one axis alone is one row.
    pub fn new(tensor: &Tensor) -> TractResult<Self> {
        ensure!(tensor.datum_type() != DatumType::String, "numbers are wanted, not text");
        let width: usize = match tensor.shape() {
            [] => 1,
            [n] => *n,
            [_, rest @ ..] => rest.iter().product(),
        };
        ensure!(width > 0, "rows without a value");
        let cast = tensor.cast_to::<f64>()?;
        Ok(Self { values: cast.try_as_plain_ram()?.as_slice::<f64>()?.to_vec(), width })
    }

    /// The rows.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.width)
    }

    /// How many there are.
    pub fn n(&self) -> usize {
        self.values.len() / self.width
    }
}

/// Number of rows of a shape.
pub fn n_rows(form: &Form) -> TDim {
    match form.1.as_slice() {
        [] | [_] => 1.into(),
        [n, ..] => n.clone(),
    }
}

/// The shape of a table.
pub fn table(n: TDim, width: usize) -> TVec<TDim> {
    [n, width.into()].into_iter().collect()
}

/// The only input of an operator.
pub fn only<T>(inputs: &[T]) -> TractResult<&T> {
    match inputs {
        [one] => Ok(one),
        _ => bail!("one input is wanted, there are {}", inputs.len()),
    }
}

/// A table of 32-bit numbers, which is what the operators give.
pub fn table_of(width: usize, values: impl Iterator<Item = f64>) -> TractResult<Tensor> {
    let values: Vec<f32> = values.map(|it| it as f32).collect();
    Tensor::from_shape(&[values.len() / width.max(1), width], &values)
}

/// A number for each element, or one for all.
pub fn of_column(parameters: &[f32], column: usize) -> f64 {
    let own = if parameters.len() == 1 { parameters.first() } else { parameters.get(column) };
    f64::from(own.copied().unwrap_or(f32::NAN))
}

/// A parameter fits if there is one number, or one for each column.
pub fn fits(what: &str, parameters: &[f32], width: usize) -> TractResult<()> {
    ensure!(
        parameters.len() == 1 || parameters.len() == width,
        "{what} has {} numbers, a row has {width}",
        parameters.len()
    );
    Ok(())
}
