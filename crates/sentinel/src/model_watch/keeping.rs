//! From where is a live stream followed? From what was saved, if it is of the same reference, else from now on.

use std::sync::Arc;

use drift::watch::WatchConfig;
use drift::watch::online::OnlineFollower;
use drift::{ColumnProfile, Data};
use signal::Timestamp;
use xxhash_rust::xxh3::Xxh3;

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

    fn fingerprint(&self, basis: Option<&Basis>) -> u64 {
        let basis = basis.filter(|_| self.config.reference.file.is_some());
        let columns = basis.map_or(&[][..], |it| it.profile.columns.as_slice());
        fingerprint(&format!("{:?}", self.config.reference), columns)
    }
}

/// Tells references apart: what was followed against another one is begun anew. It is kept, so it must be the same in
/// every process and release.
fn fingerprint(reference: &str, columns: &[ColumnProfile]) -> u64 {
    let mut hasher = Xxh3::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    add(reference.as_bytes());
    for it in columns.iter().filter(|it| !drift::is_answer(&it.name)) {
        add(it.name.as_bytes());
        [it.rows, it.missing].iter().for_each(|it| add(&it.to_le_bytes()));
        match &it.data {
            Data::Empty => {}
            Data::Numbers(it) => {
                let numbers = [it.mean, it.squares, it.cubes, it.lowest, it.highest];
                numbers.iter().for_each(|it| add(&it.to_bits().to_le_bytes()));
            }
            Data::Words(it) => it.counts.iter().take(MOST_WORDS).for_each(|(word, count)| {
                add(word.as_bytes());
                add(&count.to_le_bytes());
            }),
        }
    }
    hasher.digest()
}

fn online_key(config: &WatchConfig) -> String {
    format!("model-watch-online/{}/{}", config.model, config.version.as_deref().unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: what is kept of a live stream is found again by every process and release.
    #[test]
    fn fingerprints_are_stable_and_tell_references_apart() {
        let column = |name: &str, count: u64| ColumnProfile {
            name: name.to_owned(),
            rows: 10,
            data: Data::Words(drift::Categories { counts: vec![("red".to_owned(), count)], ..Default::default() }),
            ..ColumnProfile::default()
        };
        assert_eq!(format!("{:016x}", fingerprint("none", &[])), "8b569148973ba411");
        assert_eq!(format!("{:016x}", fingerprint("a file", &[column("color", 7)])), "36df24fa53993ab4");
        let others = [
            fingerprint("a file", &[column("color", 8)]),
            fingerprint("a file", &[column("colo", 7)]),
            fingerprint("b file", &[column("color", 7)]),
            fingerprint("a file", &[column("color", 7), column("color", 7)]),
        ];
        assert!(!others.contains(&fingerprint("a file", &[column("color", 7)])));
        let answers = [column("color", 7), column("prediction", 1)];
        assert_eq!(fingerprint("a file", &answers), fingerprint("a file", &answers[..1]), "answers come later");
    }
}
