//! How does a pushed request come in? With a tenant and a share of the memory for bodies, both checked before anything
//! is read; the same for HTTP and gRPC.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use http_body_util::{BodyExt as _, Limited};
use signal::{Clock, Exemplar, HistogramSample, LogRecord, SeriesPoints, Span};

use crate::admission::Share;
use crate::{
    Accepted, Admission, Alert, Config, Counts, Error, Problems, Reason, Refused, Sink, Source, body, tenants,
};

/// What all pushed protocols share.
#[derive(Clone)]
pub struct Entrance {
    /// Where signals go.
    pub sink: Arc<dyn Sink>,
    /// Limits of what is accepted.
    pub config: Config,
    /// Label that a tenant's name becomes.
    pub tenant_label: String,
    /// The budget of bytes in flight.
    pub admission: Arc<Admission>,
    /// What came in and what was left out.
    pub counts: Arc<Counts>,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

/// Why a request was not read to its end.
#[derive(Debug)]
pub(crate) enum Turned {
    /// It cannot be read.
    Undecodable(Error),
    /// It came at the wrong time.
    Refused(Refused),
}

/// One request on its way through, with the memory that it holds.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) source: Source,
    share: Share,
}

impl Entrance {
    /// Lets a request in. What it takes is given back when the visit is dropped.
    pub(crate) fn enter(&self, source: Source, headers: &HeaderMap) -> Result<Visit, Turned> {
        let tenant = tenants::tenant_of(headers)?;
        Ok(Visit { source, share: self.admission.enter(source, tenant)? })
    }

    /// Reads the whole body. Memory is taken as bytes come, so that who only announces a body takes nothing.
    pub(crate) async fn read(&self, visit: &mut Visit, request: Request) -> Result<Bytes, Turned> {
        let most = self.config.max_body_bytes;
        let too_large = || Error::TooLarge { what: "the body", limit_bytes: most, key: "max_body_bytes" };
        let length = body::header(request.headers(), "content-length").and_then(|it| it.parse::<usize>().ok());
        if length.is_some_and(|it| it > most) {
            return Err(too_large().into());
        }
        visit.share.ask(length.unwrap_or(0) as u64)?;
        let mut read = Vec::with_capacity(length.unwrap_or(0).min(READ_AT_FIRST));
        let mut frames = Limited::new(request.into_body(), most);
        // Whoever says no more holds its place and memory for nothing; it may come again.
        let paused = |_| Refused::Busy { retry_after_secs: 1 };
        let longest = Duration::from_secs(self.config.max_body_pause_secs);
        while let Some(frame) = tokio::time::timeout(longest, frames.frame()).await.map_err(paused)? {
            let frame = frame.map_err(|error| match error.downcast_ref::<http_body_util::LengthLimitError>() {
                Some(_) => too_large(),
                None => Error::malformed("the body", format!("ended early: {error}")),
            })?;
            if let Ok(data) = frame.into_data() {
                visit.share.grow(data.len() as u64)?;
                read.extend_from_slice(&data);
            }
        }
        Ok(read.into())
    }

    /// Undoes the content encoding, and takes memory for what it makes.
    pub(crate) fn plain(&self, visit: &mut Visit, bytes: &Bytes, encoding: &str) -> Result<Bytes, Turned> {
        match body::plain(bytes, encoding, &self.config)? {
            Cow::Borrowed(_) => Ok(bytes.clone()),
            Cow::Owned(plain) => {
                visit.share.grow(plain.len() as u64)?;
                Ok(plain.into())
            }
        }
    }

    /// Undoes block-format snappy, and takes memory for what it makes.
    pub(crate) fn snappy(&self, visit: &mut Visit, bytes: &[u8]) -> Result<Vec<u8>, Turned> {
        let plain = body::snappy(bytes, &self.config)?;
        visit.share.grow(plain.len() as u64)?;
        Ok(plain)
    }

    /// Hands samples on.
    pub(crate) async fn samples(&self, visit: &mut Visit, mut batch: Vec<SeriesPoints>) -> Result<Accepted, Refused> {
        self.tag(visit, batch.iter_mut().map(|it| &mut it.labels));
        self.pass(visit, batch, |source, it| self.sink.samples(source, it)).await
    }

    /// Hands exemplars on, and says how many are kept. One that is lost is no reason to send the samples again.
    pub(crate) async fn exemplars(&self, visit: &mut Visit, mut batch: Vec<Exemplar>) -> u64 {
        if batch.is_empty() {
            return 0;
        }
        let offered = batch.len() as u64;
        self.tag(visit, batch.iter_mut().map(|it| &mut it.series));
        let outcome = self.pass(visit, batch, |source, it| self.sink.exemplars(source, it)).await;
        self.counts.exemplars(visit.source, &outcome, offered)
    }

    /// Hands native histograms on; those that the sink does not keep are counted as such of which count and sum are kept.
    pub(crate) async fn histograms(
        &self,
        visit: &mut Visit,
        mut batch: Vec<HistogramSample>,
        problems: &mut Problems,
    ) -> Result<(), Refused> {
        if batch.is_empty() {
            return Ok(());
        }
        self.tag(visit, batch.iter_mut().map(|it| &mut it.labels));
        let accepted = self.pass(visit, batch, |source, it| self.sink.histograms(source, it)).await?;
        problems.add(Reason::NativeHistogram, accepted.dropped, String::new);
        Ok(())
    }

    /// Hands log lines on.
    pub(crate) async fn logs(&self, visit: &mut Visit, mut batch: Vec<LogRecord>) -> Result<Accepted, Refused> {
        self.tag(visit, batch.iter_mut().map(|it| &mut it.labels));
        self.pass(visit, batch, |source, it| self.sink.logs(source, it)).await
    }

    /// Hands spans on.
    pub(crate) async fn spans(&self, visit: &mut Visit, mut batch: Vec<Span>) -> Result<Accepted, Refused> {
        self.tag(visit, batch.iter_mut().map(|it| &mut it.resource));
        self.pass(visit, batch, |source, it| self.sink.spans(source, it)).await
    }

    /// Hands alerts on.
    pub(crate) async fn alerts(&self, visit: &Visit, mut batch: Vec<Alert>) -> Result<Accepted, Refused> {
        self.tag(visit, batch.iter_mut().map(|it| &mut it.labels));
        if batch.is_empty() { Ok(Accepted::default()) } else { self.sink.alerts(batch).await }
    }

    async fn pass<T, F>(
        &self,
        visit: &mut Visit,
        batch: Vec<T>,
        sink: impl FnOnce(Source, Vec<T>) -> F,
    ) -> Result<Accepted, Refused>
    where
        T: Held,
        F: Future<Output = Result<Accepted, Refused>>,
    {
        visit.share.grow(batch.iter().map(Held::held_bytes).sum())?;
        if batch.is_empty() { Ok(Accepted::default()) } else { sink(visit.source, batch).await }
    }

    /// The tenant of the request is the tenant of all that is in it, whatever the labels say.
    pub(crate) fn tag<'a>(&self, visit: &Visit, labels: impl Iterator<Item = &'a mut signal::Labels>) {
        if let Some(tenant) = visit.share.tenant() {
            labels.for_each(|it| *it = it.with(&self.tenant_label, tenant));
        }
    }
}

/// Memory that is taken for a body before its first byte is there.
const READ_AT_FIRST: usize = 64 << 10;

/// What takes memory from when it was decoded until it is stored. Texts are not counted: they are as long as the body,
/// which is counted as long.
trait Held {
    fn held_bytes(&self) -> u64;
}

impl Held for SeriesPoints {
    /// Twice, because a batch is stored and judged at the same time.
    fn held_bytes(&self) -> u64 {
        2 * (size_of::<Self>() + self.points.len() * size_of::<signal::Point>()) as u64
    }
}

impl Held for Exemplar {
    fn held_bytes(&self) -> u64 {
        size_of::<Self>() as u64
    }
}

impl Held for HistogramSample {
    fn held_bytes(&self) -> u64 {
        let buckets = self.value.positive.len() + self.value.negative.len();
        (size_of::<Self>() + buckets * size_of::<(i32, f64)>() + 8 * self.value.bounds.len()) as u64
    }
}

impl Held for LogRecord {
    fn held_bytes(&self) -> u64 {
        size_of::<Self>() as u64
    }
}

impl Held for Span {
    fn held_bytes(&self) -> u64 {
        2 * (size_of::<Self>() + self.events.len() * size_of::<signal::SpanEvent>()) as u64
    }
}

impl From<Error> for Turned {
    fn from(error: Error) -> Self {
        Self::Undecodable(error)
    }
}

impl From<Refused> for Turned {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}
