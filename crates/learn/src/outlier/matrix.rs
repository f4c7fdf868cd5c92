//! How do rows of numbers lie in memory? One block, row after row, so that a row is a slice.

use serde::{Deserialize, Serialize};

/// Rows of equal length, row-major.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    values: Vec<f64>,
    n_features: usize,
}

impl Matrix {
    /// An empty matrix whose rows will have `n_features` values.
    pub fn new(n_features: usize) -> Self {
        Self { values: vec![], n_features }
    }

    /// All rows at once; `None` if their lengths differ.
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Option<Self> {
        let mut matrix = Self::new(rows.first().map_or(0, |it| it.as_ref().len()));
        rows.iter().all(|it| matrix.push(it.as_ref())).then_some(matrix)
    }

    /// Adds a row at the end; `false`, and nothing is added, if its length is wrong.
    pub fn push(&mut self, row: &[f64]) -> bool {
        let fits = row.len() == self.n_features;
        if fits {
            self.values.extend_from_slice(row);
        }
        fits
    }

    /// Number of values in a row.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.n_features).unwrap_or(0)
    }

    /// Row `index`; empty if there is none.
    pub fn row(&self, index: usize) -> &[f64] {
        let start = index * self.n_features;
        self.values.get(start..start + self.n_features).unwrap_or(&[])
    }

    /// The rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.values.chunks_exact(self.n_features.max(1))
    }

    /// The rows in order, to be changed in place.
    pub fn rows_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f64]> {
        self.values.chunks_exact_mut(self.n_features.max(1))
    }

    /// The values of one feature, from the first row to the last.
    pub fn column(&self, feature: usize) -> impl Iterator<Item = f64> + '_ {
        self.rows().filter_map(move |it| it.get(feature).copied())
    }

    /// The rows with these indices, in that order; unknown ones are left out.
    pub fn select(&self, indices: &[usize]) -> Self {
        let mut selected = Self::new(self.n_features);
        for index in indices {
            selected.push(self.row(*index));
        }
        selected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_are_found_again() {
        let mut matrix = Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).unwrap();
        assert!(!matrix.push(&[7.0]));
        assert_eq!((matrix.n_rows(), matrix.n_features()), (3, 2));
        assert_eq!(matrix.row(1), [3.0, 4.0]);
        assert_eq!(matrix.row(3), [0.0; 0]);
        assert_eq!(matrix.column(1).collect::<Vec<_>>(), [2.0, 4.0, 6.0]);
        assert_eq!(matrix.select(&[2, 0]).rows().collect::<Vec<_>>(), [[5.0, 6.0], [1.0, 2.0]]);
        assert_eq!(Matrix::new(0).n_rows(), 0);
        assert!(Matrix::from_rows(&[vec![1.0], vec![]]).is_none());
    }
}
