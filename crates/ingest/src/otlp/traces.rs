//! How do spans of OpenTelemetry become spans here? Field by field; texts and attributes within the limits.
//!
//! Messages: `opentelemetry/proto/trace/v1/trace.proto`.

use std::borrow::Cow;

use signal::{Labels, Span, SpanEvent, SpanId, SpanKind, SpanStatus, TraceId};

use super::resource::Resource;
use super::{Decoded, any_value, millis};
use crate::limits::{line_metadata, shortened};
use crate::protobuf::Message;
use crate::{Config, Error, OtlpConfig, Reason};

/// Most events and most links of one span, as many as SDKs send; the rest is left out and counted.
const MOST_EVENTS: usize = 128;

/// Spans of an `ExportTraceServiceRequest`.
pub(super) fn decode(bytes: &[u8], config: &Config, otlp: &OtlpConfig) -> Result<Decoded<Span>, Error> {
    let mut reader = Reader { config, resource: Labels::default(), decoded: Decoded::default() };
    let mut request = Message::new(bytes, "ExportTraceServiceRequest");
    while let Some((field, value)) = request.next()? {
        if field == 1 {
            reader.resource(value.bytes("resource_spans")?, otlp)?;
        }
    }
    Ok(reader.decoded)
}

struct Reader<'b> {
    config: &'b Config,
    resource: Labels,
    decoded: Decoded<Span>,
}

/// What a span is made of besides plain fields.
#[derive(Default)]
struct Parts<'a> {
    trace: &'a [u8],
    id: &'a [u8],
    parent: &'a [u8],
    end_nanos: u64,
    attributes: Vec<&'a [u8]>,
    events: Vec<&'a [u8]>,
    links: Vec<&'a [u8]>,
}

impl Reader<'_> {
    /// `ResourceSpans { resource = 1, scope_spans = 2 }` with `ScopeSpans { spans = 2 }`.
    fn resource(&mut self, bytes: &[u8], otlp: &OtlpConfig) -> Result<(), Error> {
        self.resource = Resource::of(bytes, self.config, otlp)?.labels(self.config, &mut self.decoded.problems);
        let mut fields = Message::new(bytes, "ResourceSpans");
        while let Some((field, value)) = fields.next()? {
            if field != 2 {
                continue;
            }
            let mut scope = Message::new(value.bytes("scope_spans")?, "ScopeSpans");
            while let Some((field, value)) = scope.next()? {
                if field == 2 {
                    self.span(value.bytes("spans")?)?;
                }
            }
        }
        Ok(())
    }

    /// `Span { trace_id = 1, span_id = 2, parent_span_id = 4, name = 5, kind = 6, start = 7, end = 8, attributes = 9,
    /// events = 11, links = 13, status = 15 }`.
    fn span(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut parts = Parts::default();
        let mut span = self.blank();
        let mut fields = Message::new(bytes, "Span");
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => parts.trace = value.bytes("trace_id")?,
                2 => parts.id = value.bytes("span_id")?,
                4 => parts.parent = value.bytes("parent_span_id")?,
                5 => span.name = self.short(value.bytes("name")?),
                6 => span.kind = kind(value.uint64("kind")?),
                7 => span.start_nanos = value.fixed64("start_time_unix_nano")?,
                8 => parts.end_nanos = value.fixed64("end_time_unix_nano")?,
                9 => parts.attributes.push(value.bytes("attributes")?),
                11 => parts.events.push(value.bytes("events")?),
                13 => parts.links.push(value.bytes("links")?),
                15 => (span.status, span.message) = self.status(value.bytes("status")?)?,
                _ => {}
            }
        }
        if let Err((reason, detail)) = identify(&mut span, &parts) {
            self.decoded.rejected += 1;
            self.decoded.problems.add(reason, 1, || format!("span {:?}: {detail}", super::brief(&span.name)));
            return Ok(());
        }
        span.attributes = self.attributes(&parts.attributes)?;
        for bytes in parts.events.iter().take(MOST_EVENTS) {
            span.events.push(self.event(bytes)?);
        }
        for bytes in parts.links.iter().take(MOST_EVENTS) {
            span.links.extend(link(bytes)?);
        }
        let beyond = |list: &[&[u8]]| list.len().saturating_sub(MOST_EVENTS) as u64;
        let left_out = beyond(&parts.events) + beyond(&parts.links);
        self.decoded.problems.add(Reason::Metadata, left_out, String::new);
        self.decoded.batch.push(span);
        Ok(())
    }

    fn blank(&self) -> Span {
        Span {
            trace: TraceId([0; 16]),
            id: SpanId([0; 8]),
            parent: None,
            name: String::new(),
            kind: SpanKind::Internal,
            start_nanos: 0,
            duration_nanos: 0,
            status: SpanStatus::Unset,
            message: String::new(),
            resource: self.resource.clone(),
            attributes: Labels::default(),
            events: vec![],
            links: vec![],
        }
    }

    /// `Status { message = 2, code = 3 }`.
    fn status(&self, bytes: &[u8]) -> Result<(SpanStatus, String), Error> {
        let mut status = (SpanStatus::Unset, String::new());
        let mut fields = Message::new(bytes, "Status");
        while let Some((field, value)) = fields.next()? {
            match field {
                2 => status.1 = self.short(value.bytes("status.message")?),
                3 => {
                    status.0 = match value.uint64("status.code")? {
                        1 => SpanStatus::Ok,
                        2 => SpanStatus::Error,
                        _ => SpanStatus::Unset,
                    }
                }
                _ => {}
            }
        }
        Ok(status)
    }

    /// `Event { time = 1, name = 2, attributes = 3 }`.
    fn event(&mut self, bytes: &[u8]) -> Result<SpanEvent, Error> {
        let mut event = SpanEvent { time_nanos: 0, name: String::new(), attributes: Labels::default() };
        let mut attributes = vec![];
        let mut fields = Message::new(bytes, "Event");
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => event.time_nanos = value.fixed64("event.time_unix_nano")?,
                2 => event.name = self.short(value.bytes("event.name")?),
                3 => attributes.push(value.bytes("event.attributes")?),
                _ => {}
            }
        }
        event.attributes = self.attributes(&attributes)?;
        Ok(event)
    }

    /// Attributes under the names that OpenTelemetry gives them, for example `http.request.method`.
    fn attributes(&mut self, list: &[&[u8]]) -> Result<Labels, Error> {
        let mut pairs: Vec<(&str, Cow<'_, str>)> = vec![];
        // What is beyond the limit is counted, but not worth reading.
        let (kept, beyond) = list.split_at_checked(self.config.max_labels).unwrap_or((list, &[]));
        for bytes in kept {
            let (key, any) = any_value::key_value(bytes)?;
            pairs.push((key, any_value::text(any, self.config.max_label_value_bytes)?));
        }
        self.decoded.problems.add(Reason::Metadata, beyond.len() as u64, String::new);
        let pairs = pairs.iter().map(|(name, value)| (*name, &**value));
        Ok(line_metadata(pairs, self.config, &mut self.decoded.problems))
    }

    fn short(&self, bytes: &[u8]) -> String {
        shortened(&String::from_utf8_lossy(bytes), self.config.max_label_value_bytes).to_owned()
    }
}

/// The ids and times of a span, or why it has none.
fn identify(span: &mut Span, parts: &Parts<'_>) -> Result<(), (Reason, String)> {
    let bad_id = |what, bytes: &[u8], length: usize| {
        (Reason::SpanId, format!("{what} has {} bytes or is zero, expected are {length} that are not", bytes.len()))
    };
    span.trace = trace_id(parts.trace).ok_or_else(|| bad_id("trace_id", parts.trace, 16))?;
    span.id = span_id(parts.id).ok_or_else(|| bad_id("span_id", parts.id, 8))?;
    // A parent that is no id is no parent.
    span.parent = span_id(parts.parent);
    if span.start_nanos == 0 || !millis(span.start_nanos).is_plausible() {
        let detail = format!("start_time_unix_nano: {} is not between 1970 and 2200", span.start_nanos);
        return Err((Reason::Timestamp, detail));
    }
    // A clock that was set back in between makes the end come first.
    span.duration_nanos = parts.end_nanos.saturating_sub(span.start_nanos);
    Ok(())
}

/// `Link { trace_id = 1, span_id = 2 }`.
fn link(bytes: &[u8]) -> Result<Option<(TraceId, SpanId)>, Error> {
    let (mut trace, mut span) = (None, None);
    let mut fields = Message::new(bytes, "Link");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => trace = trace_id(value.bytes("link.trace_id")?),
            2 => span = span_id(value.bytes("link.span_id")?),
            _ => {}
        }
    }
    Ok(trace.zip(span))
}

/// A trace's id; None if it is none.
pub(super) fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    bytes.try_into().map(TraceId).ok().filter(|it| !it.is_zero())
}

/// A span's id; None if it is none.
pub(super) fn span_id(bytes: &[u8]) -> Option<SpanId> {
    bytes.try_into().map(SpanId).ok().filter(|it| !it.is_zero())
}

const fn kind(number: u64) -> SpanKind {
    match number {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}
