//! With which key are approvals signed? One random key per data directory, made at the first start.

use anyhow::Context as _;
use store::Store;

const NAME: &str = "approval-signing-key";

/// The key of this installation.
pub fn signing_key(store: &Store) -> anyhow::Result<[u8; 32]> {
    if let Some(bytes) = store.get_state(NAME).context("cannot read the signing key")? {
        return bytes.try_into().map_err(|_| anyhow::anyhow!("the stored signing key does not have 32 bytes"));
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no randomness for the signing key: {error}"))?;
    store.put_state(NAME, &key).context("cannot save the signing key")?;
    Ok(key)
}
