//! What is told between comparisons? The live stream of a model is followed prediction by prediction; an alarm is told at
//! once, with what moved, since when and in which group.
//!
//! The state is saved now and then, and always before an alarm is told. What came after it is read again from the log
//! after a sudden end, with the same result.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drift::Data;
use drift::watch::WatchConfig;
use drift::watch::online::{Event, OnlineFollower, StreamState, Target};
use signal::{Anomaly, LoggedInference, Timestamp};

use crate::model_watch::basis::{Basis, FIRST, NoBasis};
use crate::model_watch::lock;
use crate::model_watch::no_run::{NoRun, causes};
use crate::model_watch::saved::Told;
use crate::model_watch::sighting::Sighting;
use crate::model_watch::telling::{ONLINE_LIMIT, series_of_target};
use crate::model_watch::watched::Watched;
use crate::model_watch::window::{Span, group};

/// Predictions and labels that are taken at once.
const BATCH: u64 = 20_000;
/// Predictions before an alarm that are looked at.
const LOOK_BACK: usize = 2000;
/// How often the state is saved if nothing happens.
const SAVE_AFTER: Duration = Duration::from_secs(30);
/// Words of a column by which references are told apart.
const MOST_WORDS: usize = 100;
/// After an error it is tried again so much later.
const PATIENCE: Duration = Duration::from_secs(60);

/// The live stream of one model.
pub struct Online {
    state: Mutex<State>,
}

/// Where to look for what an alarm tells: sequences of predictions.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The first.
    pub from: u64,
    /// The last, which brought the alarm.
    pub until: u64,
}

/// Where it stands.
#[derive(Default)]
pub struct State {
    /// What follows, once there is a reference.
    pub follower: Option<OnlineFollower>,
    /// Why nothing is followed.
    pub trouble: Option<String>,
    /// What was in the log when the process began: it is not followed without a saved state.
    begin: (u64, u64),
    /// Sequences of the newest predictions that were taken: where to look for the begin of what an alarm tells.
    recent: VecDeque<u64>,
    saved_at: Option<Timestamp>,
    /// Whether what was over at the last end of the process was told again.
    has_retold: bool,
    try_after: Option<Timestamp>,
}

impl Online {
    /// What is in the log already is history.
    pub fn new(begin: (u64, u64)) -> Self {
        Self { state: Mutex::new(State { begin, ..State::default() }) }
    }

    /// Looks at the state.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.state))
    }
}

impl State {
    /// Every target with how it stands.
    pub fn states(&self) -> Vec<StreamState> {
        self.follower.as_ref().map_or_else(Vec::new, OnlineFollower::states)
    }
}

/// What is told of a target.
pub fn told(config: &WatchConfig, state: &StreamState) -> Option<Told> {
    let standing = state.standing.as_ref()?;
    Some(Told {
        rule: "online".to_owned(),
        labels: series_of_target(config, &state.target),
        onset: standing.since,
        value: score(state),
        limit: ONLINE_LIMIT,
        is_above: true,
        explanation: standing.said.clone(),
    })
}

/// How near an alarm is, below 1; from 1 on while it stands.
pub fn score(state: &StreamState) -> f64 {
    let nearness = state.nearness.unwrap_or(0.0);
    if state.standing.is_some() { 1.0 + nearness } else { nearness.min(ONLINE_LIMIT) }
}

impl Watched {
    /// Follows what is new in the log; what is to be told of it.
    pub fn step_online(&self, now: Timestamp) -> Vec<Anomaly> {
        let Some(online) = &self.online else { return vec![] };
        let mut state = lock(&online.state);
        if state.try_after.is_some_and(|it| now < it) {
            return vec![];
        }
        let found = self.follow(&mut state, now);
        state.try_after = None;
        match found {
            Ok(anomalies) => {
                state.trouble = None;
                anomalies
            }
            Err(error) => {
                let text = causes(&error);
                if !error.is_waiting() {
                    tracing::error!(model = self.config.model, error = text, "A live stream could not be followed.");
                    state.try_after = Some(now.plus(PATIENCE));
                }
                state.trouble = Some(text);
                vec![]
            }
        }
    }

    /// Alarms that go on, told again.
    pub fn firing_online(&self, now: Timestamp) -> Vec<Anomaly> {
        let states = self.online.iter().flat_map(|it| it.look(State::states));
        let told = states.filter_map(|it| told(&self.config, &it));
        told.map(|it| it.anomaly(now, self.config.severity, false)).collect()
    }

    fn follow(&self, state: &mut State, now: Timestamp) -> Result<Vec<Anomaly>, NoRun> {
        if state.follower.is_none() {
            state.follower = Some(self.begin_online(state.begin, now)?);
        }
        let Some(follower) = &mut state.follower else { return Ok(vec![]) };
        if !follower.has_answers()
            && let Some(basis) = self.basis_with_answers(now)?
        {
            follower.add_answers(&basis.profile);
        }
        let mut anomalies = vec![];
        if !state.has_retold {
            state.has_retold = true;
            anomalies.extend(follower.over().iter().map(|it| self.over(it, now)));
        }
        follower.forget_over();
        let (before, mut events) = ((follower.rows_until, follower.labels_until), vec![]);
        self.take_rows(follower, &mut state.recent, &mut events)?;
        let is_behind = follower.rows_until < self.log.ends().0;
        if !is_behind {
            self.take_labels(follower, state.recent.front(), &mut events)?;
        }
        let has_news = !events.is_empty();
        for (event, place) in events {
            match event {
                Event::Began(alarm) => {
                    let seen = Sighting::look(self, follower, &alarm, place)?;
                    tracing::warn!(
                        model = self.config.model,
                        what = alarm.target.name(),
                        said = seen.said,
                        "A live stream drifts."
                    );
                    follower.stand(&alarm.target, seen.since, seen.said);
                }
                Event::Over(target) => {
                    tracing::info!(model = self.config.model, what = target.name(), "A live stream has recovered.");
                    anomalies.push(self.over(&target, now));
                }
            }
        }
        let states = follower.states();
        let is_old = state.saved_at.is_none_or(|it| now.since(it) >= SAVE_AFTER);
        let has_moved = before != (follower.rows_until, follower.labels_until);
        if has_news || (is_old && has_moved) {
            self.save_online(state, now)?;
        }
        if has_news {
            let firing = states.iter().filter_map(|it| told(&self.config, it));
            anomalies.extend(firing.map(|it| it.anomaly(now, self.config.severity, false)));
        }
        Ok(anomalies)
    }

    fn over(&self, target: &Target, now: Timestamp) -> Anomaly {
        let labels = series_of_target(&self.config, target);
        let (rule, explanation) = ("online".to_owned(), String::new());
        let told = Told { rule, labels, onset: now, value: 1.0, limit: ONLINE_LIMIT, is_above: true, explanation };
        told.anomaly(now, self.config.severity, true)
    }

    fn take_rows(
        &self,
        follower: &mut OnlineFollower,
        recent: &mut VecDeque<u64>,
        events: &mut Vec<(Event, Place)>,
    ) -> Result<(), NoRun> {
        let (end, _) = self.log.ends();
        let span = Span { after: follower.rows_until, most: BATCH, ..self.everything() };
        let mut n = 0;
        span.read(&*self.log, |row| {
            n += 1;
            recent.push_back(row.sequence);
            if recent.len() > LOOK_BACK {
                recent.pop_front();
            }
            let place = Place { from: recent.front().copied().unwrap_or(row.sequence), until: row.sequence };
            events.extend(follower.row(row).into_iter().map(|it| (it, place)));
        })?;
        if n < BATCH {
            // What other models were asked is not looked at again.
            follower.rows_until = follower.rows_until.max(end);
        }
        Ok(())
    }

    fn take_labels(
        &self,
        follower: &mut OnlineFollower,
        first: Option<&u64>,
        events: &mut Vec<(Event, Place)>,
    ) -> Result<(), NoRun> {
        let until = follower.rows_until;
        let place = Place { from: first.copied().unwrap_or(until), until };
        let mut n = 0;
        self.log.read_labels(follower.labels_until, &mut |number, label| {
            n += 1;
            events.extend(follower.label(number, &label).into_iter().map(|it| (it, place)));
            n < BATCH
        })?;
        Ok(())
    }

    fn begin_online(&self, (rows, labels): (u64, u64), now: Timestamp) -> Result<OnlineFollower, NoRun> {
        let config = self.config.online.clone().unwrap_or_default();
        // A file is read to know whether it is the same; other references are in the log and stay.
        let basis = if self.config.reference.file.is_some() { Some(self.basis(now, false)?) } else { None };
        let saved = self.store.get_state(&online_key(&self.config))?;
        let saved = saved.as_deref().and_then(|it| it.split_first_chunk::<8>());
        let saved = saved.filter(|it| u64::from_le_bytes(*it.0) == self.fingerprint(basis.as_deref()));
        if let Some(mut follower) = saved.and_then(|it| OnlineFollower::read(it.1, &config, &self.config.performance)) {
            let (after, until) = (follower.waiting_from().saturating_sub(1), follower.rows_until);
            let span = Span { after, most: u64::MAX, ..self.everything() };
            span.read(&*self.log, |row| {
                if row.sequence <= until {
                    follower.remember(row);
                }
            })?;
            return Ok(follower);
        }
        let basis = match basis {
            Some(it) => it,
            None => self.basis_when_there(now)?,
        };
        let mut follower = OnlineFollower::new(&config, &self.config.performance, &self.config.compare, &basis.profile);
        if self.config.reference.file.is_none() {
            follower.add_answers(&basis.profile);
            // The order of a file may say nothing; that of the log is that of time.
            let mut trial = follower.trial();
            let most = self.config.reference.first.unwrap_or(FIRST);
            Span { most, ..self.everything() }.read(&*self.log, |row| trial.row(&row.inference))?;
            follower.settle(trial);
        }
        (follower.rows_until, follower.labels_until) = (rows.max(basis.last), labels);
        for note in &follower.notes {
            tracing::warn!(model = self.config.model, note, "A part of a live stream is not followed as asked for.");
        }
        Ok(follower)
    }

    /// The first predictions as the reference, looked for only when so many have come.
    fn basis_when_there(&self, now: Timestamp) -> Result<Arc<Basis>, NoRun> {
        let needed = self.config.reference.first.unwrap_or(FIRST);
        let there = self.look(|it| if it.has_compared() { needed } else { it.counts.predictions });
        if there < needed {
            return Err(NoBasis::Waiting { there, needed }.into());
        }
        self.basis(now, false)
    }

    /// The reference once it knows as many answers as a window has; nothing before.
    fn basis_with_answers(&self, now: Timestamp) -> Result<Option<Arc<Basis>>, NoRun> {
        let n = self.look(|it| it.counts.predictions);
        if self.config.reference.file.is_some() && n < self.config.window.count {
            return Ok(None);
        }
        let basis = self.basis(now, false)?;
        Ok(basis.profile.columns.iter().any(|it| it.name == "prediction").then_some(basis))
    }

    fn save_online(&self, state: &mut State, now: Timestamp) -> Result<(), NoRun> {
        let Some(follower) = &state.follower else { return Ok(()) };
        let basis = self.look(|it| it.known_basis());
        let mut bytes = self.fingerprint(basis.as_deref()).to_le_bytes().to_vec();
        bytes.extend(follower.to_bytes());
        self.store.put_state(&online_key(&self.config), &bytes)?;
        state.saved_at = Some(now);
        Ok(())
    }

    /// Tells references apart: what was followed against another one is begun anew.
    fn fingerprint(&self, basis: Option<&Basis>) -> u64 {
        let mut hasher = DefaultHasher::new();
        format!("{:?}", self.config.reference).hash(&mut hasher);
        if let Some(basis) = basis.filter(|_| self.config.reference.file.is_some()) {
            for it in basis.profile.columns.iter().filter(|it| !drift::is_answer(&it.name)) {
                (&it.name, it.rows, it.missing).hash(&mut hasher);
                match &it.data {
                    Data::Empty => {}
                    Data::Numbers(it) => {
                        [it.mean, it.squares, it.cubes, it.lowest, it.highest].map(f64::to_bits).hash(&mut hasher);
                    }
                    Data::Words(it) => it.counts.iter().take(MOST_WORDS).for_each(|it| it.hash(&mut hasher)),
                }
            }
        }
        hasher.finish()
    }
}

fn online_key(config: &WatchConfig) -> String {
    format!("model-watch-online/{}/{}", config.model, config.version.as_deref().unwrap_or(""))
}

/// Groups of a prediction by the configured columns.
pub fn groups<'a>(row: &'a LoggedInference, columns: &'a [String]) -> impl Iterator<Item = String> + 'a {
    columns.iter().filter_map(|it| group(&row.inference, it))
}
