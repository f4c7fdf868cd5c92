//! Is a claim right in its sense? Each clause must fit one piece of evidence as a whole, and clauses must hang together as
//! the evidence does: in time, as cause and effect, as caller and called.
//!
//! `check` looks whether words, numbers and names are there; a claim made only of such words may still be the wrong way
//! round. What cannot be compared is dropped: the vocabulary is closed (see `lexicon`).

use std::collections::BTreeSet;

use signal::{Cause, Diagnosis, EvidenceSource, RequestMeasure, Timestamp};

use super::Flaw;
use super::calls;
use super::check::same_time;
use super::clause::{self, Clause, Join, Word};
use super::fact::Fact;
use super::facts::{Direction, Facts};
use super::lexicon::{Sense, factor, is_known, is_subject, is_unchecked, sense};
use super::roles::{check_numbers, check_times};
use super::words::{SUBJECTS, WHY, is_name_like, number, pieces};

/// Two things that happen at the same time are no further apart, in seconds.
const SAME_TIME_SECS: f64 = 120.0;

/// What the claims of one diagnosis are compared with.
pub struct Court<'a> {
    /// What the ranker says.
    pub diagnosis: &'a Diagnosis,
    /// Services and hosts that there are, in small letters.
    pub inventory: &'a BTreeSet<String>,
}

/// A claim and what it cites.
struct Hearing<'a> {
    court: &'a Court<'a>,
    facts: &'a [Fact<'a>],
    clauses: Vec<Clause<'a>>,
    /// Words of the first cause, if the claim says why.
    of_cause: Facts,
}

impl Court<'_> {
    /// True sense, or what is wrong with it. `text` has no marks of templates.
    pub fn hear(&self, text: &str, facts: &[Fact<'_>]) -> Result<(), Flaw> {
        let (clauses, quotes) = clause::read(text);
        if !quotes.iter().all(|it| is_said(it, facts)) {
            return Err(Flaw::Quote);
        }
        let says_why = clauses.iter().any(|it| {
            matches!(it.join, Join::Because | Join::So) || it.words.iter().any(|it| WHY.contains(&it.lower.as_str()))
        });
        let mut of_cause = Facts::default();
        if let Some(first) = self.diagnosis.causes.first().filter(|_| says_why) {
            of_cause.add_text(&format!("{} {}", first.service, first.fault.as_str().replace('_', " ")));
        }
        let hearing = Hearing { court: self, facts, clauses, of_cause };
        hearing.vocabulary()?;
        let fitting = hearing.clauses()?;
        hearing.relations(&fitting)?;
        hearing.noun_of_cause()
    }

    /// A service or host of the first cause.
    fn is_of_first(&self, first: &Cause, name: &str) -> bool {
        let evidence = self.diagnosis.evidence.iter().filter(|it| first.evidence.contains(&it.id));
        let mut hosts = evidence.filter_map(|it| match &it.source {
            EvidenceSource::Process { host, .. } => Some(host.to_lowercase()),
            EvidenceSource::SeriesWindow { labels, .. } => labels.host().map(str::to_lowercase),
            _ => None,
        });
        first.service.to_lowercase() == name || hosts.any(|it| it == name)
    }

    /// True for the name of a service or host.
    fn is_place(&self, name: &str) -> bool {
        self.inventory.contains(name) || self.diagnosis.causes.iter().any(|it| it.service.to_lowercase() == name)
    }
}

/// True if the words in quotes stand in a text of the evidence, in their order.
fn is_said(quote: &str, facts: &[Fact<'_>]) -> bool {
    let words = |text: &str| pieces(&text.replace("<*>", " ")).map(str::to_lowercase).collect::<Vec<_>>();
    let wanted = words(quote);
    let has = |text: &str| wanted.is_empty() || words(text).windows(wanted.len()).any(|it| it == wanted);
    facts.iter().any(|it| has(&it.evidence.text) || it.all.foreign.iter().any(|it| has(it)))
}

impl Hearing<'_> {
    /// Every word is known or stands in the evidence.
    fn vocabulary(&self) -> Result<(), Flaw> {
        for word in self.clauses.iter().flat_map(|it| &it.words) {
            let is_there = || self.facts.iter().any(|it| supports(&it.all, &word.lower));
            let lower = word.lower.as_str();
            if is_unchecked(lower) {
                return Err(Flaw::Word);
            }
            let is_fine = is_free(word) || WHY.contains(&lower) || self.is_id(word) || is_there();
            if !is_fine && !supports(&self.of_cause, lower) {
                return Err(Flaw::Word);
            }
        }
        Ok(())
    }

    fn is_id(&self, word: &Word<'_>) -> bool {
        self.facts.iter().any(|it| it.evidence.id.0 == word.text)
    }

    /// The facts that each clause fits; a clause that fits none is wrong.
    fn clauses(&self) -> Result<Vec<Vec<usize>>, Flaw> {
        let mut fitting: Vec<Vec<usize>> = vec![];
        for (idx, clause) in self.clauses.iter().enumerate() {
            let before = fitting.last().filter(|_| !self.has_own_subject(clause));
            let among: Vec<usize> = before.cloned().unwrap_or_else(|| (0..self.facts.len()).collect());
            let inherited = self.inherited(idx);
            let (mut fits, mut worst) = (vec![], Flaw::Binding);
            for one in among {
                let Some(fact) = self.facts.get(one) else { continue };
                match self.fits(clause, inherited, fact) {
                    Ok(()) => fits.push(one),
                    Err(flaw) => worst = flaw,
                }
            }
            if fits.is_empty() {
                return Err(if self.facts.len() > 1 && worst == Flaw::Role { Flaw::Binding } else { worst });
            }
            fitting.push(fits);
        }
        Ok(fitting)
    }

    fn needs_fact(&self, word: &Word<'_>) -> bool {
        let is_name = is_name_like(word.text) && number(word.text).is_none() || self.court.is_place(&word.lower);
        !self.is_id(word)
            && same_time(word.text, &[]).is_none()
            && (is_name && !is_known(&word.lower) || !is_free(word))
            && !WHY.contains(&word.lower.as_str())
    }

    fn has_own_subject(&self, clause: &Clause<'_>) -> bool {
        clause.words.iter().any(|it| self.needs_fact(it) || is_subject(&it.lower))
    }

    /// `CPU and memory rose`: what is said of the last one is said of all.
    fn inherited(&self, idx: usize) -> Option<Direction> {
        let says = |it: &Clause<'_>| it.words.iter().any(|it| sense(&it.lower).is_some() || number(it.text).is_some());
        for (clause, next) in self.clauses.iter().skip(idx).zip(self.clauses.iter().skip(idx + 1)) {
            if says(clause) || next.join != Join::And || !self.has_own_subject(clause) {
                return None;
            }
            if let Some((direction, _)) = went(&next.words).ok().flatten() {
                return Some(direction);
            }
        }
        None
    }

    fn fits(&self, clause: &Clause<'_>, inherited: Option<Direction>, fact: &Fact<'_>) -> Result<(), Flaw> {
        let words = &clause.words;
        for word in words {
            if self.needs_fact(word) && !supports(&fact.all, &word.lower) && !supports(&self.of_cause, &word.lower) {
                return Err(Flaw::Binding);
            }
            let lists = SUBJECTS.iter().filter(|it| it.0.contains(&word.lower.as_str()));
            let has = |support: &[&str]| {
                support.iter().any(|it| fact.all.text.contains(it) || self.of_cause.text.contains(it))
            };
            if lists.into_iter().any(|it| !has(it.1)) {
                return Err(Flaw::Binding);
            }
        }
        check_numbers(words, fact, self.facts.len())?;
        check_times(words, fact)?;
        states(words, inherited, fact)?;
        trailing(words, fact)?;
        calls::check(words, fact, &|name| self.court.is_place(name))
    }

    /// Order in time, and cause and effect, from each clause to the next.
    fn relations(&self, fitting: &[Vec<usize>]) -> Result<(), Flaw> {
        for (idx, clause) in self.clauses.iter().enumerate().skip(1) {
            let (Some(before), Some(this)) = (self.clauses.get(idx - 1), fitting.get(idx)) else { continue };
            let Some(of_before) = fitting.get(idx - 1) else { continue };
            match clause.join {
                Join::Before | Join::After | Join::When => self.order(of_before, this, clause)?,
                Join::Because => self.why((clause, this), of_before)?,
                Join::So => self.why((before, of_before), this)?,
                Join::Stop | Join::And if clause.words.last().is_some_and(|it| it.lower == "later") => {
                    self.order(of_before, this, &Clause { join: Join::Before, words: vec![] })?;
                }
                Join::Stop | Join::And => {}
            }
        }
        self.firsts(fitting)
    }

    fn begin(&self, idx: usize) -> Option<Timestamp> {
        self.facts.get(idx)?.begins.first().copied()
    }

    fn order(&self, before: &[usize], this: &[usize], clause: &Clause<'_>) -> Result<(), Flaw> {
        let says_something = |it: &Word<'_>| self.needs_fact(it) || is_subject(&it.lower) || sense(&it.lower).is_some();
        if !clause.words.is_empty() && !clause.words.iter().any(says_something) {
            // `before the first symptom`: only of changes is that known.
            let leads = before.iter().filter_map(|it| self.facts.get(*it)?.lead_secs);
            let holds = |lead: f64| match clause.join {
                Join::Before => lead > 0.0,
                Join::After => lead < 0.0,
                _ => lead.abs() <= SAME_TIME_SECS,
            };
            return if leads.clone().count() > 0 && leads.clone().all(holds) { Ok(()) } else { Err(Flaw::Order) };
        }
        let pairs = self.pairs(before, this);
        let holds = |(a, b): &(Timestamp, Timestamp)| match clause.join {
            Join::Before => a < b,
            Join::After => a > b,
            _ => a.secs_since(*b).abs() <= SAME_TIME_SECS,
        };
        if !pairs.is_empty() && pairs.iter().all(holds) { Ok(()) } else { Err(Flaw::Order) }
    }

    /// When two different facts began, for all pairs of which that is known.
    fn pairs(&self, before: &[usize], this: &[usize]) -> Vec<(Timestamp, Timestamp)> {
        let all = before.iter().flat_map(|a| this.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b);
        all.filter_map(|(a, b)| Some((self.begin(a)?, self.begin(b)?))).collect()
    }

    /// The reason is of the first cause, and no later than what it explains.
    fn why(&self, (reason, of_reason): (&Clause<'_>, &[usize]), of_effect: &[usize]) -> Result<(), Flaw> {
        let Some(first) = self.court.diagnosis.causes.first() else { return Err(Flaw::Why) };
        let is_of_first = |idx: &usize| self.facts.get(*idx).is_some_and(|it| first.evidence.contains(&it.evidence.id));
        let places: Vec<&str> =
            reason.words.iter().map(|it| it.lower.as_str()).filter(|it| self.court.is_place(it)).collect();
        let blames_another = !places.is_empty() && !places.iter().any(|it| self.court.is_of_first(first, it));
        if blames_another || !of_reason.iter().any(is_of_first) {
            return Err(Flaw::Why);
        }
        let is_late = self.pairs(of_reason, of_effect).iter().any(|(reason, effect)| reason > effect);
        // Where both sides can only be the same fact, it would explain itself.
        let is_itself = of_reason.len() == 1 && of_reason == of_effect && places.is_empty();
        if is_late || is_itself { Err(Flaw::Order) } else { Ok(()) }
    }

    /// `The root cause is X`: X is that of the ranker.
    fn noun_of_cause(&self) -> Result<(), Flaw> {
        let words = || self.clauses.iter().flat_map(|it| &it.words);
        let why: Vec<&str> = words().map(|it| it.lower.as_str()).filter(|it| WHY.contains(it)).collect();
        if why.is_empty() {
            return Ok(());
        }
        let Some(first) = self.court.diagnosis.causes.first() else { return Err(Flaw::Why) };
        let is_noun = why.iter().all(|it| matches!(*it, "cause" | "root"));
        let mut places = words().filter(|it| self.court.is_place(&it.lower));
        if is_noun && places.all(|it| self.court.is_of_first(first, &it.lower)) { Ok(()) } else { Err(Flaw::Why) }
    }

    /// `latency rose first`: before all else that is cited, of which there must be something.
    fn firsts(&self, fitting: &[Vec<usize>]) -> Result<(), Flaw> {
        for (clause, fits) in self.clauses.iter().zip(fitting) {
            let Some(word) = clause.words.last().filter(|it| matches!(it.lower.as_str(), "first" | "last")) else {
                continue;
            };
            let others: Vec<usize> = (0..self.facts.len()).filter(|it| !fits.contains(it)).collect();
            let pairs = self.pairs(fits, &others);
            let holds = |(a, b): &(Timestamp, Timestamp)| if word.lower == "first" { a < b } else { a > b };
            if pairs.is_empty() || !pairs.iter().all(holds) {
                return Err(Flaw::Order);
            }
        }
        Ok(())
    }
}

/// Words that need no fact: those without a sense, and those whose sense is compared.
fn is_free(word: &Word<'_>) -> bool {
    is_known(&word.lower) || number(word.text).is_some() || same_time(word.text, &[]).is_some()
}

/// The word stands there, in one number or the other.
fn supports(facts: &Facts, word: &str) -> bool {
    facts.names(word)
        || word.strip_suffix('s').is_some_and(|it| it.len() > 2 && facts.names(it))
        || word.len() > 2 && facts.names(&format!("{word}s"))
}

/// Where a clause says that something went; true for a comparison.
fn went(words: &[Word<'_>]) -> Result<Option<(Direction, bool)>, Flaw> {
    let mut found: Option<(Direction, bool)> = None;
    for word in words {
        let Some(Sense::Went(direction, compares)) = sense(&word.lower) else { continue };
        match found {
            Some((other, _)) if other != direction => return Err(Flaw::Direction),
            Some((_, false)) => {}
            _ => found = Some((direction, compares)),
        }
    }
    Ok(found)
}

/// What a clause says of where something went, came or stayed.
fn states(words: &[Word<'_>], inherited: Option<Direction>, fact: &Fact<'_>) -> Result<(), Flaw> {
    let at = |idx: usize| words.get(idx).map_or("", |it| it.lower.as_str());
    let own = went(words)?;
    let is_turned = own.is_some_and(|it| it.1)
        && matches!(at(words.len().wrapping_sub(1)), "before" | "earlier")
        && at(words.len().wrapping_sub(2)) != "than";
    let wanted = own.map(|it| if is_turned { it.0.other() } else { it.0 }).or(inherited);
    if wanted.is_some() && (fact.direction != wanted || !is_of_measure(words, fact)) {
        return Err(Flaw::Direction);
    }
    for (idx, word) in words.iter().enumerate() {
        let before = idx.checked_sub(1).map_or("", at);
        let is_level = word.lower == "level" && matches!(before, "is" | "was" | "stayed" | "remained" | "are");
        let holds = match sense(&word.lower) {
            Some(Sense::Came) => fact.came == Some(true),
            Some(Sense::Gone) => fact.came == Some(false),
            Some(Sense::Began) => fact.came != Some(false) && !fact.begins.is_empty(),
            Some(Sense::Level) => fact.is_level,
            _ => !is_level || fact.is_level,
        };
        if !holds {
            return Err(Flaw::Direction);
        }
        let ratio = factor(&word.lower).map(|bounds| (bounds, fact.ratio()));
        if ratio.is_some_and(|((low, high), ratio)| !ratio.is_some_and(|it| (low..=high).contains(&it))) {
            return Err(Flaw::Role);
        }
    }
    Ok(())
}

/// Of requests it is told how long they take or how many fail; not how many there are, which `requests rose` would say.
fn is_of_measure(words: &[Word<'_>], fact: &Fact<'_>) -> bool {
    let EvidenceSource::Requests { measure, .. } = &fact.evidence.source else { return true };
    let wanted: &[&str] = match measure {
        RequestMeasure::SelfTime | RequestMeasure::EdgeGap => {
            &["time", "latency", "slow", "slower", "slowed", "duration", "take", "takes", "took", "longer", "shorter"]
        }
        RequestMeasure::Errors | RequestMeasure::FirstErrors => {
            &["error", "errors", "failure", "failures", "failed", "fail", "fails", "share"]
        }
    };
    words.iter().any(|it| wanted.contains(&it.lower.as_str()))
}

/// `30 s before`, `earlier`, `after` at the end: before the first symptom, or of a value.
fn trailing(words: &[Word<'_>], fact: &Fact<'_>) -> Result<(), Flaw> {
    let Some(last) = words.last() else { return Ok(()) };
    let has_number = words.iter().any(|it| number(it.text).is_some());
    let compares = went(words)?.is_some_and(|it| it.1);
    let holds = match (last.lower.as_str(), fact.lead_secs) {
        ("before" | "earlier", Some(lead)) => lead > 0.0,
        ("after" | "later", Some(lead)) => lead < 0.0,
        ("before" | "earlier", None) => compares || has_number,
        ("after", None) => has_number,
        _ => true,
    };
    if holds { Ok(()) } else { Err(Flaw::Order) }
}
