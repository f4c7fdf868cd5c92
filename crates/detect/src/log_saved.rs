//! What is usual in logs, over a restart? Rates, rhythms, variables, successors and headers as bytes with a version.
//!
//! Open episodes are not kept: what goes on is found again, because what is usual is kept. At most
//! `MAX_SAVED` kinds of line are saved, those that came last.

use std::collections::{HashMap, HashSet};

use learn::events::Successors;
use learn::logs::{HeaderFinder, TemplateId};
use serde::{Deserialize, Serialize};
use signal::{Anomaly, Labels, LogLevel, Timestamp};

use crate::log_counted::Counted;
use crate::log_finder::Talk;
use crate::log_habit::Habit;
use crate::log_watch::{LogWatch, MAX_ANOMALIES, MAX_STREAMS, Service, State};

/// The layout of what is saved; another one is refused.
const VERSION: u32 = 1;
/// Kinds of line that are saved; a kind takes about 2 KiB.
const MAX_SAVED: usize = 8192;
/// Anomalies that are saved.
const MAX_SAVED_ANOMALIES: usize = 200;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    /// The newest line of all, in milliseconds.
    until: i64,
    services: Vec<SavedService>,
    kinds: Vec<SavedKind>,
    orders: Vec<SavedOrder>,
    anomalies: Vec<Anomaly>,
}

/// A service; others name it by its place.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedService {
    name: String,
    since: Timestamp,
    talk: Talk,
    header: HeaderFinder,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedKind {
    service: u32,
    template: TemplateId,
    level: LogLevel,
    first: Timestamp,
    newest: Timestamp,
    total: u64,
    example: String,
    labels: Labels,
    habit: Habit,
}

/// What follows a line of one process.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedOrder {
    service: u32,
    host: String,
    template: TemplateId,
    successors: Successors,
}

impl LogWatch {
    /// What is usual in logs, for [`Self::restore_habits`].
    pub fn save_habits(&self) -> Vec<u8> {
        // Written after the lock is free again: lines are waiting.
        let saved = saved(&self.lock());
        serde_json::to_vec(&saved).expect("habits are plain data")
    }

    /// Takes back what was usual before a restart; call it before the first line, after the templates. Returns the
    /// number of kinds of line.
    ///
    /// # Errors
    /// A message if the state is damaged or of another version; then nothing is restored.
    pub fn restore_habits(&self, bytes: &[u8]) -> Result<usize, String> {
        let saved: Saved = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if saved.version != VERSION {
            return Err(format!("version {} is not known, only {VERSION}", saved.version));
        }
        let names: HashSet<&str> = saved.services.iter().map(|it| it.name.as_str()).collect();
        if names.len() < saved.services.len() {
            return Err("a service is there twice".to_owned());
        }
        let mut state = self.lock();
        if !state.services.is_empty() {
            return Err("lines were seen already".to_owned());
        }
        Ok(restore(&mut state, saved))
    }
}

fn saved(state: &State) -> Saved {
    let mut services: Vec<(&String, &Service)> = state.services.iter().collect();
    services.sort_by_key(|(_, it)| it.number);
    let service = |(name, it): (&String, &Service)| {
        let talk = state.finder.talk(it.number)?.clone();
        let header = state.headers.get(&it.number).cloned().unwrap_or_default();
        Some((it.number, SavedService { name: name.clone(), since: it.since, talk, header }))
    };
    // A service of which no line was judged has no talk: the numbers close up.
    let services: Vec<(u32, SavedService)> = services.into_iter().filter_map(service).collect();
    let places: HashMap<u32, u32> = services.iter().map(|it| it.0).zip(0..).collect();
    let sources: HashMap<u32, (u32, &String)> =
        state.sources.iter().map(|((service, host), source)| (*source, (*service, host))).collect();
    let order = |(source, template, successors): (u32, TemplateId, &Successors)| {
        let (service, host) = sources.get(&source)?;
        let successors = successors.clone();
        Some(SavedOrder { service: *places.get(service)?, host: (*host).clone(), template, successors })
    };
    let kind = |((service, template), it): (&(u32, TemplateId), &Counted)| {
        Some(SavedKind {
            service: *places.get(service)?,
            template: *template,
            level: it.level,
            first: it.first,
            newest: it.newest,
            total: it.total,
            example: it.example.clone(),
            labels: it.labels.clone(),
            habit: it.habit.clone(),
        })
    };
    let mut kinds: Vec<SavedKind> = state.counted.iter().filter_map(kind).collect();
    kinds.sort_by_key(|it| (std::cmp::Reverse(it.newest), it.service, it.template));
    kinds.truncate(MAX_SAVED);
    let mut orders: Vec<SavedOrder> = state.finder.sequences().filter_map(order).collect();
    orders.sort_by(|a, b| (a.service, &a.host, a.template).cmp(&(b.service, &b.host, b.template)));
    let anomalies = state.anomalies.iter().rev().take(MAX_SAVED_ANOMALIES).rev().cloned().collect();
    let services = services.into_iter().map(|it| it.1).collect();
    Saved { version: VERSION, until: state.finder.newest_millis(), services, kinds, orders, anomalies }
}

fn restore(state: &mut State, saved: Saved) -> usize {
    let room = state.config.max_services;
    for (number, it) in (0..).zip(saved.services.into_iter().take(room)) {
        state.headers.insert(number, it.header);
        state.finder.restore_talk(it.talk);
        state.services.insert(it.name, Service { number, since: it.since });
    }
    let n_services = state.services.len() as u32;
    let is_possible = |it: &SavedKind| {
        it.service < n_services && it.first.is_plausible() && it.newest.is_plausible() && it.first <= it.newest
    };
    let room = state.config.max_counted;
    for it in saved.kinds.into_iter().filter(is_possible).take(room) {
        let counted = Counted::restored((it.first, it.newest), it.level, it.total, it.example, it.labels, it.habit);
        state.counted.insert((it.service, it.template), counted);
    }
    for it in saved.orders {
        let next = state.sources.len();
        let source = match state.sources.get(&(it.service, it.host.clone())) {
            Some(it) => *it,
            None if next >= MAX_STREAMS || it.service >= n_services => continue,
            None => {
                let number = next as u32 + 1;
                state.sources.insert((it.service, it.host), number);
                number
            }
        };
        state.finder.restore_sequence(source, it.template, it.successors);
    }
    state.anomalies = saved.anomalies.into_iter().take(MAX_ANOMALIES).collect();
    // Whatever went on then is looked at anew.
    state.anomalies.iter_mut().for_each(|it| it.is_over = true);
    state.finder.restore_time(saved.until);
    state.counted.len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use signal::{AnomalyKind, LogRecord};

    use super::*;
    use crate::log_watch::LogWatchConfig;

    const START: i64 = 1_700_000_000;

    fn watch() -> LogWatch {
        LogWatch::new(LogWatchConfig::default(), Arc::default())
    }

    fn say(watch: &LogWatch, secs: i64, line: &str) {
        let labels = Labels::new([("service", "pay"), ("host", "a")]);
        let header = format!("2026-01-02 03:04:05 host pay[{}]: ", secs % 7);
        watch.observe(&LogRecord::new(Timestamp::from_secs(START + secs), labels, header + line));
    }

    /// What a calm service says in these seconds.
    fn calm(watch: &LogWatch, from: i64, to: i64) {
        for secs in from..to {
            say(watch, secs, &format!("INFO took {} ms", 10 + secs * 7 % 13));
            if secs % 60 == 0 {
                say(watch, secs, &format!("ERROR retry {secs} of upstream"));
            }
            watch.tick(Timestamp::from_secs(START + secs));
        }
    }

    /// The kinds of anomaly of a fault that begins at once.
    fn fault(watch: &LogWatch, from: i64) -> HashSet<AnomalyKind> {
        for secs in from..from + 110 {
            let took = if secs > from + 100 { 90_000 + secs * 31 % 999 } else { 10 + secs * 7 % 13 };
            say(watch, secs, &format!("INFO took {took} ms"));
            say(watch, secs, &format!("ERROR retry {secs} of upstream"));
            say(watch, secs, &format!("ERROR retry {secs} of upstream"));
            watch.tick(Timestamp::from_secs(START + secs));
        }
        let range = signal::TimeRange::new(Timestamp::MIN, Timestamp::MAX);
        signal::Templates::anomalies(watch, range, Some("pay"), 100).into_iter().map(|it| it.kind).collect()
    }

    #[test]
    fn what_was_usual_before_a_restart_is_known_after_it() {
        let before = watch();
        calm(&before, 0, 7200);
        let known = |habits: bool| {
            let after = watch();
            after.restore_templates(&before.save_templates()).unwrap();
            after.restore(&before.save());
            if habits {
                assert_eq!(after.restore_habits(&before.save_habits()), Ok(2));
            }
            fault(&after, 7230)
        };
        let expected = HashSet::from([AnomalyKind::LogParameter, AnomalyKind::LogRate]);
        assert_eq!(known(true), expected);
        assert_eq!(known(false), HashSet::new(), "without its habits it knows nothing");
    }

    #[test]
    fn saved_and_restored_again_it_is_the_same_and_replayed_lines_do_not_count_twice() {
        let before = watch();
        calm(&before, 0, 3600);
        let after = watch();
        after.restore_templates(&before.save_templates()).unwrap();
        after.restore_habits(&before.save_habits()).unwrap();
        // Numbers in JSON may differ in their last digit.
        assert!(after.save_habits().len().abs_diff(before.save_habits().len()) < 200);
        let labels = Labels::new([("service", "pay"), ("host", "a")]);
        for secs in 1800..3600 {
            let line = format!("2026-01-02 03:04:05 host pay[1]: INFO took {} ms", secs % 9);
            after.replay(&LogRecord::new(Timestamp::from_secs(START + secs), labels.clone(), line));
        }
        let range = signal::TimeRange::new(Timestamp::MIN, Timestamp::from_secs(START + 3600));
        let took = |watch: &LogWatch| {
            let all = signal::Templates::templates(watch, range, None, 100);
            all.into_iter().find(|it| it.template.ends_with("took <*> ms")).unwrap()
        };
        assert_eq!((took(&after).lines, took(&after).usual_per_minute), (3600, took(&before).usual_per_minute));
        assert_eq!(took(&after).per_minute, 60.0, "the minutes of the page are counted again");
    }

    #[test]
    fn a_damaged_state_is_refused_as_a_whole() {
        let before = watch();
        calm(&before, 0, 600);
        let bytes = before.save_habits();
        let empty = watch().save_habits();
        for end in (0..bytes.len()).step_by(101) {
            let after = watch();
            assert!(after.restore_habits(&bytes[..end]).is_err(), "cut at {end}");
            assert!(after.save_habits() == empty);
        }
        let text = String::from_utf8(bytes).unwrap();
        let other = text.replacen("\"version\":1", "\"version\":9", 1);
        assert!(watch().restore_habits(other.as_bytes()).unwrap_err().contains("version 9"));
        // Numbers that cannot be are survived: what was learned of them is wrong, nothing else.
        let wild = text.replace("\"minute\":", "\"minute\":-9").replace("\"newest_millis\":", "\"newest_millis\":-9");
        let after = watch();
        if after.restore_habits(wild.as_bytes()).is_ok() {
            calm(&after, 600, 700);
        }
        assert!(before.restore_habits(text.as_bytes()).is_err(), "it has seen lines");
    }

    #[test]
    fn fewer_are_kept_if_fewer_are_allowed() {
        let before = watch();
        (1..100).for_each(|it| say(&before, it, &"word ".repeat(it as usize % 90)));
        let config = LogWatchConfig { max_counted: 8, ..LogWatchConfig::default() };
        assert_eq!(LogWatch::new(config, Arc::default()).restore_habits(&before.save_habits()), Ok(8));
    }
}
