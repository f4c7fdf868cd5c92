//! Which models does this server serve, and where does it keep what they say? The stage `predict` with its places;
//! `promoting` lets another version answer.

#[cfg(feature = "onnx")]
mod onnx_model;
mod promoting;

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use predict::{CsvOutlet, Desk, Files, Log, OnnxLoader, ParquetOutlet};
use signal::Clock;

pub use promoting::Promoter;

use crate::config::Config;
use crate::forecasts::{Artifacts, files_at};

/// Opens the log below the data directory, starts its sinks and loads all models.
///
/// # Errors
/// Of the disk, and of every model that cannot be loaded.
pub fn open(config: &Config, data_dir: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<Desk>> {
    let section = &config.predict;
    let dir = data_dir.join("predictions");
    let log = Log::open(&dir, &section.log, Arc::clone(&clock))
        .with_context(|| format!("cannot open the log of predictions in {}", dir.display()))?;
    let desk = Desk::open(section, Arc::clone(&log), clock, onnx()).map_err(crate::Problems)?;
    let sinks = dir.join("sinks");
    for csv in &section.log.csv {
        let name = format!("csv:{}", csv.path.display());
        log.follow(&name, &sinks, Box::new(CsvOutlet::new(csv.clone())))
            .with_context(|| format!("cannot start writing {}", csv.path.display()))?;
    }
    for parquet in &section.log.parquet {
        let files = Box::new(Kept(files_at(&parquet.path, &config.forecast)?));
        log.follow(&format!("parquet:{}", parquet.path), &sinks, Box::new(ParquetOutlet::new(parquet.clone(), files)))
            .with_context(|| format!("cannot start writing to {}", parquet.path))?;
    }
    Ok(Arc::new(desk))
}

/// What reads ONNX files, in builds that have it.
#[cfg(feature = "onnx")]
fn onnx() -> Option<&'static OnnxLoader> {
    Some(&onnx_model::load)
}

#[cfg(not(feature = "onnx"))]
fn onnx() -> Option<&'static OnnxLoader> {
    None
}

/// Files of the log where models of forecasts may be, too.
struct Kept(Arc<dyn Artifacts>);

impl Files for Kept {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.put(name, bytes)
    }
}
