//! How do the same series, or lines, look in each protocol? Requests as real senders make them, made before the clock
//! starts, so that the sender takes little of the machine while it is measured.
//!
//! Schemas: remote write 1.0, `opentelemetry/proto/metrics/v1/metrics.proto`, Influx line protocol, Loki's
//! `pkg/push/push.proto`.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use signal::{Clock as _, Labels, Point, SystemClock, Timestamp};

use crate::bench::load::{LoadSeries, METRIC_COUNT, load};
use crate::bench::otlp::{attribute, message};

/// Samples or lines of one request.
const REQUEST_EVENTS: usize = 2_000;
/// Between two points of a series.
const STEP: Duration = Duration::from_secs(10);
/// Streams of log lines in one request.
const STREAMS: usize = 10;

/// What brings samples or lines over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Protocol {
    RemoteWrite,
    Otlp,
    Influx,
    Loki,
}

/// A request that is ready to be sent.
pub(in crate::bench) struct Payload {
    pub body: Bytes,
    pub events: u64,
}

impl Protocol {
    pub const ALL: [Self; 4] = [Self::Otlp, Self::RemoteWrite, Self::Influx, Self::Loki];

    pub const fn name(self) -> &'static str {
        match self {
            Self::RemoteWrite => "remote_write",
            Self::Otlp => "otlp",
            Self::Influx => "influx",
            Self::Loki => "loki",
        }
    }

    pub const fn path(self) -> &'static str {
        match self {
            Self::RemoteWrite => "/api/v1/write",
            Self::Otlp => "/v1/metrics",
            Self::Influx => "/write",
            Self::Loki => "/loki/api/v1/push",
        }
    }

    pub const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::RemoteWrite => &[
                ("content-type", "application/x-protobuf"),
                ("content-encoding", "snappy"),
                ("x-prometheus-remote-write-version", "0.1.0"),
            ],
            Self::Otlp | Self::Loki => &[("content-type", "application/x-protobuf")],
            Self::Influx => &[("content-type", "text/plain; charset=utf-8")],
        }
    }

    /// Requests with so many events (rounded up to whole rounds) for senders that write at once; a series is always
    /// written by the same one.
    pub fn payloads(self, n_events: u64, n_series: usize, n_senders: usize) -> anyhow::Result<Vec<Vec<Payload>>> {
        let mut random = fastrand::Rng::with_seed(1);
        if self == Self::Loki {
            return lines(n_events, n_senders, &mut random);
        }
        let mut series = load(n_series);
        let n_rounds = n_events.div_ceil(n_series as u64);
        let start = SystemClock.now().minus(STEP * u32::try_from(n_rounds)?);
        let own = n_series.div_ceil(n_senders).next_multiple_of(METRIC_COUNT);
        let mut lanes: Vec<Vec<Payload>> = (0..n_senders).map(|_| vec![]).collect();
        for round in 0..n_rounds {
            let time = start.plus(STEP * u32::try_from(round)?);
            for (lane, own) in lanes.iter_mut().zip(series.chunks_mut(own)) {
                for part in own.chunks_mut(REQUEST_EVENTS) {
                    let body = self.body(part, time, &mut random)?;
                    lane.push(Payload { body: body.into(), events: part.len() as u64 });
                }
            }
        }
        Ok(lanes)
    }

    /// A request with one point of each series.
    pub fn body(
        self,
        series: &mut [LoadSeries],
        time: Timestamp,
        random: &mut fastrand::Rng,
    ) -> anyhow::Result<Vec<u8>> {
        let points: Vec<(&Labels, Point)> = series
            .iter_mut()
            .map(|it| {
                let value = it.value(time, random);
                (&it.labels, Point { time, value })
            })
            .collect();
        match self {
            Self::Otlp => Ok(otlp(&points)),
            Self::Influx => influx(&points),
            _ => crate::write_request::encode(points.into_iter()),
        }
    }
}

/// `ExportMetricsServiceRequest`: a resource for each service, with the host and the region, and in it its metrics.
fn otlp(points: &[(&Labels, Point)]) -> Vec<u8> {
    let mut out = vec![];
    for service in points.chunks(METRIC_COUNT) {
        let Some((labels, _)) = service.first() else { continue };
        let label = |name: &str| labels.get(name).unwrap_or("");
        let resource = [
            attribute("service.name", label("service")),
            attribute("host.name", label("instance")),
            attribute("deployment.environment.name", label("region")),
        ];
        let resource: Vec<u8> = resource.iter().flat_map(|it| message(1, it)).collect();
        let metrics: Vec<u8> = service.iter().flat_map(|(labels, point)| message(2, &metric(labels, *point))).collect();
        out.extend(message(1, &[message(1, &resource), message(2, &metrics)].concat()));
    }
    out
}

/// `Metric { name = 1, gauge = 5, sum = 7 }` with one `NumberDataPoint { time = 3, as_double = 4 }`.
fn metric(labels: &Labels, point: Point) -> Vec<u8> {
    let nanos = u64::try_from(point.time.millis()).unwrap_or(0) * 1_000_000;
    let mut data = vec![3 << 3 | 1];
    data.extend(nanos.to_le_bytes());
    data.push(4 << 3 | 1);
    data.extend(point.value.to_bits().to_le_bytes());
    let data = message(1, &data);
    match labels.name().strip_suffix("_total") {
        // A sum has `aggregation_temporality = 2` (2: cumulative) and `is_monotonic = 3`.
        Some(name) => [message(1, name.as_bytes()), message(7, &[&*data, &[2 << 3, 2, 3 << 3, 1]].concat())].concat(),
        None => [message(1, labels.name().as_bytes()), message(5, &data)].concat(),
    }
}

/// A line for each service, with a field for each metric.
fn influx(points: &[(&Labels, Point)]) -> anyhow::Result<Vec<u8>> {
    let mut out = String::new();
    for service in points.chunks(METRIC_COUNT) {
        let Some((labels, point)) = service.first() else { continue };
        out.push_str("shop");
        for (name, value) in labels.iter().filter(|it| it.0 != "__name__") {
            write!(out, ",{name}={value}")?;
        }
        for (idx, (labels, point)) in service.iter().enumerate() {
            write!(out, "{}{}={}", if idx == 0 { ' ' } else { ',' }, labels.name(), point.value)?;
        }
        writeln!(out, " {}000000", point.time.millis())?;
    }
    Ok(out.into_bytes())
}

/// `PushRequest { streams = 1 }` of `StreamAdapter { labels = 1, entries = 2 }`, with lines that never come again.
fn lines(n_events: u64, n_senders: usize, random: &mut fastrand::Rng) -> anyhow::Result<Vec<Vec<Payload>>> {
    let n_requests = n_events.div_ceil((REQUEST_EVENTS * n_senders) as u64);
    let start = SystemClock.now().minus(Duration::from_millis(n_requests * REQUEST_EVENTS as u64));
    let mut lanes = vec![];
    for sender in 0..n_senders {
        let mut lane = vec![];
        for request in 0..n_requests {
            let time = start.plus(Duration::from_millis(request * REQUEST_EVENTS as u64));
            let streams: Vec<u8> = (0..STREAMS).flat_map(|it| message(1, &stream(sender, it, time, random))).collect();
            let body = snap::raw::Encoder::new().compress_vec(&streams)?;
            lane.push(Payload { body: body.into(), events: REQUEST_EVENTS as u64 });
        }
        lanes.push(lane);
    }
    Ok(lanes)
}

fn stream(sender: usize, stream: usize, start: Timestamp, random: &mut fastrand::Rng) -> Vec<u8> {
    let labels = format!(r#"{{service="service-{stream}",instance="host-{sender}",level="info"}}"#);
    let mut out = message(1, labels.as_bytes());
    for idx in 0..REQUEST_EVENTS / STREAMS {
        let millis = start.millis() + idx as i64;
        let mut time = vec![1 << 3];
        prost::encoding::encode_varint(millis.div_euclid(1000) as u64, &mut time);
        time.push(2 << 3);
        prost::encoding::encode_varint(millis.rem_euclid(1000) as u64 * 1_000_000, &mut time);
        let line = crate::bench::made::line(random).text;
        out.extend(message(2, &[message(1, &time), message(2, line.as_bytes())].concat()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: what is counted as sent is what the decoders find, in every protocol.
    #[test]
    fn decoders_find_all_that_was_put_in() {
        let config = ingest::Config::default();
        for protocol in Protocol::ALL {
            let lanes = protocol.payloads(4_000, 200, 2).unwrap();
            assert_eq!(lanes.len(), 2);
            let (mut sent, mut found) = (0, 0);
            for payload in lanes.iter().flatten() {
                sent += payload.events;
                let plain = || snap::raw::Decoder::new().decompress_vec(&payload.body).unwrap();
                found += match protocol {
                    Protocol::RemoteWrite => ingest::decode_remote_write(&plain(), &config).unwrap().0.len(),
                    Protocol::Loki => ingest::decode_loki_protobuf(&plain(), &config).unwrap().0.len(),
                    Protocol::Otlp => {
                        let decoder = ingest::OtlpDecoder::new(&config, &ingest::OtlpConfig::default());
                        decoder.metrics(&payload.body).unwrap().batch.len()
                    }
                    Protocol::Influx => {
                        let text = String::from_utf8(payload.body.to_vec()).unwrap();
                        text.lines().map(|it| it.matches('=').count() - 3).sum()
                    }
                } as u64;
            }
            assert_eq!((sent, found), (4_000, 4_000), "{protocol:?}");
        }
    }
}
