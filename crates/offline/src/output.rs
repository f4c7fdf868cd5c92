//! Where do results go? To standard output, or to a file that appears only when it is complete.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A place for results.
pub struct Output {
    writer: BufWriter<Box<dyn Write>>,
    /// The unfinished file and its name when it is complete.
    file: Option<(PathBuf, PathBuf)>,
    is_finished: bool,
}

impl Output {
    /// A file, or standard output without a path.
    ///
    /// # Errors
    /// If the file's folder cannot be written to.
    pub fn create(out: Option<&Path>) -> anyhow::Result<Self> {
        let Some(out) = out else {
            return Ok(Self {
                writer: BufWriter::new(Box::new(std::io::stdout().lock())),
                file: None,
                is_finished: false,
            });
        };
        let name = out.file_name().with_context(|| format!("{} is not the name of a file", out.display()))?;
        // Beside the file, because a rename is only atomic within one file system.
        let unfinished = out.with_file_name(format!(".{}.{}.partial", name.display(), std::process::id()));
        let file = File::create(&unfinished).with_context(|| format!("cannot write {}", out.display()))?;
        Ok(Self {
            writer: BufWriter::new(Box::new(file)),
            file: Some((unfinished, out.to_owned())),
            is_finished: false,
        })
    }

    /// Makes the results visible.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.writer.flush()?;
        if let Some((unfinished, out)) = &self.file {
            std::fs::rename(unfinished, out).with_context(|| format!("cannot write {}", out.display()))?;
        }
        self.is_finished = true;
        Ok(())
    }
}

/// What went wrong in writing a row, as the error below: a reader that has gone is recognized by its kind.
pub fn write_error(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let (Some((unfinished, _)), false) = (&self.file, self.is_finished) {
            // Nobody asked for a half-written file; that it cannot be removed is not worth hiding the first error.
            let _ = std::fs::remove_file(unfinished);
        }
    }
}
