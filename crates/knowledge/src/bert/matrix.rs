//! How are states multiplied by weights? Four rows by eight columns at a time, so that sums stay in registers; the compiler
//! makes vector instructions of the inner loop.

/// Columns that are computed together.
const WIDTH: usize = 8;
/// Rows that are computed together.
const HEIGHT: usize = 4;

/// A layer `y = x W' + b`, its weights packed by groups of columns.
pub struct Linear {
    n_in: usize,
    n_out: usize,
    /// Group after group: for each input the weights of `WIDTH` outputs.
    packed: Vec<[f32; WIDTH]>,
    bias: Vec<f32>,
}

impl Linear {
    /// From weights with a row for each output.
    pub fn new(weights: &[f32], bias: Vec<f32>, n_in: usize) -> Self {
        let n_out = bias.len();
        let mut packed = Vec::with_capacity(n_out.div_ceil(WIDTH) * n_in);
        let rows: Vec<&[f32]> = weights.chunks_exact(n_in).collect();
        for group in rows.chunks(WIDTH) {
            for input in 0..n_in {
                let mut lane = [0.0; WIDTH];
                for (slot, row) in lane.iter_mut().zip(group) {
                    *slot = row.get(input).copied().unwrap_or(0.0);
                }
                packed.push(lane);
            }
        }
        Self { n_in, n_out, packed, bias }
    }

    /// The outputs for each row of `states`.
    pub fn apply(&self, states: &[f32]) -> Vec<f32> {
        let n_rows = states.len() / self.n_in;
        let mut out = vec![0.0; n_rows * self.n_out];
        for (block, outs) in states.chunks(HEIGHT * self.n_in).zip(out.chunks_mut(HEIGHT * self.n_out)) {
            let rows: Vec<&[f32]> = block.chunks_exact(self.n_in).collect();
            for (group, lanes) in self.packed.chunks_exact(self.n_in).enumerate() {
                match rows.as_slice() {
                    [a, b, c, d] => self.store(outs, group, &four([a, b, c, d], lanes)),
                    rest => {
                        let sums: Vec<[f32; WIDTH]> = rest.iter().map(|it| one(it, lanes)).collect();
                        self.store(outs, group, &sums);
                    }
                }
            }
        }
        out
    }

    fn store(&self, outs: &mut [f32], group: usize, sums: &[[f32; WIDTH]]) {
        let from = group * WIDTH;
        let bias = self.bias.iter().skip(from);
        for (row, sum) in outs.chunks_exact_mut(self.n_out).zip(sums) {
            for ((slot, value), bias) in row.iter_mut().skip(from).zip(sum).zip(bias.clone()) {
                *slot = value + bias;
            }
        }
    }
}

fn four(rows: [&[f32]; HEIGHT], lanes: &[[f32; WIDTH]]) -> [[f32; WIDTH]; HEIGHT] {
    let [a, b, c, d] = rows;
    let [mut sum_a, mut sum_b, mut sum_c, mut sum_d] = [[0.0_f32; WIDTH]; HEIGHT];
    for ((((lane, a), b), c), d) in lanes.iter().zip(a).zip(b).zip(c).zip(d) {
        add(&mut sum_a, *a, lane);
        add(&mut sum_b, *b, lane);
        add(&mut sum_c, *c, lane);
        add(&mut sum_d, *d, lane);
    }
    [sum_a, sum_b, sum_c, sum_d]
}

fn one(row: &[f32], lanes: &[[f32; WIDTH]]) -> [f32; WIDTH] {
    let mut sum = [0.0; WIDTH];
    for (lane, it) in lanes.iter().zip(row) {
        add(&mut sum, *it, lane);
    }
    sum
}

#[inline(always)]
fn add(sum: &mut [f32; WIDTH], factor: f32, lane: &[f32; WIDTH]) {
    for (slot, weight) in sum.iter_mut().zip(lane) {
        *slot += factor * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_definition() {
        let (n_in, n_out) = (5, 11);
        let weights: Vec<f32> = (0..n_in * n_out).map(|it| (it % 7) as f32 - 3.0).collect();
        let bias: Vec<f32> = (0..n_out).map(|it| it as f32).collect();
        let linear = Linear::new(&weights, bias.clone(), n_in);
        for n_rows in 0..10 {
            let states: Vec<f32> = (0..n_rows * n_in).map(|it| (it % 5) as f32).collect();
            let mut expected = vec![];
            for row in 0..n_rows {
                for out in 0..n_out {
                    let sum: f32 = (0..n_in).map(|it| states[row * n_in + it] * weights[out * n_in + it]).sum();
                    expected.push(sum + bias[out]);
                }
            }
            assert_eq!(linear.apply(&states), expected, "{n_rows} rows");
        }
    }
}
