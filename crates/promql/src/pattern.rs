//! Does a whole text fit a regular expression? The usual patterns of dashboards need no machine for that.

use std::collections::HashSet;

use regex_lite::Regex;

/// A regular expression that must fit the whole text, where `.` fits line ends too, as in Prometheus.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// `a|b|c`
    OneOf(HashSet<String>),
    /// `a.*` or, if there must be more, `a.+`; the text in front may be empty.
    Prefix {
        /// What it begins with.
        text: String,
        /// Something must follow.
        needs_more: bool,
    },
    /// `.*a.*`
    Contains(String),
    /// Anything else.
    Regex(Regex),
}

/// Characters that are not themselves in a pattern.
const SPECIAL: &[char] = &['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'];

fn is_literal(text: &str) -> bool {
    !text.contains(SPECIAL)
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        if pattern.split('|').all(is_literal) {
            return Ok(Self::OneOf(pattern.split('|').map(str::to_owned).collect()));
        }
        for (end, needs_more) in [(".*", false), (".+", true)] {
            if let Some(text) = pattern.strip_suffix(end).filter(|it| is_literal(it)) {
                return Ok(Self::Prefix { text: text.to_owned(), needs_more });
            }
        }
        let inner = pattern.strip_prefix(".*").and_then(|it| it.strip_suffix(".*"));
        match inner.filter(|it| is_literal(it)) {
            Some(text) => Ok(Self::Contains(text.to_owned())),
            None => regex(pattern).map(Self::Regex),
        }
    }

    /// True if the whole text fits.
    pub(crate) fn fits(&self, value: &str) -> bool {
        match self {
            Self::OneOf(texts) => texts.contains(value),
            Self::Prefix { text, needs_more } => {
                value.strip_prefix(text.as_str()).is_some_and(|it| !needs_more || !it.is_empty())
            }
            Self::Contains(text) => value.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

/// The pattern as a machine.
pub(crate) fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?s:{pattern})$")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortcuts_fit_what_the_machine_fits() {
        let patterns = ["a", "a|b|", "a.*", "a.+", ".*", ".+", ".*b.*", "", "a|b.*", "(?i:A)", "a\\.b"];
        let texts = ["", "a", "b", "ab", "abc", "xby", "a\nb", "A", "a.b"];
        for pattern in patterns {
            let (quick, machine) = (Pattern::new(pattern).unwrap(), regex(pattern).unwrap());
            for text in texts {
                assert_eq!(quick.fits(text), machine.is_match(text), "{pattern:?} on {text:?}");
            }
        }
        assert!(Pattern::new("(").is_err());
    }
}
