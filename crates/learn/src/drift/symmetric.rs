//! Along which directions does a symmetric matrix stretch, and by how much? Jacobi's method, for up to some hundred rows.

#![allow(clippy::indexing_slicing, reason = "indices below the number of rows of a square matrix")]

const MAX_SWEEPS: usize = 60;
/// Off the diagonal, less than this share of the whole is nothing.
const NOTHING: f64 = 1e-30;

/// Eigenvalues and the eigenvector of each (as rows), of a square symmetric matrix.
pub(super) fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = matrix.len();
    let mut vectors: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(i == j)).collect()).collect();
    let whole: f64 = matrix.iter().flatten().map(|it| it * it).sum();
    for _ in 0..MAX_SWEEPS {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| matrix[i][j].powi(2)).sum();
        if off <= NOTHING * whole {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut matrix, &mut vectors, p, q);
            }
        }
    }
    ((0..n).map(|i| matrix[i][i]).collect(), vectors)
}

fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    if matrix[p][q] == 0.0 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
    let t = if theta >= 0.0 { 1.0 } else { -1.0 } / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (t * t + 1.0).sqrt();
    let sine = t * cosine;
    for row in matrix.iter_mut() {
        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
    }
    for k in 0..matrix.len() {
        let (a, b) = (matrix[p][k], matrix[q][k]);
        (matrix[p][k], matrix[q][k]) = (cosine * a - sine * b, sine * a + cosine * b);
        let (a, b) = (vectors[p][k], vectors[q][k]);
        (vectors[p][k], vectors[q][k]) = (cosine * a - sine * b, sine * a + cosine * b);
    }
    // What the rotation removes must be gone for good, or sweeps would never end.
    (matrix[p][q], matrix[q][p]) = (0.0, 0.0);
}
