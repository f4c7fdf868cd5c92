//! Which known word did the user mean? The one with the smallest edit distance, if it is near enough.

/// The nearest of the known words, if at most a third of its letters (and at most three) differ.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let best = known.map(|it| (distance(word, it), it)).min()?;
    let limit = (word.chars().count().max(3) / 3).min(3);
    (best.0 <= limit).then_some(best.1)
}

/// Levenshtein distance: insertions, deletions and replacements.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (idx, left) in a.chars().enumerate() {
        let mut diagonal = idx;
        let mut previous = idx + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(&b) {
            let cost = (diagonal + usize::from(left != *right)).min(previous + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = cost;
            previous = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = idx + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["listen", "data_dir", "store", "retention_days"];
        assert_eq!(nearest("lisen", known.into_iter()), Some("listen"));
        assert_eq!(nearest("retention_dayz", known.into_iter()), Some("retention_days"));
        assert_eq!(nearest("completely", known.into_iter()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
