//! How is one file followed? Whole lines in chunks, through rename-and-create, truncation and restarts.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Position;
use crate::limits::shortened;

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Reads until a chunk is passed on.
const READS_PER_CHUNK: usize = 8;
/// Bytes at the beginning that tell a file from another.
const FINGERPRINT_BYTES: u64 = 256;

/// Lines of one chunk and the place behind them.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) lines: Vec<String>,
    pub(super) position: Position,
    pub(super) lines_cut: u64,
    pub(super) lines_repaired: u64,
}

/// An open file, and the beginning of a line that has no end yet.
pub(super) struct FollowedFile {
    file: File,
    inode: u64,
    /// Bytes read from the file.
    read: u64,
    /// Bytes that are done with: everything before the unfinished line.
    offset: u64,
    /// The unfinished line, cut at the limit (and one byte, so that the cut can be told).
    partial: Vec<u8>,
    grown: Instant,
    /// The file's beginning as it was last seen: hash and number of bytes.
    beginning: (u64, u64),
    max_line_bytes: usize,
}

impl FollowedFile {
    /// Opens a file at its saved place if it is still the same file; else at its end or its beginning.
    pub(super) fn open(
        path: &Path,
        saved: Option<Position>,
        from_end: bool,
        max_line_bytes: usize,
    ) -> io::Result<Self> {
        // Rotated while we were away: the rest of the old file first.
        if let Some(saved) = saved
            && let Some(file) = find_same(path, saved)
        {
            return Self::at(file, saved.offset, max_line_bytes);
        }
        let file = File::open(path)?;
        let start = if from_end { start_of_last_line(&file)? } else { 0 };
        Self::at(file, start, max_line_bytes)
    }

    fn at(mut file: File, offset: u64, max_line_bytes: usize) -> io::Result<Self> {
        let inode = file.metadata()?.ino();
        file.seek(SeekFrom::Start(offset))?;
        let n_bytes = offset.min(FINGERPRINT_BYTES);
        let beginning = (fingerprint(&file, n_bytes)?, n_bytes);
        let grown = Instant::now();
        Ok(Self { file, inode, read: offset, offset, partial: vec![], grown, beginning, max_line_bytes })
    }

    /// The place behind the last finished line.
    pub(super) const fn position(&self) -> Position {
        let (fingerprint, fingerprint_bytes) = self.beginning;
        Position { inode: self.inode, offset: self.offset, fingerprint, fingerprint_bytes }
    }

    /// True if everything that was read is passed on.
    pub(super) const fn is_done(&self) -> bool {
        self.read == self.offset
    }

    /// The next lines; None if there is nothing new. A last line without line end waits until the file has not grown
    /// for `patience`; so does the change to a new file of the same name, because the old one may still be written.
    pub(super) fn next_chunk(&mut self, path: &Path, patience: Duration) -> io::Result<Option<Chunk>> {
        self.restart_if_truncated()?;
        let mut chunk = Chunk { lines: vec![], position: Position::default(), lines_cut: 0, lines_repaired: 0 };
        let offset_before = self.offset;
        let is_at_end = self.read_lines(&mut chunk)?;
        if is_at_end && self.grown.elapsed() >= patience {
            if !self.is_done() {
                self.complete(&mut chunk);
                self.offset = self.read;
            } else if self.offset == offset_before
                && let Some(successor) = self.successor(path)?
            {
                *self = Self::at(successor, 0, self.max_line_bytes)?;
                chunk.position = self.position();
                return Ok(Some(chunk));
            }
        }
        if self.offset == offset_before {
            return Ok(None);
        }
        let n_bytes = self.offset.min(FINGERPRINT_BYTES);
        self.beginning = (fingerprint(&self.file, n_bytes)?, n_bytes);
        chunk.position = self.position();
        Ok(Some(chunk))
    }

    /// Reads one chunk's bytes; true at the end of the file.
    fn read_lines(&mut self, chunk: &mut Chunk) -> io::Result<bool> {
        let mut buffer = vec![0; READ_BYTES];
        for _ in 0..READS_PER_CHUNK {
            let n_read = self.file.read(&mut buffer)?;
            if n_read == 0 {
                return Ok(true);
            }
            self.grown = Instant::now();
            self.split(buffer.get(..n_read).unwrap_or(&[]), chunk);
        }
        Ok(false)
    }

    fn split(&mut self, bytes: &[u8], chunk: &mut Chunk) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|it| *it == b'\n') {
            let (line, after) = rest.split_at(end);
            self.extend(line);
            self.complete(chunk);
            self.read += line.len() as u64 + 1;
            self.offset = self.read;
            rest = after.get(1..).unwrap_or(&[]);
        }
        self.extend(rest);
        self.read += rest.len() as u64;
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = (self.max_line_bytes + 1).saturating_sub(self.partial.len());
        self.partial.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn complete(&mut self, chunk: &mut Chunk) {
        let bytes = std::mem::take(&mut self.partial);
        let is_cut = bytes.len() > self.max_line_bytes;
        let line = String::from_utf8(bytes).unwrap_or_else(|error| {
            // A character that the cut has divided is no fault of the writer.
            let is_divided = is_cut && error.utf8_error().error_len().is_none();
            chunk.lines_repaired += u64::from(!is_divided);
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        });
        chunk.lines_cut += u64::from(is_cut);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        chunk.lines.push(shortened(line, self.max_line_bytes).to_owned());
    }

    /// The new file under the old name, once there is one.
    fn successor(&self, path: &Path) -> io::Result<Option<File>> {
        match File::open(path) {
            Ok(file) if file.metadata()?.ino() != self.inode => Ok(Some(file)),
            Ok(_) => Ok(None),
            // Between rename and create.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A file that is shorter than what was read, or begins otherwise, was emptied in place (copytruncate).
    fn restart_if_truncated(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let (hash, n_bytes) = self.beginning;
        let is_same = length >= self.read && (length == self.read || fingerprint(&self.file, n_bytes)? == hash);
        if !is_same {
            self.file.seek(SeekFrom::Start(0))?;
            (self.read, self.offset, self.beginning) = (0, 0, (fingerprint(&self.file, 0)?, 0));
            self.partial.clear();
        }
        Ok(())
    }
}

/// True if the file is the one of the place, and reaches as far.
pub(super) fn is_same(file: &File, position: Position) -> bool {
    let is_same = || {
        let metadata = file.metadata().ok()?;
        let is_same = metadata.ino() == position.inode
            && metadata.len() >= position.offset
            && fingerprint(file, position.fingerprint_bytes).ok()? == position.fingerprint;
        Some(is_same)
    };
    is_same() == Some(true)
}

/// Where a line begins that is still being written; the end of the file if its last line is complete.
fn start_of_last_line(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(READ_BYTES as u64);
    let mut bytes = vec![0; usize::try_from(length - start).unwrap_or(0)];
    file.read_exact_at(&mut bytes, start)?;
    let line_end = bytes.iter().rposition(|it| *it == b'\n');
    Ok(match line_end {
        Some(idx) => start + idx as u64 + 1,
        None if start == 0 => 0,
        None => length,
    })
}

/// The file of a saved place: under its own name, or beside it if it was renamed.
fn find_same(path: &Path, saved: Position) -> Option<File> {
    let own = File::open(path).ok().filter(|it| is_same(it, saved));
    own.or_else(|| {
        let siblings = std::fs::read_dir(path.parent()?).ok()?.filter_map(Result::ok);
        let mut renamed = siblings.filter(|it| it.metadata().is_ok_and(|it| it.is_file() && it.ino() == saved.inode));
        renamed.find_map(|it| File::open(it.path()).ok().filter(|it| is_same(it, saved)))
    })
}

/// FNV-1a, stable over releases, of the first bytes.
fn fingerprint(file: &File, n_bytes: u64) -> io::Result<u64> {
    let mut bytes = vec![0; usize::try_from(n_bytes.min(FINGERPRINT_BYTES)).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    Ok(bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;

    /// A directory of its own that is removed afterwards.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("sentinel-tail-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn log(&self) -> PathBuf {
            self.0.join("a.log")
        }

        fn append(&self, bytes: &[u8]) {
            let mut file = File::options().append(true).create(true).open(self.log()).unwrap();
            file.write_all(bytes).unwrap();
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn lines(file: &mut FollowedFile, path: &Path, patience: Duration) -> Vec<String> {
        let mut lines = vec![];
        while let Some(chunk) = file.next_chunk(path, patience).unwrap() {
            lines.extend(chunk.lines);
        }
        lines
    }

    const PATIENT: Duration = Duration::from_secs(3600);

    #[test]
    fn a_partial_line_is_held_back() {
        let scratch = Scratch::new("partial");
        scratch.append(b"one\r\ntw");
        let mut file = FollowedFile::open(&scratch.log(), None, false, 100).unwrap();
        assert_eq!(lines(&mut file, &scratch.log(), PATIENT), ["one"]);
        assert!(!file.is_done());
        scratch.append(b"o\nthree");
        assert_eq!(lines(&mut file, &scratch.log(), PATIENT), ["two"]);
        assert_eq!(lines(&mut file, &scratch.log(), Duration::ZERO), ["three"]);
        assert!(file.is_done());
    }

    #[test]
    fn rename_and_create_loses_nothing() {
        let scratch = Scratch::new("rename");
        scratch.append(b"one\n");
        let mut file = FollowedFile::open(&scratch.log(), None, false, 100).unwrap();
        assert_eq!(lines(&mut file, &scratch.log(), Duration::ZERO), ["one"]);
        scratch.append(b"two\nlast of the old");
        std::fs::rename(scratch.log(), scratch.0.join("a.log.1")).unwrap();
        scratch.append(b"first of the new\n");
        assert_eq!(lines(&mut file, &scratch.log(), Duration::ZERO), ["two", "last of the old", "first of the new"]);
    }

    #[test]
    fn the_old_file_is_read_on_while_it_grows() {
        let scratch = Scratch::new("grace");
        scratch.append(b"one\n");
        let mut file = FollowedFile::open(&scratch.log(), None, false, 100).unwrap();
        let mut writer = File::options().append(true).open(scratch.log()).unwrap();
        std::fs::rename(scratch.log(), scratch.0.join("a.log.1")).unwrap();
        scratch.append(b"new\n");
        assert_eq!(lines(&mut file, &scratch.log(), PATIENT), ["one"]);
        writer.write_all(b"late\n").unwrap();
        assert_eq!(lines(&mut file, &scratch.log(), Duration::ZERO), ["late", "new"]);
    }

    #[test]
    fn truncation_in_place_is_noticed_even_after_regrowth() {
        let scratch = Scratch::new("truncate");
        scratch.append(b"one\ntwo\n");
        let mut file = FollowedFile::open(&scratch.log(), None, false, 100).unwrap();
        assert_eq!(lines(&mut file, &scratch.log(), PATIENT), ["one", "two"]);
        std::fs::write(scratch.log(), b"x\n").unwrap();
        assert_eq!(lines(&mut file, &scratch.log(), PATIENT), ["x"]);
        std::fs::write(scratch.log(), b"other and longer than before\n").unwrap();
        assert_eq!(lines(&mut file, &scratch.log(), PATIENT), ["other and longer than before"]);
    }

    #[test]
    fn reading_resumes_at_the_saved_place_even_after_rotation() {
        let scratch = Scratch::new("resume");
        scratch.append(b"one\ntwo\n");
        let mut file = FollowedFile::open(&scratch.log(), None, false, 100).unwrap();
        let saved = file.next_chunk(&scratch.log(), PATIENT).unwrap().unwrap().position;
        assert_eq!(saved.offset, 8);
        drop(file);
        scratch.append(b"three\n");
        let mut file = FollowedFile::open(&scratch.log(), Some(saved), false, 100).unwrap();
        assert_eq!(lines(&mut file, &scratch.log(), PATIENT), ["three"]);
        drop(file);
        std::fs::rename(scratch.log(), scratch.0.join("a.log.1")).unwrap();
        scratch.append(b"four\n");
        let mut file = FollowedFile::open(&scratch.log(), Some(saved), false, 100).unwrap();
        assert_eq!(lines(&mut file, &scratch.log(), Duration::ZERO), ["three", "four"]);
    }

    #[test]
    fn another_file_of_the_same_name_is_read_from_its_beginning() {
        let scratch = Scratch::new("other");
        scratch.append(b"one\n");
        let saved = Position { inode: 1, offset: 4, fingerprint: 9, fingerprint_bytes: 4 };
        let mut file = FollowedFile::open(&scratch.log(), Some(saved), false, 100).unwrap();
        assert_eq!(lines(&mut file, &scratch.log(), PATIENT), ["one"]);
        let mut file = FollowedFile::open(&scratch.log(), None, true, 100).unwrap();
        scratch.append(b"two\n");
        assert_eq!(lines(&mut file, &scratch.log(), PATIENT), ["two"]);
    }

    #[test]
    fn long_and_broken_lines_are_cut_repaired_and_counted() {
        let scratch = Scratch::new("broken");
        let mut bytes = vec![b'x'; 200_000];
        bytes.extend_from_slice(b"\nbad \xff byte\n\n");
        scratch.append(&bytes);
        let mut file = FollowedFile::open(&scratch.log(), None, false, 100).unwrap();
        let chunk = file.next_chunk(&scratch.log(), PATIENT).unwrap().unwrap();
        assert_eq!(chunk.lines, ["x".repeat(100), "bad \u{fffd} byte".to_owned(), String::new()]);
        assert_eq!((chunk.lines_cut, chunk.lines_repaired), (1, 1));
        assert_eq!(chunk.position.offset, bytes.len() as u64);
    }
}
