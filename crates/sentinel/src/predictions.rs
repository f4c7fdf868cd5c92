//! Which models does this server serve, and where does it keep what they say? The stage `predict` with its places.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use predict::{CsvOutlet, Desk, Log};
use signal::Clock;

/// Opens the log below the data directory, starts its sinks and loads all models.
///
/// # Errors
/// Of the disk, and of every model that cannot be loaded.
pub fn open(config: &predict::Config, data_dir: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<Desk>> {
    let dir = data_dir.join("predictions");
    let log = Log::open(&dir, &config.log, Arc::clone(&clock))
        .with_context(|| format!("cannot open the log of predictions in {}", dir.display()))?;
    for csv in &config.log.csv {
        let name = format!("csv:{}", csv.path.display());
        log.follow(&name, &dir.join("sinks"), Box::new(CsvOutlet::new(csv.clone())))
            .with_context(|| format!("cannot start writing {}", csv.path.display()))?;
    }
    let desk = Desk::open(config, log, clock, None).map_err(crate::Problems)?;
    Ok(Arc::new(desk))
}
