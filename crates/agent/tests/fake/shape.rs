//! Is a JSON value exactly of this shape? Fields that are not known are refused, as strict providers do.

use serde_json::Value;

/// What a value may be.
pub enum Shape {
    Text,
    /// One of these texts.
    Word(&'static [&'static str]),
    Number,
    /// A number of at least this.
    Count(u64),
    Bool,
    Is(Value),
    /// An object with any fields.
    Fields,
    /// Any of them; the last one's complaint is told.
    Either(Vec<Shape>),
    /// A list with at least so many items.
    List(usize, Box<Shape>),
    /// Fields, each with whether it is required.
    Object(Vec<(&'static str, bool, Shape)>),
    /// What is neither text nor number nor list: see the function.
    By(fn(&Value) -> Result<(), String>),
}

pub fn list(of: Shape) -> Shape {
    Shape::List(0, Box::new(of))
}

pub fn some(of: Shape) -> Shape {
    Shape::List(1, Box::new(of))
}

pub fn must(name: &'static str, shape: Shape) -> (&'static str, bool, Shape) {
    (name, true, shape)
}

pub fn may(name: &'static str, shape: Shape) -> (&'static str, bool, Shape) {
    (name, false, shape)
}

impl Shape {
    pub fn check(&self, value: &Value, place: &str) -> Result<(), String> {
        let is_fine = match self {
            Self::Text => value.is_string(),
            Self::Word(words) => value.as_str().is_some_and(|it| words.contains(&it)),
            Self::Number => value.is_number(),
            Self::Count(least) => value.as_u64().is_some_and(|it| it >= *least),
            Self::Bool => value.is_boolean(),
            Self::Is(wanted) => value == wanted,
            Self::Fields => value.is_object(),
            Self::By(function) => return function(value).map_err(|it| format!("{place}: {it}")),
            Self::Either(shapes) => {
                let complaints: Vec<String> = shapes.iter().filter_map(|it| it.check(value, place).err()).collect();
                return if complaints.len() < shapes.len() { Ok(()) } else { Err(complaints.last().unwrap().clone()) };
            }
            Self::List(least, shape) => {
                let items = value.as_array().ok_or_else(|| format!("{place}: must be a list"))?;
                for (idx, item) in items.iter().enumerate() {
                    shape.check(item, &format!("{place}[{idx}]"))?;
                }
                items.len() >= *least
            }
            Self::Object(known) => return object(known, value, place),
        };
        if is_fine { Ok(()) } else { Err(format!("{place}: cannot be {value}")) }
    }
}

fn object(known: &[(&'static str, bool, Shape)], value: &Value, place: &str) -> Result<(), String> {
    let fields = value.as_object().ok_or_else(|| format!("{place}: must be an object"))?;
    for (name, is_required, shape) in known {
        match fields.get(*name) {
            Some(it) => shape.check(it, &format!("{place}.{name}"))?,
            None if *is_required => return Err(format!("{place}.{name}: is missing")),
            None => {}
        }
    }
    match fields.keys().find(|it| known.iter().all(|known| known.0 != *it)) {
        Some(name) => Err(format!("{place}.{name}: unknown field")),
        None => Ok(()),
    }
}

/// A JSON schema that has no other words than these, at any depth. `is_closed` wants every object to be closed.
pub fn schema(value: &Value, words: &[&str], is_closed: bool) -> Result<(), String> {
    let fields = value.as_object().ok_or("a schema must be an object")?;
    if let Some(name) = fields.keys().find(|it| !words.contains(&it.as_str())) {
        return Err(format!("{name} is no word of schemas here"));
    }
    if is_closed && fields.contains_key("properties") && fields.get("additionalProperties") != Some(&Value::Bool(false))
    {
        return Err("additionalProperties must be false".to_owned());
    }
    let properties = fields.get("properties").and_then(Value::as_object).into_iter().flatten().map(|it| it.1);
    let choices = fields.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    properties.chain(choices).chain(fields.get("items")).try_for_each(|it| schema(it, words, is_closed))
}
