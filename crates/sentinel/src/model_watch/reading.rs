//! How far has the log of a model been read, and is a comparison due?

use signal::{PortError, TimeRange, Timestamp};

use crate::model_watch::lock;
use crate::model_watch::no_run::NoRun;
use crate::model_watch::watched::Watched;
use crate::model_watch::window::Span;

/// Predictions that are read at once.
const BATCH: u64 = 100_000;

impl Watched {
    /// Reads what is new.
    pub fn read_on(&self) -> Result<(), PortError> {
        let (end, _) = self.log.ends();
        loop {
            let mut new = vec![];
            let span = Span { after: self.look(|it| it.cursor), most: BATCH, ..self.everything() };
            span.read(&*self.log, |it| new.push((it.sequence, it.inference.time)))?;
            let is_all = (new.len() as u64) < BATCH;
            self.count(new);
            if is_all {
                break;
            }
        }
        // What other models were asked is not looked at again.
        let mut state = lock(&self.state);
        state.cursor = state.cursor.max(end);
        Ok(())
    }

    fn count(&self, new: Vec<(u64, Timestamp)>) {
        let mut state = lock(&self.state);
        let compared = state.saved.compared;
        for (sequence, time) in new {
            // Somebody who asked for a comparison may have read it meanwhile.
            if sequence <= state.cursor {
                continue;
            }
            state.cursor = sequence;
            state.counts.predictions += 1;
            // What a comparison saw before the restart does not make another one due.
            state.since_run += u64::from(sequence > compared);
            state.recent.push_back((sequence, time));
            if state.recent.len() as u64 > self.config.window.count {
                state.recent.pop_front();
            }
        }
    }

    /// What asks for a comparison now.
    pub fn due(&self, now: Timestamp) -> Option<&'static str> {
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

    /// All predictions of the model that are watched.
    pub fn everything(&self) -> Span {
        Span {
            model: self.config.model.clone(),
            version: self.config.version.clone(),
            after: 0,
            range: TimeRange::new(Timestamp::MIN, Timestamp::MAX),
            most: self.config.window.count,
        }
    }

    /// The window of a comparison.
    pub fn span(&self, now: Timestamp) -> Result<Span, NoRun> {
        self.read_on()?;
        let from = self.max_age.map_or(Timestamp::MIN, |it| now.minus(it));
        let first = self.look(|it| it.recent.iter().find(|it| it.1 >= from).map(|it| it.0));
        let first = first.ok_or(NoRun::TooFew(0, self.config.window.min_count))?;
        Ok(Span { after: first.saturating_sub(1), range: TimeRange::new(from, Timestamp::MAX), ..self.everything() })
    }
}
