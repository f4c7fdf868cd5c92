//! How do labels of pods come to signals? A sink before the rules, so that rules can use them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use signal::{Change, Exemplar, HistogramSample, Labels, LogRecord, SeriesPoints, Span};

use super::Pods;
use crate::{Accepted, Alert, MetricMetadata, MonitorVerdict, Refused, Sink, Source};

/// Adds what is known of a pod to signals that name one.
pub struct PodLabels {
    inner: Arc<dyn Sink>,
    pods: Arc<Pods>,
}

impl PodLabels {
    /// Before a sink.
    pub fn new(inner: Arc<dyn Sink>, pods: Arc<Pods>) -> Self {
        Self { inner, pods }
    }

    fn enrich(&self, labels: &mut Labels) {
        let Some(pod) = self.pods.of(labels) else { return };
        // What a signal says of itself stays.
        let own = labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let added = pod.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        *labels = Labels::new(added.chain(own).collect::<Vec<_>>());
    }
}

impl Sink for PodLabels {
    fn samples(&self, source: Source, mut batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        batch.iter_mut().for_each(|it| self.enrich(&mut it.labels));
        self.inner.samples(source, batch)
    }

    fn past(&self, source: Source, mut batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        batch.iter_mut().for_each(|it| self.enrich(&mut it.labels));
        self.inner.past(source, batch)
    }

    fn exemplars(&self, source: Source, mut batch: Vec<Exemplar>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        batch.iter_mut().for_each(|it| self.enrich(&mut it.series));
        self.inner.exemplars(source, batch)
    }

    fn histograms(&self, source: Source, mut batch: Vec<HistogramSample>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        batch.iter_mut().for_each(|it| self.enrich(&mut it.labels));
        self.inner.histograms(source, batch)
    }

    fn metadata(&self, batch: Vec<MetricMetadata>) {
        self.inner.metadata(batch);
    }

    /// A line of OpenTelemetry names its pod in its metadata.
    fn logs(&self, source: Source, mut batch: Vec<LogRecord>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        for line in &mut batch {
            self.enrich(&mut line.labels);
            self.enrich(&mut line.metadata);
        }
        self.inner.logs(source, batch)
    }

    fn spans(&self, source: Source, mut batch: Vec<Span>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        batch.iter_mut().for_each(|it| self.enrich(&mut it.resource));
        self.inner.spans(source, batch)
    }

    fn changes(&self, batch: Vec<Change>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        self.inner.changes(batch)
    }

    fn alerts(&self, mut batch: Vec<Alert>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        batch.iter_mut().for_each(|it| self.enrich(&mut it.labels));
        self.inner.alerts(batch)
    }

    fn monitor(&self, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<MonitorVerdict, Refused>> {
        self.inner.monitor(batch)
    }
}
