//! How many, how fast, how many different ones, and which percentiles, per key and window of time? Log lines become
//! samples of ordinary series.
//!
//! Time is that of the lines: a watermark follows the newest line, `lateness_secs` behind it, and goes on with the clock
//! when no line comes. A window is told when the watermark has passed its end. What comes later still counts in the
//! windows that are not told yet, else it is dropped and counted.
//!
//! A window is only told if it is whole: the source (the service, if `by` has it) was heard before it began and after it
//! ended. So the first window after a start, the one in which a source fell silent and the one in which it came back
//! say nothing, and cannot be mistaken for a drop. While others go on, the silent windows of a source after that count 0.

use std::collections::BTreeMap;

use learn::events::number_of;
use learn::sketch::{Distinct, QuantileSketch, hash_text};
use serde::{Deserialize, Serialize};
use signal::{Labels, LogLevel, LogRecord, Metric, Point, SeriesPoints, Timestamp};

use crate::fields::field;
use crate::log_match::LineMatch;

/// A key without lines for so many windows is forgotten; its series get a mark that they have ended.
const FORGET_WINDOWS: i64 = 60;
/// Windows told in one tick at most, per key; after a long pause the rest waits for the next tick.
const MOST_AT_ONCE: usize = 100;
/// A window has at most so many panes.
const MOST_PANES: u32 = 120;

/// What is told of the lines of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Lines in the window.
    Count,
    /// Lines per second.
    Rate,
    /// Different values of the field or label `distinct`.
    Distinct,
    /// Median of `value`.
    P50,
    /// 95th percentile of `value`.
    P95,
    /// 99th percentile of `value`.
    P99,
}

impl Aggregate {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Rate => "rate",
            Self::Distinct => "distinct",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
        }
    }
}

/// Series that are made from log lines: `<name>_count`, `<name>_p95` and so on, with the labels of `by` and `window`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowConfig {
    /// How the names of the series begin. Letters, digits and `_`.
    pub name: String,
    /// Labels of the stream, `*` stands for anything; `level` also fits the level read from the line. Default: any.
    #[serde(default, rename = "match")]
    pub labels: BTreeMap<String, String>,
    /// Only lines that contain this text. Default: any.
    #[serde(default)]
    pub contains: Option<String>,
    /// A window for each value of these labels (or fields of the line). Default: one for all lines.
    #[serde(default)]
    pub by: Vec<String>,
    /// The field whose numbers have percentiles: a JSON key, a `key=value` or a word before the number. Durations with a
    /// unit become seconds, sizes become bytes. Lines without it count, but have no value. Default: none.
    #[serde(default)]
    pub value: Option<String>,
    /// The field or label whose different values are counted. Default: none.
    #[serde(default)]
    pub distinct: Option<String>,
    /// Any of count, rate, distinct, p50, p95, p99. Default: count.
    #[serde(default = "only_count")]
    pub aggregates: Vec<Aggregate>,
    /// Length of a window. Default: 60.
    #[serde(default = "minute")]
    pub window_secs: u32,
    /// A window begins every so many seconds; must divide `window_secs`. Default: `window_secs`, so that none overlap.
    #[serde(default)]
    pub slide_secs: Option<u32>,
    /// A window waits so long for lines that are late. Default: 10.
    #[serde(default = "ten")]
    pub lateness_secs: u32,
    /// At most so many keys; lines of further ones are dropped and counted. Default: 1000.
    #[serde(default = "thousand")]
    pub max_keys: usize,
}

fn only_count() -> Vec<Aggregate> {
    vec![Aggregate::Count]
}

const fn minute() -> u32 {
    60
}

const fn ten() -> u32 {
    10
}

const fn thousand() -> usize {
    1000
}

impl WindowConfig {
    pub(crate) fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == ':';
        if self.name.is_empty() || self.name.len() > 100 || !self.name.chars().all(is_name) {
            problems.push("name: must be 1 to 100 letters, digits or `_`".to_owned());
        }
        if !(1..=86_400).contains(&self.window_secs) {
            problems.push("window_secs: must lie between 1 and 86400".to_owned());
        }
        let slide = self.slide_secs.unwrap_or(self.window_secs);
        if slide == 0 || !self.window_secs.is_multiple_of(slide) || self.window_secs / slide > MOST_PANES {
            problems.push(format!("slide_secs: must divide window_secs, at most {MOST_PANES} times"));
        }
        if self.lateness_secs > 3600 {
            problems.push("lateness_secs: must be at most 3600".to_owned());
        }
        if self.aggregates.is_empty() {
            problems.push("aggregates: at least one is needed".to_owned());
        }
        if self.aggregates.contains(&Aggregate::Distinct) && self.distinct.is_none() {
            problems.push("distinct: must name a field or label, because aggregates has `distinct`".to_owned());
        }
        let has_percentile =
            [Aggregate::P50, Aggregate::P95, Aggregate::P99].iter().any(|it| self.aggregates.contains(it));
        if has_percentile && self.value.is_none() {
            problems.push("value: must name a field, because aggregates has percentiles".to_owned());
        }
        if self.by.len() > 8 {
            problems.push("by: at most 8 labels".to_owned());
        }
        if self.max_keys == 0 {
            problems.push("max_keys: must be at least 1".to_owned());
        }
        problems
    }

    fn slide_millis(&self) -> i64 {
        i64::from(self.slide_secs.unwrap_or(self.window_secs)).max(1) * 1000
    }

    fn window_millis(&self) -> i64 {
        i64::from(self.window_secs).max(1) * 1000
    }

    fn panes(&self) -> i64 {
        (self.window_millis() / self.slide_millis()).max(1)
    }

    fn lateness_millis(&self) -> i64 {
        i64::from(self.lateness_secs) * 1000
    }
}

/// All configured windows.
#[derive(Debug)]
pub(crate) struct Windows {
    parts: Vec<Windowing>,
}

#[derive(Debug)]
struct Windowing {
    config: WindowConfig,
    matcher: LineMatch,
    is_by_service: bool,
    keys: BTreeMap<Labels, Key>,
    /// By number of the service, or one for all.
    sources: Vec<Source>,
    /// The newest line of any source, and the clock when it came.
    newest_millis: i64,
    newest_at: i64,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    lines: u64,
    late_merged: u64,
    late_dropped: u64,
    keys_dropped: u64,
    no_value: u64,
    told: u64,
    partial: u64,
}

/// Whose lines a window waits for.
#[derive(Clone, Copy, Debug)]
struct Source {
    newest_millis: i64,
    /// The first line after a start or a pause: from here on all is heard.
    heard_since: i64,
}

const UNHEARD: Source = Source { newest_millis: i64::MIN, heard_since: i64::MAX };

#[derive(Debug)]
struct Key {
    source: usize,
    panes: BTreeMap<i64, Pane>,
    /// The pane whose window is told next.
    next: i64,
    newest_pane: i64,
}

#[derive(Clone, Debug, Default)]
struct Pane {
    count: u64,
    values: QuantileSketch,
    distinct: Distinct,
}

impl Windows {
    pub(crate) fn new(configs: &[WindowConfig]) -> Self {
        let part = |config: &WindowConfig| Windowing {
            matcher: LineMatch::new(&config.labels, config.contains.as_deref()),
            is_by_service: config.by.iter().any(|it| it == "service"),
            config: config.clone(),
            keys: BTreeMap::new(),
            sources: vec![],
            newest_millis: i64::MIN,
            newest_at: i64::MIN,
            counts: Counts::default(),
        };
        Self { parts: configs.iter().map(part).collect() }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// One bit per window whose label conditions hold for the stream, the level left out.
    pub(crate) fn of_stream(&self, labels: &Labels) -> u64 {
        self.parts
            .iter()
            .zip(0..64)
            .filter(|(it, _)| it.matcher.fits_stream(labels))
            .fold(0, |set, (_, idx)| set | 1 << idx)
    }

    /// Takes in a line of a stream. All lines tell that their source is heard, those of `set` may count.
    pub(crate) fn observe(&mut self, (set, service): (u64, u32), level: LogLevel, record: &LogRecord, now: Timestamp) {
        for (part, idx) in self.parts.iter_mut().zip(0..64) {
            let source = if part.is_by_service { service as usize } else { 0 };
            part.hear(source, record.time.millis(), now.millis());
            if set >> idx & 1 == 1 && part.matcher.fits_line(level, &record.line) {
                part.count(source, &record.labels, record.time.millis(), &record.line);
            }
        }
    }

    /// Lets time pass: the samples of all windows that are over.
    pub(crate) fn tick(&mut self, now: Timestamp, out: &mut Vec<SeriesPoints>) {
        self.parts.iter_mut().for_each(|it| it.tick(now.millis(), out));
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let dropped = |reason: &str, value: u64| {
            let help = "Log lines that a window left out.";
            Metric::counter("sentinel_detect_window_lines_dropped_total", help, value).label("reason", reason)
        };
        let sum = |of: fn(&Counts) -> u64| self.parts.iter().map(|it| of(&it.counts)).sum::<u64>();
        let keys: usize = self.parts.iter().map(|it| it.keys.len()).sum();
        vec![
            Metric::counter("sentinel_detect_window_lines_total", "Log lines counted in windows.", sum(|it| it.lines)),
            Metric::counter(
                "sentinel_detect_window_lines_late_total",
                "Log lines that came after a window of theirs was told, and counted in later ones.",
                sum(|it| it.late_merged),
            ),
            dropped("late", sum(|it| it.late_dropped)),
            dropped("too_many_keys", sum(|it| it.keys_dropped)),
            dropped("no_number", sum(|it| it.no_value)),
            Metric::counter("sentinel_detect_windows_total", "Windows told.", sum(|it| it.told)),
            Metric::counter(
                "sentinel_detect_windows_partial_total",
                "Windows not told because their source was not heard all the time.",
                sum(|it| it.partial),
            ),
            Metric::gauge("sentinel_detect_window_keys", "Keys of windows.", keys as f64),
        ]
    }
}

impl Windowing {
    fn hear(&mut self, source: usize, time: i64, now: i64) {
        if self.sources.len() <= source {
            self.sources.resize(source + 1, UNHEARD);
        }
        if time > self.newest_millis {
            (self.newest_millis, self.newest_at) = (time, now);
        }
        let patience = self.patience_millis();
        let Some(source) = self.sources.get_mut(source) else { return };
        if source.newest_millis == i64::MIN || time.saturating_sub(source.newest_millis) > patience {
            source.heard_since = time;
        }
        source.newest_millis = source.newest_millis.max(time);
    }

    /// A source that was silent for longer than this has paused.
    fn patience_millis(&self) -> i64 {
        self.config.window_millis() + self.config.lateness_millis()
    }

    fn count(&mut self, source: usize, labels: &Labels, time: i64, line: &str) {
        let config = &self.config;
        let pair = |name: &String| Some((name.clone(), value_of(labels, line, name)?.to_owned()));
        let key = Labels::new(config.by.iter().filter_map(pair));
        let pane = time.div_euclid(config.slide_millis());
        let counts = &mut self.counts;
        if !self.keys.contains_key(&key) && self.keys.len() >= config.max_keys {
            counts.keys_dropped += 1;
            return;
        }
        let passed = self.newest_millis.saturating_sub(config.lateness_millis()).div_euclid(config.slide_millis());
        let entry = self.keys.entry(key).or_insert_with(|| Key {
            source,
            panes: BTreeMap::new(),
            next: pane.max(passed),
            newest_pane: pane,
        });
        if pane < entry.next {
            if pane + config.panes() <= entry.next {
                counts.late_dropped += 1;
                return;
            }
            counts.late_merged += 1;
        }
        counts.lines += 1;
        entry.newest_pane = entry.newest_pane.max(pane);
        let pane = entry.panes.entry(pane).or_default();
        pane.count += 1;
        if let Some(name) = &config.value {
            match field(line, name).and_then(number_of) {
                Some(value) => pane.values.learn_one(value),
                None => counts.no_value += 1,
            }
        }
        if let Some(value) = config.distinct.as_ref().and_then(|it| value_of(labels, line, it)) {
            pane.distinct.learn_one(hash_text(value));
        }
    }

    fn tick(&mut self, now: i64, out: &mut Vec<SeriesPoints>) {
        if self.newest_millis == i64::MIN {
            return;
        }
        let Self { config, keys, sources, counts, newest_millis, newest_at, .. } = self;
        let lateness = config.lateness_millis();
        let patience = config.window_millis() + lateness;
        let (slide, panes) = (config.slide_millis(), config.panes());
        // Without new lines time goes on with the clock, after one more lateness.
        let idle = now.saturating_sub(*newest_at).saturating_sub(lateness).max(0);
        let clock = newest_millis.saturating_add(idle);
        keys.retain(|labels, key| {
            let source = sources.get(key.source).copied().unwrap_or(UNHEARD);
            for _ in 0..MOST_AT_ONCE {
                let end = (key.next + 1) * slide;
                if clock - lateness < end {
                    return true;
                }
                let is_heard = source.newest_millis >= end;
                if !is_heard && clock < end + patience {
                    return true;
                }
                let begin = end - panes * slide;
                let whole = match is_heard {
                    true => begin > source.heard_since,
                    // Silent since before it began, while others go on.
                    false => source.newest_millis < begin && *newest_millis >= end,
                };
                if whole {
                    counts.told += 1;
                    tell(config, labels, &window(&key.panes, key.next - panes + 1, key.next), end, out);
                } else {
                    counts.partial += 1;
                }
                key.next += 1;
                let oldest = key.next - panes + 1;
                while key.panes.first_key_value().is_some_and(|it| *it.0 < oldest) {
                    key.panes.pop_first();
                }
                if key.next - key.newest_pane > FORGET_WINDOWS * panes {
                    end_series(config, labels, end, out);
                    return false;
                }
            }
            true
        });
    }
}

/// A label of the stream, the service or host under any of its names, else a field of the line.
fn value_of<'a>(labels: &'a Labels, line: &'a str, name: &str) -> Option<&'a str> {
    let owner = || match name {
        "service" => labels.service(),
        "host" => labels.host(),
        _ => None,
    };
    labels.get(name).or_else(owner).or_else(|| field(line, name))
}

fn window(panes: &BTreeMap<i64, Pane>, from: i64, to: i64) -> Pane {
    let mut whole = Pane::default();
    for pane in panes.range(from..=to).map(|it| it.1) {
        whole.count += pane.count;
        whole.values.merge(&pane.values);
        whole.distinct.merge(&pane.distinct);
    }
    whole
}

fn series(config: &WindowConfig, labels: &Labels, aggregate: Aggregate) -> Labels {
    labels
        .with("__name__", &format!("{}_{}", config.name, aggregate.as_str()))
        .with("window", &format!("{}s", config.window_secs))
}

/// A window without lines has a count of 0 and no percentiles.
fn tell(config: &WindowConfig, labels: &Labels, window: &Pane, end: i64, out: &mut Vec<SeriesPoints>) {
    for aggregate in &config.aggregates {
        let value = match aggregate {
            Aggregate::Count => Some(window.count as f64),
            Aggregate::Rate => Some(window.count as f64 / f64::from(config.window_secs)),
            Aggregate::Distinct => Some(window.distinct.estimate()),
            Aggregate::P50 => window.values.quantile(0.5),
            Aggregate::P95 => window.values.quantile(0.95),
            Aggregate::P99 => window.values.quantile(0.99),
        };
        if let Some(value) = value {
            out.push(SeriesPoints::one(series(config, labels, *aggregate), Timestamp::from_millis(end), value));
        }
    }
}

/// NaN tells that a series has ended on purpose.
fn end_series(config: &WindowConfig, labels: &Labels, end: i64, out: &mut Vec<SeriesPoints>) {
    let time = Timestamp::from_millis(end);
    out.extend(config.aggregates.iter().map(|it| SeriesPoints {
        labels: series(config, labels, *it),
        points: vec![Point { time: time.plus(std::time::Duration::from_millis(1)), value: f64::NAN }],
    }));
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
