//! Which log templates are new, surging or gone? Counts per service and template over the last half hour.
//!
//! Every line passes here once: its template is found, it counts, `log_finder` judges it, `log_rules` and `windows`
//! count it where they are configured.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use learn::logs::{HeaderFinder, TemplateId, TemplateMiner, TemplateMinerConfig};
use learn::sketch::hash_text;
use serde::{Deserialize, Serialize};
use signal::{Anomaly, AnomalyKind, LogLevel, LogRecord, Meter, Metric, SeriesId, SeriesPoints, Timestamp};

use crate::config::Config;
use crate::log_counted::Counted;
use crate::log_finder::{Finder, Line};
use crate::log_rules::LogRules;
use crate::windows::Windows;

/// Streams whose level and rules are kept; the lines of further ones are looked at anew each time.
pub(crate) const MAX_STREAMS: usize = 16_384;
/// Pairs of service and template that are remembered as seen before, also when they are no longer counted.
const MAX_SEEN: usize = 131_072;

/// Anomalies that are remembered to be shown.
pub(crate) const MAX_ANOMALIES: usize = 1000;

/// Bounds of a [`LogWatch`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogWatchConfig {
    /// At most this many pairs of service and template are counted; the longest silent make room. Default 16384.
    pub max_counted: usize,
    /// At most this many services; lines of further ones are dropped and counted. Default 2048.
    pub max_services: usize,
    /// How templates are found.
    pub templates: TemplateMinerConfig,
}

impl Default for LogWatchConfig {
    fn default() -> Self {
        Self { max_counted: 16_384, max_services: 2048, templates: TemplateMinerConfig::default() }
    }
}

impl LogWatchConfig {
    /// All problems of the configuration, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems: Vec<String> =
            self.templates.validate().into_iter().map(|it| format!("templates.{it}")).collect();
        for (key, value) in [("max_counted", self.max_counted), ("max_services", self.max_services)] {
            if value == 0 {
                problems.push(format!("{key} is 0, but must be at least 1"));
            }
        }
        problems
    }
}

/// Finds the template of each line and counts it; tells which templates changed between two windows.
///
/// Time is that of the lines, so that replayed and late lines count where they belong.
#[derive(Debug)]
pub struct LogWatch {
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: LogWatchConfig,
    pub(crate) miner: TemplateMiner,
    /// Where the messages of a service's lines begin.
    pub(crate) headers: HashMap<u32, HeaderFinder>,
    pub(crate) services: HashMap<String, Service>,
    pub(crate) counted: HashMap<(u32, TemplateId), Counted>,
    detect: Arc<Config>,
    streams: HashMap<SeriesId, Stream>,
    pub(crate) sources: HashMap<(u32, String), u32>,
    /// Pairs that were seen, and those of the generation before.
    seen: [HashSet<u64>; 2],
    pub(crate) finder: Finder,
    /// Found lately, the oldest first.
    pub(crate) anomalies: VecDeque<Anomaly>,
    rules: LogRules,
    windows: Windows,
    now: Timestamp,
    observed: u64,
    dropped_time: u64,
    dropped_old: u64,
    dropped_service: u64,
    forgotten: u64,
    header_changes: u64,
}

/// What is the same for all lines of a stream.
#[derive(Clone, Copy, Debug)]
struct Stream {
    service: u32,
    source: u32,
    level: Option<LogLevel>,
    rules: u64,
    windows: u64,
}

/// What log lines have led to since the last tick.
#[derive(Clone, Debug, Default)]
pub struct LogNews {
    /// Anomalies that begin, go on or are over.
    pub anomalies: Vec<Anomaly>,
    /// Samples of windows that have ended.
    pub samples: Vec<SeriesPoints>,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) number: u32,
    /// The earliest line: before it nothing is known, so that nothing can be called new.
    pub(crate) since: Timestamp,
}

impl LogWatch {
    /// Without any line. `detect` says what is unusual about lines and which ones are counted.
    pub fn new(config: LogWatchConfig, detect: Arc<Config>) -> Self {
        let miner = TemplateMiner::new(config.templates.clone());
        Self {
            state: Mutex::new(State {
                config,
                miner,
                headers: HashMap::new(),
                services: HashMap::new(),
                counted: HashMap::new(),
                streams: HashMap::new(),
                sources: HashMap::new(),
                seen: Default::default(),
                finder: Finder::new(Arc::clone(&detect)),
                anomalies: VecDeque::new(),
                rules: LogRules::new(&detect.log_rules),
                windows: Windows::new(&detect.windows),
                detect,
                now: Timestamp::MIN,
                observed: 0,
                dropped_time: 0,
                dropped_old: 0,
                dropped_service: 0,
                forgotten: 0,
                header_changes: 0,
            }),
        }
    }

    /// Judges a line and takes it in.
    pub fn observe(&self, record: &LogRecord) {
        self.lock().observe(record);
    }

    /// The templates with their identities, for [`Self::restore_templates`].
    pub fn save_templates(&self) -> Vec<u8> {
        // Written after the lock is free again: lines are waiting.
        let state = self.lock().miner.save();
        serde_json::to_vec(&state).expect("templates are plain data")
    }

    /// Gives templates the identities they had before a restart; call it before the first line.
    ///
    /// # Errors
    /// A message if the state is damaged or of another version; then nothing is restored.
    pub fn restore_templates(&self, saved: &[u8]) -> Result<(), String> {
        let state = serde_json::from_slice(saved).map_err(|error| error.to_string())?;
        let mut watch = self.lock();
        watch.miner = TemplateMiner::restore(watch.config.templates.clone(), state)?;
        Ok(())
    }

    /// Takes in a line that was stored before a restart: it teaches, and tells nothing.
    pub fn replay(&self, record: &LogRecord) {
        let mut state = self.lock();
        state.finder.is_replaying = true;
        state.observe(record);
        state.finder.is_replaying = false;
    }

    /// Lets time pass: what there is to tell. Call it about every second.
    pub fn tick(&self, now: Timestamp) -> LogNews {
        let mut state = self.lock();
        let news = state.tick(now);
        state.remember_anomalies(&news.anomalies);
        news
    }

    /// Which kinds of line were ever seen, to be restored after a restart.
    pub fn save(&self) -> Vec<u8> {
        let state = self.lock();
        state.seen.iter().flatten().flat_map(|it| it.to_le_bytes()).collect()
    }

    /// Takes back what was seen before a restart. A damaged tail is left out.
    pub fn restore(&self, saved: &[u8]) {
        let mut state = self.lock();
        for word in saved.chunks_exact(8) {
            if let Ok(bytes) = word.try_into() {
                state.remember(u64::from_le_bytes(bytes));
            }
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while counting leaves at worst one line uncounted.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn observe(&mut self, record: &LogRecord) {
        self.observed += 1;
        if !record.time.is_plausible() || self.is_ahead(record.time) {
            self.dropped_time += 1;
            return;
        }
        let Some(stream) = self.stream(record) else {
            self.dropped_service += 1;
            return;
        };
        let (template, message) = self.template(stream.service, &record.line);
        let key = (stream.service, template);
        if !self.counted.contains_key(&key) && self.counted.len() >= self.config.max_counted {
            self.make_room();
        }
        let is_new = !self.counted.contains_key(&key) && self.remember(pair_hash(record.labels.owner(), template));
        let counted = self.counted.entry(key).or_insert_with(|| Counted::new(record));
        counted.count(record);
        if self.finder.is_replaying && record.time.millis() <= self.finder.learned_until {
            return;
        }
        counted.total = counted.total.saturating_add(1);
        let level = stream.level.unwrap_or(counted.level);
        // What was said long ago is no news, and must not be taken for what goes on now.
        let age_secs = if self.now == Timestamp::MIN { 0.0 } else { self.now.secs_since(record.time) };
        if age_secs > f64::from(self.detect.backfill_age_secs) {
            self.dropped_old += 1;
            return;
        }
        if self.detect.logs.enabled {
            let line = Line {
                service: stream.service,
                source: stream.source,
                template,
                template_text: self.miner.template(template).unwrap_or(""),
                level,
                millis: record.time.millis(),
                labels: &record.labels,
                text: &record.line,
                message,
                is_new,
            };
            self.finder.observe(&line, &mut counted.habit);
        }
        if !self.finder.is_replaying {
            self.count_as_configured(stream, record);
        }
    }

    /// The template of a line, and its message.
    fn template<'a>(&mut self, service: u32, line: &'a str) -> (TemplateId, &'a str) {
        if self.headers.entry(service).or_default().learn_one(line) {
            self.read_again(service);
        }
        let message = self.headers.get(&service).map_or(line, |it| it.message(line));
        let template = self.miner.learn_one(message);
        self.fold_merged();
        (template, message)
    }

    /// The headers of a service are other than was thought: its kinds of line get the templates of their messages.
    fn read_again(&mut self, service: u32) {
        self.header_changes += 1;
        let of_service = self.counted.iter().filter(|((it, _), _)| *it == service);
        let mut known: Vec<(Timestamp, TemplateId, String)> =
            of_service.map(|((_, id), it)| (it.first, *id, it.example.clone())).collect();
        known.sort();
        for (_, from, example) in known {
            let message = self.headers.get(&service).map_or(&*example, |it| it.message(&example));
            let into = self.miner.learn_one(message);
            if into != from {
                self.fold_one(service, from, into);
                if let Some(counted) = self.counted.get_mut(&(service, into)) {
                    counted.habit.begin_anew();
                }
            }
        }
        self.finder.forget_order(service);
        self.fold_merged();
    }

    fn fold_merged(&mut self) {
        for (from, into) in self.miner.take_merged() {
            self.fold(from, into);
        }
    }

    fn count_as_configured(&mut self, stream: Stream, record: &LogRecord) {
        let has_windows = !self.windows.is_empty();
        if stream.rules == 0 && !has_windows {
            return;
        }
        let level = stream.level.unwrap_or_else(|| record.level());
        self.rules.observe(stream.rules, &record.labels, level, record.time, &record.line);
        if has_windows {
            let now = if self.now == Timestamp::MIN { record.time } else { self.now };
            self.windows.observe((stream.windows, stream.service), level, record, now);
        }
    }

    fn tick(&mut self, now: Timestamp) -> LogNews {
        self.now = self.now.max(now);
        let mut news = LogNews::default();
        self.rules.tick(now, &mut news.anomalies);
        self.windows.tick(now, &mut news.samples);
        if !self.detect.logs.enabled {
            return news;
        }
        let millis = now.millis();
        if self.finder.is_look_due(millis) {
            self.look(millis);
        }
        for subject in self.finder.tick(millis) {
            if let Some(counted) = self.counted.get_mut(&(subject.service, TemplateId(subject.template))) {
                match subject.kind {
                    AnomalyKind::NewTemplate => counted.habit.novel_lines = None,
                    AnomalyKind::VanishedTemplate => {
                        counted.habit.is_vanished = false;
                        counted.habit.cadence.reset();
                    }
                    AnomalyKind::LogRate => counted.habit.rate.adopt(),
                    _ => {}
                }
            }
        }
        news.anomalies.extend(self.finder.episodes.take());
        news
    }

    fn remember_anomalies(&mut self, anomalies: &[Anomaly]) {
        for it in anomalies {
            let is_same = |known: &&mut Anomaly| {
                known.kind == it.kind && known.onset == it.onset && known.labels.id() == it.labels.id()
            };
            match self.anomalies.iter_mut().rev().find(is_same) {
                Some(known) => *known = it.clone(),
                None => self.anomalies.push_back(it.clone()),
            }
        }
        let surplus = self.anomalies.len().saturating_sub(MAX_ANOMALIES);
        self.anomalies.drain(..surplus);
    }

    /// Looks for kinds of line and for sources that are silent.
    fn look(&mut self, now_millis: i64) {
        let Self { counted, miner, finder, .. } = self;
        for ((service, template), counted) in counted.iter_mut() {
            let line = Line {
                service: *service,
                source: 0,
                template: *template,
                template_text: miner.template(*template).unwrap_or(""),
                level: counted.level,
                millis: counted.newest.millis(),
                labels: &counted.labels,
                text: &counted.example,
                message: "",
                is_new: false,
            };
            finder.look(&line, &mut counted.habit, now_millis, |it| miner.template(it));
        }
        finder.look_at_sources(|it| miner.template(it));
    }

    fn is_ahead(&self, time: Timestamp) -> bool {
        let tolerance = Duration::from_secs(u64::from(self.detect.future_tolerance_secs));
        self.now != Timestamp::MIN && time > self.now.plus(tolerance)
    }

    fn stream(&mut self, record: &LogRecord) -> Option<Stream> {
        if let Some(stream) = self.streams.get(&record.labels.id()) {
            return Some(*stream);
        }
        let service = self.service(record)?;
        let host = record.labels.host().unwrap_or("").to_owned();
        let count = self.sources.len();
        let source = match self.sources.get(&(service, host.clone())) {
            Some(it) => *it,
            // Further hosts of a service share one place, where nothing looks regular.
            None if count >= MAX_STREAMS => 0,
            None => {
                let number = u32::try_from(count).unwrap_or(0) + 1;
                self.sources.insert((service, host), number);
                number
            }
        };
        let label = ["level", "severity", "detected_level"].iter().find_map(|it| record.labels.get(it));
        let stream = Stream {
            service,
            source,
            level: label.and_then(LogLevel::parse),
            rules: self.rules.of_stream(&record.labels),
            windows: self.windows.of_stream(&record.labels),
        };
        if self.streams.len() < MAX_STREAMS {
            self.streams.insert(record.labels.id(), stream);
        }
        Some(stream)
    }

    /// True if the pair was never seen.
    fn remember(&mut self, pair: u64) -> bool {
        let [seen, before] = &mut self.seen;
        if seen.contains(&pair) {
            return false;
        }
        let is_new = !before.contains(&pair);
        if seen.len() >= MAX_SEEN / 2 {
            *before = std::mem::take(seen);
        }
        seen.insert(pair);
        is_new
    }

    /// Counts of a template that merged go to the one that took it in.
    fn fold(&mut self, from: TemplateId, into: TemplateId) {
        let services: Vec<u32> =
            self.counted.keys().filter(|(_, template)| *template == from).map(|(service, _)| *service).collect();
        services.into_iter().for_each(|it| self.fold_one(it, from, into));
    }

    fn fold_one(&mut self, service: u32, from: TemplateId, into: TemplateId) {
        let Some(mut part) = self.counted.remove(&(service, from)) else { return };
        part.habit.novel_lines = None;
        if let Some(name) = self.services.iter().find(|it| it.1.number == service).map(|it| it.0.clone()) {
            self.remember(pair_hash(&name, into));
        }
        self.finder.merge(service, from, part.newest.millis());
        match self.counted.get_mut(&(service, into)) {
            Some(whole) => whole.add(part),
            None => {
                self.counted.insert((service, into), part);
            }
        }
    }

    fn service(&mut self, record: &LogRecord) -> Option<u32> {
        let name = record.labels.owner();
        if let Some(found) = self.services.get_mut(name) {
            found.since = found.since.min(record.time);
            return Some(found.number);
        }
        if self.services.len() >= self.config.max_services {
            return None;
        }
        let number = u32::try_from(self.services.len()).ok()?;
        self.services.insert(name.to_owned(), Service { number, since: record.time });
        Some(number)
    }

    /// Forgets the eighth that was silent for the longest time.
    fn make_room(&mut self) {
        let mut ages: Vec<Timestamp> = self.counted.values().map(|it| it.newest).collect();
        let eighth = (ages.len() / 8).max(1);
        let (_, limit, _) = ages.select_nth_unstable(eighth - 1);
        let limit = *limit;
        let before = self.counted.len();
        self.counted.retain(|_, it| it.newest > limit);
        self.forgotten += (before - self.counted.len()) as u64;
    }
}

impl Meter for LogWatch {
    fn metrics(&self) -> Vec<Metric> {
        let state = self.lock();
        let dropped = |reason: &str, value: u64| {
            Metric::counter("sentinel_detect_log_lines_dropped_total", "Log lines that were not counted.", value)
                .label("reason", reason)
        };
        let habits: usize = state.counted.values().map(|it| it.habit.bytes()).sum();
        let mut metrics = vec![
            Metric::counter("sentinel_detect_log_lines_total", "Log lines looked at.", state.observed),
            dropped("implausible_time", state.dropped_time),
            dropped("too_many_services", state.dropped_service),
            dropped("too_old", state.dropped_old),
            Metric::gauge("sentinel_detect_log_habit_bytes", "Memory of what is usual in logs.", habits as f64),
            Metric::gauge("sentinel_detect_log_templates", "Log templates kept.", state.miner.len() as f64),
            Metric::counter(
                "sentinel_detect_log_templates_evicted_total",
                "Log templates that made room for others.",
                state.miner.evicted(),
            ),
            Metric::counter(
                "sentinel_detect_log_headers_learned_total",
                "How often a service's lines showed another header than was thought.",
                state.header_changes,
            ),
            Metric::gauge(
                "sentinel_detect_log_counted",
                "Pairs of service and log template that are counted.",
                state.counted.len() as f64,
            ),
            Metric::counter(
                "sentinel_detect_log_counted_evicted_total",
                "Pairs of service and log template that made room for others.",
                state.forgotten,
            ),
        ];
        metrics.extend(state.finder.metrics());
        metrics.extend(state.rules.metrics());
        metrics.extend(state.windows.metrics());
        metrics
    }
}

fn pair_hash(owner: &str, template: TemplateId) -> u64 {
    hash_text(owner).rotate_left(32) ^ template.0
}

#[cfg(test)]
mod tests {
    use signal::{Labels, TemplateTrend, Templates as _, TimeRange};

    use super::*;
    use crate::log_counted::MAX_EXAMPLE_BYTES;

    const START: i64 = 1_700_000_000;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(START + secs)
    }

    fn say(watch: &LogWatch, secs: i64, service: &str, line: &str) {
        let labels = Labels::new([("service", service)]);
        watch.observe(&LogRecord::new(at(secs), labels, line));
    }

    fn windows() -> (TimeRange, TimeRange) {
        (TimeRange::new(at(0), at(295)), TimeRange::new(at(300), at(360)))
    }

    fn changes(watch: &LogWatch) -> Vec<(String, TemplateTrend, Timestamp)> {
        let (before, after) = windows();
        watch.changes(before, after).into_iter().map(|it| (it.template, it.trend, it.onset)).collect()
    }

    #[test]
    fn new_surging_and_gone_templates_are_found_and_usual_ones_are_not() {
        let watch = LogWatch::new(LogWatchConfig::default(), Arc::default());
        for secs in 0..360 {
            say(&watch, secs, "pay", &format!("accepted order {secs}"));
            if secs % 5 == 0 && secs < 300 {
                say(&watch, secs, "pay", &format!("heartbeat {secs} sent"));
            }
            if secs % 60 == 0 || secs >= 310 {
                say(&watch, secs, "pay", &format!("slow query took {secs} ms"));
            }
            if secs >= 320 && secs % 4 == 0 {
                say(&watch, secs, "pay", &format!("ERROR no connection for request {secs}"));
            }
        }
        let expected = [
            ("ERROR no connection for request <*>", TemplateTrend::New, at(320)),
            ("slow query took <*> ms", TemplateTrend::Surging, at(310)),
            ("heartbeat <*> sent", TemplateTrend::Gone, at(295)),
        ];
        assert_eq!(changes(&watch), expected.map(|(text, trend, onset)| (text.to_owned(), trend, onset)));
    }

    #[test]
    fn rare_lines_and_lines_of_a_service_that_was_not_watched_stay_silent() {
        let watch = LogWatch::new(LogWatchConfig::default(), Arc::default());
        for secs in 0..360 {
            say(&watch, secs, "pay", "all is well");
        }
        say(&watch, 330, "pay", "INFO vacuum removed 17 rows");
        for secs in [20, 340, 341] {
            say(&watch, secs, "pay", "WARN address could not be normalized");
        }
        for secs in 300..360 {
            say(&watch, secs, "fresh", "ERROR seen from the first second");
        }
        assert_eq!(changes(&watch), vec![]);
    }

    #[test]
    fn lines_that_turn_out_to_be_of_one_template_count_together() {
        let watch = LogWatch::new(LogWatchConfig::default(), Arc::default());
        let mut words = ["tea", "ink", "oil", "rum", "gin", "ale"].iter().cycle();
        for secs in 0..360 {
            say(&watch, secs, "pay", "all is well");
            if secs % 10 == 0 || secs >= 310 {
                let word = words.next().unwrap();
                say(&watch, secs, "pay", &format!("order of {word} refused"));
            }
        }
        let expected = [("order of <*> refused".to_owned(), TemplateTrend::Surging, at(310))];
        assert_eq!(changes(&watch), expected);
        assert_eq!(watch.lock().counted.len(), 2);
    }

    #[test]
    fn headers_are_found_and_what_was_counted_before_moves_to_the_message() {
        let watch = LogWatch::new(LogWatchConfig::default(), Arc::default());
        let header = |secs: i64| {
            let level = if secs % 7 == 0 { "WARN" } else { "INFO" };
            format!("2026-01-02 03:{:02}:{:02},123 {level} [worker-{}] shop.Main: ", secs / 60, secs % 60, secs % 3)
        };
        for secs in 0..360 {
            say(&watch, secs, "pay", &format!("{}accepted order {secs}", header(secs)));
            if secs % 60 == 0 || secs >= 310 {
                say(&watch, secs, "pay", &format!("{}slow query took {secs} ms", header(secs)));
            }
            if secs % 5 == 0 {
                say(&watch, secs, "plain", &format!("all is well {secs}"));
            }
        }
        assert_eq!(changes(&watch), [("slow query took <*> ms".to_owned(), TemplateTrend::Surging, at(310))]);
        let state = watch.lock();
        assert_eq!(state.counted.len(), 3);
        let first = state.counted.values().map(|it| it.first).min();
        assert_eq!(first, Some(at(0)), "lines before the header was known count on");
        assert_eq!(state.header_changes, 1);
    }

    #[test]
    fn templates_keep_their_identity_over_a_restart() {
        let identity = |watch: &LogWatch, line: &str| watch.lock().miner.learn_one(line);
        let (before, after) = (
            LogWatch::new(LogWatchConfig::default(), Arc::default()),
            LogWatch::new(LogWatchConfig::default(), Arc::default()),
        );
        for user in ["ann", "bob", "eve", "joe"] {
            say(&before, 0, "pay", &format!("session opened for user {user}"));
        }
        after.restore_templates(&before.save_templates()).unwrap();
        let line = "session opened for user zoe";
        assert_ne!(identity(&LogWatch::new(LogWatchConfig::default(), Arc::default()), line), identity(&before, line));
        assert_eq!(identity(&after, line), identity(&before, line));
        assert!(after.restore_templates(b"{\"version\":7}").is_err());
        assert!(after.restore_templates(&before.save_templates()[..40]).is_err());
    }

    #[test]
    fn order_of_arrival_does_not_matter() {
        let lines: Vec<i64> = (0..360).filter(|it| it % 9 == 0 || *it > 305).collect();
        let (straight, mixed) = (
            LogWatch::new(LogWatchConfig::default(), Arc::default()),
            LogWatch::new(LogWatchConfig::default(), Arc::default()),
        );
        lines.iter().for_each(|it| say(&straight, *it, "pay", "retry 5"));
        let mut shuffled = lines;
        fastrand::Rng::with_seed(3).shuffle(&mut shuffled);
        shuffled.iter().for_each(|it| say(&mixed, *it, "pay", "retry 5"));
        assert_eq!(changes(&straight), changes(&mixed));
        assert_eq!(changes(&straight).len(), 1);
    }

    #[test]
    fn memory_is_bounded_and_drops_are_counted() {
        let config = LogWatchConfig { max_counted: 32, max_services: 2, ..LogWatchConfig::default() };
        let watch = LogWatch::new(config, Arc::default());
        let mut random = fastrand::Rng::with_seed(1);
        for secs in 0..2000 {
            let words: String = (0..36).map(|it| if it % 9 == 8 { ' ' } else { random.lowercase() }).collect();
            say(&watch, secs, ["a", "b", "c"][random.usize(..3)], &words);
        }
        watch.observe(&LogRecord::new(
            Timestamp::from_millis(-5),
            Labels::new([("service", "a")]),
            "x".repeat(1_000_000),
        ));
        say(&watch, 2001, "a", &"\u{fc}x ".repeat(400_000));
        let state = watch.lock();
        assert!(state.counted.len() <= 32 && state.services.len() == 2);
        assert!(state.counted.values().all(|it| it.example.len() <= MAX_EXAMPLE_BYTES && it.buckets.len() <= 181));
        assert!(state.forgotten > 0 && state.dropped_service > 0);
        drop(state);
        let value = |name: &str, reason: &str| {
            let metrics = watch.metrics();
            let found = metrics.iter().find(|it| it.name == name && (it.labels.is_empty() || it.labels[0].1 == reason));
            found.map(|it| it.value)
        };
        assert_eq!(value("sentinel_detect_log_lines_total", ""), Some(2002.0));
        assert_eq!(value("sentinel_detect_log_lines_dropped_total", "implausible_time"), Some(1.0));
    }

    #[test]
    fn bad_configuration_names_each_key() {
        let templates = TemplateMinerConfig { max_templates: 1, ..TemplateMinerConfig::default() };
        let config = LogWatchConfig { max_counted: 0, max_services: 0, templates };
        let problems = config.validate().join("\n");
        assert!(["max_counted", "max_services", "templates.max_templates"].iter().all(|it| problems.contains(it)));
    }
}
