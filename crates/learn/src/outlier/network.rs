//! How does a small network learn to map rows to rows? Dense layers, gradients by hand, Adam.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Dense layers one after the other: tanh between them, nothing after the last.
///
/// A layer whose input is k times as wide as the output before it takes k neighboring rows as one. With equal widths
/// this is a multilayer perceptron; with k = 2 it is a stack of causal convolutions whose dilation doubles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Network {
    layers: Vec<Layer>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Layer {
    n_in: usize,
    n_out: usize,
    /// For each output its weights, then its bias.
    weights: Vec<f64>,
}

/// First and second moments of the gradients.
pub(super) struct Adam {
    moments: Vec<Vec<(f64, f64)>>,
    n_steps: i32,
    rate: f64,
}

/// Errors beyond this many units pull no harder: anomalies in the training rows are not learned by heart.
const HUBER: f64 = 1.0;

impl Network {
    /// Layers of these widths (inputs, outputs), with small random weights (Glorot and Bengio).
    pub(super) fn new(widths: &[(usize, usize)], random: &mut Random) -> Self {
        let layer = |(n_in, n_out): &(usize, usize)| {
            let bound = (6.0 / (n_in + n_out).max(1) as f64).sqrt();
            let weights = (0..n_out * (n_in + 1))
                .map(|it| if it % (n_in + 1) == *n_in { 0.0 } else { random.between(-bound, bound) });
            Layer { n_in: *n_in, n_out: *n_out, weights: weights.collect() }
        };
        Self { layers: widths.iter().map(layer).collect() }
    }

    /// What the network makes of its input: one row or several neighbors.
    pub(super) fn apply(&self, input: &[f64]) -> Vec<f64> {
        self.activations(input).pop().unwrap_or_default()
    }

    /// Number of numbers that were learned.
    pub(super) fn n_weights(&self) -> usize {
        self.layers.iter().map(|it| it.weights.len()).sum()
    }

    /// One step of training on a batch of (input, wanted output).
    pub(super) fn learn(&mut self, batch: &[(&[f64], &[f64])], adam: &mut Adam) {
        let mut gradients: Vec<Vec<f64>> = self.layers.iter().map(|it| vec![0.0; it.weights.len()]).collect();
        for (input, wanted) in batch {
            self.add_gradients(input, wanted, &mut gradients);
        }
        adam.step(self, &gradients, batch.len().max(1) as f64);
    }

    /// The outputs of every layer.
    fn activations(&self, input: &[f64]) -> Vec<Vec<f64>> {
        let mut all: Vec<Vec<f64>> = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let before = all.last().map_or(input, Vec::as_slice);
            let mut after = layer.apply(before);
            if index + 1 < self.layers.len() {
                after.iter_mut().for_each(|it| *it = it.tanh());
            }
            all.push(after);
        }
        all
    }

    fn add_gradients(&self, input: &[f64], wanted: &[f64], gradients: &mut [Vec<f64>]) {
        let activations = self.activations(input);
        let Some(output) = activations.last() else { return };
        let mut errors: Vec<f64> =
            output.iter().zip(wanted).map(|(it, wanted)| (it - wanted).clamp(-HUBER, HUBER)).collect();
        for (index, (layer, gradients)) in self.layers.iter().zip(gradients.iter_mut()).enumerate().rev() {
            let before = index.checked_sub(1).and_then(|it| activations.get(it)).map_or(input, Vec::as_slice);
            let mut errors_before = layer.backward(before, &errors, gradients);
            if index > 0 {
                // The slope of tanh, from its value.
                errors_before.iter_mut().zip(before).for_each(|(it, value)| *it *= 1.0 - value * value);
            }
            errors = errors_before;
        }
    }
}

impl Layer {
    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.weights.chunks_exact(self.n_in + 1)
    }

    fn apply(&self, input: &[f64]) -> Vec<f64> {
        let one = |part: &[f64]| {
            let outputs = self.rows().map(|row| {
                let bias = row.last().copied().unwrap_or(0.0);
                bias + row.iter().zip(part).map(|(a, b)| a * b).sum::<f64>()
            });
            outputs.collect::<Vec<f64>>()
        };
        input.chunks_exact(self.n_in.max(1)).flat_map(one).collect()
    }

    /// Adds to the gradients of the weights; gives the gradients of the input.
    fn backward(&self, input: &[f64], errors: &[f64], gradients: &mut [f64]) -> Vec<f64> {
        let mut errors_before = vec![0.0; input.len()];
        let parts = input.chunks_exact(self.n_in.max(1)).zip(errors_before.chunks_exact_mut(self.n_in.max(1)));
        for ((part, before), errors) in parts.zip(errors.chunks_exact(self.n_out.max(1))) {
            let rows = self.rows().zip(gradients.chunks_exact_mut(self.n_in + 1));
            for ((row, gradient), error) in rows.zip(errors) {
                before.iter_mut().zip(row).for_each(|(it, weight)| *it += error * weight);
                gradient.iter_mut().zip(part).for_each(|(it, value)| *it += error * value);
                if let Some(bias) = gradient.last_mut() {
                    *bias += error;
                }
            }
        }
        errors_before
    }
}

impl Adam {
    /// For this network, with this rate of learning.
    ///
    /// Source: Kingma, Ba: Adam: a method for stochastic optimization, ICLR 2015.
    pub(super) fn new(network: &Network, rate: f64) -> Self {
        let moments = network.layers.iter().map(|it| vec![(0.0, 0.0); it.weights.len()]).collect();
        Self { moments, n_steps: 0, rate }
    }

    /// Changes the rate of learning.
    pub(super) fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    fn step(&mut self, network: &mut Network, gradients: &[Vec<f64>], batch: f64) {
        const DECAY: (f64, f64) = (0.9, 0.999);
        self.n_steps += 1;
        let unbias = (1.0 - DECAY.0.powi(self.n_steps), 1.0 - DECAY.1.powi(self.n_steps));
        for ((layer, moments), gradients) in network.layers.iter_mut().zip(&mut self.moments).zip(gradients) {
            for ((weight, moment), gradient) in layer.weights.iter_mut().zip(moments).zip(gradients) {
                let gradient = gradient / batch;
                moment.0 = DECAY.0 * moment.0 + (1.0 - DECAY.0) * gradient;
                moment.1 = DECAY.1 * moment.1 + (1.0 - DECAY.1) * gradient * gradient;
                *weight -= self.rate * (moment.0 / unbias.0) / ((moment.1 / unbias.1).sqrt() + 1e-8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: gradients are those of small differences, also where two rows are taken as one.
    #[test]
    fn gradients_agree_with_differences() {
        let mut random = Random::new(1);
        let network = Network::new(&[(4, 3), (6, 2), (2, 2)], &mut random);
        let input: Vec<f64> = (0..8).map(|_| random.normal()).collect();
        // Near enough that no error is clipped.
        let wanted: Vec<f64> = network.apply(&input).iter().map(|it| it - 0.4).collect();
        let loss = |network: &Network| {
            network.apply(&input).iter().zip(&wanted).map(|(a, b)| (a - b).powi(2) / 2.0).sum::<f64>()
        };
        let mut gradients: Vec<Vec<f64>> = network.layers.iter().map(|it| vec![0.0; it.weights.len()]).collect();
        network.add_gradients(&input, &wanted, &mut gradients);
        for (layer, gradients) in gradients.iter().enumerate() {
            for (weight, gradient) in gradients.iter().enumerate() {
                let (mut more, mut less) = (network.clone(), network.clone());
                more.layers[layer].weights[weight] += 1e-6;
                less.layers[layer].weights[weight] -= 1e-6;
                let difference = (loss(&more) - loss(&less)) / 2e-6;
                assert!((difference - gradient).abs() < 1e-5, "{layer} {weight}");
            }
        }
    }

    #[test]
    fn a_curve_is_learned() {
        let mut random = Random::new(2);
        let mut network = Network::new(&[(1, 8), (8, 1)], &mut random);
        let mut adam = Adam::new(&network, 0.01);
        let rows: Vec<([f64; 1], [f64; 1])> =
            (0..64).map(|it| f64::from(it) / 16.0 - 2.0).map(|x| ([x], [x.sin()])).collect();
        let batch: Vec<(&[f64], &[f64])> = rows.iter().map(|it| (&it.0[..], &it.1[..])).collect();
        for _ in 0..1500 {
            network.learn(&batch, &mut adam);
        }
        let worst = rows.iter().map(|it| (network.apply(&it.0)[0] - it.1[0]).abs()).fold(0.0, f64::max);
        assert!(worst < 0.1, "{worst}");
    }
}
