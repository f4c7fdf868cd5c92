//! What must be known of a provider? How a request looks, and what each message of the answer adds to the turn.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::framing::Framing;
use crate::{AnswerFormat, Ask, Message, ModelError, Stop, ToolCall, Turn, Usage};

/// A provider's way to speak. All of it is pure: JSON in, JSON out.
pub trait Wire: Send + Sync {
    /// How a streamed answer is parted.
    fn framing(&self) -> Framing {
        Framing::Events
    }

    /// What stands behind the base address.
    fn path(&self, settings: &Settings) -> String;

    /// The header that has the key.
    fn key_header(&self, key: &str) -> (&'static str, String);

    /// Headers that every request has.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The body.
    fn request(&self, ask: &Ask<'_>, settings: &Settings) -> Value;

    /// What reads an answer.
    fn fold(&self) -> Box<dyn Fold>;
}

/// Reads an answer: one message if it comes whole, many if it is streamed.
pub trait Fold: Send {
    /// Takes a message and gives the text that is new in it.
    fn take(&mut self, message: &Value) -> Result<String, ModelError>;

    /// How far it is.
    fn progress(&self) -> Progress;

    /// What was said.
    fn draft(self: Box<Self>) -> Draft;
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More must come.
    Open,
    /// It may end here; numbers may follow.
    Told,
    /// Nothing comes any more.
    Over,
}

/// What a wire has to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As the provider calls it.
    pub model: String,
    /// Piece by piece.
    pub stream: bool,
    /// How JSON is asked for.
    pub answer_format: AnswerFormat,
    /// If one is configured.
    pub temperature: Option<f64>,
    /// Tokens that the model reads.
    pub context_tokens: u32,
    /// The provider's own address, not a server that has its API.
    pub is_public: bool,
}

/// A turn before its calls have ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// Its text.
    pub text: String,
    /// Its calls.
    pub calls: Vec<DraftCall>,
    /// Why it ended, as far as that does not follow from the calls.
    pub stop: Stop,
    /// Tokens.
    pub usage: Usage,
    /// What is given back as it was.
    pub opaque: Value,
}

/// A call as the provider has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DraftCall {
    /// Empty if the provider gives none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// See [`ToolCall::arguments`].
    pub arguments: Value,
}

/// Arguments that came as text: an object, or the text as it is.
pub fn arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Value::Object(fields),
        _ => Value::String(text.to_owned()),
    }
}

/// Arguments for a provider that takes nothing but objects.
pub fn as_object(arguments: &Value) -> Value {
    match arguments {
        Value::Object(_) => arguments.clone(),
        other => json!({"not_json": other}),
    }
}

/// A number of tokens; 0 if there is none.
pub fn tokens(of: &Value, name: &str) -> u64 {
    of.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// A text; empty if there is none.
pub fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A list; empty if there is none.
pub fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What the system is told, with the schema in it where the provider does not hold the model to it.
pub fn system(ask: &Ask<'_>, is_held: bool) -> String {
    match ask.answer_schema.filter(|_| !is_held) {
        Some(schema) => format!(
            "{}\n\nYour final answer is one JSON object that fits this JSON schema, without any text around it:\n{schema}",
            ask.system
        ),
        None => ask.system.to_owned(),
    }
}

/// Puts fields over others, into nested objects too; null takes one out.
pub fn overlay(onto: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (name, value) in fields {
        match (onto.get_mut(name), value) {
            (_, Value::Null) => drop(onto.remove(name)),
            (Some(Value::Object(below)), Value::Object(fields)) => overlay(below, fields),
            _ => drop(onto.insert(name.clone(), value.clone())),
        }
    }
}

/// Gives each call an id that no call of the conversation has, and settles why the turn ended.
pub fn finish(draft: Draft, messages: &[Message]) -> Turn {
    let of_turn = |it: &Message| match it {
        Message::Model(turn) => turn.calls.iter().map(|it| it.id.clone()).collect(),
        Message::User(_) | Message::Tools(_) => vec![],
    };
    let mut used: HashSet<String> = messages.iter().flat_map(of_turn).collect();
    let mut calls = vec![];
    for (idx, call) in draft.calls.into_iter().enumerate() {
        // A call that was cut in the middle was not meant to be made like that.
        if draft.stop == Stop::Length && !call.arguments.is_object() {
            continue;
        }
        let is_good = !call.id.is_empty() && !used.contains(&call.id);
        // A provider may have given the very id that would be made here.
        let made = || (idx..).map(|it| format!("call_{}_{it}", messages.len())).find(|it| !used.contains(it));
        let id = if is_good { call.id } else { made().unwrap_or_default() };
        used.insert(id.clone());
        calls.push(ToolCall { id, name: call.name, arguments: call.arguments });
    }
    let stop = match draft.stop {
        Stop::Finished | Stop::Calls if calls.is_empty() => Stop::Finished,
        Stop::Finished | Stop::Calls => Stop::Calls,
        other => other,
    };
    Turn { text: draft.text, calls, stop, usage: draft.usage, opaque: draft.opaque }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_or_the_text() {
        for (text, wanted) in [
            ("", json!({})),
            (r#"{"a":1}"#, json!({"a": 1})),
            (r#"{"a":"#, json!(r#"{"a":"#)),
            ("[1]", json!("[1]")),
            ("null", json!("null")),
        ] {
            assert_eq!(arguments(text), wanted);
        }
    }

    /// Guarantees: MUST 683 of docs/specs/llm.md.
    #[test]
    fn ids_are_unique_in_the_conversation() {
        let call = |id: &str| DraftCall { id: id.to_owned(), name: "a".to_owned(), arguments: json!({}) };
        let draft = |ids: &[&str]| Draft { calls: ids.iter().map(|it| call(it)).collect(), ..Draft::default() };
        let ids = |turn: &Turn| turn.calls.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
        let first = finish(draft(&["x", "", "x"]), &[]);
        assert_eq!((ids(&first), first.stop), (vec!["x".into(), "call_0_1".into(), "call_0_2".into()], Stop::Calls));
        assert_eq!(ids(&finish(draft(&["call_0_1", ""]), &[])), ["call_0_1", "call_0_2"]);
        let second = finish(draft(&["x", "y"]), &[Message::User(String::new()), Message::Model(first)]);
        assert_eq!(ids(&second), ["call_2_0", "y"]);
    }

    #[test]
    fn a_call_that_was_cut_is_not_made() {
        let call = |arguments: Value| DraftCall { id: String::new(), name: "a".to_owned(), arguments };
        let calls = vec![call(json!({})), call(json!("{\"cut"))];
        let turn = finish(Draft { calls, stop: Stop::Length, ..Draft::default() }, &[]);
        assert_eq!((turn.calls.len(), turn.stop), (1, Stop::Length));
    }

    #[test]
    fn fields_go_over_others() {
        let Value::Object(mut body) = json!({"a": 1, "b": {"c": 2, "d": 3}}) else { return };
        let Value::Object(fields) = json!({"a": null, "b": {"d": 4}, "e": [5]}) else { return };
        overlay(&mut body, &fields);
        assert_eq!(Value::Object(body), json!({"b": {"c": 2, "d": 4}, "e": [5]}));
    }
}
