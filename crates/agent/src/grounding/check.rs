//! Does a claim hold? Every word that needs support is looked for in the facts of the evidence that it cites.

use std::collections::BTreeSet;

use signal::{Diagnosis, Evidence, Timestamp};

use super::RawClaim;
use super::fact::Fact;
use super::facts::{Direction, Facts};
use super::roles::is_near;
use super::sense::Court;
use super::words::{
    ACRONYMS, ADVICE, COMPOUNDS, DOWN, NOT, Number, PLAIN, SUBJECTS, THINGS, UP, WHY, is_name_like, number,
    number_word, pieces,
};

/// Longest claim, in characters.
const MOST_CHARS: usize = 400;
/// Evidence of one claim.
const MOST_EVIDENCE: usize = 8;
/// Words in a row that may be those of foreign text, as its templates have them.
const MOST_SAME_WORDS: usize = 3;
/// Words that are not in quotes.
const LEAST_OWN_WORDS: usize = 2;

/// Why a claim was dropped; a closed set, used as a label of our own metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// It cites nothing.
    NoEvidence,
    /// It cites what was never given out.
    UnknownEvidence,
    /// What it cites is no longer so.
    NotReread,
    /// It is empty, too long, or has marks of a page or of a program.
    Form,
    /// One more than are taken.
    TooMany,
    /// A number that its evidence does not have.
    Number,
    /// A time that its evidence does not have.
    Time,
    /// A name that its evidence does not have.
    Name,
    /// It says up where its evidence goes down, or the other way round.
    Direction,
    /// It tells of a kind of trouble that its evidence does not show.
    Subject,
    /// It says what is not.
    Negation,
    /// It says what should be done.
    Advice,
    /// It says why without citing evidence of the first cause.
    Why,
    /// It says as its own what foreign text says.
    Parrot,
    /// It quotes what its evidence does not say.
    Quote,
    /// It has a word that can be compared with nothing.
    Word,
    /// A number is not what it is said to be, such as the value before for the value after.
    Role,
    /// Its parts are of different pieces of evidence.
    Binding,
    /// It says first what came later, or an order that is not known.
    Order,
    /// It says that one calls another where it is the other way round.
    Relation,
}

impl Flaw {
    /// All, in order.
    pub const ALL: [Self; 20] = [
        Self::NoEvidence,
        Self::UnknownEvidence,
        Self::NotReread,
        Self::Form,
        Self::TooMany,
        Self::Number,
        Self::Time,
        Self::Name,
        Self::Direction,
        Self::Subject,
        Self::Negation,
        Self::Advice,
        Self::Why,
        Self::Parrot,
        Self::Quote,
        Self::Word,
        Self::Role,
        Self::Binding,
        Self::Order,
        Self::Relation,
    ];

    /// Name in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoEvidence => "no_evidence",
            Self::UnknownEvidence => "unknown_evidence",
            Self::NotReread => "not_reread",
            Self::Form => "form",
            Self::TooMany => "too_many",
            Self::Number => "number",
            Self::Time => "time",
            Self::Name => "name",
            Self::Direction => "direction",
            Self::Subject => "subject",
            Self::Negation => "negation",
            Self::Advice => "advice",
            Self::Why => "why",
            Self::Parrot => "parrot",
            Self::Quote => "quote",
            Self::Word => "word",
            Self::Role => "role",
            Self::Binding => "binding",
            Self::Order => "order",
            Self::Relation => "relation",
        }
    }
}

/// Checks claims about one diagnosis.
pub struct Checker<'a> {
    diagnosis: &'a Diagnosis,
    exhibits: &'a [Evidence],
    /// Services and hosts that there are, in small letters.
    inventory: &'a BTreeSet<String>,
}

impl<'a> Checker<'a> {
    /// With all evidence that was given out.
    pub fn new(diagnosis: &'a Diagnosis, exhibits: &'a [Evidence], inventory: &'a BTreeSet<String>) -> Self {
        Self { diagnosis, exhibits, inventory }
    }

    /// The evidence that a claim cites, if its words hold. Whether the evidence itself still holds is asked elsewhere.
    pub fn check(&self, claim: &RawClaim) -> Result<Vec<&'a Evidence>, Flaw> {
        if claim.evidence.is_empty() {
            return Err(Flaw::NoEvidence);
        }
        let find = |id: &String| self.exhibits.iter().find(|it| it.id.0 == id.trim());
        let unique: BTreeSet<&String> = claim.evidence.iter().collect();
        let cited: Option<Vec<&Evidence>> = unique.into_iter().map(find).collect();
        let cited = cited.ok_or(Flaw::UnknownEvidence)?;
        let text = claim.text.replace("<*>", "");
        let is_plain = !text.contains(['<', '>', '{', '}', '|', '\\', '\n', '$', '?']) && !text.contains("](");
        if claim.text.trim().is_empty()
            || claim.text.chars().count() > MOST_CHARS
            || !is_plain
            || cited.len() > MOST_EVIDENCE
        {
            return Err(Flaw::Form);
        }
        let facts = self.facts(&cited);
        self.words(&text, &facts, &cited)?;
        if parrots(&text, &facts.foreign) {
            return Err(Flaw::Parrot);
        }
        let each: Vec<Fact<'_>> = cited.iter().map(|it| Fact::of(it)).collect();
        Court { diagnosis: self.diagnosis, inventory: self.inventory }.hear(&text, &each)?;
        Ok(cited)
    }

    /// What the evidence says, and what the ranker said of the first cause if it rests on it. Of the others nothing is
    /// added: what one fact says of `pay` would else be said of whoever else it may speak against.
    fn facts(&self, cited: &[&Evidence]) -> Facts {
        let mut facts = Facts::default();
        cited.iter().for_each(|it| facts.add(it));
        let first = self.diagnosis.causes.first();
        if let Some(cause) = first.filter(|one| cited.iter().any(|it| one.evidence.contains(&it.id))) {
            facts.add_text(&format!("{} {}", cause.service, cause.fault.as_str().replace('_', " ")));
        }
        facts
    }

    fn words(&self, text: &str, facts: &Facts, cited: &[&Evidence]) -> Result<(), Flaw> {
        let all: Vec<&str> = pieces(text).collect();
        let small: Vec<String> = all.iter().map(|it| it.to_lowercase()).collect();
        for (idx, (word, lower)) in all.iter().zip(&small).enumerate() {
            let next = small.get(idx + 1).map_or("", String::as_str);
            if let Some(of_time) = time(word, facts) {
                of_time?;
            } else if let Some(it) = number(word) {
                check_number(it, next, facts)?;
            } else if let Some(value) = number_word(lower) {
                let is_count = value == cited.len() as f64;
                (is_count || facts.numbers.contains(&value) || facts.ratios.iter().any(|it| (it - value).abs() < 0.5))
                    .then_some(())
                    .ok_or(Flaw::Number)?;
            } else {
                self.name(word, lower, idx == 0 || begins_sentence(text, word), facts)?;
            }
            kinds(lower, facts)?;
        }
        beside_things(&small, facts)?;
        self.whole(&small, facts, cited)
    }

    fn name(&self, word: &str, lower: &str, is_first: bool, facts: &Facts) -> Result<(), Flaw> {
        let is_known_word = ACRONYMS.contains(&lower) || COMPOUNDS.contains(&lower);
        let is_capital = !is_first && word.chars().next().is_some_and(char::is_uppercase);
        let needs_support = is_name_like(word) || is_capital || self.inventory.contains(lower);
        if !needs_support || is_known_word && !self.inventory.contains(lower) || facts.names(word) {
            return Ok(());
        }
        let is_cited = self.exhibits.iter().any(|it| it.id.0 == *word);
        if is_cited { Ok(()) } else { Err(Flaw::Name) }
    }

    /// What is about the sentence as a whole.
    fn whole(&self, words: &[String], facts: &Facts, cited: &[&Evidence]) -> Result<(), Flaw> {
        let has = |list: &[&str]| words.iter().any(|it| list.contains(&it.as_str()));
        let all_go = |one: Direction| !facts.directions.is_empty() && facts.directions.iter().all(|it| *it == one);
        if has(&UP) && all_go(Direction::Down) || has(&DOWN) && all_go(Direction::Up) {
            return Err(Flaw::Direction);
        }
        if (has(&UP) || has(&DOWN)) && facts.directions.is_empty() {
            return Err(Flaw::Direction);
        }
        let is_negated = has(&NOT) || words.windows(2).any(|it| matches!(it, [a, b] if a.ends_with('n') && b == "t"));
        let fails_to = words.windows(2).any(|it| matches!(it, [a, b] if a.starts_with("fail") && b == "to"));
        if is_negated || fails_to {
            return Err(Flaw::Negation);
        }
        let first = self.diagnosis.causes.first();
        let rests_on_first = first.is_some_and(|it| cited.iter().any(|one| it.evidence.contains(&one.id)));
        if has(&WHY) && !rests_on_first { Err(Flaw::Why) } else { Ok(()) }
    }
}

fn begins_sentence(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| text.get(..at).is_some_and(|it| it.trim_end().ends_with(['.', ':'])))
}

/// None if the word is no time; `10:05`, `10:05:30`, a date, or a whole instant must be in the facts.
fn time(word: &str, facts: &Facts) -> Option<Result<(), Flaw>> {
    same_time(word, &facts.times).map(|it| if it { Ok(()) } else { Err(Flaw::Time) })
}

/// None if the word is no time; else whether it is one of these, as exactly as it is written.
pub fn same_time(word: &str, times: &[Timestamp]) -> Option<bool> {
    let is_digits = |it: &str, n: usize| it.len() == n && it.bytes().all(|it| it.is_ascii_digit());
    if let Ok(instant) = word.parse::<Timestamp>() {
        return Some(times.iter().any(|it| it.millis() / 1000 == instant.millis() / 1000));
    }
    let word = word.trim_end_matches(['Z', 'z']);
    let is_date = word.len() == 10 && word.split('-').map(str::len).eq([4, 2, 2]);
    if is_date {
        return Some(times.iter().any(|it| it.to_string().starts_with(word)));
    }
    let parts: Vec<&str> = word.split(':').collect();
    let is_clock = matches!(parts.len(), 2 | 3)
        && parts.iter().take(2).all(|it| is_digits(it, 2))
        && parts.get(2).is_none_or(|it| it.get(..2).is_some_and(|it| is_digits(it, 2)));
    is_clock.then(|| times.iter().any(|it| it.to_string().get(11..).is_some_and(|it| it.starts_with(word))))
}

fn check_number(it: Number<'_>, next: &str, facts: &Facts) -> Result<(), Flaw> {
    let unit = if it.unit.is_empty() { next } else { it.unit };
    let is_ratio = matches!(unit, "x" | "times" | "fold") && is_near(Number { unit: "", ..it }, "", &facts.ratios);
    if is_ratio || is_near(it, next, &facts.numbers) { Ok(()) } else { Err(Flaw::Number) }
}

/// Words for kinds of trouble, and words that are none of a fact's.
fn kinds(lower: &str, facts: &Facts) -> Result<(), Flaw> {
    // Also where the evidence has the word: what foreign text wants is no fact.
    if ADVICE.contains(&lower) {
        return Err(Flaw::Advice);
    }
    let of_word = SUBJECTS.iter().filter(|it| it.0.contains(&lower));
    let has_support = |support: &[&str]| support.iter().any(|it| facts.text.contains(it));
    for (_, support) in of_word {
        if !has_support(support) {
            return Err(Flaw::Subject);
        }
    }
    Ok(())
}

/// True if so many words in a row are those of foreign text, and do not stand in quotes among words of its own.
fn parrots(text: &str, foreign: &[String]) -> bool {
    let mut parts = text.split('"');
    let mut own: Vec<&str> = vec![];
    while let Some(outside) = parts.next() {
        own.push(outside);
        parts.next();
    }
    let words = |text: &str| pieces(text).map(str::to_lowercase).collect::<Vec<_>>();
    let own: Vec<Vec<String>> = own.into_iter().map(words).collect();
    if own.iter().map(Vec::len).sum::<usize>() < LEAST_OWN_WORDS {
        return true;
    }
    let foreign: Vec<Vec<String>> = foreign.iter().map(|it| words(&it.replace("<*>", " "))).collect();
    own.iter()
        .flat_map(|it| it.windows(MOST_SAME_WORDS + 1))
        .any(|run| foreign.iter().any(|it| it.windows(run.len()).any(|other| other == run)))
}

/// `service X` and `X service`: X is a name, whatever it looks like.
fn beside_things(words: &[String], facts: &Facts) -> Result<(), Flaw> {
    let is_plain = |it: &str| {
        PLAIN.contains(&it)
            || THINGS.contains(&it)
            || UP.contains(&it)
            || DOWN.contains(&it)
            || it.ends_with("ing")
            || it.ends_with("ed")
            || number(it).is_some()
            || number_word(it).is_some()
            || it == "s"
    };
    for (idx, word) in words.iter().enumerate() {
        if !THINGS.contains(&word.as_str()) {
            continue;
        }
        let before = idx.checked_sub(1).and_then(|it| words.get(it));
        for beside in before.into_iter().chain(words.get(idx + 1)) {
            if !is_plain(beside) && !facts.names(beside) {
                return Err(Flaw::Name);
            }
        }
    }
    Ok(())
}
