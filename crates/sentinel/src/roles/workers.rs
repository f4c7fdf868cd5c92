//! Which workers are there, and what do they answer? All are asked at once; who does not answer in time is named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cluster::{Counts, Presence};
use futures_util::future::join_all;
use serve::{WorkerStatus, Workforce, WorkforceStatus};
use tokio::runtime::Handle;

use crate::roles::elsewhere::{Answered, Asker};
use crate::roles::question::{Answer, Question};
use crate::roles::worker::Answers;

/// A worker that said nothing for so long is not asked any more: three times what it leaves between two words.
const SILENCE: Duration = Duration::from_secs(6);

/// The workers as the responder sees them.
pub struct Workers {
    client: reqwest::Client,
    token: Option<String>,
    partitions: u32,
    deadline: Duration,
    runtime: Handle,
    counts: Arc<Counts>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By name: what it said last, and when.
    known: BTreeMap<String, (Presence, Instant)>,
    gaps: BTreeSet<String>,
}

/// What a scaler needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Load {
    /// Workers that are there.
    pub workers: usize,
    /// Partitions, which is as many workers as can have work.
    pub partitions: u32,
    /// Partitions that some worker answers for.
    pub assigned: usize,
    /// Records that wait for workers.
    pub lag: u64,
    /// Anomalies that the workers have told since they were started; its growth is what the responder has to do.
    pub anomalies: u64,
}

impl Workers {
    /// Knows nobody yet.
    pub fn new(
        client: reqwest::Client,
        token: Option<String>,
        partitions: u32,
        deadline: Duration,
        counts: Arc<Counts>,
    ) -> Self {
        let runtime = Handle::current();
        Self { client, token, partitions, deadline, runtime, counts, state: Mutex::default() }
    }

    /// A worker said that it is there.
    pub fn heard(&self, presence: Presence) {
        self.lock().known.insert(presence.worker.clone(), (presence, Instant::now()));
    }

    /// How busy the workers are.
    pub fn load(&self) -> Load {
        let mut state = self.lock();
        state.known.retain(|_, (_, heard)| heard.elapsed() < SILENCE);
        let said = || state.known.values().map(|(it, _)| it);
        let assigned = said().flat_map(|it| it.partitions.clone()).collect::<BTreeSet<u32>>().len();
        let lag = said().map(|it| it.lag).sum();
        let anomalies = said().map(|it| it.anomalies).sum();
        Load { workers: state.known.len(), partitions: self.partitions, assigned, lag, anomalies }
    }

    fn addresses(&self) -> Vec<(String, String)> {
        let mut state = self.lock();
        state.known.retain(|_, (_, heard)| heard.elapsed() < SILENCE);
        state.known.iter().map(|(name, (it, _))| (name.clone(), it.address.clone())).collect()
    }

    async fn ask_one(&self, address: &str, body: String) -> reqwest::Result<Answers> {
        let request = self.client.post(format!("{address}/sentinel/v1/cluster/ask")).timeout(self.deadline);
        let request = request.header("content-type", "application/json").body(body);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let bytes = request.send().await?.error_for_status()?.bytes().await?;
        // What cannot be read is an answer of another release: none at all.
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn ask_all(&self, question: &Question) -> Vec<(u32, Answer)> {
        let Ok(body) = serde_json::to_string(question) else { return vec![] };
        let addresses = self.addresses();
        let asked = addresses.iter().map(|(_, address)| self.ask_one(address, body.clone()));
        let mut answers = vec![];
        for ((name, _), outcome) in addresses.iter().zip(join_all(asked).await) {
            match outcome {
                Ok(it) => answers.extend(it.answers),
                Err(error) => {
                    tracing::warn!(worker = name, %error, "A worker did not answer.");
                    let mut state = self.lock();
                    state.gaps.insert(format!("worker {name} did not answer"));
                    if error.is_connect() {
                        // It is gone until it says again that it is there.
                        state.known.remove(name);
                    }
                }
            }
        }
        answers
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workforce for Workers {
    fn workforce(&self) -> WorkforceStatus {
        let mut state = self.lock();
        state.known.retain(|_, (_, heard)| heard.elapsed() < SILENCE);
        let status = |it: &Presence| WorkerStatus {
            name: it.worker.clone(),
            address: it.address.clone(),
            partitions: it.partitions.clone(),
            lag: it.lag,
            anomalies: it.anomalies,
            heard: it.time,
        };
        WorkforceStatus { partitions: self.partitions, workers: state.known.values().map(|it| status(&it.0)).collect() }
    }
}

impl Asker for Workers {
    fn ask(&self, question: &Question) -> Answered {
        let answers = self.runtime.block_on(self.ask_all(question));
        let answered: BTreeSet<u32> = answers.iter().map(|(number, _)| *number).collect();
        let missing = (0..self.partitions).filter(|it| !answered.contains(it)).count();
        let mut is_partial = missing > 0;
        if missing > 0 {
            self.lock().gaps.insert(format!("{missing} of {} partitions were not there", self.partitions));
        }
        let good = answers.into_iter().filter_map(|(number, it)| match it {
            Answer::Failed(reason) => {
                is_partial = true;
                self.lock().gaps.insert(format!("partition {number} could not answer: {reason}"));
                None
            }
            other => Some(other),
        });
        let good = good.collect();
        if is_partial {
            self.counts.partial_answer();
        }
        Answered { answers: good, is_complete: !is_partial }
    }

    fn tell(self: Arc<Self>, news: Question) {
        let runtime = self.runtime.clone();
        runtime.spawn(async move {
            self.ask_all(&news).await;
        });
    }

    fn gaps(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().gaps).into_iter().collect()
    }
}
