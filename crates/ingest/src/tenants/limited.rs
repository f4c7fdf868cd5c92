//! How are the limits of tenants kept? A sink before the real one: it stands behind the rules of preprocessing, so that a
//! rule can take away the label that is too much.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::future::BoxFuture;
use signal::{Change, Exemplar, HistogramSample, Labels, LogRecord, SeriesPoints, Span};

use super::{ANONYMOUS, Population, Tenant, Tenants};
use crate::sink::OverLimit;
use crate::{Accepted, Alert, MetricMetadata, MonitorVerdict, Refused, Sink, Source};

/// A sink behind the limits of tenants.
pub struct Limited {
    inner: Arc<dyn Sink>,
    tenants: Arc<Tenants>,
}

impl Limited {
    /// Puts the limits before a sink.
    pub fn new(inner: Arc<dyn Sink>, tenants: Arc<Tenants>) -> Self {
        Self { inner, tenants }
    }
}

/// What a signal tells of whose it is.
trait Owned {
    /// Labels that have the tenant's.
    fn labels(&self) -> &Labels;
    /// Points, lines or spans.
    fn events(&self) -> u64;
    /// The population that its labels are one of; None if their number does not matter.
    fn population<'a>(&self, tenant: &'a Tenant) -> Option<(&'a Population, &'static str, usize)>;
}

impl Owned for SeriesPoints {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn events(&self) -> u64 {
        self.points.len() as u64
    }

    fn population<'a>(&self, tenant: &'a Tenant) -> Option<(&'a Population, &'static str, usize)> {
        Some((&tenant.series, "series", tenant.limits.max_series))
    }
}

impl Owned for LogRecord {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn events(&self) -> u64 {
        1
    }

    fn population<'a>(&self, tenant: &'a Tenant) -> Option<(&'a Population, &'static str, usize)> {
        Some((&tenant.streams, "streams", tenant.limits.max_streams))
    }
}

impl Owned for Span {
    fn labels(&self) -> &Labels {
        &self.resource
    }

    fn events(&self) -> u64 {
        1
    }

    fn population<'a>(&self, _tenant: &'a Tenant) -> Option<(&'a Population, &'static str, usize)> {
        None
    }
}

/// What of a batch is one tenant's.
struct Part {
    name: Box<str>,
    tenant: Arc<Tenant>,
    events: u64,
    /// Those of them that are left out.
    over: u64,
}

impl Tenants {
    /// Leaves out what is over a limit, and says what that was.
    ///
    /// # Errors
    /// The whole batch is refused if one of its tenants is too fast or one too many: nothing of it was counted.
    fn limit<T: Owned>(&self, batch: &mut Vec<T>) -> Result<Option<Box<OverLimit>>, Refused> {
        self.turn();
        let mut parts = self.parts_of(batch)?;
        for part in &parts {
            if let Err(secs) = part.tenant.rate().take(part.events, self.clock.now()) {
                part.tenant.throttled.fetch_add(1, Relaxed);
                return Err(too_fast(&part.tenant, secs));
            }
        }
        let mut over = None;
        batch.retain(|it| {
            let name = self.name_of(it.labels());
            let Some(part) = parts.iter_mut().find(|part| &*part.name == name) else { return true };
            let Some((population, kind, most)) = it.population(&part.tenant) else { return true };
            if population.admits(it.labels()) {
                return true;
            }
            population.refuse(it.events());
            part.over += it.events();
            let first = || Box::new(too_many(name, it.labels(), population, kind, most));
            over.get_or_insert_with(first).count += it.events();
            false
        });
        for part in &parts {
            part.tenant.events.fetch_add(part.events.saturating_sub(part.over), Relaxed);
        }
        Ok(over)
    }

    fn name_of<'a>(&self, labels: &'a Labels) -> &'a str {
        labels.get(&self.config.label).unwrap_or(ANONYMOUS)
    }

    /// The tenants of a batch, mostly one.
    fn parts_of<T: Owned>(&self, batch: &[T]) -> Result<Vec<Part>, Refused> {
        let mut parts: Vec<Part> = vec![];
        for it in batch {
            let name = self.name_of(it.labels());
            if let Some(part) = parts.iter_mut().find(|part| &*part.name == name) {
                part.events += it.events();
            } else {
                let tenant = self.get(name).ok_or_else(|| self.one_too_many(name))?;
                parts.push(Part { name: name.into(), tenant, events: it.events(), over: 0 });
            }
        }
        Ok(parts)
    }

    fn one_too_many(&self, name: &str) -> Refused {
        let shown = crate::limits::shortened(name, 40);
        let most = self.config.max_tenants;
        Refused::Invalid(format!("tenant {shown:?} is one too many: at most {most} are allowed (tenants.max_tenants)"))
    }
}

fn too_fast(tenant: &Tenant, retry_after_secs: u64) -> Refused {
    let most = tenant.limits.events_per_sec;
    let detail = format!("at most {most} points, lines and spans a second are allowed (tenants.limits.events_per_sec)");
    Refused::TooFast { retry_after_secs, detail }
}

/// Names the label that has most values, as it is mostly the one to take away.
fn too_many(tenant: &str, labels: &Labels, population: &Population, kind: &'static str, most: usize) -> OverLimit {
    let guilty = population.labels(2).into_iter().find(|it| it.name != "__name__");
    let guilty = guilty.map_or(String::new(), |it| {
        format!("; label {:?} has most values, about {}: a rule of preprocess can take it away", it.name, it.values)
    });
    let most_series = population.metrics(1).pop();
    let metric = most_series.map_or(String::new(), |it| format!("; {} has most, {}", it.name, it.series));
    let shown = labels.to_string();
    let shown = crate::limits::shortened(&shown, 200);
    let detail = format!(
        "tenant {tenant:?} has {} {kind}, at most {most} are allowed (tenants.limits.max_{kind}): {shown} is left \
         out{metric}{guilty}",
        population.count()
    );
    OverLimit { count: 0, detail }
}

/// Hands on what is left, and adds what was left out to the outcome.
async fn pass<T, F>(tenants: &Tenants, mut batch: Vec<T>, sink: impl FnOnce(Vec<T>) -> F) -> Result<Accepted, Refused>
where
    T: Owned,
    F: Future<Output = Result<Accepted, Refused>>,
{
    let over_limit = tenants.limit(&mut batch)?;
    let accepted = if batch.is_empty() { Accepted::default() } else { sink(batch).await? };
    Ok(Accepted { over_limit, ..accepted })
}

impl Sink for Limited {
    fn samples(&self, source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(pass(&self.tenants, batch, move |it| self.inner.samples(source, it)))
    }

    fn past(&self, source: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(pass(&self.tenants, batch, move |it| self.inner.past(source, it)))
    }

    /// They count as no events of the tenant; those of series that are over the limit are left out.
    fn exemplars(&self, source: Source, mut batch: Vec<Exemplar>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let offered = batch.len();
        batch.retain(|it| {
            let tenant = self.tenants.get(self.tenants.name_of(&it.series));
            tenant.is_some_and(|tenant| tenant.series.admits(&it.series))
        });
        let left_out = (offered - batch.len()) as u64;
        Box::pin(async move {
            let accepted = self.inner.exemplars(source, batch).await?;
            Ok(Accepted { dropped: accepted.dropped + left_out, ..accepted })
        })
    }

    /// They count as no events of the tenant, but their marks do; those of series that are over the limit are left out.
    fn histograms(&self, source: Source, mut batch: Vec<HistogramSample>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let offered = batch.len();
        batch.retain(|it| {
            let tenant = self.tenants.get(self.tenants.name_of(&it.labels));
            tenant.is_some_and(|tenant| tenant.series.admits(&it.labels))
        });
        let left_out = (offered - batch.len()) as u64;
        Box::pin(async move {
            let accepted = self.inner.histograms(source, batch).await?;
            Ok(Accepted { dropped: accepted.dropped + left_out, ..accepted })
        })
    }

    fn metadata(&self, batch: Vec<MetricMetadata>) {
        self.inner.metadata(batch);
    }

    fn logs(&self, source: Source, batch: Vec<LogRecord>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(pass(&self.tenants, batch, move |it| self.inner.logs(source, it)))
    }

    fn spans(&self, source: Source, batch: Vec<Span>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        Box::pin(pass(&self.tenants, batch, move |it| self.inner.spans(source, it)))
    }

    fn changes(&self, batch: Vec<Change>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        self.inner.changes(batch)
    }

    fn alerts(&self, batch: Vec<Alert>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        self.inner.alerts(batch)
    }

    /// A verdict is about all series of the observation, so one that is too much refuses the whole.
    fn monitor(&self, mut batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<MonitorVerdict, Refused>> {
        Box::pin(async move {
            match self.tenants.limit(&mut batch)? {
                Some(over) => Err(Refused::Invalid(over.detail)),
                None => self.inner.monitor(batch).await,
            }
        })
    }
}
