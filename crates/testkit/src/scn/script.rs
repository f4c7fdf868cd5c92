//! What does a scenario consist of, once it is read?

use std::time::Duration;

use signal::{ChangeKind, Labels, Opinion};

use super::cadence::Cadence;
use super::call::CallPart;
use super::predict::PredictPart;
use crate::shop::Fault;

/// A scenario that has been read and can be run any number of times.
#[derive(Clone, Debug)]
pub struct Script {
    /// The name it was read under, usually the file.
    pub name: String,
    pub(super) config: Option<ConfigBlock>,
    /// Time passes in steps of this length.
    pub(super) tick: Duration,
    pub(super) shop: Option<ShopPart>,
    pub(super) loads: Vec<Load>,
    pub(super) logs: Vec<LogPart>,
    pub(super) calls: Vec<CallPart>,
    pub(super) predictions: Vec<PredictPart>,
    pub(super) breaks: Vec<Break>,
    pub(super) changes: Vec<ChangePart>,
    pub(super) steps: Vec<Step>,
}

impl Script {
    /// When the last input has come in.
    pub(super) fn end(&self) -> Duration {
        let loads = self.loads.iter().map(|it| it.interval * u32::try_from(it.values.len()).unwrap_or(u32::MAX));
        let logs = self.logs.iter().map(|it| it.cadence.to);
        let calls = self.calls.iter().map(|it| it.cadence.to);
        let predictions = self.predictions.iter().map(PredictPart::end);
        let changes = self.changes.iter().map(|it| it.at);
        let shop = self.shop.iter().map(|it| it.length);
        loads.chain(logs).chain(calls).chain(predictions).chain(changes).chain(shop).max().unwrap_or(Duration::ZERO)
    }
}

/// `config ... end`
#[derive(Clone, Debug)]
pub(super) struct ConfigBlock {
    pub(super) line: usize,
    pub(super) text: String,
}

/// `shop for 12m seed 7`
#[derive(Clone, Debug)]
pub(super) struct ShopPart {
    pub(super) length: Duration,
    pub(super) seed: u64,
}

/// `load 10s latency_seconds{service="pay"} 0.2+0x60`
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) interval: Duration,
    pub(super) labels: Labels,
    /// None where no sample comes.
    pub(super) values: Vec<Option<f64>>,
}

/// `log every 5s from 1m to 3m {service="pay"} "text {n}"`; a single line stands there without `every`.
#[derive(Clone, Debug)]
pub(super) struct LogPart {
    pub(super) cadence: Cadence,
    pub(super) labels: Labels,
    pub(super) text: String,
}

/// `break pool_exhaustion on checkout at 10m for 3m`
#[derive(Clone, Debug)]
pub(super) struct Break {
    pub(super) fault: Fault,
    pub(super) at: Duration,
    pub(super) length: Option<Duration>,
}

/// `change 5m deploy checkout "checkout 6.2.0"`
#[derive(Clone, Debug)]
pub(super) struct ChangePart {
    pub(super) at: Duration,
    pub(super) kind: ChangeKind,
    pub(super) service: String,
    pub(super) title: String,
}

/// Something the runner does, in the order of the text.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Lets time pass; None means until all inputs are in.
    Detect(Option<Duration>),
    /// Looks at what was found.
    Expect { line: usize, text: String, expectation: Expectation },
    /// Asks in words and looks at the answer.
    Ask { line: usize, text: String, ask: AskPart },
    /// A person says what they think of incidents.
    Feedback { line: usize, text: String, feedback: FeedbackPart },
}

/// `ask "Why is checkout slow?" expects shape="why", cause="checkout"`
#[derive(Clone, Debug)]
pub(super) struct AskPart {
    pub(super) question: String,
    pub(super) filter: Filter,
}

/// `feedback noise: service="checkout"`
#[derive(Clone, Debug)]
pub(super) struct FeedbackPart {
    pub(super) opinion: Opinion,
    /// Who was to blame, if the person names somebody.
    pub(super) cause: Option<String>,
    pub(super) filter: Filter,
}

/// A condition on what was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expectation {
    /// An incident was detected in this window.
    IncidentWithin { window: Window, filter: Filter },
    /// As many incidents as this were detected.
    IncidentCount { count: usize, window: Option<Window>, filter: Filter },
    /// Some incident has such a cause among its first ones.
    Diagnosis { top: usize, filter: Filter },
    /// No incident has a cause.
    NoCause,
    /// There is an incident, and all have ended in this window or before.
    Resolved { window: Window },
    /// There is such a plan.
    Plan { filter: Filter },
    /// There is no plan.
    NoPlan,
    /// A line with this text is stored, or none is.
    Line { text: String, is_there: bool },
    /// A series with these labels is stored, or none is.
    Series { labels: Labels, is_there: bool },
}

/// From and to, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) from: Duration,
    pub(super) to: Duration,
}

/// Pairs of a field and the values it may have; all pairs must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter(pub(super) Vec<(String, Vec<String>)>);

impl Filter {
    /// True if for each field one of its values is accepted.
    pub(super) fn holds(&self, accepts: impl Fn(&str, &str) -> bool) -> bool {
        self.0.iter().all(|(field, values)| values.iter().any(|value| accepts(field, value)))
    }
}
