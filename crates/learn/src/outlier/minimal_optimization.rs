//! Which weights hold the boundary of a one-class machine? Sequential minimal optimization.

use super::gaussian_kernel::{GaussianKernel, LANES, Panel, in_panels};

/// The weights of the rows, and the offset of the boundary (libsvm's rho).
pub(super) struct Solution {
    pub(super) alpha: Vec<f64>,
    pub(super) rho: f64,
}

/// Minimizes 1/2 a'Ka for 0 <= a_i <= 1 and sum of a = nu * n, until no pair of rows could exchange weight along a
/// difference of gradients of `tolerance` or more.
///
/// Few rows are solved in libsvm's order, which ends at libsvm's solution. Many are sorted first, so that few steps
/// are left; as another way ends elsewhere within the tolerance, it is followed ten times nearer to the minimum.
///
/// Source: Fan, Chen, Lin: Working set selection using second order information for training support vector machines,
/// JMLR 6 (2005).
pub(super) fn solve(kernel: &GaussianKernel, nu: f64, tolerance: f64) -> Solution {
    const MANY: usize = 1000;
    if kernel.n_rows() < MANY {
        return solve_in_order(Columns::new(kernel, CACHE_BYTES), nu, tolerance);
    }
    let order = sparsest_first(kernel);
    let ordered = kernel.select(&order);
    let solution = solve_in_order(Columns::new(&ordered, CACHE_BYTES), nu, 0.1 * tolerance);
    let mut alpha = vec![0.0; order.len()];
    for (row, weight) in order.iter().zip(solution.alpha) {
        if let Some(it) = alpha.get_mut(*row) {
            *it = weight;
        }
    }
    Solution { alpha, rho: solution.rho }
}

/// The rows by their density, estimated from some of them: it is the gradient if all have the same weight, so that the
/// first rows are most of those that will have weight in the end.
fn sparsest_first(kernel: &GaussianKernel) -> Vec<usize> {
    let n = kernel.n_rows();
    let sample: Vec<usize> = (0..n).step_by(n.div_ceil(N_SAMPLES).max(1)).collect();
    let sample = kernel.select(&sample);
    let density = sample.weighted_sums_of(kernel, &in_panels(&vec![1.0; sample.n_rows()]));
    let mut order: Vec<(usize, f64)> = density.into_iter().enumerate().collect();
    order.sort_by(|left, right| left.1.total_cmp(&right.1));
    order.into_iter().map(|it| it.0).collect()
}

fn solve_in_order(columns: Columns<'_>, nu: f64, tolerance: f64) -> Solution {
    let n_rows = columns.kernel.n_rows();
    let mut solver = Solver::new(columns, nu);
    let max_steps = n_rows.saturating_mul(100).max(100_000);
    for _ in 0..max_steps {
        let Some((up, down)) = solver.working_pair(tolerance) else { break };
        solver.step(up, down);
    }
    Solution { rho: solver.offset(), alpha: solver.alpha }
}

/// Rows that the first estimate of the density is made from.
const N_SAMPLES: usize = 128;

type Wide = [f64; LANES];

struct Solver<'a> {
    alpha: Vec<f64>,
    /// Gradient of the objective by each weight; panels are filled up with rows that cannot take part.
    gradient: Vec<Wide>,
    /// 0 where the weight may rise, minus infinity where it may not.
    rise: Vec<Wide>,
    /// 0 where the weight may fall, minus infinity where it may not.
    fall: Vec<Wide>,
    gains: Vec<Panel>,
    columns: Columns<'a>,
}

/// Columns of the kernel matrix that were asked for; the oldest make room for new ones.
struct Columns<'a> {
    kernel: &'a GaussianKernel,
    slots: Vec<(usize, Vec<Panel>)>,
    slot_of: Vec<Option<usize>>,
    max_slots: usize,
    oldest: usize,
}

/// Bytes of kernel columns that are kept: as many as stay near the processor. Few are asked for twice, and memory that
/// was never touched costs more than computing a column again.
const CACHE_BYTES: usize = 4 << 20;

/// Curvature of a pair of equal rows, so that it can be divided by.
const LEAST_CURVATURE: f64 = 1e-12;

#[allow(clippy::indexing_slicing, reason = "rows are below the number of rows, lanes below the length of a panel")]
impl<'a> Solver<'a> {
    /// The first rows take all the weight, as in libsvm.
    fn new(columns: Columns<'a>, nu: f64) -> Self {
        let kernel = columns.kernel;
        let (n, n_panels) = (kernel.n_rows(), kernel.n_panels());
        let total = nu * n as f64;
        let alpha: Vec<f64> = (0..n).map(|it| (total - it as f64).clamp(0.0, 1.0)).collect();
        let weights: Vec<f32> = alpha.iter().map(|it| *it as f32).collect();
        let mut solver = Self {
            gradient: kernel.own_weighted_sums(&in_panels(&weights)),
            rise: vec![[f64::NEG_INFINITY; LANES]; n_panels],
            fall: vec![[f64::NEG_INFINITY; LANES]; n_panels],
            gains: vec![[0.0; LANES]; n_panels],
            columns,
            alpha,
        };
        (0..n).for_each(|it| solver.note_bounds(it));
        solver
    }

    /// The row to take weight (largest violation) and the row to lose it (largest second-order gain).
    fn working_pair(&mut self, tolerance: f64) -> Option<(usize, usize)> {
        let (up, highest) = self.highest()?;
        let column = self.columns.get(up);
        let mut largest_violation = [f64::NEG_INFINITY; LANES];
        let mut largest_gain = [0.0; LANES];
        for (((gradient, fall), column), gains) in self.gradient.iter().zip(&self.fall).zip(column).zip(&mut self.gains)
        {
            for lane in 0..LANES {
                let violation = highest + gradient[lane] + fall[lane];
                largest_violation[lane] = larger(violation, largest_violation[lane]);
                let wanted = (violation as f32).max(0.0);
                let curvature = (2.0 - 2.0 * column[lane]).max(LEAST_CURVATURE as f32);
                let gain = wanted * wanted / curvature;
                gains[lane] = gain;
                largest_gain[lane] = if gain > largest_gain[lane] { gain } else { largest_gain[lane] };
            }
        }
        let violation = largest_violation.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let gain = largest_gain.into_iter().fold(0.0, f32::max);
        if violation < tolerance || gain <= 0.0 {
            return None;
        }
        Some((up, self.gains.as_flattened().iter().rposition(|it| *it == gain)?))
    }

    /// The row with the smallest gradient of those whose weight may rise, and minus that gradient.
    fn highest(&self) -> Option<(usize, f64)> {
        let mut highest = [f64::NEG_INFINITY; LANES];
        for (gradient, rise) in self.gradient.iter().zip(&self.rise) {
            for lane in 0..LANES {
                highest[lane] = larger(rise[lane] - gradient[lane], highest[lane]);
            }
        }
        let highest = highest.into_iter().fold(f64::NEG_INFINITY, f64::max);
        if highest == f64::NEG_INFINITY {
            return None;
        }
        let mut rows = self.gradient.as_flattened().iter().zip(self.rise.as_flattened());
        Some((rows.rposition(|(gradient, rise)| rise - gradient == highest)?, highest))
    }

    /// Moves weight from `down` to `up` as far as the minimum or the bounds allow.
    fn step(&mut self, up: usize, down: usize) {
        let (up_column, down_column) = self.columns.pair(up, down);
        let between = f64::from(up_column.as_flattened()[down]);
        let curvature = (2.0 - 2.0 * between).max(LEAST_CURVATURE);
        let wanted = (self.gradient.as_flattened()[down] - self.gradient.as_flattened()[up]) / curvature;
        let room = (1.0 - self.alpha[up]).min(self.alpha[down]);
        let moved = wanted.min(room);
        for ((gradient, up), down) in self.gradient.iter_mut().zip(up_column).zip(down_column) {
            for lane in 0..LANES {
                gradient[lane] += moved * f64::from(up[lane] - down[lane]);
            }
        }
        // Bounds are hit exactly, so that a row without weight is recognized as such.
        self.alpha[up] = if moved >= 1.0 - self.alpha[up] { 1.0 } else { self.alpha[up] + moved };
        self.alpha[down] = if moved >= self.alpha[down] { 0.0 } else { self.alpha[down] - moved };
        self.note_bounds(up);
        self.note_bounds(down);
    }

    fn note_bounds(&mut self, row: usize) {
        let barrier = |is_open: bool| if is_open { 0.0 } else { f64::NEG_INFINITY };
        self.rise.as_flattened_mut()[row] = barrier(self.alpha[row] < 1.0);
        self.fall.as_flattened_mut()[row] = barrier(self.alpha[row] > 0.0);
    }

    /// The mean gradient of the rows on the boundary, or the middle of what the others allow.
    fn offset(&self) -> f64 {
        let (mut sum, mut n_free, mut upper, mut lower) = (0.0, 0, f64::INFINITY, f64::NEG_INFINITY);
        for (alpha, gradient) in self.alpha.iter().zip(self.gradient.as_flattened()) {
            if *alpha >= 1.0 {
                lower = f64::max(lower, *gradient);
            } else if *alpha <= 0.0 {
                upper = f64::min(upper, *gradient);
            } else {
                (sum, n_free) = (sum + gradient, n_free + 1);
            }
        }
        match n_free {
            0 if upper.is_finite() && lower.is_finite() => (upper + lower) / 2.0,
            0 if lower.is_finite() => lower,
            0 => 0.0,
            _ => sum / f64::from(n_free),
        }
    }
}

#[allow(clippy::indexing_slicing, reason = "rows are below the number of rows, lanes below the length of a panel")]
impl<'a> Columns<'a> {
    fn new(kernel: &'a GaussianKernel, cache_bytes: usize) -> Self {
        let column_bytes = kernel.n_panels().max(1) * size_of::<Panel>();
        let max_slots = (cache_bytes / column_bytes).max(2);
        Self { kernel, slots: vec![], slot_of: vec![None; kernel.n_rows()], max_slots, oldest: 0 }
    }

    fn get(&mut self, row: usize) -> &[Panel] {
        let slot = self.slot(row, None);
        &self.slots[slot].1
    }

    fn pair(&mut self, left: usize, right: usize) -> (&[Panel], &[Panel]) {
        let left = self.slot(left, None);
        let right = self.slot(right, Some(left));
        (&self.slots[left].1, &self.slots[right].1)
    }

    /// Where the column of `row` lies; it is computed if need be, but never in the place of `kept`.
    fn slot(&mut self, row: usize, kept: Option<usize>) -> usize {
        if let Some(slot) = self.slot_of[row] {
            return slot;
        }
        let column = (row, self.kernel.values_of(row));
        let slot = if self.slots.len() < self.max_slots {
            self.slots.push(column);
            self.slots.len() - 1
        } else {
            let slot = if Some(self.oldest) == kept { self.oldest + 1 } else { self.oldest } % self.max_slots;
            self.oldest = (slot + 1) % self.max_slots;
            self.slot_of[self.slots[slot].0] = None;
            self.slots[slot] = column;
            slot
        };
        self.slot_of[row] = Some(slot);
        slot
    }
}

/// The larger of two numbers, in one instruction.
fn larger(left: f64, right: f64) -> f64 {
    if left > right { left } else { right }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlier::matrix::Matrix;
    use crate::random::Random;

    const GAMMA: f64 = 0.4;

    /// Mostly one cloud; some rows far away, and every fifth one twice.
    fn rows(n: usize, seed: u64) -> Matrix {
        let mut random = Random::new(seed);
        let mut rows = Matrix::new(3);
        for index in 0..n {
            let spread = if index % 20 == 0 { 4.0 } else { 1.0 };
            let row: [f64; 3] = std::array::from_fn(|_| spread * random.normal());
            let earlier = rows.row(index / 2).to_vec();
            rows.push(if index % 5 == 4 { &earlier } else { &row });
        }
        rows
    }

    /// The gradient in double precision, from the definition.
    fn gradient(rows: &Matrix, alpha: &[f64]) -> Vec<f64> {
        let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let sum = |row| rows.rows().zip(alpha).map(|(other, it)| it * (-GAMMA * distance(row, other)).exp()).sum();
        rows.rows().map(sum).collect()
    }

    /// Guarantees: the conditions of Karush, Kuhn and Tucker hold to the tolerance, by gradients computed afresh.
    #[test]
    fn no_pair_of_rows_could_still_exchange_weight() {
        for (n, nu, tolerance) in [
            (33, 0.5, 1e-3),
            (400, 0.05, 1e-3),
            (400, 0.5, 1e-5),
            (1100, 0.5, 1e-3),
            (1300, 0.02, 1e-3),
            (90, 1.0, 1e-3),
        ] {
            let rows = rows(n, n as u64);
            let solution = solve(&GaussianKernel::new(&rows, GAMMA), nu, tolerance);
            let gradient = gradient(&rows, &solution.alpha);
            assert!(solution.alpha.iter().all(|it| (0.0..=1.0).contains(it)), "n {n}, nu {nu}");
            assert!((solution.alpha.iter().sum::<f64>() - nu * n as f64).abs() < 1e-9, "n {n}, nu {nu}");
            let of = |wanted: fn(f64) -> bool| {
                gradient.iter().zip(&solution.alpha).filter(move |it| wanted(*it.1)).map(|it| *it.0)
            };
            let least_to_rise = of(|it| it < 1.0).fold(f64::INFINITY, f64::min);
            let most_to_fall = of(|it| it > 0.0).fold(f64::NEG_INFINITY, f64::max);
            // What single precision of the kernel adds grows with the number of rows that have weight.
            let allowed = tolerance + 1e-7 * nu * n as f64;
            assert!(most_to_fall - least_to_rise < allowed, "n {n}, nu {nu}: {most_to_fall} {least_to_rise}");
            if nu < 1.0 {
                let (rho, slack) = (solution.rho, allowed);
                assert!(rho > most_to_fall - slack && rho < least_to_rise + slack, "n {n}, nu {nu}: {rho}");
            }
        }
    }

    /// Guarantees: decision values do not depend on the order of solving, to the thousandth that is promised.
    #[test]
    fn many_rows_have_the_solution_of_the_order_they_came_in() {
        let rows = rows(1200, 5);
        let kernel = GaussianKernel::new(&rows, GAMMA);
        let (sorted, as_they_came) =
            (solve(&kernel, 0.1, 1e-3), solve_in_order(Columns::new(&kernel, CACHE_BYTES), 0.1, 1e-6));
        assert!((sorted.rho - as_they_came.rho).abs() < 1e-3, "{} {}", sorted.rho, as_they_came.rho);
        let (one, other) = (gradient(&rows, &sorted.alpha), gradient(&rows, &as_they_came.alpha));
        let largest = one.iter().zip(&other).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max);
        assert!(largest < 1e-3, "{largest}");
    }

    /// Guarantees: a cache of two columns changes the time, not the solution.
    #[test]
    fn columns_that_had_to_make_room_are_computed_again() {
        let rows = rows(300, 3);
        let kernel = GaussianKernel::new(&rows, GAMMA);
        let (large, small) = (solve(&kernel, 0.3, 1e-3), solve_in_order(Columns::new(&kernel, 0), 0.3, 1e-3));
        assert_eq!((large.alpha, large.rho), (small.alpha, small.rho));
    }
}
