//! A small world in memory: clock, ledger, store, history and a webhook receiver on the loopback.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use signal::{
    AnomalyKind, Cause, Clock, Diagnosis, Direction, Evidence, EvidenceId, EvidenceSource, FaultClass, History,
    Incident, IncidentId, IncidentStatus, Labels, Ledger, LedgerEntry, Plan, PlanId, PlanStore, Point, PortError,
    Score, SeriesId, SeriesQuery, Severity, Symptom, TimeRange, Timestamp,
};

use act::{Config, Desk};

/// The threshold of the signal that every incident here has.
pub const UPPER: f64 = 20.0;

pub struct World {
    pub clock: Arc<FakeClock>,
    pub ledger: Arc<FakeLedger>,
    pub store: Arc<FakeStore>,
    pub history: Arc<FakeHistory>,
    pub receiver: Arc<Receiver>,
    pub told: Arc<Mutex<Vec<Plan>>>,
}

pub struct FakeClock(AtomicI64);

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Default)]
pub struct FakeLedger {
    entries: Mutex<Vec<LedgerEntry>>,
    pub is_broken: AtomicBool,
}

impl Ledger for FakeLedger {
    fn append(&self, actor: &str, action: &str, subject: &str, detail: &str) -> Result<LedgerEntry, PortError> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(PortError::Refused("the disk is full".to_owned()));
        }
        let mut entries = self.entries.lock().unwrap();
        let entry = LedgerEntry {
            sequence: entries.len() as u64 + 1,
            time: Timestamp::MIN,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            previous_hash: String::new(),
            hash: String::new(),
        };
        entries.push(entry.clone());
        Ok(entry)
    }

    fn entries(&self, after: u64, _limit: usize) -> Result<Vec<LedgerEntry>, PortError> {
        Ok(self.entries.lock().unwrap().iter().filter(|it| it.sequence > after).cloned().collect())
    }

    fn verify(&self) -> Result<u64, PortError> {
        Ok(self.entries.lock().unwrap().len() as u64)
    }
}

#[derive(Default)]
pub struct FakeStore(pub Mutex<BTreeMap<PlanId, Plan>>);

impl PlanStore for FakeStore {
    fn save_plan(&self, plan: &Plan) -> Result<(), PortError> {
        self.0.lock().unwrap().insert(plan.id, plan.clone());
        Ok(())
    }

    fn load_plans(&self) -> Result<Vec<Plan>, PortError> {
        Ok(self.0.lock().unwrap().values().cloned().collect())
    }
}

#[derive(Default)]
pub struct FakeHistory(Mutex<Vec<Point>>);

impl History for FakeHistory {
    fn series(&self, _query: &SeriesQuery) -> Result<Vec<Labels>, PortError> {
        Ok(vec![labels("pay")])
    }

    fn points(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Point>, PortError> {
        let points = self.0.lock().unwrap();
        let is_wanted = |it: &&Point| series == labels("pay").id() && range.contains(it.time);
        Ok(points.iter().filter(is_wanted).copied().collect())
    }
}

/// Takes webhooks, remembers them as `METHOD path key body`, and answers with a status that a test chooses.
pub struct Receiver {
    pub address: String,
    pub status: AtomicU16,
    pub requests: Mutex<Vec<String>>,
}

impl Receiver {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Arc::new(Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            status: AtomicU16::new(200),
            requests: Mutex::default(),
        });
        let app = axum::Router::new().fallback(Self::take).with_state(Arc::clone(&receiver));
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    async fn take(
        State(receiver): State<Arc<Self>>,
        request: Request,
    ) -> (StatusCode, [(&'static str, &'static str); 1]) {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
        let key = parts.headers.get("idempotency-key").map_or("", |it| it.to_str().unwrap());
        let body = String::from_utf8(body.to_vec()).unwrap();
        receiver.requests.lock().unwrap().push(format!("{} {} {key} {body}", parts.method, parts.uri));
        (StatusCode::from_u16(receiver.status.load(Ordering::SeqCst)).unwrap(), [("location", "/elsewhere")])
    }
}

impl World {
    pub async fn new() -> Self {
        Self {
            clock: Arc::new(FakeClock(AtomicI64::new(1000))),
            ledger: Arc::default(),
            store: Arc::default(),
            history: Arc::default(),
            receiver: Receiver::start().await,
            told: Arc::default(),
        }
    }

    /// Actions on, no dry run, one playbook of webhooks with an undo.
    pub fn config(&self) -> Config {
        let address = &self.receiver.address;
        let step = |name: &str| {
            serde_json::json!({
                "action": {"type": "webhook", "url": format!("{address}/{name}/{{service}}"), "body": {"id": "{incident}"}},
                "undo": {"type": "webhook", "method": "PUT", "url": format!("{address}/undo-{name}/{{service}}")},
            })
        };
        serde_json::from_value(serde_json::json!({
            "enabled": true, "dry_run": false, "cool_down_secs": 600,
            "allowed_webhook_prefixes": [format!("{address}/")],
            "playbooks": [{
                "name": "restart", "when": {"fault": ["cpu_hog"]},
                "steps": [step("drain"), step("restart")],
                "verify": {"hold_secs": 5, "timeout_secs": 60},
            }],
        }))
        .unwrap()
    }

    pub fn open(&self, config: Config) -> Arc<Desk> {
        let told = Arc::clone(&self.told);
        let on_change = Arc::new(move |plan: &Plan| told.lock().unwrap().push(plan.clone()));
        Desk::open(config, self.ledger.clone(), self.store.clone(), self.clock.clone(), [7; 32], on_change).unwrap()
    }

    /// One pass of the executor.
    pub async fn advance(&self, desk: &Arc<Desk>) {
        let history: Arc<dyn History> = self.history.clone();
        desk.advance(&history).await;
    }

    /// Time goes on by so many seconds, with one point each.
    pub fn pass(&self, secs: i64, value: f64) {
        for _ in 0..secs {
            let now = self.clock.0.fetch_add(1, Ordering::SeqCst) + 1;
            self.history.0.lock().unwrap().push(Point { time: Timestamp::from_secs(now), value });
        }
    }

    pub fn actions(&self) -> Vec<String> {
        let entries = self.ledger.entries(0, 0).unwrap();
        entries.iter().map(|it| format!("{} {} {}", it.actor, it.action, it.subject)).collect()
    }

    /// Paths that were called, in order.
    pub fn calls(&self) -> Vec<String> {
        let requests = self.receiver.requests.lock().unwrap();
        requests.iter().map(|it| it.split(' ').nth(1).unwrap().to_owned()).collect()
    }
}

pub fn labels(service: &str) -> Labels {
    Labels::metric("service_cpu_percent", &[("service", service)])
}

/// An open incident whose only cause is a process that takes the CPU.
pub fn incident(number: u64, service: &str, host: &str, pid: u32, start_time: i64, command: &str) -> Incident {
    let at = Timestamp::from_secs(990);
    let process = EvidenceSource::Process {
        host: host.to_owned(),
        pid,
        start_time,
        command: command.to_owned(),
        labels: labels(service),
        range: TimeRange::new(at, at),
        value: 99.0,
    };
    let cause = Cause {
        service: service.to_owned(),
        indicator: labels(service).to_string(),
        fault: FaultClass::CpuHog,
        confidence: 0.9,
        summary: "A process takes the CPU.".to_owned(),
        evidence: vec![EvidenceId("E1".to_owned())],
    };
    let peak = Score {
        value: 5.0,
        is_ready: true,
        is_provisional: false,
        y: 99.0,
        yhat: 10.0,
        yhat_lower: 0.0,
        yhat_upper: UPPER,
    };
    let symptom = Symptom {
        labels: labels(service),
        kind: AnomalyKind::Point,
        direction: Direction::Above,
        onset: at,
        last_seen: at,
        ended_at: None,
        peak,
        severity: Severity::Critical,
        explanation: String::new(),
    };
    Incident {
        id: IncidentId(number),
        status: IncidentStatus::Open,
        severity: Severity::Critical,
        title: "CPU".to_owned(),
        services: vec![service.to_owned()],
        started_at: at,
        detected_at: at,
        ended_at: None,
        symptoms: vec![symptom],
        diagnosis: Some(Diagnosis {
            time: at,
            causes: vec![cause],
            no_cause_confidence: 0.05,
            evidence: vec![Evidence { id: EvidenceId("E1".to_owned()), text: "E1".to_owned(), source: process }],
            graph: signal::CausalGraph::default(),
            took_ms: 1.0,
        }),
        plans: vec![],
        timeline: vec![],
        feedback: None,
    }
}

pub fn simple(number: u64, service: &str) -> Incident {
    incident(number, service, "web-1", 41, 900, "miner")
}
