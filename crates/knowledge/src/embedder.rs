//! How do words become a vector? By a model, which may be near or far, and may fail.

/// Why texts have no vectors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EmbedError(pub String);

/// Turns texts into vectors whose cosine says how alike they are.
pub trait Embedder: Send + Sync {
    /// Its name for people, for example `all-MiniLM-L6-v2`.
    fn name(&self) -> String;

    /// Names what makes the vectors: as long as it is the same, the same text has the same vector.
    fn identity(&self) -> String;

    /// A vector of length 1 for each text, all of the same size. May take long, and may fail.
    ///
    /// # Errors
    /// If the model cannot be asked now; nothing is remembered of the call then.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// The cosine of two vectors of length 1; 0 if their sizes differ.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    if a.len() != b.len() {
        return 0.0;
    }
    f64::from(a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>())
}

/// The vector with length 1; as it is if it has no length.
pub(crate) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
    if length > 0.0 && length.is_finite() {
        vector.iter_mut().for_each(|it| *it /= length);
    }
    vector
}
