//! How many events a second does a server take that is sent as many as it takes? Senders write one request after the
//! other; what is refused is sent again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tokio::task::JoinSet;

use super::protocol::{Payload, Protocol};
use crate::bench::process::Process;

/// Senders that write at once.
pub(super) const SENDERS: usize = 4;
/// How long a sender waits that was refused.
const PAUSE: Duration = Duration::from_millis(20);

/// What it was like for the senders and for the server.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Flooded {
    /// Events that were acknowledged.
    pub events: u64,
    pub seconds: f64,
    pub events_per_second: f64,
    /// Answers that asked to come again later.
    pub refused_requests: u64,
    pub cpu_seconds_per_million: f64,
    pub peak_rss_mb: f64,
}

/// Sends all payloads, or as many as there is time for.
pub(super) async fn flood(
    process: &Process,
    url: &str,
    protocol: Protocol,
    lanes: Vec<Vec<Payload>>,
    limit: Duration,
) -> anyhow::Result<Flooded> {
    let client = crate::http_client()?;
    let (started, cpu) = (Instant::now(), process.cpu_seconds()?);
    let mut senders = JoinSet::new();
    for lane in lanes {
        let url = format!("{url}{}", protocol.path());
        senders.spawn(send(client.clone(), url, protocol, lane, started + limit));
    }
    let mut flooded = Flooded::default();
    while let Some(sent) = senders.join_next().await {
        let (events, refused) = sent??;
        flooded.events += events;
        flooded.refused_requests += refused;
    }
    ensure!(flooded.events > 0, "nothing was acknowledged within {} s", limit.as_secs_f64());
    let cpu_seconds = process.cpu_seconds()? - cpu;
    flooded.seconds = started.elapsed().as_secs_f64();
    flooded.events_per_second = flooded.events as f64 / flooded.seconds;
    flooded.cpu_seconds_per_million = cpu_seconds * 1e6 / flooded.events as f64;
    flooded.peak_rss_mb = process.peak_resident_bytes()? / 1e6;
    Ok(flooded)
}

/// Returns how many events were acknowledged, and how many answers asked for patience.
async fn send(
    client: reqwest::Client,
    url: String,
    protocol: Protocol,
    lane: Vec<Payload>,
    until: Instant,
) -> anyhow::Result<(u64, u64)> {
    let (mut events, mut refused) = (0, 0);
    for payload in lane {
        loop {
            if Instant::now() >= until {
                return Ok((events, refused));
            }
            let mut request = client.post(&url);
            for (name, value) in protocol.headers() {
                request = request.header(*name, *value);
            }
            // The body is shared, not copied.
            let answer = request.body(payload.body.clone()).send().await;
            let answer = answer.with_context(|| format!("{url} did not answer"))?;
            let status = answer.status();
            let text = answer.text().await.unwrap_or_default();
            if status.is_success() {
                events += payload.events;
                break;
            }
            ensure!(matches!(status.as_u16(), 429 | 503), "{url} answered {status}: {text}");
            refused += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok((events, refused))
}
