//! Which files does a pattern name? `*` stands for any part of one name, in any part of the path.

use std::path::{Path, PathBuf};

use signal::glob_matches;

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
        .filter(|it| (!it.starts_with('.') || part.starts_with('.')) && glob_matches(part, it))
        .map(|it| directory.join(it))
        .collect()
}
