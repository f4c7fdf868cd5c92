//! Which fields does a struct have, and what do their comments say? A reader for the subset of Rust that our
//! configuration is written in: one `pub` field or variant per line, `///` above it.

use std::collections::BTreeMap;

/// Structs and enums by crate and name.
#[derive(Default)]
pub struct Declarations(BTreeMap<(String, String), Declaration>);

/// A struct or an enum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declaration {
    /// Its comment, one line per paragraph.
    pub doc: String,
    /// True for an enum: `members` are its variants.
    pub is_enum: bool,
    /// Fields or variants in order.
    pub members: Vec<Member>,
}

/// A field of a struct or a variant of an enum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// Name in the file (snake_case).
    pub name: String,
    /// Its comment, one line per paragraph.
    pub doc: String,
    /// Its type as it is written; empty for a variant.
    pub kind: String,
    /// True if its keys stand beside the others instead of below this one.
    pub is_flat: bool,
}

impl Declarations {
    /// Adds what one file of a crate declares.
    pub fn read(&mut self, crate_name: &str, text: &str) {
        let mut doc = Vec::new();
        let mut open: Option<(String, Declaration)> = None;
        let mut attributes = String::new();
        for line in text.lines() {
            let trimmed = line.trim();
            if let Some(comment) = trimmed.strip_prefix("///") {
                doc.push(comment.trim().to_owned());
            } else if trimmed.starts_with("#[") {
                attributes.push_str(trimmed);
            } else if let Some((name, declaration)) = open.as_mut() {
                if line == "}" {
                    self.0.insert((crate_name.to_owned(), std::mem::take(name)), std::mem::take(declaration));
                    open = None;
                } else if let Some(member) = member(line, declaration.is_enum, &attributes) {
                    declaration.members.push(Member { doc: paragraph(&doc), ..member });
                }
                (doc, attributes) = (Vec::new(), String::new());
            } else {
                open = opening(line).map(|(name, is_enum)| {
                    (name.to_owned(), Declaration { doc: paragraph(&doc), is_enum, members: Vec::new() })
                });
                (doc, attributes) = (Vec::new(), String::new());
            }
        }
    }

    /// A declaration of a crate.
    pub fn get(&self, crate_name: &str, name: &str) -> Option<&Declaration> {
        self.0.get(&(crate_name.to_owned(), name.to_owned()))
    }
}

fn opening(line: &str) -> Option<(&str, bool)> {
    let (rest, is_enum) = match (line.strip_prefix("pub struct "), line.strip_prefix("pub enum ")) {
        (Some(rest), _) => (rest, false),
        (_, Some(rest)) => (rest, true),
        _ => return None,
    };
    Some((rest.strip_suffix(" {")?, is_enum))
}

/// A field (`    pub name: Type,`) or a variant (`    Name,`, `    Name {`, `    Name(Type),`).
fn member(line: &str, is_enum: bool, attributes: &str) -> Option<Member> {
    let inside = line.strip_prefix("    ").filter(|it| !it.starts_with([' ', '}', '/']))?;
    if attributes.contains("serde(skip") {
        return None;
    }
    let renamed = attributes.split("rename = \"").nth(1).and_then(|it| it.split('"').next());
    let is_flat = attributes.contains("flatten");
    if is_enum {
        let name: String = inside.chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = renamed.map_or_else(|| snake_case(&name), str::to_owned);
        return (!name.is_empty()).then(|| Member { name, is_flat, ..Member::default() });
    }
    let (name, kind) = inside.strip_prefix("pub ")?.split_once(": ")?;
    let name = renamed.unwrap_or(name).to_owned();
    Some(Member { name, kind: kind.trim_end_matches(',').to_owned(), is_flat, doc: String::new() })
}

/// Lines of a comment as text: lines of one paragraph are joined, paragraphs stay apart.
fn paragraph(lines: &[String]) -> String {
    let joined = lines.join("\n");
    let paragraphs = joined.split("\n\n").map(|it| it.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n")
}

fn snake_case(name: &str) -> String {
    let mut result = String::new();
    for it in name.chars() {
        if it.is_ascii_uppercase() && !result.is_empty() {
            result.push('_');
        }
        result.push(it.to_ascii_lowercase());
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_variants_are_read_with_their_comments() {
        let text = "/// How long.\n#[derive(Clone)]\npub struct Config {\n    /// Days to keep.\n    /// Default 3.\n    \
                    pub days: u32,\n    #[serde(flatten)]\n    pub more: other::Config,\n    hidden: u8,\n}\n\n\
                    impl Config {\n    pub fn x() {}\n}\n\n/// Who.\npub enum Mode {\n    /// A person.\n    ByHand,\n    \
                    /// A call.\n    Hook {\n        /// Not a variant.\n        url: String,\n    },\n}\n";
        let mut declarations = Declarations::default();
        declarations.read("act", text);
        let config = declarations.get("act", "Config").unwrap();
        assert_eq!(config.doc, "How long.");
        let names: Vec<_> = config.members.iter().map(|it| (it.name.as_str(), it.kind.as_str(), it.is_flat)).collect();
        assert_eq!(names, [("days", "u32", false), ("more", "other::Config", true)]);
        assert_eq!(config.members[0].doc, "Days to keep. Default 3.");
        let mode = declarations.get("act", "Mode").unwrap();
        let names: Vec<_> = mode.members.iter().map(|it| (it.name.as_str(), it.doc.as_str())).collect();
        assert_eq!(names, [("by_hand", "A person."), ("hook", "A call.")]);
    }
}
