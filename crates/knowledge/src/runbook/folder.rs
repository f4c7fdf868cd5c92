//! Which runbooks are there? Every `.md` file of a folder and of the folders below it, with a hash of its bytes.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::pins::{Pins, sha256};
use super::{front, split};
use crate::Error;
use crate::document::{Document, Kind, Standing};

/// A larger file is no runbook.
const MAX_BYTES: u64 = 1 << 20;
/// Files at most.
const MAX_FILES: usize = 5_000;
/// Folders within folders at most.
const MAX_DEPTH: usize = 8;
/// Digits of the hash that are shown.
const VERSION_DIGITS: usize = 12;

/// A runbook as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path below the folder, with `/`.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its text; bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// What was read of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The files, in order of their path.
    pub files: Vec<File>,
    /// What could not be read, in words.
    pub problems: Vec<String>,
}

/// Reads all runbooks. Links are not followed, so that nothing outside the folder is read.
///
/// # Errors
/// If the folder itself cannot be read; what is wrong with single files is among the problems.
pub fn read_folder(folder: &Path) -> Result<Reading, Error> {
    let mut reading = Reading::default();
    let mut paths = vec![];
    list(folder, 0, &mut paths, &mut reading.problems)?;
    paths.sort();
    if paths.len() > MAX_FILES {
        reading.problems.push(format!("{} runbooks are more than {MAX_FILES}; the rest is left out", paths.len()));
        paths.truncate(MAX_FILES);
    }
    for path in paths {
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        match read_bounded(&path) {
            Ok(None) => reading.problems.push(format!("{name} is larger than {MAX_BYTES} bytes and is left out")),
            Ok(Some(bytes)) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                reading.files.push(File { path: name, sha256: sha256(&bytes), text });
            }
            Err(error) => reading.problems.push(format!("cannot read {name}: {error}")),
        }
    }
    Ok(reading)
}

/// The bytes of a file, never more than a runbook may have; none if there are more.
fn read_bounded(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![];
    std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|it| it.len() as u64 <= MAX_BYTES))
}

fn list(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>, problems: &mut Vec<String>) -> Result<(), Error> {
    let failed = |source| Error::Read { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        let path = entry.path();
        let is_markdown = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("md"));
        if is_hidden {
            continue;
        }
        if kind.is_dir() && depth < MAX_DEPTH {
            if let Err(error) = list(&path, depth + 1, paths, problems) {
                problems.push(error.to_string());
            }
        } else if kind.is_file() && is_markdown && paths.len() <= MAX_FILES {
            paths.push(path);
        }
    }
    Ok(())
}

/// The sections of all files as documents, each with how its file stands to its pin, and what is wrong with files.
pub fn documents(files: &[File], pins: Option<&Pins>) -> (Vec<Document>, Vec<String>) {
    let (mut documents, mut problems) = (vec![], vec![]);
    for file in files {
        let (front, rest, n_above, problem) = front::parse(&file.text);
        problems.extend(problem.map(|it| format!("{}: {it}", file.path)));
        let standing = pins.map_or(Standing::Unpinned, |it| it.standing(file));
        let sections = split::split(rest);
        let title = front.title.clone().unwrap_or_else(|| name(file, &sections));
        for (idx, section) in sections.into_iter().enumerate() {
            let own = section.headings.iter().filter(|it| **it != title);
            let path: Vec<&str> = std::iter::once(&title).chain(own).map(String::as_str).collect();
            documents.push(Document {
                tenant: front.tenant.clone().unwrap_or_default(),
                services: front.services.list(),
                faults: front.faults.list(),
                source: format!("{}:{}", file.path, section.line + n_above),
                version: file.sha256.get(..VERSION_DIGITS).unwrap_or(&file.sha256).to_owned(),
                standing,
                ..Document::new(Kind::Runbook, format!("{}#{}", file.path, idx + 1), path.join(" > "), section.text)
            });
        }
    }
    (documents, problems)
}

fn name(file: &File, sections: &[split::Section]) -> String {
    let heading = sections.iter().find_map(|it| it.headings.first());
    let stem = || file.path.rsplit('/').next().unwrap_or(&file.path).trim_end_matches(".md").replace(['-', '_'], " ");
    heading.cloned().unwrap_or_else(stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::Pin;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), sha256: sha256(text.as_bytes()), text: text.to_owned() }
    }

    /// Guarantees: MUST 650 and 651 of docs/specs/knowledge.md.
    #[test]
    fn sections_know_their_file_their_line_and_how_it_stands() {
        let text = "---\nservices: pay\nfaults: [pool_exhaustion]\ntenant: red\n---\n# Pools\n## Check\nlook\n";
        let files = [file("db/pool.md", text), file("other.md", "words\n")];
        let pin = |sha256: &str| Pin { sha256: sha256.to_owned(), by: "ann".to_owned(), at: String::new() };
        let standing = |pins: Option<Pins>| documents(&files, pins.as_ref()).0[0].standing;
        let (found, problems) = documents(&files, None);
        assert!(problems.is_empty());
        let first = &found[0];
        assert_eq!((first.title.as_str(), first.source.as_str()), ("Pools > Check", "db/pool.md:7"));
        assert_eq!(
            (first.services[0].as_str(), first.faults[0].as_str(), first.tenant.as_str()),
            ("pay", "pool_exhaustion", "red")
        );
        assert_eq!((found[1].title.as_str(), found[1].standing), ("other", Standing::Unpinned));
        let pinned = Pins { pins: [("db/pool.md".to_owned(), pin(&files[0].sha256))].into() };
        assert_eq!(standing(Some(pinned.clone())), Standing::Pinned);
        assert_eq!(documents(&files, Some(&pinned)).0[1].standing, Standing::New);
        assert_eq!(standing(Some(Pins { pins: [("db/pool.md".to_owned(), pin("00"))].into() })), Standing::Changed);
    }
}
