//! What is this server? `status/...` as Prometheus tells it, `targets` and `alertmanagers`:
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#status>.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::reply::{Reply, respond};
use crate::app::App;

/// The Prometheus whose API and PromQL are spoken. Clients decide by it what they may ask for.
const SPEAKS: &str = "3.5.0";
/// Rows of each table of `status/tsdb` without `limit`.
const ROWS: usize = 10;

/// `GET /api/v1/status/buildinfo`. There are no `features`: by them Grafana would take this for a server whose rules can
/// be changed over HTTP.
pub async fn buildinfo(State(app): State<Arc<App>>, request: Request) -> Response {
    reply(app, request, |app| {
        json!({
            "version": SPEAKS,
            "revision": format!("sentinel-{}", app.ports.version),
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        })
    })
    .await
}

/// `GET /api/v1/status/runtimeinfo`.
pub async fn runtimeinfo(State(app): State<Arc<App>>, request: Request) -> Response {
    reply(app, request, |app| {
        json!({
            "startTime": app.started.to_string(),
            "CWD": "",
            "hostname": "",
            "serverTime": app.now().to_string(),
            "reloadConfigSuccess": true,
            "lastConfigTime": app.started.to_string(),
            "corruptionCount": 0,
            "goroutineCount": 0,
            "GOMAXPROCS": std::thread::available_parallelism().map_or(1, usize::from),
            "GOMEMLIMIT": 0,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": app.ports.retention,
        })
    })
    .await
}

/// `GET /api/v1/status/flags`: the limits that clients may want to know, under the names that Prometheus has for them.
pub async fn flags(State(app): State<Arc<App>>, request: Request) -> Response {
    reply(app, request, |app| {
        let config = app.ports.queries.config();
        json!({
            "query.lookback-delta": format!("{}s", config.lookback_secs),
            "query.max-concurrency": config.max_concurrent.to_string(),
            "query.max-samples": config.max_samples.to_string(),
            "query.timeout": format!("{}s", config.timeout_secs),
            "storage.tsdb.retention.time": app.ports.retention,
            "web.enable-admin-api": "false",
            "web.enable-lifecycle": "false",
            "web.enable-remote-write-receiver": "true",
        })
    })
    .await
}

/// `GET /api/v1/status/tsdb`: which metrics and labels have the most series.
pub async fn tsdb(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |app, form| {
        let limit = form.limit("limit")?;
        let limit = if limit == usize::MAX { ROWS } else { limit };
        let all = app.ports.history.select(&[], None)?;
        let mut metrics: BTreeMap<&str, usize> = BTreeMap::new();
        let mut pairs: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (name, value) in all.iter().flat_map(|it| it.iter()) {
            *pairs.entry((name, value)).or_default() += 1;
        }
        all.iter().for_each(|it| *metrics.entry(it.name()).or_default() += 1);
        let mut labels: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (name, value) in pairs.keys() {
            let label = labels.entry(name).or_default();
            *label = (label.0 + 1, label.1 + value.len());
        }
        let highest = |rows: Vec<(String, usize)>| {
            let mut rows = rows;
            rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            rows.truncate(limit);
            rows.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>()
        };
        let data = json!({
            "headStats": {
                "numSeries": all.len(),
                "numLabelPairs": pairs.len(),
                "chunkCount": 0,
                "minTime": 0,
                "maxTime": app.now().millis(),
            },
            "seriesCountByMetricName": highest(metrics.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()),
            "labelValueCountByLabelName": highest(labels.iter().map(|(name, it)| ((*name).to_owned(), it.0)).collect()),
            "memoryInBytesByLabelName": highest(labels.iter().map(|(name, it)| ((*name).to_owned(), it.1)).collect()),
            "seriesCountByLabelValuePair":
                highest(pairs.iter().map(|((name, value), n)| (format!("{name}={value}"), *n)).collect()),
        });
        Ok(Reply::of(data.to_string()))
    })
    .await
}

/// `GET /api/v1/targets`: what is scraped, by its series `up`.
pub async fn targets(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |app, form| {
        let is_wanted = form.get("state").is_none_or(|it| matches!(it, "active" | "any"));
        let active: Vec<Value> =
            if is_wanted { app.ports.targets.iter().map(|it| it.told(app)).collect() } else { vec![] };
        let data = json!({ "activeTargets": active, "droppedTargets": [], "droppedTargetCounts": {} });
        Ok(Reply::of(data.to_string()))
    })
    .await
}

async fn reply(app: Arc<App>, request: Request, tell: impl FnOnce(&App) -> Value + Send + 'static) -> Response {
    respond(app, request, |app, _| Ok(Reply::of(tell(app).to_string()))).await
}
