//! What happened around the onset? Everything the rules look at, read once from the ports.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use signal::{
    Change, Incident, Labels, LogLevel, Matcher, Point, Role, SeriesQuery, TemplateChange, TemplateTrend, TimeRange,
    Timestamp, is_counter, rates,
};

use crate::movement::{Course, LEAD, Movement, Stop, compare, median, needed};
use crate::{Problem, Sources};

/// How long after the onset is still looked at.
const FOLLOW: Duration = Duration::from_secs(600);
/// Changes this long before the onset may be causes.
const CHANGE_LEAD: Duration = Duration::from_secs(600);
/// Log lines are compared with so much time before.
const LOG_BASE: Duration = Duration::from_secs(300);
/// Log lines of a cause may come so long before the first symptom.
const LOG_LEAD: Duration = Duration::from_secs(30);
/// Steps along the topology from the symptoms.
const MAX_HOPS: usize = 2;
const MAX_OWNERS: usize = 64;
const MAX_SERIES_PER_OWNER: usize = 2000;
const MAX_SERIES: usize = 20_000;
/// Labels that name who is called.
const PEER_LABELS: [&str; 3] = ["peer_service", "upstream", "destination_service"];
/// Labels that may hold an owner; the first row that finds series is enough.
const OWNER_LABELS: [&[&str]; 3] = [
    &["service", "host"],
    &["service_name", "app", "job", "instance", "hostname"],
    &["app_kubernetes_io_name", "deployment", "host_name", "node", "pod", "__name__"],
];

/// Everything that was read.
pub(crate) struct Facts {
    /// The window that is compared with what came before it.
    pub(crate) range: TimeRange,
    /// The same for log lines: before, after.
    pub(crate) log_ranges: (TimeRange, TimeRange),
    /// First anomalous point of the incident.
    pub(crate) started: Timestamp,
    /// Services and hosts near the symptoms, by name.
    pub(crate) owners: BTreeMap<String, Owner>,
}

/// One service or host.
#[derive(Default)]
pub(crate) struct Owner {
    pub(crate) name: String,
    pub(crate) is_host: bool,
    /// Steps from the nearest symptom.
    pub(crate) hops: usize,
    pub(crate) callees: Vec<String>,
    /// Hosts of a service, services of a host.
    pub(crate) neighbors: Vec<String>,
    /// Number of its series; 0 for someone who is only known by name.
    pub(crate) n_series: usize,
    pub(crate) moves: Vec<Movement>,
    pub(crate) stops: Vec<Stop>,
    /// Points of series that moved and of traffic; of counters their rates.
    pub(crate) points: Vec<(Labels, Vec<Point>)>,
    /// Levels of limits and other constants.
    pub(crate) limits: Vec<(Labels, f64)>,
    pub(crate) templates: Vec<TemplateChange>,
    pub(crate) changes: Vec<Change>,
    /// Versions that appeared: the series that tells of it, and when.
    pub(crate) versions: Vec<(Labels, Timestamp)>,
    pub(crate) processes: Vec<Process>,
    /// What processes used before the window, by metric and command line: a restarted service is no stranger.
    usual_use: BTreeMap<(String, String), f64>,
}

/// The resource use of one process.
pub(crate) struct Process {
    pub(crate) labels: Labels,
    pub(crate) pid: u32,
    pub(crate) start_time: i64,
    pub(crate) command: String,
    /// Median before the window of the process, or of one with the same command line; 0 if there was none.
    pub(crate) before: f64,
    /// Highest value in the window.
    pub(crate) during: f64,
    /// First point in the window above the middle between before and during.
    pub(crate) onset: Timestamp,
}

impl Owner {
    /// Movements upward of a role, the strongest first.
    pub(crate) fn rising(&self, role: Role) -> impl Iterator<Item = &Movement> {
        self.moves.iter().filter(move |it| it.role == role && it.is_up())
    }

    /// What it tells of itself as a server: errors and latency, but not of its calls and pools.
    pub(crate) fn own_trouble(&self) -> impl Iterator<Item = &Movement> {
        let is_own =
            |it: &&Movement| peer(&it.labels).is_none() && !is_of_pool(&it.labels) && !it.labels.name().contains("gc_");
        self.moves.iter().filter(|it| matches!(it.role, Role::Errors | Role::Latency) && it.is_up()).filter(is_own)
    }

    /// Calls that got slow or fail.
    pub(crate) fn bad_calls(&self) -> impl Iterator<Item = (&str, &Movement)> {
        let rising = self.moves.iter().filter(|it| matches!(it.role, Role::Errors | Role::Latency) && it.is_up());
        rising.filter_map(|it| Some((peer(&it.labels)?, it)))
    }

    /// Templates that are new or surging.
    pub(crate) fn rising_templates(&self) -> impl Iterator<Item = &TemplateChange> {
        self.templates.iter().filter(|it| it.trend != TemplateTrend::Gone)
    }

    /// The worst new or surging template that contains one of the words.
    pub(crate) fn template_with(&self, words: &[&str]) -> Option<&TemplateChange> {
        self.rising_templates().find(|it| {
            let text = it.template.to_lowercase();
            words.iter().any(|word| text.contains(word))
        })
    }

    /// The worst new or surging template of an error.
    pub(crate) fn error_template(&self) -> Option<&TemplateChange> {
        self.rising_templates().find(|it| it.level >= LogLevel::Error)
    }
}

impl Facts {
    /// How well an onset fits the incident's: 1 up to five seconds after it, then less.
    pub(crate) fn earliness(&self, onset: Timestamp) -> f64 {
        (-(onset.secs_since(self.started) - 5.0).max(0.0) / 20.0).exp()
    }

    /// Everybody on whom `name` depends: whom it calls, directly or not, and where those run.
    pub(crate) fn dependencies(&self, name: &str) -> HashSet<&str> {
        let mut found = HashSet::new();
        let mut open: Vec<&str> = self.owners.get_key_value(name).map(|(it, _)| it.as_str()).into_iter().collect();
        while let Some(owner) = open.pop().and_then(|it| self.owners.get(it)) {
            let hosts = owner.neighbors.iter().filter(|_| !owner.is_host);
            for next in owner.callees.iter().chain(hosts) {
                if next != name && found.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        found
    }
}

/// Who is called, if the series is about a call.
pub(crate) fn peer(labels: &Labels) -> Option<&str> {
    PEER_LABELS.iter().find_map(|it| labels.get(it))
}

/// True for series about a pool of connections or threads, such as the wait for one.
pub(crate) fn is_of_pool(labels: &Labels) -> bool {
    labels.name().contains("pool")
}

/// Reads everything.
pub(crate) fn gather(incident: &Incident, now: Timestamp, sources: &Sources<'_>, problems: &mut Vec<Problem>) -> Facts {
    let started = incident.started_at;
    let end = now.min(started.plus(FOLLOW)).max(started);
    let range = TimeRange::new(started.minus(LEAD), end);
    let log_from = started.minus(LOG_LEAD);
    let log_ranges = (
        TimeRange::new(log_from.minus(LOG_BASE), Timestamp::from_millis(log_from.millis() - 1)),
        TimeRange::new(log_from, end),
    );
    let mut facts = Facts { range, log_ranges, started, owners: candidates(incident, sources, problems) };
    read_series(&mut facts, sources, problems);
    for template in sources.templates.changes(log_ranges.0, log_ranges.1) {
        if let Some(owner) = facts.owners.get_mut(&template.service) {
            owner.templates.push(template);
        }
    }
    match sources.changes.changes(TimeRange::new(started.minus(CHANGE_LEAD), end)) {
        Ok(changes) => {
            for change in changes {
                if let Some(owner) = facts.owners.get_mut(&change.service) {
                    owner.changes.push(change);
                }
            }
        }
        Err(error) => problems.push(Problem::unread("changes", &error)),
    }
    for owner in facts.owners.values_mut() {
        owner.moves.sort_by(|a, b| b.strength().total_cmp(&a.strength()).then_with(|| a.onset.cmp(&b.onset)));
        for it in &mut owner.processes {
            let key = (it.labels.name().to_owned(), it.command.clone());
            it.before = owner.usual_use.get(&key).map_or(it.before, |usual| usual.max(it.before));
        }
        owner.processes.sort_by(|a, b| (b.during - b.before).total_cmp(&(a.during - a.before)));
    }
    facts
}

/// Services and hosts of the symptoms, and their neighbors in the topology.
fn candidates(incident: &Incident, sources: &Sources<'_>, problems: &mut Vec<Problem>) -> BTreeMap<String, Owner> {
    let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
    let symptomatic = incident.symptoms.iter().flat_map(|it| [Some(it.labels.owner()), it.labels.host()]).flatten();
    let mut ring: Vec<String> =
        incident.services.iter().map(String::as_str).chain(symptomatic).map(str::to_owned).collect();
    for hops in 0..=MAX_HOPS {
        let mut next = vec![];
        for name in ring {
            if name.is_empty() || owners.contains_key(&name) {
                continue;
            }
            if owners.len() >= MAX_OWNERS {
                problems.push(Problem::new(format!(
                    "Only {MAX_OWNERS} services and hosts near the symptoms were looked at."
                )));
                return owners;
            }
            let (callees, neighbors) = (sources.topology.callees(&name), sources.topology.neighbors(&name));
            next.extend(callees.iter().chain(&neighbors).cloned());
            next.extend(sources.topology.callers(&name));
            owners.insert(name.clone(), Owner { name, hops, callees, neighbors, ..Owner::default() });
        }
        ring = next;
    }
    owners
}

fn read_series(facts: &mut Facts, sources: &Sources<'_>, problems: &mut Vec<Problem>) {
    let range = facts.range;
    let mut left = MAX_SERIES;
    let mut by_hops: Vec<&mut Owner> = facts.owners.values_mut().collect();
    by_hops.sort_by_key(|it| it.hops);
    for owner in by_hops {
        if left == 0 {
            problems.push(Problem::new(format!("Only {MAX_SERIES} series near the symptoms were looked at.")));
            break;
        }
        let series = series_of(&owner.name, range, sources, problems);
        owner.n_series = series.len();
        owner.is_host = !series.is_empty() && series.iter().all(|it| it.service().is_none());
        for labels in series.into_iter().take(left) {
            left -= 1;
            read_one(owner, labels, range, sources, problems);
        }
    }
}

fn series_of(name: &str, range: TimeRange, sources: &Sources<'_>, problems: &mut Vec<Problem>) -> Vec<Labels> {
    let known = TimeRange::new(range.from.minus(Duration::from_secs(300)), range.to);
    let mut found: Vec<Labels> = vec![];
    for labels in OWNER_LABELS {
        for label in labels {
            let matchers = vec![Matcher::Equal((*label).to_owned(), name.to_owned())];
            let query = SeriesQuery { matchers, range: Some(known), limit: MAX_SERIES_PER_OWNER };
            match sources.history.series(&query) {
                Ok(series) => found.extend(series.into_iter().filter(|it| it.owner() == name)),
                Err(error) => problems.push(Problem::unread("series", &error)),
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    found.sort();
    found.dedup();
    found
}

fn read_one(owner: &mut Owner, labels: Labels, range: TimeRange, sources: &Sources<'_>, problems: &mut Vec<Problem>) {
    let role = Role::of(&labels);
    let points = match sources.history.points(labels.id(), needed(role, range)) {
        Ok(points) => points,
        Err(error) => {
            problems.push(Problem::unread("points", &error));
            return;
        }
    };
    if role == Role::Process {
        read_process(owner, labels, &points, range);
        return;
    }
    if is_limit(&labels) || role == Role::Description {
        let first = points.first().map(|it| it.time);
        if let Some(onset) = first.filter(|it| labels.get("version").is_some() && *it >= range.from) {
            owner.versions.push((labels.clone(), onset));
        }
        owner.limits.extend(points.last().map(|it| (labels, it.value)));
        return;
    }
    let course = compare(&labels, &points, range);
    if role == Role::Traffic || matches!(course, Course::Moved(_)) {
        let points = if is_counter(&labels) { rates(&points) } else { points };
        owner.points.push((labels, points));
    }
    match course {
        Course::Moved(it) => owner.moves.push(it),
        Course::Stopped(it) => owner.stops.push(it),
        Course::Steady(_) | Course::Unknown => {}
    }
}

fn is_limit(labels: &Labels) -> bool {
    labels.name().split('_').any(|it| matches!(it, "max" | "limit" | "capacity"))
}

fn read_process(owner: &mut Owner, labels: Labels, points: &[Point], range: TimeRange) {
    let split = points.partition_point(|it| it.time < range.from);
    let (base, window) = points.split_at_checked(split).unwrap_or_default();
    let before = median(&mut base.iter().map(|it| it.value).collect::<Vec<_>>());
    let key = (labels.name().to_owned(), labels.get("command").unwrap_or("").to_owned());
    let usual = owner.usual_use.entry(key).or_default();
    *usual = usual.max(before);
    // A process that ended before the first symptom is not what goes on now.
    let started = range.from.plus(LEAD);
    if window.last().is_some_and(|it| it.time >= started) {
        owner.processes.extend(process(labels, before, window));
    }
}

fn process(labels: Labels, before: f64, window: &[Point]) -> Option<Process> {
    let pid = labels.get("pid")?.parse().ok()?;
    let start_time = labels.get("start_time")?.parse().ok()?;
    let during = window.iter().map(|it| it.value).filter(|it| it.is_finite()).max_by(f64::total_cmp)?;
    let onset = window.iter().find(|it| it.value > f64::midpoint(before, during))?.time;
    let command = labels.get("command").unwrap_or("").to_owned();
    Some(Process { pid, start_time, command, before, during, onset, labels })
}
