//! What does a message hold? Lines or points, by the format of its topic; a message that cannot be read says why.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde_json::Value;

use signal::{Exemplar, LogRecord, SeriesPoints, Span, Timestamp};

use super::config::{KafkaConfig, KafkaFormat};
use super::event::{EventReader, labels};
use super::poison::{Poison, PoisonReason};
use crate::label_cache::LabelCache;
use crate::limits::{cut_line, line_metadata};
use crate::otlp::Decoded;
use crate::{
    Config, Error, OtlpConfig, OtlpDecoder, OtlpSignal, Problems, Reason, body, influx, otlp_json_to_protobuf,
    remote_write, when,
};

/// Where a line stood in Kafka: metadata of every line.
pub(super) const PLACE: &str = "kafka_offset";

/// A message as the broker keeps it.
#[derive(Clone, Copy, Debug)]
pub struct KafkaMessage<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// When it was sent, or came to the broker.
    pub time: Timestamp,
    /// Its body.
    pub payload: &'a [u8],
}

/// What messages held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KafkaSignals {
    /// Log lines.
    pub lines: Vec<LogRecord>,
    /// Points.
    pub points: Vec<SeriesPoints>,
    /// Exemplars of the points.
    pub exemplars: Vec<Exemplar>,
    /// Spans.
    pub spans: Vec<Span>,
    /// What was left out or changed.
    pub problems: Problems,
}

/// Reads the messages of one entry of the configuration.
pub struct KafkaDecoder {
    config: KafkaConfig,
    limits: Config,
    labels: Vec<(String, String)>,
    zone: TimeZone,
    cache: LabelCache,
    otlp: OtlpDecoder,
}

impl KafkaMessage<'_> {
    /// `partition:offset`, which with the topic names the message for ever.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.partition, self.offset)
    }
}

impl KafkaDecoder {
    /// For a configuration that was validated.
    pub fn new(config: KafkaConfig, limits: Config, otlp: &OtlpConfig) -> Self {
        let labels = config.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let zone = config.zone().unwrap_or(TimeZone::UTC);
        let otlp = OtlpDecoder::new(&limits, otlp);
        Self { config, limits, labels, zone, cache: LabelCache::default(), otlp }
    }

    /// Adds what one message holds: all of it or, with an error, nothing.
    pub fn decode(&self, message: &KafkaMessage<'_>, signals: &mut KafkaSignals) -> Result<(), Poison> {
        let payload = message.payload;
        if payload.is_empty() {
            return Err(Poison::new(PoisonReason::Empty, "the message has no body"));
        }
        if payload.len() > self.limits.max_body_bytes {
            let limit_bytes = self.limits.max_body_bytes;
            return Err(Error::TooLarge { what: "the message", limit_bytes, key: "max_body_bytes" }.into());
        }
        match self.config.format {
            KafkaFormat::Auto if is_json(payload) => self.events(message, signals),
            KafkaFormat::Auto => self.text(message, &strict_text(payload)?, signals),
            KafkaFormat::Json => self.events(message, signals),
            KafkaFormat::Text => {
                let text = String::from_utf8_lossy(payload);
                signals.problems.lines_repaired += u64::from(matches!(text, Cow::Owned(_)));
                self.text(message, &text, signals)
            }
            KafkaFormat::RemoteWrite => self.remote_write(payload, signals),
            KafkaFormat::Influx => self.influx(message, signals),
            KafkaFormat::OtlpMetrics => {
                let mut decoded = self.otlp.metrics(&protobuf(OtlpSignal::Metrics, payload)?)?;
                let mut exemplars = std::mem::take(&mut decoded.exemplars);
                take(decoded, &mut signals.points, &mut signals.problems)?;
                signals.exemplars.append(&mut exemplars);
                Ok(())
            }
            KafkaFormat::OtlpLogs => {
                let mut decoded = self.otlp.logs(&protobuf(OtlpSignal::Logs, payload)?, message.time)?;
                let place = message.place();
                decoded.batch.iter_mut().for_each(|it| it.metadata = it.metadata.with(PLACE, &place));
                take(decoded, &mut signals.lines, &mut signals.problems)
            }
            KafkaFormat::OtlpTraces => {
                let decoded = self.otlp.traces(&protobuf(OtlpSignal::Traces, payload)?)?;
                take(decoded, &mut signals.spans, &mut signals.problems)
            }
        }
    }

    /// One event, or an array of them.
    fn events(&self, message: &KafkaMessage<'_>, signals: &mut KafkaSignals) -> Result<(), Poison> {
        let malformed = |detail: String| Poison::new(PoisonReason::Malformed, detail);
        let text = strict_text(message.payload)?;
        let value: Value = serde_json::from_str(&text).map_err(|error| malformed(format!("not JSON: {error}")))?;
        let reader =
            EventReader { fields: &self.config.fields, labels: &self.labels, zone: &self.zone, limits: &self.limits };
        let mut problems = Problems::default();
        match &value {
            Value::Object(event) => {
                let line = reader.read(message, event, || text.trim().to_owned(), &mut problems)?;
                signals.lines.push(line);
            }
            Value::Array(items) => {
                let mut lines = Vec::with_capacity(items.len());
                for (idx, item) in items.iter().enumerate() {
                    let event = item.as_object().ok_or_else(|| malformed(format!("[{idx}] is not an object")))?;
                    lines.push(reader.read(message, event, || item.to_string(), &mut problems)?);
                }
                signals.lines.append(&mut lines);
            }
            _ => return Err(malformed("neither a JSON object nor an array of objects".to_owned())),
        }
        signals.problems.merge(&problems);
        Ok(())
    }

    /// One event of plain text, which may have several lines.
    fn text(&self, message: &KafkaMessage<'_>, text: &str, signals: &mut KafkaSignals) -> Result<(), Poison> {
        let own = vec![
            ("job".to_owned(), message.topic.to_owned()),
            ("level".to_owned(), self.config.fields.default_level.clone().unwrap_or_default()),
            ("service".to_owned(), self.config.fields.default_service.clone().unwrap_or_default()),
            ("component".to_owned(), self.config.fields.default_component.clone().unwrap_or_default()),
        ];
        let labels = labels(own, &self.labels, &self.limits)?;
        let line = text.trim_end_matches(['\n', '\r']);
        let time = when::of_line(line).unwrap_or(message.time);
        let place = message.place();
        let pairs = [(PLACE, place.as_str())];
        let metadata = line_metadata(pairs.into_iter(), &self.limits, &mut signals.problems);
        let line = cut_line(line.to_owned(), &self.limits, &mut signals.problems);
        signals.lines.push(LogRecord { time, labels, line, metadata });
        Ok(())
    }

    /// A request of remote write 1.0, as vmagent, Telegraf and the Kafka adapters of Prometheus send it.
    fn remote_write(&self, payload: &[u8], signals: &mut KafkaSignals) -> Result<(), Poison> {
        // Plain protobuf is no valid snappy block: it would have to name its own length in its first bytes.
        let plain = body::snappy(payload, &self.limits).map_or(Cow::Borrowed(payload), Cow::Owned);
        let mut decoded = remote_write::decode_v1_with(&plain, &self.limits, &self.cache)?;
        signals.points.append(&mut decoded.batch);
        signals.exemplars.append(&mut decoded.exemplars);
        // Their marks are no numbers without them.
        decoded.problems.add(Reason::NativeHistogram, decoded.histograms.len() as u64, String::new);
        signals.problems.merge(&decoded.problems);
        Ok(())
    }

    /// Lines of the Influx line protocol, as Telegraf sends them; bad lines are left out and counted, unless there is
    /// no good one.
    fn influx(&self, message: &KafkaMessage<'_>, signals: &mut KafkaSignals) -> Result<(), Poison> {
        let frame = influx::Frame { precision: influx::Precision::Nanoseconds, database: "", arrival: message.time };
        let (mut points, problems, _) = influx::decode_with(message.payload, frame, &self.limits, &self.cache);
        if points.is_empty()
            && let Some(mistake) = problems.mistake()
        {
            return Err(Poison::new(PoisonReason::Malformed, mistake));
        }
        signals.points.append(&mut points);
        signals.problems.merge(&problems);
        Ok(())
    }
}

/// Adds what a body of OTLP held; what it held beside that is counted. A body of which nothing can be used is poison.
fn take<T>(mut decoded: Decoded<T>, into: &mut Vec<T>, problems: &mut Problems) -> Result<(), Poison> {
    if decoded.batch.is_empty()
        && let Some(mistake) = decoded.problems.mistake()
    {
        return Err(Poison::new(PoisonReason::Malformed, mistake));
    }
    into.append(&mut decoded.batch);
    problems.merge(&decoded.problems);
    Ok(())
}

/// The body as protobuf, which never begins as JSON does.
fn protobuf(signal: OtlpSignal, payload: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let is_json = payload.trim_ascii_start().first() == Some(&b'{');
    if is_json { otlp_json_to_protobuf(signal, payload).map(Cow::Owned) } else { Ok(Cow::Borrowed(payload)) }
}

fn is_json(payload: &[u8]) -> bool {
    matches!(payload.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn strict_text(payload: &[u8]) -> Result<Cow<'_, str>, Poison> {
    let text = std::str::from_utf8(payload)
        .map_err(|error| Poison::new(PoisonReason::Malformed, format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    Ok(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::KafkaFields;

    fn message(payload: &[u8]) -> KafkaMessage<'_> {
        KafkaMessage { topic: "app-logs", partition: 2, offset: 41, time: Timestamp::from_secs(1_700_000_000), payload }
    }

    fn decoder(config: KafkaConfig) -> KafkaDecoder {
        KafkaDecoder::new(config, Config::default(), &OtlpConfig::default())
    }

    fn decoded(config: &KafkaConfig, payload: &[u8]) -> Result<KafkaSignals, Poison> {
        let mut signals = KafkaSignals::default();
        decoder(config.clone()).decode(&message(payload), &mut signals)?;
        Ok(signals)
    }

    /// Time, labels, text and metadata of the only line.
    fn line(config: &KafkaConfig, payload: &str) -> String {
        let signals = decoded(config, payload.as_bytes()).unwrap();
        assert_eq!(signals.lines.len(), 1, "{signals:?}");
        let LogRecord { time, labels, line, metadata } = &signals.lines[0];
        format!("{time} {labels} {line} {metadata}")
    }

    /// C1, the topic `logs-topic`: local time without zone, level, component, message.
    #[test]
    fn events_of_the_python_side_are_read() {
        let config = KafkaConfig { time_zone: "Europe/Berlin".to_owned(), ..KafkaConfig::default() };
        let event = r#"{"timestamp": "2026-07-31 12:00:00", "level": "ERROR",
            "component": "org.apache.hadoop.mapreduce.v2.app.rm.RMContainerAllocator", "message": "ERROR IN CONTACTING RM."}"#;
        expect_test::expect![[r#"2026-07-31T10:00:00.000Z {component="org.apache.hadoop.mapreduce.v2.app.rm.RMContainerAllocator",job="app-logs",level="ERROR",service="org.apache.hadoop.mapreduce.v2.app.rm.RMContainerAllocator"} ERROR IN CONTACTING RM. {kafka_offset="2:41"}"#]]
        .assert_eq(&line(&config, event));
    }

    /// C1, the topic `app-logs`: RFC 3339, level, app_name, instance_id, message, tags (left out if empty).
    #[test]
    fn events_of_the_go_side_are_read() {
        let config = KafkaConfig::default();
        let event = r#"{"timestamp":"2026-07-31T12:00:00.5Z","level":"WARN","app_name":"payment-service",
            "instance_id":"instance-01","message":"slow","tags":{"env":"staging","region":"us-east-1"},
            "trace":{"id":"abc","sampled":true},"attempt":3,"nothing":null}"#;
        expect_test::expect![[r#"2026-07-31T12:00:00.500Z {env="staging",instance="instance-01",job="app-logs",level="WARN",region="us-east-1",service="payment-service"} slow {attempt="3",kafka_offset="2:41",trace.id="abc",trace.sampled="true"}"#]]
        .assert_eq(&line(&config, event));
        let event =
            r#"{"timestamp":"2026-07-31T12:00:00Z","level":"INFO","app_name":"a","instance_id":"i","message":"m"}"#;
        expect_test::expect![[
            r#"2026-07-31T12:00:00.000Z {instance="i",job="app-logs",level="INFO",service="a"} m {kafka_offset="2:41"}"#
        ]]
        .assert_eq(&line(&config, event));
    }

    #[test]
    fn names_and_defaults_are_configuration() {
        let names = |name: &str| vec![name.to_owned()];
        let fields = KafkaFields {
            time: names("log.at"),
            message: names("log.text"),
            service: names("who"),
            labels: names("k8s.pod"),
            default_level: Some("INFO".to_owned()),
            default_component: Some("unknown".to_owned()),
            ..KafkaFields::default()
        };
        let labels = BTreeMap::from([("env".to_owned(), "prod".to_owned()), ("job".to_owned(), "pay".to_owned())]);
        let config = KafkaConfig { fields, labels, ..KafkaConfig::default() };
        let event = r#"{"log":{"at":1700000001,"text":"hello","n":1},"who":"pay","k8s.pod":"pay-1","env":"x"}"#;
        expect_test::expect![[r#"2023-11-14T22:13:21.000Z {component="unknown",env="prod",job="pay",k8s.pod="pay-1",level="INFO",service="pay"} hello {env="x",kafka_offset="2:41",log.n="1"}"#]]
        .assert_eq(&line(&config, event));
    }

    #[test]
    fn what_lacks_a_field_is_kept() {
        let config = KafkaConfig::default();
        expect_test::expect![[r#"2023-11-14T22:13:20.000Z {job="app-logs",service="pay"} {"service":"pay","n":1} {kafka_offset="2:41",n="1"}"#]]
        .assert_eq(&line(&config, r#"{"service":"pay","n":1}"#));
        let unreadable = r#"{"time":"noon","msg":{"a":1}}"#;
        expect_test::expect![[
            r#"2023-11-14T22:13:20.000Z {job="app-logs"} {"a":1} {kafka_offset="2:41",time="noon"}"#
        ]]
        .assert_eq(&line(&config, unreadable));
        assert_eq!(decoded(&config, unreadable.as_bytes()).unwrap().problems.times_replaced, 1);
    }

    #[test]
    fn plain_text_is_one_line_with_its_own_time_or_that_of_the_message() {
        let config = KafkaConfig::default();
        expect_test::expect![[r#"2023-11-14T22:13:20.000Z {job="app-logs"} pool exhausted {kafka_offset="2:41"}"#]]
            .assert_eq(&line(&config, "pool exhausted\r\n"));
        assert!(line(&config, "2026-07-31T12:00:00Z ERROR x").starts_with("2026-07-31T12:00:00.000Z"));
        let text = KafkaConfig { format: KafkaFormat::Text, ..KafkaConfig::default() };
        assert!(line(&text, "{not json").contains(" {not json "));
        let repaired = decoded(&text, b"bad \xff byte").unwrap();
        assert_eq!((repaired.lines[0].line.as_str(), repaired.problems.lines_repaired), ("bad \u{fffd} byte", 1));
    }

    #[test]
    fn an_array_gives_a_line_per_event_or_nothing() {
        let config = KafkaConfig::default();
        let signals = decoded(&config, br#"[{"msg":"a"},{"msg":"b"}]"#).unwrap();
        assert_eq!(signals.lines.iter().map(|it| it.line.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let poison = decoded(&config, br#"[{"msg":"a"},5]"#).unwrap_err();
        assert_eq!(poison.to_string(), "malformed: [1] is not an object");
    }

    #[test]
    fn requests_of_remote_write_are_read_with_and_without_snappy() {
        let config = KafkaConfig { format: KafkaFormat::RemoteWrite, ..KafkaConfig::default() };
        // timeseries { labels { "__name__" "up" } samples { 1.0 at 1700000000000 } }
        let label = b"\x0a\x0e\x0a\x08__name__\x12\x02up";
        let sample = b"\x12\x10\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x80\xd0\x95\xff\xbc\x31";
        let series = [&label[..], &sample[..]].concat();
        let plain = [&[0x0a, u8::try_from(series.len()).unwrap()][..], &series].concat();
        let packed = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        for payload in [&plain, &packed] {
            let signals = decoded(&config, payload).unwrap();
            assert_eq!(signals.points.len(), 1, "{signals:?}");
            assert_eq!(signals.points[0].labels.to_string(), "up");
            assert_eq!(signals.points[0].points[0].time, Timestamp::from_secs(1_700_000_000));
        }
        assert_eq!(decoded(&config, b"\x0a\xff\xff").unwrap_err().reason, PoisonReason::Malformed);
    }

    #[test]
    fn lines_of_telegraf_are_read() {
        let config = KafkaConfig { format: KafkaFormat::Influx, ..KafkaConfig::default() };
        let signals = decoded(&config, b"cpu,host=a usage=1.5 1700000000000000000\nbroken\n").unwrap();
        assert_eq!(signals.points[0].labels.to_string(), "cpu_usage{host=\"a\"}");
        assert_eq!(signals.problems.count(crate::Reason::Malformed), 1);
        assert_eq!(decoded(&config, b"broken").unwrap_err().reason, PoisonReason::Malformed);
    }

    #[test]
    fn requests_of_opentelemetry_are_read_as_json_and_as_protobuf() {
        let config = |format| KafkaConfig { format, ..KafkaConfig::default() };
        let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"pay"}}]}"#;
        let logs = format!(
            r#"{{"resourceLogs":[{{{resource},"scopeLogs":[{{"logRecords":[
                {{"timeUnixNano":"1700000001000000000","body":{{"stringValue":"slow"}}}}]}}]}}]}}"#
        );
        let metrics = format!(
            r#"{{"resourceMetrics":[{{{resource},"scopeMetrics":[{{"metrics":[{{"name":"load","gauge":{{"dataPoints":[
                {{"timeUnixNano":"1700000001000000000","asDouble":1.5}}]}}}}]}}]}}]}}"#
        );
        let traces = format!(
            r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"spans":[{{"name":"GET","traceId":"{}","spanId":"{}",
                "startTimeUnixNano":"1700000001000000000","endTimeUnixNano":"1700000001500000000"}}]}}]}}]}}"#,
            "1".repeat(32),
            "2".repeat(16)
        );
        for (format, signal, json) in [
            (KafkaFormat::OtlpLogs, OtlpSignal::Logs, logs),
            (KafkaFormat::OtlpMetrics, OtlpSignal::Metrics, metrics),
            (KafkaFormat::OtlpTraces, OtlpSignal::Traces, traces),
        ] {
            let packed = otlp_json_to_protobuf(signal, json.as_bytes()).unwrap();
            let signals = decoded(&config(format), json.as_bytes()).unwrap();
            assert_eq!(decoded(&config(format), &packed).unwrap(), signals);
            assert_eq!(signals.lines.len() + signals.points.len() + signals.spans.len(), 1, "{signals:?}");
            if let [line] = signals.lines.as_slice() {
                assert_eq!((line.line.as_str(), line.metadata.get(PLACE)), ("slow", Some("2:41")));
            }
            assert_eq!(decoded(&config(format), b"\x0a\xff").unwrap_err().reason, PoisonReason::Malformed);
        }
    }

    #[test]
    fn messages_that_cannot_be_read_say_why() {
        let config = KafkaConfig::default();
        let deep = "[".repeat(200_000);
        let long = format!(r#"{{"msg":"m","tags":{{"a":"{}"}}}}"#, "x".repeat(3000));
        for (payload, reason, detail) in [
            (&b""[..], PoisonReason::Empty, "no body"),
            (br#"{"msg": "cut of"#, PoisonReason::Malformed, "EOF"),
            (b"\x00\x01\xff\xfe", PoisonReason::Malformed, "not UTF-8 at byte 2"),
            (br#"{"timestamp": 1e300, "msg": "m"}"#, PoisonReason::Timestamp, "between 1970 and 2200"),
            (deep.as_bytes(), PoisonReason::Malformed, "recursion limit"),
            (long.as_bytes(), PoisonReason::Labels, "label \"a\" has 3000 bytes"),
        ] {
            let poison = decoded(&config, payload).unwrap_err();
            assert_eq!(poison.reason, reason, "{poison}");
            assert!(poison.detail.contains(detail), "{poison}");
        }
        let limits = Config { max_body_bytes: 10, ..Config::default() };
        let decoder = KafkaDecoder::new(config, limits, &OtlpConfig::default());
        let poison = decoder.decode(&message(&[b'x'; 11]), &mut KafkaSignals::default()).unwrap_err();
        assert_eq!(poison.reason, PoisonReason::TooLarge);
        assert!(poison.detail.contains("ingest.max_body_bytes"), "{poison}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(payload: Vec<u8>, format in 0..8_usize) {
            let formats = [
                KafkaFormat::Auto,
                KafkaFormat::Json,
                KafkaFormat::Text,
                KafkaFormat::RemoteWrite,
                KafkaFormat::Influx,
                KafkaFormat::OtlpMetrics,
                KafkaFormat::OtlpLogs,
                KafkaFormat::OtlpTraces,
            ];
            let config = KafkaConfig { format: formats[format], ..KafkaConfig::default() };
            let before = KafkaSignals::default();
            let mut signals = before.clone();
            let decoder = decoder(config);
            if decoder.decode(&message(&payload), &mut signals).is_err() {
                proptest::prop_assert_eq!(signals.lines, before.lines);
            }
        }
    }
}
