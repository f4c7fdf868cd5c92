//! Who did what? One link of the hash chain.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// One entry of the ledger. Entries are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Position, from 1, without gaps.
    pub sequence: u64,
    /// When it was written.
    pub time: Timestamp,
    /// Who: `sentinel`, or the user.
    pub actor: String,
    /// What: `incident.opened`, `plan.approved`, `step.started` and so on.
    pub action: String,
    /// On what: an incident, a plan, a file.
    pub subject: String,
    /// Further facts, JSON text exactly as it was hashed.
    pub detail: String,
    /// Hash of the entry before (hex); 64 zeros for the first.
    pub previous_hash: String,
    /// SHA-256 (hex) over all the fields above.
    pub hash: String,
}
