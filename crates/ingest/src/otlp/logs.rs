//! How do log records of OpenTelemetry become lines? The body is the line, the severity the label `level`, the resource
//! the stream, everything else metadata of the line.
//!
//! Messages: `opentelemetry/proto/logs/v1/logs.proto`.

use std::borrow::Cow;

use signal::{Labels, LogLevel, LogRecord, Timestamp};

use super::resource::Resource;
use super::traces::{span_id, trace_id};
use super::{Decoded, any_value, millis, names};
use crate::limits::{cut_line, line_metadata};
use crate::protobuf::Message;
use crate::{Config, Error, OtlpConfig, Reason};

/// Levels by severity numbers 1 to 24, four for each.
const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

/// Lines of an `ExportLogsServiceRequest`. A record without any time gets `now`.
pub(super) fn decode(
    bytes: &[u8],
    now: Timestamp,
    config: &Config,
    otlp: &OtlpConfig,
) -> Result<Decoded<LogRecord>, Error> {
    let mut reader = Reader { now, config, stream: Stream::default(), decoded: Decoded::default() };
    let mut request = Message::new(bytes, "ExportLogsServiceRequest");
    while let Some((field, value)) = request.next()? {
        if field == 1 {
            reader.resource(value.bytes("resource_logs")?, otlp)?;
        }
    }
    Ok(reader.decoded)
}

struct Reader<'b> {
    now: Timestamp,
    config: &'b Config,
    stream: Stream,
    decoded: Decoded<LogRecord>,
}

/// What lines of one resource have in common.
#[derive(Default)]
struct Stream {
    /// `service` and `host`.
    labels: Labels,
    /// The same with a level, once they were needed.
    by_level: [Option<Labels>; LEVELS.len()],
    /// What else is known of the resource.
    metadata: Vec<(String, String)>,
}

impl Reader<'_> {
    /// `ResourceLogs { resource = 1, scope_logs = 2 }`.
    fn resource(&mut self, bytes: &[u8], otlp: &OtlpConfig) -> Result<(), Error> {
        let resource = Resource::of(bytes, self.config, otlp)?;
        let all = resource.labels(self.config, &mut self.decoded.problems);
        let is_stream = |name: &str| matches!(name, "service" | "host");
        let is_needed = |name: &str| is_stream(name) || (name == "instance" && all.get("service").is_none());
        self.stream = Stream {
            labels: Labels::new(all.iter().filter(|it| is_needed(it.0))),
            by_level: Default::default(),
            metadata: all
                .iter()
                .filter(|it| !is_stream(it.0))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        };
        let mut fields = Message::new(bytes, "ResourceLogs");
        while let Some((field, value)) = fields.next()? {
            if field == 2 {
                self.scope(value.bytes("scope_logs")?)?;
            }
        }
        Ok(())
    }

    /// `ScopeLogs { scope = 1, log_records = 2 }`.
    fn scope(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let scope = scope_name(bytes)?;
        let mut fields = Message::new(bytes, "ScopeLogs");
        while let Some((field, value)) = fields.next()? {
            if field == 2 {
                self.record(value.bytes("log_records")?, scope)?;
            }
        }
        Ok(())
    }

    /// `LogRecord { time = 1, severity_number = 2, severity_text = 3, body = 5, attributes = 6, trace_id = 9,
    /// span_id = 10, observed_time = 11, event_name = 12 }`.
    fn record(&mut self, bytes: &[u8], scope: &str) -> Result<(), Error> {
        let mut record = Record::default();
        let mut fields = Message::new(bytes, "LogRecord");
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => record.time = value.fixed64("time_unix_nano")?,
                2 => record.severity = value.uint64("severity_number")?,
                3 => record.severity_text = value.text_or_none("severity_text")?,
                5 => record.body = value.bytes("body")?,
                6 => record.attributes.push(value.bytes("attributes")?),
                9 => record.trace_id = value.bytes("trace_id")?,
                10 => record.span_id = value.bytes("span_id")?,
                11 => record.observed = value.fixed64("observed_time_unix_nano")?,
                12 => record.event = value.text_or_none("event_name")?,
                _ => {}
            }
        }
        if record.body.is_empty() && record.event.is_empty() && record.attributes.is_empty() {
            // Two bytes in the body each: they would take memory and say nothing.
            return self
                .reject(Reason::Shape, || "a log record has neither body nor event name nor attributes".to_owned());
        }
        let nanos = if record.time == 0 { record.observed } else { record.time };
        let time = if nanos == 0 { self.now } else { millis(nanos) };
        if !time.is_plausible() {
            let detail = || format!("time_unix_nano: {nanos} of a log record is not between 1970 and 2200");
            return self.reject(Reason::Timestamp, detail);
        }
        let line = self.line(&record)?;
        let metadata = self.metadata(&record, scope)?;
        let labels = self.stream.labels(&record);
        self.decoded.batch.push(LogRecord { time, labels, line, metadata });
        Ok(())
    }

    fn reject(&mut self, reason: Reason, detail: impl FnOnce() -> String) -> Result<(), Error> {
        self.decoded.rejected += 1;
        self.decoded.problems.add(reason, 1, detail);
        Ok(())
    }

    /// The body; an event without body is told by its name.
    fn line(&mut self, record: &Record<'_>) -> Result<String, Error> {
        let body = any_value::text(record.body, self.config.max_line_bytes)?;
        let line = if body.is_empty() { Cow::Borrowed(record.event) } else { body };
        // A line that held U+FFFD before is counted too: it was broken by somebody.
        self.decoded.problems.lines_repaired += u64::from(line.contains('\u{fffd}'));
        Ok(cut_line(line.into_owned(), self.config, &mut self.decoded.problems))
    }

    fn metadata(&mut self, record: &Record<'_>, scope: &str) -> Result<Labels, Error> {
        let trace = trace_id(record.trace_id).map(|it| hex(&it.0));
        let span = span_id(record.span_id).map(|it| hex(&it.0));
        let ids = [("trace_id", trace), ("span_id", span)];
        let n_attributes = record.attributes.len().min(self.config.max_labels);
        let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::with_capacity(n_attributes + 8);
        pairs.extend(ids.into_iter().filter_map(|(name, id)| Some((name.into(), id?.into()))));
        pairs.push(("scope_name".into(), scope.into()));
        pairs.push(("event_name".into(), record.event.into()));
        pairs.retain(|it| !it.1.is_empty());
        let metadata = &self.stream.metadata;
        pairs.extend(metadata.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())));
        let mut left_out = 0;
        for bytes in &record.attributes {
            // What is beyond the limit is counted, but not worth reading, nor comparing with all that came before.
            if pairs.len() >= self.config.max_labels {
                left_out += 1;
                continue;
            }
            let (key, any) = any_value::key_value(bytes)?;
            let name = names::label(key);
            // An attribute must not pass for the trace that the record belongs to.
            if pairs.iter().any(|it| it.0 == name) {
                left_out += 1;
            } else {
                pairs.push((name, any_value::text(any, self.config.max_label_value_bytes)?));
            }
        }
        self.decoded.problems.add(Reason::Metadata, left_out, String::new);
        let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
        Ok(line_metadata(pairs, self.config, &mut self.decoded.problems))
    }
}

#[derive(Default)]
struct Record<'a> {
    time: u64,
    observed: u64,
    severity: u64,
    severity_text: &'a str,
    body: &'a [u8],
    attributes: Vec<&'a [u8]>,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    event: &'a str,
}

impl Record<'_> {
    /// The position in `LEVELS`: by number, else by the usual words; None if neither says anything.
    fn level(&self) -> Option<usize> {
        if (1..=24).contains(&self.severity) {
            return usize::try_from((self.severity - 1) / 4).ok();
        }
        let level = LogLevel::parse(self.severity_text)?;
        LEVELS.iter().position(|it| *it == level.as_str())
    }
}

impl Stream {
    fn labels(&mut self, record: &Record<'_>) -> Labels {
        let level = record.level().and_then(|it| Some((LEVELS.get(it)?, self.by_level.get_mut(it)?)));
        let Some((level, labels)) = level else { return self.labels.clone() };
        labels.get_or_insert_with(|| self.labels.with("level", level)).clone()
    }
}

/// The digits of an id, as `Display` writes them, but without its cost for each byte: every line has two ids.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |it: u8| char::from_digit(u32::from(it), 16).unwrap_or('0');
    bytes.iter().flat_map(|it| [digit(it >> 4), digit(it & 15)]).collect()
}

/// `ScopeLogs { scope = 1 }` with `InstrumentationScope { name = 1 }`.
fn scope_name(bytes: &[u8]) -> Result<&str, Error> {
    let mut name = "";
    let mut fields = Message::new(bytes, "ScopeLogs");
    while let Some((field, value)) = fields.next()? {
        if field == 1 {
            let mut scope = Message::new(value.bytes("scope")?, "InstrumentationScope");
            while let Some((field, value)) = scope.next()? {
                if field == 1 {
                    name = value.text_or_none("scope.name")?;
                }
            }
        }
    }
    Ok(name)
}
