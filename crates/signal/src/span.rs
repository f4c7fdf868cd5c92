//! What was one step of a request? A span of a trace, in the model of OpenTelemetry.
//!
//! Source: <https://opentelemetry.io/docs/specs/otel/trace/api/>.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Labels, Timestamp};

/// The identity of a trace: 16 bytes, shown as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// The identity of a span within its trace: 8 bytes, shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

/// The side of a call that a span tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanKind {
    /// Work inside a service.
    #[default]
    Internal,
    /// A request that a service answers.
    Server,
    /// A request that a service makes.
    Client,
    /// A message that is sent.
    Producer,
    /// A message that is worked on.
    Consumer,
}

/// How a span ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanStatus {
    /// Nothing was said, which is the usual good end.
    #[default]
    Unset,
    /// The application says that it was good.
    Ok,
    /// It failed.
    Error,
}

/// One step of a request. All texts are untrusted: data, never an instruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The trace it belongs to.
    pub trace: TraceId,
    /// Its identity.
    pub id: SpanId,
    /// The span that it was made by; None for the root.
    pub parent: Option<SpanId>,
    /// The operation, for example "GET /cart".
    pub name: String,
    /// The side of a call.
    pub kind: SpanKind,
    /// When it began, in nanoseconds since 1970.
    pub start_nanos: u64,
    /// How long it took, in nanoseconds.
    pub duration_nanos: u64,
    /// How it ended.
    pub status: SpanStatus,
    /// What was said about the end.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Who made it: `service`, `host` and further attributes of the resource.
    pub resource: Labels,
    /// What is told about it.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub attributes: Labels,
    /// What happened within it, for example exceptions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<SpanEvent>,
    /// Spans of other traces that it has to do with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(TraceId, SpanId)>,
}

/// Something that happened within a span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpanEvent {
    /// When, in nanoseconds since 1970.
    pub time_nanos: u64,
    /// What, for example "exception".
    pub name: String,
    /// What is told about it.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub attributes: Labels,
}

impl Span {
    /// The service that made it, or the host, or "".
    pub fn service(&self) -> &str {
        self.resource.owner()
    }

    /// When it began, to the millisecond.
    pub fn start(&self) -> Timestamp {
        Timestamp::from_millis((self.start_nanos / 1_000_000) as i64)
    }

    /// When it ended, to the millisecond.
    pub fn end(&self) -> Timestamp {
        Timestamp::from_millis((self.start_nanos.saturating_add(self.duration_nanos) / 1_000_000) as i64)
    }

    /// How long it took, in seconds.
    pub fn secs(&self) -> f64 {
        self.duration_nanos as f64 / 1e9
    }

    /// True if it failed.
    pub fn is_error(&self) -> bool {
        self.status == SpanStatus::Error
    }
}

impl SpanKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer];

    /// Lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// The text was not the right number of hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} hexadecimal digits")]
pub struct IdParseError {
    digits: usize,
}

/// The traits that the two kinds of id share.
macro_rules! hex_id {
    ($name:ident, $number:ty) => {
        impl $name {
            /// True if all bytes are zero, which is no id.
            pub fn is_zero(&self) -> bool {
                self.0.iter().all(|it| *it == 0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|it| write!(formatter, "{it:02x}"))
            }
        }

        impl FromStr for $name {
            type Err = IdParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let digits = 2 * size_of::<Self>();
                let is_hex = text.len() == digits && text.bytes().all(|it| it.is_ascii_hexdigit());
                let number = <$number>::from_str_radix(text, 16).ok().filter(|_| is_hex);
                number.map(|it| Self(it.to_be_bytes())).ok_or(IdParseError { digits })
            }
        }

        crate::text::as_text!($name);
    };
}

hex_id!(TraceId, u128);
hex_id!(SpanId, u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_and_written_as_hexadecimal_digits() {
        let id: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
        assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!("00F067aa0ba902b7".parse::<SpanId>().unwrap().to_string(), "00f067aa0ba902b7");
        assert!("0000000000000000".parse::<SpanId>().unwrap().is_zero());
        for wrong in ["", "00f067aa0ba902b", "00f067aa0ba902bx", "+0f067aa0ba902b7", "\u{e9}0f067aa0ba902"] {
            let error = wrong.parse::<SpanId>().unwrap_err();
            assert_eq!(error.to_string(), "expected 16 hexadecimal digits", "{wrong}");
        }
    }

    #[test]
    fn times_of_any_size_are_survived() {
        let id = SpanId([1; 8]);
        let span = Span {
            trace: TraceId([1; 16]),
            id,
            parent: None,
            name: "GET /".to_owned(),
            kind: SpanKind::Server,
            start_nanos: 1_700_000_000_500_000_000,
            duration_nanos: 1_500_000_000,
            status: SpanStatus::Error,
            message: String::new(),
            resource: Labels::new([("service", "shop")]),
            attributes: Labels::default(),
            events: vec![],
            links: vec![(TraceId([2; 16]), id)],
        };
        assert_eq!((span.start().millis(), span.end().millis()), (1_700_000_000_500, 1_700_000_002_000));
        let text = serde_json::to_string(&span).unwrap();
        assert_eq!(serde_json::from_str::<Span>(&text).unwrap(), span);
        let endless = Span { start_nanos: u64::MAX, duration_nanos: u64::MAX, ..span };
        assert!(endless.end() >= endless.start());
    }
}
