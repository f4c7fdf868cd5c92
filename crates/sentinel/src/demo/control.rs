//! How do remedies reach the shop? Over HTTP, as they would reach a real one.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use testkit::shop::{Remedy, Shop};

type SharedShop = Arc<Mutex<Shop>>;

/// Starts the control interface on a free port of the loopback address; its base URL.
pub async fn start(shop: SharedShop) -> anyhow::Result<String> {
    let listener = crate::run::listen(([127, 0, 0, 1], 0).into()).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new().route("/control/{action}/{target}", post(apply)).with_state(shop);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "The shop's control interface failed.");
        }
    });
    Ok(url)
}

async fn apply(State(shop): State<SharedShop>, Path((action, target)): Path<(String, String)>) -> (StatusCode, String) {
    let remedy = match action.as_str() {
        "restart" => Remedy::Restart { service: target },
        "rollback" => Remedy::Rollback { service: target },
        "clean-disk" => Remedy::CleanDisk { host: target },
        "failover" => Remedy::Failover { service: target },
        _ => return (StatusCode::NOT_FOUND, format!("no action {action:?}\n")),
    };
    let has_helped = shop.lock().unwrap_or_else(PoisonError::into_inner).remedy(&remedy);
    (StatusCode::OK, format!("{{\"done\":true,\"ended_a_fault\":{has_helped}}}\n"))
}
