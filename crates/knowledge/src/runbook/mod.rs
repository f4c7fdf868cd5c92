//! What do people write down about faults? Markdown files in a folder, split by heading, each file known by its hash.

mod folder;
mod front;
mod pins;
mod split;

pub use folder::{File, Reading, documents, read_folder};
pub use front::FrontMatter;
pub(crate) use pins::sha256;
pub use pins::{PIN_FILE, Pin, Pins};
pub use split::{Section, split};
