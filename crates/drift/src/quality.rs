//! What is wrong with the current data, drifted or not? Gaps, unseen words, numbers out of range, constants, mixtures.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::column::{ColumnProfile, Data};
use crate::html::words::number;
use crate::kind::Kind;

/// More missing cells than in the reference count from this difference of shares on.
const MORE_MISSING: f64 = 0.01;
/// And only if chance does not explain them: so many standard errors.
const STANDARD_ERRORS: f64 = 4.0;
/// New extremes are told if chance brings so many less often than this.
const UNUSUAL: f64 = 1e-4;
/// Words that are named.
const NAMED: usize = 5;

/// What is wrong with a column or a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    /// The column; none for the table.
    pub column: Option<String>,
    /// What was looked at.
    pub check: Check,
    /// The measure in the reference.
    pub reference: f64,
    /// The measure in the current data.
    pub current: f64,
    /// All that as a sentence.
    pub text: String,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Share of cells without a value.
    Missing,
    /// Share of cells with words that the reference does not have.
    NewCategories,
    /// Share of numbers outside of the reference's range.
    OutOfRange,
    /// Whether all values are the same now.
    Constant,
    /// Share of words among numbers.
    Mixed,
    /// Share of infinite numbers.
    Infinite,
    /// Whole numbers that are not exact as numbers of 64 bits.
    Inexact,
    /// Share of rows that came before.
    Duplicates,
}

/// Everything that is wrong with a column.
pub fn issues(reference: &ColumnProfile, current: &ColumnProfile) -> Vec<Issue> {
    let mut found = vec![missing(reference, current), constant(reference, current)];
    found.extend([new_categories(reference, current), out_of_range(reference, current)]);
    let share = |it: &ColumnProfile, count: u64| count as f64 / it.rows.max(1) as f64;
    let mut counted = |check, of: fn(&ColumnProfile) -> u64, what: &str| {
        let (before, now) = (of(reference), of(current));
        let text = format!("{} of {} cells {what} (reference: {before} of {})", now, current.rows, reference.rows);
        let issue = issue(current, check, share(reference, before), share(current, now), text);
        // Also those of the reference are told: they are left out of its distribution.
        found.push((before + now > 0).then_some(issue));
    };
    counted(Check::Mixed, |it| it.mixed, "are words in a column of numbers and were left out");
    counted(Check::Infinite, |it| it.infinite, "are infinite and were left out");
    counted(Check::Inexact, |it| it.inexact, "are whole numbers beyond 2^53 and were rounded");
    found.into_iter().flatten().collect()
}

/// More rows that came before than in the reference.
pub fn duplicates(reference: (u64, Option<u64>), current: (u64, Option<u64>)) -> Option<Issue> {
    let share = |(rows, duplicates): (u64, Option<u64>)| duplicates.map(|it| it as f64 / rows.max(1) as f64);
    let (before, now) = (share(reference)?, share(current)?);
    let text =
        format!("{:.2} % of the rows are the same as an earlier one (reference: {:.2} %)", now * 100.0, before * 100.0);
    (now - before >= MORE_MISSING).then_some(Issue {
        column: None,
        check: Check::Duplicates,
        reference: before,
        current: now,
        text,
    })
}

fn issue(column: &ColumnProfile, check: Check, reference: f64, current: f64, text: String) -> Issue {
    Issue { column: Some(column.name.clone()), check, reference, current, text }
}

fn missing(reference: &ColumnProfile, current: &ColumnProfile) -> Option<Issue> {
    let (before, now) = (reference.missing_share(), current.missing_share());
    let pooled = (reference.missing + current.missing) as f64 / (reference.rows + current.rows).max(1) as f64;
    let one_in = 1.0 / reference.rows.max(1) as f64 + 1.0 / current.rows.max(1) as f64;
    let error = (pooled * (1.0 - pooled) * one_in).sqrt();
    let is_more = now - before >= MORE_MISSING && now - before > STANDARD_ERRORS * error;
    let text = format!("{:.1} % of the cells are missing (reference: {:.1} %)", now * 100.0, before * 100.0);
    is_more.then(|| issue(current, Check::Missing, before, now, text))
}

fn constant(reference: &ColumnProfile, current: &ColumnProfile) -> Option<Issue> {
    let (before, now) = (reference.distinct().0, current.distinct().0);
    let is_new = before > 1.0 && now == 1.0 && current.count() > 1;
    let text = format!("all values are the same (reference: {before:.0} different ones)");
    is_new.then(|| issue(current, Check::Constant, before, now, text))
}

/// Cells with words that the reference does not have, and these words; none where rare words were not kept.
fn new_words<'a>(reference: &ColumnProfile, current: &'a ColumnProfile) -> Option<(u64, Vec<&'a (String, u64)>)> {
    let (Data::Words(before), Data::Words(now)) = (&reference.data, &current.data) else { return None };
    if !before.is_exact() || reference.kind == Kind::Text {
        return None;
    }
    let known: HashSet<&str> = before.counts.iter().map(|it| it.0.as_str()).collect();
    let new: Vec<&(String, u64)> = now.counts.iter().filter(|it| !known.contains(it.0.as_str())).collect();
    Some((new.iter().map(|it| it.1).sum(), new))
}

/// Share of cells with words that the reference does not have; none where that is not known.
pub fn new_category_share(reference: &ColumnProfile, current: &ColumnProfile) -> Option<f64> {
    new_words(reference, current).map(|it| it.0 as f64 / current.count().max(1) as f64)
}

fn new_categories(reference: &ColumnProfile, current: &ColumnProfile) -> Option<Issue> {
    let (cells, new) = new_words(reference, current).filter(|it| it.0 > 0)?;
    let named: Vec<String> = new.iter().take(NAMED).map(|it| format!("\"{}\"", it.0)).collect();
    let more = if new.len() > NAMED { ", .." } else { "" };
    let noun = if new.len() == 1 { "word" } else { "words" };
    let text =
        format!("{} {noun} that the reference does not have, in {cells} cells: {}{more}", new.len(), named.join(", "));
    let share = cells as f64 / current.count().max(1) as f64;
    Some(issue(current, Check::NewCategories, 0.0, share, text))
}

/// How many numbers are below and above the reference's range.
fn outside(reference: &ColumnProfile, current: &ColumnProfile) -> Option<(u64, u64)> {
    let (Data::Numbers(before), Data::Numbers(now)) = (&reference.data, &current.data) else { return None };
    (before.count > 0 && reference.kind == Kind::Number).then(|| now.outside(before.lowest, before.highest))
}

/// Share of numbers outside of the reference's range.
pub fn out_of_range_share(reference: &ColumnProfile, current: &ColumnProfile) -> Option<f64> {
    outside(reference, current).map(|it| (it.0 + it.1) as f64 / current.count().max(1) as f64)
}

fn out_of_range(reference: &ColumnProfile, current: &ColumnProfile) -> Option<Issue> {
    let (below, above) = outside(reference, current)?;
    let (Data::Numbers(before), Data::Numbers(now)) = (&reference.data, &current.data) else { return None };
    // Without drift the largest of all values is a current one with this chance, and so on: a few new extremes are usual.
    let chance = now.count as f64 / (now.count + before.count).max(1) as f64;
    let is_unusual = |count: u64| count > 0 && count as f64 * chance.ln() <= UNUSUAL.ln();
    let text = format!(
        "{below} numbers are below {} and {above} above {}, the reference's range (now {} to {})",
        number(before.lowest),
        number(before.highest),
        number(now.lowest),
        number(now.highest)
    );
    let share = (below + above) as f64 / now.count.max(1) as f64;
    (is_unusual(below) || is_unusual(above)).then(|| issue(current, Check::OutOfRange, 0.0, share, text))
}
