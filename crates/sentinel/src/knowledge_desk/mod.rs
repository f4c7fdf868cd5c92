//! What is known already, and is it up to date? Runbooks are read from their folder, incidents from the store, templates
//! from the detector; a search looks at what is new first, and vectors of a model are made in the background.
//!
//! `refresh` reads, `remote` asks an API for vectors, `lines` finds log lines by meaning, `answers` is what pages see, `tools`
//! what an investigation finds.

mod answers;
mod lines;
mod refresh;
mod remote;
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use knowledge::{Config, Embedder, Library, SentenceModel, VectorFile, Vectors};
use signal::{Clock, Meter, Metric, PlanDesk};
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::eyes::Eyes;
use crate::responder::Responder;
use crate::run::until;
pub use answers::reader;
use remote::RemoteModel;

/// A search reads again what is older.
const FRESH: Duration = Duration::from_secs(2);
/// Texts that get vectors in one go.
const BATCH: usize = 16;
/// After a model has failed it is left alone for so long.
const REST: Duration = Duration::from_secs(30);

/// Everything that is known, and where it comes from.
pub struct KnowledgeDesk {
    config: Config,
    library: Library,
    eyes: Eyes,
    store: Arc<Store>,
    responder: Arc<Responder>,
    plans: Arc<dyn PlanDesk>,
    clock: Arc<dyn Clock>,
    tenant_label: String,
    state: Mutex<State>,
    /// Held while everything is read again.
    reading: Mutex<()>,
    /// Where vectors of the model are kept; none without a model.
    vectors: Option<VectorFile>,
}

#[derive(Default)]
struct State {
    read_at: Option<Instant>,
    runbooks: Vec<serve::RunbookStatus>,
    problems: Vec<String>,
    model_problem: Option<String>,
    /// Runbooks that were told to have changed, with their hash.
    told: BTreeSet<(String, String)>,
    documents: BTreeMap<&'static str, usize>,
    refreshes: u64,
    failures: u64,
    line_searches: u64,
    /// Vectors that were made since they were last written.
    unkept: usize,
}

impl KnowledgeDesk {
    /// Reads the model if there is one; nothing else is read yet.
    pub fn open(
        config: &crate::config::Config,
        data_dir: &Path,
        eyes: &Eyes,
        store: &Arc<Store>,
        responder: &Arc<Responder>,
        plans: Arc<dyn PlanDesk>,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Arc<Self>> {
        let knowledge = config.knowledge.clone();
        let library = Library::new(knowledge.max_documents, model(&knowledge)?);
        let file = data_dir.join("knowledge").join("vectors.bin");
        let vectors = library.identity().map(|it| VectorFile::new(&file, &it));
        if let Some(file) = &vectors {
            let known = file.read().unwrap_or_else(|error| {
                tracing::warn!(%error, "Kept vectors cannot be used; the model is asked for all of them again.");
                Vectors::new()
            });
            library.recall(known);
        }
        Ok(Arc::new(Self {
            config: knowledge,
            library,
            eyes: eyes.clone(),
            store: Arc::clone(store),
            responder: Arc::clone(responder),
            plans,
            clock: Arc::clone(clock),
            tenant_label: config.tenants.label.clone(),
            state: Mutex::default(),
            reading: Mutex::default(),
            vectors,
        }))
    }

    /// What is known, after a look at what is new.
    fn library(&self) -> &Library {
        self.refresh_if_old();
        &self.library
    }

    /// Reads again and makes vectors until stopped.
    pub fn run(self: &Arc<Self>, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
        let (desk, mut stopped) = (Arc::clone(self), stopped.clone());
        tasks.spawn(async move {
            loop {
                let it = Arc::clone(&desk);
                let pause = tokio::task::spawn_blocking(move || it.step()).await.unwrap_or_else(|error| {
                    tracing::error!(%error, "Reading what is known panicked.");
                    REST
                });
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = until(&mut stopped) => return,
                }
            }
        });
    }

    /// Reads what is old, makes some vectors, and says when to come again.
    fn step(&self) -> Duration {
        let every = Duration::from_secs(self.config.reread_secs);
        let is_due = self.lock().read_at.is_none_or(|it| it.elapsed() >= every);
        if is_due {
            self.refresh();
        }
        match self.library.embed_waiting(BATCH) {
            Ok(0) => {
                self.keep_vectors();
                every.min(Duration::from_secs(1))
            }
            Ok(made) => {
                let mut state = self.lock();
                state.model_problem = None;
                state.unkept += made;
                Duration::ZERO
            }
            Err(error) => {
                tracing::warn!(%error, "No vectors from the model; the built-in ones are used.");
                self.lock().model_problem = Some(format!("no vectors from {}: {error}", self.library.vectors()));
                REST
            }
        }
    }

    /// Writes the vectors that were made since the last time; a failure costs another question to the model, no more.
    fn keep_vectors(&self) {
        let Some(file) = self.vectors.as_ref().filter(|_| self.lock().unkept > 0) else { return };
        let outcome = file.write(&self.library.made_vectors());
        let mut state = self.lock();
        state.unkept = 0;
        if let Err(error) = outcome {
            tracing::warn!(%error, "Vectors of the model cannot be kept; a restart asks for them again.");
            state.failures += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The model of the configuration.
fn model(config: &Config) -> anyhow::Result<Option<Arc<dyn Embedder>>> {
    let embeddings = &config.embeddings;
    if let Some(folder) = &embeddings.model {
        let model = SentenceModel::read(folder).context("cannot read knowledge.embeddings.model")?;
        return Ok(Some(Arc::new(model)));
    }
    match &embeddings.url {
        Some(url) => Ok(Some(Arc::new(RemoteModel::start(url, embeddings)?))),
        None => Ok(None),
    }
}

impl Meter for KnowledgeDesk {
    fn metrics(&self) -> Vec<Metric> {
        let (size, counts) = (self.library.size(), self.library.counts());
        let state = self.lock();
        let documents = |kind: &str| state.documents.get(kind).copied().unwrap_or(0) as f64;
        let of_kind = |kind: &'static str| {
            Metric::gauge("sentinel_knowledge_documents", "Documents that can be found.", documents(kind))
                .label("kind", kind)
        };
        let counter = Metric::counter;
        vec![
            of_kind("runbook"),
            of_kind("incident"),
            of_kind("template"),
            Metric::gauge(
                "sentinel_knowledge_vectors",
                "Documents with a vector of the model.",
                size.with_vector as f64,
            ),
            counter("sentinel_knowledge_searches_total", "Searches in what is known.", counts.searches),
            counter(
                "sentinel_knowledge_line_searches_total",
                "Searches for log lines by meaning.",
                state.line_searches,
            ),
            counter(
                "sentinel_knowledge_embedded_texts_total",
                "Texts that the model made vectors of.",
                counts.embedded,
            ),
            counter(
                "sentinel_knowledge_embedding_fallbacks_total",
                "Calls of the model that failed; the built-in vectors were used.",
                counts.fallbacks,
            ),
            counter(
                "sentinel_knowledge_recalled_vectors_total",
                "Documents whose vector was kept from an earlier process.",
                counts.recalled,
            ),
            counter("sentinel_knowledge_documents_left_out_total", "Documents that were too many.", counts.left_out),
            counter("sentinel_knowledge_refreshes_total", "Times that everything was read again.", state.refreshes),
            counter(
                "sentinel_knowledge_read_failures_total",
                "Runbooks or incidents that could not be read.",
                state.failures,
            ),
        ]
    }
}
