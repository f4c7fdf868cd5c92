//! Which template does a line belong to? Templates that begin as lines and merge as variables show.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::hash::{AlreadyHashed, hash, mix};
use super::mask::mask_into;
use super::review::{Limits, Merge, Row, bit, review};
use super::tokens::{self, Token};

/// The identity of a template: the hash of the masked line that began it, so that it is the same on all machines.
///
/// When templates merge, the oldest gives its identity to the whole and the others become names of it:
/// [`TemplateMiner::current`] and [`TemplateMiner::template`] take old and new ones. A template is never split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TemplateId(pub u64);

/// Bounds and thresholds of a [`TemplateMiner`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateMinerConfig {
    /// At most this many templates; the longest unused ones make room. Default 4096.
    pub max_templates: usize,
    /// From this many different words on in one place, while the rest of the line stays, the place is a variable;
    /// below, each word is a template of its own. Numbers, ids, addresses and paths are variables at once. Default 5.
    pub variable_words: usize,
}

impl Default for TemplateMinerConfig {
    fn default() -> Self {
        Self { max_templates: 4096, variable_words: 5 }
    }
}

impl TemplateMinerConfig {
    /// All problems of the configuration, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.max_templates < 16 {
            problems.push(format!("max_templates is {}, but must be at least 16", self.max_templates));
        }
        if !(2..=1000).contains(&self.variable_words) {
            problems.push(format!("variable_words is {}, but must be between 2 and 1000", self.variable_words));
        }
        problems
    }
}

/// Masked lines, and names of merged templates, that are remembered, per template allowed.
const REMEMBERED_PER_TEMPLATE: usize = 4;
/// Different sets of variable columns among templates in one frame.
const MAX_PATTERNS: usize = 64;
/// A frame is reviewed when this part of its templates is new.
const REVIEW_PART: usize = 8;

/// Groups lines into templates, one line at a time, in bounded memory.
///
/// A line costs one pass over its bytes and one look-up if its masked form was seen lately; else one look-up for each
/// set of variable columns known in its frame. A line that fits nothing begins a template. When templates of one
/// frame grow by an eighth they are reviewed: those that differ only in columns of many words become one.
///
/// It fails where a value is several words long, each time another number of them, and where a place has
/// few values in all: these stay templates of their own.
///
/// ```
/// use learn::logs::{TemplateMiner, TemplateMinerConfig};
///
/// let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
/// let first = miner.learn_one("Listed 5 products of category garden in 3.1 ms");
/// assert_eq!(miner.learn_one("Listed 9 products of category garden in 2.7 ms"), first);
/// assert_ne!(miner.learn_one("Listed 2 products of category toys in 2.7 ms"), first);
/// for category in ["books", "music", "games"] {
///     miner.learn_one(&format!("Listed 4 products of category {category} in 1 ms"));
/// }
/// assert_eq!(miner.learn_one("Listed 2 products of category tools in 2.7 ms"), first);
/// assert_eq!(miner.template(first), Some("Listed <*> products of category <*> in <*> ms"));
/// ```
#[derive(Clone, Debug)]
pub struct TemplateMiner {
    pub(super) config: TemplateMinerConfig,
    pub(super) templates: HashMap<u64, Template, AlreadyHashed>,
    frames: HashMap<u64, Frame, AlreadyHashed>,
    /// Frame and columns to template.
    index: HashMap<u64, u64, AlreadyHashed>,
    /// Merged template to the one that took it in.
    pub(super) names: HashMap<u64, u64, AlreadyHashed>,
    /// Masked line to template.
    cache: HashMap<u64, u64, AlreadyHashed>,
    /// What merged and was not told yet.
    merged: Vec<(TemplateId, TemplateId)>,
    masked: Vec<u8>,
    tokens: Vec<Token>,
    /// Counts lines: the age of a template.
    pub(super) tick: u64,
    evicted: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    /// Columns that became variables.
    pub(super) columns: u128,
    pub(super) frame: u64,
    pub(super) born: u64,
    pub(super) used: u64,
}

/// Templates with the same punctuation and number of words.
#[derive(Clone, Debug, Default)]
struct Frame {
    ids: Vec<u64>,
    patterns: Vec<u128>,
    /// Templates begun since the last review.
    fresh: usize,
}

impl TemplateMiner {
    /// Without any template.
    pub fn new(config: TemplateMinerConfig) -> Self {
        Self {
            config,
            templates: HashMap::default(),
            frames: HashMap::default(),
            index: HashMap::default(),
            names: HashMap::default(),
            cache: HashMap::default(),
            merged: vec![],
            masked: vec![],
            tokens: vec![],
            tick: 0,
            evicted: 0,
        }
    }

    /// Learns a line and says which template it belongs to.
    pub fn learn_one(&mut self, line: &str) -> TemplateId {
        self.tick += 1;
        mask_into(line, &mut self.masked);
        let key = hash(&self.masked);
        let known = self.cache.get(&key).copied();
        if let Some((id, template)) = known.and_then(|id| Some((id, self.templates.get_mut(&id)?))) {
            template.used = self.tick;
            return TemplateId(id);
        }
        let id = self.join_or_begin(key);
        if self.cache.len() >= self.remembered() {
            self.cache.clear();
        }
        self.cache.insert(key, id);
        TemplateId(id)
    }

    /// Reviews all templates that are new since their last review, so that what was learned is final: for the end of a
    /// file.
    pub fn settle(&mut self) {
        let mut due: Vec<u64> = self.frames.iter().filter(|(_, it)| it.fresh > 0).map(|(frame, _)| *frame).collect();
        due.sort_unstable();
        due.into_iter().for_each(|it| self.review(it));
    }

    /// The template of this name now: the one that took it in, if it was merged.
    pub fn current(&self, id: TemplateId) -> TemplateId {
        TemplateId(self.names.get(&id.0).copied().unwrap_or(id.0))
    }

    /// The text of a template with `<*>` for variables; None if it made room for others.
    pub fn template(&self, id: TemplateId) -> Option<&str> {
        self.templates.get(&self.current(id).0).map(|it| it.text.as_str())
    }

    /// Merges since the last call, in order: which template went into which. Whoever counts by template adds up.
    /// The newest are kept if nobody asks.
    pub fn take_merged(&mut self) -> Vec<(TemplateId, TemplateId)> {
        std::mem::take(&mut self.merged)
    }

    /// Number of templates kept.
    pub fn len(&self) -> usize {
        self.templates.len()
    }

    /// True before the first line.
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// Templates that made room for others since the beginning.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The templates, the oldest first.
    pub fn templates(&self) -> Vec<(TemplateId, &str)> {
        let mut all: Vec<_> = self.templates.iter().collect();
        all.sort_by_key(|(id, it)| (it.born, **id));
        all.into_iter().map(|(id, it)| (TemplateId(*id), it.text.as_str())).collect()
    }

    /// Bytes of the state, without what the allocator adds.
    pub fn state_bytes(&self) -> usize {
        let template = |it: &Template| it.text.capacity() + it.tokens.capacity() * size_of::<Token>();
        let frame = |it: &Frame| it.ids.capacity() * size_of::<u64>() + it.patterns.capacity() * size_of::<u128>();
        let pairs = self.index.capacity() + self.names.capacity() + self.cache.capacity();
        let entries = self.templates.capacity() * (size_of::<Template>() + size_of::<u64>())
            + self.frames.capacity() * (size_of::<Frame>() + size_of::<u64>())
            + pairs * 2 * size_of::<u64>();
        entries + self.templates.values().map(template).sum::<usize>() + self.frames.values().map(frame).sum::<usize>()
    }

    pub(super) fn remembered(&self) -> usize {
        self.config.max_templates.saturating_mul(REMEMBERED_PER_TEMPLATE)
    }

    fn join_or_begin(&mut self, key: u64) -> u64 {
        let frame = tokens::read(&self.masked, &mut self.tokens);
        if let Some(id) = self.fitting(frame) {
            if let Some(template) = self.templates.get_mut(&id) {
                template.used = self.tick;
            }
            return id;
        }
        if self.templates.len() >= self.config.max_templates {
            self.make_room();
        }
        // A name that was merged away is not given again.
        let id =
            if self.names.contains_key(&key) || self.templates.contains_key(&key) { mix(key, self.tick) } else { key };
        self.begin(id, frame);
        self.current(TemplateId(id)).0
    }

    /// The template that a line with these columns belongs to: the one with the fewest variables.
    fn fitting(&self, frame: u64) -> Option<u64> {
        if let Some(id) = self.index.get(&place(frame, &self.tokens, 0)) {
            return Some(*id);
        }
        let patterns = &self.frames.get(&frame)?.patterns;
        let found = patterns.iter().filter_map(|columns| {
            Some((columns.count_ones(), *self.index.get(&place(frame, &self.tokens, *columns))?))
        });
        found.min().map(|(_, id)| id)
    }

    fn begin(&mut self, id: u64, frame: u64) {
        let masked = String::from_utf8_lossy(&self.masked);
        let mut text: Vec<&str> = masked.split(' ').take(tokens::MAX_WORDS).collect();
        if self.tokens.len() > tokens::MAX_WORDS {
            text.push(super::mask::WILD_TEXT);
        }
        let (text, used) = (text.join(" "), self.tick);
        let template = Template { text, tokens: self.tokens.clone(), columns: 0, frame, born: used, used };
        self.insert(id, template);
        let Some(state) = self.frames.get_mut(&frame) else { return };
        state.fresh += 1;
        if state.fresh * REVIEW_PART >= state.ids.len() {
            self.review(frame);
        }
    }

    /// Takes in a template unless it or one like it is there.
    pub(super) fn insert_new(&mut self, id: u64, template: Template) -> bool {
        let is_new = !self.templates.contains_key(&id)
            && !self.index.contains_key(&place(template.frame, &template.tokens, template.columns));
        if is_new {
            self.insert(id, template);
        }
        is_new
    }

    fn insert(&mut self, id: u64, template: Template) {
        self.index.insert(place(template.frame, &template.tokens, template.columns), id);
        let frame = self.frames.entry(template.frame).or_default();
        frame.ids.push(id);
        if template.columns != 0 && !frame.patterns.contains(&template.columns) {
            frame.patterns.push(template.columns);
        }
        self.templates.insert(id, template);
    }

    fn review(&mut self, frame: u64) {
        let Some(state) = self.frames.get_mut(&frame) else { return };
        state.fresh = 0;
        let templates = &self.templates;
        let row = |id: &u64| Some(Row { id: *id, tokens: &templates.get(id)?.tokens });
        let mut rows: Vec<Row> = state.ids.iter().filter_map(row).collect();
        let mut found = vec![];
        review(&mut rows, Limits { words: self.config.variable_words }, &mut found);
        for it in found {
            self.merge(frame, &it);
        }
    }

    fn merge(&mut self, frame: u64, merge: &Merge) {
        let born = |id: &u64| self.templates.get(id).map(|it| (it.born, *id));
        let Some((_, oldest)) = merge.ids.iter().filter_map(born).min() else { return };
        let members: Vec<Template> = merge.ids.iter().filter_map(|id| self.templates.remove(id)).collect();
        let columns = members.iter().fold(merge.columns, |all, it| all | it.columns);
        let used = members.iter().map(|it| it.used).max().unwrap_or(self.tick);
        for it in &members {
            self.index.remove(&place(it.frame, &it.tokens, it.columns));
        }
        let Some(mut whole) = members.into_iter().min_by_key(|it| it.born) else { return };
        whole.widen(columns);
        whole.used = used;
        if let Some(state) = self.frames.get_mut(&frame) {
            state.ids.retain(|it| !merge.ids.contains(it));
            if state.patterns.len() >= MAX_PATTERNS {
                state.patterns.remove(0);
            }
        }
        self.insert(oldest, whole);
        self.rename(merge.ids.iter().copied().filter(|it| *it != oldest), oldest);
    }

    fn rename(&mut self, ids: impl Iterator<Item = u64> + Clone, whole: u64) {
        for name in self.names.values_mut().filter(|it| ids.clone().any(|id| id == **it)) {
            *name = whole;
        }
        if self.names.len() >= self.remembered() {
            self.names.clear();
        }
        if self.merged.len() >= self.remembered() {
            self.merged.drain(..self.remembered() / 2);
        }
        for id in ids {
            self.names.insert(id, whole);
            self.merged.push((TemplateId(id), TemplateId(whole)));
        }
    }

    /// Drops the eighth that was unused for the longest time.
    fn make_room(&mut self) {
        let mut ages: Vec<u64> = self.templates.values().map(|it| it.used).collect();
        let count = (ages.len() / 8).max(1);
        let (_, limit, _) = ages.select_nth_unstable(count - 1);
        let limit = *limit;
        let before = self.templates.len();
        self.templates.retain(|_, it| it.used > limit);
        self.evicted += (before - self.templates.len()) as u64;
        let templates = &self.templates;
        self.index.retain(|_, id| templates.contains_key(id));
        self.names.retain(|_, id| templates.contains_key(id));
        for frame in self.frames.values_mut() {
            frame.ids.retain(|it| templates.contains_key(it));
            let columns = |id: &u64| templates.get(id).map(|it| it.columns);
            let is_used = |it: &u128| frame.ids.iter().any(|id| columns(id) == Some(*it));
            frame.patterns.retain(is_used);
        }
        self.frames.retain(|_, it| !it.ids.is_empty());
        self.cache.clear();
    }
}

impl Template {
    /// Makes variables of the columns.
    fn widen(&mut self, columns: u128) {
        let mut text = String::with_capacity(self.text.len());
        for (idx, (word, token)) in self.text.split(' ').zip(&mut self.tokens).enumerate() {
            if idx > 0 {
                text.push(' ');
            }
            if columns & bit(idx) == 0 {
                text.push_str(word);
            } else {
                tokens::put_as_variable(word, &mut text);
                *token = Token::WILD;
            }
        }
        self.text = text;
        self.columns = columns;
    }
}

/// Where a template with these columns is found in the index.
fn place(frame: u64, tokens: &[Token], variables: u128) -> u64 {
    tokens.iter().enumerate().fold(frame, |state, (idx, token)| {
        let is_variable = variables & bit(idx) != 0;
        mix(state, if is_variable { Token::WILD } else { *token }.number())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn miner() -> TemplateMiner {
        TemplateMiner::new(TemplateMinerConfig::default())
    }

    #[test]
    fn lines_of_one_statement_share_a_template_and_others_do_not() {
        let mut miner = miner();
        let opened = miner.learn_one("session opened for user root by (uid=0)");
        let closed = miner.learn_one("session closed for user root by (uid=0)");
        let alice = miner.learn_one("session opened for user alice by (uid=77)");
        assert!(opened != closed && opened != alice);
        assert_eq!(miner.learn_one("session opened for user bob by (uid=78)"), opened);
        assert_eq!(miner.template(opened), Some("session opened for user <*> by (uid=<*>)"));
        assert_eq!(miner.learn_one("session opened for user carol by (uid=78)"), opened);
        assert_eq!(miner.len(), 2);
    }

    #[test]
    fn merged_templates_go_by_the_name_of_the_oldest() {
        let mut miner = miner();
        let words = ["tea", "ink", "oil", "rum", "gin", "ale"];
        let ids: Vec<TemplateId> = words.iter().map(|it| miner.learn_one(&format!("a pot of {it} broke"))).collect();
        let oldest = ids[0];
        assert!(ids.iter().all(|it| miner.current(*it) == oldest), "{ids:?}");
        assert!(ids.iter().all(|it| miner.template(*it) == Some("a pot of <*> broke")));
        let told: Vec<TemplateId> = miner.take_merged().iter().map(|(from, _)| *from).collect();
        assert_eq!(told.len(), 4);
        assert!(ids[1..4].iter().all(|it| told.contains(it)));
        assert_eq!(miner.take_merged(), []);
        assert_eq!(miner.learn_one("a pot of ink broke"), oldest);
    }

    #[test]
    fn identity_is_that_of_the_first_masked_line() {
        let (mut one, mut other) = (miner(), miner());
        other.learn_one("something else first");
        assert_eq!(one.learn_one("took 3 ms"), other.learn_one("took 99 ms"));
    }

    #[test]
    fn memory_is_bounded_and_the_newest_templates_stay() {
        let config = TemplateMinerConfig { max_templates: 64, ..TemplateMinerConfig::default() };
        let mut miner = TemplateMiner::new(config);
        let mut random = fastrand::Rng::with_seed(7);
        let mut word = |length: usize| -> String { (0..length).map(|_| char::from(random.u8(b'g'..=b'z'))).collect() };
        let usual = miner.learn_one("health check passed");
        for _ in 0..10_000 {
            miner.learn_one(&format!("{} {} {} {}", word(12), word(12), word(12), word(12)));
            miner.learn_one(&format!("{} of {} at {} is {}", word(1), word(2), word(9), word(1)));
            assert_eq!(miner.learn_one("health check passed"), usual);
            assert!(miner.len() <= 64 && miner.frames.len() <= 64 && miner.index.len() <= 64);
            assert!(miner.cache.len() <= 256 && miner.names.len() <= 256 + 64 && miner.merged.len() <= 256 + 64);
        }
        assert!(miner.template(usual).is_some());
        assert!(miner.state_bytes() < 200_000, "{}", miner.state_bytes());
    }

    #[test]
    fn hostile_lines_are_survived() {
        let mut miner = miner();
        let huge = "a ".repeat(500_000);
        for line in ["", " ", "\0\0", "<*>", "<*> <*>", huge.as_str(), "\u{1b}[2J", "<script>alert(1)</script>"] {
            let id = miner.learn_one(line);
            assert_eq!(miner.learn_one(line), id, "{:?}", line.get(..8));
            assert!(miner.template(id).is_some_and(|it| it.len() < 8192));
        }
    }

    #[test]
    fn bad_configuration_names_each_key() {
        let config = TemplateMinerConfig { max_templates: 0, variable_words: 1 };
        let problems = config.validate().join("\n");
        assert!(["max_templates", "variable_words"].iter().all(|it| problems.contains(it)), "{problems}");
    }

    proptest::proptest! {
        #[test]
        fn a_line_fits_the_template_it_got(lines in proptest::collection::vec("([a-c] ?|[0-9]|\\PC){0,12}", 1..60)) {
            let mut miner = miner();
            let ids: Vec<TemplateId> = lines.iter().map(|it| miner.learn_one(it)).collect();
            miner.settle();
            for (line, id) in lines.iter().zip(ids) {
                let template = miner.template(id);
                let fits = template.is_some_and(|it| crate::logs::parameters::find(it, line).is_some());
                proptest::prop_assert!(fits, "{:?} does not fit {:?}", line, template);
            }
        }
    }
}
