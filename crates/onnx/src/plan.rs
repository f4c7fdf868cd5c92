//! How is a model made ready for what goes in?
//!
//! Once for any number of rows, if the model allows it. Else once for each shape that is seen, and the last few are kept.

use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, TractResult, TypedModel, TypedSimplePlan,
};
use tract_onnx::tract_hir::internal::{DimFact, DimLike, Factoid, RunOptions, ShapeFactoid, SimplePlan, ToDim};

/// Shapes for which a model is kept ready.
const MOST_READY: usize = 8;

/// An order in which operators run.
pub type Plan = Arc<TypedSimplePlan>;

/// Shapes that were seen, newest last.
type Ready = Vec<(Vec<Vec<usize>>, Plan)>;

/// A model that is ready, or can be made ready for a shape.
pub enum Plans {
    /// Ready for any number of rows.
    Any(Plan),
    /// Made ready when a shape is seen.
    Each(Box<InferenceModel>, Mutex<Ready>),
}

impl Plans {
    /// Makes a model ready; the error says what of it is not supported.
    pub fn new(model: InferenceModel) -> TractResult<Self> {
        let n_inputs = model.inputs.len();
        let rows = model.symbols.sym("rows");
        let mut any = model.clone();
        for index in 0..n_inputs {
            let fact = any.input_fact(index)?.clone();
            if fact.shape.is_open() {
                continue;
            }
            let of_axis = |(axis, dim): (usize, &DimFact)| match dim.concretize() {
                None if axis == 0 => DimFact::from(rows.to_dim()),
                _ => dim.clone(),
            };
            let shape = ShapeFactoid::closed(fact.shape.dims().enumerate().map(of_axis).collect());
            any.set_input_fact(index, fact.with_shape(shape))?;
        }
        if let Ok(plan) = ready(any) {
            return Ok(Self::Any(plan));
        }
        // The error of one row is told, because that of any number is often only about the number.
        let shapes: Vec<Vec<usize>> = (0..n_inputs).map(|index| smallest(model.input_fact(index).ok())).collect();
        let plan = ready(with_shapes(model.clone(), &shapes)?)?;
        Ok(Self::Each(Box::new(model), Mutex::new(vec![(shapes, plan)])))
    }

    /// What runs for inputs of these shapes.
    pub fn of(&self, shapes: &[&[usize]]) -> TractResult<Plan> {
        let (model, kept) = match self {
            Self::Any(plan) => return Ok(plan.clone()),
            Self::Each(model, kept) => (model, kept),
        };
        // What the lock guards is whole at all times.
        if let Some((_, plan)) = kept.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|it| it.0 == shapes) {
            return Ok(plan.clone());
        }
        let shapes: Vec<Vec<usize>> = shapes.iter().map(|it| it.to_vec()).collect();
        let plan = ready(with_shapes((**model).clone(), &shapes)?)?;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_READY {
            kept.remove(0);
        }
        kept.push((shapes, plan.clone()));
        Ok(plan)
    }
}

fn ready(model: InferenceModel) -> TractResult<Plan> {
    let model: TypedModel = model.into_optimized()?;
    Ok(Arc::new(SimplePlan::build(model, &RunOptions::default())?))
}

fn with_shapes(mut model: InferenceModel, shapes: &[Vec<usize>]) -> TractResult<InferenceModel> {
    for (index, shape) in shapes.iter().enumerate() {
        let datum = model.input_fact(index)?.datum_type.concretize().unwrap_or(DatumType::F32);
        model.set_input_fact(index, InferenceFact::dt_shape(datum, shape))?;
    }
    Ok(model)
}

/// One for every axis that may have any length.
fn smallest(fact: Option<&InferenceFact>) -> Vec<usize> {
    let dims = fact.map(|it| it.shape.dims().cloned().collect::<Vec<_>>()).unwrap_or_default();
    dims.iter().map(|it| it.concretize().and_then(|it| it.to_usize().ok()).unwrap_or(1)).collect()
}

/// A model from its message.
pub fn inferred(message: &tract_onnx::pb::ModelProto) -> TractResult<InferenceModel> {
    crate::ml::with_ours(tract_onnx::onnx()).model_for_proto_model(message)
}
