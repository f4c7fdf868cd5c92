//! Loki push as protobuf (`logproto.PushRequest`), after the snappy block is undone.
//!
//! Schema: `pkg/push/push.proto` of Loki. Streams carry their labels as text, `{service="pay"}`.

use std::borrow::Cow;

use signal::{LogRecord, Timestamp};

use crate::loki::Decoder;
use crate::protobuf::{Message, Value};
use crate::{Config, Error, Problems};

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
    let mut text = "";
    let mut n_entries = 0;
    let mut fields = Message::new(bytes, "stream");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => text = value.text("stream.labels")?,
            2 => n_entries += 1,
            _ => {}
        }
    }
    let labels: signal::Labels =
        text.parse().map_err(|error| Error::malformed("stream.labels", format!("streams[{idx}]: {error}")))?;
    let pairs: Vec<(&str, &str)> = labels.iter().collect();
    let Some(labels) = decoder.stream(&pairs, n_entries, idx) else { return Ok(()) };
    let mut fields = Message::new(bytes, "stream");
    while let Some((field, value)) = fields.next()? {
        if field == 2 {
            entry(value.bytes("stream.entries")?, &labels, decoder)?;
        }
    }
    Ok(())
}

/// `EntryAdapter { timestamp = 1, line = 2, structuredMetadata = 3 }`.
fn entry(bytes: &[u8], labels: &signal::Labels, decoder: &mut Decoder<'_>) -> Result<(), Error> {
    let mut time = Timestamp::from_millis(0);
    let mut line = "";
    let mut metadata = vec![];
    let mut fields = Message::new(bytes, "entry");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => time = timestamp(value)?,
            2 => line = value.text("entry.line")?,
            3 => metadata.push(pair(value.bytes("entry.structuredMetadata")?)?),
            _ => {}
        }
    }
    decoder.line(labels, time, Cow::Borrowed(line), &metadata);
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
    let (mut name, mut text) = ("", "");
    let mut fields = Message::new(bytes, "structuredMetadata");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => name = value.text("structuredMetadata.name")?,
            2 => text = value.text("structuredMetadata.value")?,
            _ => {}
        }
    }
    Ok((name.into(), text.into()))
}
