//! How good is a model that serves? `realized` measures it once the truth is known; `confidence` estimates it of a
//! classifier before, by how sure it was, and `direct_loss` of a regression.

mod classes_confidence;
mod confidence;
mod direct_loss;
mod isotonic;
pub mod realized;

pub use classes_confidence::{ClassesConfidence, ClassesEstimate, Probabilities};
pub use confidence::{Confidence, Estimate, bounds};
pub use direct_loss::{DirectLoss, ExpectedErrors};
pub use isotonic::Isotonic;
