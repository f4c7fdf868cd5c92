//! What does a model file of XGBoost say? What `Booster.save_model` writes to `model.json` and `model.ubj`.
//!
//! Format: <https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html>. Trees of numbers and of categories,
//! boosters `gbtree`, `dart` and `gblinear`. Answers are those of XGBoost in single precision.

use serde::Deserialize;
use serde_json::Value;

use super::ensemble::{Ensemble, Link, Task};
use super::foreign::{Foreign, ForeignError};
use super::tree::{Absent, Child, Node, Test, Tree};
use super::ubjson;

#[derive(Deserialize)]
struct File {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    #[serde(default)]
    feature_names: Vec<String>,
    gradient_booster: Booster,
    learner_model_param: Params,
    objective: Objective,
}

#[derive(Deserialize)]
struct Params {
    base_score: String,
    num_class: String,
    num_feature: String,
    #[serde(default)]
    num_target: Option<String>,
}

#[derive(Deserialize)]
struct Objective {
    name: String,
}

/// `gbtree` and `gblinear` have the model itself, `dart` a `gbtree` and a weight for each tree.
#[derive(Deserialize)]
struct Booster {
    name: String,
    #[serde(default)]
    model: Option<Model>,
    #[serde(default)]
    gbtree: Option<Inner>,
    #[serde(default)]
    weight_drop: Vec<f32>,
}

#[derive(Deserialize)]
struct Inner {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    trees: Vec<RawTree>,
    #[serde(default)]
    tree_info: Vec<u32>,
    /// Of `gblinear`: for each feature a weight for each output, and behind them where each output begins.
    #[serde(default)]
    weights: Option<Vec<f32>>,
}

#[derive(Deserialize)]
struct RawTree {
    left_children: Vec<i64>,
    right_children: Vec<i64>,
    split_indices: Vec<u32>,
    split_conditions: Vec<f32>,
    default_left: Vec<Value>,
    #[serde(default)]
    split_type: Vec<u8>,
    #[serde(default)]
    categories: Vec<u32>,
    #[serde(default)]
    categories_nodes: Vec<i64>,
    #[serde(default)]
    categories_segments: Vec<usize>,
    #[serde(default)]
    categories_sizes: Vec<usize>,
    #[serde(default)]
    tree_param: Option<TreeParam>,
}

#[derive(Deserialize)]
struct TreeParam {
    #[serde(default)]
    size_leaf_vector: Option<String>,
}

/// Categories at most, so that a number in a file does not become memory.
const MOST_CATEGORIES: u32 = 1 << 20;

/// Reads a model in JSON.
///
/// # Errors
/// If it is no such file, or has parts that are not known here.
pub fn parse(json: &[u8]) -> Result<Foreign, ForeignError> {
    model(serde_json::from_slice(json).map_err(|error| ForeignError::Malformed(error.to_string()))?)
}

/// Reads a model in Universal Binary JSON.
///
/// # Errors
/// As [`parse`].
pub fn parse_ubjson(bytes: &[u8]) -> Result<Foreign, ForeignError> {
    model(ubjson::from_slice(bytes).map_err(|error| ForeignError::Malformed(error.to_string()))?)
}

fn model(file: File) -> Result<Foreign, ForeignError> {
    let Learner { feature_names, gradient_booster, learner_model_param: params, objective } = file.learner;
    if params.num_target.as_deref().is_some_and(|it| !matches!(it, "0" | "1")) {
        return Err(ForeignError::Unknown("several targets".to_owned()));
    }
    let n_features: u32 = number(&params.num_feature, "num_feature")?;
    let n_classes: usize = number(&params.num_class, "num_class")?;
    let (task, link) = meaning(&objective.name)?;
    let n_outputs = n_classes.max(1);
    if n_outputs > 100_000 || (task == Task::Multiclass) != (n_outputs > 1) {
        return Err(ForeignError::Malformed(format!("num_class {n_classes} does not fit {}", objective.name)));
    }
    let base = base(&params.base_score, n_outputs, &objective.name)?;
    let Booster { name, model, gbtree, weight_drop } = gradient_booster;
    let model = match (name.as_str(), model, gbtree) {
        ("gbtree", Some(model), _) | ("dart", _, Some(Inner { model })) => model,
        ("gblinear", Some(Model { weights: Some(weights), .. }), _) => {
            let weights = weights.into_iter().map(f64::from).collect();
            // XGBoost starts all outputs of this booster where the first one starts.
            let base = vec![base.first().copied().unwrap_or_default(); n_outputs];
            let ensemble =
                Ensemble { task, n_features, base, link, is_mean: false, is_single: true, trees: vec![], weights };
            return Foreign::checked(ensemble, feature_names, vec![]);
        }
        ("gbtree" | "dart" | "gblinear", ..) => {
            return Err(ForeignError::Malformed("the booster has no trees and no weights".to_owned()));
        }
        (other, ..) => return Err(ForeignError::Unknown(format!("booster {other}"))),
    };
    if model.trees.len() != model.tree_info.len() {
        return Err(ForeignError::Malformed("trees and tree_info have other lengths".to_owned()));
    }
    let mut trees = Vec::with_capacity(model.trees.len());
    for (idx, (raw, output)) in model.trees.iter().zip(model.tree_info).enumerate() {
        let weight = weight_drop.get(idx).copied().unwrap_or(1.0);
        let tree =
            raw.tree(output, weight).ok_or_else(|| ForeignError::Malformed(format!("tree {idx} is not whole")))?;
        trees.push(tree?);
    }
    let ensemble = Ensemble { task, n_features, base, link, is_mean: false, is_single: true, trees, weights: vec![] };
    Foreign::checked(ensemble, feature_names, vec![])
}

fn number<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, ForeignError> {
    text.parse().map_err(|_| ForeignError::Malformed(format!("{what} is {text:?}")))
}

fn meaning(objective: &str) -> Result<(Task, Link), ForeignError> {
    Ok(match objective {
        "binary:logistic" => (Task::Binary, Link::Sigmoid(1.0)),
        "binary:hinge" => (Task::Binary, Link::Step),
        "multi:softmax" | "multi:softprob" => (Task::Multiclass, Link::Softmax),
        "reg:logistic" => (Task::Regression, Link::Sigmoid(1.0)),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            (Task::Regression, Link::Exp)
        }
        "reg:squarederror"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror"
        | "reg:linear"
        | "binary:logitraw"
        | "rank:pairwise"
        | "rank:ndcg"
        | "rank:map" => (Task::Regression, Link::Identity),
        other => return Err(ForeignError::Unknown(format!("objective {other}"))),
    })
}

/// Where sums begin: the base score is an answer and is taken back through the link. Since version 3.1 it is a list.
fn base(text: &str, n_outputs: usize, objective: &str) -> Result<Vec<f64>, ForeignError> {
    let scores: Vec<f32> = text
        .trim_matches(|it| it == '[' || it == ']')
        .split(',')
        .map(|it| number(it.trim(), "base_score"))
        .collect::<Result<_, _>>()?;
    let back = |score: f32| match objective {
        "binary:logistic" | "reg:logistic" => -(1.0 / score - 1.0).ln(),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => score.ln(),
        _ => score,
    };
    match scores.as_slice() {
        [one] => Ok(vec![f64::from(back(*one)); n_outputs]),
        many if many.len() == n_outputs => Ok(many.iter().map(|it| f64::from(back(*it))).collect()),
        many => Err(ForeignError::Malformed(format!("base_score has {} numbers for {n_outputs} outputs", many.len()))),
    }
}

impl RawTree {
    /// None if lists have other lengths than they must have.
    fn tree(&self, output: u32, weight: f32) -> Option<Result<Tree, ForeignError>> {
        let n = self.left_children.len();
        let lengths =
            [self.right_children.len(), self.split_indices.len(), self.split_conditions.len(), self.default_left.len()];
        if n == 0 || lengths.iter().any(|it| *it != n) {
            return None;
        }
        let vector = self.tree_param.as_ref().and_then(|it| it.size_leaf_vector.as_deref());
        if vector.is_some_and(|it| !matches!(it, "0" | "1")) {
            return Some(Err(ForeignError::Unknown("trees with several outputs per leaf".to_owned())));
        }
        let sets = self.sets()?;
        let mut tree = Tree { width: 1, output, ..Tree::default() };
        // Nodes in the order in which they are reached, so that each stands before those below it.
        let mut open = vec![(0_usize, None::<(usize, bool)>)];
        while let Some((raw, from)) = open.pop() {
            let (left, right) = (*self.left_children.get(raw)?, *self.right_children.get(raw)?);
            let child = if left < 0 {
                tree.leaves.push(f64::from(*self.split_conditions.get(raw)? * weight));
                -(tree.leaves.len() as Child)
            } else {
                // More nodes than there are: the tree goes round in circles.
                if tree.nodes.len() >= n {
                    return None;
                }
                tree.nodes.push(self.node(raw, sets.get(raw)?.clone())?);
                let idx = tree.nodes.len() - 1;
                open.push((usize::try_from(right).ok()?, Some((idx, false))));
                open.push((usize::try_from(left).ok()?, Some((idx, true))));
                idx as Child
            };
            if let Some((parent, is_left)) = from {
                let parent = tree.nodes.get_mut(parent)?;
                *(if is_left { &mut parent.left } else { &mut parent.right }) = child;
            }
        }
        Some(Ok(tree))
    }

    fn node(&self, raw: usize, set: Option<Vec<u64>>) -> Option<Node> {
        let test = match set {
            Some(set) => Test::NotIn(set),
            None if self.split_type.get(raw).is_some_and(|it| *it == 1) => Test::NotIn(vec![]),
            None => Test::Below(*self.split_conditions.get(raw)?),
        };
        let absent_is_left = match self.default_left.get(raw)? {
            Value::Bool(it) => *it,
            other => other.as_f64()? != 0.0,
        };
        let feature = *self.split_indices.get(raw)?;
        Some(Node { feature, test, absent: Absent::Nan, absent_is_left, left: 0, right: 0 })
    }

    /// The set of categories that go right, by node.
    fn sets(&self) -> Option<Vec<Option<Vec<u64>>>> {
        let mut sets = vec![None; self.left_children.len()];
        let segments = self.categories_segments.iter().zip(&self.categories_sizes);
        for (node, (start, size)) in self.categories_nodes.iter().zip(segments) {
            let mut set: Vec<u64> = vec![];
            for category in self.categories.get(*start..start.checked_add(*size)?)? {
                if *category > MOST_CATEGORIES {
                    return None;
                }
                let word = *category as usize / 64;
                set.resize(set.len().max(word + 1), 0);
                *set.get_mut(word)? |= 1 << (category % 64);
            }
            *sets.get_mut(usize::try_from(*node).ok()?)? = Some(set);
        }
        Some(sets)
    }
}
