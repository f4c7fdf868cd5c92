//! Who investigates incidents? Conversations with the configured model, one after the other beside everything else; and
//! the same tools for other programs at `/mcp`.
//!
//! Nothing waits for it: an incident is put into a bounded queue, and what comes of it is added to its page later.

mod book;
mod cluster;
mod counters;
mod endpoint;
mod ports;
mod propose;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use agent::mcp::{ForeignTools, Pins};
use agent::{Case, Frames, Investigator, Model, Redact, Reopen, Sources, Toolbox, Transcript, catalog};
use anyhow::Context as _;
use serve::Live;
use signal::{
    Clock, Event, FaultClass, History, Incident, IncidentId, Investigation, Investigations, Meter, Metric, PortError,
    TimelineEntry, shortened,
};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use self::book::InvestigationBook;
use self::counters::Counters;
use crate::config::Config;
use crate::responder::Responder;

pub use self::endpoint::routes;
pub use self::ports::{Diagnosed, SourcesOf};
pub use self::propose::Proposals;

/// Incidents that may wait.
const QUEUE: usize = 64;
/// Conversations about one incident: the cause may change as more comes in.
const MOST_PER_INCIDENT: usize = 2;
/// Incidents of which it is remembered what was asked for.
const REMEMBERED: usize = 4096;
/// Longest entry of the timeline, in bytes.
const MOST_ENTRY: usize = 2000;

/// Service and fault; none where no cause was found.
type FirstCause = Option<(String, FaultClass)>;

/// What the composition root hands over.
pub struct Parts {
    /// What tools read.
    pub sources: Sources,
    /// Reads evidence again.
    pub reopen: Arc<dyn Reopen>,
    /// Which names there are.
    pub history: Arc<dyn History>,
    /// Listeners.
    pub live: Live,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

/// Has incidents investigated and keeps what came of it.
pub struct Conversations {
    model: Option<Arc<dyn Model>>,
    model_meter: Option<Arc<dyn Meter>>,
    tools: Toolbox,
    foreign: ForeignTools,
    parts: Parts,
    config: agent::Config,
    book: Arc<InvestigationBook>,
    counters: Counters,
    sender: mpsc::Sender<Incident>,
    receiver: Mutex<Option<mpsc::Receiver<Incident>>>,
    /// First causes that were asked about, by incident.
    asked: Mutex<BTreeMap<IncidentId, BTreeSet<FirstCause>>>,
    responder: OnceLock<Arc<Responder>>,
}

impl Conversations {
    /// Over a data directory; nobody is asked yet. Without a provider only the tools are there.
    pub fn open(config: &Config, data_dir: &Path, parts: Parts) -> anyhow::Result<Arc<Self>> {
        let llm = agent::Llm::build(&config.agent, |name| std::env::var(name).ok())?.map(Arc::new);
        if let Some(llm) = &llm {
            llm.keep_spending_in(&data_dir.join("agent").join("spending.json"))?;
        }
        let model = llm.as_ref().map(|it| it.model());
        let this = Self::with_model(config, data_dir, parts, model, llm.map(|it| it as _))?;
        Ok(Arc::new(this))
    }

    fn with_model(
        config: &Config,
        data_dir: &Path,
        parts: Parts,
        model: Option<Arc<dyn Model>>,
        model_meter: Option<Arc<dyn Meter>>,
    ) -> anyhow::Result<Self> {
        let settings = config.agent.clone();
        let folder = data_dir.join("agent");
        let pins = Pins::open(&folder.join("mcp-pins.json")).context("cannot read the pins of MCP tools")?;
        let usual = Duration::from_secs(settings.limits.call_timeout_secs);
        let foreign = ForeignTools::new(&settings.mcp_servers, usual, pins);
        let (sender, receiver) = mpsc::channel(QUEUE);
        Ok(Self {
            tools: Toolbox::new(catalog(&parts.sources), redact()),
            book: Arc::new(InvestigationBook::open(&folder, settings.limits)),
            foreign,
            model,
            model_meter,
            parts,
            config: settings,
            counters: Counters::default(),
            sender,
            receiver: Mutex::new(Some(receiver)),
            asked: Mutex::default(),
            responder: OnceLock::new(),
        })
    }

    /// Connects where the story of incidents is told; called once by the composition root.
    pub fn tell(&self, responder: Arc<Responder>) {
        // A second call would be a mistake in assembly; the first stays.
        let _ = self.responder.set(responder);
    }

    /// Tools of our own.
    pub fn tools(&self) -> &Toolbox {
        &self.tools
    }

    /// Puts an incident into the queue if it was not asked about with this cause. Never waits.
    pub fn consider(&self, incident: &Incident) {
        if self.model.is_none() || !incident.is_open() || !self.is_news(incident) {
            return;
        }
        if self.sender.try_send(incident.clone()).is_err() {
            // Nothing was asked about it: when there is room again, it is news again.
            self.forget(incident);
            self.counters.not_queued();
            tracing::warn!(incident = %incident.id, "Too many incidents wait for an investigation; this one has none.");
        }
    }

    fn forget(&self, incident: &Incident) {
        if let Some(of_incident) = lock(&self.asked).get_mut(&incident.id) {
            of_incident.remove(&first_cause(incident));
        }
    }

    fn is_news(&self, incident: &Incident) -> bool {
        if incident.diagnosis.is_none() {
            return false;
        }
        let first = first_cause(incident);
        let mut asked = lock(&self.asked);
        if asked.len() >= REMEMBERED && !asked.contains_key(&incident.id) {
            asked.pop_first();
        }
        let of_incident = asked.entry(incident.id).or_default();
        of_incident.len() < MOST_PER_INCIDENT && of_incident.insert(first)
    }

    /// Investigates what is queued until `stopped`; so many at a time as are configured.
    pub fn run(self: &Arc<Self>, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
        let Some(mut receiver) = lock(&self.receiver).take() else { return };
        if self.model.is_none() {
            return;
        }
        let (this, mut stopped) = (Arc::clone(self), stopped.clone());
        tasks.spawn(async move {
            let room = Arc::new(Semaphore::new(this.config.limits.max_investigations));
            let mut running = JoinSet::new();
            loop {
                let next = tokio::select! {
                    it = receiver.recv() => it,
                    () = crate::run::until(&mut stopped) => None,
                };
                let Some(incident) = next else { break };
                // Who waits for room must still hear that it is over.
                let permit = tokio::select! {
                    it = Arc::clone(&room).acquire_owned() => it.ok(),
                    () = crate::run::until(&mut stopped) => None,
                };
                let Some(permit) = permit else { break };
                let this = Arc::clone(&this);
                running.spawn(async move {
                    this.investigate(&incident).await;
                    drop(permit);
                });
                while running.try_join_next().is_some() {}
            }
            // Conversations that still go on end with the program; the diagnosis stands without them.
        });
    }

    /// One conversation, from the case to the page.
    pub async fn investigate(&self, incident: &Incident) {
        let Some(model) = self.model.clone() else { return };
        let Some(case) = self.case(incident).await else { return };
        let mut random = [0; 16];
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::error!(%error, "No randomness for a boundary; the incident is not investigated.");
            return;
        }
        let investigator = Investigator {
            model,
            tools: self.tools.clone().with(self.foreign.list().await),
            reopen: Arc::clone(&self.parts.reopen),
            budget: self.config.budget,
            limits: self.config.limits,
        };
        let mut transcript = Transcript::default();
        let found = investigator.investigate(&case, Frames::new(random), &mut transcript).await;
        self.publish(without_secrets(found), &transcript).await;
    }

    async fn case(&self, incident: &Incident) -> Option<Case> {
        let history = Arc::clone(&self.parts.history);
        let inventory = tokio::task::spawn_blocking(move || ports::inventory(&*history)).await;
        let inventory = inventory.ok()?.unwrap_or_else(|error| {
            tracing::warn!(%error, "Names of services cannot be listed.");
            BTreeSet::new()
        });
        Case::of(incident, self.parts.clock.now(), inventory, &redacted)
    }

    async fn publish(&self, found: Investigation, transcript: &Transcript) {
        self.counters.ended(&found);
        tracing::info!(
            incident = %found.incident, outcome = found.outcome.as_str(), claims = found.claims.len(),
            steps = found.steps.len(), cost_usd = found.cost_usd, "Incident investigated."
        );
        let (book, kept, text) = (Arc::clone(&self.book), found.clone(), transcript.text().to_owned());
        let now = self.parts.clock.now();
        // It waits for the disk.
        let outcome = tokio::task::spawn_blocking(move || book.keep(&kept, &text, now)).await;
        if let Err(error) = outcome.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            self.counters.not_kept();
            tracing::error!(%error, incident = %found.incident, "The investigation cannot be kept.");
        }
        if let Some(responder) = self.responder.get().filter(|_| !found.claims.is_empty()) {
            let prose = found.prose();
            let text = format!("Investigation by {}: {}", found.model, shortened(&prose, MOST_ENTRY));
            let entry = TimelineEntry { time: self.parts.clock.now(), text };
            if let Err(error) = responder.change(found.incident, |it| it.timeline.push(entry)) {
                tracing::warn!(%error, incident = %found.incident, "The investigation cannot be told in the timeline.");
            }
        }
        self.parts.live.send(Event::Investigation(Box::new(found)));
    }

    /// What holds of the newest conversation about an incident, in one text.
    pub fn prose(&self, id: IncidentId) -> Option<String> {
        let found = self.book.newest(id).ok()??;
        Some(found.prose()).filter(|it| !it.is_empty())
    }

    /// Removes what is older or more than is kept.
    pub fn maintain(&self) {
        if let Err(error) = self.book.maintain(self.parts.clock.now()) {
            tracing::error!(%error, "Old conversations cannot be removed.");
        }
    }
}

impl Investigations for Conversations {
    fn investigation(&self, id: IncidentId) -> Result<Option<Investigation>, PortError> {
        self.book.newest(id)
    }
}

impl Meter for Conversations {
    fn metrics(&self) -> Vec<Metric> {
        let waiting = QUEUE - self.sender.capacity();
        let mut metrics = self.counters.metrics(waiting);
        metrics.extend(self.foreign.metrics());
        metrics.extend(self.model_meter.iter().flat_map(|it| it.metrics()));
        metrics
    }
}

/// What the ranker puts first now.
fn first_cause(incident: &Incident) -> FirstCause {
    incident.diagnosis.as_ref()?.causes.first().map(|it| (it.service.clone(), it.fault))
}

/// What ingest takes out before anything is stored is taken out again before anything is sent: what was stored before a
/// rule was there may have it still.
fn redact() -> Redact {
    Arc::new(redacted)
}

fn redacted(text: &str) -> String {
    ingest::redacted(text, &mut |_| {}).into_owned()
}

/// Once more before it is shown and told: a model may put together what stood apart.
fn without_secrets(mut found: Investigation) -> Investigation {
    for claim in &mut found.claims {
        claim.text = redacted(&claim.text);
    }
    for step in &mut found.steps {
        step.arguments = redacted(&step.arguments);
    }
    found
}

/// A panic elsewhere leaves the state as it was after the last complete step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
