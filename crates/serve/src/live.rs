//! What happens right now? Events told to every open page through server-sent events.
//!
//! The channel is bounded: a listener that falls behind is told how much it missed and dropped; it connects again by
//! itself and reads the page anew, so nothing is ever shown that is out of date for long.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use signal::{Event, Meter, Metric};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::app::App;
use crate::error::Error;

/// Events that a listener may be behind before it is dropped.
const BUFFER: usize = 256;
/// Events that the overview shows.
const RECENT: usize = 40;

/// Tells events to all who listen; cloning gives another handle to the same audience.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

struct Inner {
    sender: broadcast::Sender<Message>,
    recent: Mutex<VecDeque<Arc<Event>>>,
    sent: AtomicU64,
    clients: AtomicUsize,
    lagged: AtomicU64,
    refused: AtomicU64,
    is_closed: AtomicBool,
}

#[derive(Clone)]
enum Message {
    Event(u64, Arc<Event>),
    Close,
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Live {
    /// Nobody listens yet.
    pub fn new() -> Self {
        let inner = Inner {
            sender: broadcast::Sender::new(BUFFER),
            recent: Mutex::default(),
            sent: AtomicU64::new(0),
            clients: AtomicUsize::new(0),
            lagged: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Tells all listeners; never blocks.
    pub fn send(&self, event: Event) {
        let event = Arc::new(event);
        self.remember(&event);
        let sequence = self.inner.sent.fetch_add(1, Ordering::Relaxed) + 1;
        // An error only says that nobody listens.
        let _ = self.inner.sender.send(Message::Event(sequence, event));
    }

    /// Ends all streams, so that the server can stop without waiting for open pages.
    pub fn close(&self) {
        self.inner.is_closed.store(true, Ordering::Release);
        // An error only says that nobody listens.
        let _ = self.inner.sender.send(Message::Close);
    }

    /// The newest events, newest first; of one series, incident or plan only the newest.
    pub(crate) fn recent(&self) -> Vec<Arc<Event>> {
        self.inner.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn remember(&self, event: &Arc<Event>) {
        let mut recent = self.inner.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|it| !is_about_the_same(it, event));
        recent.push_front(event.clone());
        recent.truncate(RECENT);
    }

    fn listen(&self, max_clients: usize) -> Result<Listener, Error> {
        let taken = self.inner.clients.fetch_add(1, Ordering::AcqRel);
        let listener = Listener { receiver: self.inner.sender.subscribe(), inner: self.inner.clone() };
        if taken >= max_clients || self.inner.is_closed.load(Ordering::Acquire) {
            self.inner.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Error::Busy);
        }
        Ok(listener)
    }
}

impl Meter for Live {
    fn metrics(&self) -> Vec<Metric> {
        let inner = &self.inner;
        let dropped = |reason: &str, count: &AtomicU64| {
            let help = "Listeners to live events that were dropped or refused.";
            let count = count.load(Ordering::Relaxed);
            Metric::counter("sentinel_serve_live_clients_dropped_total", help, count).label("reason", reason)
        };
        let clients = inner.clients.load(Ordering::Relaxed) as f64;
        vec![
            Metric::counter("sentinel_serve_live_events_total", "Events told.", inner.sent.load(Ordering::Relaxed)),
            Metric::gauge("sentinel_serve_live_clients", "Listeners to live events now.", clients),
            dropped("lagged", &inner.lagged),
            dropped("too_many", &inner.refused),
        ]
    }
}

fn is_about_the_same(a: &Event, b: &Event) -> bool {
    match (a, b) {
        (Event::Anomaly(a), Event::Anomaly(b)) => a.labels == b.labels && a.onset == b.onset,
        (Event::Incident(a), Event::Incident(b)) => a.id == b.id,
        (Event::Plan(a), Event::Plan(b)) => a.id == b.id,
        (Event::Investigation(a), Event::Investigation(b)) => a.incident == b.incident,
        _ => false,
    }
}

/// One connection; its place is free again when it is dropped.
struct Listener {
    receiver: broadcast::Receiver<Message>,
    inner: Arc<Inner>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.inner.clients.fetch_sub(1, Ordering::AcqRel);
    }
}

/// `GET /sentinel/v1/events`.
pub async fn events(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let listener = app.live.listen(app.config.max_live_clients)?;
    let hello = serde_json::json!({ "version": app.ports.version, "time": app.now() }).to_string();
    let hello = sse::Event::default().event("hello").retry(Duration::from_secs(2)).data(hello);
    let stream = stream::once(async { Ok::<_, Infallible>(hello) }).chain(stream::unfold(Some(listener), next));
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(app.config.live_keep_alive_secs));
    let headers = [("cache-control", "no-store"), ("x-accel-buffering", "no")];
    Ok((headers, Sse::new(stream).keep_alive(keep_alive)).into_response())
}

type Step = (Result<sse::Event, Infallible>, Option<Listener>);

async fn next(listener: Option<Listener>) -> Option<Step> {
    let mut listener = listener?;
    match listener.receiver.recv().await {
        Ok(Message::Event(sequence, event)) => Some((Ok(print(sequence, &event)), Some(listener))),
        Ok(Message::Close) | Err(RecvError::Closed) => None,
        Err(RecvError::Lagged(missed)) => {
            listener.inner.lagged.fetch_add(1, Ordering::Relaxed);
            let data = serde_json::json!({ "missed": missed }).to_string();
            Some((Ok(sse::Event::default().event("lagged").data(data)), None))
        }
    }
}

fn print(sequence: u64, event: &Event) -> sse::Event {
    let name = match event {
        Event::Anomaly(_) => "anomaly",
        Event::Incident(_) => "incident",
        Event::Plan(_) => "plan",
        Event::Investigation(_) => "investigation",
    };
    let data = serde_json::to_string(event).unwrap_or_else(|_| "{}".to_owned());
    sse::Event::default().id(sequence.to_string()).event(name).data(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_given_back() {
        let live = Live::new();
        let first = live.listen(1);
        assert!(first.is_ok());
        assert!(live.listen(1).is_err());
        drop(first);
        assert!(live.listen(1).is_ok());
        live.close();
        assert!(live.listen(1).is_err());
    }
}
