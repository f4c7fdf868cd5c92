//! How is a live stream followed? What is new in the log goes to the follower; what begins and ends is told.

use std::collections::VecDeque;
use std::time::Duration;

use drift::watch::online::{Event, OnlineFollower, Target};
use signal::{Anomaly, FeatureValue, Label, Timestamp};

use crate::model_watch::lock;
use crate::model_watch::no_run::{NoRun, causes};
use crate::model_watch::online::{Place, State, told};
use crate::model_watch::saved::Told;
use crate::model_watch::sighting::Sighting;
use crate::model_watch::telling::{ONLINE_LIMIT, series_of_target};
use crate::model_watch::watched::Watched;
use crate::model_watch::window::Span;

/// Predictions and labels that are taken at once.
const BATCH: u64 = 20_000;
/// Predictions before an alarm that are looked at.
const LOOK_BACK: usize = 2000;
/// How often the state is saved if nothing happens.
const SAVE_AFTER: Duration = Duration::from_secs(30);
/// After an error it is tried again so much later.
const PATIENCE: Duration = Duration::from_secs(60);

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
                // What was over may not have been told.
                state.has_retold = false;
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
        // Labels that are there now are of predictions that are read before them.
        let (_, labels_end) = self.log.ends();
        if self.take_rows(follower, &mut state.recent, &mut events)? {
            self.take_labels(follower, state.recent.front(), labels_end, &mut events)?;
        }
        let has_news = !events.is_empty();
        for (event, place) in events {
            match event {
                Event::Began(alarm) => {
                    // An alarm is told even if nobody can look back now.
                    let seen = Sighting::look(self, follower, &alarm, place).unwrap_or_else(|error| {
                        tracing::error!(
                            model = self.config.model,
                            error = causes(&error),
                            "The log was not looked at."
                        );
                        Sighting { since: now, said: format!("{} drifts", alarm.target.name()) }
                    });
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

    /// Takes what was asked; true if that is all.
    fn take_rows(
        &self,
        follower: &mut OnlineFollower,
        recent: &mut VecDeque<u64>,
        events: &mut Vec<(Event, Place)>,
    ) -> Result<bool, NoRun> {
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
        Ok(n < BATCH)
    }

    /// A label in the words of the answers: the number of a class for its name.
    fn numbered(&self, label: Label) -> Label {
        let FeatureValue::Text(text) = &label.label else { return label };
        let number = self.classes.iter().position(|it| it == text);
        number.map_or(label.clone(), |it| Label { label: (it as f64).into(), ..label })
    }

    fn take_labels(
        &self,
        follower: &mut OnlineFollower,
        first: Option<&u64>,
        end: u64,
        events: &mut Vec<(Event, Place)>,
    ) -> Result<(), NoRun> {
        let until = follower.rows_until;
        let place = Place { from: first.copied().unwrap_or(until), until };
        let mut n = 0;
        self.log.read_labels(follower.labels_until, &mut |number, label| {
            if number > end {
                return false;
            }
            n += 1;
            let label = self.numbered(label);
            events.extend(follower.label(number, &label).into_iter().map(|it| (it, place)));
            n < BATCH
        })?;
        Ok(())
    }
}
