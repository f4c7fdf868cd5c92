//! How long do samples wait for their verdict while a steady stream of them comes in? Senders do not wait for answers
//! before they are due again: what is late counts as late.
//!
//! Over OpenTelemetry a sample waits from the moment it was due until its request is answered, which is when it is on disk
//! and judged. Over Kafka nobody answers: there the server itself counts the age of each message when its samples are on
//! disk and judged, from the time that the producer wrote into it, which is when it was due. Those ages are told in
//! buckets, and a quantile is the upper bound of its bucket.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use serde::Serialize;
use signal::{Clock as _, SystemClock};

use super::protocol::Protocol;
use crate::bench::kafka::wait_until;
use crate::bench::load::{HOST_SERIES, LoadSeries, load};
use crate::bench::scale;
use crate::bench::server::Server;
use crate::bench::topic::{ANSWER, PARTITIONS, Topic, send};
use crate::cli::ScaleArgs;

/// Every series has a point in each.
const PERIOD: Duration = Duration::from_secs(1);
/// Ages of messages in the server's own metrics.
const AGES: &str = "sentinel_ingest_kafka_delay_seconds_bucket";

/// How long samples waited.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Steady {
    pub events_per_second: f64,
    pub verdict_p50_ms: f64,
    pub verdict_p99_ms: f64,
    pub verdict_max_ms: f64,
    pub refused_requests: u64,
    pub unjudged_samples: f64,
    pub server_cores: f64,
}

/// OpenTelemetry over HTTP.
pub(super) async fn otlp(args: &ScaleArgs) -> anyhow::Result<Steady> {
    let server = Server::start(&[("SENTINEL_HOST__ENABLED", "false")]).await?;
    let figures = scale::measure(&server, Protocol::Otlp, args, server.resident_bytes()?).await?;
    Ok(Steady {
        events_per_second: figures.events_per_second,
        verdict_p50_ms: figures.verdict_p50_ms,
        verdict_p99_ms: figures.verdict_p99_ms,
        verdict_max_ms: figures.verdict_max_ms,
        refused_requests: figures.refused_requests,
        unjudged_samples: figures.unjudged_samples,
        server_cores: figures.server_cores,
    })
}

/// Remote-write requests in messages of Kafka.
pub(super) async fn kafka(args: &ScaleArgs, brokers: &[String]) -> anyhow::Result<Steady> {
    let topic = Topic::create(brokers).await?;
    let measured = through_kafka(args, brokers, &topic).await;
    topic.delete().await?;
    measured
}

async fn through_kafka(args: &ScaleArgs, brokers: &[String], topic: &Topic) -> anyhow::Result<Steady> {
    let server = topic.server(brokers).await?;
    let mut client = topic.client.clone();
    client.set("linger.ms", "0").set("acks", "all");
    let producer: ThreadedProducer<DefaultProducerContext> = client.create().context("cannot make a producer")?;
    let (name, series, rounds) = (topic.name.clone(), load(args.series), args.warm_up_secs + args.secs);
    let started = Instant::now();
    let sender = tokio::task::spawn_blocking(move || produce(&producer, &name, series, rounds));
    tokio::time::sleep_until((started + PERIOD * (args.warm_up_secs as u32 + 1)).into()).await;
    let before = ages(&server).await?;
    sender.await??;
    let sent = (args.series as u64 * rounds) as f64;
    wait_until(|| async {
        let judged = server.judged().await?;
        Ok((judged, judged >= sent))
    })
    .await
    .context("not all samples were judged")?;
    let seconds = started.elapsed().as_secs_f64();
    // The newest ages are counted after the verdicts.
    let n_messages =
        || async { Ok((0.0, ages(&server).await?.last().is_some_and(|it| it.1 >= messages(args, rounds)))) };
    wait_until(n_messages).await.context("not all messages were done with")?;
    let waited: Vec<(f64, f64)> =
        ages(&server).await?.into_iter().zip(before).map(|(now, before)| (now.0, now.1 - before.1)).collect();
    Ok(Steady {
        events_per_second: args.series as f64,
        verdict_p50_ms: quantile(&waited, 0.5),
        verdict_p99_ms: quantile(&waited, 0.99),
        verdict_max_ms: quantile(&waited, 1.0),
        refused_requests: 0,
        unjudged_samples: sent - server.judged().await?,
        server_cores: server.cpu_seconds()? / seconds,
    })
}

fn messages(args: &ScaleArgs, rounds: u64) -> f64 {
    (args.series.div_ceil(HOST_SERIES) as u64 * rounds) as f64
}

/// Sends a message for each host at its moment of each second.
fn produce(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    mut series: Vec<LoadSeries>,
    rounds: u64,
) -> anyhow::Result<()> {
    let mut random = fastrand::Rng::with_seed(1);
    let n_hosts = series.len().div_ceil(HOST_SERIES);
    let (start, start_time) = (Instant::now() + PERIOD, SystemClock.now().plus(PERIOD));
    for round in 0..rounds {
        for (idx, host) in series.chunks_mut(HOST_SERIES).enumerate() {
            let after = PERIOD * round as u32 + PERIOD.mul_f64(idx as f64 / n_hosts as f64);
            let due = start_time.plus(after);
            let body = Protocol::RemoteWrite.body(host, due, &mut random)?;
            std::thread::sleep((start + after).saturating_duration_since(Instant::now()));
            send(producer, topic, i32::try_from(idx % PARTITIONS)?, due, &body)?;
        }
    }
    producer.flush(ANSWER).context("the brokers did not take the samples")
}

/// Upper bounds in milliseconds, and how many messages were at most so old.
async fn ages(server: &Server) -> anyhow::Result<Vec<(f64, f64)>> {
    let bound = |labels: &str| {
        let text = labels.split_once("le=\"")?.1.split_once('"')?.0.to_owned();
        if text == "+Inf" { Some(f64::INFINITY) } else { text.parse().ok().map(|it: f64| it * 1000.0) }
    };
    let metrics = server.metrics(AGES).await?;
    let mut ages: Vec<(f64, f64)> = metrics.iter().filter_map(|it| Some((bound(&it.0)?, it.1))).collect();
    ages.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(ages)
}

/// The bound below which this part of the messages lies.
fn quantile(ages: &[(f64, f64)], part: f64) -> f64 {
    let all = ages.last().map_or(0.0, |it| it.1);
    ages.iter().find(|it| it.1 >= all * part).map_or(f64::NAN, |it| it.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds() {
        let ages = [(1.0, 0.0), (2.0, 50.0), (5.0, 99.0), (7.0, 100.0), (f64::INFINITY, 100.0)];
        assert_eq!([0.5, 0.99, 1.0].map(|it| quantile(&ages, it)), [2.0, 5.0, 7.0]);
    }
}
