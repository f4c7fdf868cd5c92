//! What would a real installation answer? A made-up shop in memory, with foreign text that tries to break out.

mod drift;
mod forecasts;
mod judges;
mod knowledge;
mod people;
mod program;
mod shop;
mod signals;
mod traces;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serve::Ports;
use signal::{
    Anomaly, AnomalyKind, Change, ChangeKind, Clock, Direction, Incident, IncidentId, Labels, Ledger, LedgerEntry,
    Lesson, LogRecord, Plan, PlanId, PlanState, PortError, Score, SeriesId, Severity, TimeRange, Timestamp,
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
            workforce: Some(self.clone()),
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
