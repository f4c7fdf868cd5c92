//! What do senders say about metrics besides their numbers? Type, help and unit, by name of metric.

use std::collections::BTreeMap;

use crate::Error;
use crate::protobuf::Message;

/// Longest help text that is kept, in characters.
const MAX_HELP: usize = 512;
/// Longest name and unit that are kept, in bytes.
const MAX_NAME: usize = 512;
/// Metrics of one message that are told of.
const MAX_METRICS: usize = 20_000;

/// What is said about one metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricMetadata {
    /// The metric's name.
    pub metric: String,
    /// `counter`, `gauge`, `histogram`, `gaugehistogram`, `summary`, `info`, `stateset` or `unknown`.
    pub kind: &'static str,
    /// In words (untrusted).
    pub help: String,
    /// For example `seconds`.
    pub unit: String,
}

impl MetricMetadata {
    /// None if the name cannot be that of a metric; texts are shortened.
    pub(crate) fn new(metric: &str, kind: &'static str, help: &str, unit: &str) -> Option<Self> {
        let is_good = !metric.is_empty() && metric.len() <= MAX_NAME && unit.len() <= MAX_NAME;
        let help = help.chars().take(MAX_HELP).collect();
        is_good.then(|| Self { metric: metric.to_owned(), kind, help, unit: unit.to_owned() })
    }
}

/// The types of remote write, the same numbers in both versions.
pub(crate) fn kind_of_number(number: u64) -> &'static str {
    match number {
        1 => "counter",
        2 => "gauge",
        3 => "histogram",
        4 => "gaugehistogram",
        5 => "summary",
        6 => "info",
        7 => "stateset",
        _ => "unknown",
    }
}

/// `MetricMetadata { type = 1, metric_family_name = 2, help = 4, unit = 5 }` of remote write 1.0; none if the name cannot
/// be that of a metric, or a text is not UTF-8.
pub(crate) fn of_write_v1(bytes: &[u8]) -> Result<Option<MetricMetadata>, Error> {
    let (mut kind, mut name, mut help, mut unit) = ("unknown", &b""[..], &b""[..], &b""[..]);
    let mut fields = Message::new(bytes, "metadata");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => kind = kind_of_number(u64::try_from(value.int64("metadata.type")?).unwrap_or(0)),
            2 => name = value.bytes("metadata.metric_family_name")?,
            4 => help = value.bytes("metadata.help")?,
            5 => unit = value.bytes("metadata.unit")?,
            _ => {}
        }
    }
    let text = |it| std::str::from_utf8(it).ok();
    let texts = text(name).zip(text(help)).zip(text(unit));
    Ok(texts.and_then(|((name, help), unit)| MetricMetadata::new(name, kind, help, unit)))
}

/// What the comments of an exposition say: `# TYPE`, `# HELP` and `# UNIT`.
pub(crate) fn of_exposition(body: &str) -> Vec<MetricMetadata> {
    let mut found: BTreeMap<&str, MetricMetadata> = BTreeMap::new();
    for line in body.lines() {
        let Some(rest) = line.trim_start().strip_prefix("# ") else { continue };
        let mut words = rest.splitn(3, ' ');
        let (Some(word), Some(name), text) = (words.next(), words.next(), words.next().unwrap_or("")) else { continue };
        if !matches!(word, "TYPE" | "HELP" | "UNIT") || (found.len() >= MAX_METRICS && !found.contains_key(name)) {
            continue;
        }
        let name = name.trim_matches('"');
        let Some(empty) = MetricMetadata::new(name, "unknown", "", "") else { continue };
        let one = found.entry(name).or_insert(empty);
        match word {
            "TYPE" => one.kind = kind_of_word(text.trim()),
            "HELP" => one.help = unescaped(text).chars().take(MAX_HELP).collect(),
            _ => one.unit = text.trim().chars().take(MAX_HELP).collect(),
        }
    }
    found.into_values().collect()
}

fn kind_of_word(word: &str) -> &'static str {
    (1..=7).map(kind_of_number).find(|it| *it == word).unwrap_or("unknown")
}

fn unescaped(text: &str) -> String {
    text.trim().replace("\\n", "\n").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_an_exposition_are_read() {
        let body = "# HELP a How many\\nof it.\n# TYPE a counter\na 1\n#TYPE b gauge\n# TYPE c untyped\n# just words here\n\
                    # UNIT d_seconds seconds\n# TYPE\n";
        let print = |it: MetricMetadata| format!("{} {} {:?} {:?}", it.metric, it.kind, it.help, it.unit);
        let found: Vec<String> = of_exposition(body).into_iter().map(print).collect();
        assert_eq!(
            found,
            [r#"a counter "How many\nof it." """#, r#"c unknown "" """#, r#"d_seconds unknown "" "seconds""#]
        );
    }

    #[test]
    fn names_and_texts_are_bounded() {
        assert_eq!(MetricMetadata::new("", "gauge", "", ""), None);
        assert_eq!(MetricMetadata::new(&"x".repeat(MAX_NAME + 1), "gauge", "", ""), None);
        let long = MetricMetadata::new("a", "gauge", &"\u{e9}".repeat(1000), "").unwrap();
        assert_eq!(long.help.chars().count(), MAX_HELP);
    }
}
