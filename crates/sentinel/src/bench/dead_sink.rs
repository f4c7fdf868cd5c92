//! What does a dead sink cost the log of predictions, and does what was acknowledged survive `kill -9`?
//!
//! A server of its own gets predictions at a rate while its only CSV sink cannot be opened: the log has to keep all of them
//! on disk. The server is killed while predictions still come, started again on the same files with a sink that works, and
//! then every prediction that was acknowledged must be in the CSV file.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;

use super::folder::bytes_in;
use super::server::Server;

/// Predictions of a request.
const BATCH: u64 = 1000;
/// How long the sink may take to get everything.
const CATCH_UP: Duration = Duration::from_secs(300);
const SENT: &str = "sentinel_predict_logger_events_sent_total";
const DROPPED: &str = "sentinel_predict_logger_events_dropped_total";

/// The figures.
#[derive(Debug, Default, Serialize)]
struct Figures {
    events_per_second: f64,
    acknowledged: u64,
    refused: u64,
    dropped_while_dead: f64,
    waiting_for_the_sink: f64,
    most_resident_mb: f64,
    processor_seconds: f64,
    log_mb: f64,
    seconds_until_ready_after_the_kill: f64,
    lost: u64,
    twice: u64,
    unacknowledged_but_kept: u64,
}

/// Runs it.
///
/// # Errors
/// If the server cannot be started or measured.
pub async fn dead_sink(rate: f64, seconds: f64, as_json: bool) -> anyhow::Result<()> {
    let folder = super::folder::Folder::new()?;
    let csv = folder.path().join("rows.csv");
    // A folder where the file should be: nothing can be written there, whoever asks.
    std::fs::create_dir(&csv)?;
    let sinks = json!([{"path": csv, "max_bytes": 1_u64 << 40}]).to_string();
    let settings = [("SENTINEL_PREDICT__LOG__CSV", sinks.as_str()), ("SENTINEL_HOST__ENABLED", "false")];
    let server = Server::start(&settings).await?;
    let mut figures = Figures::default();
    let acknowledged = load(&server, rate, seconds, &mut figures).await?;
    // Sending has not ended, so the kill falls into the middle of requests.
    let data = server.stop();
    let acknowledged = acknowledged.end().await?;
    figures.acknowledged = acknowledged.iter().filter(|it| it.is_acknowledged).map(|_| BATCH).sum();
    std::fs::remove_dir(&csv)?;
    let again = Server::start_on(data, &settings).await?;
    figures.seconds_until_ready_after_the_kill = again.start_ms / 1000.0;
    wait_for_the_sink(&again).await?;
    compare(&csv, &acknowledged, &mut figures)?;
    print(&figures, as_json)
}

/// A request that was sent.
struct Sent {
    number: u64,
    is_acknowledged: bool,
}

/// Senders that go on until the server is gone.
struct Load {
    senders: JoinSet<Vec<Sent>>,
}

impl Load {
    async fn end(mut self) -> anyhow::Result<Vec<Sent>> {
        let mut all = vec![];
        while let Some(sent) = self.senders.join_next().await {
            all.extend(sent?);
        }
        Ok(all)
    }
}

/// Sends for a while and measures; the senders go on.
async fn load(server: &Server, rate: f64, seconds: f64, figures: &mut Figures) -> anyhow::Result<Load> {
    const SENDERS: u64 = 4;
    let counted = Arc::new(AtomicU64::new(0));
    let refused = Arc::new(AtomicU64::new(0));
    let url: Arc<str> = format!("{}/sentinel/v1/inferences", server.url).into();
    let every = Duration::from_secs_f64(BATCH as f64 / rate);
    let started = Instant::now() + Duration::from_millis(50);
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (client, url) = (server.client.clone(), Arc::clone(&url));
        let (counted, refused) = (Arc::clone(&counted), Arc::clone(&refused));
        senders.spawn(async move {
            let mut sent = vec![];
            for number in (sender..).step_by(SENDERS as usize) {
                tokio::time::sleep_until((started + every.mul_f64(number as f64)).into()).await;
                let request = client.post(&*url).header("content-type", "application/json");
                let answer = request.body(body(number)).send().await;
                let is_acknowledged = answer.as_ref().is_ok_and(|it| it.status().is_success());
                sent.push(Sent { number, is_acknowledged });
                match answer {
                    Ok(_) if is_acknowledged => counted.fetch_add(BATCH, Ordering::Relaxed),
                    Ok(_) => refused.fetch_add(BATCH, Ordering::Relaxed),
                    // It was killed.
                    Err(_) => break,
                };
            }
            sent
        });
    }
    tokio::time::sleep_until((started + Duration::from_secs_f64(seconds)).into()).await;
    figures.events_per_second = counted.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    figures.refused = refused.load(Ordering::Relaxed);
    figures.dropped_while_dead = server.metric(DROPPED, "").await?;
    figures.waiting_for_the_sink = server.metric("sentinel_predict_logger_work_queue_depth", "csv:").await?;
    figures.most_resident_mb = server.process.peak_resident_bytes()? / 1e6;
    figures.processor_seconds = server.cpu_seconds()?;
    figures.log_mb = bytes_in(&server.data().join("predictions"), &|_| true)? as f64 / 1e6;
    Ok(Load { senders })
}

/// A request of predictions with 20 fields, each with an id of its own.
fn body(number: u64) -> String {
    let mut text = String::from("[");
    for row in 0..BATCH {
        let comma = if row == 0 { "" } else { "," };
        let id = number * BATCH + row;
        // Writing to a text does not fail.
        let _ = write!(
            text,
            r#"{comma}{{"id":"e{id}","model":"bench","version":"1","prediction":1,"probability":0.75,"features":{{"#
        );
        for field in 0..20 {
            let comma = if field == 0 { "" } else { "," };
            let _ = match field % 2 {
                0 => write!(text, r#"{comma}"field_{field}":{}"#, (id * 7 + field) % 1000),
                _ => write!(text, r#"{comma}"field_{field}":"value {}""#, (id + field) % 10),
            };
        }
        text.push_str("}}");
    }
    text.push(']');
    text
}

async fn wait_for_the_sink(server: &Server) -> anyhow::Result<()> {
    let started = Instant::now();
    while server.metric("sentinel_predict_logger_work_queue_depth", "csv:").await? > 0.0 {
        ensure!(started.elapsed() < CATCH_UP, "the sink did not get everything within {} s", CATCH_UP.as_secs());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let sent = server.metric(SENT, "csv:").await?;
    ensure!(sent > 0.0, "the sink got nothing");
    Ok(())
}

/// Looks for every id in the file.
fn compare(csv: &Path, sent: &[Sent], figures: &mut Figures) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(csv).with_context(|| format!("cannot read {}", csv.display()))?;
    let mut lines = text.lines();
    let place = lines.next().and_then(|it| it.split(',').position(|it| it == "id")).context("the file has no ids")?;
    let mut found: HashMap<u64, u32> = HashMap::new();
    for id in lines.filter_map(|it| it.split(',').nth(place)?.strip_prefix('e')?.parse().ok()) {
        *found.entry(id).or_default() += 1;
    }
    figures.twice = found.values().filter(|it| **it > 1).count() as u64;
    for request in sent {
        let ids = request.number * BATCH..(request.number + 1) * BATCH;
        let kept = ids.filter(|it| found.contains_key(it)).count() as u64;
        if request.is_acknowledged {
            figures.lost += BATCH - kept;
        } else {
            figures.unacknowledged_but_kept += kept;
        }
    }
    Ok(())
}

fn print(figures: &Figures, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        println!("{}", serde_json::to_string_pretty(figures)?);
        return Ok(());
    }
    let it = figures;
    println!("{:.0} predictions a second acknowledged while the sink was dead", it.events_per_second);
    println!(
        "{} refused with 503, {} dropped, {} wait for the sink",
        it.refused, it.dropped_while_dead, it.waiting_for_the_sink
    );
    println!(
        "at most {:.0} MB resident, {:.0} MB on disk, {:.1} processor seconds",
        it.most_resident_mb, it.log_mb, it.processor_seconds
    );
    println!("kill -9 while they came; ready again after {:.2} s", it.seconds_until_ready_after_the_kill);
    println!("of {} acknowledged {} lost, {} twice in the file", it.acknowledged, it.lost, it.twice);
    println!("{} kept of requests that had no answer", it.unacknowledged_but_kept);
    Ok(())
}
