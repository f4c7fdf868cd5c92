//! How is one model followed? Its log is read on from where it was; when a comparison is due, it is made and kept, the
//! alarms hear of it, and what changed is told.
//!
//! Everything is taken from the log, which is durable: after the end of the process, even a sudden one, the watch reads
//! its window anew and goes on. What is saved is written after a run is on disk and before anybody is told.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use drift::watch::{NoEstimate, Rule, WatchConfig, seconds};
use forecast::Cron;
use signal::{Anomaly, InferenceLog, Timestamp};
use store::Store;

use crate::model_watch::basis::{Basis, basis};
use crate::model_watch::comparison::{Compared, compare};
use crate::model_watch::lock;
use crate::model_watch::no_run::{NoRun, causes};
use crate::model_watch::online::Online;
use crate::model_watch::run::Run;
use crate::model_watch::runs::Runs;
use crate::model_watch::saved::Saved;
use crate::model_watch::window::{Span, Window};

/// After an error of the disk or the log it is tried again so much later.
const PATIENCE: Duration = Duration::from_secs(60);

/// A watched model.
pub struct Watched {
    /// Its address: the model, with `@` and the version where several watches are of one model.
    pub name: String,
    /// What the user says of it.
    pub config: WatchConfig,
    /// Names of the classes that it answers by their number, if it is served here.
    pub classes: Vec<Arc<str>>,
    /// The live stream, if it is followed.
    pub online: Option<Online>,
    pub(super) rules: Vec<Rule>,
    pub(super) cron: Option<Cron>,
    pub(super) max_age: Option<Duration>,
    pub(super) log: Arc<dyn InferenceLog>,
    pub(super) store: Arc<Store>,
    pub(super) state: Mutex<State>,
    /// Held during a comparison, so that two of them never run at the same time.
    comparing: Mutex<()>,
}

/// What is known.
pub struct State {
    /// Comparisons.
    pub runs: Runs,
    pub(super) saved: Saved,
    /// Made once, if it does not slide; anew when labels have come that it lacks.
    pub(super) basis: Option<Arc<Basis>>,
    /// The last label in the log when it was made.
    basis_labels: u64,
    /// Sequence and time of the newest predictions, so many as a window has at most.
    pub(super) recent: VecDeque<(u64, Timestamp)>,
    pub(super) cursor: u64,
    pub(super) since_run: u64,
    pub(super) next: Option<Timestamp>,
    pub(super) try_after: Option<Timestamp>,
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

impl State {
    /// Whether a comparison was ever made.
    pub const fn has_compared(&self) -> bool {
        self.saved.compared > 0
    }

    /// What was compared with, if it is at hand.
    pub fn known_basis(&self) -> Option<Arc<Basis>> {
        self.basis.clone()
    }
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
            basis_labels: 0,
            recent: VecDeque::new(),
            cursor,
            since_run: 0,
            next: None,
            try_after: None,
            counts: Counts::default(),
        };
        Ok(Self {
            name: config.model.clone(),
            classes: vec![],
            rules: config.rules(),
            online: config.online.as_ref().map(|_| Online::new(log.ends())),
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
        let window = Window::read(&span, &self.config, &*self.log)?;
        let begin = window.times.map_or(now, |it| it.0);
        let basis = self.basis(begin, true)?;
        let (span, window) = if span.after < basis.last {
            // What the reference is made of is not compared with it.
            let span = Span { after: basis.last, ..span };
            let window = Window::read(&span, &self.config, &*self.log)?;
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

    /// What predictions are compared with. `with_labels`: it should know how wrong its answers were and how right later
    /// ones are to be, as far as labels have come by now.
    pub fn basis(&self, begin: Timestamp, with_labels: bool) -> Result<Arc<Basis>, NoRun> {
        let has_labels =
            |it: &Basis| it.wrongness.is_some() && !matches!(it.estimator, Some(Err(NoEstimate::TooFew { .. })));
        let (_, labels) = self.log.ends();
        let (known, of_labels) = self.look(|it| (it.basis.clone(), it.basis_labels));
        let is_whole = |it: &Basis| has_answers(it) && (!with_labels || has_labels(it) || of_labels == labels);
        if let Some(it) = known.filter(|it| is_whole(it)) {
            return Ok(it);
        }
        let made = Arc::new(basis(&self.config, begin, &*self.log)?);
        if self.config.reference.sliding.is_none() {
            let mut state = lock(&self.state);
            (state.basis, state.basis_labels) = (Some(Arc::clone(&made)), labels);
        }
        Ok(made)
    }

    fn trouble(&self, error: &NoRun, now: Timestamp) {
        let text = causes(error);
        let mut state = lock(&self.state);
        if error.is_waiting() {
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
