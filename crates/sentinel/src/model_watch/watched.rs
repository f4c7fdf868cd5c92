//! How is one model followed? Its log is read on from where it was; when a comparison is due, it is made and kept, the
//! alarms hear of it, and what changed is told.
//!
//! Everything is taken from the log, which is durable: after the end of the process, even a sudden one, the watch reads
//! its window anew and goes on. What is saved is written after a run is on disk and before anybody is told.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use drift::watch::{News, Rule, WatchConfig, seconds};
use forecast::Cron;
use signal::{Anomaly, InferenceLog, PortError, TimeRange, Timestamp};
use store::Store;

use crate::model_watch::basis::{Basis, basis};
use crate::model_watch::comparison::{Compared, compare};
use crate::model_watch::lock;
use crate::model_watch::run::Run;
use crate::model_watch::runs::Runs;
use crate::model_watch::saved::{Saved, Told};
use crate::model_watch::telling::told;
use crate::model_watch::window::{Span, Window};

/// After an error of the disk or the log it is tried again so much later.
const PATIENCE: Duration = Duration::from_secs(60);

/// A watched model.
pub struct Watched {
    /// What the user says of it.
    pub config: WatchConfig,
    rules: Vec<Rule>,
    cron: Option<Cron>,
    max_age: Option<Duration>,
    log: Arc<dyn InferenceLog>,
    store: Arc<Store>,
    state: Mutex<State>,
    /// Held during a comparison, so that two of them never run at the same time.
    comparing: Mutex<()>,
}

/// What is known.
pub struct State {
    /// Comparisons.
    pub runs: Runs,
    saved: Saved,
    /// Made once, if it does not slide.
    basis: Option<Arc<Basis>>,
    /// Sequence and time of the newest predictions, so many as a window has at most.
    recent: VecDeque<(u64, Timestamp)>,
    cursor: u64,
    since_run: u64,
    next: Option<Timestamp>,
    try_after: Option<Timestamp>,
    /// Counters and the newest trouble.
    pub counts: Counts,
}

/// What a watch counts.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Predictions that were read since the start.
    pub predictions: u64,
    /// Comparisons by their reason.
    pub runs: std::collections::BTreeMap<&'static str, u64>,
    /// Comparisons that could not be made.
    pub failures: u64,
    /// Time of all comparisons.
    pub seconds: f64,
    /// Why the newest comparison could not be made.
    pub trouble: Option<String>,
}

/// Why there was no comparison.
#[derive(Debug, thiserror::Error)]
pub enum NoRun {
    /// There is nothing to compare with.
    #[error(transparent)]
    Basis(#[from] crate::model_watch::basis::NoBasis),
    /// There is too little to compare.
    #[error("{0} predictions have come after the reference, and window.min_count is {1}")]
    TooFew(u64, u64),
    /// The log cannot be read.
    #[error("the log of predictions cannot be read")]
    Log(#[from] PortError),
    /// The disk does not take it.
    #[error("the report cannot be kept")]
    Disk(#[from] std::io::Error),
    /// The store does not take it.
    #[error("the state cannot be saved")]
    Store(#[from] store::Error),
}

impl Watched {
    /// Where an earlier process left it.
    pub fn open(
        config: WatchConfig,
        data_dir: &Path,
        log: Arc<dyn InferenceLog>,
        store: Arc<Store>,
    ) -> anyhow::Result<Self> {
        let name = config.version.as_ref().map_or_else(|| config.model.clone(), |it| format!("{}@{it}", config.model));
        let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.' | '@');
        let folder: String = name.chars().map(|it| if is_plain(it) { it } else { '_' }).collect();
        let runs = Runs::open(data_dir.join("drift").join(format!("m-{folder}")), config.keep_runs)?;
        let saved = Saved::read(store.get_state(&state_key(&config))?.as_deref());
        let cursor = saved.before_window;
        let state = State {
            runs,
            saved,
            basis: None,
            recent: VecDeque::new(),
            cursor,
            since_run: 0,
            next: None,
            try_after: None,
            counts: Counts::default(),
        };
        Ok(Self {
            rules: config.rules(),
            // Problems were told when the configuration was read.
            cron: Cron::parse(&config.schedule).ok(),
            max_age: config.window.age.as_deref().and_then(|it| seconds(it).ok()).map(Duration::from_secs),
            config,
            log,
            store,
            state: Mutex::new(state),
            comparing: Mutex::default(),
        })
    }

    /// Looks at the state.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.state))
    }

    /// Reads what is new and compares if it is due; what is to be told of it.
    pub fn step(&self, now: Timestamp) -> Vec<Anomaly> {
        if let Err(error) = self.read_on() {
            self.trouble(&NoRun::Log(error), now);
            return vec![];
        }
        let Some(reason) = self.due(now) else { return vec![] };
        match self.compare(reason, now) {
            Ok((_, anomalies)) => anomalies,
            Err(error) => {
                self.trouble(&error, now);
                vec![]
            }
        }
    }

    /// Compares now, whatever the schedule says.
    pub fn compare(&self, reason: &'static str, now: Timestamp) -> Result<(Run, Vec<Anomaly>), NoRun> {
        let _only_one = lock(&self.comparing);
        let started = Instant::now();
        let span = self.span(now)?;
        let window = Window::read(&span, &self.config.segments, &*self.log)?;
        let begin = window.times.map_or(now, |it| it.0);
        let basis = self.basis(begin, !window.answers.is_empty())?;
        let (span, window) = if span.after < basis.last {
            // What the reference is made of is not compared with it.
            let span = Span { after: basis.last, ..span };
            let window = Window::read(&span, &self.config.segments, &*self.log)?;
            (span, window)
        } else {
            (span, window)
        };
        if window.profile.rows < self.config.window.min_count {
            return Err(NoRun::TooFew(window.profile.rows, self.config.window.min_count));
        }
        let Compared { mut run, report } = compare(&self.config, &basis, &window, &span, &*self.log, now);
        run.reason = reason.to_owned();
        run.took_ms = started.elapsed().as_secs_f64() * 1000.0;
        let mut state = lock(&self.state);
        run.id = state.runs.name(now);
        self.keep_since(&mut state.saved, &mut run);
        state.runs.keep(run.clone(), &report)?;
        let mut saved = state.saved.clone();
        (saved.compared, saved.before_window, saved.scheduled) = (window.last, span.after, Some(now));
        let anomalies = self.conclude(&mut saved, &run, now);
        self.store.put_state(&state_key(&self.config), &serde_json::to_vec(&saved).map_err(std::io::Error::other)?)?;
        state.saved = saved;
        (state.since_run, state.next, state.counts.trouble) = (0, None, None);
        *state.counts.runs.entry(reason).or_default() += 1;
        state.counts.seconds += started.elapsed().as_secs_f64();
        tracing::info!(model = run.model, run = run.id, rows = run.rows, summary = run.summary, "Compared.");
        Ok((run, anomalies))
    }

    /// What goes on, told again.
    pub fn firing(&self, now: Timestamp) -> Vec<Anomaly> {
        self.look(|it| it.saved.told.iter().map(|it| it.anomaly(now, self.config.severity, false)).collect())
    }

    /// Rules that fire, with their begin.
    pub fn alarms(&self) -> Vec<(String, Option<Timestamp>)> {
        let since = |rule: &Rule| self.look(|it| it.saved.alarms.get(&rule.to_string()).and_then(|it| it.firing_since));
        self.rules.iter().map(|it| (it.to_string(), since(it))).collect()
    }

    /// When the schedule compares next.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let scheduled = self.look(|it| it.next);
        scheduled.or_else(|| self.cron.as_ref()?.next_after(now))
    }

    /// The columns of the reference with what they hold.
    pub fn schema(&self) -> Vec<(String, String)> {
        let basis = self.look(|it| it.basis.clone());
        let columns = basis.iter().flat_map(|it| &it.profile.columns);
        columns.map(|it| (it.name.clone(), it.kind.as_str().to_owned())).collect()
    }

    fn read_on(&self) -> Result<(), PortError> {
        let cursor = self.look(|it| it.cursor);
        let span = Span { after: cursor, most: u64::MAX, ..self.everything() };
        let mut new = vec![];
        span.read(&*self.log, |it| new.push((it.sequence, it.inference.time)))?;
        if new.is_empty() {
            return Ok(());
        }
        let mut state = lock(&self.state);
        let compared = state.saved.compared;
        for (sequence, time) in new {
            state.cursor = sequence;
            state.counts.predictions += 1;
            // What a comparison saw before the restart does not make another one due.
            state.since_run += u64::from(sequence > compared);
            state.recent.push_back((sequence, time));
            if state.recent.len() as u64 > self.config.window.count {
                state.recent.pop_front();
            }
        }
        Ok(())
    }

    fn due(&self, now: Timestamp) -> Option<&'static str> {
        let mut state = lock(&self.state);
        if state.try_after.is_some_and(|it| now < it) {
            return None;
        }
        state.try_after = None;
        if self.config.every_predictions > 0 && state.since_run >= self.config.every_predictions {
            return Some("predictions");
        }
        let cron = self.cron.as_ref()?;
        if state.next.is_none() {
            let from = state.saved.scheduled.unwrap_or(now);
            state.next = cron.next_after(from);
        }
        let is_due = state.next.is_some_and(|it| it <= now);
        if is_due && state.since_run == 0 {
            // Nothing new has come: the next time.
            state.next = cron.next_after(now);
            return None;
        }
        is_due.then_some("schedule")
    }

    fn everything(&self) -> Span {
        Span {
            model: self.config.model.clone(),
            version: self.config.version.clone(),
            after: 0,
            range: TimeRange::new(Timestamp::MIN, Timestamp::MAX),
            most: self.config.window.count,
        }
    }

    fn span(&self, now: Timestamp) -> Result<Span, NoRun> {
        self.read_on()?;
        let from = self.max_age.map_or(Timestamp::MIN, |it| now.minus(it));
        let first = self.look(|it| it.recent.iter().find(|it| it.1 >= from).map(|it| it.0));
        let first = first.ok_or(NoRun::TooFew(0, self.config.window.min_count))?;
        Ok(Span { after: first.saturating_sub(1), range: TimeRange::new(from, Timestamp::MAX), ..self.everything() })
    }

    /// `with_labels`: labels have come, so that it should know how wrong its answers were.
    fn basis(&self, begin: Timestamp, with_labels: bool) -> Result<Arc<Basis>, NoRun> {
        let is_whole = |it: &Basis| has_answers(it) && (it.wrongness.is_some() || !with_labels);
        if let Some(it) = self.look(|it| it.basis.clone()).filter(|it| is_whole(it)) {
            return Ok(it);
        }
        let made = Arc::new(basis(&self.config, begin, &*self.log)?);
        if self.config.reference.sliding.is_none() {
            lock(&self.state).basis = Some(Arc::clone(&made));
        }
        Ok(made)
    }

    /// A feature that drifted already drifts since then.
    fn keep_since(&self, saved: &mut Saved, run: &mut Run) {
        let mut since = std::collections::BTreeMap::new();
        for it in run.features.iter_mut().filter(|it| it.drifted) {
            it.since = saved.since.get(&it.name).copied().or(it.since);
            since.extend(it.since.map(|time| (it.name.clone(), time)));
        }
        saved.since = since;
    }

    /// The alarms hear of the run; what has begun, goes on and is over.
    fn conclude(&self, saved: &mut Saved, run: &Run, now: Timestamp) -> Vec<Anomaly> {
        let mut goes: Vec<Told> = vec![];
        for rule in &self.rules {
            let began = run.features.iter().filter_map(|it| it.since).min().unwrap_or(run.from);
            let alarm = saved.alarms.entry(rule.to_string()).or_default();
            let holds = rule.holds(&run.measures);
            let news = alarm.observe(holds, began, self.config.alert_after_runs, self.config.recover_after_runs);
            match news {
                News::Began => tracing::warn!(model = run.model, %rule, summary = run.summary, "A model drifts."),
                News::Over => tracing::info!(model = run.model, %rule, "A model has recovered."),
                News::Quiet | News::Goes => {}
            }
            let Some(since) = alarm.firing_since else { continue };
            if holds == Some(true) {
                for it in told(&self.config, rule, run, since) {
                    if goes.iter().all(|other| other.labels != it.labels) {
                        goes.push(it);
                    }
                }
            } else {
                // It is not sure yet that it is over: what was told stands.
                let text = rule.to_string();
                let is_its = |it: &&Told| it.rule == text && goes.iter().all(|other| other.labels != it.labels);
                let before: Vec<Told> = saved.told.iter().filter(is_its).cloned().collect();
                goes.extend(before);
            }
        }
        let severity = self.config.severity;
        let is_over = |it: &&Told| goes.iter().all(|other| other.labels != it.labels);
        let mut anomalies: Vec<Anomaly> =
            saved.told.iter().filter(is_over).map(|it| it.anomaly(now, severity, true)).collect();
        anomalies.extend(goes.iter().map(|it| it.anomaly(now, severity, false)));
        saved.told = goes;
        anomalies
    }

    fn trouble(&self, error: &NoRun, now: Timestamp) {
        let text = causes(error);
        let mut state = lock(&self.state);
        let is_waiting = matches!(error, NoRun::TooFew(..))
            || matches!(error, NoRun::Basis(crate::model_watch::basis::NoBasis::Waiting { .. }));
        if is_waiting {
            // It is looked at again when more has come.
            state.since_run = 0;
            state.next = None;
            state.saved.scheduled = Some(now);
        } else {
            state.counts.failures += 1;
            state.try_after = Some(now.plus(PATIENCE));
            if state.counts.trouble.as_ref() != Some(&text) {
                tracing::error!(model = self.config.model, error = text, "A model could not be compared.");
            }
        }
        state.counts.trouble = Some(text);
    }
}

fn has_answers(basis: &Basis) -> bool {
    basis.profile.columns.iter().any(|it| it.name == "prediction")
}

fn state_key(config: &WatchConfig) -> String {
    format!("model-watch/{}/{}", config.model, config.version.as_deref().unwrap_or(""))
}

/// An error with all that lies under it.
pub fn causes(error: &dyn std::error::Error) -> String {
    let below = std::iter::successors(error.source(), |it| it.source());
    below.fold(error.to_string(), |text, it| format!("{text}: {it}"))
}
