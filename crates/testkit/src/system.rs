//! What must a system offer so that a scenario can be run against it? Signals in, incidents and plans out.

use signal::{
    Change, Incident, IncidentId, Inference, Label, Labels, LogRecord, Opinion, Plan, SeriesPoints, Span, Timestamp,
};

/// The answer to a question, as far as a scenario compares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// How it was understood, such as `why`.
    pub shape: String,
    /// Services and hosts that were understood.
    pub services: Vec<String>,
    /// The incident that covers it.
    pub incident: Option<String>,
    /// Service and fault of the causes, best first.
    pub causes: Vec<(String, String)>,
    /// The whole answer.
    pub text: String,
}

/// The thing under test: the whole of Sentinel, or a small fake. Time is simulated: nothing may look at a clock.
///
/// For each simulated second the runner calls `changes`, `samples`, `logs`, `spans` and `predictions` (each only if there is
/// something) and then `advance`.
pub trait System {
    /// Samples that arrived up to `now`.
    fn samples(&mut self, now: Timestamp, batch: Vec<SeriesPoints>);
    /// Log lines that arrived up to `now`.
    fn logs(&mut self, now: Timestamp, lines: Vec<LogRecord>);
    /// Spans that ended up to `now`.
    fn spans(&mut self, now: Timestamp, spans: Vec<Span>);
    /// Predictions that were made up to `now`, and labels that have come for earlier ones.
    fn predictions(&mut self, now: Timestamp, rows: Vec<Inference>, labels: Vec<Label>);
    /// Deploys and other changes that were made up to `now`.
    fn changes(&mut self, now: Timestamp, changes: Vec<Change>);
    /// The second is over: what is due by time (missing data, recovery, diagnosis) happens here.
    fn advance(&mut self, now: Timestamp);
    /// All incidents so far, in any order.
    fn incidents(&self) -> Vec<Incident>;
    /// All plans so far, in any order.
    fn plans(&self) -> Vec<Plan>;
    /// Stored log lines with these words in their text or metadata.
    fn lines(&self, words: &str) -> Vec<LogRecord>;
    /// Stored series that have at least these labels.
    fn series(&self, labels: &Labels) -> Vec<Labels>;
    /// Answers a question in words, as it stands at `now`. The error is shown to the user.
    fn ask(&mut self, now: Timestamp, question: &str) -> Result<Reply, String> {
        Err(format!("this system answers no questions ({question:?} at {now})"))
    }
    /// Takes a person's opinion on an incident, who may name the service or host to blame. The error is shown to the user.
    fn feedback(
        &mut self,
        now: Timestamp,
        incident: IncidentId,
        opinion: Opinion,
        cause: Option<&str>,
    ) -> Result<(), String> {
        Err(format!("this system takes no opinions ({opinion:?} on {incident} at {now}, cause {cause:?})"))
    }
    /// Takes the text of a `config` block, before the first signal. The error is shown to the user.
    fn configure(&mut self, text: &str) -> Result<(), String> {
        Err(format!("this system takes no configuration ({} bytes given)", text.len()))
    }
}
