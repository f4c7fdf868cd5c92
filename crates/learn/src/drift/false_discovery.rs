//! Which of many columns drifted, if few that did not may be named? Benjamini and Hochberg's procedure.
//!
//! Source: Benjamini, Hochberg: Controlling the false discovery rate, J. Royal Statistical Society B 57 (1995).
//! Without any drift the chance to name even one column is at most `alpha`.

use super::finding::{Finding, Options};

/// Adjusted p-values in the order of the given ones: those at most `alpha` are discoveries.
///
/// ```
/// let adjusted = learn::drift::benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005]);
/// assert_eq!(adjusted, [0.02, 0.04, 0.04, 0.02]);
/// ```
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p_values.iter().copied().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let n = p_values.len();
    let mut least = 1.0_f64;
    let mut adjusted: Vec<(usize, f64)> = Vec::with_capacity(n);
    for (from_end, (idx, p_value)) in order.into_iter().enumerate() {
        least = least.min(p_value * n as f64 / (n - from_end) as f64);
        adjusted.push((idx, least));
    }
    adjusted.sort_by_key(|it| it.0);
    adjusted.into_iter().map(|it| it.1).collect()
}

/// Adjusts the p-values of all columns together and judges each anew; columns without a p-value stay undrifted.
pub fn judge_columns(findings: &mut [Finding], options: &Options) {
    let p_values: Vec<f64> = findings.iter().filter_map(|it| it.p_value).collect();
    let adjusted = benjamini_hochberg(&p_values);
    let with_p_value = findings.iter_mut().filter(|it| it.p_value.is_some());
    for (finding, adjusted) in with_p_value.zip(adjusted) {
        finding.adjusted_p_value = Some(adjusted);
        finding.judge(Some(adjusted), options);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::Method;

    #[test]
    fn small_effects_and_undefined_ones_are_no_discoveries() {
        let options = Options::default();
        let finding = |p_value, effect| Finding::new(Method::ChiSquare, 1.0, p_value, effect, &options);
        let mut findings =
            [finding(Some(1e-9), 0.5), finding(Some(1e-9), 0.001), finding(None, 0.0), finding(Some(0.04), 0.5)];
        assert!(findings[3].drifted);
        judge_columns(&mut findings, &options);
        assert_eq!(findings.clone().map(|it| it.drifted), [true, false, false, true]);
        assert_eq!(findings[2].adjusted_p_value, None);
        let mut findings = [finding(Some(0.04), 0.5), finding(Some(0.9), 0.5)];
        judge_columns(&mut findings, &options);
        assert_eq!(findings[0].adjusted_p_value, Some(0.08));
        assert!(!findings[0].drifted);
    }
}
