//! Which change brought it, or did none: more requests than usual, a provider's outage, a neighbor on the machine?
//!
//! Each change gets a number of logits from when it was, where it was, what its diff does and whether its words are
//! those of the trouble. So does "no change", from the other explanations. The shares of all add up to 1.

use std::collections::{BTreeMap, BTreeSet};

use super::diff;
use super::habits::Habits;
use super::input::{Case, Change, ChangeKind};
use super::kind::{Fault, Kind, is_of_machine};
use super::metrics::{self, Deviation};
use super::volume::Volumes;

/// A series counts as trouble from so many widths on.
const CONVINCING: f64 = 4.0;
/// Clocks and scrapes differ by so much.
const SLACK_MS: i64 = 90_000;
const MINUTE_MS: f64 = 60_000.0;
/// "No change" without any other explanation.
const NONE: f64 = 1.0;
/// What each other explanation adds to it.
const SURGE: f64 = 4.0;
const OUTAGE: f64 = 4.0;
const OUTSIDE_NAMED: f64 = 1.0;
const NEIGHBOR: f64 = 3.5;
/// Requests this many times the usual are a surge, if at least so many services have it.
const SURGE_FACTOR: f64 = 2.0;
const SURGE_SERVICES: usize = 2;
/// What a committed change is worth that is not known to run, and a flag, beside a deploy.
const NOT_DEPLOYED: f64 = -2.5;
const FLAG: f64 = -1.5;
/// Words in common with the trouble, each and together.
const WORD: f64 = 0.5;
const WORDS: f64 = 1.5;

/// What is to blame besides the services.
pub(crate) struct Verdict {
    /// Changes with their shares, the most likely first.
    pub(crate) suspects: Vec<Suspect>,
    /// The share of "no change".
    pub(crate) none: f64,
    /// What explains it then.
    pub(crate) outside: Option<(Fault, String)>,
}

/// A change that may have brought it.
pub(crate) struct Suspect {
    pub(crate) change: usize,
    pub(crate) share: f64,
    pub(crate) text: String,
    pub(crate) fault: Fault,
}

/// What is in trouble, and since when.
struct Trouble<'a> {
    /// First onset by service.
    onsets: BTreeMap<&'a str, i64>,
    /// First onset of all.
    first: i64,
    words: BTreeSet<String>,
}

/// Words of names that say nothing of what the trouble is about.
const COMMON: &[&str] = &[
    "http", "server", "duration", "p99", "p95", "p50", "seconds", "ratio", "rate", "total", "per", "sec", "request",
    "requests", "error", "errors", "service", "count", "avg", "max", "the", "and", "for", "after", "with", "from",
    "failed", "timeout", "info", "warn", "api", "get", "post", "return", "err", "nil", "ctx", "func", "string", "int",
    "var", "const", "this", "not", "new", "time", "services", "config", "internal", "pkg", "src", "main", "handler",
    "context", "upstream", "add", "page", "served", "exceeded",
];

/// Judges the changes of a case.
pub(crate) fn judge(case: &Case, kinds: &[Kind], volumes: &Volumes<'_>, habits: &Habits<'_>) -> Option<Verdict> {
    if case.changes.is_empty() {
        return None;
    }
    let deviations: Vec<Deviation> =
        metrics::early_deviations(case, kinds, volumes).into_iter().filter(|it| it.strength >= CONVINCING).collect();
    let trouble = Trouble::of(case, &deviations, habits);
    let is_deployed = case.changes.iter().any(|it| it.kind == ChangeKind::Deploy);
    let mut scored: Vec<(usize, f64, String, Fault)> = vec![];
    for (idx, change) in case.changes.iter().enumerate().filter(|(_, it)| it.kind != ChangeKind::Outage) {
        let is_run = is_deployed && case.changes.iter().any(|it| it.kind == ChangeKind::Deploy && it.id == change.id);
        if change.kind == ChangeKind::Commit && is_run {
            continue;
        }
        let (logit, text, fault) = score(case, change, &trouble, is_deployed);
        scored.push((idx, logit, text, fault));
    }
    let (none, outside) = nothing(case, &deviations, &trouble);
    let whole = none.exp() + scored.iter().map(|it| it.1.exp()).sum::<f64>();
    let mut suspects: Vec<Suspect> = scored
        .into_iter()
        .map(|(change, logit, text, fault)| Suspect { change, share: logit.exp() / whole, text, fault })
        .collect();
    suspects.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.change.cmp(&b.change)));
    Some(Verdict { suspects, none: none.exp() / whole, outside })
}

impl<'a> Trouble<'a> {
    fn of(case: &'a Case, deviations: &[Deviation], habits: &Habits<'_>) -> Self {
        let mut onsets: BTreeMap<&str, i64> = BTreeMap::new();
        let mut words = BTreeSet::new();
        for it in deviations {
            let Some(metric) = case.metrics.get(it.metric) else { continue };
            let onset = onsets.entry(&metric.service).or_insert(it.onset);
            *onset = (*onset).min(it.onset);
            words.extend(words_of(&metric.indicator));
        }
        for it in habits.said().filter(|it| it.strength >= 2.0) {
            words.extend(words_of(it.text.split('"').nth(1).unwrap_or_default()));
        }
        for it in case.spans.iter().filter(|it| it.is_error) {
            words.extend(words_of(&it.message));
        }
        let first = onsets.values().copied().min().unwrap_or(case.at);
        Self { onsets, first, words }
    }
}

fn score(case: &Case, change: &Change, trouble: &Trouble<'_>, is_deployed: bool) -> (f64, String, Fault) {
    let risk = diff::risk(&change.title, &change.files, &change.diff);
    let mut logit = risk.logit;
    let onset = trouble.onsets.get(change.service.as_str()).copied();
    logit += timing(change.time, case.at, onset.unwrap_or(trouble.first));
    if onset.is_some() || case.symptom.as_ref().is_some_and(|it| it.service == change.service) {
        logit += 1.0;
    } else if !change.service.is_empty() && !trouble.onsets.is_empty() {
        logit -= 1.0;
    }
    match change.kind {
        ChangeKind::Commit if is_deployed => logit += NOT_DEPLOYED,
        ChangeKind::Flag => logit += FLAG,
        _ => {}
    }
    let text = format!("{} {} {}", change.title, change.files.join(" "), code_of(&change.diff));
    let shared: Vec<String> = words_of(&text).intersection(&trouble.words).cloned().collect();
    logit += (shared.len() as f64 * WORD).min(WORDS);
    let fault = match change.kind {
        ChangeKind::Flag | ChangeKind::Config => Fault::Config,
        _ if risk.is_setting => Fault::Config,
        _ if risk.reason.is_some() => Fault::Code,
        _ => Fault::Deploy,
    };
    let minutes = (case.at - change.time) as f64 / MINUTE_MS;
    let mut text = format!("{} {} on {} {minutes:.0} minutes before", change.kind.as_str(), change.id, change.service);
    if let Some(reason) = risk.reason {
        text += &format!(": {reason}");
    }
    if !shared.is_empty() {
        text += &format!("; it shares the words {} with the trouble", shared.join(", "));
    }
    (logit, text, fault)
}

/// Trouble follows its cause, mostly soon; what began before a change is not from it.
fn timing(change: i64, at: i64, onset: i64) -> f64 {
    if change > at + SLACK_MS {
        return -6.0;
    }
    let minutes = (onset - change) as f64 / MINUTE_MS;
    match minutes {
        it if it < -2.0 => -2.5,
        it if it <= 15.0 => 1.5,
        it if it <= 45.0 => 0.5,
        it if it <= 180.0 => -0.5,
        _ => -1.5,
    }
}

fn nothing(case: &Case, deviations: &[Deviation], trouble: &Trouble<'_>) -> (f64, Option<(Fault, String)>) {
    let mut logit = NONE;
    let mut outside = None;
    if let Some(text) = outage(case, trouble) {
        logit += OUTAGE;
        outside = Some((Fault::Dependency, text));
    }
    if let Some(text) = outside_name(case) {
        logit += OUTSIDE_NAMED;
        outside = outside.or(Some((Fault::Dependency, text)));
    }
    if let Some(text) = surge(case, deviations) {
        logit += SURGE;
        outside = outside.or(Some((Fault::Traffic, text)));
    }
    if let Some(text) = neighbor(case, deviations) {
        logit += NEIGHBOR;
        outside = outside.or(Some((Fault::Neighbor, text)));
    }
    (logit, outside)
}

/// A provider tells of trouble that began when ours did.
fn outage(case: &Case, trouble: &Trouble<'_>) -> Option<String> {
    let near = |it: &&Change| {
        let minutes = (it.time - trouble.first).abs().min((it.time - case.at).abs()) as f64 / MINUTE_MS;
        it.kind == ChangeKind::Outage && minutes <= 20.0
    };
    let it = case.changes.iter().find(near)?;
    Some(format!("{} tells of \"{}\" ({})", it.service, it.title, it.id))
}

/// Errors name a host that is nobody of ours: `host=x.s3.us-east-1.amazonaws.com`.
fn outside_name(case: &Case) -> Option<String> {
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    let bad = case.logs.iter().filter(|it| it.level.is_some_and(|it| it >= signal::LogLevel::Error));
    for line in bad {
        let words = line.text.split(|it: char| it.is_whitespace() || matches!(it, '=' | '"' | ',' | '/' | '(' | ')'));
        for word in words.filter(|it| is_foreign(it)) {
            *named.entry(word.trim_matches(|it: char| !it.is_ascii_alphanumeric())).or_default() += 1;
        }
    }
    let (host, n) = named.into_iter().max_by_key(|it| it.1).filter(|it| it.1 >= 3)?;
    Some(format!("{n} errors name {host}, which is not ours"))
}

fn is_foreign(word: &str) -> bool {
    const ENDINGS: [&str; 6] = [".com", ".net", ".io", ".org", ".cloud", ".dev"];
    let word = word.split(':').next().unwrap_or(word).trim_end_matches(|it: char| !it.is_ascii_alphanumeric());
    word.matches('.').count() >= 1 && ENDINGS.iter().any(|it| word.ends_with(it)) && !word.contains("svc.cluster")
}

/// Several services are asked much more than usual, and not because one of them asks more of the others.
fn surge(case: &Case, deviations: &[Deviation]) -> Option<String> {
    let mut grown: BTreeMap<&str, f64> = BTreeMap::new();
    for it in deviations.iter().filter(|it| it.kind == Kind::Workload && it.before > 0.0) {
        let Some(metric) = case.metrics.get(it.metric) else { continue };
        grown.insert(&metric.service, it.during / it.before);
    }
    let measured: BTreeSet<&str> = case
        .metrics
        .iter()
        .filter(|it| Kind::of(&it.indicator) == Kind::Workload)
        .map(|it| it.service.as_str())
        .collect();
    let much: Vec<(&str, f64)> = grown.into_iter().filter(|it| it.1 >= SURGE_FACTOR).collect();
    let entry = case.symptom.as_ref().map_or("", |it| it.service.as_str());
    let at_entry = !measured.contains(entry) || much.iter().any(|it| it.0 == entry);
    let is_surge = much.len() >= SURGE_SERVICES.min(measured.len())
        && much.len() * 2 >= measured.len()
        && at_entry
        && !much.is_empty();
    let (service, factor) = much.first()?;
    is_surge.then(|| format!("{service} and {} more are asked {factor:.1} times as much", much.len() - 1))
}

/// A machine is short of something, and somebody on it that has no part in requests took it.
fn neighbor(case: &Case, deviations: &[Deviation]) -> Option<String> {
    let is_machine = |it: &&Deviation| {
        case.metrics
            .get(it.metric)
            .is_some_and(|metric| is_of_machine(&metric.indicator) || is_of_machine(&metric.service))
            && matches!(it.kind, Kind::Cpu | Kind::Memory | Kind::Disk | Kind::Network)
    };
    let machine = deviations.iter().filter(is_machine).max_by(|a, b| a.strength.total_cmp(&b.strength))?;
    let metric = case.metrics.get(machine.metric)?;
    Some(format!(
        "{} of {} is {:.2} instead of {:.2}",
        metric.indicator, metric.service, machine.during, machine.before
    ))
}

/// A diff without the lines that only people read.
fn code_of(diff: &str) -> String {
    diff.lines().filter(|it| it.starts_with('+') || it.starts_with('-')).collect::<Vec<_>>().join("\n")
}

/// Words of a text in small letters, with `camelCase` and `snake_case` taken apart.
fn words_of(text: &str) -> BTreeSet<String> {
    let mut spaced = String::with_capacity(text.len() + 16);
    let mut was_small = false;
    for letter in text.chars() {
        if letter.is_ascii_uppercase() && was_small {
            spaced.push(' ');
        }
        was_small = letter.is_ascii_lowercase();
        spaced.push(letter.to_ascii_lowercase());
    }
    let words = spaced.split(|it: char| !it.is_ascii_alphabetic()).filter(|it| it.len() > 2 && !COMMON.contains(it));
    words.map(|it| it.strip_suffix('s').filter(|it| it.len() > 3).unwrap_or(it).to_owned()).collect()
}
