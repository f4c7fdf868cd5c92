//! Which version answers after a promotion, and still after a restart? It is in the ledger and on disk before requests
//! see it, and holds until the configuration of the model says something new. Tells people of all served models, too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use predict::{Desk, ModelConfig, Roles, Served};
use serde::{Deserialize, Serialize};
use serve::{ModelVersion, Promoted, ServedModel, ServedModels};
use signal::{Ledger, PortError};
use store::Store;

use crate::model_watch::card;

/// Who ends a promotion by another configuration, in the ledger.
const CONFIGURATION: &str = "configuration";

/// Promotes versions.
pub struct Promoter {
    desk: Arc<Desk>,
    store: Arc<Store>,
    /// The versions of each model as their folders told at the start, without what each is for.
    cards: BTreeMap<String, Vec<ModelVersion>>,
    /// What the configuration says of each model. Held during a promotion, so that two are one after the other.
    configured: Mutex<BTreeMap<String, Roles>>,
}

/// What is kept of a model.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    /// What the configuration said then.
    configured: Roles,
    /// What holds since.
    roles: Roles,
}

impl Promoter {
    /// Puts earlier promotions in force again.
    ///
    /// # Errors
    /// Of the store.
    pub fn open(desk: &Arc<Desk>, store: &Arc<Store>, models: &[ModelConfig]) -> anyhow::Result<Arc<Self>> {
        let mut configured = BTreeMap::new();
        for model in desk.models() {
            configured.insert(model.name.to_string(), model.roles());
            restore(model, store).with_context(|| format!("cannot tell which version of {} answers", model.name))?;
        }
        let cards = models.iter().map(|it| (it.name.clone(), card::versions(models, &it.name))).collect();
        let (desk, store, configured) = (Arc::clone(desk), Arc::clone(store), Mutex::new(configured));
        Ok(Arc::new(Self { desk, store, cards, configured }))
    }
}

fn restore(model: &Served, store: &Store) -> anyhow::Result<()> {
    let Some(bytes) = store.get_state(&key(&model.name))? else { return Ok(()) };
    let kept: Kept = serde_json::from_slice(&bytes)?;
    let configured = model.roles();
    if kept.configured == kept.roles {
        return Ok(());
    }
    let problem = if kept.configured == configured {
        model.set_roles(&kept.roles).err().map(|it| it.to_string())
    } else {
        Some("the configuration says something new".to_owned())
    };
    let Some(problem) = problem else {
        tracing::info!(model = %model.name, version = kept.roles.default, "A version that was promoted answers.");
        return Ok(());
    };
    let (version, answers) = (&kept.roles.default, &configured.default);
    tracing::warn!(model = %model.name, version, problem, "A promotion has ended.");
    let detail = format!("{version} was promoted, {answers} answers: {problem}");
    Ledger::append(store, CONFIGURATION, "model.promotion_ended", &model.name, &detail)?;
    let kept = Kept { configured: configured.clone(), roles: configured };
    Ok(store.put_state(&key(&model.name), &serde_json::to_vec(&kept)?)?)
}

impl ServedModels for Promoter {
    fn served(&self) -> Vec<ServedModel> {
        let status = |it: &Served| {
            let roles = it.roles();
            let mut versions = self.cards.get(&*it.name).cloned().unwrap_or_default();
            versions.iter_mut().for_each(|it| it.role = roles.of(&it.version));
            ServedModel { name: it.name.to_string(), versions }
        };
        self.desk.models().iter().map(status).collect()
    }

    fn promote(&self, model: &str, version: &str, actor: &str) -> Result<Promoted, PortError> {
        let configured = self.configured.lock().unwrap_or_else(PoisonError::into_inner);
        let served = self.desk.served(Some(model)).map_err(|_| unknown_model(&self.desk, model))?;
        served.place(version).map_err(|_| unknown_version(served, version))?;
        let before = served.roles();
        if before.default == version {
            return Err(PortError::Refused(format!("version {version} of {model} answers already")));
        }
        let configured = configured.get(model).cloned().unwrap_or_default();
        let kept = Kept { configured, roles: before.promoted(version) };
        let bytes = serde_json::to_vec(&kept).map_err(failed)?;
        let detail = format!("{version} answers in place of {}", before.default);
        Ledger::append(&*self.store, actor, "model.promote", model, &detail)?;
        self.store.put_state(&key(model), &bytes).map_err(failed)?;
        served.set_roles(&kept.roles).map_err(failed)?;
        served.note_promotion();
        tracing::info!(model, version, before = before.default, actor, "Another version answers.");
        Ok(Promoted {
            status: "promoted",
            model: model.to_owned(),
            version: version.to_owned(),
            before: before.default,
        })
    }
}

fn unknown_model(desk: &Desk, model: &str) -> PortError {
    let known: Vec<&str> = desk.models().iter().map(|it| &*it.name).collect();
    let known = if known.is_empty() { "none is".to_owned() } else { format!("{} is", known.join(", ")) };
    PortError::NotFound(format!("the served model {model:?} ({known} served here)"))
}

fn unknown_version(model: &Served, version: &str) -> PortError {
    let known: Vec<&str> = model.versions.iter().map(|it| &*it.name).collect();
    PortError::NotFound(format!("the version {version:?} of {} (it has {})", model.name, known.join(", ")))
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError::Failed { operation: "keep a promotion", source: error.into() }
}

fn key(model: &str) -> String {
    format!("served-model/{model}")
}
