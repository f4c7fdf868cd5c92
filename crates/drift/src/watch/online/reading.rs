//! What does a stream take of a prediction, and what does it speak of?

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use signal::FeatureValue;

use crate::categories::{cut, plain_flag};

/// What an alarm speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    /// A feature.
    Feature(String),
    /// What the model answers.
    Prediction,
    /// How wrong it is.
    Error,
}

impl Target {
    /// `feature`, `prediction` or `error`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Feature(_) => "feature",
            Self::Prediction => "prediction",
            Self::Error => "error",
        }
    }

    /// The feature's name, or what it is instead.
    pub fn name(&self) -> &str {
        match self {
            Self::Feature(name) => name,
            Self::Prediction | Self::Error => self.kind(),
        }
    }
}

/// What is read of a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reading {
    /// The number itself.
    Number,
    /// Whether it is this number.
    Equals(f64),
    /// Whether it is this word.
    Is(String),
    /// Whether it is none of the words of the reference.
    IsNew(BTreeSet<String>),
    /// Whether there is none.
    IsMissing,
    /// How wrong an answer was.
    Loss,
}

impl Reading {
    /// What is read of the value of a column; NaN, which detectors leave out, where there is nothing to read.
    pub fn of(&self, value: Option<&FeatureValue>) -> f64 {
        let value = value.filter(|it| !it.is_missing());
        let share = |is_so: bool| f64::from(u8::from(is_so));
        match (self, value) {
            (Self::IsMissing, value) => share(value.is_none()),
            (_, None) | (Self::Loss, _) => f64::NAN,
            (Self::Number, Some(value)) => value.as_number().unwrap_or(f64::NAN),
            (Self::Equals(number), Some(value)) => share(value.as_number() == Some(*number)),
            (Self::Is(word), Some(FeatureValue::Text(text))) => {
                share(cut(text) == word || plain_flag(text) == Some(word.as_str()))
            }
            (Self::Is(word), Some(value)) => share(value.to_string() == *word),
            (Self::IsNew(words), Some(FeatureValue::Text(text))) => {
                share(!words.contains(cut(text)) && !plain_flag(text).is_some_and(|it| words.contains(it)))
            }
            (Self::IsNew(words), Some(value)) => share(!words.contains(&value.to_string())),
        }
    }

    /// True if values are 0 and 1.
    pub const fn is_share(&self) -> bool {
        !matches!(self, Self::Number | Self::Loss)
    }

    /// True of rare events: that they become rarer still is no news.
    pub const fn is_rare(&self) -> bool {
        matches!(self, Self::IsMissing | Self::IsNew(_))
    }
}

/// What a value is called in a sentence, such as `mean` or `missing`.
impl fmt::Display for Reading {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number => formatter.write_str("mean"),
            Self::Equals(number) => write!(formatter, "{number}"),
            Self::Is(word) => write!(formatter, "{:?}", word.chars().take(40).collect::<String>()),
            Self::IsNew(_) => formatter.write_str("new words"),
            Self::IsMissing => formatter.write_str("missing"),
            Self::Loss => formatter.write_str("mean loss"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reading_takes_its_part() {
        let words = ["a", "b"].map(str::to_owned).into();
        let cases = [
            (Reading::Number, [f64::NAN, 2.0, f64::NAN]),
            (Reading::Equals(2.0), [f64::NAN, 1.0, 0.0]),
            (Reading::Is("a".to_owned()), [f64::NAN, 0.0, 1.0]),
            (Reading::IsNew(words), [f64::NAN, 1.0, 0.0]),
            (Reading::IsMissing, [1.0, 0.0, 0.0]),
        ];
        for (reading, expected) in cases {
            let values = [None, Some(FeatureValue::Number(2.0)), Some("a".into())];
            let found = values.map(|it| reading.of(it.as_ref()));
            let is_same = found.iter().zip(expected).all(|(a, b)| a.total_cmp(&b).is_eq() || *a == b);
            assert!(is_same, "{reading:?}: {found:?}");
        }
        assert_eq!(Reading::IsMissing.of(Some(&f64::NAN.into())), 1.0);
        // The reference keeps the begin of a long word: a longer one is no new word.
        let long = "x".repeat(500);
        let known = Reading::IsNew([cut(&long).to_owned()].into());
        assert_eq!(known.of(Some(&long.as_str().into())), 0.0);
        // The reference keeps flags as `true` and `false`.
        let flags = Reading::IsNew(["true", "false"].map(str::to_owned).into());
        let of = |it: &Reading, word: &str| it.of(Some(&word.into()));
        assert_eq!((of(&flags, "True"), of(&flags, "None")), (0.0, 1.0));
        assert_eq!(of(&Reading::Is("true".to_owned()), "TRUE"), 1.0);
    }
}
