//! How near are rows to each other? Gaussian kernel values, a panel of rows at a time.

use serde::{Deserialize, Serialize};

use super::matrix::Matrix;

/// Rows in a panel: one sum for each just fits the registers that every processor of 64 bits has.
pub(super) const LANES: usize = 32;

/// One number for each row of a panel; one instruction works on several of them.
pub(super) type Panel = [f32; LANES];

/// Rows in panels, in each feature after feature, in single precision.
///
/// Values are centered and scaled beforehand, so that a kernel value is 2 to the power of minus a squared distance.
/// The last panel is filled up with rows of zeros.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GaussianKernel {
    panels: Vec<Panel>,
    n_rows: usize,
    center: Vec<f64>,
    scale: f64,
}

impl GaussianKernel {
    /// The kernel exp(-gamma * squared distance) over `rows`.
    pub(super) fn new(rows: &Matrix, gamma: f64) -> Self {
        let n_rows = rows.n_rows();
        let mean = |feature: usize| rows.column(feature).sum::<f64>() / n_rows.max(1) as f64;
        let center: Vec<f64> = (0..rows.n_features()).map(mean).collect();
        let scale = (gamma.max(0.0) * std::f64::consts::LOG2_E).sqrt();
        let mut kernel = Self { panels: vec![], n_rows, center, scale };
        kernel.panels = packed(rows.rows().map(|it| kernel.scaled(it)), rows.n_features(), n_rows);
        kernel
    }

    /// The rows with these indices, in that order, with the same kernel.
    pub(super) fn select(&self, indices: &[usize]) -> Self {
        let panels = packed(indices.iter().map(|it| self.row(*it)), self.n_features(), indices.len());
        Self { panels, n_rows: indices.len(), center: self.center.clone(), scale: self.scale }
    }

    pub(super) fn n_features(&self) -> usize {
        self.center.len()
    }

    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(super) fn n_panels(&self) -> usize {
        self.n_rows.div_ceil(LANES)
    }

    /// Memory that the rows take, in bytes.
    pub(super) fn state_bytes(&self) -> usize {
        size_of_val(self.panels.as_slice()) + size_of_val(self.center.as_slice())
    }

    /// The kernel values of row `index` to every row.
    pub(super) fn values_of(&self, index: usize) -> Vec<Panel> {
        let query: Vec<f32> = self.row(index).collect();
        self.each_panel().map(|panel| kernel_values(&query, panel)).collect()
    }

    /// The sum of the kernel values of a row to every row, each times that row's weight.
    pub(super) fn weighted_sum(&self, row: &[f64], weights: &[Panel]) -> f64 {
        let query: Vec<f32> = self.scaled(row).collect();
        self.each_panel().zip(weights).map(|(panel, weights)| dot(&kernel_values(&query, panel), weights)).sum()
    }

    /// [`GaussianKernel::weighted_sum`] for each of `rows`.
    pub(super) fn weighted_sums(&self, rows: &Matrix, weights: &[Panel]) -> Vec<f64> {
        let queries: Vec<f32> = rows.rows().flat_map(|it| self.scaled(it)).collect();
        self.sums_for(&queries, weights)
    }

    /// [`GaussianKernel::weighted_sum`] for each row of a kernel from which this one was selected.
    pub(super) fn weighted_sums_of(&self, whole: &Self, weights: &[Panel]) -> Vec<f64> {
        let queries: Vec<f32> = (0..whole.n_rows).flat_map(|it| whole.row(it)).collect();
        self.sums_for(&queries, weights)
    }

    fn sums_for(&self, queries: &[f32], weights: &[Panel]) -> Vec<f64> {
        let queries = queries.chunks_exact(self.n_features().max(1));
        let mut sums = vec![0.0; queries.len()];
        for (panel, weights) in self.each_panel().zip(weights) {
            for (sum, query) in sums.iter_mut().zip(queries.clone()) {
                *sum += dot(&kernel_values(query, panel), weights);
            }
        }
        sums
    }

    /// [`GaussianKernel::weighted_sum`] for the kernel's own rows: every value serves both of its rows.
    pub(super) fn own_weighted_sums(&self, weights: &[Panel]) -> Vec<[f64; LANES]> {
        let mut sums = vec![[0.0; LANES]; self.n_panels()];
        for (first, own_weights) in weights.iter().enumerate() {
            let queries: Vec<Vec<f32>> = (0..LANES).map(|it| self.row(first * LANES + it).collect()).collect();
            let Some((own, later)) = sums.get_mut(first..).and_then(<[_]>::split_first_mut) else { break };
            for (query, sum) in queries.iter().zip(&mut *own) {
                *sum += dot(&kernel_values(query, self.panel(first)), own_weights);
            }
            let others = self.each_panel().zip(weights).skip(first + 1).zip(later);
            let others = others.filter(|((_, weights), _)| has_weight(own_weights) || has_weight(weights));
            for ((panel, weights), sums) in others {
                let mut from_own = [0.0; LANES];
                for ((query, own_weight), own_sum) in queries.iter().zip(own_weights).zip(&mut *own) {
                    let values = kernel_values(query, panel);
                    *own_sum += dot(&values, weights);
                    from_own.iter_mut().zip(&values).for_each(|(sum, it)| *sum += own_weight * it);
                }
                sums.iter_mut().zip(&from_own).for_each(|(sum, it)| *sum += f64::from(*it));
            }
        }
        sums
    }

    fn scaled(&self, row: &[f64]) -> impl Iterator<Item = f32> {
        row.iter().zip(&self.center).map(|(value, center)| ((value - center) * self.scale) as f32)
    }

    fn row(&self, index: usize) -> impl Iterator<Item = f32> + '_ {
        self.panel(index / LANES).iter().filter_map(move |it| it.get(index % LANES).copied())
    }

    fn panel(&self, index: usize) -> &[Panel] {
        let n_features = self.n_features();
        self.panels.get(index * n_features..(index + 1) * n_features).unwrap_or(&[])
    }

    fn each_panel(&self) -> impl Iterator<Item = &[Panel]> {
        self.panels.chunks_exact(self.n_features().max(1))
    }
}

/// Numbers in panels; the last is filled up with zeros.
pub(super) fn in_panels(values: &[f32]) -> Vec<Panel> {
    packed(values.iter().map(|it| [*it]), 1, values.len())
}

fn packed<R: IntoIterator<Item = f32>>(rows: impl Iterator<Item = R>, n_features: usize, n_rows: usize) -> Vec<Panel> {
    let mut panels = vec![[0.0; LANES]; n_rows.div_ceil(LANES) * n_features];
    for (index, row) in rows.enumerate() {
        let panel = panels.get_mut(index / LANES * n_features..).unwrap_or_default();
        for (lane, value) in panel.iter_mut().filter_map(|it| it.get_mut(index % LANES)).zip(row) {
            *lane = value;
        }
    }
    panels
}

fn has_weight(weights: &Panel) -> bool {
    *weights != [0.0; LANES]
}

/// The kernel values of a row to the rows of a panel. Not inlined, because the sums would not stay in registers.
#[inline(never)]
fn kernel_values(query: &[f32], panel: &[Panel]) -> Panel {
    let mut values = [0.0; LANES];
    for (value, lanes) in query.iter().zip(panel) {
        for (sum, lane) in values.iter_mut().zip(lanes) {
            *sum += (lane - value) * (lane - value);
        }
    }
    values.iter_mut().for_each(|it| *it = exp2_of_minus(*it));
    values
}

/// Sum of products, in eight sums that are independent of each other.
#[inline(never)]
fn dot(left: &Panel, right: &Panel) -> f64 {
    let mut sums = [0.0f32; 8];
    for (left, right) in left.as_chunks::<8>().0.iter().zip(right.as_chunks::<8>().0) {
        sums.iter_mut().zip(left.iter().zip(right)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    f64::from(sums.iter().sum::<f32>())
}

/// 2 to the power of -x for x that is not negative, without a branch; relative error below 3e-7.
///
/// The whole part is taken off by adding a number so large that only whole numbers fit (Cody and Waite); what is left,
/// at most a half, goes into the polynomial whose largest relative error there is the least (9e-8).
#[inline(always)]
#[allow(clippy::approx_constant, reason = "a fitted coefficient, which is near the constant but not it")]
fn exp2_of_minus(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = -x.min(126.0);
    let shifted = x + ROUND;
    let rest = x - (shifted - ROUND);
    let tail = 0.055_507_337 + rest * (0.009_671_513 + rest * 0.001_326_472_7);
    let power = 1.0 + rest * (0.693_147 + rest * (0.240_222_42 + rest * tail));
    f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// More rows than two panels have, of three features far from zero.
    fn cloud(n: usize) -> Matrix {
        let mut random = Random::new(7);
        let rows: Vec<[f64; 3]> = (0..n).map(|_| std::array::from_fn(|_| 1e6 + random.normal())).collect();
        Matrix::from_rows(&rows).unwrap()
    }

    fn exact(left: &[f64], right: &[f64], gamma: f64) -> f64 {
        (-gamma * left.iter().zip(right).map(|(a, b)| (a - b).powi(2)).sum::<f64>()).exp()
    }

    #[test]
    fn powers_are_those_of_the_standard_library() {
        for step in 0..125_000 {
            let x = step as f32 / 1000.0;
            let (ours, exact) = (f64::from(exp2_of_minus(x)), (-f64::from(x)).exp2());
            assert!((ours / exact - 1.0).abs() < 3e-7, "{x}: {ours} {exact}");
        }
        assert_eq!(exp2_of_minus(0.0), 1.0);
        assert!(exp2_of_minus(f32::INFINITY) < 1e-37);
    }

    #[test]
    fn kernel_values_are_exact_to_single_precision_far_from_zero() {
        let rows = cloud(70);
        let kernel = GaussianKernel::new(&rows, 0.3);
        for index in [0, 31, 32, 69] {
            let values = kernel.values_of(index);
            for (value, row) in values.as_flattened().iter().zip(rows.rows()) {
                assert!((f64::from(*value) - exact(row, rows.row(index), 0.3)).abs() < 2e-6, "{index}");
            }
            assert_eq!(values.as_flattened()[index], 1.0);
        }
    }

    #[test]
    fn weighted_sums_are_those_of_single_values() {
        let rows = cloud(70);
        let kernel = GaussianKernel::new(&rows, 0.3);
        // One panel without weight, and rows without weight in the others.
        let weights: Vec<f32> = (0..70).map(|it| if it < 32 || it % 3 == 0 { 0.0 } else { it as f32 / 70.0 }).collect();
        let sum = |query: &[f64]| -> f64 {
            rows.rows().zip(&weights).map(|(row, weight)| f64::from(*weight) * exact(row, query, 0.3)).sum()
        };
        let own = kernel.own_weighted_sums(&in_panels(&weights));
        let of_rows = kernel.weighted_sums(&rows, &in_panels(&weights));
        for ((own, of_rows), row) in own.as_flattened().iter().zip(&of_rows).zip(rows.rows()) {
            assert!((own - sum(row)).abs() < 1e-5 && (of_rows - sum(row)).abs() < 1e-5);
            assert_eq!(kernel.weighted_sum(row, &in_panels(&weights)), *of_rows);
        }
    }

    #[test]
    fn a_selection_has_the_same_values() {
        let kernel = GaussianKernel::new(&cloud(70), 0.3);
        let some = kernel.select(&[69, 3, 40]);
        let (of_all, of_some) = (kernel.values_of(3), some.values_of(1));
        assert_eq!(of_some.as_flattened()[..3], [69, 3, 40].map(|it: usize| of_all.as_flattened()[it]));
        assert_eq!((some.n_rows(), some.n_panels(), kernel.n_panels()), (3, 1, 3));
    }
}
