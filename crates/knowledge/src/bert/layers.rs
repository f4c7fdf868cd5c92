//! What do the layers of BERT compute? Embeddings, then attention and two products per layer, each followed by a norm.

use super::matrix::Linear;
use super::safetensors::Weights;
use super::settings::Settings;

/// A whole encoder.
pub struct Network {
    words: Vec<f32>,
    positions: Vec<f32>,
    /// The embedding of the first of two sentences; there is only one here.
    sentence: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    size: usize,
    n_heads: usize,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    mixed: Linear,
    mixed_norm: Norm,
    wide: Linear,
    narrow: Linear,
    norm: Norm,
}

struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

impl Network {
    /// Takes the tensors out of a file.
    ///
    /// # Errors
    /// If one is missing or has another shape.
    pub fn new(weights: &Weights, settings: &Settings) -> Result<Self, String> {
        let size = settings.size;
        let norm = |name: &str| -> Result<Norm, String> {
            let scale = weights.tensor(&format!("{name}.weight"), &[size])?;
            let shift = weights.tensor(&format!("{name}.bias"), &[size])?;
            Ok(Norm { scale, shift, epsilon: settings.epsilon })
        };
        let linear = |name: &str, n_in: usize| -> Result<Linear, String> {
            let bias = weights.tensor(&format!("{name}.bias"), &[0])?;
            Ok(Linear::new(&weights.tensor(&format!("{name}.weight"), &[bias.len(), n_in])?, bias, n_in))
        };
        let layer = |idx: usize| -> Result<Layer, String> {
            let at = |name: &str| format!("encoder.layer.{idx}.{name}");
            let n_wide = weights.tensor(&at("intermediate.dense.bias"), &[0])?.len();
            Ok(Layer {
                query: linear(&at("attention.self.query"), size)?,
                key: linear(&at("attention.self.key"), size)?,
                value: linear(&at("attention.self.value"), size)?,
                mixed: linear(&at("attention.output.dense"), size)?,
                mixed_norm: norm(&at("attention.output.LayerNorm"))?,
                wide: linear(&at("intermediate.dense"), size)?,
                narrow: linear(&at("output.dense"), n_wide)?,
                norm: norm(&at("output.LayerNorm"))?,
            })
        };
        Ok(Self {
            words: weights.tensor("embeddings.word_embeddings.weight", &[0, size])?,
            positions: weights.tensor("embeddings.position_embeddings.weight", &[0, size])?,
            sentence: weights.tensor("embeddings.token_type_embeddings.weight", &[0, size])?,
            norm: norm("embeddings.LayerNorm")?,
            layers: (0..settings.n_layers).map(layer).collect::<Result<_, _>>()?,
            size,
            n_heads: settings.n_heads,
        })
    }

    /// Numbers of a state.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The state of each token, one after the other.
    pub fn states(&self, tokens: &[u32]) -> Vec<f32> {
        let mut states = vec![];
        for (token, position) in tokens.iter().zip(self.positions.chunks_exact(self.size)) {
            let from = *token as usize * self.size;
            let word = self.words.get(from..from + self.size).unwrap_or(position);
            let sums = word.iter().zip(position).zip(&self.sentence);
            states.extend(sums.map(|((word, position), sentence)| word + position + sentence));
        }
        self.norm.apply(&mut states);
        for layer in &self.layers {
            states = layer.apply(states, self.size, self.n_heads);
        }
        states
    }
}

impl Layer {
    fn apply(&self, mut states: Vec<f32>, size: usize, n_heads: usize) -> Vec<f32> {
        let (query, key, value) = (self.query.apply(&states), self.key.apply(&states), self.value.apply(&states));
        let mixed = self.mixed.apply(&attention(&query, &key, &value, size, size / n_heads));
        add(&mut states, &mixed);
        self.mixed_norm.apply(&mut states);
        let mut wide = self.wide.apply(&states);
        wide.iter_mut().for_each(|it| *it = gelu(*it));
        add(&mut states, &self.narrow.apply(&wide));
        self.norm.apply(&mut states);
        states
    }
}

/// Each token's mixture of the values of all tokens, head by head.
fn attention(query: &[f32], key: &[f32], value: &[f32], size: usize, head: usize) -> Vec<f32> {
    let scale = 1.0 / (head as f32).sqrt();
    let mut out = vec![0.0; query.len()];
    for (query, out) in query.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        let heads = query.chunks_exact(head).zip(out.chunks_exact_mut(head));
        for (idx, (query, out)) in heads.enumerate() {
            let of_head =
                |all: &'_ [f32]| -> Option<Vec<f32>> { all.get(idx * head..(idx + 1) * head).map(<[f32]>::to_vec) };
            let dot = |key: &[f32]| -> f32 {
                key.iter().skip(idx * head).zip(query).map(|(a, b)| a * b).sum::<f32>() * scale
            };
            let mut weights: Vec<f32> = key.chunks_exact(size).map(dot).collect();
            softmax(&mut weights);
            for (weight, value) in weights.iter().zip(value.chunks_exact(size)) {
                for (slot, it) in out.iter_mut().zip(of_head(value).unwrap_or_default()) {
                    *slot += weight * it;
                }
            }
        }
    }
    out
}

fn softmax(weights: &mut [f32]) {
    let most = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    weights.iter_mut().for_each(|it| *it = (*it - most).exp());
    let sum: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|it| *it /= sum);
}

impl Norm {
    fn apply(&self, states: &mut [f32]) {
        let n = self.scale.len() as f32;
        for state in states.chunks_exact_mut(self.scale.len()) {
            let mean = state.iter().sum::<f32>() / n;
            let variance = state.iter().map(|it| (it - mean).powi(2)).sum::<f32>() / n;
            let scale = 1.0 / (variance + self.epsilon).sqrt();
            for ((it, weight), shift) in state.iter_mut().zip(&self.scale).zip(&self.shift) {
                *it = (*it - mean) * scale * weight + shift;
            }
        }
    }
}

fn add(states: &mut [f32], more: &[f32]) {
    states.iter_mut().zip(more).for_each(|(it, more)| *it += more);
}

/// `x` times the normal distribution function of `x`, by the error function of Abramowitz and Stegun (7.1.26), which is
/// exact to 1.5e-7.
fn gelu(x: f32) -> f32 {
    let z = f64::from(x) * std::f64::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z.abs());
    let series =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let erf = (1.0 - series * (-z * z).exp()).copysign(z);
    (f64::from(x) * 0.5 * (1.0 + erf)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_has_the_published_values() {
        for (x, expected) in [(0.0, 0.0), (1.0, 0.841_344_8), (-1.0, -0.158_655_2), (3.0, 2.995_950_2), (-6.0, 0.0)] {
            assert!((gelu(x) - expected).abs() < 1e-6, "{x}: {}", gelu(x));
        }
    }
}
