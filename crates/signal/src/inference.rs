//! What was a model asked, and what did it answer? One prediction with its features, and the label that came later.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// The value of a feature, a prediction or a label. In JSON it is the plain number, text, boolean or null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FeatureValue {
    /// True or false.
    Flag(bool),
    /// A number. JSON has no NaN and no infinities: they are written as null.
    Number(f64),
    /// A category or free text.
    Text(Arc<str>),
    /// Nothing was given.
    #[default]
    Missing,
}

impl FeatureValue {
    /// As a number; flags are 0 and 1, text and what is missing are none.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(it) => Some(*it),
            Self::Flag(it) => Some(f64::from(u8::from(*it))),
            Self::Text(_) | Self::Missing => None,
        }
    }

    /// True if nothing was given, or what is not a number.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Missing => true,
            Self::Number(it) => it.is_nan(),
            Self::Flag(_) | Self::Text(_) => false,
        }
    }
}

/// As people read it: `40`, `0.5`, `Bachelors`, `true`, and the empty text for what is missing.
impl fmt::Display for FeatureValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(it) => write!(formatter, "{it}"),
            Self::Number(it) => write!(formatter, "{it}"),
            Self::Text(it) => formatter.write_str(it),
            Self::Missing => Ok(()),
        }
    }
}

impl From<f64> for FeatureValue {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for FeatureValue {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

/// One prediction of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inference {
    /// Identity; labels that come later name it.
    pub id: Arc<str>,
    /// When the model was asked.
    pub time: Timestamp,
    /// The model.
    pub model: Arc<str>,
    /// Its version; empty if the source does not know it.
    pub version: Arc<str>,
    /// Names and values, in the order of the model's schema (of a foreign model: in the order that they came).
    #[serde(with = "features")]
    pub features: Vec<(Arc<str>, FeatureValue)>,
    /// The answer: a class or a number.
    pub prediction: FeatureValue,
    /// Probability of class 1, where there are two classes; of the predicted class, where there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Probability of each class, where there are more than two; in the order of the model's classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probabilities: Vec<f64>,
    /// How long the model took, in milliseconds.
    #[serde(default)]
    pub latency_ms: f64,
    /// True if nobody was told: a version in the shadow was asked the same as the one that answered, whose row has this id.
    #[serde(default, rename = "shadow", skip_serializing_if = "std::ops::Not::not")]
    pub is_shadow: bool,
}

/// What turned out to be true of an earlier prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The prediction's id.
    pub id: Arc<str>,
    /// The truth, in the words of the model's answer.
    pub label: FeatureValue,
    /// When it became known.
    pub time: Timestamp,
}

/// A prediction as the log has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedInference {
    /// Its place in the log: it grows in the order in which predictions were written.
    pub sequence: u64,
    /// The prediction.
    #[serde(flatten)]
    pub inference: Inference,
    /// What turned out to be true, if that is known by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
}

/// Features are an object in JSON, whose keys keep their order.
mod features {
    use super::*;

    pub fn serialize<S: Serializer>(list: &[(Arc<str>, FeatureValue)], serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(list.len()))?;
        for (name, value) in list {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(Arc<str>, FeatureValue)>, D::Error> {
        from.deserialize_map(Entries)
    }

    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<(Arc<str>, FeatureValue)>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object of features")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(entry) = map.next_entry()? {
                list.push(entry);
            }
            Ok(list)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inference_is_plain_json_and_comes_back() {
        let text = r#"{"sequence":7,"id":"a","time":"2026-01-31T12:00:00.500Z","model":"income","version":"1","features":{"b":1.5,"a":"x","c":null,"d":true},"prediction":1.0,"probability":0.75,"latency_ms":0.2}"#;
        let read: LoggedInference = serde_json::from_str(text).unwrap();
        let names: Vec<&str> = read.inference.features.iter().map(|it| it.0.as_ref()).collect();
        assert_eq!(names, ["b", "a", "c", "d"]);
        assert!(read.inference.features[2].1.is_missing());
        assert_eq!(read.inference.features[3].1, FeatureValue::Flag(true));
        assert_eq!(read.label, None);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        let shadow = text.replace(r#""latency_ms":0.2}"#, r#""latency_ms":0.2,"shadow":true}"#);
        let read: LoggedInference = serde_json::from_str(&shadow).unwrap();
        assert!(read.inference.is_shadow);
        assert_eq!(serde_json::to_string(&read).unwrap(), shadow);
    }

    #[test]
    fn values_are_printed_as_people_read_them() {
        let printed = |value: FeatureValue| value.to_string();
        assert_eq!(printed(40.0.into()), "40");
        assert_eq!(printed("Bachelors".into()), "Bachelors");
        assert_eq!(printed(FeatureValue::Missing), "");
        assert!(FeatureValue::Number(f64::NAN).is_missing());
    }
}
