//! Do the decoders of metrics hold? Remote write, Influx, exposition, answers of Prometheus, MQTT, `/monitor`.

use std::collections::BTreeMap;
use std::error::Error;

use ingest::{Config, Format, InfluxFrame, InfluxPrecision, MqttMessage, Problems, PrometheusNaming, ScrapedSample};
use signal::SeriesPoints;
use testkit::expose::prometheus_text;

use crate::{ARRIVAL, holds};

/// Remote write 1.0, without snappy.
pub fn remote_write_v1(bytes: &[u8]) {
    checked(ingest::decode_remote_write(bytes, &holds::small()), bytes);
}

/// Remote write 2.0, without snappy.
pub fn remote_write_v2(bytes: &[u8]) {
    checked(ingest::decode_remote_write_v2(bytes, &holds::small()), bytes);
}

/// Influx line protocol, in each precision.
pub fn influx(bytes: &[u8]) {
    let precisions = [
        InfluxPrecision::Nanoseconds,
        InfluxPrecision::Microseconds,
        InfluxPrecision::Milliseconds,
        InfluxPrecision::Seconds,
    ];
    for precision in precisions {
        let frame = InfluxFrame { precision, database: "db", arrival: ARRIVAL };
        let (batch, problems, _) = ingest::decode_influx(bytes, frame, &holds::small());
        holds::points(&batch, bytes.len());
        holds::problems(&problems);
    }
}

/// Both forms of the exposition. What was read is printed and read again: it is the same.
pub fn exposition(bytes: &[u8]) {
    for format in [Format::Text, Format::OpenMetrics] {
        match ingest::parse_exposition(bytes, format, &holds::small()) {
            Ok((samples, problems)) => {
                holds::points(&series(&samples), bytes.len());
                holds::problems(&problems);
                let is_plain = |it: &&ScrapedSample| {
                    is_classic(it.labels.name()) && it.labels.iter().all(|(name, _)| is_classic(name))
                };
                printed_and_read_again(&samples.iter().filter(is_plain).cloned().collect::<Vec<_>>());
            }
            Err(error) => holds::error(&error),
        }
    }
}

fn series(samples: &[ScrapedSample]) -> Vec<SeriesPoints> {
    samples.iter().map(|it| SeriesPoints::one(it.labels.clone(), it.time.unwrap_or(ARRIVAL), it.value)).collect()
}

/// True for names that need no quotes; the printer has no others.
fn is_classic(name: &str) -> bool {
    !name.starts_with(|it: char| it.is_ascii_digit())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_' || it == ':')
}

fn printed_and_read_again(samples: &[ScrapedSample]) {
    let text = prometheus_text(&series(samples));
    let read = ingest::parse_exposition(text.as_bytes(), Format::Text, &Config::default());
    let (read, problems) = read.unwrap_or_else(|error| panic!("{error} in\n{text}"));
    assert_eq!(problems.n_mistakes(), 0, "{:?} in\n{text}", problems.first_mistake());
    // The printer groups by name; NaN has many bits and one spelling.
    let sorted = |samples: &[ScrapedSample]| {
        let bits = |it: f64| if it.is_nan() { f64::NAN.to_bits() } else { it.to_bits() };
        let mut all: Vec<(String, u64)> = samples.iter().map(|it| (it.labels.to_string(), bits(it.value))).collect();
        all.sort();
        all
    };
    assert_eq!(sorted(samples), sorted(&read), "{text}");
}

/// What a Prometheus answers to a query.
pub fn prometheus_answer(bytes: &[u8]) {
    let labels = BTreeMap::from([("cluster".to_owned(), "eu".to_owned())]);
    checked(ingest::decode_prometheus(bytes, PrometheusNaming { name: "x", labels: &labels }, &holds::small()), bytes);
}

/// Payloads of MQTT.
pub fn mqtt(bytes: &[u8]) {
    let further = BTreeMap::from([("site".to_owned(), "a".to_owned())]);
    for labels in [&[("__name__", "a"), ("host", "b")][..], &[("host", "b")]] {
        let message = MqttMessage { labels, further: &further, name: "m", time_key: "ts", arrival: ARRIVAL };
        let (batch, problems) = ingest::decode_mqtt(bytes, message, &holds::small());
        holds::points(&batch, bytes.len());
        holds::problems(&problems);
    }
}

/// `POST /monitor`.
pub fn monitor(bytes: &[u8]) {
    match ingest::decode_monitor(bytes, &holds::small()) {
        Ok(((observations, _), problems)) => {
            let series: Vec<SeriesPoints> = observations.iter().flat_map(|it| it.series(ARRIVAL)).collect();
            holds::points(&series, bytes.len());
            holds::problems(&problems);
        }
        Err(error) => holds::error(&error),
    }
}

fn checked(decoded: Result<(Vec<SeriesPoints>, Problems), impl Error>, bytes: &[u8]) {
    match decoded {
        Ok((batch, problems)) => {
            holds::points(&batch, bytes.len());
            holds::problems(&problems);
        }
        Err(error) => holds::error(&error),
    }
}
