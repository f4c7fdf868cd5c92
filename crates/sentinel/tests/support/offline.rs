//! How do tests give files to the offline commands, and read the answers?

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs the real binary to its end.
pub fn sentinel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sentinel")).args(arguments).output().expect("the binary can be started")
}

/// What it wrote to standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it complained about.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder for one test, gone afterwards.
pub struct Folder(PathBuf);

impl Folder {
    /// A new and empty one.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sentinel-offline-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a printable path").to_owned()
    }

    /// Writes a file, with the folders above it, and returns its path.
    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("the folder")).expect("the folders above");
        std::fs::write(&path, bytes).expect("the file is written");
        self.path(name)
    }

    /// The names of all files in it, also hidden ones, in order.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("the folder is there");
        let name =
            |it: std::io::Result<std::fs::DirEntry>| it.expect("an entry").file_name().into_string().expect("a name");
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
