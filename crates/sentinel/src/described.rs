//! Is every route in the API's description, and every description a route? Both are asked of the router that is served.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::Value;
use signal::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::config::Config;
use crate::roles::scaling;
use crate::simulated::Simulation;

/// Paths of the description itself begin so.
const OF_DESCRIPTION: [&str; 2] = ["/docs", "/openapi.json"];
/// Methods that are there to be refused in words.
const REFUSED: [(&str, &str); 1] = [("get", "/mcp")];
/// Takes any method; what is sent with one of them is described.
const PROXY: &str = "/proxy/{name}/{*rest}";

/// Path and method of every operation.
type Operations = BTreeSet<(String, String)>;

/// What the router knows: axum tells it to who debugs.
fn served(router: &str) -> Operations {
    let known = router.split("fallback_router:").next().unwrap();
    let mut methods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let pieces: Vec<(&str, &str)> = known.split("RouteId(").filter_map(|it| it.split_once("): ")).collect();
    for (number, rest) in &pieces {
        if rest.starts_with("MethodRouter(") {
            let is_there = |it: &&str| !rest.contains(&format!(" {it}: None"));
            methods.insert(number, ["get", "post"].into_iter().filter(is_there).collect());
        }
    }
    for (number, rest) in &pieces {
        if let Some(path) = rest.strip_prefix('"').and_then(|it| it.split('"').next()) {
            found.extend(methods.get(number).into_iter().flatten().map(|it| (path.to_owned(), (*it).to_owned())));
        }
    }
    found
}

fn described(document: &Value) -> Operations {
    let paths = document["paths"].as_object().unwrap();
    let methods = |it: &Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let all = paths.iter().flat_map(|(path, it)| methods(it).into_iter().map(move |method| (path.clone(), method)));
    all.filter(|it| ["get", "post"].contains(&it.1.as_str())).collect()
}

/// Guarantees: MUST 877 of docs/specs/query-api.md.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_and_every_description_is_a_route() {
    let simulation = Simulation::start(Config::default(), Timestamp::from_secs(1_700_000_000)).unwrap();
    let (_stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let reload = simulation.system.rules.run(&stopped, &mut tasks);
    let routes = reload.routes().merge(scaling(Default::default));
    let address = "127.0.0.1:8080".parse().unwrap();
    let router = simulation.system.router_with(address, routes, &[], None).unwrap();
    let mut served = served(&format!("{router:?}"));
    assert!(served.len() > 150, "{}", served.len());
    served.retain(|(path, method)| {
        let is_page = serve::page_paths().contains(&path.as_str()) && method == "get";
        let is_refused = REFUSED.contains(&(method.as_str(), path.as_str()));
        let is_of_description = OF_DESCRIPTION.iter().any(|it| path.starts_with(it));
        !is_page && !is_refused && !is_of_description && path != PROXY
    });
    let request = Request::get("/openapi.json").header("host", "localhost").body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let mut described = described(&serde_json::from_slice(&bytes).unwrap());
    described.retain(|it| it.0 != PROXY.replace('*', ""));
    let missing: Vec<_> = served.difference(&described).collect();
    let unknown: Vec<_> = described.difference(&served).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "not in openapi.json: {missing:?}; no route: {unknown:?}");
    tasks.shutdown().await;
}
