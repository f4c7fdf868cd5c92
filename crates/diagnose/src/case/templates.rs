//! Which lines say the same? Templates of all lines of a case, and how lines begin.

use std::collections::HashMap;

use learn::logs::{TemplateId, TemplateMiner, TemplateMinerConfig, mask};
use signal::LogLevel;

use super::input::Case;

/// So many bytes of a line, without its values, are its beginning.
const BEGINNING: usize = 110;

/// More of a line than this need not be read for its beginning.
const RAW_BEGINNING: usize = 600;

/// Templates of all lines.
pub(crate) struct Templates {
    miner: TemplateMiner,
    /// The template and the beginning of each line.
    pub(crate) of_line: Vec<(u64, u64)>,
    levels: HashMap<u64, LogLevel>,
    /// An example of each beginning.
    beginnings: HashMap<u64, String>,
}

impl Templates {
    pub(crate) fn of(case: &Case) -> Self {
        let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
        let ids: Vec<u64> = case.logs.iter().map(|it| miner.learn_one(&it.text).0).collect();
        miner.settle();
        let mut levels: HashMap<u64, LogLevel> = HashMap::new();
        let mut beginnings: HashMap<u64, String> = HashMap::new();
        let mut numbers: HashMap<String, u64> = HashMap::new();
        let mut of_line = vec![];
        for (id, line) in ids.into_iter().zip(&case.logs) {
            let template = miner.current(TemplateId(id)).0;
            let masked = mask(head(&line.text, RAW_BEGINNING));
            let beginning = head(&masked, BEGINNING);
            // Numbers of beginnings count down from the largest, those of templates are hashes of their text.
            let next = u64::MAX - numbers.len() as u64;
            let beginning = numbers.get(beginning).copied().unwrap_or_else(|| {
                numbers.insert(beginning.to_owned(), next);
                beginnings.insert(next, beginning.to_owned());
                next
            });
            let level = line.level.unwrap_or_else(|| LogLevel::of_text(&line.text));
            for id in [template, beginning] {
                levels.entry(id).and_modify(|it| *it = level.max(*it)).or_insert(level);
            }
            of_line.push((template, beginning));
        }
        Self { miner, of_line, levels, beginnings }
    }

    pub(crate) fn text(&self, id: u64) -> &str {
        let beginning = || self.beginnings.get(&id).map(String::as_str);
        self.miner.template(TemplateId(id)).or_else(beginning).unwrap_or("a line")
    }

    pub(crate) fn is_bad(&self, id: u64) -> bool {
        self.levels.get(&id).is_some_and(|it| *it >= LogLevel::Error)
    }
}

/// At most so many bytes from the front, without a broken character.
fn head(text: &str, n_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(n_bytes)).unwrap_or(text)
}
