//! How does the runtime see an operator of ours? As one that computes shapes from shapes, and values from values.

use std::fmt::Debug;
use std::sync::Arc;

use tract_onnx::prelude::{DatumType, DatumTypeExt, SpecialOps, Tensor, TractResult};
use tract_onnx::tract_hir::infer::{InferenceOp, InferenceResult, Solver, TensorProxy};
use tract_onnx::tract_hir::internal::{
    EvalContext, EvalOp, Expansion, IntoTValue, Op, OutletId, StaticName, TDim, TValue, TVec, TypedFact, TypedModel,
    TypedOp, as_op, expand, op_as_typed_op, op_out_of_plan, tvec,
};

/// Type and shape of a tensor.
pub type Form = (DatumType, TVec<TDim>);

/// What an operator does.
pub trait Kernel: Debug + Send + Sync + 'static {
    /// Types and shapes of what comes out.
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>>;

    /// What comes out.
    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>>;

    /// How many come out.
    fn n_outputs(&self) -> usize {
        1
    }
}

/// An operator for the runtime, as its builders return it.
pub fn operator(name: &'static str, kernel: impl Kernel) -> super::Built {
    let op: Box<dyn InferenceOp> = expand(Operator { name, kernel: Arc::new(kernel) });
    Ok((op, vec![]))
}

#[derive(Clone, Debug)]
struct Operator {
    name: &'static str,
    kernel: Arc<dyn Kernel>,
}

impl PartialEq for Operator {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kernel, &other.kernel)
    }
}

impl Eq for Operator {}

impl Expansion for Operator {
    fn name(&self) -> StaticName {
        self.name.into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.kernel.n_outputs())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        solver.given_all(inputs.iter().map(|it| &it.shape), move |solver, shapes| {
            let kernel = &self.kernel;
            solver.given_all(inputs.iter().map(|it| &it.datum_type), move |solver, datums| {
                let forms: Vec<Form> = datums.into_iter().zip(shapes.iter().cloned()).collect();
                for ((datum, shape), output) in kernel.forms(&forms)?.into_iter().zip(outputs) {
                    solver.equals(&output.datum_type, datum)?;
                    solver.equals(&output.shape, shape)?;
                }
                Ok(())
            })
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Operator {
    fn name(&self) -> StaticName {
        self.name.into()
    }

    op_as_typed_op!();
}

impl EvalOp for Operator {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let inputs: TVec<&Tensor> = inputs.iter().map(|it| &**it).collect();
        Ok(self.kernel.values(&inputs)?.into_iter().map(IntoTValue::into_tvalue).collect())
    }
}

impl TypedOp for Operator {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let forms: Vec<Form> = inputs.iter().map(|it| (it.datum_type, it.shape.to_tvec())).collect();
        let mut facts = tvec!();
        for (datum, shape) in self.kernel.forms(&forms)? {
            facts.push(datum.fact(&*shape));
        }
        Ok(facts)
    }

    as_op!();
}
