//! Where are models kept? Bytes under names, in a folder or an object store; what is written is whole or not there.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Keeps bytes under names such as `up-1f00/v3/model.bin`. Calls block.
pub trait Artifacts: Send + Sync {
    /// Keeps bytes, durable when it returns; what was there is replaced as a whole.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// The bytes; none if there are none.
    fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Forgets bytes, if there are any.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// A folder.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes it if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Artifacts for Folder {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(name);
        let folder = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder)?;
        let temporary = path.with_extension("new");
        let mut file = fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        // The name is durable when its folder is, and that of a new folder with the one above.
        for it in [Some(folder), folder.parent(), Some(&*self.0)].into_iter().flatten() {
            fs::File::open(it)?.sync_all()?;
        }
        Ok(())
    }

    fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.0.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.0.join(name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        // The folder of a version holds nothing else; one that does stays.
        let _ = path.parent().map(fs::remove_dir);
        Ok(())
    }
}

/// The folder of a series: its key in letters that every file system has, and a hash that tells equal ones apart.
pub fn folder_of(watch: &str, key: &str, labels: &signal::Labels) -> String {
    let mut text = String::new();
    for it in key.chars().take(80) {
        match it {
            '{' | '}' | '"' | ' ' => {}
            ',' => text.push('_'),
            '=' => text.push('-'),
            it if it.is_ascii_alphanumeric() || matches!(it, '_' | '-') => text.push(it),
            _ => text.push('_'),
        }
    }
    let hash = labels.with("sentinel_watch", watch).id();
    format!("{text}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_replaced_and_forgotten() {
        let root = std::env::temp_dir().join(format!("sentinel-artifacts-{}", std::process::id()));
        let folder = Folder::open(&root).unwrap();
        assert_eq!(folder.get("a/v1/model.bin").unwrap(), None);
        folder.put("a/v1/model.bin", b"one").unwrap();
        folder.put("a/v1/model.bin", b"two").unwrap();
        assert_eq!(folder.get("a/v1/model.bin").unwrap().as_deref(), Some(&b"two"[..]));
        assert!(!root.join("a/v1/model.new").exists());
        folder.remove("a/v1/model.bin").unwrap();
        folder.remove("a/v1/model.bin").unwrap();
        assert!(!root.join("a/v1").exists());
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn names_of_folders_are_harmless_and_differ() {
        let labels = |text: &str| text.parse::<signal::Labels>().unwrap();
        let one = folder_of("w", "m{path=\"/../..\"}", &labels("m{path=\"/../..\"}"));
        assert!(one.starts_with("mpath-______-"), "{one}");
        assert_ne!(one, folder_of("w", "m{path=\"/../..\"}", &labels("m{path=\"______\"}")));
        assert_ne!(one, folder_of("v", "m{path=\"/../..\"}", &labels("m{path=\"/../..\"}")));
    }
}
