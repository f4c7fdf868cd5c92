//! How is a file made, replaced or set aside so that a crash leaves the old or the new one, never half of it?

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::Error;

/// Holds the directory for this process; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DirectoryLock(#[expect(dead_code, reason = "held, not read")] File);

impl DirectoryLock {
    /// Takes the lock or says who cannot have it.
    pub fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("LOCK");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Locked(dir.to_owned())),
            Err(fs::TryLockError::Error(source)) => Err(Error::io("lock", &path)(source)),
        }
    }
}

/// Makes a directory and its parents, if they are not there yet.
pub fn make_dir(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io("make the directory", path))
}

/// Makes names that were added or removed in a directory durable.
pub fn sync_dir(path: &Path) -> Result<(), Error> {
    let result = File::open(path).and_then(|it| it.sync_all());
    result.map_err(Error::io("sync the directory", path))
}

/// Removes a file; one that is gone already is no error.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Renames a file that cannot be used to `<name>.corrupt` and returns the new path.
pub fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    let aside = with_suffix(path, ".corrupt");
    fs::rename(path, &aside).map_err(Error::io("set aside", path))?;
    Ok(aside)
}

/// The path with something after its name.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Files `<number>.<extension>` of a directory, in order of their numbers.
pub fn numbered(dir: &Path, extension: &str) -> Result<Vec<(u64, PathBuf)>, Error> {
    let mut found = vec![];
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let path = entry.map_err(Error::io("list", dir))?.path();
        let number = path.file_stem().and_then(OsStr::to_str).and_then(|it| it.parse().ok());
        if let Some(number) = number.filter(|_| path.extension() == Some(OsStr::new(extension))) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// The path of the file with this number; names sort as numbers do.
pub fn numbered_path(dir: &Path, number: u64, extension: &str) -> PathBuf {
    dir.join(format!("{number:020}.{extension}"))
}

/// Size of a file in bytes; 0 if there is none.
pub fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |it| it.len())
}
