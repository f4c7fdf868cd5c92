//! Why could bytes not be turned into signals? Each error says where and what to do.
//!
//! What an error quotes of a body is shortened and what it lists is bounded: a body of many mistakes must not become an
//! answer that is larger than itself.

use crate::limits::shortened;

/// Longest detail of one mistake, in bytes.
const MOST_DETAIL_BYTES: usize = 300;
/// Mistakes that are listed; further ones are counted.
const MOST_FIELDS: usize = 20;
/// Longest text of all mistakes together, in bytes.
const MOST_TEXT_BYTES: usize = 1_500;

/// One field at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path to the field: names and array positions, for example `["0", "metrics", "disk"]`.
    pub path: Vec<PathPart>,
    /// For people.
    pub message: String,
    /// For machines, in the words of FastAPI, for example `missing`.
    pub kind: &'static str,
}

/// A step on the way to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPart {
    /// A key of an object.
    Key(String),
    /// A position in an array, or of a byte.
    Position(usize),
}

/// What can go wrong with a body, a target or a file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes do not follow the protocol. The sender has to change them.
    #[error("{what}: {detail}")]
    Malformed {
        /// The part that was read.
        what: &'static str,
        /// Where, and what was expected.
        detail: String,
    },
    /// Fields are missing or of the wrong type; the first of them are listed.
    #[error("{}", text_of(.0))]
    Fields(Vec<FieldError>),
    /// Larger than a limit of the configuration. The sender sends smaller batches, or the operator raises the limit.
    #[error("{what} is larger than {limit_bytes} bytes; send smaller batches or raise ingest.{key}")]
    TooLarge {
        /// The part that is too large.
        what: &'static str,
        /// The limit.
        limit_bytes: usize,
        /// The configuration key of the limit.
        key: &'static str,
    },
    /// The content type, encoding or version is not one of ours. The text names what is.
    #[error("{0}")]
    Unsupported(String),
    /// A target or file could not be read; it is tried again by itself.
    #[error("{0}")]
    Unreachable(String),
}

impl Error {
    pub(crate) fn malformed(what: &'static str, detail: impl ToString) -> Self {
        Self::Malformed { what, detail: brief(detail.to_string()) }
    }
}

/// Mistakes as they are found: the first are kept, all are counted.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    first: Vec<FieldError>,
    total: usize,
}

impl Fields {
    /// One mistake.
    pub(crate) fn one(path: Vec<PathPart>, message: String, kind: &'static str) -> Error {
        let mut fields = Self::default();
        fields.push(|| (path, message), kind);
        fields.error()
    }

    /// Adds a mistake; what is said of it is made only if it is listed.
    pub(crate) fn push(&mut self, told: impl FnOnce() -> (Vec<PathPart>, String), kind: &'static str) {
        self.total += 1;
        if self.first.len() < MOST_FIELDS {
            let (path, message) = told();
            let path = path.into_iter().map(PathPart::brief).collect();
            self.first.push(FieldError { path, message: brief(message), kind });
        }
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.total
    }

    /// What is to be told.
    pub(crate) fn error(mut self) -> Error {
        let further = self.total - self.first.len();
        if further > 0 {
            let message = format!("{further} further errors are not listed");
            self.first.push(FieldError { path: vec![], message, kind: "too_many_errors" });
        }
        Error::Fields(self.first)
    }
}

impl PathPart {
    fn brief(self) -> Self {
        match self {
            Self::Key(key) => Self::Key(brief(key)),
            Self::Position(_) => self,
        }
    }
}

/// The beginning and the end of what is told of one mistake: a place stands at the one, or at the other.
pub(crate) fn brief(text: String) -> String {
    if text.len() <= MOST_DETAIL_BYTES {
        return text;
    }
    let mut begin = text.len() - MOST_DETAIL_BYTES / 3;
    while !text.is_char_boundary(begin) {
        begin += 1;
    }
    format!("{} .. {}", shortened(&text, MOST_DETAIL_BYTES * 2 / 3), text.get(begin..).unwrap_or(""))
}

fn text_of(fields: &[FieldError]) -> String {
    let mut text = fields.iter().map(|it| it.message.as_str()).collect::<Vec<_>>().join("; ");
    if text.len() > MOST_TEXT_BYTES {
        text.truncate(shortened(&text, MOST_TEXT_BYTES).len());
        text.push_str("..");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 230 of docs/specs/ingest.md.
    #[test]
    fn many_and_long_mistakes_are_told_in_short() {
        let mut fields = Fields::default();
        for idx in 0..1_000_000 {
            fields.push(
                || (vec![PathPart::Position(idx), PathPart::Key("k".repeat(9_000))], "\u{e9}".repeat(9_000)),
                "x",
            );
        }
        assert_eq!(fields.len(), 1_000_000);
        let error = fields.error();
        assert!(error.to_string().len() <= MOST_TEXT_BYTES + 2);
        let Error::Fields(listed) = error else { panic!("other fields") };
        assert_eq!(listed.len(), MOST_FIELDS + 1);
        assert_eq!(listed[MOST_FIELDS].message, "999980 further errors are not listed");
        assert!(listed[0].message.len() <= MOST_DETAIL_BYTES + 4);
        assert!(matches!(&listed[0].path[1], PathPart::Key(it) if it.len() <= MOST_DETAIL_BYTES + 4));
        let told = Error::malformed("x", format!("field a{} at line 7", "y".repeat(9_000))).to_string();
        assert!(told.starts_with("x: field a") && told.ends_with("at line 7") && told.len() <= MOST_DETAIL_BYTES + 7);
    }
}
