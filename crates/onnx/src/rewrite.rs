//! What of a file is checked and changed before the runtime sees it?

use tract_onnx::pb::{GraphProto, ModelProto, TensorProto, tensor_proto::DataType};

use crate::error::OnnxError;

/// `DataLocation::External` of the format: values that are in another file.
const EXTERNAL: i32 = 1;

/// Refuses files whose declared sizes are not backed by bytes, or that need other files; replaces what only changes how
/// probabilities are told (`ZipMap`: a map per row) by what leaves them a table.
pub fn rewrite(model: &mut ModelProto) -> Result<(), OnnxError> {
    let Some(graph) = &mut model.graph else {
        return Err(OnnxError::Malformed("there is no graph in it".to_owned()));
    };
    if graph.output.is_empty() {
        return Err(OnnxError::Malformed("it has no output".to_owned()));
    }
    for tensor in &graph.initializer {
        check(tensor)?;
    }
    if !graph.sparse_initializer.is_empty() {
        return Err(OnnxError::Unsupported("sparse initializers".to_owned()));
    }
    for node in &mut graph.node {
        for attribute in &node.attribute {
            attribute.t.iter().chain(&attribute.tensors).try_for_each(check)?;
        }
        if node.op_type == "ZipMap" {
            "Identity".clone_into(&mut node.op_type);
            node.domain.clear();
            node.attribute.clear();
        }
    }
    outputs_exist(graph)
}

/// Every output is made by a node, or is an input or a constant.
fn outputs_exist(graph: &GraphProto) -> Result<(), OnnxError> {
    for output in &graph.output {
        let is_made = graph.node.iter().any(|it| it.output.contains(&output.name))
            || graph.input.iter().any(|it| it.name == output.name)
            || graph.initializer.iter().any(|it| it.name == output.name);
        if !is_made {
            return Err(OnnxError::Malformed(format!("nothing makes the output {:?}", output.name)));
        }
    }
    Ok(())
}

/// The values are there: a shape that is larger than they are would have memory taken for nothing.
fn check(tensor: &TensorProto) -> Result<(), OnnxError> {
    let name = &tensor.name;
    if tensor.data_location == Some(EXTERNAL) || !tensor.external_data.is_empty() {
        let text = format!("values in another file (of {name:?}); export the model as one file");
        return Err(OnnxError::Unsupported(text));
    }
    let mut n: usize = 1;
    for axis in &tensor.dims {
        let axis = usize::try_from(*axis).map_err(|_| OnnxError::Malformed(format!("{name:?} has a negative size")))?;
        n = n.checked_mul(axis).ok_or_else(|| OnnxError::Malformed(format!("{name:?} is too large")))?;
    }
    let n_given = [
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
        tensor.string_data.len(),
        tensor.raw_data.len() / width(tensor.data_type),
    ];
    if n_given.contains(&n) || (n == 0 && n_given.iter().all(|it| *it == 0)) {
        return Ok(());
    }
    let n_most = n_given.iter().max().copied().unwrap_or(0);
    Err(OnnxError::Malformed(format!("{name:?} has {n_most} values, its shape {:?} wants {n}", tensor.dims)))
}

/// Bytes of a value in `raw_data`.
fn width(data_type: i32) -> usize {
    match DataType::try_from(data_type) {
        Ok(DataType::Double | DataType::Int64 | DataType::Uint64) => 8,
        Ok(DataType::Float | DataType::Int32 | DataType::Uint32) => 4,
        Ok(DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16) => 2,
        _ => 1,
    }
}
