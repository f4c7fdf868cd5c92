//! How are the bytes of a user's file reached? From a path or from standard input (`-`), unpacked if they are gzip or zstd.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::bad_input::BadInput;

/// The path that means standard input.
const STANDARD_INPUT: &str = "-";
/// The first bytes of a gzip file (RFC 1952). They decide, not the name: piped input has no name.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The first bytes of a zstd file (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes of a user's file with the name for messages.
pub struct Input {
    /// The file as the user named it.
    pub name: String,
    /// Its bytes, unpacked.
    pub bytes: Box<dyn BufRead>,
}

impl Input {
    /// Opens a path or, for `-`, standard input.
    ///
    /// # Errors
    /// If there is no such file or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, BadInput> {
        if path.as_os_str() == STANDARD_INPUT {
            return Self::unpacked("standard input".to_owned(), Box::new(BufReader::new(std::io::stdin())));
        }
        let name = path.display().to_string();
        if path.is_dir() {
            return Err(BadInput::of_file(&name, "it is a folder", "name a file"));
        }
        let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
        Self::unpacked(name, Box::new(BufReader::with_capacity(1 << 16, file)))
    }

    fn unpacked(name: String, mut bytes: Box<dyn BufRead>) -> Result<Self, BadInput> {
        let start = bytes.fill_buf().map_err(|error| unreadable(&name, &error))?;
        if start.starts_with(&GZIP) {
            bytes = Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(bytes)));
        } else if start.starts_with(&ZSTD) {
            let decoder = zstd::Decoder::with_buffer(bytes).map_err(|error| unreadable(&name, &error))?;
            bytes = Box::new(BufReader::with_capacity(1 << 16, decoder));
        }
        Ok(Self { name, bytes })
    }

    /// All bytes.
    ///
    /// # Errors
    /// If reading fails, for example because the gzip data is damaged.
    pub fn read_all(mut self) -> Result<(String, Vec<u8>), BadInput> {
        let mut all = Vec::new();
        self.bytes.read_to_end(&mut all).map_err(|error| unreadable(&self.name, &error))?;
        Ok((self.name, all))
    }
}

/// The message for a file that cannot be read.
pub fn unreadable(name: &str, error: &std::io::Error) -> BadInput {
    let advice = match error.kind() {
        std::io::ErrorKind::NotFound => "check the path",
        std::io::ErrorKind::PermissionDenied => "check who may read it",
        std::io::ErrorKind::UnexpectedEof => "the file ends early: copy it again",
        _ => "check that the file is whole",
    };
    BadInput::of_file(name, format!("cannot read it: {error}"), advice)
}
