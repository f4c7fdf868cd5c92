//! How do several tables become one? Operator `FeatureVectorizer`: side by side.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};
use tract_onnx::tract_hir::internal::{bail, ensure};

use super::attributes::ints;
use super::kernel::{Form, Kernel, operator};
use super::rows::{Rows, n_rows, table, table_of};

/// How many columns each input gives.
#[derive(Debug)]
struct FeatureVectorizer(Vec<usize>);

/// Of a node.
pub fn new(node: &NodeProto) -> super::Built {
    let widths = ints(node, "inputdimensions")?.into_iter().map(usize::try_from).collect::<Result<_, _>>()?;
    operator("FeatureVectorizer", FeatureVectorizer(widths))
}

impl Kernel for FeatureVectorizer {
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        let Some(first) = inputs.first() else { bail!("no input") };
        Ok(vec![(DatumType::F32, table(n_rows(first), self.0.iter().sum()))])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let tables = inputs.iter().map(|it| Rows::new(it)).collect::<TractResult<Vec<_>>>()?;
        let n = tables.first().map_or(0, Rows::n);
        ensure!(tables.len() == self.0.len(), "{} inputs, {} are told of", tables.len(), self.0.len());
        ensure!(tables.iter().all(|it| it.n() == n), "inputs differ in their number of rows");
        for (table, width) in tables.iter().zip(&self.0) {
            ensure!(table.width == *width, "an input has {} columns, {width} are told of", table.width);
        }
        let cell = |row: usize, table: &Rows| table.iter().nth(row).unwrap_or_default().to_vec();
        let values = (0..n).flat_map(|row| tables.iter().flat_map(move |table| cell(row, table)));
        Ok(vec![table_of(self.0.iter().sum(), values)?])
    }
}
