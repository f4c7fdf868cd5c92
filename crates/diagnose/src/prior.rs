//! What is known of causes before the evidence? People's words on earlier diagnoses shift the order a little; a cause
//! without evidence stays none.

use signal::{Diagnosis, Priors};

/// Nothing is ever certain.
const MAX_CONFIDENCE: f64 = 0.97;
/// Log odds beyond this have no meaning.
const FARTHEST: f64 = 20.0;

/// Weighs the causes anew, and puts them in order.
pub fn weigh(diagnosis: &mut Diagnosis, priors: &dyn Priors) {
    let mut has_moved = false;
    for cause in &mut diagnosis.causes {
        let by = priors.log_odds(&cause.service, cause.fault);
        if by != 0.0 {
            has_moved = true;
            let logit = (cause.confidence / (1.0 - cause.confidence)).ln().clamp(-FARTHEST, FARTHEST);
            cause.confidence = (1.0 / (1.0 + (-(logit + by)).exp())).min(MAX_CONFIDENCE);
        }
    }
    if has_moved {
        diagnosis.causes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    }
}

#[cfg(test)]
mod tests {
    use signal::{Cause, FaultClass, Timestamp};

    use super::*;

    struct Against(&'static str);

    impl Priors for Against {
        fn log_odds(&self, service: &str, _: FaultClass) -> f64 {
            if service == self.0 { -1.0 } else { 0.0 }
        }
    }

    /// Guarantees: MUST 744 of docs/specs/feedback.md.
    #[test]
    fn what_was_wrong_before_comes_later() {
        let cause = |service: &str, confidence| Cause {
            service: service.to_owned(),
            indicator: String::new(),
            fault: FaultClass::CpuHog,
            confidence,
            summary: String::new(),
            evidence: vec![],
        };
        let mut diagnosis = Diagnosis {
            time: Timestamp::from_secs(0),
            causes: vec![cause("a", 0.5), cause("b", 0.4), cause("c", 0.2)],
            no_cause_confidence: 0.1,
            evidence: vec![],
            graph: signal::CausalGraph::default(),
            took_ms: 0.0,
        };
        let before = diagnosis.clone();
        weigh(&mut diagnosis, &Against("nobody"));
        assert_eq!(diagnosis, before);
        weigh(&mut diagnosis, &Against("a"));
        let order: Vec<&str> = diagnosis.causes.iter().map(|it| it.service.as_str()).collect();
        assert_eq!(order, ["b", "a", "c"]);
        assert!((diagnosis.causes[1].confidence - 0.2689).abs() < 1e-3, "{diagnosis:?}");
    }
}
