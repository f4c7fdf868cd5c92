//! What does a model in a file want, and what does it answer?

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{DatumType, Framework, InferenceModel, IntoTValue, TVec, TractError, TractResult};
use tract_onnx::tract_core::plan::eval;
use tract_onnx::tract_hir::internal::{DimLike, Factoid, format_err};

use crate::error::OnnxError;
use crate::plan::{Plans, inferred};
use crate::port::Port;
use crate::rewrite::rewrite;
use crate::tensor::{Kind, Tensor};

/// What a model may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Size of the file, in bytes.
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 256 << 20 }
    }
}

/// The content of a file that is not too large.
pub fn bytes(path: &Path, limits: &Limits) -> Result<Vec<u8>, OnnxError> {
    let failed = |source| OnnxError::File { path: path.to_owned(), source };
    let mut bytes = vec![];
    let file = File::open(path).map_err(failed)?;
    let given = file.metadata().map_err(failed)?.len();
    // One byte more than is allowed shows that a file which grows, or says nothing of its size, is too large.
    file.take(limits.max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    match given.max(bytes.len() as u64) {
        size if size > limits.max_bytes => Err(OnnxError::TooLarge { bytes: size, limit: limits.max_bytes }),
        _ => Ok(bytes),
    }
}

/// A model that is ready to be run, by several threads at once.
pub struct Model {
    inputs: Vec<Port>,
    datums: Vec<DatumType>,
    outputs: Vec<Port>,
    plans: Plans,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("inputs", &self.inputs).field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

impl Model {
    /// Reads a file. It takes long for large models: not for a thread that must answer.
    pub fn read(path: &Path, limits: &Limits) -> Result<Self, OnnxError> {
        Self::parse(&bytes(path, limits)?)
    }

    /// Reads a file's content.
    pub fn parse(bytes: &[u8]) -> Result<Self, OnnxError> {
        let mut message = tract_onnx::onnx()
            .proto_model_for_read(&mut &*bytes)
            .map_err(|error| OnnxError::Malformed(short(&error)))?;
        rewrite(&mut message)?;
        // The runtime trusts a file that is well-formed; one that is not may break what it takes for granted.
        let made = catch_unwind(AssertUnwindSafe(|| {
            let model = inferred(&message)?;
            let ports = ports(&model, &message)?;
            Ok((ports, Plans::new(model)?))
        }));
        match made {
            Ok(Ok(((inputs, datums, outputs), plans))) => Ok(Self { inputs, datums, outputs, plans }),
            Ok(Err(error)) => Err(OnnxError::Unsupported(short(&error))),
            Err(_) => Err(OnnxError::Malformed("it contradicts itself".to_owned())),
        }
    }

    /// What it wants, in order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What it gives, in order.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Answers, with inputs in the order of `inputs`. Numbers are cast to the type that an input wants.
    ///
    /// After the deadline it ends with `TooLong`, as soon as the operator that is at work is done.
    pub fn run(&self, given: &[Tensor], deadline: Option<Instant>) -> Result<Vec<Tensor>, OnnxError> {
        let inputs = self.accepted(given)?;
        let shapes: Vec<&[usize]> = given.iter().map(Tensor::shape).collect();
        let is_over = || deadline.is_some_and(|it| Instant::now() >= it);
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let mut state = self.plans.of(&shapes)?.spawn()?;
            state.run_plan_with_eval(inputs, |context, of_node, node, inputs| {
                if is_over() {
                    return Err(format_err!("over"));
                }
                eval(context, of_node, node, inputs)
            })
        }));
        match ran {
            Ok(Ok(outputs)) => outputs.iter().map(|it| Tensor::from_inner(it)).collect(),
            Ok(Err(_)) | Err(_) if is_over() => Err(OnnxError::TooLong),
            Ok(Err(error)) => Err(OnnxError::Run(short(&error))),
            Err(_) => Err(OnnxError::Run("it contradicts itself".to_owned())),
        }
    }

    fn accepted(&self, given: &[Tensor]) -> Result<TVec<tract_onnx::prelude::TValue>, OnnxError> {
        if given.len() != self.inputs.len() {
            let names: Vec<_> = self.inputs.iter().map(|it| it.name.as_str()).collect();
            let text =
                format!("{} inputs were given, the model wants {}: {}", given.len(), names.len(), names.join(", "));
            return Err(OnnxError::Input(text));
        }
        let mut inputs = TVec::new();
        for ((port, datum), tensor) in self.inputs.iter().zip(&self.datums).zip(given) {
            if !port.fits(tensor.shape()) {
                let text = format!("the shape {:?} does not fit the input {}", tensor.shape(), port.text());
                return Err(OnnxError::Input(text));
            }
            let inner = tensor.to_inner(*datum).map_err(|error| match error {
                OnnxError::Input(text) => OnnxError::Input(format!("input {}: {text}", port.name)),
                other => other,
            })?;
            inputs.push(inner.into_tvalue());
        }
        Ok(inputs)
    }
}

/// Inputs with the types of the runtime, and outputs.
type Ports = (Vec<Port>, Vec<DatumType>, Vec<Port>);

fn ports(model: &InferenceModel, message: &ModelProto) -> TractResult<Ports> {
    let mut inputs = vec![];
    let mut datums = vec![];
    for outlet in &model.inputs {
        let fact = model.outlet_fact(*outlet)?;
        let name = model.node(outlet.node).name.clone();
        let datum = fact.datum_type.concretize().ok_or_else(|| format_err!("the input {name} says no type"))?;
        let kind = Kind::of(datum).ok_or_else(|| format_err!("the input {name} has the type {datum:?}"))?;
        let axes = fact.shape.dims().map(|it| it.concretize().and_then(|it| it.to_usize().ok())).collect();
        let shape = (!fact.shape.is_open()).then_some(axes);
        inputs.push(Port { name, kind: Some(kind), shape });
        datums.push(datum);
    }
    let outputs = message.graph.iter().flat_map(|it| &it.output).map(output).collect();
    Ok((inputs, datums, outputs))
}

/// What the file says of an output; scikit-learn's exports often leave out the shape.
fn output(info: &tract_onnx::pb::ValueInfoProto) -> Port {
    use tract_onnx::pb::{tensor_proto::DataType, tensor_shape_proto::dimension, type_proto};

    let Some(type_proto::Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|it| it.value.as_ref()) else {
        return Port { name: info.name.clone(), kind: None, shape: None };
    };
    let datum = DataType::try_from(tensor.elem_type).ok().and_then(|it| DatumType::try_from(it).ok());
    let axes = tensor.shape.as_ref().map(|shape| {
        let length = |it: &tract_onnx::pb::tensor_shape_proto::Dimension| match it.value {
            Some(dimension::Value::DimValue(n)) => usize::try_from(n).ok().filter(|n| *n > 0),
            _ => None,
        };
        shape.dim.iter().map(length).collect()
    });
    Port { name: info.name.clone(), kind: datum.and_then(Kind::of), shape: axes }
}

/// The runtime's errors are chains with whole nodes in them: what is told stays short.
fn short(error: &TractError) -> String {
    let mut text: String = error.chain().map(|it| it.to_string()).collect::<Vec<_>>().join(": ");
    if let Some((at, _)) = text.char_indices().nth(400) {
        text.truncate(at);
        text.push_str(" ..");
    }
    text.replace('\n', " ")
}
