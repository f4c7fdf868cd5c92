//! Where does the provider's key come from, and how is it kept out of everything that is written?

use std::path::PathBuf;

use serde_json::Value;

/// Shorter ones are no secrets but what servers without keys are given, such as `none`.
const SHORTEST_SECRET: usize = 8;
/// What stands where a key stood.
const MARK: &str = "[key]";

/// The key of a provider. It is shown nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Key(String);

/// Where it is read.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum KeySource {
    /// There is none.
    #[default]
    None,
    /// It does not change.
    Given(Key),
    /// Whoever rotates it writes it here.
    File(PathBuf),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(MARK)
    }
}

impl KeySource {
    /// The key as it is now, or why it cannot be read.
    pub fn read(&self) -> Result<Option<Key>, String> {
        match self {
            Self::None => Ok(None),
            Self::Given(key) => Ok(Some(key.clone())),
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(Some(Key::new(text.trim()))),
                Err(error) => Err(format!("cannot read agent.key_file {}: {error}", path.display())),
            },
        }
    }
}

impl Key {
    /// From the text that providers give out.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// For the header of a request, and for nothing else.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    fn is_secret(&self) -> bool {
        self.0.len() >= SHORTEST_SECRET
    }

    /// The text without the key.
    pub fn scrub(&self, text: &str) -> String {
        if self.is_secret() { text.replace(&self.0, MARK) } else { text.to_owned() }
    }

    /// The value without the key in any of its texts.
    pub fn scrub_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.scrub(text),
            Value::Array(items) => items.iter_mut().for_each(|it| self.scrub_value(it)),
            Value::Object(fields) => {
                let scrubbed = std::mem::take(fields).into_iter().map(|(name, mut it)| {
                    self.scrub_value(&mut it);
                    (self.scrub(&name), it)
                });
                *fields = scrubbed.collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Keeps the key out of a text that comes in pieces, also where it is cut.
#[derive(Debug, Default)]
pub struct Scrubber {
    key: Option<Key>,
    held: String,
}

impl Scrubber {
    /// For this key.
    pub fn new(key: Option<&Key>) -> Self {
        Self { key: key.filter(|it| it.is_secret()).cloned(), held: String::new() }
    }

    /// What can be told so far.
    pub fn take(&mut self, piece: &str) -> String {
        let Some(key) = &self.key else { return piece.to_owned() };
        let text = key.scrub(&(std::mem::take(&mut self.held) + piece));
        // The longest end that may be the beginning of the key waits for what comes.
        let cuts = text.char_indices().map(|it| it.0).filter(|it| text.len() - it < key.0.len());
        let cut = cuts.into_iter().find(|it| text.get(*it..).is_some_and(|end| key.0.starts_with(end)));
        let (told, held) = text.split_at(cut.unwrap_or(text.len()));
        self.held = held.to_owned();
        told.to_owned()
    }

    /// The rest.
    pub fn end(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "sk-abcabcabd0123";

    /// Guarantees: MUST 686 of docs/specs/llm.md.
    #[test]
    fn a_key_is_never_shown() {
        let key = Key::new(&format!(" {KEY}\n"));
        assert_eq!(key.expose(), KEY);
        assert!(!format!("{key:?} {:?}", KeySource::Given(key.clone())).contains("abc"));
        assert_eq!(key.scrub(&format!("wrong key {KEY}!")), "wrong key [key]!");
        let mut value = json!({"a": [KEY, {KEY: 1}], "b": format!("x{KEY}y")});
        key.scrub_value(&mut value);
        assert_eq!(value, json!({"a": ["[key]", {"[key]": 1}], "b": "x[key]y"}));
        assert_eq!(Key::new("none").scrub("none of it"), "none of it");
    }

    /// Guarantees: MUST 686 of docs/specs/llm.md.
    #[test]
    fn a_key_that_comes_in_pieces_is_found() {
        let text = format!("sk-sk-abc {KEY}{KEY} sk-abcabcabcabd \u{e9} sk-");
        let wanted = text.replace(KEY, "[key]");
        for size in 1..text.len() {
            let mut scrubber = Scrubber::new(Some(&Key::new(KEY)));
            let chars: Vec<char> = text.chars().collect();
            let mut told: String = chars.chunks(size).map(|it| scrubber.take(&it.iter().collect::<String>())).collect();
            told += &scrubber.end();
            assert_eq!(told, wanted, "in pieces of {size}");
        }
    }

    #[test]
    fn a_file_is_read_anew() {
        let path = std::env::temp_dir().join(format!("agent-key-{}", std::process::id()));
        let source = KeySource::File(path.clone());
        assert!(source.read().unwrap_err().contains("cannot read agent.key_file"));
        for key in ["first-key", "second-key"] {
            std::fs::write(&path, format!("{key}\n")).unwrap();
            assert_eq!(source.read().unwrap().unwrap().expose(), key);
        }
        std::fs::remove_file(path).unwrap();
    }
}
