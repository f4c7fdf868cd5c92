//! How many samples a second come in over a protocol? Senders write one request after the other; their own work counts
//! against the figure, as they share the machine.

use std::time::{Duration, Instant};

use anyhow::ensure;
use signal::{Labels, Point, Timestamp};

use super::otlp;
use super::server::Server;

/// Series in one request.
const SERIES: usize = 2_000;
/// Senders that write at once.
const SENDERS: usize = 2;

/// A protocol that brings samples.
#[derive(Clone, Copy)]
pub(super) enum Way {
    RemoteWrite,
    Otlp,
}

/// Makes the request in which every series has a value at a time.
type Encoder = Box<dyn FnMut(Timestamp, f64) -> anyhow::Result<Vec<u8>> + Send>;

impl Way {
    /// Samples per second that are written, scored and acknowledged.
    pub async fn events_per_second(self, server: &Server, limit: Duration) -> anyhow::Result<f64> {
        let started = Instant::now();
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..SENDERS {
            senders.spawn(self.send(server.client.clone(), server.url.clone(), sender, limit));
        }
        let mut samples = 0;
        while let Some(sent) = senders.join_next().await {
            samples += sent??;
        }
        Ok(samples as f64 / started.elapsed().as_secs_f64())
    }

    async fn send(self, client: reqwest::Client, url: String, sender: usize, limit: Duration) -> anyhow::Result<u64> {
        let mut encoder = self.encoder(sender);
        let started = Instant::now();
        let mut sent = 0;
        let mut time = signal::Clock::now(&signal::SystemClock);
        while started.elapsed() < limit {
            time = time.plus(Duration::from_millis(1));
            let value = 100.0 + (sent / SERIES as u64 % 10) as f64;
            let mut request = client.post(format!("{url}{}", self.path()));
            for (name, value) in self.headers() {
                request = request.header(*name, *value);
            }
            let answer = request.body(encoder(time, value)?).send().await?;
            if answer.status().is_success() {
                sent += SERIES as u64;
            } else {
                ensure!(matches!(answer.status().as_u16(), 429 | 503), "{} answered {}", self.path(), answer.status());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(sent)
    }

    const fn path(self) -> &'static str {
        match self {
            Self::RemoteWrite => "/api/v1/write",
            Self::Otlp => "/v1/metrics",
        }
    }

    const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::RemoteWrite => &[
                ("content-type", "application/x-protobuf"),
                ("content-encoding", "snappy"),
                ("x-prometheus-remote-write-version", "0.1.0"),
            ],
            Self::Otlp => &[("content-type", "application/x-protobuf")],
        }
    }

    fn encoder(self, sender: usize) -> Encoder {
        if let Self::Otlp = self {
            let mut request = otlp::Request::new(&format!("otlp-bench-{sender}"), SERIES);
            return Box::new(move |time, value| Ok(request.at(time, value)));
        }
        let of = |it: usize| {
            let (sender, series) = (sender.to_string(), it.to_string());
            Labels::metric("bench_value", &[("service", "bench"), ("sender", &sender), ("series", &series)])
        };
        let labels: Vec<Labels> = (0..SERIES).map(of).collect();
        Box::new(move |time, value| crate::write_request::encode(labels.iter().map(|it| (it, Point { time, value }))))
    }
}
