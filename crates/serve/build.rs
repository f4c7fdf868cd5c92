//! Takes the files that the page of Swagger UI loads out of the archive that a crate brings, packed as they are: what is
//! deflated in a zip archive is a gzip file that lacks its first ten and its last eight bytes.

use std::path::PathBuf;
use std::{env, fs};

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

/// All but the script that says which document is shown, which is ours.
const FILES: [&str; 9] = [
    "favicon-16x16.png",
    "favicon-32x32.png",
    "index.css",
    "index.html",
    "oauth2-redirect.html",
    "oauth2-redirect.js",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-ui.css",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var("OUT_DIR").expect("cargo says where to write"));
    let entries = entries().expect("the archive has a directory");
    for file in FILES {
        let wanted = format!("dist/{file}");
        let is_wanted = |it: &&Entry| it.path.split_once('/').is_some_and(|(_, path)| path == wanted);
        let entry = entries.iter().find(is_wanted).unwrap_or_else(|| panic!("{wanted} is not in the archive"));
        let path = folder.join(format!("{file}.gz"));
        fs::write(&path, entry.gzip()).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }
}

/// A file of the archive.
struct Entry {
    path: &'static str,
    is_deflated: bool,
    packed: &'static [u8],
    /// Checksum and length of what is packed, as both formats have them.
    checksum: &'static [u8],
    length: &'static [u8],
}

impl Entry {
    /// The same as a gzip file (RFC 1952).
    fn gzip(&self) -> Vec<u8> {
        let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        if !self.is_deflated {
            // One block that is the last one and holds the bytes as they are (RFC 1951).
            let length = u16::try_from(self.packed.len()).expect("only small files are not deflated");
            gzip.push(1);
            gzip.extend(length.to_le_bytes());
            gzip.extend((!length).to_le_bytes());
        }
        gzip.extend(self.packed);
        gzip.extend(self.checksum);
        gzip.extend(self.length);
        gzip
    }
}

/// What the directory at the end of the archive lists (APPNOTE.TXT of PKWARE, 4.3.12 and 4.3.16).
fn entries() -> Option<Vec<Entry>> {
    let end = ARCHIVE.windows(4).rposition(|it| it == b"PK\x05\x06")?;
    let mut at = number(end + 16, 4)?;
    let mut entries = vec![];
    for _ in 0..number(end + 10, 2)? {
        let name_length = number(at + 28, 2)?;
        entries.push(entry(at, name_length)?);
        at += 46 + name_length + number(at + 30, 2)? + number(at + 32, 2)?;
    }
    Some(entries)
}

fn entry(at: usize, name_length: usize) -> Option<Entry> {
    // Each file has a head of its own, with as many further bytes as that head says.
    let head = number(at + 42, 4)?;
    let begin = head + 30 + number(head + 26, 2)? + number(head + 28, 2)?;
    Some(Entry {
        path: str::from_utf8(bytes(at + 46, name_length)?).ok()?,
        is_deflated: number(at + 10, 2)? == 8,
        packed: bytes(begin, number(at + 20, 4)?)?,
        checksum: bytes(at + 16, 4)?,
        length: bytes(at + 24, 4)?,
    })
}

/// A number of so many bytes, the lowest first.
fn number(at: usize, length: usize) -> Option<usize> {
    Some(bytes(at, length)?.iter().rev().fold(0, |sum, it| sum << 8 | usize::from(*it)))
}

fn bytes(at: usize, length: usize) -> Option<&'static [u8]> {
    ARCHIVE.get(at..at + length)
}
