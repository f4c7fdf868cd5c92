//! What do conversations in tests run on? A small recorded world, and models that follow a script.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::{
    Ask, Budget, Case, Frames, Investigator, Limits, MetricQuery, MetricSeries, Model, ModelError, Sources, Stop, Tool,
    ToolCall, Toolbox, Transcript, Turn, Usage, catalog,
};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use signal::{
    Anomaly, Cause, Change, ChangeKind, ChangeLog, Clock, Diagnosis, Evidence, EvidenceId, EvidenceSource, FaultClass,
    History, Investigation, Labels, LogHit, LogId, LogLevel, LogQuery, LogRecord, LogSearch, LogTemplate, Point,
    PortError, SeriesId, SeriesQuery, Span, SpanQuery, TemplateChange, TemplateTrend, Templates, TimeRange, Timestamp,
    Topology, TraceId, TraceSearch, TraceSummary,
};

/// When the incident began.
pub fn start() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

/// A shop whose payments got slow after a deploy; log lines may be set by a test.
#[derive(Clone, Default)]
pub struct World {
    pub lines: Vec<(&'static str, String)>,
    pub template: Option<String>,
    pub change_title: String,
    pub is_slow: bool,
}

impl World {
    pub fn new() -> Self {
        Self {
            lines: vec![("pay", "pool pay-db exhausted after 250 ms".to_owned())],
            template: Some("pool <*> exhausted after <*> ms".to_owned()),
            change_title: "pay 2.4.1".to_owned(),
            is_slow: false,
        }
    }

    pub fn sources(&self) -> Sources {
        let it = Arc::new(self.clone());
        Sources {
            metrics: Arc::clone(&it) as _,
            history: Arc::clone(&it) as _,
            logs: Arc::clone(&it) as _,
            templates: Arc::clone(&it) as _,
            traces: Arc::clone(&it) as _,
            topology: Arc::clone(&it) as _,
            changes: Arc::clone(&it) as _,
            knowledge: None,
            cluster: None,
            clock: it as _,
        }
    }

    fn record(&self, idx: usize) -> Option<LogHit> {
        let (service, line) = self.lines.get(idx)?;
        let labels = Labels::new([("service", *service), ("level", "error")]);
        let record = LogRecord::new(start().plus(Duration::from_secs(idx as u64)), labels, line.clone());
        Some(LogHit { id: LogId(idx as u64), record, relevance: 0.0 })
    }
}

impl MetricQuery for World {
    fn query(&self, expression: &str, range: TimeRange, _: Duration) -> Result<Vec<MetricSeries>, PortError> {
        if self.is_slow {
            // Much longer than anybody waits for it.
            std::thread::sleep(Duration::from_secs(30));
        }
        if expression.contains("service_graph") {
            return Ok(vec![]);
        }
        if !expression.contains("pay_latency_ms") {
            return Err(PortError::Invalid("query: 1:1: unexpected end of input".to_owned()));
        }
        let labels = Labels::metric("pay_latency_ms", &[("service", "pay")]);
        let point = |secs: i64, value| Point { time: Timestamp::from_millis(start().millis() + secs * 1000), value };
        let points = [point(-120, 20.0), point(-60, 21.0), point(0, 180.5), point(60, 912.25)];
        Ok(vec![MetricSeries { labels, points: points.into_iter().filter(|it| range.contains(it.time)).collect() }])
    }
}

impl History for World {
    fn series(&self, _: &SeriesQuery) -> Result<Vec<Labels>, PortError> {
        Ok(vec![Labels::metric("pay_latency_ms", &[("service", "pay")])])
    }

    fn points(&self, _: SeriesId, _: TimeRange) -> Result<Vec<Point>, PortError> {
        Ok(vec![])
    }
}

impl LogSearch for World {
    fn search(&self, query: &LogQuery) -> Result<Vec<LogHit>, PortError> {
        let all = (0..self.lines.len()).filter_map(|it| self.record(it));
        Ok(all.filter(|it| query.range.contains(it.record.time)).collect())
    }

    fn line(&self, id: LogId) -> Result<Option<LogRecord>, PortError> {
        Ok(self.record(usize::try_from(id.0).unwrap()).map(|it| it.record))
    }
}

impl Templates for World {
    fn changes(&self, _: TimeRange, after: TimeRange) -> Vec<TemplateChange> {
        let Some(template) = self.template.clone() else { return vec![] };
        vec![TemplateChange {
            service: "pay".to_owned(),
            template,
            trend: TemplateTrend::New,
            level: LogLevel::Error,
            before_per_minute: 0.0,
            after_per_minute: 12.5,
            onset: after.from.plus(Duration::from_secs(1)),
            example: self.lines[0].1.clone(),
        }]
    }

    fn templates(&self, _: TimeRange, _: Option<&str>, _: usize) -> Vec<LogTemplate> {
        let Some(template) = self.template.clone() else { return vec![] };
        vec![LogTemplate {
            id: "00000000000000aa".to_owned(),
            service: "pay".to_owned(),
            template,
            level: LogLevel::Error,
            lines: 12,
            per_minute: 12.0,
            usual_per_minute: Some(0.0),
            first_seen: start(),
            last_seen: start(),
            example: self.lines[0].1.clone(),
        }]
    }

    fn anomalies(&self, _: TimeRange, _: Option<&str>, _: usize) -> Vec<Anomaly> {
        vec![]
    }
}

impl TraceSearch for World {
    fn trace(&self, _: TraceId, _: TimeRange) -> Result<Vec<Span>, PortError> {
        Ok(vec![])
    }

    fn traces(&self, _: &SpanQuery) -> Result<Vec<TraceSummary>, PortError> {
        Ok(vec![])
    }
}

impl Topology for World {
    fn callees(&self, service: &str) -> Vec<String> {
        if service == "shop" { vec!["pay".to_owned()] } else { vec![] }
    }

    fn callers(&self, service: &str) -> Vec<String> {
        if service == "pay" { vec!["shop".to_owned()] } else { vec![] }
    }

    fn neighbors(&self, _: &str) -> Vec<String> {
        vec![]
    }
}

impl ChangeLog for World {
    fn changes(&self, range: TimeRange) -> Result<Vec<Change>, PortError> {
        let change = Change {
            time: start().minus(Duration::from_secs(30)),
            service: "pay".to_owned(),
            kind: ChangeKind::Deploy,
            title: self.change_title.clone(),
            version: Some("2.4.1".to_owned()),
        };
        Ok([change].into_iter().filter(|it| range.contains(it.time)).collect())
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        start().plus(Duration::from_secs(90))
    }
}

/// Evidence of the diagnosis holds unless its id is named.
pub struct Held(pub &'static [&'static str]);

impl agent::Reopen for Held {
    fn holds(&self, evidence: &Evidence) -> bool {
        !self.0.contains(&evidence.id.0.as_str())
    }
}

/// What the ranker said.
pub fn diagnosis() -> Diagnosis {
    let labels = Labels::metric("pay_latency_ms", &[("service", "pay")]);
    let evidence = vec![
        Evidence {
            id: EvidenceId("E1".to_owned()),
            text: "pay_latency_ms of pay rose from 20.5 to 912.25 (61 robust deviations) at 10:00:00".to_owned(),
            source: EvidenceSource::SeriesWindow {
                labels,
                range: TimeRange::new(start().minus(Duration::from_secs(60)), start().plus(Duration::from_secs(60))),
                before: 20.5,
                during: 912.25,
                deviation: 61.0,
                onset: start(),
            },
        },
        Evidence {
            id: EvidenceId("E2".to_owned()),
            text: "deploy of pay 2.4.1, 30 s before the first symptom".to_owned(),
            source: EvidenceSource::Change {
                change: Change {
                    time: start().minus(Duration::from_secs(30)),
                    service: "pay".to_owned(),
                    kind: ChangeKind::Deploy,
                    title: "pay 2.4.1".to_owned(),
                    version: Some("2.4.1".to_owned()),
                },
                lead_secs: 30.0,
            },
        },
    ];
    let cause = |service: &str, fault, confidence, ids: &[&str]| Cause {
        service: service.to_owned(),
        indicator: "pay_latency_ms".to_owned(),
        fault,
        confidence,
        summary: format!("{service} is to blame."),
        evidence: ids.iter().map(|it| EvidenceId((*it).to_owned())).collect(),
    };
    Diagnosis {
        time: start(),
        causes: vec![
            cause("pay", FaultClass::BadDeploy, 0.82, &["E1", "E2"]),
            cause("shop", FaultClass::TrafficSurge, 0.1, &["E1"]),
        ],
        no_cause_confidence: 0.08,
        evidence,
        graph: signal::CausalGraph::default(),
        took_ms: 3.0,
    }
}

pub fn case() -> Case {
    Case {
        incident: signal::IncidentId(7),
        title: "pay: latency above expected".to_owned(),
        services: vec!["pay".to_owned()],
        symptoms: vec![],
        started_at: start(),
        now: start().plus(Duration::from_secs(90)),
        diagnosis: diagnosis(),
        inventory: BTreeSet::from(["pay", "shop", "billing", "web-1"].map(str::to_owned)),
    }
}

type Script = Box<dyn FnMut(usize, &Ask<'_>) -> Result<Turn, ModelError> + Send>;

/// A model that answers as a function says, and keeps what it was asked.
pub struct Scripted {
    script: Mutex<Script>,
    asked: Mutex<Vec<Value>>,
}

impl Scripted {
    pub fn new(script: impl FnMut(usize, &Ask<'_>) -> Result<Turn, ModelError> + Send + 'static) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(Box::new(script)), asked: Mutex::default() })
    }

    /// The turns one after the other; then silence.
    pub fn turns(turns: Vec<Turn>) -> Arc<Self> {
        let mut turns: VecDeque<Turn> = turns.into();
        Self::new(move |_, _| Ok(turns.pop_front().unwrap_or_default()))
    }

    /// All that it was asked, as JSON.
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

impl Model for Scripted {
    fn name(&self) -> &str {
        "scripted/one"
    }

    fn cost(&self, usage: &Usage) -> Option<f64> {
        Some((usage.input_tokens + usage.output_tokens) as f64 / 1000.0)
    }

    fn turn<'a>(
        &'a self,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(serde_json::to_value(ask).unwrap());
            asked.len() - 1
        };
        let outcome = (self.script.lock().unwrap())(number, ask);
        if let Ok(turn) = &outcome {
            on_text(&turn.text);
        }
        Box::pin(async move { outcome })
    }
}

/// A turn that calls tools.
pub fn calls(all: &[(&str, Value)]) -> Turn {
    let call = |(idx, (name, arguments)): (usize, &(&str, Value))| ToolCall {
        id: format!("c{idx}"),
        name: (*name).to_owned(),
        arguments: arguments.clone(),
    };
    let usage = Usage { input_tokens: 1000, output_tokens: 50 };
    Turn { calls: all.iter().enumerate().map(call).collect(), stop: Stop::Calls, usage, ..Turn::default() }
}

/// A turn that answers.
pub fn answer(cause: &str, claims: &[(&str, &[&str])]) -> Turn {
    let claims: Vec<Value> = claims.iter().map(|it| json!({ "text": it.0, "evidence": it.1 })).collect();
    let text = json!({ "cause": cause, "claims": claims }).to_string();
    Turn { text, usage: Usage { input_tokens: 1000, output_tokens: 200 }, ..Turn::default() }
}

/// What came of a conversation.
pub struct Outcome {
    pub investigation: Investigation,
    pub transcript: Transcript,
}

impl Outcome {
    pub fn claims(&self) -> Vec<&str> {
        self.investigation.claims.iter().map(|it| it.text.as_str()).collect()
    }

    pub fn dropped(&self) -> String {
        let all = self.investigation.dropped.iter().map(|it| format!("{} {}", it.reason, it.count));
        all.collect::<Vec<_>>().join(", ")
    }
}

/// Investigates the case of the world with a model.
pub fn investigate(world: &World, model: Arc<dyn Model>, budget: Budget) -> Outcome {
    investigate_with(world, model, (budget, Limits::default()), Held(&[]))
}

pub fn investigate_with(
    world: &World,
    model: Arc<dyn Model>,
    (budget, limits): (Budget, Limits),
    held: Held,
) -> Outcome {
    run(&world.sources(), vec![], model, (budget, limits), held)
}

/// The same with other sources and more tools.
pub fn investigate_in(sources: &Sources, more: Vec<Arc<dyn Tool>>, model: Arc<dyn Model>, budget: Budget) -> Outcome {
    run(sources, more, model, (budget, Limits::default()), Held(&[]))
}

fn run(
    sources: &Sources,
    more: Vec<Arc<dyn Tool>>,
    model: Arc<dyn Model>,
    (budget, limits): (Budget, Limits),
    held: Held,
) -> Outcome {
    let redact: agent::Redact = Arc::new(|text| text.replace("hunter22", "[redacted:value]"));
    let tools = Toolbox::new(catalog(sources), redact).with(more);
    let investigator = Investigator { model, tools, reopen: Arc::new(held), budget, limits };
    let mut transcript = Transcript::default();
    let case = case();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let investigation = runtime.block_on(investigator.investigate(&case, Frames::new([9; 16]), &mut transcript));
    // A tool that is slow may still be at work.
    runtime.shutdown_background();
    Outcome { investigation, transcript }
}
