//! Which files does a pattern name? `*` stands for any part of one name, in any part of the path.

use std::path::{Path, PathBuf};

/// Files that match now, in order. Directories that cannot be read have none.
pub(super) fn matches(pattern: &str) -> Vec<PathBuf> {
    let (mut found, pattern) = match pattern.strip_prefix('/') {
        Some(rest) => (vec![PathBuf::from("/")], rest),
        None => (vec![PathBuf::from(".")], pattern),
    };
    for part in pattern.split('/').filter(|it| !it.is_empty()) {
        found = found.iter().flat_map(|it| step(it, part)).collect();
    }
    found.retain(|it| it.is_file());
    found.sort();
    found
}

fn step(directory: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains('*') {
        return vec![directory.join(part)];
    }
    let Ok(entries) = std::fs::read_dir(directory) else { return vec![] };
    let names = entries.filter_map(|it| it.ok()?.file_name().into_string().ok());
    // As in a shell, `*` does not name hidden files.
    names
        .filter(|it| (!it.starts_with('.') || part.starts_with('.')) && matches_name(part, it))
        .map(|it| directory.join(it))
        .collect()
}

/// Greedy matching that returns to the last `*`; linear for one `*`, never exponential.
fn matches_name(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_part_of_a_name() {
        for (pattern, name, expected) in [
            ("*.log", "a.log", true),
            ("*.log", ".log", true),
            ("*.log", "a.log.1", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("plain", "plain", true),
            ("plain", "plainer", false),
            ("*", "", true),
        ] {
            assert_eq!(matches_name(pattern, name), expected, "{pattern} {name}");
        }
    }
}
