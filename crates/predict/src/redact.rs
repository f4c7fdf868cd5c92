//! What of a prediction may be kept? Columns are left out or made unreadable, and models may be sampled.

use std::collections::HashMap;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use signal::{FeatureValue, Inference};
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Keep, LogConfig};

/// Applies the rules of the configuration to each row, before it is written anywhere.
pub struct Redactor {
    rules: HashMap<Arc<str>, Keep>,
    shares: HashMap<String, f64>,
    /// Keyed, so that nobody can try out all values without the key.
    secret: Hmac<Sha256>,
}

impl Redactor {
    pub fn new(config: &LogConfig) -> Self {
        let rules = config.columns.iter().map(|(name, keep)| (Arc::from(name.as_str()), *keep)).collect();
        let shares = config.sample.iter().map(|(model, share)| (model.clone(), *share)).collect();
        // Keys of every length are good ones.
        let key = |it: &[u8]| Hmac::<Sha256>::new_from_slice(it).expect("HMAC takes keys of every length");
        let secret = key(config.hash_key.as_bytes());
        Self { rules, shares, secret }
    }

    /// Redacts a row; false if it is left out by sampling. The same id is always decided the same way.
    pub fn keep(&self, row: &mut Inference) -> bool {
        let share = self.shares.get(&*row.model).or_else(|| self.shares.get("*"));
        if let Some(share) = share {
            let place = xxh3_64(row.id.as_bytes()) as f64 / u64::MAX as f64;
            if place >= *share {
                return false;
            }
        }
        if !self.rules.is_empty() {
            row.features.retain(|it| self.rules.get(&it.0) != Some(&Keep::Nothing));
            row.features.iter_mut().for_each(|(name, value)| self.redact(name, value));
        }
        true
    }

    fn redact(&self, name: &Arc<str>, value: &mut FeatureValue) {
        match (self.rules.get(name), &value) {
            (None | Some(Keep::All | Keep::Nothing), _) | (_, FeatureValue::Missing) => {}
            (Some(Keep::Hash), _) => {
                let mut hash = self.secret.clone();
                hash.update(value.to_string().as_bytes());
                let hash = hash.finalize().into_bytes();
                let text: String = hash.iter().take(8).map(|it| format!("{it:02x}")).collect();
                *value = FeatureValue::Text(text.into());
            }
            (Some(Keep::Presence), _) => *value = FeatureValue::Flag(true),
        }
    }
}
