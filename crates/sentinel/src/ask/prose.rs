//! May a language model say it in its own words? Yes, beside the answer, and only if it says no more than the answer does.

use serve::Answer;

/// A longer text is not shown.
const MAX_BYTES: usize = 4_000;

/// Says an answer in other words. It gets the finished answer and can change nothing of it.
pub trait Prose: Send + Sync {
    /// The text; none if it cannot be had now.
    fn phrase(&self, answer: &Answer) -> Option<String>;
}

/// The text, if every number in it and the service it may blame are in the answer.
pub fn checked(text: &str, answer: &Answer) -> Option<String> {
    let facts = serde_json::to_string(answer).unwrap_or_default();
    let is_known = |number: &str| facts.contains(number) || is_rounded(number, &facts);
    let names_cause = answer.root_cause.as_ref().is_none_or(|it| text.contains(&it.service));
    let is_short = !text.trim().is_empty() && text.len() <= MAX_BYTES;
    (is_short && names_cause && numbers(text).all(is_known)).then(|| text.trim().to_owned())
}

/// `92` for a confidence of `0.9187`: rounding is no invention.
fn is_rounded(number: &str, facts: &str) -> bool {
    let Ok(value) = number.parse::<f64>() else { return false };
    let near = |it: f64| (it - value).abs() <= 0.5_f64.max(value.abs() * 0.005);
    numbers(facts).filter_map(|it| it.parse::<f64>().ok()).any(|it| near(it) || it <= 1.0 && near(it * 100.0))
}

fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let runs = text.split(|it: char| !(it.is_ascii_digit() || it == '.')).map(|it| it.trim_matches('.'));
    // A digit alone counts things.
    runs.filter(|it| it.len() > 1)
}

#[cfg(test)]
mod tests {
    use serve::AnswerCause;

    use super::*;

    /// Guarantees: MUST 670 of docs/specs/knowledge.md.
    #[test]
    fn what_the_answer_does_not_say_is_dropped() {
        let cause = AnswerCause {
            service: "pay".to_owned(),
            indicator: "latency".to_owned(),
            fault: "bad_deploy".to_owned(),
            confidence: 0.9187,
            summary: "pay rose from 20 to 480 ms.".to_owned(),
            evidence: vec![],
        };
        let answer = Answer { root_cause: Some(cause), ..Answer::default() };
        let shown = |text: &str| checked(text, &answer).is_some();
        assert!(shown("pay is to blame (92 %): it rose to 480 ms."));
        assert!(!shown("pay is to blame: it rose to 9000 ms."), "a number that is not there");
        assert!(!shown("orders is to blame."), "another service");
        assert!(!shown("") && !shown(&"pay ".repeat(2_000)));
    }
}
