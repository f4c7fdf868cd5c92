//! Where does a row fall in a tree, and what do all trees say together?

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::TractResult;
use tract_onnx::tract_hir::internal::{bail, ensure};

use super::attributes::{ints, texts};

/// How a node compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
}

impl Mode {
    fn new(name: &str) -> TractResult<Option<Self>> {
        match name {
            "BRANCH_LEQ" => Ok(Some(Self::Leq)),
            "BRANCH_LT" => Ok(Some(Self::Lt)),
            "BRANCH_GTE" => Ok(Some(Self::Gte)),
            "BRANCH_GT" => Ok(Some(Self::Gt)),
            "BRANCH_EQ" => Ok(Some(Self::Eq)),
            "BRANCH_NEQ" => Ok(Some(Self::Neq)),
            "LEAF" => Ok(None),
            other => bail!("nodes_modes: {other:?} is unknown"),
        }
    }

    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Leq => value <= bound,
            Self::Lt => value < bound,
            Self::Gte => value >= bound,
            Self::Gt => value > bound,
            Self::Eq => value == bound,
            Self::Neq => value != bound,
        }
    }
}

/// A place in a tree.
#[derive(Clone, Debug)]
enum Node {
    /// A question and where its answers lead.
    Branch { feature: usize, mode: Mode, bound: f64, missing_is_true: bool, yes: usize, no: usize },
    /// Targets and what is added to them: a range of `leaves`.
    Leaf { from: usize, to: usize },
}

/// Trees whose leaves add to targets.
#[derive(Clone, Debug)]
pub struct Trees {
    nodes: Vec<Node>,
    roots: Vec<usize>,
    leaves: Vec<(usize, f64)>,
    /// Columns that a row must have.
    pub n_features: usize,
}

impl Trees {
    /// From a node, whose leaves are in attributes with a prefix (`class` or `target`).
    pub fn new(node: &NodeProto, prefix: &str, n_targets: usize) -> TractResult<Self> {
        let tree_ids = ints(node, "nodes_treeids")?;
        let node_ids = ints(node, "nodes_nodeids")?;
        let features = ints(node, "nodes_featureids")?;
        let (yes, no) = (ints(node, "nodes_truenodeids")?, ints(node, "nodes_falsenodeids")?);
        let missing = ints(node, "nodes_missing_value_tracks_true")?;
        let modes = texts(node, "nodes_modes")?;
        let bounds = numbers(node, "nodes_values")?;
        let n = tree_ids.len();
        let lengths = [node_ids.len(), features.len(), yes.len(), no.len(), modes.len(), bounds.len()];
        ensure!(n > 0 && lengths.iter().all(|it| *it == n), "the lists of nodes differ in length");
        let places: HashMap<(i64, i64), usize> =
            tree_ids.iter().copied().zip(node_ids.iter().copied()).enumerate().map(|(at, key)| (key, at)).collect();
        ensure!(places.len() == n, "two nodes have the same id");
        let (leaves, ranges) = leaves(node, prefix, n_targets, &places)?;
        let place = |tree: i64, id: i64| match places.get(&(tree, id)) {
            Some(place) => Ok(*place),
            None => bail!("tree {tree} has no node {id}"),
        };
        let mut nodes = Vec::with_capacity(n);
        let mut is_child = vec![false; n];
        let columns = tree_ids.iter().zip(&features).zip(yes.iter().zip(&no)).zip(modes.iter().zip(&bounds));
        for (at, (((tree, feature), (yes, no)), (mode, bound))) in columns.enumerate() {
            let Some(mode) = Mode::new(mode)? else {
                let (from, to) = ranges.get(&at).copied().unwrap_or((0, 0));
                nodes.push(Node::Leaf { from, to });
                continue;
            };
            let (yes, no) = (place(*tree, *yes)?, place(*tree, *no)?);
            for child in [yes, no] {
                if let Some(it) = is_child.get_mut(child) {
                    // Where every node has one parent at most, no way leads in a circle from a root.
                    ensure!(!*it && child != at, "node {child} has two parents");
                    *it = true;
                }
            }
            let feature = usize::try_from(*feature)?;
            let missing_is_true = missing.get(at).is_some_and(|it| *it != 0);
            nodes.push(Node::Branch { feature, mode, bound: *bound, missing_is_true, yes, no });
        }
        let roots: Vec<usize> = is_child.iter().enumerate().filter(|it| !it.1).map(|it| it.0).collect();
        ensure!(!roots.is_empty(), "no tree has a root");
        let n_features = features.iter().max().and_then(|it| usize::try_from(*it).ok()).map_or(0, |it| it + 1);
        Ok(Self { nodes, roots, leaves, n_features })
    }

    /// What the leaves of a row say, one slice per tree: targets and what each gets.
    pub fn leaves_of<'a>(&'a self, row: &'a [f64]) -> impl Iterator<Item = &'a [(usize, f64)]> {
        self.roots.iter().map(|root| self.leaf(*root, row))
    }

    /// How many trees there are.
    pub fn n_trees(&self) -> usize {
        self.roots.len()
    }

    /// Everything that any leaf may add.
    pub fn all_leaves(&self) -> &[(usize, f64)] {
        &self.leaves
    }

    fn leaf(&self, root: usize, row: &[f64]) -> &[(usize, f64)] {
        let mut at = root;
        loop {
            match self.nodes.get(at) {
                Some(Node::Branch { feature, mode, bound, missing_is_true, yes, no }) => {
                    let value = row.get(*feature).copied().unwrap_or(f64::NAN);
                    let is_true = mode.holds(value, *bound) || (*missing_is_true && value.is_nan());
                    at = if is_true { *yes } else { *no };
                }
                Some(Node::Leaf { from, to }) => return self.leaves.get(*from..*to).unwrap_or_default(),
                None => return &[],
            }
        }
    }
}

/// Numbers that a newer file gives as a tensor of 64-bit ones.
pub fn numbers(node: &NodeProto, name: &str) -> TractResult<Vec<f64>> {
    let wide = format!("{name}_as_tensor");
    if let Some(attribute) = node.attribute.iter().find(|it| it.name == wide)
        && let Some(tensor) = &attribute.t
    {
        let from_raw = tensor.raw_data.chunks_exact(8).filter_map(|it| it.try_into().ok()).map(f64::from_le_bytes);
        let wide: Vec<f64> = tensor.double_data.iter().copied().chain(from_raw).collect();
        if !wide.is_empty() {
            return Ok(wide);
        }
    }
    Ok(super::attributes::floats(node, name)?.into_iter().map(f64::from).collect())
}

/// Leaves in the order of their nodes, and the range of each node.
type Leaves = (Vec<(usize, f64)>, HashMap<usize, (usize, usize)>);

fn leaves(
    node: &NodeProto,
    prefix: &str,
    n_targets: usize,
    places: &HashMap<(i64, i64), usize>,
) -> TractResult<Leaves> {
    let of = |name: &str| ints(node, &format!("{prefix}_{name}"));
    let (trees, nodes, ids) = (of("treeids")?, of("nodeids")?, of("ids")?);
    let weights = numbers(node, &format!("{prefix}_weights"))?;
    let n = trees.len();
    ensure!([nodes.len(), ids.len(), weights.len()].iter().all(|it| *it == n), "the lists of leaves differ in length");
    let mut found = Vec::with_capacity(n);
    for (((tree, node), id), weight) in trees.iter().zip(&nodes).zip(&ids).zip(&weights) {
        let Some(place) = places.get(&(*tree, *node)) else {
            bail!("a leaf is of node {node} of tree {tree}, which is not there")
        };
        let id = usize::try_from(*id)?;
        ensure!(id < n_targets, "a leaf is of target {id}, there are {n_targets}");
        found.push((*place, id, *weight));
    }
    found.sort_by_key(|it| it.0);
    let mut ranges: HashMap<usize, (usize, usize)> = HashMap::new();
    for (at, (place, ..)) in found.iter().enumerate() {
        ranges.entry(*place).or_insert((at, at)).1 = at + 1;
    }
    Ok((found.into_iter().map(|it| (it.1, it.2)).collect(), ranges))
}
