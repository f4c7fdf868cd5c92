//! Which templates differ only in variables? The columns of templates in one frame, looked at together.
//!
//! A column is a variable if many different words stand in it while the rest of the line stays. Templates that differ
//! in a column of few words are told apart by it first (as in IPLoM, Makanju et al., KDD 2009, and Brain, Yu et al.,
//! IEEE TSC 2023), and what is left then differs in columns of many words only, or not at all.

use super::tokens::Token;

/// From how many different words on a column is a variable?
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// If it is the only column that differs.
    pub(super) words: usize,
}

impl Limits {
    /// Where one other column differs too, chance makes words meet.
    const SEVERAL_TIMES: usize = 2;
    /// The first word says what the line is about: it rarely is a variable.
    const FIRST_TIMES: usize = 3;
    /// A name after its noun (`user alice`).
    const NAMES: usize = 3;
    /// What was masked in some lines is a variable there: it counts as so many words more.
    const MASKED: usize = 2;
}

/// Templates that are one, and the columns in which they differ.
#[derive(Debug)]
pub(super) struct Merge {
    pub(super) ids: Vec<u64>,
    pub(super) columns: u128,
}

/// A template under review.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) id: u64,
    pub(super) tokens: &'a [Token],
}

impl Row<'_> {
    fn token(&self, column: usize) -> Token {
        self.tokens.get(column).copied().unwrap_or(Token::WILD)
    }
}

/// What stands in a column.
#[derive(Clone, Copy)]
struct Column {
    words: usize,
    first: Token,
    has_wild: bool,
    is_structure: bool,
}

/// Finds the templates among `rows` that are one. All rows have the same number of columns.
pub(super) fn review(rows: &mut [Row], limits: Limits, found: &mut Vec<Merge>) {
    if rows.len() < 2 {
        return;
    }
    let width = rows.first().map_or(0, |it| it.tokens.len());
    let mut scratch = Vec::with_capacity(rows.len());
    let columns: Vec<Column> = (0..width).map(|it| column(rows, it, &mut scratch)).collect();
    let differing = columns.iter().filter(|it| it.words > 1).count();
    let constant = columns.iter().filter(|it| it.words == 1 && it.first.has_letter()).count();
    let few = |idx: &usize| !is_variable(&columns, *idx, differing, limits);
    let words = |idx: &usize| columns.get(*idx).map_or(0, |it| it.words);
    let differ = || (0..width).filter(|it| words(it) > 1);
    let Some(split) = differ().filter(few).min_by_key(words).or_else(|| differ().min_by_key(words)) else { return };
    if differ().all(|it| !few(&it)) && constant >= differing {
        let columns = differ().fold(0, |set, idx| set | bit(idx));
        found.push(Merge { ids: rows.iter().map(|it| it.id).collect(), columns });
        return;
    }
    rows.sort_by_key(|it| it.token(split));
    for part in rows.chunk_by_mut(|a, b| a.token(split) == b.token(split)) {
        review(part, limits, found);
    }
}

/// A set of the one column.
pub(super) fn bit(column: usize) -> u128 {
    u32::try_from(column).ok().and_then(|it| 1_u128.checked_shl(it)).unwrap_or(0)
}

fn column(rows: &[Row], idx: usize, scratch: &mut Vec<Token>) -> Column {
    scratch.clear();
    scratch.extend(rows.iter().map(|it| it.token(idx)));
    scratch.sort_unstable();
    scratch.dedup();
    Column {
        words: scratch.len(),
        first: scratch.first().copied().unwrap_or(Token::WILD),
        has_wild: scratch.iter().any(|it| it.has_wild()),
        is_structure: scratch.iter().any(|it| it.is_structure()),
    }
}

fn is_variable(columns: &[Column], idx: usize, differing: usize, limits: Limits) -> bool {
    let Some(column) = columns.get(idx) else { return false };
    let before = idx.checked_sub(1).and_then(|it| columns.get(it));
    let limit = if before.is_none() && !column.has_wild {
        limits.words * Limits::FIRST_TIMES
    } else if differing > 1 {
        limits.words * Limits::SEVERAL_TIMES
    } else if before.is_some_and(|it| it.words == 1 && it.first.is_noun()) {
        limits.words.min(Limits::NAMES)
    } else {
        limits.words
    };
    let masked = if column.has_wild { Limits::MASKED } else { 0 };
    !column.is_structure && column.words + masked >= limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::tokens;

    /// The merged lines, and how many columns differ.
    fn check(lines: &[&str], expected: &[(usize, u32)]) {
        let read = |line: &&str| {
            let mut columns = vec![];
            tokens::read(line.as_bytes(), &mut columns);
            columns
        };
        let columns: Vec<Vec<Token>> = lines.iter().map(read).collect();
        let mut rows: Vec<Row> = columns.iter().enumerate().map(|(id, tokens)| Row { id: id as u64, tokens }).collect();
        let mut found = vec![];
        review(&mut rows, Limits { words: 5 }, &mut found);
        let found: Vec<_> = found.iter().map(|it| (it.ids.len(), it.columns.count_ones())).collect();
        assert_eq!(found, expected, "{lines:?}");
    }

    #[test]
    fn many_words_in_one_column_are_a_variable_and_few_are_statements() {
        check(&["pump on now", "pump off now", "pump stuck now", "pump idle now"], &[]);
        check(&["pot of tea", "pot of ink", "pot of oil", "pot of rum", "pot of gin", "can of gin"], &[(5, 1)]);
    }

    #[test]
    fn names_after_their_noun_and_masked_words_need_fewer() {
        check(&["login of user ann done", "login of user bob done"], &[]);
        check(&["login of user ann done", "login of user bob done", "login of user eve done"], &[(3, 1)]);
        check(&["lost node <*> again", "lost node left again", "lost node right again"], &[(3, 1)]);
        check(&["lost node <*> again", "lost node left again"], &[]);
    }

    #[test]
    fn first_words_tell_statements_apart() {
        check(&["web is up", "db is up", "dns is up", "mail is up", "proxy is up", "cache is up", "cron is up"], &[]);
    }

    #[test]
    fn two_columns_that_both_vary_are_two_variables() {
        let lines: Vec<String> =
            (b'a'..b'm').map(|it| format!("mail of q{0}q to r{0}r was sent", char::from(it))).collect();
        check(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &[(12, 2)]);
    }
}
