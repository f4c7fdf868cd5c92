//! What does the responder ask of workers, and what does a partition answer? The ports of the store and of the detector, as
//! data.
//!
//! Numbers travel as their bits: JSON knows neither NaN nor infinity, and both are stored.

use serde::{Deserialize, Serialize};
use signal::{
    History as _, Labels, LessonTarget, LogHit, LogId, LogQuery, LogRecord, LogSearch as _, LogTemplate, Point,
    PortError, Score, SeriesId, SeriesQuery, Span, SpanQuery, TemplateChange, Templates as _, TimeRange, Timestamp,
    TraceId, TraceSearch as _, TraceSummary,
};

use crate::roles::partition::Partition;

/// Bits of the number of a line within its partition; the partition's own number stands above them. Both together stay
/// below 2^53, so that every reader of JSON has the number in full.
const LINE_BITS: u32 = 40;

/// One question to all partitions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// `History::series`.
    Series(SeriesQuery),
    /// `History::labels`.
    Labels(SeriesId),
    /// `History::points`.
    Points(SeriesId, TimeRange),
    /// `LogSearch::search`.
    Search(LogQuery),
    /// `LogSearch::line`.
    Line(LogId),
    /// `Templates::changes`.
    TemplateChanges(TimeRange, TimeRange),
    /// `Templates::templates`.
    Templates(TimeRange, Option<String>, usize),
    /// `Templates::anomalies`.
    LogAnomalies(TimeRange, Option<String>, usize),
    /// `Scores::score`.
    Score(SeriesId),
    /// `Scores::band`.
    Band(SeriesId, TimeRange),
    /// `Scores::highest`.
    Highest(usize),
    /// `TraceSearch::trace`.
    Trace(TraceId, TimeRange),
    /// `TraceSearch::trace_size`.
    TraceSize(TraceId, TimeRange),
    /// `TraceSearch::traces`.
    Traces(SpanQuery),
    /// No question: the thresholds that follow from what people have said.
    Learned(Vec<(LessonTarget, f64)>),
}

/// What one partition answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Labels of series; one or none to `Labels`.
    Series(Vec<Labels>),
    /// Points: time and bits of the value.
    Points(Vec<(Timestamp, u64)>),
    /// Lines that were found.
    Hits(Vec<LogHit>),
    /// One line, or none.
    Line(Option<LogRecord>),
    /// Templates whose rate has changed.
    TemplateChanges(Vec<TemplateChange>),
    /// Templates.
    Templates(Vec<LogTemplate>),
    /// Anomalies, as records of findings.
    Anomalies(Vec<Vec<u8>>),
    /// Verdicts.
    Scores(Vec<(Timestamp, ScoreBits)>),
    /// Verdicts of several series.
    Highest(Vec<(Labels, Timestamp, ScoreBits)>),
    /// Spans of one trace.
    Spans(Vec<Span>),
    /// How many spans.
    Size(u64),
    /// Traces.
    Traces(Vec<TraceSummary>),
    /// To `Learned`.
    Taken,
    /// The partition could not answer; the text says why.
    Failed(String),
}

/// A score, bit by bit.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ScoreBits {
    numbers: [u64; 5],
    is_ready: bool,
    is_provisional: bool,
}

impl From<&Score> for ScoreBits {
    fn from(it: &Score) -> Self {
        Self {
            numbers: [it.value, it.y, it.yhat, it.yhat_lower, it.yhat_upper].map(f64::to_bits),
            is_ready: it.is_ready,
            is_provisional: it.is_provisional,
        }
    }
}

impl From<ScoreBits> for Score {
    fn from(it: ScoreBits) -> Self {
        let [value, y, yhat, yhat_lower, yhat_upper] = it.numbers.map(f64::from_bits);
        Self { value, y, yhat, yhat_lower, yhat_upper, is_ready: it.is_ready, is_provisional: it.is_provisional }
    }
}

/// Points as they travel.
pub fn to_bits(points: &[Point]) -> Vec<(Timestamp, u64)> {
    points.iter().map(|it| (it.time, it.value.to_bits())).collect()
}

/// Points as they are.
pub fn from_bits(points: &[(Timestamp, u64)]) -> Vec<Point> {
    points.iter().map(|(time, bits)| Point { time: *time, value: f64::from_bits(*bits) }).collect()
}

impl Partition {
    /// Answers from the partition's store, detector and log watch.
    pub fn answer(&self, question: &Question) -> Answer {
        self.try_answer(question).unwrap_or_else(|error| Answer::Failed(error.to_string()))
    }

    fn try_answer(&self, question: &Question) -> Result<Answer, PortError> {
        let scores = |it: Vec<(Timestamp, Score)>| {
            Answer::Scores(it.iter().map(|(time, score)| (*time, score.into())).collect())
        };
        Ok(match question {
            Question::Series(query) => Answer::Series(self.store.series(query)?),
            Question::Labels(series) => Answer::Series(self.store.labels(*series).into_iter().collect()),
            Question::Points(series, range) => Answer::Points(to_bits(&self.store.points(*series, *range)?)),
            Question::Search(query) => {
                let hits = self.store.search(query)?.into_iter();
                Answer::Hits(hits.map(|it| LogHit { id: self.global(it.id), ..it }).collect())
            }
            Question::Line(id) => Answer::Line(match self.local(*id) {
                Some(id) => self.store.line(id)?,
                None => None,
            }),
            Question::TemplateChanges(before, after) => {
                Answer::TemplateChanges(self.templates().changes(*before, *after))
            }
            Question::Templates(range, service, limit) => {
                Answer::Templates(self.templates().templates(*range, service.as_deref(), *limit))
            }
            Question::LogAnomalies(range, service, limit) => {
                let found = self.templates().anomalies(*range, service.as_deref(), *limit);
                Answer::Anomalies(cluster::Finding::Anomalies(found).encode())
            }
            Question::Score(series) => scores(self.shard().score(*series).into_iter().collect()),
            Question::Band(series, range) => scores(self.shard().band(*series, *range)),
            Question::Highest(limit) => {
                let highest = self.shard().highest(*limit);
                Answer::Highest(highest.into_iter().map(|(labels, time, it)| (labels, time, (&it).into())).collect())
            }
            Question::Trace(id, range) => Answer::Spans(self.store.trace(*id, *range)?),
            Question::TraceSize(id, range) => Answer::Size(self.store.trace_size(*id, *range)?),
            Question::Traces(query) => Answer::Traces(self.store.traces(query)?),
            Question::Learned(all) => {
                self.heed(all);
                Answer::Taken
            }
        })
    }

    fn global(&self, id: LogId) -> LogId {
        LogId(u64::from(self.number) << LINE_BITS | id.0)
    }

    fn local(&self, id: LogId) -> Option<LogId> {
        (id.0 >> LINE_BITS == u64::from(self.number)).then_some(LogId(id.0 & ((1 << LINE_BITS) - 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_travel_as_they_are() {
        let points =
            [1.0, f64::NAN, f64::NEG_INFINITY, 0.1 + 0.2].map(|value| Point { time: Timestamp::from_secs(1), value });
        let text = serde_json::to_string(&Answer::Points(to_bits(&points))).unwrap();
        let Answer::Points(read) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        let bits = |it: &[Point]| it.iter().map(|it| it.value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&from_bits(&read)), bits(&points));
        let score = Score { value: f64::INFINITY, ..Score::warming_up(f64::NAN) };
        assert_eq!(format!("{:?}", Score::from(ScoreBits::from(&score))), format!("{score:?}"));
    }
}
