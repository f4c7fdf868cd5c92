//! What happens with that which log lines and spans have led to? Anomalies go to the responder, samples the way of all
//! samples.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use detect::{LogWatch, SpanWatch};
use signal::{Meter, Metric, SeriesPoints, Timestamp};

use crate::intake::Intake;
use crate::responder::Responder;

/// Samples that wait because the store was busy.
const MOST_WAITING: usize = 100_000;

/// Carries news from the watches of logs and spans to where they belong.
pub struct NewsDesk {
    log_watch: Arc<LogWatch>,
    span_watch: Arc<SpanWatch>,
    responder: Arc<Responder>,
    intake: Arc<Intake>,
    waiting: Mutex<Vec<SeriesPoints>>,
    stored: AtomicU64,
    dropped: AtomicU64,
}

impl NewsDesk {
    /// Nothing waits yet.
    pub fn new(
        log_watch: Arc<LogWatch>,
        span_watch: Arc<SpanWatch>,
        responder: Arc<Responder>,
        intake: Arc<Intake>,
    ) -> Self {
        let (stored, dropped) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { log_watch, span_watch, responder, intake, waiting: Mutex::default(), stored, dropped }
    }

    /// Lets time pass. Samples are durable and scored when it returns, unless the store is busy: then they wait.
    ///
    /// Blocks, and needs the runtime: call it from a thread for blocking work.
    pub fn tick(&self, now: Timestamp) {
        let mut news = self.log_watch.tick(now);
        news.samples.extend(self.span_watch.tick(now));
        if !news.anomalies.is_empty() {
            self.responder.anomalies(news.anomalies);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_WAITING.saturating_sub(waiting.len());
        self.dropped.fetch_add(news.samples.len().saturating_sub(room) as u64, Ordering::Relaxed);
        waiting.extend(news.samples.into_iter().take(room));
        if waiting.is_empty() {
            return;
        }
        let batch = waiting.clone();
        match tokio::runtime::Handle::current().block_on(self.intake.settled(batch)) {
            Ok(accepted) => {
                self.stored.fetch_add(accepted.stored, Ordering::Relaxed);
                self.dropped.fetch_add(accepted.dropped, Ordering::Relaxed);
                waiting.clear();
            }
            Err(ingest::Refused::Busy { .. }) => {}
            Err(refused) => {
                tracing::error!(?refused, "Samples of windows were not stored.");
                self.dropped.fetch_add(waiting.len() as u64, Ordering::Relaxed);
                waiting.clear();
            }
        }
    }
}

impl Meter for NewsDesk {
    fn metrics(&self) -> Vec<Metric> {
        let count = |it: &AtomicU64| it.load(Ordering::Relaxed);
        vec![
            Metric::counter(
                "sentinel_detect_window_samples_total",
                "Samples made from log lines and spans.",
                count(&self.stored),
            ),
            Metric::counter(
                "sentinel_detect_window_samples_dropped_total",
                "Samples made from log lines and spans that the store did not take.",
                count(&self.dropped),
            ),
        ]
    }
}
