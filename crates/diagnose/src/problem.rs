//! What made a diagnosis incomplete?

use std::error::Error as _;
use std::fmt;

use signal::PortError;

/// One thing that could not be read, or was left out; the diagnosis goes on without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One sentence, for the operator.
    pub text: String,
}

impl Problem {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    pub(crate) fn unread(what: &str, error: &PortError) -> Self {
        let cause = error.source().map_or_else(String::new, |it| format!(": {it}"));
        Self::new(format!("Could not read {what}: {error}{cause}."))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
