//! How do changed rule files take effect while the server runs? On SIGHUP or `POST /-/reload`, all of them or none.
//!
//! The groups at work come to their end, the files are read, and what a rule knew (alerts and since when they hold) goes on
//! with the rule of the same file, group, name and expression.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use signal::{SeriesPoints, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::file::Group;
use super::{Active, AlertState, GroupState, RuleState, Rules, STALE, key};
use crate::run::until;

/// Waits for the number of rules that are in force, or the problems of the files.
type Reply = oneshot::Sender<Result<usize, String>>;

/// Asks for the files to be read again.
#[derive(Clone)]
pub struct Reload(mpsc::Sender<Reply>);

impl Reload {
    /// The number of rules that are in force now; or why the files are not taken, one problem a line.
    pub async fn ask(&self) -> Result<usize, String> {
        let (reply, answer) = oneshot::channel();
        let stopping = |_| "the server is stopping".to_owned();
        self.0.send(reply).await.map_err(|_| "the server is stopping".to_owned())?;
        answer.await.map_err(stopping)?
    }

    /// `POST /-/reload`, as Prometheus has it.
    pub fn routes(&self) -> Router {
        let it = self.clone();
        Router::new().route("/-/reload", post(move || answer(it)))
    }

    /// Reads the files again on each SIGHUP, until stopped.
    pub async fn follow_hangups(self, mut stopped: watch::Receiver<bool>) {
        let hangups = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
        let mut hangups = match hangups {
            Ok(it) => it,
            Err(error) => return tracing::error!(%error, "SIGHUP cannot be heard."),
        };
        loop {
            tokio::select! {
                _ = hangups.recv() => {
                    // Both are told where the files are read.
                    let _ = self.ask().await;
                }
                _ = until(&mut stopped) => return,
            }
        }
    }
}

async fn answer(reload: Reload) -> Response {
    match reload.ask().await {
        Ok(n) => (StatusCode::OK, format!("{n} rules\n")).into_response(),
        Err(problems) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("the rules stay as they are:\n{problems}\n")).into_response()
        }
    }
}

/// Evaluates all groups until stopped, and takes up changed files when asked.
pub fn supervise(rules: &Arc<Rules>, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) -> Reload {
    let (sender, mut asked) = mpsc::channel::<Reply>(4);
    let (rules, mut stopped) = (Arc::clone(rules), stopped.clone());
    tasks.spawn(async move {
        loop {
            let (end, ended) = watch::channel(false);
            let mut at_work = JoinSet::new();
            rules.start(&ended, &mut at_work);
            let (reply, groups) = loop {
                let reply = tokio::select! {
                    it = asked.recv() => it,
                    _ = until(&mut stopped) => None,
                };
                let Some(reply) = reply else {
                    let _ = end.send(true);
                    while at_work.join_next().await.is_some() {}
                    return;
                };
                match rules.read_again().await {
                    Ok(groups) => break (reply, groups),
                    Err(problems) => {
                        tracing::error!(problems, "Rule files are not taken; the rules stay as they are.");
                        let _ = reply.send(Err(problems));
                    }
                }
            };
            let _ = end.send(true);
            while at_work.join_next().await.is_some() {}
            let n = rules.take_up(groups).await;
            tracing::info!(rules = n, "Rule files read again.");
            let _ = reply.send(Ok(n));
        }
    });
    Reload(sender)
}

impl Rules {
    async fn read_again(self: &Arc<Self>) -> Result<Vec<Group>, String> {
        let rules = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || super::file::load(&rules.config)).await;
        match read {
            Ok((groups, problems)) if problems.is_empty() => Ok(groups),
            Ok((_, problems)) => Err(problems.join("\n")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Puts new groups in place of the old; series of rules that are gone end.
    async fn take_up(self: &Arc<Self>, groups: Vec<Group>) -> usize {
        let now = self.clock.now();
        let old_groups = self.current();
        let mut known: HashMap<String, RuleState> = HashMap::new();
        for (group, state) in old_groups.iter().zip(std::mem::take(&mut *self.lock())) {
            known.extend(group.rules.iter().zip(state.rules).map(|(rule, state)| (key(group, rule), state)));
        }
        let states: Vec<GroupState> = groups
            .iter()
            .map(|group| GroupState {
                rules: group.rules.iter().map(|it| known.remove(&key(group, it)).unwrap_or_default()).collect(),
                ..GroupState::default()
            })
            .collect();
        let n = groups.iter().map(|it| it.rules.len()).sum();
        self.put_groups(groups);
        *self.lock() = states;
        self.end(known.into_values(), now).await;
        let rules = Arc::clone(self);
        let _ = tokio::task::spawn_blocking(move || rules.save()).await;
        n
    }

    /// Ends the series of rules that are gone; those who were told of their alerts hear that they are over.
    async fn end(&self, gone: impl Iterator<Item = RuleState>, now: Timestamp) {
        let mut batch = vec![];
        let mut told = vec![];
        for state in gone {
            batch.extend(state.written.into_values().map(|it| SeriesPoints::one(it, now, STALE)));
            let firing = state.alerts.into_values().filter(|it| it.state == AlertState::Firing);
            told.extend(firing.map(|it| Active { state: AlertState::Over, resolved_at: Some(now), ..it }));
        }
        if !batch.is_empty()
            && let Err(error) = self.sink.samples(ingest::Source::Rules, batch).await
        {
            tracing::warn!(%error, "Series of rules that are gone were not ended.");
        }
        if !told.is_empty() {
            self.notifier.tell(told, self.config.interval_secs as f64, now).await;
        }
    }
}
