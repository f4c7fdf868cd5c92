//! What was said, and what is said more or less often than before?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use signal::{Anomaly, LogHit, LogLevel, LogQuery, LogTemplate, Matcher, TemplateChange, TimeRange};

use super::knowledge::tenant;
use crate::app::App;
use crate::error::Error;
use crate::knowledge::LinesQuery;
use crate::parameters::{Ask, Page, duration, given, range, time};

/// A search without a range looks back this far.
const DEFAULT_SPAN: Duration = Duration::from_secs(3600);
/// Templates are compared over this much before and after.
const DEFAULT_WINDOW: Duration = Duration::from_secs(300);
/// Label names under which streams carry their service, as `Labels::service` reads them (a test holds them together).
const SERVICE_LABELS: [&str; 6] = ["service", "service_name", "app", "app_kubernetes_io_name", "deployment", "job"];

/// Which lines.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    /// Words that must all occur; a quoted part is a phrase.
    pub q: Option<String>,
    /// Words whose meaning is searched for instead; the likest lines come first.
    pub semantic: Option<String>,
    /// Only this service.
    pub service: Option<String>,
    /// At least this bad.
    pub level: Option<String>,
    /// First instant.
    pub from: Option<String>,
    /// Last instant.
    pub to: Option<String>,
    /// Lines at most.
    pub limit: Option<usize>,
}

/// `GET /sentinel/v1/logs`.
pub async fn search(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Ask(query): Ask<SearchQuery>,
) -> Result<Json<Page<LogHit>>, Error> {
    let tenant = tenant(&headers);
    let search = move |app: &App| match given(&query.semantic) {
        Some(words) => like(app, &query, words, tenant),
        None => find(app, &query),
    };
    app.ask(search).await.map(|it| Json(Page::whole(it)))
}

/// Lines by meaning, the likest first.
pub fn like(app: &App, query: &SearchQuery, words: &str, tenant: Option<String>) -> Result<Vec<LogHit>, Error> {
    if given(&query.q).is_some() {
        return Err(Error::Unusable("semantic: cannot be combined with q".to_owned()));
    }
    let wanted = LinesQuery {
        text: words.to_owned(),
        service: given(&query.service).map(str::to_owned),
        min_level: given(&query.level).map(level).transpose()?,
        range: range(&query.from, &query.to, app.now(), DEFAULT_SPAN)?,
        limit: app.limit(query.limit)?,
        tenant,
    };
    Ok(app.ports.knowledge.lines(&wanted)?)
}

/// Lines that match, newest first.
pub fn find(app: &App, query: &SearchQuery) -> Result<Vec<LogHit>, Error> {
    let limit = app.limit(query.limit)?;
    let wanted = LogQuery {
        text: given(&query.q).unwrap_or("").to_owned(),
        matchers: vec![],
        min_level: given(&query.level).map(level).transpose()?,
        range: range(&query.from, &query.to, app.now(), DEFAULT_SPAN)?,
        limit,
    };
    let Some(service) = given(&query.service) else { return Ok(app.ports.logs.search(&wanted)?) };
    // A service may stand under several label names, and all matchers of one query must hold.
    let mut found = BTreeMap::new();
    for name in SERVICE_LABELS {
        let matchers = vec![Matcher::Equal(name.to_owned(), service.to_owned())];
        let hits = app.ports.logs.search(&LogQuery { matchers, ..wanted.clone() })?;
        found.extend(hits.into_iter().filter(|it| it.record.labels.service() == Some(service)).map(|it| (it.id, it)));
    }
    let mut hits: Vec<LogHit> = found.into_values().collect();
    hits.sort_by_key(|it| std::cmp::Reverse((it.record.time, it.id)));
    hits.truncate(limit);
    Ok(hits)
}

fn level(text: &str) -> Result<LogLevel, Error> {
    LogLevel::parse(text)
        .ok_or_else(|| Error::Unusable(format!("level: {text:?} is not debug, info, warn, error or fatal")))
}

/// Which kinds of line, and which anomalies.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindsQuery {
    /// Only this service.
    pub service: Option<String>,
    /// At least this bad.
    pub level: Option<String>,
    /// First instant.
    pub from: Option<String>,
    /// Last instant.
    pub to: Option<String>,
    /// At most.
    pub limit: Option<usize>,
}

/// `GET /sentinel/v1/logs/templates`.
pub async fn list_kinds(
    State(app): State<Arc<App>>,
    Ask(query): Ask<KindsQuery>,
) -> Result<Json<Page<LogTemplate>>, Error> {
    app.ask(move |app| kinds(app, &query)).await.map(|it| Json(Page::whole(it)))
}

/// Kinds of line with lines in the range, the worst level first, then the highest rate.
pub fn kinds(app: &App, query: &KindsQuery) -> Result<Vec<LogTemplate>, Error> {
    let limit = app.limit(query.limit)?;
    let least = given(&query.level).map(level).transpose()?.unwrap_or(LogLevel::Debug);
    let range = range(&query.from, &query.to, app.now(), DEFAULT_SPAN)?;
    let mut found = app.ports.templates.templates(range, given(&query.service), limit);
    // They come in the order of their level, so that none is missing below the limit.
    found.retain(|it| it.level >= least);
    Ok(found)
}

/// `GET /sentinel/v1/logs/anomalies`.
pub async fn list_anomalies(
    State(app): State<Arc<App>>,
    Ask(query): Ask<KindsQuery>,
) -> Result<Json<Page<Anomaly>>, Error> {
    app.ask(move |app| anomalies(app, &query)).await.map(|it| Json(Page::whole(it)))
}

/// What was unusual about log lines in the range, newest first.
pub fn anomalies(app: &App, query: &KindsQuery) -> Result<Vec<Anomaly>, Error> {
    let limit = app.limit(query.limit)?;
    let least = given(&query.level).map(level).transpose()?.unwrap_or(LogLevel::Debug);
    let range = range(&query.from, &query.to, app.now(), DEFAULT_SPAN)?;
    let mut found = app.ports.templates.anomalies(range, given(&query.service), app.config.max_page_size);
    // A rule counts lines of all levels.
    found.retain(|it| it.labels.get("level").and_then(LogLevel::parse).is_none_or(|it| it >= least));
    found.truncate(limit);
    Ok(found)
}

/// Around which instant templates are compared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplatesQuery {
    at: Option<String>,
    window: Option<String>,
}

/// `GET /sentinel/v1/templates`: what is new, gone or surging after `at`.
pub async fn templates(
    State(app): State<Arc<App>>,
    Ask(query): Ask<TemplatesQuery>,
) -> Result<Json<Page<TemplateChange>>, Error> {
    app.ask(move |app| {
        let wrong = |it: &str| Error::Unusable(format!("window: {it:?} is not a duration such as 5m"));
        let window = given(&query.window).map_or(Ok(DEFAULT_WINDOW), |it| duration(it).ok_or_else(|| wrong(it)))?;
        let now = app.now();
        let at = given(&query.at).map_or(Ok(now.minus(window)), |it| time("at", it, now))?;
        let after = TimeRange::new(at, at.plus(window));
        Ok(Page::whole(app.ports.templates.changes(TimeRange::ending_at(at, window), after)))
    })
    .await
    .map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_label_is_one_that_labels_know() {
        for name in SERVICE_LABELS {
            assert_eq!(signal::Labels::new([(name, "pay")]).service(), Some("pay"), "{name}");
        }
    }
}
