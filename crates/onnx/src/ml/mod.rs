//! Which operators of classical models (`ai.onnx.ml`) are there? Those that scikit-learn, LightGBM and XGBoost are exported
//! to, a file for each; where the runtime has one of the name, ours stands in its place.
//!
//! Source: <https://onnx.ai/onnx/operators/index.html#ai-onnx-ml>.

mod array_feature_extractor;
mod attributes;
mod binarizer;
mod feature_vectorizer;
mod imputer;
mod kernel;
mod label_encoder;
mod linear;
mod normalizer;
mod one_hot_encoder;
mod post_transform;
mod rows;
mod scaler;
mod tree_ensemble;
mod trees;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::TractResult;
use tract_onnx::tract_hir::internal::InferenceOp;

/// What the runtime asks for an operator of a node, and the names that it closes over.
type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;
/// How an operator is made from a node.
type Builder = fn(&ParsingContext, &NodeProto) -> Built;

/// The table of operators.
const OURS: [(&str, Builder); 12] = [
    ("ArrayFeatureExtractor", |_, node| array_feature_extractor::new(node)),
    ("Binarizer", |_, node| binarizer::new(node)),
    ("FeatureVectorizer", |_, node| feature_vectorizer::new(node)),
    ("Imputer", |_, node| imputer::new(node)),
    ("LabelEncoder", |_, node| label_encoder::new(node)),
    ("LinearClassifier", |_, node| linear::classifier(node)),
    ("LinearRegressor", |_, node| linear::regressor(node)),
    ("Normalizer", |_, node| normalizer::new(node)),
    ("OneHotEncoder", |_, node| one_hot_encoder::new(node)),
    ("Scaler", |_, node| scaler::new(node)),
    ("TreeEnsembleClassifier", |_, node| tree_ensemble::classifier(node)),
    ("TreeEnsembleRegressor", |_, node| tree_ensemble::regressor(node)),
];

/// The runtime with our operators.
pub fn with_ours(mut runtime: Onnx) -> Onnx {
    for (name, builder) in OURS {
        runtime.op_register.insert(name, builder);
    }
    runtime
}
