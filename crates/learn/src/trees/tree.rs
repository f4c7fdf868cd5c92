//! Which leaf does a row come to? One tree of splits over numbers and categories, with a way for what is missing.

use serde::{Deserialize, Serialize};

/// How a split decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Test {
    /// To the left if the value, rounded to single precision, is below the threshold (XGBoost).
    Below(f32),
    /// To the left if the value is at most the threshold (LightGBM, the forest).
    AtMost(f64),
    /// To the left if the category (a whole number from 0) is in the set: bit `c % 64` of word `c / 64`.
    In(Vec<u64>),
    /// To the left if the category is not in the set; what is no category goes to the left (XGBoost).
    NotIn(Vec<u64>),
}

/// What counts as missing at a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Absent {
    /// NaN.
    Nan,
    /// NaN and zero.
    Zero,
    /// Nothing: NaN is read as zero.
    Nothing,
}

/// Where a split leads: to a node at or above 0, to the leaf `-1 - child` below.
pub type Child = i32;

/// One split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Position of the feature in the row.
    pub feature: u32,
    /// How it decides.
    pub test: Test,
    /// What counts as missing.
    pub absent: Absent,
    /// Where what is missing goes.
    pub absent_is_left: bool,
    /// The left way.
    pub left: Child,
    /// The right way.
    pub right: Child,
}

/// A tree. A tree without nodes has one leaf.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// Splits; the root is the first, and each stands before those below it.
    pub nodes: Vec<Node>,
    /// `width` numbers per leaf.
    pub leaves: Vec<f64>,
    /// Numbers per leaf.
    pub width: u32,
    /// The output that the first number of a leaf belongs to.
    pub output: u32,
    /// What each leaf says of a row, of trees whose leaves are linear; otherwise none. They stand behind the ensemble in
    /// its file, see `saved`.
    #[serde(skip)]
    pub slopes: Vec<Slope>,
}

/// A linear function of some features.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slope {
    /// Its value where all features are zero.
    pub start: f64,
    /// Features with their factors.
    pub factors: Vec<(u32, f64)>,
}

impl Slope {
    /// None if a feature is missing.
    fn of(&self, row: &[f64]) -> Option<f64> {
        self.factors.iter().try_fold(self.start, |sum, (feature, factor)| {
            let value = row.get(*feature as usize).copied().filter(|it| !it.is_nan())?;
            Some(sum + factor * value)
        })
    }
}

/// Below this, LightGBM takes a number for zero (its `kZeroThreshold`).
const NEARLY_ZERO: f64 = 1e-35;

impl Tree {
    /// The numbers of the leaf that a row comes to; none for a tree that [`Tree::problem`] complains about.
    pub fn leaf(&self, row: &[f64]) -> &[f64] {
        let start = self.leaf_of(row) * self.width as usize;
        self.leaves.get(start..start + self.width as usize).unwrap_or_default()
    }

    /// What a tree of linear leaves says; where a feature of a leaf is missing, the leaf's number.
    pub fn sloped(&self, row: &[f64]) -> f64 {
        let leaf = self.leaf_of(row);
        let sloped = self.slopes.get(leaf).and_then(|it| it.of(row));
        sloped.or_else(|| self.leaves.get(leaf).copied()).unwrap_or(f64::NAN)
    }

    fn leaf_of(&self, row: &[f64]) -> usize {
        let mut at: Child = if self.nodes.is_empty() { -1 } else { 0 };
        while let Some(node) = usize::try_from(at).ok().and_then(|it| self.nodes.get(it)) {
            let value = row.get(node.feature as usize).copied().unwrap_or(f64::NAN);
            at = if node.is_left(value) { node.left } else { node.right };
        }
        leaf_index(at)
    }

    /// What makes the tree unusable for rows of this many features and scores of this many outputs.
    pub fn problem(&self, n_features: usize, n_outputs: usize) -> Option<String> {
        let width = self.width as usize;
        if width == 0 || self.output as usize + width > n_outputs || !self.leaves.len().is_multiple_of(width) {
            return Some(format!("leaves of {width} numbers do not fit {n_outputs} outputs"));
        }
        let n_leaves = self.leaves.len() / width;
        if n_leaves == 0 {
            return Some("it has no leaves".to_owned());
        }
        if !self.slopes.is_empty() && (width != 1 || self.slopes.len() != n_leaves) {
            return Some(format!("{} linear functions do not fit {n_leaves} leaves", self.slopes.len()));
        }
        let mut used = self.slopes.iter().flat_map(|it| &it.factors);
        if let Some((feature, _)) = used.find(|it| it.0 as usize >= n_features) {
            return Some(format!("a leaf uses feature {feature} of {n_features}"));
        }
        // A child behind its parent: no walk can go round in circles.
        let is_good = |idx: usize, child: Child| match usize::try_from(child) {
            Ok(node) => node > idx && node < self.nodes.len(),
            Err(_) => leaf_index(child) < n_leaves,
        };
        let bad =
            self.nodes.iter().enumerate().find(|(idx, it)| {
                it.feature as usize >= n_features || !is_good(*idx, it.left) || !is_good(*idx, it.right)
            });
        bad.map(|(idx, it)| {
            format!("node {idx} (feature {}, children {} and {}) leads nowhere", it.feature, it.left, it.right)
        })
    }
}

fn leaf_index(child: Child) -> usize {
    usize::try_from(-1 - i64::from(child)).unwrap_or(0)
}

impl Node {
    fn is_left(&self, value: f64) -> bool {
        let is_absent = match self.absent {
            Absent::Nan => value.is_nan(),
            Absent::Zero => value.is_nan() || value.abs() <= NEARLY_ZERO,
            Absent::Nothing => false,
        };
        if is_absent {
            return self.absent_is_left;
        }
        match &self.test {
            Test::Below(threshold) => (value as f32) < *threshold,
            Test::AtMost(threshold) => (if value.is_nan() { 0.0 } else { value }) <= *threshold,
            Test::In(set) => has(set, value) == Some(true),
            Test::NotIn(set) => has(set, value) != Some(true),
        }
    }
}

/// Whether a category is in a set; none if it is no category.
fn has(set: &[u64], value: f64) -> Option<bool> {
    if value.is_nan() || value <= -1.0 {
        return None;
    }
    // A float becomes the nearest whole number towards zero that fits, as in the programs that trained the model.
    let category = value as u64;
    let word = set.get(usize::try_from(category / 64).ok()?).copied().unwrap_or(0);
    Some(word >> (category % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stump(test: Test, absent: Absent, absent_is_left: bool) -> Tree {
        let node = Node { feature: 0, test, absent, absent_is_left, left: -1, right: -2 };
        Tree { nodes: vec![node], leaves: vec![1.0, 2.0], width: 1, ..Tree::default() }
    }

    #[test]
    fn each_test_sends_values_its_way() {
        let way = |tree: &Tree, value: f64| tree.leaf(&[value])[0];
        let below = stump(Test::Below(0.1), Absent::Nan, false);
        // 0.1 as a single is not below 0.1 as a single, though as a double it is smaller.
        assert_eq!([0.0, 0.1, 0.2, f64::NAN].map(|it| way(&below, it)), [1.0, 2.0, 2.0, 2.0]);
        let at_most = stump(Test::AtMost(0.5), Absent::Nothing, false);
        assert_eq!([0.5, 0.6, f64::NAN].map(|it| way(&at_most, it)), [1.0, 2.0, 1.0]);
        let zero = stump(Test::AtMost(0.5), Absent::Zero, false);
        assert_eq!([0.0, 0.4, f64::NAN].map(|it| way(&zero, it)), [2.0, 1.0, 2.0]);
        let within = stump(Test::In(vec![0b10, 1]), Absent::Nothing, false);
        assert_eq!([1.0, 64.0, 0.0, 1e30, -1.0, f64::NAN].map(|it| way(&within, it)), [1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
        let without = stump(Test::NotIn(vec![0b10]), Absent::Nan, false);
        assert_eq!([1.0, 2.0, -3.0, 1e30].map(|it| way(&without, it)), [2.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn trees_that_lead_nowhere_are_refused() {
        let good = stump(Test::Below(0.0), Absent::Nan, true);
        assert_eq!(good.problem(1, 1), None);
        let broken = |change: fn(&mut Tree)| {
            let mut tree = good.clone();
            change(&mut tree);
            assert!(!tree.leaf(&[f64::NAN]).is_empty() || tree.leaves.len() < 2, "walks end");
            tree.problem(1, 1).is_some()
        };
        assert!(broken(|it| it.nodes[0].feature = 1));
        assert!(broken(|it| it.leaves.clear()));
        let mut circle = good.clone();
        circle.nodes[0].left = 0;
        assert!(circle.problem(1, 1).is_some());
        assert!(good.problem(0, 1).is_some() && good.problem(1, 0).is_some());
    }
}
