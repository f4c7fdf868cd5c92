//! Why is something not allowed? A closed set of reasons, each with a text for people.

/// Something that policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// The class, for metrics and the ledger.
    pub reason: RefusalReason,
    /// One sentence for people.
    pub text: String,
}

impl Refusal {
    pub(crate) fn new(reason: RefusalReason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalReason {
    /// The same playbook has just acted on the same target.
    CoolDown,
    /// Too many plans were carried out in the last hour.
    RateLimit,
    /// A fact that a step needs is not in the evidence.
    MissingFact,
    /// A value from telemetry has a form that is not allowed.
    UnsafeValue,
    /// The program or address is not on its allow-list.
    NotAllowed,
    /// The process is not the one that was meant, or must never be ended.
    WrongProcess,
    /// There is no signal by which success could be judged.
    NothingToVerify,
    /// The digest or the signature does not fit the plan.
    Signature,
    /// The plan is too old.
    Expired,
    /// Somebody has decided already.
    Decided,
    /// Actions are off, or only dry runs are allowed.
    Off,
}

impl RefusalReason {
    /// All of them, for metrics.
    pub(crate) const ALL: [Self; 11] = [
        Self::CoolDown,
        Self::RateLimit,
        Self::MissingFact,
        Self::UnsafeValue,
        Self::NotAllowed,
        Self::WrongProcess,
        Self::NothingToVerify,
        Self::Signature,
        Self::Expired,
        Self::Decided,
        Self::Off,
    ];

    /// Name in metrics and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CoolDown => "cool_down",
            Self::RateLimit => "rate_limit",
            Self::MissingFact => "missing_fact",
            Self::UnsafeValue => "unsafe_value",
            Self::NotAllowed => "not_allowed",
            Self::WrongProcess => "wrong_process",
            Self::NothingToVerify => "nothing_to_verify",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::Decided => "decided",
            Self::Off => "off",
        }
    }
}
