//! What is one column like? Takes cells in, one or many at a time, and makes a mergeable profile of bounded size.

use serde::{Deserialize, Serialize};
use signal::FeatureValue;

use crate::categories::{Categories, CategoryBuilder};
use crate::config::Budget;
use crate::kind::{Kind, cell_number, is_missing};
use crate::numbers::{NumberBuilder, Numbers};
use crate::texts::{self, Text};

/// Rows that are sampled before every other is left out.
const SAMPLED: usize = 4096;

/// Different words from which on a column of categories may be of texts.
const TEXTS_FROM: u64 = 50;

/// Summary of one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// All cells.
    pub rows: u64,
    /// Cells without a value; also NaN.
    pub missing: u64,
    /// Cells that hold NaN, which are among the missing.
    pub nan: u64,
    /// Cells that hold an infinite number: counted, and left out of the distribution.
    pub infinite: u64,
    /// Cells of words in a column of numbers: counted, and left out of the distribution.
    pub mixed: u64,
    /// Whether the source stores whole numbers, as a table of integers does.
    pub is_integer: bool,
    /// Integers beyond 2^53, which are not exact as numbers of 64 bits.
    pub inexact: u64,
    /// The distribution.
    pub data: Data,
    /// Numbers of some thousand rows, the same rows in every column of a table, NaN where there is none; not stored.
    #[serde(skip)]
    pub sample: Vec<f32>,
    /// Of free text: some texts; stored behind all columns, see `saved`.
    #[serde(skip)]
    pub texts: Vec<Text>,
}

/// The distribution of a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Data {
    /// Nothing but missing cells.
    #[default]
    Empty,
    /// Of numbers.
    Numbers(Numbers),
    /// Of words.
    Words(Categories),
}

impl ColumnProfile {
    /// Cells with a value that is in the distribution.
    pub const fn count(&self) -> u64 {
        match &self.data {
            Data::Empty => 0,
            Data::Numbers(it) => it.count,
            Data::Words(it) => it.count,
        }
    }

    /// Whether nothing was estimated.
    pub const fn is_exact(&self) -> bool {
        match &self.data {
            Data::Empty => true,
            Data::Numbers(it) => it.is_exact(),
            Data::Words(it) => it.is_exact(),
        }
    }

    /// How many different values, and whether that is exact.
    pub fn distinct(&self) -> (f64, bool) {
        match &self.data {
            Data::Empty => (0.0, true),
            Data::Numbers(it) => it.distinct(),
            Data::Words(it) => it.distinct(),
        }
    }

    /// Share of cells without a value, from 0 to 1.
    pub fn missing_share(&self) -> f64 {
        self.missing as f64 / self.rows.max(1) as f64
    }

    /// The same in a form of bounded size, for a file.
    pub fn condensed(&self, words: usize) -> Self {
        let data = match &self.data {
            Data::Empty => Data::Empty,
            Data::Numbers(it) => Data::Numbers(it.condensed()),
            Data::Words(it) => Data::Words(it.condensed(words)),
        };
        Self {
            data,
            name: self.name.clone(),
            kind: self.kind,
            rows: self.rows,
            missing: self.missing,
            nan: self.nan,
            infinite: self.infinite,
            mixed: self.mixed,
            is_integer: self.is_integer,
            inexact: self.inexact,
            sample: Vec::new(),
            texts: self.texts.clone(),
        }
    }

    /// Takes in another part of the same column; false if it holds something else and was left out.
    pub fn merge(&mut self, other: &Self, budget: &Budget) -> bool {
        match (&mut self.data, &other.data) {
            (_, Data::Empty) => {}
            (Data::Empty, data) => {
                self.data = data.clone();
                self.kind = other.kind;
                self.is_integer = other.is_integer;
            }
            (Data::Numbers(ours), Data::Numbers(theirs)) => ours.merge(theirs, budget),
            (Data::Words(ours), Data::Words(theirs)) => {
                ours.merge(theirs, budget);
                self.kind = Kind::of_words(ours.count, ours.distinct().0 as u64);
            }
            (Data::Numbers(_), Data::Words(_)) | (Data::Words(_), Data::Numbers(_)) => return false,
        }
        let (ours, theirs) = (self.rows - self.missing, other.rows - other.missing);
        texts::merge((&mut self.texts, ours), (&other.texts, theirs));
        // Rows of two parts are not the same rows.
        self.sample.clear();
        self.is_integer &= other.is_integer || other.count() == 0;
        self.rows += other.rows;
        self.missing += other.missing;
        self.nan += other.nan;
        self.infinite += other.infinite;
        self.mixed += other.mixed;
        self.inexact += other.inexact;
        true
    }
}

/// Takes the cells of one column in.
#[derive(Clone, Debug)]
pub struct ColumnBuilder {
    facts: ColumnProfile,
    budget: Budget,
    data: Building,
    /// Every so many rows one is sampled; a power of two.
    stride: u64,
}

#[derive(Clone, Debug)]
enum Building {
    /// The first cell with a value decides.
    Open,
    Numbers(NumberBuilder),
    Words(CategoryBuilder),
}

impl ColumnBuilder {
    /// A column whose first value says what it holds.
    pub fn open(name: &str, budget: Budget) -> Self {
        let facts = ColumnProfile { name: name.to_owned(), is_integer: true, ..ColumnProfile::default() };
        Self { facts, budget, data: Building::Open, stride: 1 }
    }

    /// A column that holds this.
    pub fn new(name: &str, kind: Kind, budget: Budget) -> Self {
        let data = match kind {
            Kind::Number | Kind::Time => Building::Numbers(NumberBuilder::new(budget)),
            Kind::Category | Kind::Text => Building::Words(CategoryBuilder::new(budget)),
            Kind::Empty => Building::Open,
        };
        let mut builder = Self::open(name, budget);
        builder.facts.kind = kind;
        builder.data = data;
        builder
    }

    /// Says that the source stores something else than whole numbers.
    pub const fn not_integer(&mut self) {
        self.facts.is_integer = false;
    }

    /// A cell without a value.
    pub fn missing(&mut self) {
        self.sample(f64::NAN);
        self.facts.rows += 1;
        self.facts.missing += 1;
    }

    /// So many cells without a value.
    pub fn missing_many(&mut self, cells: u64) {
        (0..cells).for_each(|_| self.missing());
    }

    /// A whole number beyond 2^53 came; it is taken in as a number too.
    pub const fn inexact(&mut self) {
        self.facts.inexact += 1;
    }

    /// A number; NaN is a missing one, and infinite ones are counted apart.
    #[inline]
    pub fn number(&mut self, value: f64) {
        self.sample(value);
        self.facts.rows += 1;
        if value.is_nan() {
            self.facts.missing += 1;
            self.facts.nan += 1;
            return;
        }
        if value.is_infinite() {
            self.facts.infinite += 1;
            return;
        }
        match &mut self.data {
            Building::Numbers(it) => it.push(value),
            Building::Words(it) => it.push(&value.to_string(), 1),
            Building::Open => {
                let mut numbers = NumberBuilder::new(self.budget);
                numbers.push(value);
                self.data = Building::Numbers(numbers);
            }
        }
    }

    /// Keeps the number of every so many rows. Which rows depends on their count alone, so that they are the same in all
    /// columns.
    #[inline]
    fn sample(&mut self, value: f64) {
        if self.facts.rows & (self.stride - 1) == 0 {
            self.facts.sample.push(if value.is_finite() { value as f32 } else { f32::NAN });
            if self.facts.sample.len() >= SAMPLED {
                let mut idx = 0;
                self.facts.sample.retain(|_| {
                    idx += 1;
                    idx % 2 == 1
                });
                self.stride *= 2;
            }
        }
    }

    /// A cell of text that is not missing: in a column of numbers it is read as one, else counted as mixed.
    pub fn text(&mut self, cell: &str) {
        match &mut self.data {
            Building::Numbers(_) => self.text_number(cell),
            Building::Words(it) => {
                self.facts.rows += 1;
                it.push(cell, 1);
            }
            Building::Open => {
                let mut words = CategoryBuilder::new(self.budget);
                words.push(cell, 1);
                self.facts.rows += 1;
                self.data = Building::Words(words);
            }
        }
    }

    /// A cell of a text file, as it stands there.
    pub fn cell(&mut self, cell: &str) {
        match &self.data {
            Building::Numbers(_) if is_missing(cell) => self.missing(),
            Building::Numbers(_) => self.text_number(cell),
            Building::Words(_) | Building::Open if is_missing(cell) => self.missing(),
            Building::Words(_) | Building::Open => self.text(cell),
        }
    }

    /// A cell of words in a column of numbers or times: counted, and left out of the distribution.
    pub fn mixed(&mut self) {
        self.sample(f64::NAN);
        self.facts.rows += 1;
        self.facts.mixed += 1;
    }

    fn text_number(&mut self, cell: &str) {
        match cell_number(cell) {
            Some(number) => {
                if !is_integer(cell) {
                    self.facts.is_integer = false;
                } else if number.abs() >= 9_007_199_254_740_992.0 {
                    self.facts.inexact += 1;
                }
                self.number(number);
            }
            None => self.mixed(),
        }
    }

    /// A word that came so many times.
    pub fn words(&mut self, word: &str, times: u64) {
        if matches!(self.data, Building::Open) {
            self.data = Building::Words(CategoryBuilder::new(self.budget));
        }
        if let Building::Words(it) = &mut self.data {
            it.push(word, times);
            self.facts.rows += times;
        } else {
            (0..times).for_each(|_| self.text(word));
        }
    }

    /// A field of a prediction's log.
    pub fn feature(&mut self, value: &FeatureValue) {
        match value {
            FeatureValue::Number(it) => {
                self.facts.is_integer &= it.fract() == 0.0;
                self.number(*it);
            }
            FeatureValue::Text(it) => self.text(it),
            FeatureValue::Flag(it) => self.text(if *it { "true" } else { "false" }),
            FeatureValue::Missing => self.missing(),
        }
    }

    /// Cells so far.
    pub const fn rows(&self) -> u64 {
        self.facts.rows
    }

    /// The profile.
    pub fn finish(mut self) -> ColumnProfile {
        let is_time = self.facts.kind == Kind::Time;
        (self.facts.data, self.facts.kind) = match self.data {
            Building::Numbers(it) => {
                let numbers = it.finish();
                let kind = match numbers.count {
                    0 => Kind::Empty,
                    _ if is_time => Kind::Time,
                    _ => Kind::Number,
                };
                (if kind == Kind::Empty { Data::Empty } else { Data::Numbers(numbers) }, kind)
            }
            Building::Words(mut it) => {
                let (count, distinct) = it.seen();
                let kind = Kind::of_words(count, distinct);
                // Texts that repeat may be free text on the other side.
                if kind == Kind::Text || distinct >= TEXTS_FROM {
                    self.facts.texts = it.take_texts().finish(kind);
                }
                let mut words = it.finish();
                words.plain_flags();
                (Data::Words(words), kind)
            }
            Building::Open => (Data::Empty, Kind::Empty),
        };
        // As a table of integers with gaps becomes one of floats.
        self.facts.is_integer &= self.facts.kind == Kind::Number && self.facts.missing == 0;
        if self.facts.kind != Kind::Number {
            self.facts.sample = Vec::new();
        }
        self.facts
    }
}

fn is_integer(cell: &str) -> bool {
    cell.bytes().all(|it| it.is_ascii_digit() || it == b'-' || it == b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_are_sampled_in_every_column() {
        let mut columns = [1.0, 2.0].map(|factor| {
            let mut column = ColumnBuilder::new("x", Kind::Number, Budget::default());
            for row in 0..50_000 {
                match row % 7 {
                    0 if factor > 1.0 => column.missing(),
                    _ => column.number(f64::from(row) * factor),
                }
            }
            column.finish().sample
        });
        assert!((SAMPLED / 2..=SAMPLED).contains(&columns[0].len()));
        assert_eq!(columns[0].len(), columns[1].len());
        columns[1].iter_mut().for_each(|it| *it /= 2.0);
        assert!(columns[0].iter().zip(&columns[1]).all(|(a, b)| a == b || b.is_nan()));
    }

    #[test]
    fn every_cell_is_counted_once() {
        let mut column = ColumnBuilder::new("x", Kind::Number, Budget::default());
        for cell in ["1", "2.5", "inf", "-inf", "word", "9007199254740993"] {
            column.text(cell);
        }
        column.missing();
        column.number(f64::NAN);
        let profile = column.finish();
        assert_eq!((profile.rows, profile.missing, profile.nan, profile.infinite), (8, 2, 1, 2));
        assert_eq!((profile.mixed, profile.inexact, profile.count()), (1, 1, 3));
        assert_eq!(profile.rows, profile.count() + profile.missing + profile.infinite + profile.mixed);
        assert!(!profile.is_integer);
    }

    #[test]
    fn the_first_value_of_an_open_column_says_what_it_holds() {
        let mut column = ColumnBuilder::open("x", Budget::default());
        column.feature(&FeatureValue::Missing);
        column.feature(&FeatureValue::Flag(true));
        column.feature(&FeatureValue::Number(2.0));
        let profile = column.finish();
        assert_eq!((profile.kind, profile.rows, profile.missing), (Kind::Category, 3, 1));
        assert_eq!(profile.distinct(), (2.0, true));
        assert_eq!(ColumnBuilder::open("x", Budget::default()).finish().kind, Kind::Empty);
    }

    #[test]
    fn parts_merge_and_parts_of_another_kind_do_not() {
        let part = |cells: &[&str], kind| {
            let mut column = ColumnBuilder::new("x", kind, Budget::default());
            cells.iter().for_each(|it| column.text(it));
            column.finish()
        };
        let mut whole = part(&["1", "2"], Kind::Number);
        assert!(whole.merge(&part(&["3"], Kind::Number), &Budget::default()));
        assert_eq!((whole.rows, whole.count()), (3, 3));
        assert!(!whole.merge(&part(&["a"], Kind::Category), &Budget::default()));
        assert_eq!(whole.rows, 3);
    }
}
