//! How does a file become a model? The kind is told by its content; the schema lies beside it or comes from the model.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use learn::trees::foreign::Foreign;
use learn::trees::{lightgbm, saved, xgboost};

use crate::config::VersionConfig;
use crate::model::{Model, TreeModel};
use crate::schema::{Column, ColumnKind, Fields, Schema, VERSION};

/// Names of model files in a folder, the first that is there.
pub const MODEL_FILES: [&str; 5] = ["model.trees", "model.onnx", "model.json", "model.ubj", "model.txt"];
/// The schema in a folder.
pub const SCHEMA_FILE: &str = "schema.json";
/// A model file at most.
const MAX_BYTES: u64 = 2 << 30;

/// Makes a model of the bytes of an ONNX file and its schema, if there is one; it may complete the schema.
pub type OnnxLoader = dyn Fn(&[u8], Option<Schema>) -> Result<(Box<dyn Model>, Fields), String> + Send + Sync;

/// A model with the schema of its rows.
pub struct Loaded {
    /// Answers.
    pub model: Box<dyn Model>,
    /// What it takes.
    pub fields: Fields,
    /// The model file.
    pub file: PathBuf,
}

/// Reads a version.
///
/// # Errors
/// In words for the user: which file, what is wrong with it, and what to do.
pub fn load(config: &VersionConfig, onnx: Option<&OnnxLoader>) -> Result<Loaded, String> {
    let file = model_file(&config.path)?;
    let beside = file.with_file_name(SCHEMA_FILE);
    let schema_file = config.schema.clone().or_else(|| beside.is_file().then_some(beside));
    let schema = schema_file.as_deref().map(read_schema).transpose()?;
    let bytes = read(&file)?;
    let told = |problem: String| format!("{}: {problem}", file.display());
    if is_onnx(&file) {
        let loader = onnx.ok_or_else(|| told("models in ONNX files need a build with the feature onnx, which released binaries have (cargo build --release -p sentinel --features onnx)".to_owned()))?;
        let (model, fields) = loader(&bytes, schema).map_err(told)?;
        return Ok(Loaded { model, fields, file });
    }
    let (Foreign { ensemble, names, categories }, platform) = parse(&bytes).map_err(told)?;
    let schema = schema.map_or_else(|| Ok(numbers(&names, ensemble.n_features as usize)), |it| ordered(it, &names));
    let schema = with_categories(schema.map_err(told)?, categories);
    let fields = Fields::new(schema).map_err(|it| told(it.join("; ")))?;
    let model = TreeModel::new(ensemble, platform, &fields).map_err(told)?;
    Ok(Loaded { model: Box::new(model), fields, file })
}

/// Tells the kinds apart by what they begin with.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Foreign, &'static str), String> {
    if bytes.starts_with(b"SNTLTREE") {
        let ensemble = saved::from_bytes(bytes).map_err(|error| error.to_string())?;
        return Ok((Foreign { ensemble, names: vec![], categories: vec![] }, "sentinel_forest"));
    }
    let told = |error: learn::trees::foreign::ForeignError| error.to_string();
    let start = bytes.trim_ascii_start();
    if let [b'{', b'i' | b'U' | b'I' | b'l' | b'L' | b'#' | b'$' | b'N', ..] = start {
        return Ok((xgboost::parse_ubjson(bytes).map_err(told)?, "xgboost_ubj"));
    }
    if start.starts_with(b"{") {
        // Both are JSON; the keys at the top tell which it is.
        let is_xgboost = find(bytes, b"\"learner\"") && !find(bytes, b"\"tree_info\":[{");
        let model = if is_xgboost { xgboost::parse(bytes) } else { lightgbm::parse_json(bytes) };
        return Ok((model.map_err(told)?, if is_xgboost { "xgboost_json" } else { "lightgbm_json" }));
    }
    if start.starts_with(b"tree") {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        return Ok((lightgbm::parse_text(text).map_err(told)?, "lightgbm_text"));
    }
    if bytes.starts_with(b"binf") {
        return Err("it is in XGBoost's binary form from before version 2.1: load it there and save it as model.json or model.ubj".to_owned());
    }
    if bytes.starts_with(b"\x80") {
        return Err("it is a pickle, which is a program and is not run here: save the booster itself (XGBoost: model.ubj; LightGBM: model.txt) or export it to ONNX".to_owned());
    }
    Err("it is no model that this program reads: give a forest of `sentinel train`, an XGBoost model (JSON or UBJSON), a LightGBM model (text or JSON) or an ONNX model".to_owned())
}

fn model_file(path: &Path) -> Result<PathBuf, String> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if !path.is_dir() {
        return Err(format!("{} does not exist", path.display()));
    }
    let found = MODEL_FILES.iter().map(|it| path.join(it)).find(|it| it.is_file());
    found.ok_or_else(|| format!("{} has none of {}", path.display(), MODEL_FILES.join(", ")))
}

fn is_onnx(file: &Path) -> bool {
    file.extension().is_some_and(|it| it.eq_ignore_ascii_case("onnx"))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let told = |error: io::Error| format!("cannot read {}: {error}", file.display());
    let length = fs::metadata(file).map_err(told)?.len();
    if length > MAX_BYTES {
        return Err(format!("{} has {length} bytes of at most {MAX_BYTES}", file.display()));
    }
    fs::read(file).map_err(told)
}

fn read_schema(file: &Path) -> Result<Schema, String> {
    let bytes = read(file)?;
    let told = |path: &str, error: String| format!("{}: {path}: {error}", file.display());
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    serde_path_to_error::deserialize(&mut reader).map_err(|it| told(&it.path().to_string(), it.inner().to_string()))
}

fn find(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|it| it == wanted)
}

/// Columns of text without categories get those that the model's file has, in order.
fn with_categories(mut schema: Schema, categories: Vec<Vec<Arc<str>>>) -> Schema {
    let is_open = |it: &&mut Column| it.kind == ColumnKind::Text && it.categories.is_empty();
    schema.columns.iter_mut().filter(is_open).zip(categories).for_each(|(column, it)| column.categories = it);
    schema
}

/// A schema of numbers only.
fn numbers(names: &[String], n_features: usize) -> Schema {
    let name = |idx: usize| names.get(idx).cloned().unwrap_or_else(|| format!("f{idx}"));
    let column = |idx| Column { name: name(idx), ..Column::default() };
    Schema { version: VERSION, columns: (0..n_features).map(column).collect(), ..Schema::default() }
}

/// The schema in the order of the model's own names, where it has names.
fn ordered(mut schema: Schema, names: &[String]) -> Result<Schema, String> {
    if names.is_empty() || names.len() != schema.columns.len() {
        return Ok(schema);
    }
    let mut columns = Vec::with_capacity(names.len());
    for name in names {
        let found = schema.columns.iter().position(|it| it.name == *name || it.aliases.contains(name));
        let Some(idx) = found else {
            // Names that fit nothing at all (`Column_0`) say nothing of the order.
            return if columns.is_empty() {
                Ok(schema)
            } else {
                Err(format!("the schema has no column {name:?}, which the model takes"))
            };
        };
        columns.push(schema.columns.remove(idx));
    }
    schema.columns = columns;
    Ok(schema)
}
