//! What does a model file of LightGBM say? The text of `Booster.save_model`, and the JSON of `Booster.dump_model`.
//!
//! Format: `GBDT::SaveModelToString` and `Tree::ToString` of <https://github.com/microsoft/LightGBM>. Answers are those of
//! LightGBM in double precision.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::ensemble::{Ensemble, Link, Task};
use super::foreign::{Foreign, ForeignError};
use super::tree::{Absent, Child, Node, Slope, Test, Tree};

/// Splits from the root to a leaf at most, in JSON.
const MAX_DEPTH: usize = 4096;
/// Outputs at most.
const MOST_OUTPUTS: usize = 100_000;

fn malformed(what: impl Into<String>) -> ForeignError {
    ForeignError::Malformed(what.into())
}

/// Reads the text form.
///
/// # Errors
/// If it is no such file, or has parts that are not known here.
pub fn parse_text(text: &str) -> Result<Foreign, ForeignError> {
    let (head, rest) = text.split_once("\nTree=").ok_or_else(|| malformed("it has no trees"))?;
    let head = keys(head);
    let get = |key: &str| head.get(key).copied().ok_or_else(|| malformed(format!("{key} is missing")));
    let names: Vec<String> = get("feature_names")?.split_whitespace().map(str::to_owned).collect();
    let meaning = Meaning::parse(head.get("objective").copied().unwrap_or("regression"))?;
    let n_outputs: usize = number(get("num_tree_per_iteration")?)?;
    let n_features = number::<u32>(get("max_feature_idx")?)?.saturating_add(1);
    // Behind the trees come importances, parameters and the categories of the data frame.
    let (trees, tail) = rest.split_once("\nend of trees").unwrap_or((rest, ""));
    let trees = trees.split("\nTree=").enumerate();
    let trees = trees.map(|(idx, it)| text_tree(&keys(it), idx, n_outputs)).collect::<Result<Vec<_>, _>>()?;
    let categories = tail.lines().find_map(|it| it.strip_prefix("pandas_categorical:"));
    let is_mean = head.contains_key("average_output");
    let ensemble = meaning.ensemble(n_features, n_outputs, is_mean, trees)?;
    let categories = categories.and_then(|it| serde_json::from_str::<Value>(it).ok());
    Foreign::checked(ensemble, names, pandas(categories.as_ref()))
}

/// Reads the JSON form.
///
/// # Errors
/// As [`parse_text`].
pub fn parse_json(json: &[u8]) -> Result<Foreign, ForeignError> {
    let file: Value = serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
    let whole = |key: &str| file.get(key).and_then(Value::as_u64).ok_or_else(|| malformed(format!("{key} is missing")));
    let names = file.get("feature_names").and_then(Value::as_array).into_iter().flatten();
    let names = names.filter_map(|it| Some(it.as_str()?.to_owned())).collect();
    let meaning = Meaning::parse(file.get("objective").and_then(Value::as_str).unwrap_or("regression"))?;
    let n_outputs = whole("num_tree_per_iteration")? as usize;
    let n_features = u32::try_from(whole("max_feature_idx")?).ok().and_then(|it| it.checked_add(1));
    let n_features = n_features.ok_or_else(|| malformed("max_feature_idx is too large"))?;
    let infos = file.get("tree_info").and_then(Value::as_array).ok_or_else(|| malformed("tree_info is missing"))?;
    let tree = |(idx, info): (usize, &Value)| {
        let root = info.get("tree_structure").ok_or_else(|| malformed(format!("tree {idx} has no tree_structure")))?;
        let mut tree = Tree { width: 1, output: (idx % n_outputs.max(1)) as u32, ..Tree::default() };
        let told = |what: &str| malformed(format!("tree {idx}: {what}"));
        json_node(root, &mut tree, 0).map(|_| tree).map_err(told)
    };
    let trees = infos.iter().enumerate().map(tree).collect::<Result<Vec<_>, _>>()?;
    let is_mean = file.get("average_output").and_then(Value::as_bool).unwrap_or(false);
    let ensemble = meaning.ensemble(n_features, n_outputs, is_mean, trees)?;
    Foreign::checked(ensemble, names, pandas(file.get("pandas_categorical")))
}

/// `[["a", "b"], [1, 2]]`, or null.
fn pandas(value: Option<&Value>) -> Vec<Vec<Arc<str>>> {
    let text = |it: &Value| it.as_str().map_or_else(|| it.to_string().into(), Arc::from);
    let list = |it: &Value| it.as_array().into_iter().flatten().map(text).collect();
    value.and_then(Value::as_array).into_iter().flatten().map(list).collect()
}

/// Lines `key=value`; a line without `=` has an empty value.
fn keys(text: &str) -> HashMap<&str, &str> {
    text.lines().map(|it| it.split_once('=').unwrap_or((it, ""))).collect()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, ForeignError> {
    text.trim().parse().map_err(|_| malformed(format!("{:?} is no number", text.chars().take(40).collect::<String>())))
}

fn list<T: std::str::FromStr>(keys: &HashMap<&str, &str>, key: &str) -> Result<Vec<T>, ForeignError> {
    keys.get(key).copied().unwrap_or_default().split_whitespace().map(number).collect()
}

/// What the objective makes of sums.
struct Meaning {
    task: Task,
    link: Link,
}

impl Meaning {
    /// Of `binary sigmoid:1`, `multiclass num_class:3`, `regression sqrt`.
    fn parse(objective: &str) -> Result<Self, ForeignError> {
        let mut words = objective.split_whitespace();
        let name = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        let steepness = rest.iter().find_map(|it| it.strip_prefix("sigmoid:"));
        let steepness: f64 = steepness.map_or(Ok(1.0), number)?;
        let (task, link) = match name {
            "binary" => (Task::Binary, Link::Sigmoid(steepness)),
            "multiclass" => (Task::Multiclass, Link::Softmax),
            "multiclassova" => (Task::Multiclass, Link::Sigmoid(steepness)),
            "cross_entropy" => (Task::Regression, Link::Sigmoid(1.0)),
            "cross_entropy_lambda" => (Task::Regression, Link::Softplus),
            "poisson" | "gamma" | "tweedie" => (Task::Regression, Link::Exp),
            "regression" if rest.contains(&"sqrt") => (Task::Regression, Link::SignedSquare),
            "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank" | "rank_xendcg" => {
                (Task::Regression, Link::Identity)
            }
            other => return Err(ForeignError::Unknown(format!("objective {other}"))),
        };
        Ok(Self { task, link })
    }

    fn ensemble(
        self,
        n_features: u32,
        n_outputs: usize,
        is_mean: bool,
        trees: Vec<Tree>,
    ) -> Result<Ensemble, ForeignError> {
        if n_outputs == 0 || n_outputs > MOST_OUTPUTS {
            return Err(malformed(format!("num_tree_per_iteration is {n_outputs}")));
        }
        let base = vec![0.0; n_outputs];
        let (task, link) = (self.task, self.link);
        Ok(Ensemble { task, n_features, base, link, is_mean, is_single: false, trees, weights: vec![] })
    }
}

/// A tree of the text form.
fn text_tree(keys: &HashMap<&str, &str>, idx: usize, n_outputs: usize) -> Result<Tree, ForeignError> {
    let is_linear = keys.get("is_linear").is_some_and(|it| it.trim() != "0");
    let slopes = if is_linear { slopes(keys, idx)? } else { vec![] };
    let output = (idx % n_outputs.max(1)) as u32;
    let leaves: Vec<f64> = list(keys, "leaf_value")?;
    let features: Vec<u32> = list(keys, "split_feature")?;
    let (thresholds, kinds): (Vec<f64>, Vec<u8>) = (list(keys, "threshold")?, list(keys, "decision_type")?);
    let (left, right): (Vec<Child>, Vec<Child>) = (list(keys, "left_child")?, list(keys, "right_child")?);
    let (bounds, words): (Vec<usize>, Vec<u32>) = (list(keys, "cat_boundaries")?, list(keys, "cat_threshold")?);
    let n = features.len();
    if [thresholds.len(), kinds.len(), left.len(), right.len()].iter().any(|it| *it != n) {
        return Err(malformed(format!("tree {idx}: lists have other lengths")));
    }
    let ways = left.into_iter().zip(right);
    let nodes =
        features.into_iter().zip(thresholds).zip(kinds).zip(ways).map(|(((feature, threshold), kind), ways)| {
            let test = if kind & 1 == 1 {
                let set = || {
                    let at = threshold as usize;
                    words.get(*bounds.get(at)?..*bounds.get(at + 1)?)
                };
                let words = set().ok_or_else(|| malformed(format!("tree {idx}: a set of categories is missing")))?;
                Test::In(joined(words))
            } else {
                Test::AtMost(threshold)
            };
            let absent = match kind >> 2 & 3 {
                0 => Absent::Nothing,
                1 => Absent::Zero,
                _ => Absent::Nan,
            };
            Ok(node(feature, test, absent, kind & 2 == 2, ways))
        });
    Ok(Tree { nodes: nodes.collect::<Result<_, ForeignError>>()?, leaves, width: 1, output, slopes })
}

/// The linear functions of the leaves: numbers of features, then all features and factors one leaf after the other.
fn slopes(keys: &HashMap<&str, &str>, idx: usize) -> Result<Vec<Slope>, ForeignError> {
    let starts: Vec<f64> = list(keys, "leaf_const")?;
    let lengths: Vec<usize> = list(keys, "num_features")?;
    let (features, factors): (Vec<u32>, Vec<f64>) = (list(keys, "leaf_features")?, list(keys, "leaf_coeff")?);
    let is_whole = starts.len() == lengths.len() && features.len() == factors.len();
    if !is_whole || lengths.iter().try_fold(0_usize, |sum, it| sum.checked_add(*it)) != Some(features.len()) {
        return Err(malformed(format!("tree {idx}: lists of its linear leaves have other lengths")));
    }
    let mut factors = features.into_iter().zip(factors);
    let slope = |(start, n): (f64, usize)| Slope { start, factors: factors.by_ref().take(n).collect() };
    Ok(starts.into_iter().zip(lengths).map(slope).collect())
}

/// Whatever counts as missing elsewhere is no category here, and goes right.
fn node(feature: u32, test: Test, absent: Absent, absent_is_left: bool, (left, right): (Child, Child)) -> Node {
    let absent = if matches!(test, Test::In(_)) { Absent::Nothing } else { absent };
    Node { feature, test, absent, absent_is_left, left, right }
}

/// Words of 32 bits as words of 64.
fn joined(words: &[u32]) -> Vec<u64> {
    let word = |pair: &[u32]| pair.iter().rev().fold(0, |all, it| all << 32 | u64::from(*it));
    words.chunks(2).map(word).collect()
}

/// A node of the JSON form with all below it; the way that leads to it.
fn json_node(value: &Value, tree: &mut Tree, depth: usize) -> Result<Child, &'static str> {
    if depth > MAX_DEPTH {
        return Err("it is too deep");
    }
    let Some(feature) = value.get("split_feature") else {
        let leaf = value.get("leaf_value").and_then(Value::as_f64).ok_or("a leaf has no leaf_value")?;
        tree.leaves.push(leaf);
        tree.slopes.extend(json_slope(value)?);
        return Ok(-(tree.leaves.len() as Child));
    };
    let feature = feature.as_u64().and_then(|it| u32::try_from(it).ok()).ok_or("split_feature is no number")?;
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let threshold = value.get("threshold").ok_or("a split has no threshold")?;
    let test = match text("decision_type") {
        Some("<=") => Test::AtMost(threshold.as_f64().ok_or("threshold is no number")?),
        Some("==") => Test::In(categories(threshold).ok_or("a set of categories cannot be read")?),
        _ => return Err("decision_type is not known"),
    };
    let absent = match text("missing_type") {
        Some("None") => Absent::Nothing,
        Some("Zero") => Absent::Zero,
        Some("NaN") => Absent::Nan,
        _ => return Err("missing_type is not known"),
    };
    let absent_is_left = value.get("default_left").and_then(Value::as_bool).unwrap_or(false);
    let idx = tree.nodes.len();
    tree.nodes.push(node(feature, test, absent, absent_is_left, (0, 0)));
    let missing = &Value::Null;
    let left = json_node(value.get("left_child").unwrap_or(missing), tree, depth + 1)?;
    let right = json_node(value.get("right_child").unwrap_or(missing), tree, depth + 1)?;
    if let Some(node) = tree.nodes.get_mut(idx) {
        (node.left, node.right) = (left, right);
    }
    Ok(idx as Child)
}

/// The linear function of a leaf, if it has one.
fn json_slope(value: &Value) -> Result<Option<Slope>, &'static str> {
    let Some(start) = value.get("leaf_const") else { return Ok(None) };
    let list = |key: &str| value.get(key).and_then(Value::as_array).into_iter().flatten();
    let factor = |(feature, factor): (&Value, &Value)| {
        Some((feature.as_u64().and_then(|it| u32::try_from(it).ok())?, factor.as_f64()?))
    };
    let factors: Option<Vec<_>> = list("leaf_features").zip(list("leaf_coeff")).map(factor).collect();
    let slope = start.as_f64().zip(factors).map(|(start, factors)| Slope { start, factors });
    slope.map(Some).ok_or("a linear leaf cannot be read")
}

/// `"3||5"` is the set of 3 and 5; a single category may be a number.
fn categories(threshold: &Value) -> Option<Vec<u64>> {
    let text = threshold.as_str().map_or_else(|| threshold.to_string(), str::to_owned);
    let mut set = vec![];
    for category in text.split("||") {
        let category: usize = category.trim().parse().ok().filter(|it| *it < 1 << 20)?;
        set.resize(set.len().max(category / 64 + 1), 0);
        *set.get_mut(category / 64)? |= 1 << (category % 64);
    }
    Some(set)
}
