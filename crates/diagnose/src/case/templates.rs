//! Which lines say the same? Templates of all lines of a case, and how lines begin.

use std::collections::HashMap;

use learn::logs::{TemplateId, TemplateMiner, TemplateMinerConfig, mask};
use signal::LogLevel;

use super::input::{Case, Line};

/// So many bytes of a line, without its values, are its beginning.
const BEGINNING: usize = 110;

/// What is said: templates, and beginnings behind them, by number.
#[derive(Default)]
pub(crate) struct Templates {
    /// The template and the beginning of each line.
    pub(crate) of_line: Vec<(u32, u32)>,
    said: Vec<Said>,
}

/// A template or a beginning.
struct Said {
    text: String,
    /// The worst that any of its lines is.
    level: LogLevel,
}

/// A line without its values; most lines of a case are one of few.
struct Masked {
    text: String,
    template: TemplateId,
    level: LogLevel,
}

impl Templates {
    pub(crate) fn of(case: &Case) -> Self {
        let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
        let (masked, of_line) = masked(&case.logs, &mut miner);
        miner.settle();
        let mut said: Vec<Said> = vec![];
        let mut templates: HashMap<u64, u32> = HashMap::new();
        let mut beginnings: HashMap<&str, u32> = HashMap::new();
        let mut of_masked = vec![];
        for it in &masked {
            let id = miner.current(it.template);
            let template =
                *templates.entry(id.0).or_insert_with(|| add(&mut said, miner.template(id).unwrap_or(&it.text)));
            let beginning = head(&it.text, BEGINNING);
            let beginning = *beginnings.entry(beginning).or_insert_with(|| add(&mut said, beginning));
            for number in [template, beginning] {
                if let Some(said) = said.get_mut(number as usize) {
                    said.level = said.level.max(it.level);
                }
            }
            of_masked.push((template, beginning));
        }
        let of_line = of_line.into_iter().filter_map(|it| of_masked.get(it).copied()).collect();
        Self { of_line, said }
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        self.said.get(number as usize).map_or("a line", |it| &it.text)
    }

    pub(crate) fn is_bad(&self, number: u32) -> bool {
        self.said.get(number as usize).is_some_and(|it| it.level >= LogLevel::Error)
    }
}

/// What lines are without their values, each once, and which of these each line is.
fn masked(lines: &[Line], miner: &mut TemplateMiner) -> (Vec<Masked>, Vec<usize>) {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut masked: Vec<Masked> = vec![];
    let mut of_line = Vec::with_capacity(lines.len());
    for line in lines {
        let text = mask(&line.text);
        let number = numbers.get(&text).copied().unwrap_or_else(|| {
            let template = miner.learn_one(&line.text);
            let level = line.level.unwrap_or_else(|| LogLevel::of_text(&line.text));
            numbers.insert(text.clone(), masked.len());
            masked.push(Masked { text, template, level });
            masked.len() - 1
        });
        if let (Some(it), Some(level)) = (masked.get_mut(number), line.level) {
            it.level = it.level.max(level);
        }
        of_line.push(number);
    }
    (masked, of_line)
}

fn add(said: &mut Vec<Said>, text: &str) -> u32 {
    said.push(Said { text: text.to_owned(), level: LogLevel::Debug });
    said.len() as u32 - 1
}

/// At most so many bytes from the front, without a broken character.
fn head(text: &str, n_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(n_bytes)).unwrap_or(text)
}
