//! How fast are samples read from Kafka, stored and judged?
//!
//! A topic is filled first: remote-write requests, each with one point of each series of its partition, second after
//! second. Then a server starts that reads it, and the clock runs from the first samples until all have their verdict.
//! The brokers share the machine with it if they run there.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rdkafka::ClientConfig;
use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use serde::Serialize;
use signal::{Clock as _, Point, SystemClock};

use super::load::load;
use super::table;
use super::topic::{ANSWER, PARTITIONS, Topic, send};
use crate::cli::KafkaArgs;

/// How long nothing may happen before the measurement is given up.
const STALLED: Duration = Duration::from_secs(60);
/// How often the server is asked how far it is.
const LOOK: Duration = Duration::from_millis(10);
/// At most so many events.
const MOST_EVENTS: u64 = 1_000_000_000;

/// The figures, under the names that scripts rely on.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub events: f64,
    messages: f64,
    pub seconds: f64,
    pub events_per_second: f64,
    /// Samples that were read but neither judged nor learned from.
    pub unjudged_samples: f64,
    /// Messages whose offset was not committed after all of it.
    uncommitted_messages: f64,
    /// Processor time of the server while it read.
    pub server_cores: f64,
    rss_mb: f64,
    pub peak_rss_mb: f64,
}

/// `sentinel bench kafka`.
pub(super) async fn kafka(args: &KafkaArgs, is_json: bool) -> anyhow::Result<()> {
    ensure!((PARTITIONS..=1_000_000).contains(&args.series), "--series must be between {PARTITIONS} and 1000000");
    ensure!((1..=MOST_EVENTS).contains(&args.events), "--events must be between 1 and {MOST_EVENTS}");
    let figures = read(args, is_json).await?;
    if is_json {
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    table(
        &figures,
        &[
            ("events", ""),
            ("messages", ""),
            ("seconds", ""),
            ("events_per_second", "must 300,000, aim 1,000,000"),
            ("unjudged_samples", "must 0"),
            ("uncommitted_messages", "must 0"),
            ("server_cores", ""),
            ("rss_mb", ""),
            ("peak_rss_mb", ""),
        ],
    )
}

/// Fills a topic, and reads it with a server.
pub(super) async fn read(args: &KafkaArgs, is_json: bool) -> anyhow::Result<Figures> {
    let topic = Topic::create(&args.brokers).await?;
    let measured = measure(args, &topic, is_json).await;
    topic.delete().await?;
    measured
}

async fn measure(args: &KafkaArgs, topic: &Topic, is_json: bool) -> anyhow::Result<Figures> {
    if !is_json {
        eprintln!("filling the topic {} with {} events ...", topic.name, args.events);
    }
    let (args_of_fill, client, name) = (args.clone(), topic.client.clone(), topic.name.clone());
    let (events, messages) = tokio::task::spawn_blocking(move || fill(&args_of_fill, &client, &name)).await??;
    if !is_json {
        eprintln!("reading it ...");
    }
    let server = topic.server(&args.brokers).await?;
    let read = || server.metric("sentinel_ingest_signals_received_total", r#"source="kafka""#);
    wait_until(|| async { Ok((read().await?, read().await? > 0.0)) }).await.context("nothing was read")?;
    let (start, cpu) = (Instant::now(), server.cpu_seconds()?);
    let judged = || server.judged();
    wait_until(|| async {
        let judged = judged().await?;
        Ok((judged, judged >= events))
    })
    .await
    .context("not all samples were judged")?;
    let seconds = start.elapsed().as_secs_f64();
    let server_cores = (server.cpu_seconds()? - cpu) / seconds;
    // Its own report of the lag comes once a second.
    let lag = || server.metric("sentinel_ingest_kafka_lag_messages", "");
    let committed = wait_until(|| async {
        let lag = lag().await?;
        Ok((lag, lag == 0.0))
    });
    let uncommitted_messages = if committed.await.is_ok() { 0.0 } else { lag().await? };
    Ok(Figures {
        events,
        messages,
        seconds,
        events_per_second: events / seconds,
        unjudged_samples: read().await? - judged().await?,
        uncommitted_messages,
        server_cores,
        rss_mb: server.resident_bytes()? / 1e6,
        peak_rss_mb: server.process.peak_resident_bytes()? / 1e6,
    })
}

/// Asks until it is done; an error if the number that tells how far it is stands still for too long.
pub(super) async fn wait_until<F>(ask: impl Fn() -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<(f64, bool)>>,
{
    let (mut newest, mut moved) = (f64::NAN, Instant::now());
    loop {
        let (number, is_done) = ask().await?;
        if is_done {
            return Ok(());
        }
        if number != newest {
            (newest, moved) = (number, Instant::now());
        }
        ensure!(moved.elapsed() < STALLED, "it stands at {newest} for {} s", STALLED.as_secs());
        tokio::time::sleep(LOOK).await;
    }
}

/// Sends the samples; returns how many there are, and in how many messages.
fn fill(args: &KafkaArgs, client: &ClientConfig, topic: &str) -> anyhow::Result<(f64, f64)> {
    let mut client = client.clone();
    client.set("enable.idempotence", "true").set("linger.ms", "20").set("queue.buffering.max.kbytes", "65536");
    let producer: ThreadedProducer<DefaultProducerContext> = client.create().context("cannot make a producer")?;
    let mut series = load(args.series);
    let n_rounds = args.events.div_ceil(args.series as u64);
    let start = SystemClock.now().minus(Duration::from_secs(n_rounds));
    let mut random = fastrand::Rng::with_seed(1);
    let (mut events, mut messages) = (0.0, 0.0);
    for round in 0..n_rounds {
        let time = start.plus(Duration::from_secs(round));
        for (partition, own) in series.chunks_mut(args.series.div_ceil(PARTITIONS)).enumerate() {
            let points: Vec<Point> =
                own.iter_mut().map(|it| Point { time, value: it.value(time, &mut random) }).collect();
            let labels = own.iter().map(|it| &it.labels);
            let body = crate::write_request::encode(labels.zip(points.iter().copied()))?;
            send(&producer, topic, i32::try_from(partition)?, time, &body)?;
            events += points.len() as f64;
            messages += 1.0;
        }
    }
    producer.flush(ANSWER).context("the brokers did not take the samples")?;
    Ok((events, messages))
}
