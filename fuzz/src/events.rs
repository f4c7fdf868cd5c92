//! Do the decoders of lines and alerts hold? Loki, syslog, alerts, changes, and what topics of Kafka hold.

use std::collections::BTreeMap;

use ingest::{
    KafkaConfig, KafkaDecoder, KafkaFormat, KafkaMessage, KafkaSignals, OtlpConfig, Problems, SyslogArrival, fuzzing,
};
use signal::LogRecord;

use crate::{ARRIVAL, holds};

/// Loki push in JSON.
pub fn loki_json(bytes: &[u8]) {
    checked(ingest::decode_loki_json(bytes, &holds::small()), bytes);
}

/// Loki push in protobuf, without snappy.
pub fn loki_protobuf(bytes: &[u8]) {
    checked(ingest::decode_loki_protobuf(bytes, &holds::small()), bytes);
}

/// Syslog: one datagram, and a stream that is cut into messages. Where the stream's pieces end makes no difference.
pub fn syslog(bytes: &[u8]) {
    let limit = holds::small().max_line_bytes;
    let messages = fuzzing::syslog_messages(bytes, bytes.len(), limit);
    assert_eq!(messages, fuzzing::syslog_messages(bytes, 1, limit), "byte by byte");
    assert!(messages.iter().all(|it| it.0.len() <= limit));
    for message in messages.iter().map(|it| it.0.as_slice()).chain([bytes]) {
        let mut problems = Problems::default();
        let arrival = SyslogArrival { time: ARRIVAL, peer: "peer" };
        let further = BTreeMap::from([("site".to_owned(), "a".to_owned())]);
        let record = ingest::decode_syslog(message, arrival, &further, &holds::small(), &mut problems);
        holds::lines(record.as_slice(), message.len());
        holds::problems(&problems);
    }
}

/// Both ways in which alerts come, and changes.
pub fn alerts(bytes: &[u8]) {
    let config = holds::small();
    for decoded in
        [ingest::decode_alerts(bytes, ARRIVAL, &config), ingest::decode_alert_webhook(bytes, ARRIVAL, &config)]
    {
        match decoded {
            Ok((alerts, problems)) => {
                assert!(alerts.len() <= bytes.len());
                holds::problems(&problems);
            }
            Err(error) => holds::error(&error),
        }
    }
    match ingest::decode_changes(bytes, ARRIVAL, &config) {
        Ok(changes) => assert!(changes.len() <= bytes.len()),
        Err(error) => holds::error(&error),
    }
}

/// Messages of Kafka; the first byte says of which format the topic is.
pub fn kafka(bytes: &[u8]) {
    const FORMATS: [KafkaFormat; 8] = [
        KafkaFormat::Auto,
        KafkaFormat::Json,
        KafkaFormat::Text,
        KafkaFormat::RemoteWrite,
        KafkaFormat::Influx,
        KafkaFormat::OtlpMetrics,
        KafkaFormat::OtlpLogs,
        KafkaFormat::OtlpTraces,
    ];
    let Some((first, payload)) = bytes.split_first() else { return };
    let format = FORMATS.into_iter().nth(usize::from(*first) % FORMATS.len()).unwrap_or_default();
    let config = KafkaConfig { format, ..KafkaConfig::default() };
    let decoder = KafkaDecoder::new(config, holds::small(), &OtlpConfig::default());
    let message = KafkaMessage { topic: "logs-topic", partition: 0, offset: 7, time: ARRIVAL, payload };
    let mut signals = KafkaSignals::default();
    match decoder.decode(&message, &mut signals) {
        Ok(()) => {
            // A payload may be a snappy block.
            let n_bytes = payload.len() * 32;
            holds::points(&signals.points, n_bytes);
            holds::exemplars(&signals.exemplars, n_bytes);
            holds::lines(&signals.lines, payload.len());
            holds::spans(&signals.spans, payload.len());
            holds::problems(&signals.problems);
        }
        Err(poison) => {
            holds::error(&poison);
            assert_eq!(signals, KafkaSignals::default(), "all of a message or nothing");
        }
    }
}

fn checked(decoded: Result<(Vec<LogRecord>, Problems), ingest::Error>, bytes: &[u8]) {
    match decoded {
        Ok((batch, problems)) => {
            holds::lines(&batch, bytes.len());
            holds::problems(&problems);
        }
        Err(error) => holds::error(&error),
    }
}
