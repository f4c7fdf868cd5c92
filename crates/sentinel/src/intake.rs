//! What happens to signals that come in? They are written ahead, scored and learned from; then acknowledged.

use std::sync::Arc;

use detect::{LogWatch, ServiceMap, SpanWatch};
use futures_util::future::BoxFuture;
use ingest::{Accepted, Alert, MetricMetadata, MonitorVerdict, Refused, Sink, Source};
use signal::{Change, Clock, Exemplar, HistogramSample, LogRecord, SeriesPoints, Span};
use store::{Appended, Store, Write};
use tokio::sync::oneshot;

use crate::alert_desk::{AlertDesk, AlertError};
use crate::metadata_book::MetadataBook;
use crate::responder::Responder;
use crate::shards::Shards;

/// Seconds a sender is asked to wait when the store's queue is full.
const RETRY_AFTER_SECS: u64 = 1;

/// The way of every signal through the system.
pub struct Intake {
    /// Durable storage.
    pub store: Arc<Store>,
    /// Scoring.
    pub shards: Arc<Shards>,
    /// Log templates.
    pub log_watch: Arc<LogWatch>,
    /// Calls and durations of spans.
    pub span_watch: Arc<SpanWatch>,
    /// Who calls whom.
    pub map: Arc<ServiceMap>,
    /// Incidents.
    pub responder: Arc<Responder>,
    /// Alerts of other systems.
    pub alerts: Arc<AlertDesk>,
    /// Types and descriptions of metrics.
    pub metadata: Arc<MetadataBook>,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

impl Intake {
    /// Writes and waits until it is durable.
    async fn append(&self, write: Write) -> Result<Appended, Refused> {
        let (done, outcome) = oneshot::channel();
        // The receiver is only gone if the client has gone; the write stands.
        let done = Box::new(move |result| drop(done.send(result)));
        if self.store.append(write, self.clock.latest(), done).is_err() {
            return Err(Refused::Busy { retry_after_secs: RETRY_AFTER_SECS });
        }
        match outcome.await {
            Ok(Ok(appended)) => Ok(appended),
            Ok(Err(error)) => Err(Refused::Failed(error.to_string())),
            Err(_) => Err(Refused::Failed("the store has stopped".to_owned())),
        }
    }

    /// Takes samples in and waits until they are durable and scored: for simulated time, where order matters.
    pub async fn settled(&self, batch: Vec<SeriesPoints>) -> Result<Accepted, Refused> {
        self.learn_topology(&batch);
        let batch = Arc::new(batch);
        let write = Write::Samples(Arc::clone(&batch));
        let (appended, _) = tokio::join!(self.append(write), self.shards.judge(batch));
        appended.map(accepted)
    }

    fn learn_topology(&self, batch: &[SeriesPoints]) {
        self.map.learn_all(batch.iter().map(|it| &it.labels));
    }
}

impl Sink for Intake {
    fn samples(&self, _source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(async move {
            self.learn_topology(&batch);
            // Shared, not copied, between the disk and the shards.
            let batch = Arc::new(batch);
            let write = Write::Samples(Arc::clone(&batch));
            // Scoring does not wait for the disk: the verdict is there when the acknowledgement is.
            let (appended, ()) = tokio::join!(self.append(write), self.shards.submit(batch));
            appended.map(accepted)
        })
    }

    fn past(&self, _source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(async move {
            self.learn_topology(&batch);
            let batch = Arc::new(batch);
            let appended = self.append(Write::Samples(Arc::clone(&batch))).await?;
            let (shards, now) = (Arc::clone(&self.shards), self.clock.now());
            // Many points of few series: learned apart from the queues, on which live samples wait.
            let learned = tokio::task::spawn_blocking(move || shards.learn_past(&batch, now)).await;
            learned.map_err(|error| Refused::Failed(error.to_string()))?;
            Ok(accepted(appended))
        })
    }

    fn metadata(&self, batch: Vec<MetricMetadata>) {
        self.metadata.hear(batch);
    }

    fn histograms(&self, _source: Source, batch: Vec<HistogramSample>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(async move { self.append(Write::Histograms(batch)).await.map(accepted) })
    }

    fn exemplars(&self, _source: Source, batch: Vec<Exemplar>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        // The store counts what it does not keep: a target tells the same exemplar at each scrape.
        let stored = self.store.add_exemplars(batch, self.clock.now());
        Box::pin(std::future::ready(Ok(Accepted { stored, ..Accepted::default() })))
    }

    fn logs(&self, _source: Source, batch: Vec<LogRecord>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(async move {
            for record in &batch {
                self.log_watch.observe(record);
            }
            self.append(Write::Logs(batch)).await.map(accepted)
        })
    }

    fn spans(&self, _source: Source, batch: Vec<Span>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(async move {
            let appended = self.append(Write::Spans(batch.clone())).await?;
            // What was there already has been counted already.
            if appended.stored > 0 {
                self.span_watch.observe(&batch, self.clock.now());
            }
            Ok(accepted(appended))
        })
    }

    fn alerts(&self, batch: Vec<Alert>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(async move {
            let desk = Arc::clone(&self.alerts);
            let (count, now) = (batch.len() as u64, self.clock.now());
            match tokio::task::spawn_blocking(move || desk.take(batch, now)).await {
                Ok(Ok(())) => Ok(Accepted::new(count, 0)),
                Ok(Err(AlertError::Full)) => Err(Refused::Busy { retry_after_secs: RETRY_AFTER_SECS }),
                Ok(Err(error)) => Err(Refused::Failed(error.to_string())),
                Err(error) => Err(Refused::Failed(error.to_string())),
            }
        })
    }

    fn changes(&self, batch: Vec<Change>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(async move {
            let store = Arc::clone(&self.store);
            let count = batch.len() as u64;
            let written = tokio::task::spawn_blocking(move || store.add_changes(&batch)).await;
            match written {
                Ok(Ok(_)) => Ok(Accepted::new(count, 0)),
                Ok(Err(error)) => Err(Refused::Failed(error.to_string())),
                Err(error) => Err(Refused::Failed(error.to_string())),
            }
        })
    }

    fn monitor(&self, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<MonitorVerdict, Refused>> {
        Box::pin(async move {
            self.learn_topology(&batch);
            let batch = Arc::new(batch);
            let write = Write::Samples(Arc::clone(&batch));
            let (appended, judged) = tokio::join!(self.append(write), self.shards.judge(batch));
            appended?;
            let responder = Arc::clone(&self.responder);
            let now = self.clock.now();
            let verdict = tokio::task::spawn_blocking(move || responder.verdict(&judged, now)).await;
            verdict.map_err(|error| Refused::Failed(error.to_string()))
        })
    }
}

fn accepted(appended: Appended) -> Accepted {
    let dropped = appended.duplicates + appended.too_old + appended.future;
    Accepted { duplicates: appended.duplicates, ..Accepted::new(appended.stored, dropped) }
}
