//! What would a real installation answer? A made-up shop in memory, with foreign text that tries to break out.

mod drift;
mod forecasts;
mod knowledge;
mod shop;
mod traces;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serve::{Health, IntakeStatus, NamedCount, Ports, Row, RowJudge, RowVerdict, TenantStatus};
use signal::{
    AlertBudget, Anomaly, AnomalyKind, Approval, BackTest, BackTestAlert, BackTestOutcome, BackTestQuestion,
    BackTester, BandPoint, BudgetStatus, Budgets, Change, ChangeKind, ChangeLog, Clock, Direction, Feedback,
    FeedbackDesk, GroupKind, GroupMember, GroupStatus, Groups, HeldAlert, History, Incident, IncidentBook,
    IncidentFilter, IncidentId, IncidentStatus, Investigation, Investigations, Labels, Ledger, LedgerEntry, Lesson,
    LessonEffect, LessonTarget, LogHit, LogId, LogLevel, LogQuery, LogRecord, LogSearch, LogTemplate, Matcher, Meter,
    Metric, Plan, PlanDesk, PlanId, PlanState, Point, PortError, ReportFormat, Reports, Score, Scores, SeriesId,
    SeriesQuery, Severity, TemplateChange, TemplateTrend, Templates, TimeRange, TimelineEntry, Timestamp, Topology,
};

use shop::{change, incidents, lines, plan, shop};

/// Text that must never reach a page unescaped.
pub const HOSTILE: &str = "<script>alert('x')</script><img src=x onerror=alert(1)>";
/// The digest of the waiting plan.
pub const DIGEST: &str = "9f2c0a4f1c0f7f3d5b1e0c6a6b8d4e2f9f2c0a4f1c0f7f3d5b1e0c6a6b8d4e2f";
const SERVICES: [&str; 8] = ["web", "cart", "checkout", "payments", "catalog", "search", "shipping", "accounts"];

/// The shop and its troubles.
pub struct World {
    begin: Timestamp,
    clock: Arc<dyn Clock>,
    series: Vec<Labels>,
    incidents: Mutex<Vec<Incident>>,
    plans: Mutex<Vec<Plan>>,
    ledger: Mutex<Vec<LedgerEntry>>,
    lessons: Mutex<Vec<Lesson>>,
    logs: Vec<LogRecord>,
    changes: Vec<Change>,
}

impl World {
    /// Nothing has come in yet.
    pub fn empty(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            begin: clock.now(),
            clock,
            series: vec![],
            incidents: Mutex::default(),
            plans: Mutex::default(),
            ledger: Mutex::default(),
            lessons: Mutex::default(),
            logs: vec![],
            changes: vec![],
        })
    }

    /// A shop whose checkout has run out of database connections four minutes ago.
    pub fn busy(clock: Arc<dyn Clock>) -> Arc<Self> {
        let begin = clock.now().minus(Duration::from_secs(240));
        let plan = plan(begin);
        let world = Self {
            begin,
            clock,
            series: shop(),
            incidents: Mutex::new(incidents(begin)),
            plans: Mutex::new(vec![plan]),
            ledger: Mutex::default(),
            lessons: Mutex::default(),
            logs: lines(begin),
            changes: vec![
                change(begin.minus(Duration::from_secs(9000)), "search", ChangeKind::Config, "Raise the cache size"),
                change(begin.minus(Duration::from_secs(95)), "checkout", ChangeKind::Deploy, HOSTILE),
            ],
        };
        for (action, subject) in
            [("incident.opened", "INC-2"), ("plan.proposed", "PLAN-1"), ("incident.diagnosed", "INC-2")]
        {
            world.append("sentinel", action, subject, r#"{"fault":"pool_exhaustion"}"#).unwrap();
        }
        Arc::new(world)
    }

    /// All ports, filled by this world.
    pub fn ports(self: &Arc<Self>) -> Arc<Ports> {
        Arc::new(Ports {
            incidents: self.clone(),
            investigations: self.clone(),
            agent: self.clone(),
            plans: self.clone(),
            feedback: self.clone(),
            ledger: self.clone(),
            history: self.clone(),
            queries: serve::Queries::new(&serve::QueryConfig::default(), self.clone()),
            metadata: self.clone(),
            rules: self.clone(),
            targets: vec![serve::ScrapedTarget {
                url: "http://web-1:9100/metrics".to_owned(),
                labels: Labels::new([("job", "node"), ("instance", "web-1:9100")]),
                interval_secs: 15,
                timeout_secs: 10,
            }],
            retention: "30d".to_owned(),
            logs: self.clone(),
            templates: self.clone(),
            changes: self.clone(),
            topology: self.clone(),
            traces: self.clone(),
            exemplars: self.clone(),
            scores: self.clone(),
            forecasts: Arc::new(forecasts::FakeForecasts),
            drift: Arc::new(drift::FakeDrift),
            served: Arc::new(drift::FakeServed),
            knowledge: Arc::new(knowledge::FakeKnowledge),
            answers: Arc::new(knowledge::FakeKnowledge),
            reports: self.clone(),
            budgets: self.clone(),
            groups: self.clone(),
            intake: self.clone(),
            back_tester: self.clone(),
            rows: self.clone(),
            meters: vec![self.clone()],
            clock: self.clock.clone(),
            version: "0.1.0",
            health: self.clone(),
        })
    }

    /// An anomaly of one of its series, as `detect` would tell it.
    pub fn anomaly(&self, idx: usize) -> Anomaly {
        let labels = self.series[idx % self.series.len()].clone();
        let now = self.clock.now();
        let score = self.verdict(&labels, now);
        let (kind, direction) = (AnomalyKind::Point, Direction::Above);
        Anomaly {
            labels,
            kind,
            direction,
            onset: self.begin,
            time: now,
            score,
            severity: Severity::Warning,
            is_over: idx % 3 == 2,
            explanation: String::new(),
        }
    }

    fn is_hit(&self, labels: &Labels) -> bool {
        let names =
            ["http_request_duration_seconds", "db_pool_connections_in_use", "queue_depth", "db_pool_wait_seconds"];
        labels.service() == Some("checkout") && names.contains(&labels.name())
    }

    fn value(&self, labels: &Labels, time: Timestamp) -> f64 {
        let base = base(labels);
        let secs = time.secs_f64();
        let rhythm = 1.0 + 0.12 * (secs / 300.0 + base).sin();
        let value = base * rhythm * (1.0 + 0.06 * noise(labels.id(), time.millis() / 1000));
        if self.is_hit(labels) && time >= self.begin {
            value * (1.8 + 3.0 * (time.secs_since(self.begin) / 60.0).min(1.0))
        } else {
            value
        }
    }

    fn verdict(&self, labels: &Labels, time: Timestamp) -> Score {
        let base = base(labels);
        let yhat = base * (1.0 + 0.12 * (time.secs_f64() / 300.0 + base).sin());
        let y = self.value(labels, time);
        let half = base * 0.18;
        Score {
            value: (y - yhat).abs() / half,
            is_ready: true,
            is_provisional: false,
            y,
            yhat,
            yhat_lower: yhat - half,
            yhat_upper: yhat + half,
        }
    }

    fn times(range: TimeRange) -> impl Iterator<Item = Timestamp> {
        let step = ((range.to.millis() - range.from.millis()) / 1500 / 1000 + 1).max(1);
        (range.from.millis() / 1000..=range.to.millis() / 1000)
            .step_by(usize::try_from(step).unwrap())
            .map(Timestamp::from_secs)
    }

    fn labels(&self, id: SeriesId) -> Option<&Labels> {
        self.series.iter().find(|it| it.id() == id)
    }

    fn change_plan(&self, id: PlanId, change: impl FnOnce(&mut Plan)) -> Result<Plan, PortError> {
        let mut plans = self.plans.lock().unwrap();
        let plan = plans.iter_mut().find(|it| it.id == id).ok_or_else(|| PortError::NotFound(id.to_string()))?;
        if plan.state != PlanState::Proposed {
            return Err(PortError::Refused(format!("{id} does not wait for approval any more")));
        }
        change(plan);
        Ok(plan.clone())
    }

    fn change_incident(&self, id: IncidentId, change: impl FnOnce(&mut Incident)) -> Result<Incident, PortError> {
        let mut incidents = self.incidents.lock().unwrap();
        let found = incidents.iter_mut().find(|it| it.id == id).ok_or_else(|| PortError::NotFound(id.to_string()))?;
        change(found);
        Ok(found.clone())
    }
}

impl serve::Intake for World {
    fn intake(&self) -> IntakeStatus {
        let named = |name: &str, count| NamedCount { name: name.to_owned(), count };
        let tenant = |name: &str, series| TenantStatus {
            name: name.to_owned(),
            series,
            max_series: 1000,
            max_streams: 100,
            over_limit: series / 1000,
            labels: vec![named("user_id", 970), named(HOSTILE, 3)],
            metrics: vec![named("logins_total", 980)],
            ..TenantStatus::default()
        };
        let tenants = vec![tenant("anonymous", 12), tenant(HOSTILE, 1000)];
        IntakeStatus {
            in_flight_bytes_max: 1 << 20,
            in_flight_bytes_limit: 1 << 28,
            tenants,
            ..IntakeStatus::default()
        }
    }
}

impl Budgets for World {
    fn budgets(&self) -> Vec<BudgetStatus> {
        if self.series.is_empty() {
            return vec![];
        }
        let budget: AlertBudget = "3 per day".parse().unwrap();
        let held = HeldAlert {
            series: HOSTILE.to_owned(),
            onset: self.begin,
            last_seen: self.begin,
            peak_score: 1.2,
            threshold: 1.4,
        };
        let status = BudgetStatus {
            name: "checkout".to_owned(),
            budget,
            budget_per_day: 3.0,
            alerts_last_day: 2,
            alerts_by_day: vec![0, 1, 0, 4, 3, 0, 2],
            multiplier: 1.4,
            always_above: 10.0,
            expected_per_day: 2.5,
            calibrated_days: 13.0,
            held_total: 1,
            held: vec![held],
        };
        vec![BudgetStatus { name: HOSTILE.to_owned(), alerts_last_day: 7, ..status.clone() }, status]
    }
}

impl Groups for World {
    fn groups(&self) -> Vec<GroupStatus> {
        let member = |pod: &str, value, is_apart| GroupMember {
            labels: Labels::metric("http_request_duration_seconds", &[("service", "checkout"), ("pod", pod)]),
            value,
            expected: value.map(|_| [0.1, 0.08, 0.12]),
            score: if is_apart { 2.5 } else { 0.2 },
            is_apart,
            explanation: if is_apart { format!("pod {pod} is at 0.3.") } else { String::new() },
        };
        let fleet = |labels, members| GroupStatus { kind: GroupKind::Fleet, labels, is_ready: true, members };
        let labels = Labels::metric("http_request_duration_seconds", &[("service", "checkout")]);
        let members = vec![member("a", Some(0.1), false), member("b", None, false), member(HOSTILE, Some(0.3), true)];
        let mut groups = vec![fleet(labels.clone(), members)];
        for idx in 0..3 {
            let labels = Labels::metric("quiet", &[("service", &format!("quiet-{idx}"))]);
            groups.insert(0, fleet(labels.clone(), vec![member("c", Some(0.1), false)]));
        }
        groups.push(GroupStatus {
            kind: GroupKind::Signals,
            is_ready: false,
            ..fleet(labels, vec![member("d", Some(9.0), false)])
        });
        if self.series.is_empty() { vec![] } else { groups }
    }
}

impl RowJudge for World {
    fn judge(&self, rows: &[Row]) -> Vec<RowVerdict> {
        let one = |row: &Row| {
            let largest = row.iter().max_by(|left, right| left.1.total_cmp(right.1));
            let (top_feature, score) = largest.map_or((None, 0.0), |it| (Some(it.0.clone()), it.1 / 1000.0));
            RowVerdict { is_anomaly: score > 1.0, score, top_feature }
        };
        rows.iter().map(one).collect()
    }
}

impl BackTester for World {
    fn back_test(&self, question: &BackTestQuestion) -> Result<BackTest, PortError> {
        let has_labels = |it: &&Labels| question.selector.iter().all(|(name, value)| it.get(name) == Some(value));
        let series: Vec<Labels> = self.series.iter().filter(has_labels).cloned().collect();
        let Some(first) = series.first() else {
            return Err(PortError::Invalid("selector: no stored series has these labels".to_owned()));
        };
        let times: Vec<Timestamp> = Self::times(question.range).collect();
        let band = times.iter().map(|it| BandPoint { time: *it, score: self.verdict(first, *it) }).collect();
        let score = self.verdict(first, self.clock.now());
        let alert = BackTestAlert {
            series: first.to_string(),
            onset: self.begin,
            detected_at: self.begin,
            end: None,
            severity: Severity::Warning,
            peak_score: score.value,
            value: score.y,
            expected: score.yhat,
            expected_lower: score.yhat_lower,
            expected_upper: score.yhat_upper,
            why: HOSTILE.to_owned(),
        };
        let outcomes = question.choices.iter().map(|choice| BackTestOutcome {
            name: choice.name(),
            choice: *choice,
            alerts: vec![alert.clone()],
            alerts_left_out: 0,
            alerts_per_day: Some(1.0),
            held: 0,
            threshold: 1.0,
            threshold_max: 1.0,
        });
        let (points, outcomes) = (times.len(), outcomes.collect());
        Ok(BackTest { series, range: question.range, points, points_before: 0, days: 1.0, outcomes, band })
    }
}

fn noise(id: SeriesId, secs: i64) -> f64 {
    let mut bits = id.hash() ^ (secs as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^= bits >> 31;
    bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((bits >> 40) as f64 / f64::from(1 << 24)) * 2.0 - 1.0
}

fn base(labels: &Labels) -> f64 {
    match labels.name() {
        "http_request_duration_seconds" => 0.12,
        "service_memory_bytes" => 4.2e8,
        "host_cpu_percent" => 34.0,
        "db_pool_wait_seconds" => 0.004,
        _ => 8.0 + (labels.id().hash() % 40) as f64,
    }
}

impl IncidentBook for World {
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, PortError> {
        let all = self.incidents.lock().unwrap();
        let has_service = |it: &Incident| filter.service.as_ref().is_none_or(|service| it.services.contains(service));
        let wanted = all.iter().filter(|it| filter.status.is_none_or(|status| it.status == status));
        let wanted = wanted.filter(|it| has_service(it) && filter.before.is_none_or(|id| it.id < id));
        Ok(wanted.take(if filter.limit == 0 { usize::MAX } else { filter.limit }).cloned().collect())
    }

    fn incident(&self, id: IncidentId) -> Result<Incident, PortError> {
        self.change_incident(id, |_| ())
    }

    fn acknowledge(&self, id: IncidentId, actor: &str) -> Result<Incident, PortError> {
        let entry = TimelineEntry { time: self.clock.now(), text: format!("Acknowledged by {actor}.") };
        self.change_incident(id, |it| {
            it.status = IncidentStatus::Acknowledged;
            it.timeline.push(entry);
        })
    }
}

impl FeedbackDesk for World {
    fn give(&self, id: IncidentId, said: Feedback) -> Result<Incident, PortError> {
        let incident = self.change_incident(id, |it| it.feedback = Some(said.opinion))?;
        let mut lessons = self.lessons.lock().unwrap();
        let target = LessonTarget::Threshold {
            metric: HOSTILE.to_owned(),
            owner: "pay".to_owned(),
            direction: Some(Direction::Above),
            hours: Some(signal::Hours { from: 9, to: 11 }),
        };
        let effects = vec![LessonEffect { target, basis: 1.2, from: 1.0, to: 1.32, now: 1.3 }];
        let id = lessons.len() as u64 + 1;
        lessons.insert(0, Lesson { id, time: self.clock.now(), incident: incident.id, said, effects, undone_by: None });
        Ok(incident)
    }

    fn lessons(&self) -> Result<Vec<Lesson>, PortError> {
        Ok(self.lessons.lock().unwrap().clone())
    }

    fn undo(&self, id: u64, actor: &str) -> Result<Lesson, PortError> {
        let mut lessons = self.lessons.lock().unwrap();
        let found = lessons.iter_mut().find(|it| it.id == id).ok_or_else(|| PortError::Refused(format!("no {id}")))?;
        found.undone_by = Some(actor.to_owned());
        Ok(found.clone())
    }
}

impl PlanDesk for World {
    fn plans(&self, incident: Option<IncidentId>) -> Result<Vec<Plan>, PortError> {
        let all = self.plans.lock().unwrap();
        Ok(all.iter().filter(|it| incident.is_none_or(|id| it.incident == id)).cloned().collect())
    }

    fn plan(&self, id: PlanId) -> Result<Plan, PortError> {
        let all = self.plans.lock().unwrap();
        all.iter().find(|it| it.id == id).cloned().ok_or_else(|| PortError::NotFound(id.to_string()))
    }

    fn approve(&self, id: PlanId, digest: &str, actor: &str) -> Result<Plan, PortError> {
        if digest != DIGEST {
            return Err(PortError::Refused("the digest is not that of the plan".to_owned()));
        }
        let (time, signature) = (self.clock.now(), "00".to_owned());
        let approval = Approval { actor: actor.to_owned(), time, digest: digest.to_owned(), signature };
        self.change_plan(id, |it| (it.state, it.approval) = (PlanState::Approved, Some(approval)))
    }

    fn reject(&self, id: PlanId, _: &str) -> Result<Plan, PortError> {
        self.change_plan(id, |it| it.state = PlanState::Rejected)
    }
}

impl Ledger for World {
    fn append(&self, actor: &str, action: &str, subject: &str, detail: &str) -> Result<LedgerEntry, PortError> {
        let mut ledger = self.ledger.lock().unwrap();
        let entry = LedgerEntry {
            sequence: ledger.len() as u64 + 1,
            time: self.clock.now(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            previous_hash: "0".repeat(64),
            hash: "ab".repeat(32),
        };
        ledger.push(entry.clone());
        Ok(entry)
    }

    fn entries(&self, after: u64, limit: usize) -> Result<Vec<LedgerEntry>, PortError> {
        let ledger = self.ledger.lock().unwrap();
        let rest = ledger.iter().filter(|it| it.sequence > after);
        Ok(rest.take(if limit == 0 { usize::MAX } else { limit }).cloned().collect())
    }

    fn verify(&self) -> Result<u64, PortError> {
        Ok(self.ledger.lock().unwrap().len() as u64)
    }
}

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

impl Investigations for World {
    fn investigation(&self, id: IncidentId) -> Result<Option<Investigation>, PortError> {
        Ok((id == IncidentId(1)).then(|| shop::investigation(id)))
    }
}

impl serve::AgentDesk for World {
    fn agent(&self) -> serve::AgentStatus {
        let count = |name: &str, count| serve::NamedCount { name: name.to_owned(), count };
        let cap = |period, unit, used, cap| serve::AgentCap { period, unit, used, cap };
        serve::AgentStatus {
            provider: Some("gemini".to_owned()),
            model: HOSTILE.to_owned(),
            url: "https://models.example".to_owned(),
            state: "asked",
            is_priced: true,
            under_way: 1,
            waiting: 2,
            requests: vec![count("ok", 7), count("rate_limited", 1), count("busy", 0)],
            investigations: vec![count("answered", 3)],
            calls: vec![count("answered", 9)],
            claims_published: 12,
            claims_dropped: vec![count("direction", 2)],
            caps: vec![cap("day", "dollars", 1.25, 20.0), cap("month", "tokens", 1200.0, 0.0)],
            tools: vec![serve::AgentTool { server: "wiki".to_owned(), tool: HOSTILE.to_owned(), status: "changed" }],
        }
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

impl Reports for World {
    fn incident_report(&self, id: IncidentId, format: ReportFormat) -> Result<String, PortError> {
        let incident = self.incident(id)?;
        Ok(match format {
            ReportFormat::Html => format!("<!doctype html><title>{id}</title>"),
            ReportFormat::Md => format!("# {id}\n"),
            ReportFormat::Svg => "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>".to_owned(),
            ReportFormat::Json => serde_json::to_string(&incident).unwrap(),
        })
    }
}

impl Meter for World {
    fn metrics(&self) -> Vec<Metric> {
        vec![
            Metric::counter("sentinel_ingest_dropped_samples_total", "Samples dropped.", 3)
                .label("reason", "a\"b\\c\nd"),
            Metric::gauge("sentinel_store_series", "Series stored.", self.series.len() as f64),
        ]
    }
}

impl Health for World {
    fn ready(&self) -> Result<(), String> {
        if self.series.is_empty() { Err("no series yet".to_owned()) } else { Ok(()) }
    }

    fn mode(&self) -> String {
        "demo".to_owned()
    }
}

impl serve::MetricBook for World {
    fn metadata(&self, metric: Option<&str>) -> std::collections::BTreeMap<String, Vec<serve::MetricMetadata>> {
        let told = |kind: &str, help: &str| {
            vec![serve::MetricMetadata { kind: kind.to_owned(), help: help.to_owned(), unit: String::new() }]
        };
        let all = [("queue_depth", told("gauge", "Jobs that wait.")), ("up", told("gauge", "It answers \"1\"."))];
        let wanted = all.into_iter().filter(|(name, _)| metric.is_none_or(|it| it == *name));
        wanted.map(|(name, it)| (name.to_owned(), it)).collect()
    }
}

impl serve::RuleBook for World {
    fn groups(&self) -> Vec<serve::RuleGroup> {
        let (last_evaluation, labels) = (self.begin, Labels::new([("severity", "page")]));
        let alert = serve::FiringAlert {
            labels: Labels::new([("alertname", "QueueIsLong"), ("severity", "page")]),
            annotations: Labels::new([("summary", "17 jobs wait")]),
            state: "firing",
            active_at: self.begin,
            keep_firing_since: None,
            value: "1.7e+01".to_owned(),
        };
        let alerting = serve::Alerting {
            state: "firing",
            for_secs: 60.0,
            keep_firing_secs: 0.0,
            annotations: Labels::new([("summary", "{{ $value }} jobs wait")]),
            alerts: Some(vec![alert]),
        };
        let rule = |kind, name: &str, labels, alerting| serve::Rule {
            kind,
            name: name.to_owned(),
            query: "queue_depth > 10".to_owned(),
            labels,
            health: "ok",
            last_error: None,
            evaluation_secs: 0.001,
            last_evaluation,
            alerting,
        };
        vec![serve::RuleGroup {
            name: "shop".to_owned(),
            file: "rules/shop.yaml".to_owned(),
            rules: vec![
                rule("alerting", "QueueIsLong", labels, Some(alerting)),
                rule("recording", "queue:long", Labels::default(), None),
            ],
            interval: 15.0,
            limit: 0,
            evaluation_secs: 0.002,
            last_evaluation,
        }]
    }

    fn alertmanagers(&self) -> Vec<String> {
        vec!["http://127.0.0.1:9093/api/v2/alerts".to_owned()]
    }
}
