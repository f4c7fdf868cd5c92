//! Where is a tree of the forest split? Columns are cut into bins once; a node counts its rows per bin and takes the cut
//! after which classes are purest, or numbers nearest to each other.

use super::forest::Column;
use super::tree::{Absent, Child, Node, Test, Tree};
use crate::random::Random;

/// Bins of a column of numbers at most.
const MAX_BINS: usize = 255;
/// Columns of up to as many categories are split one category against the rest, others into two sets.
const ONE_AGAINST_REST: usize = 16;

/// What is to be told, per row.
#[derive(Clone, Copy)]
pub enum Truth<'a> {
    /// Classes and their number.
    Classes(&'a [u32], usize),
    /// Numbers.
    Numbers(&'a [f64]),
}

/// A column cut into bins.
struct Binned {
    /// The bin of each row; the last bin (`n_bins - 1`) is what is missing.
    bins: Vec<u32>,
    n_bins: usize,
    /// Upper ends of the bins of numbers; none for categories, whose bins they are.
    edges: Option<Vec<f64>>,
}

/// Grows trees over the same rows.
pub struct Grower<'a> {
    columns: Vec<Binned>,
    truth: Truth<'a>,
    n_candidates: usize,
    max_depth: usize,
    min_leaf: usize,
    gains: Vec<f64>,
    /// Column numbers, drawn from.
    drawn: Vec<usize>,
    /// Counts per bin of the column that is looked at: `width` numbers each.
    counts: Vec<f64>,
}

/// A cut that a node may take.
struct Cut {
    gain: f64,
    column: usize,
    /// True for the bins that go left, with what is missing at the end.
    is_left: Vec<bool>,
}

impl<'a> Grower<'a> {
    pub fn new(columns: &[Column], truth: Truth<'a>, n_candidates: usize, max_depth: usize, min_leaf: usize) -> Self {
        let columns: Vec<Binned> = columns.iter().map(bin).collect();
        let most = columns.iter().map(|it| it.n_bins).max().unwrap_or(0);
        let n = columns.len();
        let counts = vec![0.0; most * truth.width()];
        Self { columns, truth, n_candidates, max_depth, min_leaf, gains: vec![0.0; n], drawn: (0..n).collect(), counts }
    }

    /// What each column gained over all trees so far, as shares.
    pub fn importances(&self) -> Vec<f64> {
        let total: f64 = self.gains.iter().sum();
        self.gains.iter().map(|it| if total > 0.0 { it / total } else { 0.0 }).collect()
    }

    /// A tree over these rows, of which some may come more than once.
    pub fn grow(&mut self, mut rows: Vec<u32>, random: &mut Random) -> Tree {
        let width = self.truth.leaf_width();
        let mut tree = Tree { width: width as u32, ..Tree::default() };
        // Which part of the rows, how deep, and which way of which node leads there.
        let mut open = vec![(0..rows.len(), 0, None::<(usize, bool)>)];
        while let Some((part, depth, from)) = open.pop() {
            let Some(of_node) = rows.get_mut(part.clone()) else { continue };
            let total = self.truth.total(of_node);
            let cut = if depth < self.max_depth { self.best(of_node, &total, random) } else { None };
            let child = match cut {
                None => {
                    self.truth.push_leaf(&total, &mut tree.leaves);
                    -((tree.leaves.len() / width) as Child)
                }
                Some(cut) => {
                    if let Some(gain) = self.gains.get_mut(cut.column) {
                        *gain += cut.gain;
                    }
                    let n_left = self.partition(of_node, &cut);
                    tree.nodes.push(self.node(&cut));
                    let (idx, middle) = (tree.nodes.len() - 1, part.start + n_left);
                    open.push((middle..part.end, depth + 1, Some((idx, false))));
                    open.push((part.start..middle, depth + 1, Some((idx, true))));
                    idx as Child
                }
            };
            if let Some((parent, is_left)) = from
                && let Some(parent) = tree.nodes.get_mut(parent)
            {
                *(if is_left { &mut parent.left } else { &mut parent.right }) = child;
            }
        }
        tree
    }

    /// The best cut of a few columns that are drawn; none if no cut makes anything purer.
    fn best(&mut self, rows: &[u32], total: &[f64], random: &mut Random) -> Option<Cut> {
        if rows.len() < 2 * self.min_leaf || self.truth.impurity(total) <= 1e-12 {
            return None;
        }
        let mut best: Option<Cut> = None;
        for nth in 0..self.drawn.len() {
            // A column that cannot be cut here does not count as looked at.
            if nth >= self.n_candidates && best.is_some() {
                break;
            }
            let other = nth + random.below(self.drawn.len() - nth);
            self.drawn.swap(nth, other);
            let column = self.drawn.get(nth).copied().unwrap_or(0);
            let found = self.cut(column, rows, total);
            if found.as_ref().is_some_and(|it| best.as_ref().is_none_or(|best| it.gain > best.gain)) {
                best = found;
            }
        }
        best
    }

    /// The best cut of one column.
    fn cut(&mut self, column: usize, rows: &[u32], total: &[f64]) -> Option<Cut> {
        let binned = self.columns.get(column)?;
        let width = self.truth.width();
        let counts = self.counts.get_mut(..binned.n_bins * width)?;
        counts.fill(0.0);
        for row in rows {
            let bin = *binned.bins.get(*row as usize)? as usize;
            self.truth.add(*row, counts.get_mut(bin * width..(bin + 1) * width)?);
        }
        let of_bin: Vec<&[f64]> = counts.chunks_exact(width).collect();
        let (missing, given) = of_bin.split_last()?;
        let mut order: Vec<usize> =
            (0..given.len()).filter(|it| self.truth.rows(given.get(*it).copied()) > 0.0).collect();
        let is_single = binned.edges.is_none() && order.len() <= ONE_AGAINST_REST;
        if binned.edges.is_none() && !is_single {
            let key = |it: &usize| given.get(*it).map_or(0.0, |counts| self.truth.mean(counts, total));
            order.sort_by(|a, b| key(a).total_cmp(&key(b)));
        }
        let search = Search { truth: self.truth, total, missing, min_leaf: self.min_leaf as f64 };
        let (gain, end, is_missing_left) = search.best(&order, given, is_single)?;
        let left = if is_single { order.get(end..=end)? } else { order.get(..=end)? };
        let mut is_left = vec![false; binned.n_bins];
        // Numbers between the bins that have rows here go with the bin before.
        let filled: Vec<usize> = match (&binned.edges, left.last()) {
            (Some(_), Some(last)) => (0..=*last).collect(),
            _ => left.to_vec(),
        };
        for bin in filled {
            *is_left.get_mut(bin)? = true;
        }
        *is_left.last_mut()? = is_missing_left;
        Some(Cut { gain, column, is_left })
    }

    fn node(&self, cut: &Cut) -> Node {
        let (missing, given) = cut.is_left.split_last().unwrap_or((&false, &[]));
        let edges = self.columns.get(cut.column).and_then(|it| it.edges.as_ref());
        let test = match edges {
            Some(edges) => {
                let last = given.iter().rposition(|it| *it).unwrap_or(0);
                Test::AtMost(edges.get(last).copied().unwrap_or(f64::INFINITY))
            }
            None => {
                let mut set = vec![0_u64; given.len().div_ceil(64)];
                for (bin, _) in given.iter().enumerate().filter(|it| *it.1) {
                    if let Some(word) = set.get_mut(bin / 64) {
                        *word |= 1 << (bin % 64);
                    }
                }
                Test::In(set)
            }
        };
        Node { feature: cut.column as u32, test, absent: Absent::Nan, absent_is_left: *missing, left: 0, right: 0 }
    }

    /// Brings the rows that go left to the front; their number.
    fn partition(&self, rows: &mut [u32], cut: &Cut) -> usize {
        let Some(binned) = self.columns.get(cut.column) else { return 0 };
        let is_left = |row: u32| {
            let bin = binned.bins.get(row as usize).map_or(0, |it| *it as usize);
            cut.is_left.get(bin).copied().unwrap_or(false)
        };
        let mut n_left = 0;
        for idx in 0..rows.len() {
            if rows.get(idx).is_some_and(|it| is_left(*it)) {
                rows.swap(idx, n_left);
                n_left += 1;
            }
        }
        n_left
    }
}

/// The search of one column in one node.
struct Search<'a> {
    truth: Truth<'a>,
    total: &'a [f64],
    missing: &'a [f64],
    min_leaf: f64,
}

impl Search<'_> {
    /// Gain, position in the order up to which (or alone which) goes left, and whether what is missing goes left.
    fn best(&self, order: &[usize], given: &[&[f64]], is_single: bool) -> Option<(f64, usize, bool)> {
        let mut best: Option<(f64, usize, bool)> = None;
        let mut left = vec![0.0; self.total.len()];
        let has_missing = self.truth.rows(Some(self.missing)) > 0.0;
        for (nth, bin) in order.iter().enumerate() {
            if is_single {
                left.fill(0.0);
            }
            add(&mut left, given.get(*bin).copied().unwrap_or_default());
            let mut offer = |gain: Option<f64>, is_missing_left: bool| {
                if gain.is_some_and(|it| it > 1e-12 && best.is_none_or(|best| it > best.0)) {
                    best = gain.map(|it| (it, nth, is_missing_left));
                }
            };
            offer(self.gain(&left), false);
            if has_missing {
                let mut with_missing = left.clone();
                add(&mut with_missing, self.missing);
                offer(self.gain(&with_missing), true);
            }
        }
        // Where nothing was missing here, what will be missing goes where most rows go.
        let (gain, nth, is_missing_left) = best?;
        if has_missing {
            return Some((gain, nth, is_missing_left));
        }
        let chosen = if is_single { order.get(nth..=nth) } else { order.get(..=nth) };
        let n_left: f64 = chosen.unwrap_or_default().iter().map(|it| self.truth.rows(given.get(*it).copied())).sum();
        Some((gain, nth, n_left * 2.0 > self.truth.rows(Some(self.total))))
    }

    /// By how much the parts are purer than the whole; none if a part is too small.
    fn gain(&self, left: &[f64]) -> Option<f64> {
        let right: Vec<f64> = self.total.iter().zip(left).map(|(total, left)| total - left).collect();
        let rows = [self.truth.rows(Some(left)), self.truth.rows(Some(&right))];
        if rows.iter().any(|it| *it < self.min_leaf) {
            return None;
        }
        Some(self.truth.impurity(self.total) - self.truth.impurity(left) - self.truth.impurity(&right))
    }
}

fn add(into: &mut [f64], from: &[f64]) {
    into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
}

impl Truth<'_> {
    /// Numbers that are counted: rows per class, or rows, sum and sum of squares.
    fn width(self) -> usize {
        match self {
            Self::Classes(_, n) => n,
            Self::Numbers(_) => 3,
        }
    }

    fn leaf_width(self) -> usize {
        match self {
            Self::Classes(_, n) if n > 2 => n,
            Self::Classes(..) | Self::Numbers(_) => 1,
        }
    }

    fn add(self, row: u32, counts: &mut [f64]) {
        match self {
            Self::Classes(classes, _) => {
                let class = classes.get(row as usize).map_or(0, |it| *it as usize);
                if let Some(count) = counts.get_mut(class) {
                    *count += 1.0;
                }
            }
            Self::Numbers(numbers) => {
                let it = numbers.get(row as usize).copied().unwrap_or(0.0);
                add(counts, &[1.0, it, it * it]);
            }
        }
    }

    fn total(self, rows: &[u32]) -> Vec<f64> {
        let mut total = vec![0.0; self.width()];
        rows.iter().for_each(|it| self.add(*it, &mut total));
        total
    }

    fn rows(self, counts: Option<&[f64]>) -> f64 {
        let counts = counts.unwrap_or_default();
        match self {
            Self::Classes(..) => counts.iter().sum(),
            Self::Numbers(_) => counts.first().copied().unwrap_or(0.0),
        }
    }

    /// Gini impurity, or variance, times the number of rows.
    fn impurity(self, counts: &[f64]) -> f64 {
        match (self, counts) {
            (Self::Classes(..), _) => {
                let rows: f64 = counts.iter().sum();
                if rows > 0.0 { rows - counts.iter().map(|it| it * it).sum::<f64>() / rows } else { 0.0 }
            }
            (Self::Numbers(_), [rows, sum, squares]) if *rows > 0.0 => (squares - sum * sum / rows).max(0.0),
            (Self::Numbers(_), _) => 0.0,
        }
    }

    /// By what sets of categories are ordered: the mean, or the share of the class that is most frequent in the node.
    fn mean(self, counts: &[f64], total: &[f64]) -> f64 {
        let share = |part: Option<&f64>, of: f64| part.copied().unwrap_or(0.0) / of.max(1.0);
        match self {
            Self::Classes(..) => {
                let most = total.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |it| it.0);
                share(counts.get(most), counts.iter().sum())
            }
            Self::Numbers(_) => share(counts.get(1), self.rows(Some(counts))),
        }
    }

    fn push_leaf(self, total: &[f64], leaves: &mut Vec<f64>) {
        let rows = self.rows(Some(total)).max(1.0);
        match (self, total) {
            (Self::Classes(_, n), _) if n > 2 => leaves.extend(total.iter().map(|it| it / rows)),
            (_, [_, second, ..]) => leaves.push(second / rows),
            _ => leaves.push(0.0),
        }
    }
}

/// Cuts a column into bins: categories as they are, numbers at their quantiles.
fn bin(column: &Column) -> Binned {
    match column {
        Column::Categories(codes, n) => {
            let bins = codes.iter().map(|it| it.unwrap_or(*n)).collect();
            Binned { bins, n_bins: *n as usize + 1, edges: None }
        }
        Column::Numbers(numbers) => {
            let edges = edges(numbers);
            let n_bins = edges.len() + 2;
            let of = |it: &f64| if it.is_nan() { n_bins - 1 } else { edges.partition_point(|edge| edge < it) };
            Binned { bins: numbers.iter().map(|it| of(it) as u32).collect(), n_bins, edges: Some(edges) }
        }
    }
}

/// Up to [`MAX_BINS`] - 1 edges, each in the middle between two neighbors, so that bins have about as many rows each.
fn edges(numbers: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = numbers.iter().copied().filter(|it| !it.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let per_bin = (sorted.len() as f64 / MAX_BINS as f64).max(1.0);
    let (mut edges, mut next) = (Vec::new(), per_bin);
    for (idx, pair) in sorted.windows(2).enumerate() {
        let [a, b] = pair else { continue };
        if b > a && (idx + 1) as f64 >= next {
            let middle = a + (b - a) / 2.0;
            // Between infinities and neighbors there is no middle.
            edges.push(if middle.is_finite() && middle < *b { middle } else { *a });
            next = (idx + 1) as f64 + per_bin;
        }
    }
    edges
}
