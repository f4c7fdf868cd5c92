//! What does `data_drift_score > 0.1` mean? A measure, a comparison and a limit.

use std::fmt;

use crate::watch::measures::{MEASURES, Measures};

/// A rule of `alert`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which measure.
    pub measure: &'static str,
    /// On which side of the limit it holds.
    pub comparison: Comparison,
    /// The limit.
    pub limit: f64,
}

/// On which side of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// Longer ones first, so that `>=` is not read as `>`.
const SIGNS: [(&str, Comparison); 4] =
    [(">=", Comparison::AtLeast), ("<=", Comparison::AtMost), (">", Comparison::Above), ("<", Comparison::Below)];

impl Rule {
    /// Reads `MEASURE > NUMBER`; the error says what is wrong and what there is.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = SIGNS.iter().find_map(|(sign, it)| Some((text.split_once(sign)?, *it)));
        let ((name, limit), comparison) =
            found.ok_or_else(|| format!("{text:?}: write MEASURE > NUMBER, such as data_drift_score > 0.1"))?;
        let name = name.trim();
        let measure = MEASURES.iter().find(|it| it.0 == name).map(|it| it.0).ok_or_else(|| unknown(name))?;
        let limit: f64 = limit
            .trim()
            .parse()
            .ok()
            .filter(|it: &f64| it.is_finite())
            .ok_or_else(|| format!("{text:?}: {:?} is no number", limit.trim()))?;
        Ok(Self { measure, comparison, limit })
    }

    /// The value of its measure; none if the comparison did not have it.
    pub fn value(&self, measures: &Measures) -> Option<f64> {
        measures.get(self.measure)
    }

    /// Whether it holds; none if its measure has no value.
    pub fn holds(&self, measures: &Measures) -> Option<bool> {
        let value = self.value(measures)?;
        Some(match self.comparison {
            Comparison::Above => value > self.limit,
            Comparison::AtLeast => value >= self.limit,
            Comparison::Below => value < self.limit,
            Comparison::AtMost => value <= self.limit,
        })
    }

    /// True if it holds above its limit.
    pub const fn is_above(&self) -> bool {
        matches!(self.comparison, Comparison::Above | Comparison::AtLeast)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = SIGNS.iter().find(|it| it.1 == self.comparison).map_or("", |it| it.0);
        write!(formatter, "{} {sign} {}", self.measure, self.limit)
    }
}

fn unknown(name: &str) -> String {
    let words = |it: &str| it.split('_').map(str::to_owned).collect::<Vec<_>>();
    let shared = |it: &&(&str, &str)| words(it.0).iter().filter(|word| words(name).contains(word)).count();
    match MEASURES.iter().max_by_key(shared).filter(|it| shared(it) > 0) {
        Some(it) => format!("{name:?}: unknown measure; did you mean {}?", it.0),
        None => {
            let all: Vec<&str> = MEASURES.iter().map(|it| it.0).collect();
            format!("{name:?}: unknown measure; there are {}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(name: &str, value: f64) -> Measures {
        let mut measures = Measures::default();
        measures.set(name, value);
        measures
    }

    #[test]
    fn rules_are_read_printed_and_hold() {
        for (text, value, holds) in [
            ("data_drift_score > 0.1", 0.1, false),
            ("data_drift_score>0.1", 0.11, true),
            ("data_drift_score >= 0.1", 0.1, true),
            ("accuracy < 0.8", 0.79, true),
            ("accuracy <= 0.8", 0.81, false),
        ] {
            let rule = Rule::parse(text).unwrap();
            assert_eq!(rule.holds(&measures(rule.measure, value)), Some(holds), "{text}");
            assert_eq!(Rule::parse(&rule.to_string()).unwrap(), rule);
        }
        assert_eq!(Rule::parse("accuracy < 0.8").unwrap().holds(&Measures::default()), None);
    }

    #[test]
    fn mistakes_are_told() {
        for text in ["", "accuracy", "accuracy = 1", "accuracy < x", "accuracy < NaN", "nonsense > 1", "> 1"] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
    }
}
