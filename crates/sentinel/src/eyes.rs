//! Where does the responder look? Into its own store and detector, or, where workers have them, into theirs.

use std::sync::Arc;

use detect::LogWatch;
use diagnose::Sources;
use signal::{ChangeLog, History, LogSearch, Scores, Templates, Topology, TraceSearch};
use store::Store;

/// The ports through which incidents are explained and shown.
#[derive(Clone)]
pub struct Eyes {
    /// Samples.
    pub history: Arc<dyn History>,
    /// Log lines.
    pub logs: Arc<dyn LogSearch>,
    /// Log templates.
    pub templates: Arc<dyn Templates>,
    /// Traces.
    pub traces: Arc<dyn TraceSearch>,
    /// Verdicts of other processes; None if they are our own.
    pub scores: Option<Arc<dyn Scores>>,
    /// What could not be seen since the last call, in words.
    pub gaps: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
}

impl Eyes {
    /// Into this process.
    pub fn here(store: &Arc<Store>, log_watch: &Arc<LogWatch>) -> Self {
        Self {
            history: Arc::clone(store) as _,
            logs: Arc::clone(store) as _,
            templates: Arc::clone(log_watch) as _,
            traces: Arc::clone(store) as _,
            scores: None,
            gaps: Arc::new(Vec::new),
        }
    }

    /// What a diagnosis reads: through these ports, with the changes and the map of services of whoever asks.
    pub fn sources<'a>(&'a self, changes: &'a dyn ChangeLog, topology: &'a dyn Topology) -> Sources<'a> {
        Sources {
            history: &*self.history,
            logs: &*self.logs,
            templates: &*self.templates,
            traces: &*self.traces,
            changes,
            topology,
        }
    }
}
