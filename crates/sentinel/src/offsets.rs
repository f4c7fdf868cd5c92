//! Where did we stop reading a file or another server? Kept in the store, so that a restart goes on there.

use std::path::Path;
use std::sync::Arc;

use ingest::{Cursors, Offsets, Position};
use signal::{PortError, Timestamp};
use store::Store;

/// Positions in the store's key-value table.
pub struct StoredOffsets(pub Arc<Store>);

impl Offsets for StoredOffsets {
    fn load(&self, path: &Path) -> Option<Position> {
        let bytes = self.0.get_state(&name(path)).ok().flatten()?;
        let [inode, offset, fingerprint, fingerprint_bytes] = serde_json::from_slice(&bytes).ok()?;
        Some(Position { inode, offset, fingerprint, fingerprint_bytes })
    }

    fn save(&self, path: &Path, position: Position) -> Result<(), PortError> {
        let Position { inode, offset, fingerprint, fingerprint_bytes } = position;
        let text = serde_json::json!([inode, offset, fingerprint, fingerprint_bytes]).to_string();
        let failed =
            |error: store::Error| PortError::Failed { operation: "save a read position", source: error.into() };
        self.0.put_state(&name(path), text.as_bytes()).map_err(failed)
    }
}

impl Cursors for StoredOffsets {
    fn load(&self, name: &str) -> Option<Timestamp> {
        let bytes = self.0.get_state(&cursor(name)).ok().flatten()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn save(&self, name: &str, time: Timestamp) -> Result<(), PortError> {
        let failed =
            |error: store::Error| PortError::Failed { operation: "save a read position", source: error.into() };
        self.0.put_state(&cursor(name), serde_json::json!(time).to_string().as_bytes()).map_err(failed)
    }
}

fn cursor(name: &str) -> String {
    format!("cursor:{name}")
}

fn name(path: &Path) -> String {
    format!("tail-offset:{}", path.display())
}
