//! What may a model answer? A cause of the ranker's list, and claims with their evidence; nothing else has a place.

use serde::Deserialize;
use serde_json::{Value, json};

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Answer {
    /// `C1` and so on, or `none`.
    #[serde(default)]
    pub cause: String,
    /// Sentences.
    pub claims: Vec<RawClaim>,
}

/// A sentence that nobody has checked yet.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RawClaim {
    /// The sentence.
    pub text: String,
    /// Ids.
    #[serde(default)]
    pub evidence: Vec<String>,
}

impl Answer {
    /// Reads the JSON object of a text: models put fences and words around it.
    pub fn read(text: &str) -> Option<Self> {
        let (from, to) = (text.find('{')?, text.rfind('}')?);
        serde_json::from_str(text.get(from..=to)?).ok()
    }
}

/// The JSON schema of an answer when there are so many causes.
pub fn schema(n_causes: usize) -> Value {
    let causes: Vec<String> = (1..=n_causes).map(|it| format!("C{it}")).chain(["none".to_owned()]).collect();
    json!({
        "type": "object",
        "properties": {
            "cause": { "type": "string", "enum": causes, "description": "The ranked cause that the evidence supports best." },
            "claims": {
                "type": "array",
                "description": "One fact each, the most important first, at most 12.",
                "items": {
                    "type": "object",
                    "properties": {
                        "text": { "type": "string", "description": "One sentence that says only what its evidence says." },
                        "evidence": { "type": "array", "items": { "type": "string" }, "description": "Ids such as E1 or T2." }
                    },
                    "required": ["text", "evidence"]
                }
            }
        },
        "required": ["cause", "claims"]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_among_words() {
        let text =
            "Here it is:\n```json\n{\"cause\": \"C1\", \"claims\": [{\"text\": \"a\", \"evidence\": [\"E1\"]}]}\n```";
        let answer = Answer::read(text).unwrap();
        assert_eq!((answer.cause.as_str(), answer.claims.len()), ("C1", 1));
        for wrong in ["", "}{", "{}", "no JSON", "{\"claims\": 3}"] {
            assert_eq!(Answer::read(wrong), None, "{wrong}");
        }
    }
}
