//! What does a gateway do with signals? It cuts them by partition and hands them to a carrier; what the carrier has is
//! acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use cluster::{Batch, Beat, Finding, Signals, of_owner, of_series, of_trace};
use futures_util::future::BoxFuture;
use ingest::{Accepted, Alert, MonitorVerdict, Refused, Sink, Source};
use signal::{Change, Clock, LogRecord, SeriesPoints, Span};

/// Where a record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// To the worker of a partition.
    Partition(u32),
    /// To the responder.
    Responder,
}

/// Brings records to their readers; durable when it says so.
pub trait Carrier: Send + Sync + 'static {
    /// Takes all of them or refuses; what it has refused may be there all the same.
    fn carry(&self, records: Vec<(To, Vec<u8>)>) -> BoxFuture<'_, Result<(), Refused>>;
}

/// The way of signals into the cluster.
pub struct Gateway {
    carrier: Arc<dyn Carrier>,
    partitions: u32,
    clock: Arc<dyn Clock>,
}

impl Gateway {
    /// For a number of partitions.
    pub fn new(carrier: Arc<dyn Carrier>, partitions: u32, clock: Arc<dyn Clock>) -> Self {
        Self { carrier, partitions, clock }
    }

    /// Says to every partition that this gateway is there, or that it leaves.
    pub async fn beat(&self, name: &str, is_leaving: bool) -> Result<(), Refused> {
        let beat = || Signals::Beat(Beat { gateway: name.to_owned(), is_leaving });
        self.carrier.carry(self.records((0..self.partitions).map(|it| (it, beat())).collect())).await
    }

    fn records(&self, parts: BTreeMap<u32, Signals>) -> Vec<(To, Vec<u8>)> {
        let received = self.clock.now();
        let encode = |(partition, signals)| {
            let records = Batch { received, signals }.encode();
            records.into_iter().map(move |it| (To::Partition(partition), it))
        };
        parts.into_iter().flat_map(encode).collect()
    }

    async fn send(&self, count: u64, records: Vec<(To, Vec<u8>)>) -> Result<Accepted, Refused> {
        self.carrier.carry(records).await?;
        Ok(Accepted::new(count, 0))
    }

    fn by_series(&self, batch: Vec<SeriesPoints>) -> BTreeMap<u32, Vec<SeriesPoints>> {
        cut(batch, |it| of_series(it.labels.id(), self.partitions))
    }

    fn signals<T>(parts: BTreeMap<u32, Vec<T>>, signals: fn(Vec<T>) -> Signals) -> BTreeMap<u32, Signals> {
        parts.into_iter().map(|(partition, it)| (partition, signals(it))).collect()
    }
}

fn cut<T>(batch: Vec<T>, partition: impl Fn(&T) -> u32) -> BTreeMap<u32, Vec<T>> {
    let mut parts: BTreeMap<u32, Vec<T>> = BTreeMap::new();
    for it in batch {
        parts.entry(partition(&it)).or_default().push(it);
    }
    parts
}

impl Sink for Gateway {
    fn samples(&self, _source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let count = batch.iter().map(|it| it.points.len() as u64).sum();
        let records = self.records(Self::signals(self.by_series(batch), Signals::Samples));
        Box::pin(self.send(count, records))
    }

    fn past(&self, _source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let count = batch.iter().map(|it| it.points.len() as u64).sum();
        let records = self.records(Self::signals(self.by_series(batch), Signals::Past));
        Box::pin(self.send(count, records))
    }

    fn logs(&self, _source: Source, batch: Vec<LogRecord>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let count = batch.len() as u64;
        let parts = cut(batch, |it| of_owner(it.labels.owner(), self.partitions));
        Box::pin(self.send(count, self.records(Self::signals(parts, Signals::Logs))))
    }

    fn spans(&self, _source: Source, batch: Vec<Span>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let count = batch.len() as u64;
        let parts = cut(batch, |it| of_trace(it.trace.0, self.partitions));
        Box::pin(self.send(count, self.records(Self::signals(parts, Signals::Spans))))
    }

    fn alerts(&self, batch: Vec<Alert>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let count = batch.len() as u64;
        let received = self.clock.now();
        let told = batch.into_iter().map(|it| {
            let Alert { labels, summary, starts_at, ends_at } = it;
            cluster::Alert { labels, summary, starts_at, ends_at, received }
        });
        let records = Finding::Alerts(told.collect()).encode().into_iter().map(|it| (To::Responder, it)).collect();
        Box::pin(self.send(count, records))
    }

    fn changes(&self, batch: Vec<Change>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let count = batch.len() as u64;
        let records = Finding::Changes(batch).encode().into_iter().map(|it| (To::Responder, it)).collect();
        Box::pin(self.send(count, records))
    }

    fn monitor(&self, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<MonitorVerdict, Refused>> {
        let count = batch.iter().map(|it| it.points.len() as u64).sum();
        let records = self.records(Self::signals(self.by_series(batch), Signals::Samples));
        Box::pin(async move {
            self.send(count, records).await?;
            Ok(MonitorVerdict {
                is_critical: false,
                message: "Accepted; a worker will judge it".to_owned(),
                z_score: 0.0,
                report: None,
                investigation: None,
                incident: None,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use signal::{Labels, Point, SystemClock, Timestamp};

    use super::*;

    /// Keeps what it is given, or refuses.
    #[derive(Default)]
    struct Kept {
        records: Mutex<Vec<(To, Vec<u8>)>>,
        is_full: bool,
    }

    impl Carrier for Kept {
        fn carry(&self, records: Vec<(To, Vec<u8>)>) -> BoxFuture<'_, Result<(), Refused>> {
            self.records.lock().unwrap().extend(records);
            let answer = if self.is_full { Err(Refused::Busy { retry_after_secs: 1 }) } else { Ok(()) };
            Box::pin(async move { answer })
        }
    }

    #[tokio::test]
    async fn a_batch_is_cut_by_partition_and_nothing_is_lost() {
        let carrier = Arc::new(Kept::default());
        let gateway = Gateway::new(Arc::clone(&carrier) as _, 6, Arc::new(SystemClock));
        let batch: Vec<SeriesPoints> = (0..100)
            .map(|it| SeriesPoints {
                labels: Labels::metric("m", &[("idx", &it.to_string())]),
                points: (0..3).map(|secs| Point { time: Timestamp::from_secs(secs), value: 1.0 }).collect(),
            })
            .collect();
        let accepted = gateway.samples(Source::RemoteWrite, batch.clone()).await.unwrap();
        assert_eq!(accepted, Accepted::new(300, 0));
        let mut found = vec![];
        for (to, record) in carrier.records.lock().unwrap().iter() {
            let Signals::Samples(series) = Batch::decode(record).unwrap().signals else { panic!("no samples") };
            assert!(series.iter().all(|it| *to == To::Partition(of_series(it.labels.id(), 6))));
            found.extend(series);
        }
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        let mut batch = batch;
        batch.sort_by(|a, b| a.labels.cmp(&b.labels));
        assert_eq!(found, batch);
    }

    #[tokio::test]
    async fn the_spans_of_a_trace_stay_together_and_alerts_go_to_the_responder() {
        let carrier = Arc::new(Kept::default());
        let gateway = Gateway::new(Arc::clone(&carrier) as _, 6, Arc::new(SystemClock));
        let span = |trace: u8, id: u8| Span {
            trace: signal::TraceId([trace; 16]),
            id: signal::SpanId([id; 8]),
            parent: None,
            name: "GET /".to_owned(),
            kind: signal::SpanKind::Server,
            start_nanos: 1,
            duration_nanos: 1,
            status: signal::SpanStatus::Unset,
            message: String::new(),
            resource: Labels::default(),
            attributes: Labels::default(),
            events: vec![],
            links: vec![],
        };
        let spans = (0..60).map(|it| span(it % 20, it)).collect();
        assert_eq!(gateway.spans(Source::Otlp, spans).await.unwrap().stored, 60);
        let alert = Alert {
            labels: Labels::new([("alertname", "Slow")]),
            summary: String::new(),
            starts_at: Timestamp::from_secs(1),
            ends_at: Timestamp::from_secs(2),
        };
        gateway.alerts(vec![alert]).await.unwrap();
        let (mut n_spans, mut n_alerts) = (0, 0);
        for (to, record) in carrier.records.lock().unwrap().iter() {
            if *to == To::Responder {
                n_alerts += usize::from(matches!(Finding::decode(record), Ok(Finding::Alerts(_))));
                continue;
            }
            let Signals::Spans(spans) = Batch::decode(record).unwrap().signals else { panic!("no spans") };
            assert!(spans.iter().all(|it| *to == To::Partition(of_trace(it.trace.0, 6))));
            n_spans += spans.len();
        }
        assert_eq!((n_spans, n_alerts), (60, 1));
    }

    #[tokio::test]
    async fn what_the_carrier_does_not_have_is_not_acknowledged() {
        let gateway = Gateway::new(Arc::new(Kept { is_full: true, ..Kept::default() }), 6, Arc::new(SystemClock));
        let line = LogRecord::new(Timestamp::from_secs(1), Labels::new([("service", "pay")]), "x");
        let outcome = gateway.logs(Source::Loki, vec![line]).await;
        assert_eq!(outcome, Err(Refused::Busy { retry_after_secs: 1 }));
    }
}
