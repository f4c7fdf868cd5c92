//! Why can a message not be read? A closed set, so that it can be counted, and words for who repairs the producer.

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoisonReason {
    /// There is no body.
    Empty,
    /// The body is not of the configured format.
    Malformed,
    /// The body is larger than a limit.
    TooLarge,
    /// Its time is before 1970 or after 2200.
    Timestamp,
    /// Its labels break a limit.
    Labels,
}

impl PoisonReason {
    pub(super) const ALL: [Self; 5] = [Self::Empty, Self::Malformed, Self::TooLarge, Self::Timestamp, Self::Labels];

    /// Snake-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Timestamp => "timestamp",
            Self::Labels => "labels",
        }
    }
}

/// A message that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .reason.as_str())]
pub struct Poison {
    /// For counting.
    pub reason: PoisonReason,
    /// Where, and what was expected.
    pub detail: String,
}

impl Poison {
    pub(super) fn new(reason: PoisonReason, detail: impl ToString) -> Self {
        Self { reason, detail: detail.to_string() }
    }
}

impl From<crate::Error> for Poison {
    fn from(error: crate::Error) -> Self {
        let reason = match error {
            crate::Error::TooLarge { .. } => PoisonReason::TooLarge,
            _ => PoisonReason::Malformed,
        };
        Self::new(reason, error)
    }
}
