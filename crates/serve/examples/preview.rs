//! How do the pages look? The web server over a made-up shop, on a free port of this machine.
//!
//! `cargo run -p serve --example preview` prints the address; `-- empty` shows a server to which nothing was sent.

#[path = "../tests/over_http/fakes/mod.rs"]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "made-up data, shared with the tests")]
mod fakes;

use std::sync::Arc;
use std::time::Duration;

use fakes::World;
use serve::{Config, Live, router};
use signal::{Event, IncidentBook, IncidentId, PlanDesk, PlanId, SystemClock};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let is_empty = std::env::args().any(|it| it == "empty");
    let clock = Arc::new(SystemClock);
    let world = if is_empty { World::empty(clock) } else { World::busy(clock) };
    let live = Live::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let app = router(world.ports(), live.clone(), &Config::default(), axum::Router::new());
    if !is_empty {
        tokio::spawn(tell(world, live));
    }
    axum::serve(listener, app).await
}

/// Something happens every two seconds, as on a busy day.
async fn tell(world: Arc<World>, live: Live) {
    let mut ticks = tokio::time::interval(Duration::from_secs(2));
    for idx in 0.. {
        ticks.tick().await;
        live.send(Event::Anomaly(Box::new(world.anomaly(idx * 7))));
        if let (Ok(incident), Ok(plan)) = (world.incident(IncidentId(2)), world.plan(PlanId(1))) {
            live.send(Event::Incident(Box::new(incident)));
            live.send(Event::Plan(Box::new(plan)));
        }
    }
}
