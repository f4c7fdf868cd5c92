//! How is a random forest trained? Trees grown on rows drawn with replacement, each split on a few columns drawn anew.
//!
//! Breiman, "Random Forests", Machine Learning 45 (2001). The same rows and the same seed give the same forest.

use super::ensemble::{Ensemble, Link, Task};
use super::grow::{Grower, Truth};
use crate::random::Random;

/// What a column of the training rows holds; one entry per row.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers; NaN is missing.
    Numbers(Vec<f64>),
    /// Categories by number, below the count; none is missing.
    Categories(Vec<Option<u32>>, u32),
}

/// What the forest shall learn to tell; one entry per row.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Classes by number, below the count.
    Classes(Vec<u32>, u32),
    /// Finite numbers.
    Numbers(Vec<f64>),
}

/// How a forest is grown.
#[derive(Clone, Debug, PartialEq)]
pub struct ForestConfig {
    /// Trees.
    pub n_trees: usize,
    /// Splits from the root to a leaf at most.
    pub max_depth: usize,
    /// Rows of a leaf at least.
    pub min_leaf: usize,
    /// Columns looked at per split; none for the root of their number (classes) or a third of them (numbers).
    pub n_candidates: Option<usize>,
    /// Of the draws.
    pub seed: u64,
}

impl Default for ForestConfig {
    fn default() -> Self {
        Self { n_trees: 200, max_depth: 24, min_leaf: 5, n_candidates: None, seed: 42 }
    }
}

/// A forest and what it is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The forest.
    pub ensemble: Ensemble,
    /// How much each column contributed to the splits; they add up to 1 (or are all 0 if nothing could be split).
    pub importances: Vec<f64>,
}

/// Why no forest can be grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// There is nothing to learn from.
    #[error("there are no rows or no columns to learn from")]
    Empty,
    /// Columns have other lengths than the target.
    #[error("column {0} has another number of rows than the target")]
    Ragged(usize),
    /// A category, class or number of the target is not what it says it is.
    #[error("row {0} has a class or category that is out of range, or a target that is not finite")]
    OutOfRange(usize),
    /// All rows have the same class.
    #[error("the target has one class only")]
    OneClass,
}

/// Grows a forest.
///
/// # Errors
/// If there is nothing to learn from, or columns and target do not fit.
pub fn train(columns: &[Column], target: &Target, config: &ForestConfig) -> Result<Trained, TrainError> {
    let n_rows = check(columns, target)?;
    let (truth, task, n_outputs) = match target {
        Target::Classes(classes, 2) => (Truth::Classes(classes, 2), Task::Binary, 1),
        Target::Classes(classes, n) => (Truth::Classes(classes, *n as usize), Task::Multiclass, *n as usize),
        Target::Numbers(numbers) => (Truth::Numbers(numbers), Task::Regression, 1),
    };
    let usual = match truth {
        Truth::Classes(..) => (columns.len() as f64).sqrt().ceil() as usize,
        Truth::Numbers(_) => columns.len().div_ceil(3),
    };
    let n_candidates = config.n_candidates.unwrap_or(usual).clamp(1, columns.len());
    let mut grower = Grower::new(columns, truth, n_candidates, config.max_depth, config.min_leaf.max(1));
    let grow = |idx: usize| {
        let mut random = Random::for_part(config.seed, idx as u64);
        let rows = (0..n_rows).map(|_| random.below(n_rows) as u32).collect();
        grower.grow(rows, &mut random)
    };
    let trees = (0..config.n_trees.max(1)).map(grow).collect();
    let importances = grower.importances();
    let ensemble = Ensemble {
        task,
        n_features: columns.len() as u32,
        base: vec![0.0; n_outputs],
        link: Link::Identity,
        is_mean: true,
        is_single: false,
        trees,
        weights: vec![],
    };
    Ok(Trained { ensemble, importances })
}

/// The number of rows.
fn check(columns: &[Column], target: &Target) -> Result<usize, TrainError> {
    let bad_target = match target {
        Target::Classes(classes, n) => classes.iter().position(|it| it >= n),
        Target::Numbers(numbers) => numbers.iter().position(|it| !it.is_finite()),
    };
    let n_rows = match target {
        Target::Classes(classes, _) => classes.len(),
        Target::Numbers(numbers) => numbers.len(),
    };
    if n_rows == 0 || columns.is_empty() {
        return Err(TrainError::Empty);
    }
    for (idx, column) in columns.iter().enumerate() {
        let (length, bad) = match column {
            Column::Numbers(numbers) => (numbers.len(), None),
            Column::Categories(codes, n) => (codes.len(), codes.iter().position(|it| it.is_some_and(|it| it >= *n))),
        };
        if length != n_rows {
            return Err(TrainError::Ragged(idx));
        }
        if let Some(row) = bad {
            return Err(TrainError::OutOfRange(row));
        }
    }
    match (bad_target, target) {
        (Some(row), _) => Err(TrainError::OutOfRange(row)),
        (None, Target::Classes(_, n)) if *n < 2 => Err(TrainError::OneClass),
        _ => Ok(n_rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class 1 where the number is above 0.5 or the category is 2; a second number says nothing.
    fn rows(n: usize) -> (Vec<Column>, Vec<u32>) {
        let mut random = Random::new(3);
        let numbers: Vec<f64> = (0..n).map(|_| random.uniform()).collect();
        let noise: Vec<f64> = (0..n).map(|_| random.uniform()).collect();
        let codes: Vec<Option<u32>> = (0..n).map(|_| Some(random.below(4) as u32)).collect();
        let classes = numbers.iter().zip(&codes).map(|(x, c)| u32::from(*x > 0.5 || *c == Some(2))).collect();
        (vec![Column::Numbers(numbers), Column::Numbers(noise), Column::Categories(codes, 4)], classes)
    }

    fn small(seed: u64) -> ForestConfig {
        ForestConfig { n_trees: 30, seed, ..ForestConfig::default() }
    }

    #[test]
    fn a_forest_learns_numbers_and_categories() {
        let (columns, classes) = rows(600);
        let trained = train(&columns, &Target::Classes(classes, 2), &small(1)).unwrap();
        assert_eq!(trained.ensemble.problem(), None);
        let says = |row: [f64; 3]| trained.ensemble.predict(&row).answer();
        assert_eq!([says([0.9, 0.5, 0.0]), says([0.1, 0.5, 0.0]), says([0.1, 0.5, 2.0])], [1.0, 0.0, 1.0]);
        // An unknown category is like no category of the training rows.
        assert_eq!(says([0.9, 0.5, 9.0]), 1.0);
        let [number, noise, category] = trained.importances[..] else { panic!("three columns") };
        assert!(number > category && category > 4.0 * noise, "{:?}", trained.importances);
        assert!((number + noise + category - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_same_seed_gives_the_same_forest_and_others_do_not() {
        let (columns, classes) = rows(200);
        let target = Target::Classes(classes, 2);
        let of = |seed| train(&columns, &target, &small(seed)).unwrap();
        assert_eq!(of(5), of(5));
        assert_ne!(of(5), of(6));
    }

    #[test]
    fn what_is_missing_goes_where_it_went_in_training() {
        // A missing number always is class 1, a given one never.
        let numbers = (0..200).map(|it| if it % 4 == 0 { f64::NAN } else { f64::from(it) }).collect();
        let classes = (0..200).map(|it| u32::from(it % 4 == 0)).collect();
        let columns = [Column::Numbers(numbers)];
        let trained = train(&columns, &Target::Classes(classes, 2), &small(1)).unwrap();
        assert_eq!(trained.ensemble.predict(&[f64::NAN]).answer(), 1.0);
        assert_eq!(trained.ensemble.predict(&[77.0]).answer(), 0.0);
    }

    #[test]
    fn numbers_and_many_classes_are_learned_too() {
        let mut random = Random::new(9);
        let x: Vec<f64> = (0..500).map(|_| random.uniform() * 10.0).collect();
        let columns = [Column::Numbers(x.clone())];
        let squares = Target::Numbers(x.iter().map(|it| it * it).collect());
        let trained = train(&columns, &squares, &small(1)).unwrap();
        assert!((trained.ensemble.predict(&[5.0]).answer() - 25.0).abs() < 3.0);
        let thirds = Target::Classes(x.iter().map(|it| (it / 3.4) as u32).collect(), 3);
        let trained = train(&columns, &thirds, &small(1)).unwrap();
        let said = trained.ensemble.predict(&[5.0]);
        let super::super::ensemble::Said::OfMany(shares) = &said else { panic!("{said:?}") };
        assert_eq!(said.answer(), 1.0);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn many_categories_are_split_as_sets() {
        let codes: Vec<Option<u32>> = (0..2000).map(|it| Some(it % 100)).collect();
        let classes = codes.iter().map(|it| u32::from(it.unwrap_or(0) % 2 == 0)).collect();
        let trained = train(&[Column::Categories(codes, 100)], &Target::Classes(classes, 2), &small(1)).unwrap();
        assert_eq!([40.0, 41.0, 98.0, 99.0].map(|it| trained.ensemble.predict(&[it]).answer()), [1.0, 0.0, 1.0, 0.0]);
        assert!(trained.ensemble.trees.iter().all(|it| it.nodes.len() < 20), "a set takes one split, not fifty");
    }

    #[test]
    fn what_cannot_be_learned_is_told() {
        let classes = |list: &[u32], n| Target::Classes(list.to_vec(), n);
        let numbers = |list: &[f64]| Column::Numbers(list.to_vec());
        let fails = |columns: &[Column], target: &Target| train(columns, target, &small(1)).unwrap_err();
        assert_eq!(fails(&[], &classes(&[0], 2)), TrainError::Empty);
        assert_eq!(fails(&[numbers(&[])], &classes(&[], 2)), TrainError::Empty);
        assert_eq!(fails(&[numbers(&[1.0])], &classes(&[0, 1], 2)), TrainError::Ragged(0));
        assert_eq!(fails(&[numbers(&[1.0, 2.0])], &classes(&[0, 2], 2)), TrainError::OutOfRange(1));
        assert_eq!(fails(&[numbers(&[1.0, 2.0])], &classes(&[0, 0], 1)), TrainError::OneClass);
        assert_eq!(fails(&[numbers(&[1.0])], &Target::Numbers(vec![f64::NAN])), TrainError::OutOfRange(0));
        assert_eq!(fails(&[Column::Categories(vec![Some(3)], 3)], &classes(&[0], 2)), TrainError::OutOfRange(0));
    }
}
