//! What is unusual about the lines of a log? New kinds, kinds that are gone, rates, what lines carry, and their order.
//!
//! Each finding needs more than one line: a log is noisy, and one odd line is nobody's concern. What is found is told as
//! an anomaly whose explanation cites the kind of line, the counts and one line.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use learn::events::{Break, EventRate, RateVerdict, Successors};
use learn::logs::TemplateId;
use serde::{Deserialize, Serialize};
use signal::{AnomalyKind, Direction, Labels, LogLevel, Metric};

use crate::config::Config;
use crate::log_config::FromLevel;
use crate::log_episodes::{Episodes, Subject};
use crate::log_habit::{Habit, Odd, rounded};
use crate::log_telling::{Describe as _, describe, score, subject};
use crate::log_text::{EXAMPLE_BYTES, TEMPLATE_BYTES, likeness, shortened};

/// A service that said nothing for so long has paused: the time between says nothing about rates.
const PAUSE_MILLIS: i64 = 180_000;
/// A kind of line is new while its first lines come within this.
const NOVEL_MILLIS: i64 = 300_000;
/// New kinds of this long ago raise the bar for the next one.
const DISCOVERY_MILLIS: i64 = 3_600_000;
const DISCOVERIES: usize = 64;
/// A surge must go on for so long.
const SURGE_MILLIS: i64 = 30_000;
/// All kinds of line are looked at for silence every so often.
const LOOK_MILLIS: i64 = 5_000;
/// Only kinds of line that came during at least this share of the time that their service is known can be missed.
const LASTING_SHARE: f64 = 0.7;
/// A kind of line that replaces one that vanished shares at least so many of its words.
const RENAMED: f64 = 0.5;

/// One line, as far as it is known.
pub(crate) struct Line<'a> {
    pub service: u32,
    /// The process that wrote it: service and host.
    pub source: u32,
    pub template: TemplateId,
    pub template_text: &'a str,
    pub level: LogLevel,
    pub millis: i64,
    pub labels: &'a Labels,
    pub text: &'a str,
    /// The text without its header.
    pub message: &'a str,
    /// True if this service never said such a line.
    pub is_new: bool,
}

/// Finds anomalies in log lines.
#[derive(Debug)]
pub(crate) struct Finder {
    config: Arc<Config>,
    services: Vec<Talk>,
    /// The newest line of each source.
    sources: Vec<Option<Previous>>,
    sequences: HashMap<(u32, TemplateId), Successors>,
    pub episodes: Episodes,
    newest_millis: i64,
    looked_millis: i64,
    dropped_sequences: u64,
    /// True while stored lines are learned again: nothing is told.
    pub is_replaying: bool,
    /// What is older was learned before a restart.
    pub learned_until: i64,
}

/// What one service says altogether.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Talk {
    since: i64,
    newest: i64,
    resumed: i64,
    rate: EventRate,
    /// New kinds of line lately: when, which, and whether they were warnings or worse.
    discoveries: VecDeque<(i64, TemplateId, bool)>,
}

#[derive(Clone, Debug)]
struct Previous {
    template: TemplateId,
    millis: i64,
    level: LogLevel,
    labels: Labels,
    service: u32,
    text: String,
    is_told: bool,
}

impl Finder {
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            episodes: Episodes::new(config.logs.max_open),
            config,
            services: vec![],
            sources: vec![],
            sequences: HashMap::new(),
            newest_millis: i64::MIN,
            looked_millis: i64::MIN,
            dropped_sequences: 0,
            is_replaying: false,
            learned_until: i64::MIN,
        }
    }

    /// Judges a line by those before, and takes it in.
    pub fn observe(&mut self, line: &Line<'_>, habit: &mut Habit) {
        self.newest_millis = self.newest_millis.max(line.millis);
        self.hear(line, habit);
        if habit.is_vanished {
            habit.is_vanished = false;
            self.episodes.end(&subject(AnomalyKind::VanishedTemplate, line, 0), line.millis);
        }
        habit.cadence.observe(line.millis);
        habit.rate.observe(line.millis);
        habit.newest_millis = habit.newest_millis.max(line.millis);
        if line.is_new {
            self.discover(line, habit);
        }
        self.judge_novelty(line, habit);
        self.judge_rate(line, habit);
        if self.is_of_interest(AnomalyKind::LogParameter, Direction::Above, line.level) {
            for odd in habit.read(line.template_text, line.message, line.millis, self.config.logs.max_parameters) {
                self.tell_parameter(line, &odd);
            }
        }
        if self.is_of_interest(AnomalyKind::LogSequence, Direction::Above, line.level) {
            self.judge_sequence(line);
        }
    }

    /// A kind of line was only a part of another one: it is not new after all.
    pub fn merge(&mut self, service: u32, template: TemplateId, millis: i64) {
        let kind = AnomalyKind::NewTemplate;
        self.episodes.end(&Subject { kind, service, template: template.0, place: 0 }, millis);
        if let Some(talk) = self.services.get_mut(service as usize) {
            talk.discoveries.retain(|it| it.1 != template);
        }
    }

    /// The kinds of line of a service have other names from now on: what follows what is learned anew.
    pub fn forget_order(&mut self, service: u32) {
        for (source, previous) in (0..).zip(&mut self.sources) {
            if previous.as_ref().is_some_and(|it| it.service == service) {
                *previous = None;
                self.sequences.retain(|(it, _), _| *it != source);
            }
        }
    }

    /// What services say altogether, by their number, to be saved.
    pub fn talk(&self, service: u32) -> Option<&Talk> {
        self.services.get(service as usize)
    }

    /// What follows what, by source, to be saved.
    pub fn sequences(&self) -> impl Iterator<Item = (u32, TemplateId, &Successors)> {
        self.sequences.iter().map(|((source, template), it)| (*source, *template, it))
    }

    /// The newest line, in milliseconds.
    pub fn newest_millis(&self) -> i64 {
        self.newest_millis
    }

    /// Lines up to this time were learned before a restart.
    pub fn restore_time(&mut self, millis: i64) {
        self.learned_until = millis;
        self.newest_millis = millis;
    }

    /// Takes back what a service said before a restart; services come in the order of their numbers.
    pub fn restore_talk(&mut self, talk: Talk) {
        self.services.push(talk);
    }

    /// Takes back what followed a line before a restart.
    pub fn restore_sequence(&mut self, source: u32, template: TemplateId, successors: Successors) {
        if self.sequences.len() < self.config.logs.max_sequences {
            self.sequences.insert((source, template), successors);
        }
    }

    /// True if it is time to look for what is silent.
    pub fn is_look_due(&mut self, now_millis: i64) -> bool {
        let is_due = now_millis.saturating_sub(self.looked_millis) >= LOOK_MILLIS || now_millis < self.looked_millis;
        if is_due {
            self.looked_millis = now_millis;
        }
        is_due
    }

    /// Looks at one kind of line that may be silent. `text_of` reads a template.
    pub fn look<'a>(
        &mut self,
        line: &Line<'_>,
        habit: &mut Habit,
        now_millis: i64,
        text_of: impl Fn(TemplateId) -> Option<&'a str>,
    ) {
        let Some(talk) = self.services.get(line.service as usize) else { return };
        let heard = talk.newest;
        if habit.newest_millis < talk.resumed {
            habit.rate.skip_to(talk.resumed);
        }
        habit.rate.advance(heard);
        // That there are fewer warnings is good news; that a job has ended is none. What was there nearly as long as the
        // service itself is expected to stay.
        let present = habit.newest_millis.saturating_sub(habit.first_millis);
        let learn = i64::from(self.config.logs.learn_secs) * 1000;
        let is_lasting = present >= learn && present as f64 >= LASTING_SHARE * heard.saturating_sub(talk.since) as f64;
        if line.level > LogLevel::Info || !is_lasting && !habit.is_vanished {
            return;
        }
        let is_overdue = habit.cadence.overdue_after_millis().is_some_and(|it| heard > habit.newest_millis + it)
            && heard.saturating_sub(talk.resumed) > PAUSE_MILLIS;
        // Somebody may have changed its words.
        let is_renamed = || {
            let gap = 2.0 * habit.cadence.usual_gap_millis();
            let since = habit.newest_millis.saturating_sub(gap as i64);
            let later = talk.discoveries.iter().filter(|it| it.0 >= since && it.1 != line.template);
            later.filter_map(|it| text_of(it.1)).any(|it| likeness(line.template_text, it) >= RENAMED)
        };
        if is_overdue && (habit.is_vanished || !is_renamed()) {
            self.tell_vanished(line, habit, now_millis);
        } else if let RateVerdict::Drop { count, expected, minutes } = habit.rate.verdict() {
            let is_alone = !matches!(talk.rate.verdict(), RateVerdict::Drop { .. }) && talk.rate.ratio() > 0.5;
            if is_alone && !is_renamed() {
                self.tell_drop(line, (count, expected, minutes), now_millis);
            }
        }
    }

    /// Sources that said something after which they always went on, and did not, while others do.
    pub fn look_at_sources<'a>(&mut self, text_of: impl Fn(TemplateId) -> Option<&'a str>) {
        let newest = self.newest_millis;
        let mut found = vec![];
        for (source, previous) in self.sources.iter_mut().enumerate() {
            let Some(previous) = previous.as_mut().filter(|it| !it.is_told) else { continue };
            let Some(successors) = self.sequences.get(&(source as u32, previous.template)) else { continue };
            if let Some(broken) = successors.overdue(newest.saturating_sub(previous.millis)) {
                previous.is_told = true;
                found.push((source as u32, previous.clone(), broken));
            }
        }
        for (source, previous, broken) in found {
            let expected = TemplateId(broken.expected);
            let what = format!("and then nothing for {} s", (newest - previous.millis) / 1000);
            self.tell_sequence(source, &previous, broken, &what, text_of(expected), newest);
        }
    }

    /// Ends what is over. `adopt` gets what has gone on for so long that it is usual now.
    pub fn tick(&mut self, now_millis: i64) -> Vec<Subject> {
        let quiet = i64::from(self.config.logs.quiet_secs) * 1000;
        let adopt = i64::from(self.config.adopt_after_secs) * 1000;
        self.episodes.tick(now_millis, quiet, adopt)
    }

    pub fn metrics(&self) -> Vec<Metric> {
        let help = "Findings in log lines that were left out.";
        let dropped = |reason: &str, value| {
            Metric::counter("sentinel_detect_log_findings_dropped_total", help, value).label("reason", reason)
        };
        vec![
            Metric::counter(
                "sentinel_detect_log_anomalies_total",
                "Anomalies found in log lines.",
                self.episodes.begun,
            ),
            Metric::gauge(
                "sentinel_detect_log_anomalies_open",
                "Anomalies of log lines now.",
                self.episodes.len() as f64,
            ),
            dropped("too_many_open", self.episodes.dropped),
            dropped("too_many_sequences", self.dropped_sequences),
        ]
    }

    /// True if such a finding could be a symptom or evidence.
    fn is_of_interest(&self, kind: AnomalyKind, direction: Direction, level: LogLevel) -> bool {
        let logs = &self.config.logs;
        let from = match (kind, direction) {
            (AnomalyKind::NewTemplate, _) => logs.symptom_from.new_template,
            (AnomalyKind::VanishedTemplate, _) => logs.symptom_from.vanished_template,
            (AnomalyKind::LogRate, Direction::Above) => logs.symptom_from.surge,
            (AnomalyKind::LogRate, Direction::Below) => logs.symptom_from.drop,
            (AnomalyKind::LogParameter, _) => logs.symptom_from.parameter,
            (AnomalyKind::LogSequence, _) => logs.symptom_from.sequence,
            _ => FromLevel::Never,
        };
        !self.is_replaying && (logs.evidence_from.has(level) || from.has(level))
            || self.is_replaying && logs.evidence_from.has(level)
    }

    fn hear(&mut self, line: &Line<'_>, habit: &mut Habit) {
        let service = line.service as usize;
        while self.services.len() <= service {
            self.services.push(Talk {
                since: line.millis,
                newest: line.millis,
                resumed: line.millis,
                rate: EventRate::new(line.millis),
                discoveries: VecDeque::new(),
            });
        }
        let Some(talk) = self.services.get_mut(service) else { return };
        talk.since = talk.since.min(line.millis);
        if line.millis.saturating_sub(talk.newest) > PAUSE_MILLIS {
            talk.resumed = line.millis;
            talk.rate.skip_to(line.millis);
        }
        talk.newest = talk.newest.max(line.millis);
        talk.rate.observe(line.millis);
        if habit.newest_millis < talk.resumed {
            habit.rate.skip_to(talk.resumed);
        }
    }

    fn discover(&mut self, line: &Line<'_>, habit: &mut Habit) {
        let learn = i64::from(self.config.logs.learn_secs) * 1000;
        let Some(talk) = self.services.get_mut(line.service as usize) else { return };
        let known = line.millis.saturating_sub(talk.since);
        if known >= learn && !self.is_replaying {
            habit.novel_lines = Some(0);
        }
        // In the first third everything is new, and that says nothing about what is to come.
        if known >= learn / 3 {
            talk.discoveries.push_back((line.millis, line.template, line.level >= LogLevel::Warn));
        }
        if talk.discoveries.len() > DISCOVERIES {
            talk.discoveries.pop_front();
        }
    }

    fn judge_novelty(&mut self, line: &Line<'_>, habit: &mut Habit) {
        let Some(lines) = habit.novel_lines.map(|it| it.saturating_add(1)) else { return };
        habit.novel_lines = Some(lines);
        let subject = subject(AnomalyKind::NewTemplate, line, 0);
        let is_open = self.episodes.since(&subject).is_some();
        let Some(talk) = self.services.get(line.service as usize) else { return };
        if !is_open && line.millis.saturating_sub(habit.first_millis) > NOVEL_MILLIS {
            habit.novel_lines = None;
            return;
        }
        let least = match line.level {
            LogLevel::Fatal => 1,
            LogLevel::Error => 3,
            _ => 5,
        };
        // Where new kinds of errors come all the time, another one is no news.
        let is_recent = |it: &&(i64, TemplateId, bool)| {
            it.2 && it.1 != line.template && line.millis.saturating_sub(it.0) < DISCOVERY_MILLIS
        };
        let others = talk.discoveries.iter().filter(is_recent).count() as u32;
        let enough = least * (1 + others);
        if !is_open && lines < enough || !self.is_of_interest(subject.kind, Direction::Above, line.level) {
            return;
        }
        let known_minutes = talk.since.abs_diff(habit.first_millis) / 60_000;
        let secs = (line.millis - habit.first_millis) / 1000;
        self.episodes.found(subject, line.millis, || {
            let text = format!("{lines} lines of a kind never seen in {known_minutes} minutes before, within {secs} s");
            let per_minute = f64::from(lines) / (secs as f64 / 60.0).max(1.0);
            describe(subject, line.labels, line.level, line.template_text, habit.first_millis, line.millis)
                .with(score(f64::from(lines) / f64::from(enough), per_minute, 0.0, (0.0, 0.0)))
                .explained(&text, line.text)
        });
    }

    fn judge_rate(&mut self, line: &Line<'_>, habit: &mut Habit) {
        let RateVerdict::Surge { count, usual, limit } = habit.rate.verdict() else { return };
        if habit.novel_lines.is_some_and(|it| it > 0)
            || !self.is_of_interest(AnomalyKind::LogRate, Direction::Above, line.level)
            || self.is_replaying
        {
            return;
        }
        let since = *habit.surge_since.get_or_insert(line.millis);
        if line.millis.saturating_sub(since) > 3 * 60_000 {
            // The last time was another surge.
            let subject = subject(AnomalyKind::LogRate, line, 1);
            if self.episodes.since(&subject).is_none() {
                habit.surge_since = Some(line.millis);
                return;
            }
        }
        if line.millis.saturating_sub(since) < SURGE_MILLIS {
            return;
        }
        // With more work of every kind there are more lines of every kind.
        let work = self.services.get(line.service as usize).map_or(1.0, |it| it.rate.ratio());
        if work > 1.5 && count <= 2.0 * work * usual.max(0.5) {
            return;
        }
        let subject = subject(AnomalyKind::LogRate, line, 1);
        self.episodes.found(subject, line.millis, || {
            let text = format!("{count} lines within a minute, usually {}, at most {}", rounded(usual), rounded(limit));
            describe(subject, line.labels, line.level, line.template_text, since, line.millis)
                .with(score(count / limit.max(1.0), count, usual, (0.0, limit)))
                .explained(&text, line.text)
        });
    }

    fn tell_parameter(&mut self, line: &Line<'_>, odd: &Odd) {
        if self.is_replaying {
            return;
        }
        let subject = subject(AnomalyKind::LogParameter, line, odd.place);
        self.episodes.found(subject, line.millis, || {
            let mut anomaly = describe(subject, line.labels, line.level, line.template_text, line.millis, line.millis)
                .with(score(1.5, odd.y, odd.yhat, (odd.lowest, odd.highest)))
                .explained(&odd.text, line.text);
            anomaly.labels = anomaly.labels.with("parameter", &(odd.place + 1).to_string());
            anomaly
        });
    }

    fn tell_vanished(&mut self, line: &Line<'_>, habit: &mut Habit, now_millis: i64) {
        if !self.is_of_interest(AnomalyKind::VanishedTemplate, Direction::Below, line.level) {
            return;
        }
        habit.is_vanished = true;
        let subject = subject(AnomalyKind::VanishedTemplate, line, 0);
        let gap = habit.cadence.usual_gap_millis() / 1000.0;
        let silent = (now_millis - habit.newest_millis) as f64 / 1000.0;
        self.episodes.found(subject, now_millis, || {
            let text = format!("a line that came every {} s has not come for {} s", rounded(gap), rounded(silent));
            describe(subject, line.labels, line.level, line.template_text, habit.newest_millis, now_millis)
                .with(score(silent / (4.0 * gap).max(1.0), 0.0, 60.0 / gap.max(0.001), (0.0, 0.0)))
                .explained(&text, line.text)
        });
    }

    fn tell_drop(&mut self, line: &Line<'_>, drop: (f64, f64, u32), now_millis: i64) {
        if !self.is_of_interest(AnomalyKind::LogRate, Direction::Below, line.level) {
            return;
        }
        let (count, expected, minutes) = drop;
        let subject = subject(AnomalyKind::LogRate, line, 0);
        let onset = now_millis - i64::from(minutes) * 60_000;
        self.episodes.found(subject, now_millis, || {
            let text = format!("{count} lines in {minutes} minutes where {} were to be expected", rounded(expected));
            let per_minute = f64::from(minutes.max(1));
            describe(subject, line.labels, line.level, line.template_text, onset, now_millis)
                .with(score(1.5, count / per_minute, expected / per_minute, (0.0, f64::MAX)))
                .explained(&text, line.text)
        });
    }

    fn judge_sequence(&mut self, line: &Line<'_>) {
        let source = line.source as usize;
        if self.sources.len() <= source {
            self.sources.resize(source + 1, None);
        }
        let Some(place) = self.sources.get_mut(source) else { return };
        if let Some(previous) = place.as_mut().filter(|it| line.millis >= it.millis) {
            let key = (line.source, previous.template);
            let gap = line.millis - previous.millis;
            // Whoever was silent for long begins anew.
            if gap < PAUSE_MILLIS {
                if !self.sequences.contains_key(&key) && self.sequences.len() >= self.config.logs.max_sequences {
                    self.dropped_sequences += 1;
                } else {
                    let found = self.sequences.entry(key).or_default().observe(line.template.0, gap);
                    if let Some(broken) = found.filter(Break::is_told)
                        && !self.is_replaying
                    {
                        let previous = previous.clone();
                        let what = format!("and then {:?}", shortened(line.text, EXAMPLE_BYTES));
                        self.tell_sequence(line.source, &previous, broken, &what, None, line.millis);
                    }
                }
            }
        }
        let Some(place) = self.sources.get_mut(source) else { return };
        match place {
            Some(it) if it.labels.id() == line.labels.id() => {
                (it.template, it.millis, it.level, it.is_told) = (line.template, line.millis, line.level, false);
                it.text.clear();
                it.text.push_str(shortened(line.text, EXAMPLE_BYTES));
            }
            _ => {
                *place = Some(Previous {
                    template: line.template,
                    millis: line.millis,
                    level: line.level,
                    labels: line.labels.clone(),
                    service: line.service,
                    text: shortened(line.text, EXAMPLE_BYTES).to_owned(),
                    is_told: false,
                });
            }
        }
    }

    fn tell_sequence(
        &mut self,
        source: u32,
        previous: &Previous,
        broken: Break,
        what: &str,
        expected: Option<&str>,
        millis: i64,
    ) {
        if self.is_replaying || !self.is_of_interest(AnomalyKind::LogSequence, Direction::Below, previous.level) {
            return;
        }
        let place = (source % 251) as u8;
        let subject =
            Subject { kind: AnomalyKind::LogSequence, service: previous.service, template: previous.template.0, place };
        self.episodes.found(subject, millis, || {
            let usual =
                expected.map_or_else(String::new, |it| format!(", usually {:?}", shortened(it, TEMPLATE_BYTES)));
            let text = format!("after this line came {what}{usual}, unlike {} times before", broken.seen);
            let template = shortened(&previous.text, TEMPLATE_BYTES);
            describe(subject, &previous.labels, previous.level, template, previous.millis, millis)
                .with(score(1.5, f64::from(broken.recent.max(1)), 0.0, (0.0, 0.0)))
                .explained(&text, &previous.text)
        });
    }
}
