//! What of a miner outlives its process? Its templates with their identities, as data that any format can hold.

use serde::{Deserialize, Serialize};

use super::mask::MAX_BYTES;
use super::miner::{Template, TemplateMiner, TemplateMinerConfig};
use super::review::bit;
use super::tokens::{self, Token};

/// The layout of [`MinerState`]; another one is refused.
const VERSION: u32 = 1;
/// A placeholder may be longer than what it replaced.
const MAX_TEXT_BYTES: usize = 4 * MAX_BYTES;

/// The state of a [`TemplateMiner`], for [`TemplateMiner::restore`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinerState {
    version: u32,
    templates: Vec<SavedTemplate>,
    /// Merged templates with the ones that took them in.
    names: Vec<(u64, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedTemplate {
    id: u64,
    text: String,
    /// Places, counted in words from 0, that became variables.
    columns: Vec<usize>,
    born: u64,
    used: u64,
}

impl TemplateMiner {
    /// The templates and their identities, the oldest first. Evictions and merges not yet told are not part of it.
    pub fn save(&self) -> MinerState {
        let save = |(id, it): (&u64, &Template)| SavedTemplate {
            id: *id,
            text: it.text.clone(),
            columns: (0..=tokens::MAX_WORDS).filter(|idx| it.columns & bit(*idx) != 0).collect(),
            born: it.born,
            used: it.used,
        };
        let mut templates: Vec<SavedTemplate> = self.templates.iter().map(save).collect();
        templates.sort_by_key(|it| (it.born, it.id));
        let mut names: Vec<(u64, u64)> = self.names.iter().map(|(from, into)| (*from, *into)).collect();
        names.sort_unstable();
        MinerState { version: VERSION, templates, names }
    }

    /// A miner that goes on where the saved one stopped: the same lines get the same identities. If `config` allows
    /// fewer templates than were saved, the longest unused ones are left out.
    ///
    /// # Errors
    /// A message if the state is of another version or contradicts itself.
    pub fn restore(config: TemplateMinerConfig, state: MinerState) -> Result<Self, String> {
        if state.version != VERSION {
            return Err(format!("version {} is not known, only {VERSION}", state.version));
        }
        let mut miner = Self::new(config);
        let mut saved = state.templates;
        saved.sort_by_key(|it| (std::cmp::Reverse(it.used), it.id));
        saved.truncate(miner.config.max_templates);
        saved.sort_by_key(|it| (it.born, it.id));
        for it in saved {
            miner.tick = miner.tick.max(it.used).max(it.born);
            let (id, template) = it.build()?;
            if !miner.insert_new(id, template) {
                return Err(format!("template {id:016x} is there twice"));
            }
        }
        let room = miner.remembered();
        let known = state
            .names
            .into_iter()
            .filter(|(from, into)| miner.templates.contains_key(into) && !miner.templates.contains_key(from));
        let names: Vec<(u64, u64)> = known.take(room).collect();
        miner.names.extend(names);
        Ok(miner)
    }
}

impl SavedTemplate {
    fn build(self) -> Result<(u64, Template), String> {
        if self.text.len() > MAX_TEXT_BYTES {
            return Err(format!("template {:016x} is longer than a line", self.id));
        }
        let mut columns = 0;
        let mut tokens = vec![];
        let frame = tokens::read(self.text.as_bytes(), &mut tokens);
        for idx in self.columns {
            let token = tokens.get_mut(idx).ok_or_else(|| format!("template {:016x} has no word {idx}", self.id))?;
            *token = Token::WILD;
            columns |= bit(idx);
        }
        let Self { id, text, born, used, .. } = self;
        Ok((id, Template { text, tokens, columns, frame, born, used }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::TemplateId;

    fn learned(lines: &[String]) -> (TemplateMiner, Vec<TemplateId>) {
        let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
        let ids = lines.iter().map(|it| miner.learn_one(it)).collect();
        (miner, ids)
    }

    fn lines() -> Vec<String> {
        let users = ["ann", "bob", "eve", "joe", "kim", "lee", "max"];
        let line = |(idx, user): (usize, &&str)| {
            [format!("{user}, your cart={idx} holds item={user}!"), format!("worker {idx} got job:{user} (at {user})")]
        };
        users.iter().enumerate().flat_map(line).chain(["a ".repeat(200), String::new()]).collect()
    }

    #[test]
    fn identities_are_the_same_after_a_restart() {
        let (saved, ids) = learned(&lines());
        let mut restored = TemplateMiner::restore(TemplateMinerConfig::default(), saved.save()).unwrap();
        assert_eq!(restored.save(), saved.save());
        for (line, id) in lines().iter().zip(&ids) {
            assert_eq!(restored.current(*id), saved.current(*id), "{line}");
            assert_eq!(restored.learn_one(line), saved.current(*id), "{line}");
        }
        assert_eq!(restored.len(), saved.len());
        assert_eq!(
            restored.learn_one("zoe, your cart=5 holds item=zoe!"),
            saved.clone().learn_one("zoe, your cart=5 holds item=zoe!")
        );
    }

    #[test]
    fn fewer_templates_are_kept_if_fewer_are_allowed() {
        let (saved, _) = learned(&(0..30).map(|it| "x ".repeat(it + 1)).collect::<Vec<_>>());
        let config = TemplateMinerConfig { max_templates: 16, ..TemplateMinerConfig::default() };
        let mut restored = TemplateMiner::restore(config, saved.save()).unwrap();
        assert_eq!(restored.len(), 16);
        let newest = "x ".repeat(30);
        assert_eq!(restored.template(restored.clone().learn_one(&newest)), Some(newest.trim_end()));
        restored.learn_one("one more");
        assert!(restored.len() <= 16);
    }

    #[test]
    fn a_state_that_cannot_be_is_refused() {
        let (saved, _) = learned(&lines());
        let check = |spoil: &dyn Fn(&mut MinerState), expected: &str| {
            let mut state = saved.save();
            spoil(&mut state);
            let problem = TemplateMiner::restore(TemplateMinerConfig::default(), state).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        };
        check(&|it| it.version = 2, "version 2");
        check(&|it| it.templates[0].columns = vec![500], "no word 500");
        check(&|it| it.templates[0].text = "x".repeat(100_000), "longer than a line");
        check(&|it| it.templates.push(it.templates[0].clone()), "twice");
    }
}
