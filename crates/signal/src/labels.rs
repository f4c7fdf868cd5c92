//! Which series is it? A sorted set of label pairs with a stable 64-bit identity.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::Xxh3;

/// The label that carries the metric's name.
const NAME: &str = "__name__";
/// Labels that name a service, best first.
const SERVICE_LABELS: [&str; 6] = ["service", "service_name", "app", "app_kubernetes_io_name", "deployment", "job"];
/// Labels that name a host, best first.
const HOST_LABELS: [&str; 6] = ["host", "hostname", "host_name", "node", "instance", "pod"];

/// The identity of a series: XXH3 of its sorted labels, stable over restarts, machines and releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u64);

impl SeriesId {
    /// The raw hash, for sharding and for storage.
    pub const fn hash(self) -> u64 {
        self.0
    }

    /// Back from storage.
    pub const fn from_hash(hash: u64) -> Self {
        Self(hash)
    }
}

impl fmt::Display for SeriesId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl FromStr for SeriesId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

crate::text::as_text!(SeriesId);

/// Sorted, duplicate-free label pairs; cloning is cheap.
#[derive(Clone)]
pub struct Labels {
    id: SeriesId,
    pairs: Arc<[(Box<str>, Box<str>)]>,
}

impl Labels {
    /// From pairs in any order. Empty values are dropped (as in Prometheus an empty label is no label); of a
    /// repeated name the last value wins.
    pub fn new<N: Into<Box<str>>, V: Into<Box<str>>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut pairs: Vec<(Box<str>, Box<str>)> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        pairs.reverse();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, first| later.0 == first.0);
        pairs.retain(|(_, value)| !value.is_empty());
        Self { id: hash(&pairs), pairs: pairs.into() }
    }

    /// A metric name with further labels.
    pub fn metric(name: &str, pairs: &[(&str, &str)]) -> Self {
        Self::new(pairs.iter().copied().chain([(NAME, name)]))
    }

    /// The stable identity.
    pub fn id(&self) -> SeriesId {
        self.id
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        let idx = self.pairs.binary_search_by(|(it, _)| (**it).cmp(name)).ok()?;
        self.pairs.get(idx).map(|(_, value)| &**value)
    }

    /// The metric's name, or "" if there is none (log streams).
    pub fn name(&self) -> &str {
        self.get(NAME).unwrap_or("")
    }

    /// The service this belongs to, by the usual label names.
    pub fn service(&self) -> Option<&str> {
        SERVICE_LABELS.iter().find_map(|it| self.get(it))
    }

    /// The host this belongs to, by the usual label names.
    pub fn host(&self) -> Option<&str> {
        HOST_LABELS.iter().find_map(|it| self.get(it))
    }

    /// What an incident would call this: the service, else the host, else the metric's name.
    pub fn owner(&self) -> &str {
        self.service().or_else(|| self.host()).unwrap_or_else(|| self.name())
    }

    /// The same labels with one set (or, with an empty value, removed).
    pub fn with(&self, name: &str, value: &str) -> Self {
        Self::new(self.iter().chain([(name, value)]))
    }

    /// All pairs in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// True if there is no label at all.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

impl Default for Labels {
    /// No label at all; takes no memory.
    fn default() -> Self {
        Self { id: hash(&[]), pairs: Arc::default() }
    }
}

fn hash(pairs: &[(Box<str>, Box<str>)]) -> SeriesId {
    let mut hasher = Xxh3::new();
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        hasher.update(text.as_bytes());
        hasher.update(&[0xff]);
    }
    SeriesId(hasher.digest())
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.pairs == other.pairs
    }
}

impl Eq for Labels {}

impl std::hash::Hash for Labels {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.id.0);
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.pairs.cmp(&other.pairs)
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// `name{k="v",k2="v2"}`, with `\`, `"` and newline escaped as Prometheus does.
impl fmt::Display for Labels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())?;
        let mut rest = self.iter().filter(|(name, _)| *name != NAME).peekable();
        if rest.peek().is_none() {
            return if self.name().is_empty() { formatter.write_str("{}") } else { Ok(()) };
        }
        for (idx, (name, value)) in rest.enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(formatter, "{}{name}=\"{value}\"", if idx == 0 { "{" } else { "," })?;
        }
        formatter.write_str("}")
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(std::collections::BTreeMap::<String, String>::deserialize(deserializer)?))
    }
}

/// Why a selector such as `name{k="v"}` could not be read, with the byte offset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected} expected at byte {offset} of {text:?}")]
pub struct LabelParseError {
    /// The whole text.
    pub text: String,
    /// Where reading stopped.
    pub offset: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

impl FromStr for Labels {
    type Err = LabelParseError;

    /// Reads what `Display` prints: `name{k="v"}`, `name`, `{k="v"}`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut reader = Reader { text, offset: 0 };
        let mut pairs = vec![];
        let name = reader.take_while(|it| it.is_alphanumeric() || matches!(it, '_' | ':' | '.' | '-' | '/'));
        if !name.is_empty() {
            pairs.push((NAME.to_owned(), name.to_owned()));
        }
        if reader.eat('{') {
            while !reader.eat('}') {
                pairs.push(reader.pair()?);
                if !reader.eat(',') && !reader.rest().starts_with('}') {
                    return Err(reader.error("`,` or `}`"));
                }
            }
        }
        if !reader.rest().is_empty() {
            return Err(reader.error("end of the selector"));
        }
        Ok(Self::new(pairs))
    }
}

struct Reader<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or("")
    }

    fn error(&self, expected: &'static str) -> LabelParseError {
        LabelParseError { text: self.text.to_owned(), offset: self.offset, expected }
    }

    fn eat(&mut self, wanted: char) -> bool {
        let space = self.rest().len() - self.rest().trim_start().len();
        let found = self.rest().trim_start().starts_with(wanted);
        if found {
            self.offset += space + wanted.len_utf8();
        }
        found
    }

    fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|it| !accepts(it)).unwrap_or(rest.len());
        self.offset += end;
        rest.get(..end).unwrap_or("")
    }

    fn pair(&mut self) -> Result<(String, String), LabelParseError> {
        self.take_while(char::is_whitespace);
        let name = self.take_while(|it| it.is_alphanumeric() || matches!(it, '_' | '.' | '-'));
        if name.is_empty() {
            return Err(self.error("a label name"));
        }
        if !self.eat('=') {
            return Err(self.error("`=`"));
        }
        if !self.eat('"') {
            return Err(self.error("a quoted value"));
        }
        let mut value = String::new();
        let mut is_escaped = false;
        for it in self.rest().chars() {
            self.offset += it.len_utf8();
            match (is_escaped, it) {
                (false, '"') => return Ok((name.to_owned(), value)),
                (false, '\\') => is_escaped = true,
                (true, 'n') => (is_escaped, _) = (false, value.push('\n')),
                _ => (is_escaped, _) = (false, value.push(it)),
            }
        }
        Err(self.error("a closing quote"))
    }
}

/// A condition on one label. `=` of a missing label holds for the empty value, as in Prometheus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Matcher {
    /// The label has exactly this value.
    Equal(String, String),
    /// The label does not have this value.
    NotEqual(String, String),
    /// The value contains this text, ignoring case.
    Contains(String, String),
    /// The value begins with this text.
    Prefix(String, String),
}

impl Matcher {
    /// Equality on the metric's name.
    pub fn name(name: &str) -> Self {
        Self::Equal(NAME.to_owned(), name.to_owned())
    }

    /// True if the labels satisfy the condition.
    pub fn matches(&self, labels: &Labels) -> bool {
        let label = |name: &str| labels.get(name).unwrap_or("");
        match self {
            Self::Equal(name, value) => label(name) == value,
            Self::NotEqual(name, value) => label(name) != value,
            Self::Contains(name, value) => label(name).to_lowercase().contains(&value.to_lowercase()),
            Self::Prefix(name, value) => label(name).starts_with(value.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_duplicates_do_not_matter() {
        let a = Labels::new([("b", "2"), ("__name__", "m"), ("a", "1"), ("empty", "")]);
        let b = Labels::new([("a", "0"), ("a", "1"), ("b", "2"), ("__name__", "m")]);
        assert_eq!(a, b);
        assert_eq!(a.id(), b.id());
        assert_eq!(a.to_string(), r#"m{a="1",b="2"}"#);
    }

    #[test]
    fn identity_is_stable_over_releases() {
        let labels = Labels::metric("cpu_usage", &[("service", "pay")]);
        assert_eq!(labels.id().to_string(), labels.to_string().parse::<Labels>().unwrap().id().to_string());
    }

    #[test]
    fn selectors_are_read_back() {
        for text in ["m", r#"m{a="x\"y\\z"}"#, r#"{a="1",b="2"}"#, r#"http_requests_total{code="200",path="/a b"}"#] {
            assert_eq!(text.parse::<Labels>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn broken_selectors_say_where() {
        let error = r#"m{a=1}"#.parse::<Labels>().unwrap_err();
        assert_eq!(error.to_string(), r#"a quoted value expected at byte 4 of "m{a=1}""#);
        assert!(r#"m{a="1"#.parse::<Labels>().is_err());
        assert!(r#"m{a="1"} x"#.parse::<Labels>().is_err());
    }

    #[test]
    fn service_and_host_are_found_under_their_usual_names() {
        let labels = Labels::metric("m", &[("job", "shop"), ("instance", "web-1")]);
        assert_eq!((labels.service(), labels.host(), labels.owner()), (Some("shop"), Some("web-1"), "shop"));
    }
}
