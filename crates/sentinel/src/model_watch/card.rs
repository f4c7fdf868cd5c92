//! What is known of a model's versions? Where they lie, and the card that its training wrote.

use std::collections::BTreeMap;
use std::path::Path;

use predict::{MODEL_FILES, ModelConfig};
use serde_json::Value;
use serve::ModelVersion;
use signal::Timestamp;

/// The card that `sentinel train` writes beside a model.
const CARD: &str = "card.json";

/// The versions of a model that this server serves; none if it is served elsewhere.
pub fn versions(models: &[ModelConfig], name: &str) -> Vec<ModelVersion> {
    let Some(model) = models.iter().find(|it| it.name == name) else { return vec![] };
    let only = model.path.iter().map(|path| ("1".to_owned(), path.as_path()));
    let all = only.chain(model.versions.iter().map(|it| (it.version.clone(), it.path.as_path())));
    let all: Vec<(String, &Path)> = all.collect();
    all.iter().map(|(version, path)| of_folder(path, version)).collect()
}

fn of_folder(path: &Path, version: &str) -> ModelVersion {
    let card = std::fs::read(path.join(CARD)).ok().and_then(|it| serde_json::from_slice::<Value>(&it).ok());
    let card = card.unwrap_or_default();
    let text = |key: &str| card.get(key).and_then(Value::as_str).map(str::to_owned);
    let quality = card.get("quality_on_test_rows").and_then(Value::as_object);
    let numbers = quality.into_iter().flatten().filter(|it| it.0 != "rows");
    ModelVersion {
        version: version.to_owned(),
        // It may change at any time; who tells of the version fills it in.
        role: String::new(),
        kind: text("kind").unwrap_or_else(|| file_of(path)),
        trained_at: card.get("trained_at").and_then(|it| serde_json::from_value::<Timestamp>(it.clone()).ok()),
        data: text("data"),
        rows: card.pointer("/rows/training").and_then(Value::as_u64),
        quality: numbers.filter_map(|(name, it)| Some((name.clone(), it.as_f64()?))).collect::<BTreeMap<_, _>>(),
    }
}

/// The model file, where no card says more.
fn file_of(path: &Path) -> String {
    let inside = MODEL_FILES.iter().find(|it| path.join(it).is_file()).map(|it| (*it).to_owned());
    inside.or_else(|| Some(path.file_name()?.to_string_lossy().into_owned())).unwrap_or_default()
}
