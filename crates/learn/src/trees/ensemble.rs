//! What do many trees say together? Sums or means of their leaves, and the function that makes an answer of them.

use serde::{Deserialize, Serialize};

use super::tree::Tree;

/// Features at most, so that a number in a file does not become memory.
const MOST_FEATURES: u32 = 1 << 20;

/// What is asked of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A number.
    Regression,
    /// One of two classes.
    Binary,
    /// One of more classes.
    Multiclass,
}

/// What makes an answer of the sum of the leaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Link {
    /// The sum itself.
    Identity,
    /// `1 / (1 + exp(-steepness * sum))`.
    Sigmoid(f64),
    /// Probabilities that add up to 1.
    Softmax,
    /// `exp(sum)`, of counts.
    Exp,
    /// `ln(1 + exp(sum))`, of LightGBM's `cross_entropy_lambda`.
    Softplus,
    /// The square with its sign, of LightGBM's `reg_sqrt`.
    SignedSquare,
    /// 1 above zero, else 0, of XGBoost's `binary:hinge`.
    Step,
}

/// Trees that answer together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    /// What is asked.
    pub task: Task,
    /// The number of features of a row.
    pub n_features: u32,
    /// Where each output begins; as many as there are outputs.
    pub base: Vec<f64>,
    /// From sums to the answer.
    pub link: Link,
    /// True if leaves are averaged, false if they are added.
    pub is_mean: bool,
    /// True if sums are kept in single precision, as XGBoost does.
    pub is_single: bool,
    /// The trees.
    pub trees: Vec<Tree>,
    /// Of a linear model: for each feature a weight for each output, and behind them a start for each; otherwise none.
    /// They stand behind the ensemble in its file, see `saved`.
    #[serde(skip)]
    pub weights: Vec<f64>,
}

/// What an ensemble says of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A number.
    Number(f64),
    /// The probability of class 1, of two.
    OfTwo(f64),
    /// A probability for each class.
    OfMany(Vec<f64>),
}

impl Said {
    /// The class (the first of the most probable), or the number.
    pub fn answer(&self) -> f64 {
        match self {
            Self::Number(it) => *it,
            Self::OfTwo(it) => f64::from(u8::from(*it > 0.5)),
            Self::OfMany(all) => {
                let best = all
                    .iter()
                    .enumerate()
                    .fold((0, f64::NEG_INFINITY), |best, (idx, it)| if *it > best.1 { (idx, *it) } else { best });
                best.0 as f64
            }
        }
    }
}

impl Ensemble {
    /// What the trees say of a row, whose missing values are NaN and whose categories are whole numbers from 0.
    pub fn predict(&self, row: &[f64]) -> Said {
        let mut sums = self.sums(row);
        match self.link {
            Link::Softmax => softmax(&mut sums),
            link => sums.iter_mut().for_each(|it| *it = link.apply(*it)),
        }
        match (self.task, sums.as_slice()) {
            (Task::Multiclass, _) => Said::OfMany(sums),
            (Task::Binary, [.., last]) => Said::OfTwo(*last),
            (_, [first, ..]) => Said::Number(*first),
            (_, []) => Said::Number(f64::NAN),
        }
    }

    /// The sum (or mean) of the leaves for each output, before the link.
    pub fn sums(&self, row: &[f64]) -> Vec<f64> {
        let mut sums = self.base.clone();
        if !self.weights.is_empty() {
            self.add_weighted(row, &mut sums);
        }
        for tree in &self.trees {
            if !tree.slopes.is_empty() {
                let outputs = sums.iter_mut().skip(tree.output as usize).take(1);
                outputs.for_each(|sum| *sum += tree.sloped(row));
                continue;
            }
            let outputs = sums.iter_mut().skip(tree.output as usize);
            if self.is_single {
                outputs.zip(tree.leaf(row)).for_each(|(sum, it)| *sum = f64::from(*sum as f32 + *it as f32));
            } else {
                outputs.zip(tree.leaf(row)).for_each(|(sum, it)| *sum += it);
            }
        }
        let n_rounds = self.rounds();
        if self.is_mean && n_rounds > 0 {
            sums.iter_mut().for_each(|it| *it /= n_rounds as f64);
        }
        sums
    }

    /// Adds the linear part in single precision; what is missing adds nothing.
    fn add_weighted(&self, row: &[f64], sums: &mut [f64]) {
        let n_outputs = sums.len().max(1);
        let mut weights = self.weights.chunks(n_outputs);
        let starts = self.weights.chunks(n_outputs).next_back().unwrap_or_default();
        sums.iter_mut().zip(starts).for_each(|(sum, it)| *sum = f64::from(*it as f32 + *sum as f32));
        for value in row.iter().take(self.n_features as usize) {
            let Some(weights) = weights.next() else { return };
            if !value.is_nan() {
                let add = |(sum, it): (&mut f64, &f64)| *sum = f64::from(*sum as f32 + *value as f32 * *it as f32);
                sums.iter_mut().zip(weights).for_each(add);
            }
        }
    }

    /// Trees per output.
    fn rounds(&self) -> usize {
        let width: usize = self.trees.iter().map(|it| it.width as usize).sum();
        width / self.base.len().max(1)
    }

    /// What makes the ensemble unusable; it names the tree.
    pub fn problem(&self) -> Option<String> {
        let n_outputs = self.base.len();
        let is_fitting = match self.task {
            Task::Multiclass => n_outputs >= 2,
            Task::Regression | Task::Binary => n_outputs == 1,
        };
        if !is_fitting {
            return Some(format!("{n_outputs} outputs do not fit the task {:?}", self.task));
        }
        if self.n_features > MOST_FEATURES {
            return Some(format!("it takes {} features of at most {MOST_FEATURES}", self.n_features));
        }
        let n_weights = (self.n_features as usize + 1).saturating_mul(n_outputs);
        if !self.weights.is_empty() && self.weights.len() != n_weights {
            return Some(format!("it has {} weights where {n_weights} are needed", self.weights.len()));
        }
        let complaint = |(idx, tree): (usize, &Tree)| {
            Some(format!("tree {idx}: {}", tree.problem(self.n_features as usize, n_outputs)?))
        };
        self.trees.iter().enumerate().find_map(complaint)
    }
}

impl Link {
    fn apply(self, sum: f64) -> f64 {
        match self {
            Self::Identity | Self::Softmax => sum,
            Self::Sigmoid(steepness) => 1.0 / (1.0 + (-steepness * sum).exp()),
            Self::Exp => sum.exp(),
            Self::Softplus => sum.max(0.0) + (-sum.abs()).exp().ln_1p(),
            Self::SignedSquare => sum * sum.abs(),
            Self::Step => f64::from(u8::from(sum > 0.0)),
        }
    }
}

fn softmax(sums: &mut [f64]) {
    let most = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    sums.iter_mut().for_each(|it| *it = (*it - most).exp());
    let total: f64 = sums.iter().sum();
    sums.iter_mut().for_each(|it| *it /= total);
}
