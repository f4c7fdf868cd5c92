//! What is done to signals between their protocol and the store? Secrets go, noise is dropped with counts, names, units
//! and times are put right, and what is known elsewhere is added.
//!
//! [`Preprocessor`] is pure; [`Preprocessed`] puts it before any sink. What came in is answered as if all of it had been
//! stored: what a rule drops is dropped on purpose.

mod config;
mod open_keys;
mod redact;
mod rule;
mod table;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;
use signal::{Change, Exemplar, HistogramSample, Labels, LogRecord, Meter, Metric, SeriesId, SeriesPoints, Span};

pub use self::config::{LookupConfig, PreprocessConfig, RuleConfig, SignalKind};
use self::open_keys::OpenKeys;
pub use self::redact::{Secret, redacted, secrets};
use self::rule::{Fate, Rule};
pub use self::table::TableConfig;
use crate::hashed::Hashed;
use crate::{Accepted, Alert, MetricMetadata, MonitorVerdict, Refused, Sink, Source};

/// Series whose labels after all rules are remembered; when there are more, all are forgotten and found again.
const REMEMBERED: usize = 262_144;

/// Carries out the rules.
#[derive(Debug)]
pub struct Preprocessor {
    redact: bool,
    rules: Vec<Rule>,
    counts: Vec<RuleCounts>,
    secrets: [AtomicU64; Secret::ALL.len()],
    open_keys: OpenKeys,
    /// None: the series passes as it is.
    series: RwLock<Hashed<SeriesId, Option<SeriesPlan>>>,
}

#[derive(Debug, Default)]
struct RuleCounts {
    fitted: AtomicU64,
    dropped: AtomicU64,
}

/// What the rules make of a series, found once.
#[derive(Clone, Debug)]
struct SeriesPlan {
    labels: Labels,
    /// Rules that fit, by number.
    rules: Vec<usize>,
    dropped_by: Option<usize>,
}

impl Preprocessor {
    /// Reads the tables; a message that names the key if one cannot be read.
    pub fn new(config: &PreprocessConfig) -> Result<Self, String> {
        let mut tables = std::collections::BTreeMap::new();
        for (name, table) in &config.tables {
            tables.insert(name.clone(), table.load().map_err(|it| format!("preprocess.tables.{name}.{it}"))?);
        }
        Ok(Self {
            redact: config.redact,
            rules: config.rules.iter().map(|it| Rule::new(it, &tables)).collect(),
            counts: config.rules.iter().map(|_| RuleCounts::default()).collect(),
            secrets: Default::default(),
            open_keys: OpenKeys::default(),
            series: RwLock::default(),
        })
    }

    /// Samples after all rules.
    pub fn samples(&self, mut batch: Vec<SeriesPoints>) -> Vec<SeriesPoints> {
        if !self.redact && self.rules.is_empty() {
            return batch;
        }
        let mut new = vec![];
        let known = self.series.read().unwrap_or_else(PoisonError::into_inner);
        batch.retain_mut(|series| match known.get(&series.labels.id()) {
            Some(None) => true,
            Some(Some(plan)) => self.carry_out(plan, series),
            None => {
                let id = series.labels.id();
                let plan = self.plan(&series.labels);
                let is_kept = plan.as_ref().is_none_or(|it| self.carry_out(it, series));
                new.push((id, plan));
                is_kept
            }
        });
        drop(known);
        if !new.is_empty() {
            self.remember(new);
        }
        batch
    }

    /// Exemplars after all rules: they go the way of the samples of their series.
    pub fn exemplars(&self, batch: Vec<Exemplar>) -> Vec<Exemplar> {
        if !self.redact && self.rules.is_empty() {
            return batch;
        }
        batch.into_iter().filter_map(|it| self.one_exemplar(it)).collect()
    }

    fn one_exemplar(&self, exemplar: Exemplar) -> Option<Exemplar> {
        let Exemplar { series, labels, mut point } = exemplar;
        let plan = self.planned(&series);
        if plan.dropped_by.is_some() {
            return None;
        }
        for rule in plan.rules.iter().filter_map(|it| self.rules.get(*it)) {
            point.value = rule.scaled(point.value);
            point.time = rule.righted(point.time);
        }
        Some(Exemplar { series: plan.labels, labels: self.safe_labels(&labels), point })
    }

    /// Native histograms after all rules: they go the way of the samples of their series. One whose numbers a rule scales
    /// is left out, because its buckets would not fit.
    pub fn histograms(&self, batch: Vec<HistogramSample>) -> Vec<HistogramSample> {
        if !self.redact && self.rules.is_empty() {
            return batch;
        }
        let one = |mut sample: HistogramSample| {
            let plan = self.planned(&sample.labels);
            let mut rules = plan.rules.iter().filter_map(|it| self.rules.get(*it));
            if plan.dropped_by.is_some() || rules.any(|it| it.scaled(1.0) != 1.0) {
                return None;
            }
            for rule in plan.rules.iter().filter_map(|it| self.rules.get(*it)) {
                sample.time = rule.righted(sample.time);
            }
            Some(HistogramSample { labels: plan.labels, ..sample })
        };
        batch.into_iter().filter_map(one).collect()
    }

    /// Lines after all rules.
    pub fn logs(&self, batch: Vec<LogRecord>) -> Vec<LogRecord> {
        // The lines of a stream follow each other, all with the same labels.
        let mut before = None;
        batch.into_iter().filter_map(|it| self.line(it)).map(|it| self.safe_line(it, &mut before)).collect()
    }

    /// Spans after all rules.
    pub fn spans(&self, batch: Vec<Span>) -> Vec<Span> {
        batch.into_iter().filter_map(|it| self.span(it)).map(|it| self.safe_span(it)).collect()
    }

    /// False if the series is dropped.
    fn carry_out(&self, plan: &SeriesPlan, series: &mut SeriesPoints) -> bool {
        for idx in &plan.rules {
            self.count_fitted(*idx, series.points.len());
        }
        if let Some(idx) = plan.dropped_by {
            self.count_dropped(idx, series.points.len());
            return false;
        }
        for rule in plan.rules.iter().filter_map(|it| self.rules.get(*it)) {
            for point in &mut series.points {
                point.value = rule.scaled(point.value);
                point.time = rule.righted(point.time);
            }
        }
        series.labels = plan.labels.clone();
        true
    }

    fn remember(&self, new: Vec<(SeriesId, Option<SeriesPlan>)>) {
        let mut known = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() + new.len() > REMEMBERED {
            known.clear();
        }
        known.extend(new.into_iter().take(REMEMBERED));
    }

    /// None if no rule fits and no label is a secret.
    fn plan(&self, labels: &Labels) -> Option<SeriesPlan> {
        let plan = self.planned(labels);
        (!plan.rules.is_empty() || plan.labels != *labels).then_some(plan)
    }

    fn planned(&self, labels: &Labels) -> SeriesPlan {
        let mut plan = SeriesPlan { labels: labels.clone(), rules: vec![], dropped_by: None };
        for (idx, rule) in self.rules.iter().enumerate() {
            if rule.config.contains.is_some() || !rule.fits(SignalKind::Samples, &plan.labels, "") {
                continue;
            }
            plan.rules.push(idx);
            if rule.config.drop {
                plan.dropped_by = Some(idx);
                return plan;
            }
            plan.labels = rule.relabeled(&plan.labels);
        }
        plan.labels = self.safe_labels(&plan.labels);
        plan
    }

    fn line(&self, mut record: LogRecord) -> Option<LogRecord> {
        for (idx, rule) in self.rules.iter().enumerate() {
            let has_text = rule.config.contains.as_ref().is_none_or(|it| record.line.contains(it.as_str()));
            if !has_text || !rule.fits(SignalKind::Logs, &record.labels, "") {
                continue;
            }
            let number = self.count_fitted(idx, 1);
            if rule.keeps_line(number) == Fate::Dropped {
                self.count_dropped(idx, 1);
                return None;
            }
            record.labels = rule.relabeled(&record.labels);
            record.time = rule.righted(record.time);
        }
        Some(record)
    }

    fn span(&self, mut span: Span) -> Option<Span> {
        for (idx, rule) in self.rules.iter().enumerate() {
            if rule.config.contains.is_some() || !rule.fits(SignalKind::Spans, &span.resource, &span.name) {
                continue;
            }
            self.count_fitted(idx, 1);
            if rule.keeps_trace(span.trace) == Fate::Dropped {
                self.count_dropped(idx, 1);
                return None;
            }
            span.resource = rule.relabeled(&span.resource);
        }
        Some(span)
    }

    /// `before`: labels of the line before and what they became.
    fn safe_line(&self, mut record: LogRecord, before: &mut Option<(Labels, Labels)>) -> LogRecord {
        if self.redact {
            if let Some(rest) = self.open_keys.without_key(&record) {
                self.count_secret(Secret::PrivateKey);
                record.line = rest;
            }
            if let std::borrow::Cow::Owned(line) = redacted(&record.line, &mut |it| self.count_secret(it)) {
                self.open_keys.note(&record);
                record.line = line;
            }
            if !record.metadata.is_empty() {
                record.metadata = self.safe_labels(&record.metadata);
            }
            match before.as_ref().filter(|it| it.0 == record.labels) {
                Some((_, safe)) => record.labels = safe.clone(),
                None => {
                    let safe = self.safe_labels(&record.labels);
                    *before = Some((std::mem::replace(&mut record.labels, safe.clone()), safe));
                }
            }
        }
        record
    }

    fn safe_span(&self, mut span: Span) -> Span {
        if self.redact {
            self.make_safe(&mut span.name);
            self.make_safe(&mut span.message);
            span.resource = self.safe_labels(&span.resource);
            span.attributes = self.safe_labels(&span.attributes);
            for event in &mut span.events {
                self.make_safe(&mut event.name);
                event.attributes = self.safe_labels(&event.attributes);
            }
        }
        span
    }

    fn make_safe(&self, text: &mut String) {
        if self.redact
            && let std::borrow::Cow::Owned(it) = redacted(text, &mut |it| self.count_secret(it))
        {
            *text = it;
        }
    }

    /// Labels without secrets: a value is also looked at with its name, as in `password=...`.
    fn safe_labels(&self, labels: &Labels) -> Labels {
        if !self.redact {
            return labels.clone();
        }
        let mut safe = labels.clone();
        let mut assigned = String::new();
        for (name, value) in labels.iter() {
            assigned.clear();
            assigned.extend([name, "=", value]);
            for (range, secret) in secrets(&assigned) {
                self.count_secret(secret);
                // A secret that is a part of the value takes the whole value with it: labels are short.
                if range.end > name.len() {
                    safe = safe.with(name, &format!("[redacted:{}]", secret.as_str()));
                }
            }
        }
        safe
    }

    /// Counts, and returns how many fitted before.
    fn count_fitted(&self, idx: usize, by: usize) -> u64 {
        self.counts.get(idx).map_or(0, |it| it.fitted.fetch_add(by as u64, Ordering::Relaxed))
    }

    fn count_dropped(&self, idx: usize, by: usize) {
        if let Some(it) = self.counts.get(idx) {
            it.dropped.fetch_add(by as u64, Ordering::Relaxed);
        }
    }

    fn count_secret(&self, secret: Secret) {
        if let Some(it) = self.secrets.get(secret as usize) {
            it.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Meter for Preprocessor {
    fn metrics(&self) -> Vec<Metric> {
        const FITTED: &str = "Samples, lines and spans that a rule of preprocessing fitted.";
        const DROPPED: &str = "Samples, lines and spans that a rule of preprocessing dropped.";
        const SECRETS: &str = "Secrets that were replaced before anything was stored.";
        let mut metrics = vec![];
        for (rule, counts) in self.rules.iter().zip(&self.counts) {
            let count = |name, help, value: &AtomicU64| {
                Metric::counter(name, help, value.load(Ordering::Relaxed)).label("rule", &rule.config.name)
            };
            metrics.push(count("sentinel_ingest_rule_fitted_total", FITTED, &counts.fitted));
            metrics.push(count("sentinel_ingest_rule_dropped_total", DROPPED, &counts.dropped));
        }
        for (secret, count) in Secret::ALL.iter().zip(&self.secrets) {
            let metric =
                Metric::counter("sentinel_ingest_secrets_redacted_total", SECRETS, count.load(Ordering::Relaxed));
            metrics.push(metric.label("kind", secret.as_str()));
        }
        metrics
    }
}

/// A sink behind the rules.
pub struct Preprocessed {
    inner: Arc<dyn Sink>,
    rules: Arc<Preprocessor>,
}

impl Preprocessed {
    /// Puts the rules before a sink.
    pub fn new(inner: Arc<dyn Sink>, rules: Arc<Preprocessor>) -> Self {
        Self { inner, rules }
    }
}

/// An answer without asking the sink, if the rules have left nothing.
fn nothing<'a>() -> BoxFuture<'a, Result<Accepted, Refused>> {
    Box::pin(async { Ok(Accepted::default()) })
}

impl Sink for Preprocessed {
    fn samples(&self, source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let kept = self.rules.samples(batch);
        if kept.is_empty() { nothing() } else { self.inner.samples(source, kept) }
    }

    fn past(&self, source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let kept = self.rules.samples(batch);
        if kept.is_empty() { nothing() } else { self.inner.past(source, kept) }
    }

    fn exemplars(&self, source: Source, batch: Vec<Exemplar>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let kept = self.rules.exemplars(batch);
        if kept.is_empty() { nothing() } else { self.inner.exemplars(source, kept) }
    }

    fn histograms(&self, source: Source, batch: Vec<HistogramSample>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let kept = self.rules.histograms(batch);
        if kept.is_empty() { nothing() } else { self.inner.histograms(source, kept) }
    }

    fn metadata(&self, mut batch: Vec<MetricMetadata>) {
        batch.iter_mut().for_each(|it| self.rules.make_safe(&mut it.help));
        self.inner.metadata(batch);
    }

    fn logs(&self, source: Source, batch: Vec<LogRecord>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let kept = self.rules.logs(batch);
        if kept.is_empty() { nothing() } else { self.inner.logs(source, kept) }
    }

    fn spans(&self, source: Source, batch: Vec<Span>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let kept = self.rules.spans(batch);
        if kept.is_empty() { nothing() } else { self.inner.spans(source, kept) }
    }

    fn changes(&self, mut batch: Vec<Change>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        for change in &mut batch {
            self.rules.make_safe(&mut change.title);
            self.rules.make_safe(&mut change.service);
            change.version.iter_mut().for_each(|it| self.rules.make_safe(it));
        }
        self.inner.changes(batch)
    }

    fn alerts(&self, mut batch: Vec<Alert>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        for alert in &mut batch {
            alert.labels = self.rules.safe_labels(&alert.labels);
            self.rules.make_safe(&mut alert.summary);
        }
        self.inner.alerts(batch)
    }

    /// The answer is about what was sent, so no rule drops it; secrets go.
    fn monitor(&self, mut batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<MonitorVerdict, Refused>> {
        batch.iter_mut().for_each(|it| it.labels = self.rules.safe_labels(&it.labels));
        self.inner.monitor(batch)
    }
}

#[cfg(test)]
mod tests {
    use signal::{SpanId, SpanKind, SpanStatus, Timestamp, TraceId};

    use super::*;

    fn preprocessor(json: &str) -> Preprocessor {
        Preprocessor::new(&serde_json::from_str(json).unwrap()).unwrap()
    }

    fn line(service: &str, text: &str) -> LogRecord {
        LogRecord::new(Timestamp::from_secs(1_700_000_000), Labels::new([("service", service)]), text)
    }

    fn count(preprocessor: &Preprocessor, name: &str, label: &str) -> f64 {
        let is_it = |it: &Metric| it.name == name && it.labels.iter().any(|(_, value)| value == label);
        preprocessor.metrics().iter().filter(|it| is_it(it)).map(|it| it.value).sum()
    }

    /// Guarantees: MUST 152 of docs/specs/ingest.md.
    #[test]
    fn noise_is_dropped_and_counted() {
        let it = preprocessor(
            r#"{"rules": [
                {"name": "health", "signals": ["logs"], "contains": "GET /healthz", "drop": true},
                {"name": "chatter", "match": {"service": "chat*"}, "signals": ["logs"], "keep_one_in": 10},
                {"name": "old", "match": {"__name__": "old_*"}, "drop": true}]}"#,
        );
        let mut lines = vec![line("pay", "GET /healthz 200"), line("pay", "paid")];
        lines.extend((0..30).map(|_| line("chat", "hello")));
        assert_eq!(it.logs(lines).len(), 4);
        let series = |name: &str| SeriesPoints::one(Labels::metric(name, &[]), Timestamp::from_secs(1), 1.0);
        assert_eq!(it.samples(vec![series("old_a"), series("new"), series("old_b")]).len(), 1);
        let dropped = |rule: &str| count(&it, "sentinel_ingest_rule_dropped_total", rule);
        assert_eq!((dropped("health"), dropped("chatter"), dropped("old")), (1.0, 27.0, 2.0));
    }

    /// Guarantees: MUST 152 of docs/specs/ingest.md.
    #[test]
    fn rules_see_what_the_ones_before_have_left() {
        let it = preprocessor(
            r#"{"rules": [
                {"name": "unit", "match": {"__name__": "room_fahrenheit"}, "scale": 0.5555555555555556,
                 "offset": -17.77777777777778, "set": {"__name__": "room_celsius"}},
                {"name": "team", "match": {"__name__": "room_celsius"}, "set": {"team": "facility"}}]}"#,
        );
        let kept = it.samples(vec![SeriesPoints::one(Labels::metric("room_fahrenheit", &[]), Timestamp::MIN, 212.0)]);
        assert_eq!(kept[0].labels.to_string(), r#"room_celsius{team="facility"}"#);
        assert!((kept[0].points[0].value - 100.0).abs() < 1e-9);
    }

    /// Guarantees: MUST 150 of docs/specs/ingest.md.
    #[test]
    fn no_secret_gets_through_in_any_signal() {
        let it = preprocessor("{}");
        let mut record = line("pay", "connect postgres://app:hunter22@db/x");
        record.metadata = Labels::new([("password", "hunter22"), ("http.url", "https://x/?api_key=hunter22&a=b")]);
        let span = Span {
            trace: TraceId([1; 16]),
            id: SpanId([1; 8]),
            parent: None,
            name: "GET /?password=hunter22".to_owned(),
            kind: SpanKind::Server,
            start_nanos: 1,
            duration_nanos: 1,
            status: SpanStatus::Error,
            message: "secret=hunter22".to_owned(),
            resource: Labels::new([("service", "pay"), ("db.password", "hunter22")]),
            attributes: Labels::new([("db.connection_string", "Server=x;Pwd=hunter22")]),
            events: vec![signal::SpanEvent {
                time_nanos: 1,
                name: "exception".to_owned(),
                attributes: Labels::new([("exception.message", "password=hunter22 is wrong")]),
            }],
            links: vec![],
        };
        let labels = Labels::metric("m", &[("url", "http://u:hunter22@h/")]);
        let kept = format!(
            "{:?} {:?} {:?}",
            it.logs(vec![record]),
            it.spans(vec![span]),
            it.samples(vec![SeriesPoints::one(labels, Timestamp::MIN, 1.0)])
        );
        assert!(!kept.contains("hunter22"), "{kept}");
        assert!(kept.contains("postgres://app:[redacted:address]@db/x"), "{kept}");
        assert!(count(&it, "sentinel_ingest_secrets_redacted_total", "value") >= 6.0);
        let open = preprocessor(r#"{"redact": false}"#);
        assert!(format!("{:?}", open.logs(vec![line("pay", "password=hunter22")])).contains("hunter22"));
    }
}
