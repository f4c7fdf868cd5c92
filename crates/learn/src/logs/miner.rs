//! Which template does a line belong to? A bounded token tree that learns with every line.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::hash::{AlreadyHashed, hash, mix};
use super::mask::{WILD, mask_into};

/// The identity of a template: the hash of the masked line that began it. It stays when the template widens, and
/// is the same after a restart if the same line comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TemplateId(pub u64);

/// Bounds and thresholds of a [`TemplateMiner`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateMinerConfig {
    /// At most this many templates; the longest unused ones make room. Default 4096.
    pub max_templates: usize,
    /// A line joins a template if at least this share of the words that are constant in both is equal, 0 to 1.
    /// Default 0.6.
    pub similarity: f64,
    /// Different first words per number of words; further ones share one branch. Default 128.
    pub max_branches: usize,
}

impl Default for TemplateMinerConfig {
    fn default() -> Self {
        Self { max_templates: 4096, similarity: 0.6, max_branches: 128 }
    }
}

impl TemplateMinerConfig {
    /// All problems of the configuration, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.max_templates < 16 {
            problems.push(format!("max_templates is {}, but must be at least 16", self.max_templates));
        }
        if !(0.0..=1.0).contains(&self.similarity) {
            problems.push(format!("similarity is {}, but must be between 0 and 1", self.similarity));
        }
        if self.max_branches == 0 {
            problems.push("max_branches is 0, but must be at least 1".to_owned());
        }
        problems
    }
}

/// Words of a line beyond this number are one variable.
const MAX_WORDS: usize = 96;
/// Masked lines that are remembered, per template allowed.
const CACHED_PER_TEMPLATE: usize = 4;

/// Groups lines into templates, one line at a time, in bounded memory.
///
/// A line costs one pass over its bytes and one look-up if its masked form was seen before; else the words are
/// compared with the templates of the same number of words and the same first two words. It fails when the first
/// words are free text (each becomes a template until `max_branches` is reached).
///
/// ```
/// use learn::logs::{TemplateMiner, TemplateMinerConfig};
///
/// let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
/// let first = miner.learn_one("Listed 5 products of category garden in 3.1 ms");
/// let second = miner.learn_one("Listed 9 products of category toys in 2.7 ms");
/// assert_eq!(first, second);
/// assert_eq!(miner.template(first), Some("Listed <*> products of category <*> in <*> ms"));
/// ```
#[derive(Clone, Debug)]
pub struct TemplateMiner {
    config: TemplateMinerConfig,
    templates: HashMap<u64, Template, AlreadyHashed>,
    /// Templates by number of words and first words.
    branches: HashMap<u64, Vec<u64>, AlreadyHashed>,
    /// Branches per number of words.
    fan_out: HashMap<usize, usize>,
    /// Masked line to template.
    cache: HashMap<u64, u64, AlreadyHashed>,
    masked: Vec<u8>,
    words: Vec<u64>,
    /// Counts lines: the age of a template.
    tick: u64,
    evicted: u64,
}

#[derive(Clone, Debug)]
struct Template {
    text: String,
    words: Vec<u64>,
    used: u64,
}

impl TemplateMiner {
    /// Without any template.
    pub fn new(config: TemplateMinerConfig) -> Self {
        Self {
            config,
            templates: HashMap::default(),
            branches: HashMap::default(),
            fan_out: HashMap::default(),
            cache: HashMap::default(),
            masked: vec![],
            words: vec![],
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
        if self.cache.len() >= self.config.max_templates.saturating_mul(CACHED_PER_TEMPLATE) {
            self.cache.clear();
        }
        self.cache.insert(key, id);
        TemplateId(id)
    }

    /// The text of a template with `<*>` for variables; None if it made room for others.
    pub fn template(&self, id: TemplateId) -> Option<&str> {
        self.templates.get(&id.0).map(|it| it.text.as_str())
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

    fn join_or_begin(&mut self, key: u64) -> u64 {
        self.words.clear();
        self.words.extend(self.masked.split(|it| *it == b' ').take(MAX_WORDS).map(hash));
        let branch = self.branch();
        if let Some(id) = self.nearest(branch) {
            self.widen(id);
            return id;
        }
        if self.templates.len() >= self.config.max_templates {
            self.make_room();
        }
        let text = String::from_utf8_lossy(&self.masked);
        let words: Vec<&str> = text.split(' ').take(MAX_WORDS).collect();
        let template = Template { text: words.join(" "), words: self.words.clone(), used: self.tick };
        self.templates.insert(key, template);
        self.branches.entry(branch).or_default().push(key);
        key
    }

    /// Where templates like this line are kept. Lines of up to three words have so few constants that only the
    /// first word leads the way.
    fn branch(&mut self) -> u64 {
        let length = self.words.len();
        let root = mix(length as u64, 1);
        let lead = usize::from(length > 0) + usize::from(length > 3);
        let branch = self.words.iter().take(lead).fold(root, |branch, word| mix(branch, *word));
        if self.branches.contains_key(&branch) {
            return branch;
        }
        let fan_out = self.fan_out.entry(length).or_default();
        if *fan_out >= self.config.max_branches {
            return root;
        }
        *fan_out += 1;
        branch
    }

    fn nearest(&self, branch: u64) -> Option<u64> {
        let found = self.branches.get(&branch)?.iter();
        let rated = found.filter_map(|id| Some((likeness(&self.templates.get(id)?.words, &self.words), *id)));
        let (likeness, id) = rated.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        (likeness >= self.config.similarity).then_some(id)
    }

    /// Makes a variable of each word in which the line differs from the template.
    fn widen(&mut self, id: u64) {
        let wild = hash(WILD);
        let Some(template) = self.templates.get_mut(&id) else { return };
        template.used = self.tick;
        if template.words.iter().zip(&self.words).all(|(a, b)| a == b || *a == wild) {
            return;
        }
        let mut text = vec![];
        for ((word, other), old) in template.words.iter_mut().zip(&self.words).zip(template.text.split(' ')) {
            let is_same = word == other;
            if !is_same {
                *word = wild;
            }
            text.push(if is_same { old } else { "<*>" });
        }
        template.text = text.join(" ");
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
        self.branches.values_mut().for_each(|ids| ids.retain(|it| templates.contains_key(it)));
        self.branches.retain(|_, ids| !ids.is_empty());
        self.fan_out.clear();
        for branch in self.branches.values() {
            let length = branch.first().and_then(|it| templates.get(it)).map_or(0, |it| it.words.len());
            *self.fan_out.entry(length).or_default() += 1;
        }
        self.cache.clear();
    }
}

/// Share of equal words among those that are constant in the template. Two lines of variables only are equal.
fn likeness(template: &[u64], line: &[u64]) -> f64 {
    let wild = hash(WILD);
    let constant = || template.iter().zip(line).filter(|(word, _)| **word != wild);
    let equal = constant().filter(|(a, b)| a == b).count();
    let all = constant().count();
    if all == 0 { f64::from(u8::from(line.iter().all(|it| *it == wild))) } else { equal as f64 / all as f64 }
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
        assert_ne!(opened, closed);
        assert_eq!(miner.learn_one("session opened for user alice by (uid=77)"), opened);
        assert_eq!(miner.template(opened), Some("session opened for user <*> by (uid=<*>)"));
        assert_eq!(miner.learn_one("session opened for user bob by (uid=78)"), opened);
        assert_eq!(miner.len(), 2);
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
        let mut word = || -> String { (0..12).map(|_| char::from(random.u8(b'g'..=b'z'))).collect() };
        let usual = miner.learn_one("health check passed");
        for _ in 0..10_000 {
            let line = format!("{} {} {} {}", word(), word(), word(), word());
            miner.learn_one(&line);
            assert_eq!(miner.learn_one("health check passed"), usual);
            assert!(miner.len() <= 64 && miner.cache.len() <= 256 && miner.branches.len() <= 64);
        }
        assert!(miner.template(usual).is_some());
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
        let config = TemplateMinerConfig { max_templates: 0, similarity: f64::NAN, max_branches: 0 };
        let problems = config.validate().join("\n");
        assert!(["max_templates", "similarity", "max_branches"].iter().all(|it| problems.contains(it)), "{problems}");
    }
}
