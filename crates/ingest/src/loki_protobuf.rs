//! Loki push as protobuf (`logproto.PushRequest`), after the snappy block is undone.
//!
//! Schema: `pkg/push/push.proto` of Loki. Streams carry their labels as text, `{service="pay"}`. Promtail sends the bytes
//! of a file as they are, so texts may be no UTF-8.

use std::borrow::Cow;

use signal::{Labels, LogRecord, Timestamp};

use crate::loki::Decoder;
use crate::protobuf::{Message, Value};
use crate::{Config, Error, Problems, loki_labels};

/// Log lines of a decompressed body. Lines that break a rule are left out and named in `Problems`.
pub fn decode(bytes: &[u8], config: &Config) -> Result<(Vec<LogRecord>, Problems), Error> {
    let mut decoder = Decoder::new(config);
    let mut push = Message::new(bytes, "PushRequest");
    let mut idx = 0;
    while let Some((field, value)) = push.next()? {
        if field == 1 {
            stream(value.bytes("streams")?, idx, &mut decoder)?;
            idx += 1;
        }
    }
    Ok(decoder.finish())
}

/// `StreamAdapter { labels = 1, entries = 2, hash = 3 }`; labels may come after entries, so two passes.
fn stream(bytes: &[u8], idx: usize, decoder: &mut Decoder<'_>) -> Result<(), Error> {
    let mut text = &[][..];
    let mut n_entries = 0;
    let mut fields = Message::new(bytes, "stream");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => text = value.bytes("stream.labels")?,
            2 => n_entries += 1,
            _ => {}
        }
    }
    let pairs = match pairs(text) {
        Ok(pairs) => pairs,
        Err(detail) => {
            decoder.refuse(n_entries, || format!("stream.labels: streams[{idx}]: {detail}"));
            return Ok(());
        }
    };
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
    let Some(labels) = decoder.stream(&pairs, n_entries, idx) else { return Ok(()) };
    let mut fields = Message::new(bytes, "stream");
    while let Some((field, value)) = fields.next()? {
        if field == 2 {
            entry(value.bytes("stream.entries")?, &labels, decoder)?;
        }
    }
    Ok(())
}

/// The labels of a stream, or what is wrong with them.
fn pairs(text: &[u8]) -> Result<Vec<(String, String)>, String> {
    let text = std::str::from_utf8(text).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
    loki_labels::pairs(text)
}

/// `EntryAdapter { timestamp = 1, line = 2, structuredMetadata = 3 }`.
fn entry(bytes: &[u8], labels: &Labels, decoder: &mut Decoder<'_>) -> Result<(), Error> {
    let mut time = Timestamp::from_millis(0);
    let mut line = Cow::Borrowed("");
    let mut metadata = vec![];
    let mut fields = Message::new(bytes, "entry");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => time = timestamp(value)?,
            2 => line = String::from_utf8_lossy(value.bytes("entry.line")?),
            3 => metadata.push(pair(value.bytes("entry.structuredMetadata")?)?),
            _ => {}
        }
    }
    // What is repaired has become a text of its own.
    let is_repaired = |it: &Cow<'_, str>| matches!(it, Cow::Owned(_));
    if is_repaired(&line) || metadata.iter().any(|it| is_repaired(&it.0) || is_repaired(&it.1)) {
        decoder.repaired();
    }
    decoder.line(labels, time, line, &metadata);
    Ok(())
}

/// `google.protobuf.Timestamp { seconds = 1, nanos = 2 }`.
fn timestamp(value: Value<'_>) -> Result<Timestamp, Error> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    let mut fields = Message::new(value.bytes("entry.timestamp")?, "timestamp");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => seconds = value.int64("timestamp.seconds")?,
            2 => nanos = value.int64("timestamp.nanos")?,
            _ => {}
        }
    }
    Ok(Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000)))
}

fn pair(bytes: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), Error> {
    let (mut name, mut text) = (Cow::Borrowed(""), Cow::Borrowed(""));
    let mut fields = Message::new(bytes, "structuredMetadata");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => name = String::from_utf8_lossy(value.bytes("structuredMetadata.name")?),
            2 => text = String::from_utf8_lossy(value.bytes("structuredMetadata.value")?),
            _ => {}
        }
    }
    Ok((name, text))
}
