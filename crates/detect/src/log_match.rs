//! Does a log line fit the conditions of a rule? Labels once per stream, level and text per line.

use std::collections::BTreeMap;

use signal::{Labels, LogLevel};

/// Names under which streams carry their level.
const LEVEL_LABELS: [&str; 3] = ["level", "severity", "detected_level"];

/// Conditions on a line and its stream.
#[derive(Clone, Debug)]
pub(crate) struct LineMatch {
    labels: Vec<(String, String)>,
    level: Option<String>,
    contains: Option<String>,
}

impl LineMatch {
    pub(crate) fn new(labels: &BTreeMap<String, String>, contains: Option<&str>) -> Self {
        let (level, labels): (Vec<_>, Vec<_>) =
            labels.clone().into_iter().partition(|(name, _)| LEVEL_LABELS.contains(&name.as_str()));
        let level = level.into_iter().next().map(|(_, value)| value.to_ascii_lowercase());
        // Other names of a level, such as `err` or `information`, mean the same.
        let level = level.map(|it| LogLevel::parse(&it).map_or(it, |level| level.as_str().to_owned()));
        Self { labels, level, contains: contains.map(str::to_owned) }
    }

    /// True if the labels of the stream fit; the level is left to [`Self::fits_line`].
    pub(crate) fn fits_stream(&self, labels: &Labels) -> bool {
        self.labels.iter().all(|(name, pattern)| {
            let value = labels.get(name).or_else(|| match name.as_str() {
                "service" => labels.service(),
                "host" => labels.host(),
                _ => None,
            });
            signal::glob_matches(pattern, value.unwrap_or(""))
        })
    }

    /// True if the level and the text fit.
    pub(crate) fn fits_line(&self, level: LogLevel, line: &str) -> bool {
        self.level.as_ref().is_none_or(|it| signal::glob_matches(it, level.as_str()))
            && self.contains.as_ref().is_none_or(|it| line.contains(it.as_str()))
    }
}
