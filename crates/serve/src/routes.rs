//! Which path is answered by whom? The whole table, and the layers every request passes.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::prometheus;
use crate::app::App;
use crate::error::Error;
use crate::sources::Looks;
use crate::{Config, Live, Ports, api, assets, exposition, guard, live, rescue, swagger, traffic, ui};

/// A route: method, path, handler.
type Route = (&'static str, &'static str, MethodRouter<Arc<App>>);

/// The whole web server. `others` are routes of other stages on the same listener, such as the protocols of `ingest`;
/// every request passes the same guards, and both may hold other methods of the same path.
pub fn router(ports: Arc<Ports>, live: Live, config: &Config, others: Router) -> Router {
    let traffic = traffic::Traffic::default();
    let started = ports.clock.now();
    let app = Arc::new(App { started, ports, live, config: config.clone(), traffic, looks: Looks::default() });
    let mut router = Router::new();
    for (_, path, handler) in programs().into_iter().chain(pages()) {
        router = router.route(path, handler);
    }
    // The last layer is the first to see a request.
    router
        .merge(swagger::router(api::openapi(app.ports.version)))
        .fallback(rescue::no_such_path)
        .with_state(app.clone())
        .merge(others)
        .layer(CatchPanicLayer::custom(|_| Error::Crashed.into_response()))
        .layer(from_fn_with_state(app.clone(), prometheus::cors::allow))
        .layer(from_fn_with_state(app.clone(), guard::protect))
        .layer(from_fn_with_state(app.clone(), rescue::shape))
        .layer(from_fn_with_state(app, traffic::count))
}

/// What programs ask; every row stands in `openapi.json`.
// Long because it is a table with a row for each path.
fn programs() -> Vec<Route> {
    let mut routes = of_prometheus();
    routes.extend([
        ("get", "/", get(ui::root)),
        ("get", "/healthz", get(api::health::alive)),
        ("get", "/health", get(api::health::alive)),
        ("get", "/-/healthy", get(api::health::alive)),
        ("get", "/readyz", get(api::health::ready)),
        ("get", "/-/ready", get(api::health::ready)),
        ("get", "/metrics", get(exposition::metrics)),
        ("post", "/detect", post(api::detect::judge)),
        ("get", "/api/v1/query_exemplars", get(api::exemplars::query).post(api::exemplars::query)),
        ("get", "/sentinel/v1/incidents", get(api::incidents::list)),
        ("get", "/sentinel/v1/incidents/{id}", get(api::incidents::one)),
        ("post", "/sentinel/v1/incidents/{id}/acknowledge", post(api::incidents::acknowledge)),
        ("post", "/sentinel/v1/incidents/{id}/feedback", post(api::feedback::give)),
        ("get", "/sentinel/v1/feedback", get(api::feedback::list)),
        ("post", "/sentinel/v1/feedback/{lesson}/undo", post(api::feedback::undo)),
        ("get", "/sentinel/v1/incidents/{id}/report", get(api::incidents::report)),
        ("get", "/sentinel/v1/anomalies", get(api::series::anomalies)),
        ("get", "/sentinel/v1/series", get(api::series::list)),
        ("get", "/sentinel/v1/series/{id}/points", get(api::series::points)),
        ("get", "/sentinel/v1/budgets", get(api::budgets::list)),
        ("get", "/sentinel/v1/intake", get(api::intake::status)),
        ("get", "/sentinel/v1/agent", get(api::agent::status)),
        ("get", "/sentinel/v1/groups", get(api::groups::list)),
        ("post", "/sentinel/v1/backtest", post(api::backtest::run)),
        ("get", "/sentinel/v1/logs", get(api::logs::search)),
        ("get", "/sentinel/v1/knowledge", get(api::knowledge::search)),
        ("get", "/sentinel/v1/knowledge/runbooks", get(api::knowledge::runbooks)),
        ("get", "/sentinel/v1/ask", get(api::ask::get).post(api::ask::post)),
        ("get", "/sentinel/v1/logs/anomalies", get(api::logs::list_anomalies)),
        ("get", "/sentinel/v1/logs/templates", get(api::logs::list_kinds)),
        ("get", "/sentinel/v1/templates", get(api::logs::templates)),
        ("get", "/sentinel/v1/topology", get(api::surroundings::topology)),
        ("get", "/sentinel/v1/topology/edges", get(api::traces::list_edges)),
        ("get", "/sentinel/v1/traces", get(api::traces::list)),
        ("get", "/sentinel/v1/traces/{id}", get(api::traces::one)),
        ("get", "/sentinel/v1/changes", get(api::surroundings::changes)),
        ("get", "/sentinel/v1/plans", get(api::plans::list)),
        ("get", "/sentinel/v1/plans/{id}", get(api::plans::one)),
        ("post", "/sentinel/v1/plans/{id}/approve", post(api::plans::approve)),
        ("post", "/sentinel/v1/plans/{id}/reject", post(api::plans::reject)),
        ("get", "/sentinel/v1/audit", get(api::audit::list)),
        ("get", "/sentinel/v1/audit/verify", get(api::audit::verify)),
        ("get", "/sentinel/v1/watches", get(api::forecasts::watches)),
        ("get", "/sentinel/v1/models", get(api::forecasts::models)),
        ("get", "/sentinel/v1/models/{id}/chart", get(api::forecasts::chart)),
        ("post", "/manage/retrain/{model}", post(api::forecasts::retrain)),
        ("post", "/manage/rollback/{model}", post(api::forecasts::rollback)),
        ("post", "/manage/promote/{model}", post(api::forecasts::promote)),
        ("get", "/sentinel/v1/drift", get(api::drift::list)),
        ("get", "/sentinel/v1/drift/{model}", get(api::drift::one)),
        ("post", "/sentinel/v1/drift/{model}/run", post(api::drift::run_now)),
        ("get", "/sentinel/v1/drift/{model}/{run}", get(api::drift::run)),
        ("post", "/sentinel/v1/served/{model}/promote", post(api::served::promote)),
        ("get", "/sentinel/v1/events", get(live::events)),
    ]);
    routes
}

/// What clients of Prometheus ask.
fn of_prometheus() -> Vec<Route> {
    vec![
        ("get", "/api/v1/query", get(prometheus::query::instant).post(prometheus::query::instant)),
        ("get", "/api/v1/query_range", get(prometheus::query::range).post(prometheus::query::range)),
        ("get", "/api/v1/format_query", get(prometheus::format::format).post(prometheus::format::format)),
        ("get", "/api/v1/series", get(prometheus::series::series).post(prometheus::series::series)),
        ("get", "/api/v1/labels", get(prometheus::series::names).post(prometheus::series::names)),
        ("get", "/api/v1/label/{name}/values", get(prometheus::series::values)),
        ("get", "/api/v1/metadata", get(prometheus::metadata::list)),
        ("get", "/api/v1/targets", get(prometheus::status::targets)),
        ("get", "/api/v1/rules", get(prometheus::rules::list)),
        ("get", "/api/v1/alerts", get(prometheus::rules::alerts)),
        ("get", "/api/v1/alertmanagers", get(prometheus::rules::alertmanagers)),
        ("get", "/api/v1/status/buildinfo", get(prometheus::status::buildinfo)),
        ("get", "/api/v1/status/runtimeinfo", get(prometheus::status::runtimeinfo)),
        ("get", "/api/v1/status/flags", get(prometheus::status::flags)),
        ("get", "/api/v1/status/tsdb", get(prometheus::status::tsdb)),
        ("post", "/api/v1/read", post(prometheus::read::read)),
        ("get", "/federate", get(prometheus::federate::federate)),
    ]
}

/// What people open.
fn pages() -> Vec<Route> {
    vec![
        ("get", "/incidents", get(ui::incidents::page)),
        ("get", "/incidents/{id}", get(ui::incident::page)),
        ("get", "/series", get(ui::series::page)),
        ("get", "/series/{id}", get(ui::series::one)),
        ("get", "/explore", get(ui::explore::page)),
        ("get", "/groups", get(ui::groups::page)),
        ("get", "/forecasts", get(ui::forecasts::page)),
        ("get", "/forecasts/{id}", get(ui::forecasts::one)),
        ("get", "/model-watch", get(ui::models::page)),
        ("get", "/model-watch/{model}", get(ui::models::one)),
        ("get", "/model-watch/{model}/compare", get(ui::models::compare)),
        ("get", "/backtest", get(ui::backtest::page)),
        ("get", "/logs", get(ui::logs::page)),
        ("get", "/traces", get(ui::traces::page)),
        ("get", "/traces/{id}", get(ui::traces::one)),
        ("get", "/ask", get(ui::ask::page)),
        ("get", "/knowledge", get(ui::knowledge::page)),
        ("get", "/agent", get(ui::agent::page)),
        ("get", "/intake", get(ui::intake::page)),
        ("get", "/feedback", get(ui::feedback::page)),
        ("get", "/audit", get(ui::audit::page)),
        ("get", "/assets/{file}", get(assets::file)),
        ("get", "/favicon.ico", get(assets::favicon)),
    ]
}

/// Paths of what people open, which the description leaves out.
pub fn page_paths() -> Vec<&'static str> {
    pages().into_iter().map(|it| it.1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_programs_is_documented() {
        let document = api::openapi("1.2.3");
        assert_eq!(document["info"]["version"], "1.2.3");
        for (method, path, _) in programs() {
            let operation = &document["paths"][path][method];
            assert!(operation["summary"].is_string(), "{method} {path} is missing in openapi.json");
            let answers = operation["responses"].as_object().expect("responses");
            assert!(answers.values().all(|it| it["description"].is_string() || it["$ref"].is_string()), "{path}");
            let named: Vec<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
            let shared = document["paths"][path]["parameters"].as_array();
            let listed = operation["parameters"].as_array().into_iter().chain(shared).flatten();
            let listed: Vec<&str> =
                listed.filter(|it| it["in"] == "path").filter_map(|it| it["name"].as_str()).collect();
            assert_eq!(named, listed, "{path}");
        }
    }

    #[test]
    fn ingest_is_documented_with_the_first_example() {
        let document = api::openapi("1");
        for path in ["/monitor", "/loki/api/v1/push", "/api/v1/write", "/sentinel/v1/changes"] {
            assert!(document["paths"][path]["post"]["summary"].is_string(), "{path}");
        }
        let example = &document["paths"]["/monitor"]["post"]["requestBody"]["content"]["application/json"]["examples"];
        let wanted = serde_json::json!({"timestamp": "10:00", "service_name": "PaymentGateway", "cpu_usage": 900});
        assert_eq!(example["spike"]["value"], wanted);
    }

    #[test]
    fn references_of_the_document_resolve() {
        fn visit<'a>(value: &'a serde_json::Value, found: &mut Vec<&'a str>) {
            match value {
                serde_json::Value::Object(map) => map.iter().for_each(|(key, it)| match it.as_str() {
                    Some(target) if key == "$ref" => found.push(target),
                    _ => visit(it, found),
                }),
                serde_json::Value::Array(items) => items.iter().for_each(|it| visit(it, found)),
                _ => {}
            }
        }
        let document = api::openapi("1");
        let mut references = vec![];
        visit(&document, &mut references);
        assert!(references.len() > 20);
        for it in references {
            assert!(document.pointer(it.trim_start_matches('#')).is_some(), "{it}");
        }
    }
}
