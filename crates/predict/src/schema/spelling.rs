//! Which names mean the same field, and which one was probably meant?

/// Names that differ in case and separators only are the same.
pub(super) fn spelling(name: &str) -> String {
    let plain = |it: char| if it.is_alphanumeric() { it.to_ascii_lowercase() } else { '_' };
    name.trim().chars().take(200).map(plain).collect()
}

/// Letters to insert, remove or change.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (idx, letter) in a.chars().enumerate() {
        let mut last = idx + 1;
        let mut diagonal = idx;
        for (other, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let here = (diagonal + usize::from(*other != letter)).min(*cell + 1).min(last + 1);
            (diagonal, *cell, last) = (*cell, here, here);
        }
        if let Some(first) = row.first_mut() {
            *first = idx + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
