//! Which part of JSON schema does each provider take? What it does not know is left out, for a request with it is refused.

use serde_json::{Map, Value, json};

/// References are followed this deep; schemas that hold themselves end in `object`.
const MAX_DEPTH: usize = 12;

/// Whose schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAPI 3.0 as Gemini has it: no `additionalProperties`, no `const`, no references.
    Gemini,
    /// Structured outputs of OpenAI: every object is closed.
    OpenAi,
    /// Structured outputs of Anthropic: every object is closed, no bounds of numbers and lengths.
    Anthropic,
}

const GEMINI: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "required",
    "properties",
    "items",
    "anyOf",
];
const GEMINI_FORMATS: [&str; 6] = ["date-time", "enum", "int32", "int64", "float", "double"];
const OPEN_AI: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "enum",
    "const",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "pattern",
    "required",
    "properties",
    "items",
    "anyOf",
    "additionalProperties",
];
const ANTHROPIC: &[&str] = &[
    "type",
    "title",
    "description",
    "enum",
    "const",
    "required",
    "properties",
    "items",
    "anyOf",
    "additionalProperties",
];

/// The schema as the provider takes it.
pub fn fit(schema: &Value, dialect: Dialect) -> Value {
    Fitting { root: schema, dialect }.fit(schema, 0)
}

/// True if every property of every object is required, which strict output of OpenAI wants.
pub fn requires_all(schema: &Value) -> bool {
    let is_required = |name: &String| match schema.get("required").and_then(Value::as_array) {
        Some(required) => required.iter().any(|it| it == name),
        None => false,
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let below = schema.get("items").into_iter().chain(properties.into_iter().flat_map(Map::values));
    let any_of = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    properties.is_none_or(|it| it.keys().all(is_required)) && below.chain(any_of).all(requires_all)
}

struct Fitting<'a> {
    root: &'a Value,
    dialect: Dialect,
}

impl Fitting<'_> {
    fn fit(&self, schema: &Value, depth: usize) -> Value {
        let Value::Object(fields) = schema else { return json!({}) };
        if depth > MAX_DEPTH {
            return json!({"type": "object"});
        }
        if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
            let found = target.strip_prefix('#').and_then(|it| self.root.pointer(it));
            return found.map_or_else(|| json!({"type": "object"}), |it| self.fit(it, depth + 1));
        }
        let mut fields = fields.clone();
        if let Some(choices) = fields.remove("oneOf") {
            fields.entry("anyOf").or_insert(choices);
        }
        if self.dialect == Dialect::Gemini {
            to_openapi(&mut fields);
        } else if fields.get("properties").is_some() {
            fields.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        let known = self.known();
        let kept = fields.into_iter().filter(|it| known.contains(&it.0.as_str()));
        Value::Object(kept.map(|(name, value)| (name.clone(), self.below(&name, value, depth))).collect())
    }

    const fn known(&self) -> &'static [&'static str] {
        match self.dialect {
            Dialect::Gemini => GEMINI,
            Dialect::OpenAi => OPEN_AI,
            Dialect::Anthropic => ANTHROPIC,
        }
    }

    fn below(&self, name: &str, value: Value, depth: usize) -> Value {
        match (name, value) {
            ("properties", Value::Object(fields)) => {
                Value::Object(fields.into_iter().map(|(name, it)| (name, self.fit(&it, depth + 1))).collect())
            }
            ("anyOf", Value::Array(choices)) => {
                Value::Array(choices.iter().map(|it| self.fit(it, depth + 1)).collect())
            }
            ("items", value) => self.fit(&value, depth + 1),
            (_, value) => value,
        }
    }
}

/// Says in the words of OpenAPI 3.0 what it has other words for.
fn to_openapi(fields: &mut Map<String, Value>) {
    if let Some(value) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([value]));
    }
    let is_null = |it: &Value| it == "null";
    if let Some(Value::Array(kinds)) = fields.get("type") {
        let (nulls, kinds): (Vec<_>, Vec<_>) = kinds.iter().cloned().partition(is_null);
        if let (Some(kind), true) = (kinds.first(), kinds.len() == 1) {
            fields.insert("type".to_owned(), kind.clone());
        } else {
            let choices: Vec<Value> = kinds.iter().map(|it| json!({"type": it})).collect();
            fields.remove("type");
            fields.insert("anyOf".to_owned(), Value::Array(choices));
        }
        if !nulls.is_empty() {
            fields.insert("nullable".to_owned(), Value::Bool(true));
        }
    }
    if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
        let n_choices = choices.len();
        choices.retain(|it| it.get("type").is_none_or(|kind| !is_null(kind)));
        if choices.len() < n_choices {
            fields.insert("nullable".to_owned(), Value::Bool(true));
        }
    }
    // Only texts can be enumerated there.
    if fields.get("enum").and_then(Value::as_array).is_some_and(|it| !it.iter().all(Value::is_string)) {
        fields.remove("enum");
    } else if fields.contains_key("enum") {
        fields.entry("type").or_insert_with(|| json!("string"));
    }
    let format = fields.get("format").and_then(Value::as_str);
    if format.is_some_and(|it| !GEMINI_FORMATS.contains(&it)) {
        fields.remove("format");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "kind": {"const": "cause"},
                "level": {"type": ["string", "null"], "enum": ["high", "low"], "format": "uri", "minLength": 1},
                "rank": {"type": "integer", "enum": [1, 2], "minimum": 1},
                "where": {"oneOf": [{"type": "string"}, {"type": "null"}]},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}, "maxItems": 3},
            },
            "required": ["kind"],
            "additionalProperties": false,
            "$defs": {"part": {"type": "object", "properties": {"name": {"type": "string"}}}},
        })
    }

    /// Guarantees: MUST 684 of docs/specs/llm.md.
    #[test]
    fn each_provider_gets_what_it_knows() {
        assert_eq!(
            fit(&sample(), Dialect::Gemini),
            json!({"type": "object", "required": ["kind"], "properties": {
                "kind": {"type": "string", "enum": ["cause"]},
                "level": {"type": "string", "nullable": true, "enum": ["high", "low"], "minLength": 1},
                "rank": {"type": "integer", "minimum": 1},
                "where": {"anyOf": [{"type": "string"}], "nullable": true},
                "parts": {"type": "array", "maxItems": 3, "items":
                    {"type": "object", "properties": {"name": {"type": "string"}}}},
            }})
        );
        let anthropic = fit(&sample(), Dialect::Anthropic);
        assert_eq!(anthropic["properties"]["rank"], json!({"type": "integer", "enum": [1, 2]}));
        assert_eq!(anthropic["properties"]["parts"]["items"]["additionalProperties"], json!(false));
        let open_ai = fit(&sample(), Dialect::OpenAi);
        assert_eq!(open_ai["properties"]["rank"], json!({"type": "integer", "enum": [1, 2], "minimum": 1}));
        assert!(open_ai.get("$defs").is_none() && anthropic.get("$schema").is_none());
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let schema = json!({"type": "object", "properties": {"below": {"$ref": "#"}, "lost": {"$ref": "#/$defs/no"}}});
        let fitted = fit(&schema, Dialect::OpenAi);
        assert_eq!(fitted["properties"]["lost"], json!({"type": "object"}));
        assert!(fitted.to_string().len() < 4000);
    }

    #[test]
    fn strict_output_wants_all_properties() {
        let all = json!({"type": "object", "properties": {"a": {"type": "array", "items":
            {"type": "object", "properties": {"b": {}}, "required": ["b"]}}}, "required": ["a"]});
        assert!(requires_all(&all));
        assert!(!requires_all(&sample()));
    }
}
