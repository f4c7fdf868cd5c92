//! What is a whole table like? Its columns' profiles, mergeable and storable, fed by an edge or by predictions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use signal::Inference;

use crate::column::{ColumnBuilder, ColumnProfile};
use crate::config::Budget;

/// Column of what the model answered, in a profile of predictions.
pub const PREDICTION: &str = "prediction";
/// Column of the probability of that answer.
pub const PROBABILITY: &str = "probability";

/// True for the columns of answers, which are no features.
pub fn is_answer(column: &str) -> bool {
    column == PREDICTION || column == PROBABILITY
}

/// Summary of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// What it is of.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Rows that are the same as an earlier one; none where that was not counted.
    pub duplicates: Option<u64>,
    /// Its columns, in order.
    pub columns: Vec<ColumnProfile>,
}

impl Profile {
    /// Takes in another part of the same table; the names of columns whose kinds differ, which were left out.
    pub fn merge(&mut self, other: &Self, budget: &Budget) -> Vec<String> {
        let mut left_out = Vec::new();
        for column in &other.columns {
            match self.columns.iter_mut().find(|it| it.name == column.name) {
                Some(ours) => {
                    if !ours.merge(column, budget) {
                        left_out.push(column.name.clone());
                    }
                }
                None => {
                    let mut new = column.clone();
                    new.rows += self.rows;
                    new.missing += self.rows;
                    self.columns.push(new);
                }
            }
        }
        for ours in self.columns.iter_mut().filter(|it| other.columns.iter().all(|theirs| theirs.name != it.name)) {
            ours.rows += other.rows;
            ours.missing += other.rows;
        }
        self.rows += other.rows;
        // Whether a row of one part came in the other is not known.
        self.duplicates = None;
        left_out
    }
}

/// Takes predictions in, one at a time.
#[derive(Clone, Debug)]
pub struct ProfileBuilder {
    budget: Budget,
    rows: u64,
    columns: BTreeMap<String, ColumnBuilder>,
}

impl ProfileBuilder {
    /// Knows nothing yet.
    pub const fn new(budget: Budget) -> Self {
        Self { budget, rows: 0, columns: BTreeMap::new() }
    }

    /// Takes in a prediction: its features, and its answer and probability as columns of these names.
    pub fn learn_one(&mut self, inference: &Inference) {
        let (rows, budget) = (self.rows, self.budget);
        for (name, value) in &inference.features {
            self.column(name, rows, budget).feature(value);
        }
        self.column(PREDICTION, rows, budget).feature(&inference.prediction);
        if let Some(probability) = inference.probability {
            self.column(PROBABILITY, rows, budget).number(probability);
        }
        self.rows += 1;
        for column in self.columns.values_mut() {
            let gap = self.rows.saturating_sub(column.rows());
            column.missing_many(gap);
        }
    }

    fn column(&mut self, name: &str, rows: u64, budget: Budget) -> &mut ColumnBuilder {
        self.columns.entry(name.to_owned()).or_insert_with(|| {
            let mut column = ColumnBuilder::open(name, budget);
            column.missing_many(rows);
            column
        })
    }

    /// The profile.
    pub fn finish(self, name: &str) -> Profile {
        let columns = self.columns.into_values().map(ColumnBuilder::finish).collect();
        Profile { name: name.to_owned(), rows: self.rows, duplicates: None, columns }
    }
}
