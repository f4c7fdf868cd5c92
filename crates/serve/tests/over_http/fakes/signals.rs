//! What came in? Samples, verdicts, log lines, templates, changes, and who calls whom.

use signal::{
    Anomaly, AnomalyKind, Change, ChangeLog, Direction, History, Labels, LogHit, LogId, LogLevel, LogQuery, LogRecord,
    LogSearch, LogTemplate, Matcher, Point, PortError, Score, Scores, SeriesId, SeriesQuery, Severity, TemplateChange,
    TemplateTrend, Templates, TimeRange, Timestamp, Topology,
};

use super::{HOSTILE, World};

impl History for World {
    fn series(&self, query: &SeriesQuery) -> Result<Vec<Labels>, PortError> {
        let found = self.series.iter().filter(|labels| query.matchers.iter().all(|it: &Matcher| it.matches(labels)));
        Ok(found.take(if query.limit == 0 { usize::MAX } else { query.limit }).cloned().collect())
    }

    fn points(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Point>, PortError> {
        let Some(labels) = self.labels(series) else { return Ok(vec![]) };
        Ok(Self::times(range).map(|time| Point { time, value: self.value(labels, time) }).collect())
    }
}

impl Scores for World {
    fn score(&self, series: SeriesId) -> Option<(Timestamp, Score)> {
        let now = self.clock.now();
        self.labels(series).map(|it| (now, self.verdict(it, now)))
    }

    fn band(&self, series: SeriesId, range: TimeRange) -> Vec<(Timestamp, Score)> {
        let Some(labels) = self.labels(series) else { return vec![] };
        Self::times(range).map(|time| (time, self.verdict(labels, time))).collect()
    }

    fn highest(&self, limit: usize) -> Vec<(Labels, Timestamp, Score)> {
        let now = self.clock.now();
        let mut all: Vec<_> = self.series.iter().map(|it| (it.clone(), now, self.verdict(it, now))).collect();
        all.sort_by(|a, b| b.2.value.total_cmp(&a.2.value));
        all.truncate(limit);
        all
    }
}

impl LogSearch for World {
    fn search(&self, query: &LogQuery) -> Result<Vec<LogHit>, PortError> {
        let words: Vec<String> = query.text.split_whitespace().map(str::to_lowercase).collect();
        let is_wanted = |it: &LogRecord| {
            let level: LogLevel = it.level();
            query.range.contains(it.time)
                && query.min_level.is_none_or(|min| level >= min)
                && query.matchers.iter().all(|matcher| matcher.matches(&it.labels))
                && words.iter().all(|word| it.line.to_lowercase().contains(word))
        };
        let numbered = self.logs.iter().enumerate().rev().filter(|(_, it)| is_wanted(it)).take(query.limit);
        Ok(numbered.map(|(idx, it)| LogHit { id: LogId(idx as u64), record: it.clone(), relevance: 0.0 }).collect())
    }

    fn line(&self, id: LogId) -> Result<Option<LogRecord>, PortError> {
        Ok(self.logs.get(usize::try_from(id.0).unwrap()).cloned())
    }
}

impl Templates for World {
    fn changes(&self, _: TimeRange, after: TimeRange) -> Vec<TemplateChange> {
        let template = "pool exhausted after <*> ms".to_owned();
        vec![TemplateChange {
            service: "checkout".to_owned(),
            template,
            trend: TemplateTrend::New,
            level: LogLevel::Error,
            before_per_minute: 0.0,
            after_per_minute: 42.0,
            onset: after.from,
            example: HOSTILE.to_owned(),
        }]
    }

    fn templates(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Vec<LogTemplate> {
        if self.logs.is_empty() {
            return vec![];
        }
        let template = |service: &str, template: &str, level, per_minute| LogTemplate {
            id: "99396c3928d9e91c".to_owned(),
            service: service.to_owned(),
            template: template.to_owned(),
            level,
            lines: 512,
            per_minute,
            usual_per_minute: Some(1.25),
            first_seen: range.from,
            last_seen: range.to,
            example: HOSTILE.to_owned(),
        };
        let all = [
            template("checkout", "pool exhausted after <*> ms", LogLevel::Error, 42.0),
            template("cart", HOSTILE, LogLevel::Info, 1.0),
        ];
        all.into_iter().filter(|it| service.is_none_or(|name| name == it.service)).take(limit).collect()
    }

    fn anomalies(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Vec<Anomaly> {
        // One that is a symptom of an incident, and one that is none.
        let symptoms = self.incidents.lock().unwrap().clone().into_iter().flat_map(|it| it.symptoms);
        let Some(known) = symptoms.map(|it| (it.labels, it.kind)).next() else { return vec![] };
        let other = (Labels::new([("service", "cart"), ("level", "warn")]), AnomalyKind::LogSequence);
        let anomaly = |(labels, kind): (Labels, AnomalyKind)| Anomaly {
            labels,
            kind,
            direction: Direction::Above,
            onset: range.from,
            time: range.to,
            score: Score::warming_up(1.0),
            severity: Severity::Warning,
            is_over: kind == AnomalyKind::LogSequence,
            explanation: format!("Lines like {HOSTILE}: 42 lines within a minute"),
        };
        let all = [known, other].map(anomaly).into_iter();
        all.filter(|it| service.is_none_or(|name| it.labels.owner() == name)).take(limit).collect()
    }
}

impl ChangeLog for World {
    fn changes(&self, range: TimeRange) -> Result<Vec<Change>, PortError> {
        Ok(self.changes.iter().filter(|it| range.contains(it.time)).cloned().collect())
    }
}

impl Topology for World {
    fn callees(&self, service: &str) -> Vec<String> {
        if service == "web" { vec!["cart".to_owned()] } else { vec![] }
    }

    fn callers(&self, service: &str) -> Vec<String> {
        if service == "cart" { vec!["web".to_owned()] } else { vec![] }
    }

    fn neighbors(&self, _: &str) -> Vec<String> {
        vec!["shop-1".to_owned()]
    }
}
