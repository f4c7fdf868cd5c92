//! Does any decoder panic on foreign bytes? Random bytes, and valid bodies with random changes.

use std::collections::BTreeMap;

use ingest::{Config, Format, InfluxFrame, InfluxPrecision, MqttMessage, Problems, PrometheusNaming, SyslogArrival};
use proptest::prelude::*;
use prost::Message;
use signal::Timestamp;

use crate::wire::{Entry, Histogram, Instant, PushRequest, RequestV2, Stream, WriteRequest, gauge, series};

const MONITOR: &[u8] = br#"[{"timestamp":"2023-11-14T22:13:20Z","service_name":"a","cpu_usage":1,"metrics":{"x":2}}]"#;
const LOKI: &[u8] = br#"{"streams":[{"stream":{"a":"b"},"values":[["1700000000000000000","x",{"c":"d"}]]}]}"#;
const CHANGE: &[u8] = br#"{"service":"pay","kind":"deploy","title":"v2","time":"2023-11-14T22:13:20Z"}"#;
const EXPOSITION: &[u8] =
    b"# TYPE a histogram\n# HELP a b\na_bucket{le=\"1\",x=\"y\\n\"} 1 1 # {t=\"u\"} 1 2\na_bucket{le=\"+Inf\",x=\"y\\n\"} 1 1\n# EOF\n";

const INFLUX: &[u8] = b"cpu\\ x,ho=a\\,b u=1.5,n=2i,ok=t,s=\"x\\\" y\nz\" 1700000000000000000\nmem value=1u\n";
const ALERTS: &[u8] =
    br#"[{"labels":{"a":"b"},"annotations":{"summary":"s"},"startsAt":"2023-11-14T22:13:20Z","endsAt":"2023-11-14T22:15:20Z"}]"#;
const SYSLOG: &[u8] = br#"<165>1 2023-11-14T22:13:20+01:00 h a 1 ID [x@1 a="b\"c" d="e"][y] text"#;
const PROMETHEUS: &[u8] =
    br#"{"status":"success","data":{"result":[{"metric":{"a":"b"},"values":[[1.5,"2"],[3,"NaN"]]}]}}"#;
const MQTT: &[u8] = br#"{"ts":1700000000,"temp":{"in":21,"out":-3.5},"ok":true,"name":"t"}"#;
const FRAME: InfluxFrame<'_> =
    InfluxFrame { precision: InfluxPrecision::Nanoseconds, database: "db", arrival: Timestamp::MIN };

fn decode_all(bytes: &[u8]) {
    let config = Config { max_line_bytes: 80, max_labels: 3, ..Config::default() };
    let _ = ingest::decode_monitor(bytes, &config);
    let _ = ingest::decode_loki_json(bytes, &config);
    let _ = ingest::decode_loki_protobuf(bytes, &config);
    let _ = ingest::decode_remote_write(bytes, &config);
    let _ = ingest::decode_remote_write_v2(bytes, &config);
    let _ = ingest::decode_influx(bytes, FRAME, &config);
    let arrival = SyslogArrival { time: Timestamp::MIN, peer: "peer" };
    let _ = ingest::decode_syslog(bytes, arrival, &BTreeMap::new(), &config, &mut Problems::default());
    let labels = BTreeMap::from([("cluster".to_owned(), "eu".to_owned())]);
    let _ = ingest::decode_prometheus(bytes, PrometheusNaming { name: "x", labels: &labels }, &config);
    let message = MqttMessage {
        labels: &[("__name__", "a"), ("host", "b")],
        further: &labels,
        name: "",
        time_key: "ts",
        arrival: Timestamp::MIN,
    };
    let _ = ingest::decode_mqtt(bytes, message, &config);
    let _ = ingest::decode_alerts(bytes, Timestamp::MIN, &config);
    let _ = ingest::decode_alert_webhook(bytes, Timestamp::MIN, &config);
    let _ = ingest::decode_changes(bytes, Timestamp::MIN, &config);
    let _ = ingest::parse_exposition(bytes, Format::Text, &config);
    let _ = ingest::parse_exposition(bytes, Format::OpenMetrics, &config);
}

fn valid_bodies() -> Vec<Vec<u8>> {
    let write =
        WriteRequest { timeseries: vec![series(&[("__name__", "m")], &[(5, 1.0)])], metadata: vec![gauge("a", "b")] };
    let entry = Entry { timestamp: Some(Instant { seconds: 5, nanos: 6 }), line: "x".to_owned(), metadata: vec![] };
    let push = PushRequest { streams: vec![Stream { labels: "{a=\"b\"}".to_owned(), entries: vec![entry], hash: 1 }] };
    let mut v2 = RequestV2::default();
    v2.add(&[("__name__", "m")], &[(5, 1.0)]).histograms = vec![Histogram { timestamp: 5, ..Histogram::default() }];
    vec![
        MONITOR.to_vec(),
        LOKI.to_vec(),
        CHANGE.to_vec(),
        EXPOSITION.to_vec(),
        write.encode_to_vec(),
        push.encode_to_vec(),
        v2.encode_to_vec(),
        INFLUX.to_vec(),
        ALERTS.to_vec(),
        SYSLOG.to_vec(),
        PROMETHEUS.to_vec(),
        MQTT.to_vec(),
    ]
}

/// Guarantees: the mutations below begin at bodies that are read, not at ones that are refused at once.
#[test]
fn the_bodies_that_are_mutated_are_valid() {
    let config = Config::default();
    let bodies = valid_bodies();
    assert!(ingest::decode_monitor(&bodies[0], &config).is_ok());
    assert_eq!(ingest::decode_loki_json(&bodies[1], &config).unwrap().0.len(), 1);
    assert!(ingest::decode_changes(&bodies[2], Timestamp::MIN, &config).is_ok());
    assert_eq!(ingest::parse_exposition(&bodies[3], Format::OpenMetrics, &config).unwrap().0.len(), 2);
    assert_eq!(ingest::decode_remote_write(&bodies[4], &config).unwrap().0.len(), 1);
    assert_eq!(ingest::decode_loki_protobuf(&bodies[5], &config).unwrap().0.len(), 1);
    assert_eq!(ingest::decode_remote_write_v2(&bodies[6], &config).unwrap().0.len(), 4);
    let (batch, problems, line) = ingest::decode_influx(&bodies[7], FRAME, &config);
    assert_eq!((batch.len(), problems.mistake(), line), (4, None, None));
    let arrival = SyslogArrival { time: Timestamp::MIN, peer: "peer" };
    let mut problems = Problems::default();
    let record = ingest::decode_syslog(&bodies[9], arrival, &BTreeMap::new(), &config, &mut problems).unwrap();
    assert_eq!((record.line.as_str(), record.metadata.len()), ("text", 5));
    let naming = PrometheusNaming { name: "x", labels: &BTreeMap::new() };
    assert_eq!(ingest::decode_prometheus(&bodies[10], naming, &config).unwrap().0[0].points.len(), 2);
    assert_eq!(ingest::decode_alerts(&bodies[8], Timestamp::MIN, &config).unwrap().0.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Guarantees: MUST 8 of docs/specs/ingest.md.
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        decode_all(&bytes);
    }

    /// Guarantees: MUST 8.
    #[test]
    fn random_text(text in "[ -~\n\t]{0,200}") {
        decode_all(text.as_bytes());
    }

    /// Guarantees: MUST 8.
    #[test]
    fn mutated_bodies(which in 0_usize..12, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), is_cut in any::<bool>()) {
        let mut bytes = valid_bodies()[which].clone();
        for (place, value) in changes {
            let idx = place.index(bytes.len());
            bytes[idx] = value;
        }
        if is_cut {
            let end = cut.index(bytes.len());
            bytes.truncate(end);
        }
        decode_all(&bytes);
    }
}
