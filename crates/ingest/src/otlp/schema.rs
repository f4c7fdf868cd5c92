//! Which fields does a message of OTLP have in JSON? A table from names to field numbers and kinds.
//!
//! From the `.proto` files of OTLP 1.x; names are those of the proto3 JSON mapping in lowerCamelCase, which is the only
//! spelling that OTLP allows. Fields that nothing here reads are left out, so they are ignored as unknown ones are.
//! Quirks: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

/// A message: its fields.
pub(super) struct Shape(pub(super) &'static [Field]);

/// A field: its name in JSON, its number and what it holds.
pub(super) struct Field(pub(super) &'static str, pub(super) u32, pub(super) Holds);

/// What a field holds. `Many` is an array.
pub(super) enum Holds {
    One(Kind),
    Many(Kind),
}

/// A kind of value.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Base64.
    Bytes,
    /// An id: hexadecimal digits instead of base64.
    Hex,
    Bool,
    Double,
    /// `int64`.
    Int64,
    /// `uint32`, `uint64`, and enumerations, which must be numbers.
    Uint64,
    /// `sint32`.
    Sint32,
    Fixed64,
    Sfixed64,
    Message(&'static Shape),
}

use Holds::{Many, One};

pub(super) static METRICS: Shape = Shape(&[Field("resourceMetrics", 1, Many(Kind::Message(&RESOURCE_METRICS)))]);
pub(super) static LOGS: Shape = Shape(&[Field("resourceLogs", 1, Many(Kind::Message(&RESOURCE_LOGS)))]);
pub(super) static TRACES: Shape = Shape(&[Field("resourceSpans", 1, Many(Kind::Message(&RESOURCE_SPANS)))]);

const ATTRIBUTES: Kind = Kind::Message(&KEY_VALUE);
const BUCKETS_OF: Kind = Kind::Message(&BUCKETS);

static KEY_VALUE: Shape = Shape(&[Field("key", 1, One(Kind::Text)), Field("value", 2, One(Kind::Message(&ANY_VALUE)))]);
static ANY_VALUE: Shape = Shape(&[
    Field("stringValue", 1, One(Kind::Text)),
    Field("boolValue", 2, One(Kind::Bool)),
    Field("intValue", 3, One(Kind::Int64)),
    Field("doubleValue", 4, One(Kind::Double)),
    Field("arrayValue", 5, One(Kind::Message(&ARRAY_VALUE))),
    Field("kvlistValue", 6, One(Kind::Message(&KEY_VALUE_LIST))),
    Field("bytesValue", 7, One(Kind::Bytes)),
]);
static ARRAY_VALUE: Shape = Shape(&[Field("values", 1, Many(Kind::Message(&ANY_VALUE)))]);
static KEY_VALUE_LIST: Shape = Shape(&[Field("values", 1, Many(Kind::Message(&KEY_VALUE)))]);
static RESOURCE: Shape = Shape(&[Field("attributes", 1, Many(ATTRIBUTES))]);
static SCOPE: Shape = Shape(&[Field("name", 1, One(Kind::Text))]);

static RESOURCE_METRICS: Shape = Shape(&[
    Field("resource", 1, One(Kind::Message(&RESOURCE))),
    Field("scopeMetrics", 2, Many(Kind::Message(&SCOPE_METRICS))),
]);
static SCOPE_METRICS: Shape = Shape(&[Field("metrics", 2, Many(Kind::Message(&METRIC)))]);
static METRIC: Shape = Shape(&[
    Field("name", 1, One(Kind::Text)),
    Field("unit", 3, One(Kind::Text)),
    Field("gauge", 5, One(Kind::Message(&NUMBERS))),
    Field("sum", 7, One(Kind::Message(&NUMBERS))),
    Field("histogram", 9, One(Kind::Message(&HISTOGRAM))),
    Field("exponentialHistogram", 10, One(Kind::Message(&EXPONENTIAL_HISTOGRAM))),
    Field("summary", 11, One(Kind::Message(&SUMMARY))),
]);
static NUMBERS: Shape = Shape(&[
    Field("dataPoints", 1, Many(Kind::Message(&NUMBER_POINT))),
    Field("aggregationTemporality", 2, One(Kind::Uint64)),
    Field("isMonotonic", 3, One(Kind::Bool)),
]);
static NUMBER_POINT: Shape = Shape(&[
    Field("timeUnixNano", 3, One(Kind::Fixed64)),
    Field("asDouble", 4, One(Kind::Double)),
    Field("exemplars", 5, Many(Kind::Message(&EXEMPLAR))),
    Field("asInt", 6, One(Kind::Sfixed64)),
    Field("attributes", 7, Many(ATTRIBUTES)),
    Field("flags", 8, One(Kind::Uint64)),
]);
static HISTOGRAM: Shape = Shape(&[
    Field("dataPoints", 1, Many(Kind::Message(&HISTOGRAM_POINT))),
    Field("aggregationTemporality", 2, One(Kind::Uint64)),
]);
static HISTOGRAM_POINT: Shape = Shape(&[
    Field("timeUnixNano", 3, One(Kind::Fixed64)),
    Field("count", 4, One(Kind::Fixed64)),
    Field("sum", 5, One(Kind::Double)),
    Field("bucketCounts", 6, Many(Kind::Fixed64)),
    Field("explicitBounds", 7, Many(Kind::Double)),
    Field("exemplars", 8, Many(Kind::Message(&EXEMPLAR))),
    Field("attributes", 9, Many(ATTRIBUTES)),
    Field("flags", 10, One(Kind::Uint64)),
]);
static EXPONENTIAL_HISTOGRAM: Shape = Shape(&[
    Field("dataPoints", 1, Many(Kind::Message(&EXPONENTIAL_POINT))),
    Field("aggregationTemporality", 2, One(Kind::Uint64)),
]);
static EXPONENTIAL_POINT: Shape = Shape(&[
    Field("attributes", 1, Many(ATTRIBUTES)),
    Field("timeUnixNano", 3, One(Kind::Fixed64)),
    Field("count", 4, One(Kind::Fixed64)),
    Field("sum", 5, One(Kind::Double)),
    Field("scale", 6, One(Kind::Sint32)),
    Field("zeroCount", 7, One(Kind::Fixed64)),
    Field("positive", 8, One(BUCKETS_OF)),
    Field("negative", 9, One(BUCKETS_OF)),
    Field("flags", 10, One(Kind::Uint64)),
    Field("exemplars", 11, Many(Kind::Message(&EXEMPLAR))),
    Field("zeroThreshold", 14, One(Kind::Double)),
]);
static BUCKETS: Shape = Shape(&[Field("offset", 1, One(Kind::Sint32)), Field("bucketCounts", 2, Many(Kind::Uint64))]);
static SUMMARY: Shape = Shape(&[Field("dataPoints", 1, Many(Kind::Message(&SUMMARY_POINT)))]);
static SUMMARY_POINT: Shape = Shape(&[
    Field("timeUnixNano", 3, One(Kind::Fixed64)),
    Field("count", 4, One(Kind::Fixed64)),
    Field("sum", 5, One(Kind::Double)),
    Field("quantileValues", 6, Many(Kind::Message(&QUANTILE))),
    Field("attributes", 7, Many(ATTRIBUTES)),
    Field("flags", 8, One(Kind::Uint64)),
]);
static QUANTILE: Shape = Shape(&[Field("quantile", 1, One(Kind::Double)), Field("value", 2, One(Kind::Double))]);
static EXEMPLAR: Shape = Shape(&[
    Field("timeUnixNano", 2, One(Kind::Fixed64)),
    Field("asDouble", 3, One(Kind::Double)),
    Field("spanId", 4, One(Kind::Hex)),
    Field("traceId", 5, One(Kind::Hex)),
    Field("asInt", 6, One(Kind::Sfixed64)),
    Field("filteredAttributes", 7, Many(ATTRIBUTES)),
]);

static RESOURCE_LOGS: Shape = Shape(&[
    Field("resource", 1, One(Kind::Message(&RESOURCE))),
    Field("scopeLogs", 2, Many(Kind::Message(&SCOPE_LOGS))),
]);
static SCOPE_LOGS: Shape =
    Shape(&[Field("scope", 1, One(Kind::Message(&SCOPE))), Field("logRecords", 2, Many(Kind::Message(&LOG_RECORD)))]);
static LOG_RECORD: Shape = Shape(&[
    Field("timeUnixNano", 1, One(Kind::Fixed64)),
    Field("severityNumber", 2, One(Kind::Uint64)),
    Field("severityText", 3, One(Kind::Text)),
    Field("body", 5, One(Kind::Message(&ANY_VALUE))),
    Field("attributes", 6, Many(ATTRIBUTES)),
    Field("traceId", 9, One(Kind::Hex)),
    Field("spanId", 10, One(Kind::Hex)),
    Field("observedTimeUnixNano", 11, One(Kind::Fixed64)),
    Field("eventName", 12, One(Kind::Text)),
]);

static RESOURCE_SPANS: Shape = Shape(&[
    Field("resource", 1, One(Kind::Message(&RESOURCE))),
    Field("scopeSpans", 2, Many(Kind::Message(&SCOPE_SPANS))),
]);
static SCOPE_SPANS: Shape = Shape(&[Field("spans", 2, Many(Kind::Message(&SPAN)))]);
static SPAN: Shape = Shape(&[
    Field("traceId", 1, One(Kind::Hex)),
    Field("spanId", 2, One(Kind::Hex)),
    Field("parentSpanId", 4, One(Kind::Hex)),
    Field("name", 5, One(Kind::Text)),
    Field("kind", 6, One(Kind::Uint64)),
    Field("startTimeUnixNano", 7, One(Kind::Fixed64)),
    Field("endTimeUnixNano", 8, One(Kind::Fixed64)),
    Field("attributes", 9, Many(ATTRIBUTES)),
    Field("events", 11, Many(Kind::Message(&EVENT))),
    Field("links", 13, Many(Kind::Message(&LINK))),
    Field("status", 15, One(Kind::Message(&STATUS))),
]);
static EVENT: Shape = Shape(&[
    Field("timeUnixNano", 1, One(Kind::Fixed64)),
    Field("name", 2, One(Kind::Text)),
    Field("attributes", 3, Many(ATTRIBUTES)),
]);
static LINK: Shape = Shape(&[Field("traceId", 1, One(Kind::Hex)), Field("spanId", 2, One(Kind::Hex))]);
static STATUS: Shape = Shape(&[Field("message", 2, One(Kind::Text)), Field("code", 3, One(Kind::Uint64))]);
