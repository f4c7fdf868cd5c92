//! How does the responder see what workers have? The ports of the store and the detector, answered by all partitions
//! together; what is missing is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use signal::{
    Anomaly, History, Labels, LogHit, LogId, LogQuery, LogRecord, LogSearch, LogTemplate, Point, PortError, Score,
    Scores, SeriesId, SeriesQuery, Span, SpanQuery, TemplateChange, Templates, TimeRange, Timestamp, TraceId,
    TraceSearch, TraceSummary,
};
use store::Store;

use crate::eyes::Eyes;
use crate::roles::question::{Answer, Question, from_bits};

/// Asks all partitions at once.
pub trait Asker: Send + Sync {
    /// The answers of those that answer in time. Who did not is remembered for `gaps`.
    fn ask(&self, question: &Question) -> Answered;
    /// Tells all partitions and waits for no answer.
    fn tell(self: Arc<Self>, news: Question);
    /// Which partitions have not answered since the last call, in words.
    fn gaps(&self) -> Vec<String>;
}

/// What came back.
pub struct Answered {
    /// One answer of each partition that could.
    pub answers: Vec<Answer>,
    /// True if those are all partitions.
    pub is_complete: bool,
}

/// What lies in the workers' partitions, and beside it what the responder has stored itself.
pub struct Elsewhere {
    asker: Arc<dyn Asker>,
    /// Bands of incidents are kept here.
    near: Arc<Store>,
}

impl Elsewhere {
    /// The eyes of a responder.
    pub fn eyes(asker: Arc<dyn Asker>, near: Arc<Store>) -> Eyes {
        let gaps = Arc::clone(&asker);
        let it = Arc::new(Self { asker, near });
        Eyes {
            history: Arc::clone(&it) as _,
            logs: Arc::clone(&it) as _,
            templates: Arc::clone(&it) as _,
            traces: Arc::clone(&it) as _,
            scores: Some(it as _),
            gaps: Arc::new(move || gaps.gaps()),
        }
    }

    /// The parts of all answers, one after the other.
    fn gather<T>(&self, question: &Question, pick: impl Fn(Answer) -> Option<Vec<T>>) -> Vec<T> {
        self.asker.ask(question).answers.into_iter().filter_map(pick).flatten().collect()
    }

    /// The one thing that some partition has; none only if all of them were asked.
    fn find<T>(&self, question: &Question, pick: impl Fn(Answer) -> Option<T>) -> Result<Option<T>, PortError> {
        let Answered { answers, is_complete } = self.asker.ask(question);
        match answers.into_iter().find_map(pick) {
            None if !is_complete => Err(PortError::Busy("some partitions do not answer now".to_owned())),
            found => Ok(found),
        }
    }

    fn scores(&self, question: &Question) -> Vec<(Timestamp, Score)> {
        self.gather(question, |it| match it {
            Answer::Scores(it) => Some(it.into_iter().map(|(time, bits)| (time, bits.into())).collect()),
            _ => None,
        })
    }
}

impl History for Elsewhere {
    fn series(&self, query: &SeriesQuery) -> Result<Vec<Labels>, PortError> {
        let mut found = self.near.series(query)?;
        found.extend(self.gather(&Question::Series(query.clone()), |it| match it {
            Answer::Series(it) => Some(it),
            _ => None,
        }));
        found.sort_unstable();
        found.dedup();
        if query.limit > 0 {
            found.truncate(query.limit);
        }
        Ok(found)
    }

    fn labels(&self, series: SeriesId) -> Result<Option<Labels>, PortError> {
        if let Some(labels) = self.near.labels(series) {
            return Ok(Some(labels));
        }
        self.find(&Question::Labels(series), |it| match it {
            Answer::Series(it) => it.into_iter().next(),
            _ => None,
        })
    }

    fn points(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Point>, PortError> {
        let near = self.near.points(series, range)?;
        if !near.is_empty() {
            return Ok(near);
        }
        let found = self.gather(&Question::Points(series, range), |it| match it {
            Answer::Points(it) => Some(from_bits(&it)),
            _ => None,
        });
        // While a partition changes its owner, both may have a part.
        let by_time: BTreeMap<Timestamp, Point> = found.into_iter().map(|it| (it.time, it)).collect();
        Ok(by_time.into_values().collect())
    }
}

impl LogSearch for Elsewhere {
    fn search(&self, query: &LogQuery) -> Result<Vec<LogHit>, PortError> {
        let mut hits = self.gather(&Question::Search(query.clone()), |it| match it {
            Answer::Hits(it) => Some(it),
            _ => None,
        });
        if !query.text.trim().is_empty() {
            hits.sort_by(|a, b| b.relevance.total_cmp(&a.relevance));
            hits.truncate(query.limit);
        }
        hits.sort_by_key(|it| std::cmp::Reverse((it.record.time, it.id)));
        hits.truncate(query.limit);
        Ok(hits)
    }

    fn line(&self, id: LogId) -> Result<Option<LogRecord>, PortError> {
        self.find(&Question::Line(id), |it| match it {
            Answer::Line(it) => it,
            _ => None,
        })
    }
}

impl TraceSearch for Elsewhere {
    fn trace(&self, id: TraceId, range: TimeRange) -> Result<Vec<Span>, PortError> {
        let mut spans = self.gather(&Question::Trace(id, range), |it| match it {
            Answer::Spans(it) => Some(it),
            _ => None,
        });
        // While a partition changes its owner, both may have it.
        spans.sort_by_key(|it| (it.start_nanos, it.id.0));
        spans.dedup_by_key(|it| it.id);
        Ok(spans)
    }

    fn trace_size(&self, id: TraceId, range: TimeRange) -> Result<u64, PortError> {
        // All of them are in one partition. While it changes its owner, both may have it.
        let sizes = self.gather(&Question::TraceSize(id, range), |it| match it {
            Answer::Size(it) => Some(vec![it]),
            _ => None,
        });
        Ok(sizes.into_iter().max().unwrap_or(0))
    }

    fn traces(&self, query: &SpanQuery) -> Result<Vec<TraceSummary>, PortError> {
        let mut found = self.gather(&Question::Traces(query.clone()), |it| match it {
            Answer::Traces(it) => Some(it),
            _ => None,
        });
        found.sort_by(|a, b| b.start.cmp(&a.start).then(a.trace.0.cmp(&b.trace.0)).then(b.spans.cmp(&a.spans)));
        found.dedup_by_key(|it| it.trace);
        found.truncate(query.limit);
        Ok(found)
    }
}

impl Templates for Elsewhere {
    fn changes(&self, before: TimeRange, after: TimeRange) -> Vec<TemplateChange> {
        self.gather(&Question::TemplateChanges(before, after), |it| match it {
            Answer::TemplateChanges(it) => Some(it),
            _ => None,
        })
    }

    fn templates(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Vec<LogTemplate> {
        let question = Question::Templates(range, service.map(str::to_owned), limit);
        let mut found = self.gather(&question, |it| match it {
            Answer::Templates(it) => Some(it),
            _ => None,
        });
        found.sort_by(|a, b| b.level.cmp(&a.level).then(b.per_minute.total_cmp(&a.per_minute)));
        found.truncate(limit);
        found
    }

    fn anomalies(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Vec<Anomaly> {
        let question = Question::LogAnomalies(range, service.map(str::to_owned), limit);
        let records = self.gather(&question, |it| match it {
            Answer::Anomalies(it) => Some(it),
            _ => None,
        });
        let read = |it: &Vec<u8>| match cluster::Finding::decode(it) {
            Ok(cluster::Finding::Anomalies(it)) => it,
            _ => vec![],
        };
        let mut found: Vec<Anomaly> = records.iter().flat_map(read).collect();
        found.sort_by_key(|it| std::cmp::Reverse(it.time));
        found.truncate(limit);
        found
    }
}

impl Scores for Elsewhere {
    fn score(&self, series: SeriesId) -> Option<(Timestamp, Score)> {
        self.scores(&Question::Score(series)).into_iter().max_by_key(|(time, _)| *time)
    }

    fn band(&self, series: SeriesId, range: TimeRange) -> Vec<(Timestamp, Score)> {
        let by_time: BTreeMap<Timestamp, Score> = self.scores(&Question::Band(series, range)).into_iter().collect();
        by_time.into_iter().collect()
    }

    fn highest(&self, limit: usize) -> Vec<(Labels, Timestamp, Score)> {
        let mut found = self.gather(&Question::Highest(limit), |it| match it {
            Answer::Highest(it) => Some(it),
            _ => None,
        });
        let value = |it: &(Labels, Timestamp, crate::roles::question::ScoreBits)| Score::from(it.2).value;
        found.sort_by(|a, b| value(b).total_cmp(&value(a)).then_with(|| a.0.cmp(&b.0)));
        found.truncate(limit);
        found.into_iter().map(|(labels, time, bits)| (labels, time, bits.into())).collect()
    }
}
