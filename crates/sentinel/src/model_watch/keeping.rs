//! From where is a live stream followed? From what was saved, if it is of the same reference, else from now on.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use drift::Data;
use drift::watch::WatchConfig;
use drift::watch::online::OnlineFollower;
use signal::Timestamp;

use crate::model_watch::basis::{Basis, FIRST, NoBasis};
use crate::model_watch::no_run::NoRun;
use crate::model_watch::online::State;
use crate::model_watch::watched::Watched;
use crate::model_watch::window::Span;

/// Words of a column by which references are told apart.
const MOST_WORDS: usize = 100;

impl Watched {
    /// A follower, as it was saved or new. `rows` and `labels` are what was in the log when the process began.
    pub fn begin_online(&self, (rows, labels): (u64, u64), now: Timestamp) -> Result<OnlineFollower, NoRun> {
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
    pub fn basis_with_answers(&self, now: Timestamp) -> Result<Option<Arc<Basis>>, NoRun> {
        let n = self.look(|it| it.counts.predictions);
        if self.config.reference.file.is_some() && n < self.config.window.count {
            return Ok(None);
        }
        let basis = self.basis(now, false)?;
        Ok(basis.profile.columns.iter().any(|it| it.name == "prediction").then_some(basis))
    }

    /// Saves the state, durable when it returns.
    pub fn save_online(&self, state: &mut State, now: Timestamp) -> Result<(), NoRun> {
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
