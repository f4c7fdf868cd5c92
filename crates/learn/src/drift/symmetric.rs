//! Along which directions does a small symmetric matrix stretch, and by how much? Jacobi's method.

#![allow(clippy::indexing_slicing, reason = "indices of a matrix of a size that the type states")]

/// A square matrix.
pub(super) type Matrix<const N: usize> = [[f64; N]; N];

const MAX_SWEEPS: usize = 60;

/// Eigenvalues and the eigenvector of each (as rows).
pub(super) fn eigen<const N: usize>(mut matrix: Matrix<N>) -> ([f64; N], Matrix<N>) {
    let mut vectors: Matrix<N> = std::array::from_fn(|i| std::array::from_fn(|j| f64::from(i == j)));
    for _ in 0..MAX_SWEEPS {
        let off: f64 = (0..N).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| matrix[i][j].powi(2)).sum();
        if off == 0.0 {
            break;
        }
        for p in 0..N {
            for q in p + 1..N {
                rotate(&mut matrix, &mut vectors, p, q);
            }
        }
    }
    (std::array::from_fn(|i| matrix[i][i]), vectors)
}

fn rotate<const N: usize>(matrix: &mut Matrix<N>, vectors: &mut Matrix<N>, p: usize, q: usize) {
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
    for k in 0..N {
        let (a, b) = (matrix[p][k], matrix[q][k]);
        (matrix[p][k], matrix[q][k]) = (cosine * a - sine * b, sine * a + cosine * b);
        let (a, b) = (vectors[p][k], vectors[q][k]);
        (vectors[p][k], vectors[q][k]) = (cosine * a - sine * b, sine * a + cosine * b);
    }
    // What the rotation removes must be gone for good, or sweeps would never end.
    (matrix[p][q], matrix[q][p]) = (0.0, 0.0);
}
