//! What is going on in the made-up shop? Its series, incidents, causes, a plan and log lines.

use std::time::Duration;

use signal::{
    AnomalyKind, Cause, CauseOpinion, Change, ChangeKind, Claim, Diagnosis, Direction, DroppedClaims, Evidence,
    EvidenceId, EvidenceSource, FaultClass, Incident, IncidentId, IncidentStatus, Investigation, InvestigationOutcome,
    InvestigationStep, Labels, LogId, LogRecord, Opinion, Plan, PlanId, PlanState, PlannedStep, Score, Severity,
    StepKind, StepResult, Symptom, TimeRange, TimelineEntry, Timestamp, Verification,
};

use super::{DIGEST, HOSTILE, SERVICES};

pub fn shop() -> Vec<Labels> {
    let mut series = vec![];
    for service in SERVICES {
        let own = [("service", service), ("host", "shop-1")];
        for name in [
            "service_cpu_percent",
            "service_memory_bytes",
            "db_pool_connections_in_use",
            "db_pool_wait_seconds",
            "queue_depth",
        ] {
            series.push(Labels::metric(name, &own));
        }
        series.push(Labels::metric("http_request_duration_seconds", &[("service", service), ("quantile", "0.95")]));
    }
    series.push(Labels::metric("host_cpu_percent", &[("host", "shop-1")]));
    let path = "/a-very-long-path-without-any-place-to-break/".repeat(4);
    series.push(Labels::metric("cache_hits", &[("service", "catalog"), ("path", &path), ("evil", HOSTILE)]));
    series.sort();
    series
}

pub fn checkout(name: &str) -> Labels {
    shop().into_iter().find(|it| it.name() == name && it.service() == Some("checkout")).unwrap()
}

/// What a model said of an incident: foreign text in all of it.
pub fn investigation(id: IncidentId) -> Investigation {
    let source = EvidenceSource::Answer {
        tool: "search_logs".to_owned(),
        arguments: format!("{{\"words\":\"{HOSTILE}\"}}"),
        fact: format!("3 lines fit {HOSTILE}."),
    };
    let claim =
        Claim { text: format!("Three lines of catalog fit {HOSTILE}"), evidence: vec![EvidenceId("T1".to_owned())] };
    Investigation {
        incident: id,
        model: "fake/one".to_owned(),
        started_at: Timestamp::from_secs(1_700_000_000),
        seconds: 4.2,
        outcome: InvestigationOutcome::Answered,
        reason: String::new(),
        claims: vec![claim],
        opinion: CauseOpinion::Agrees,
        evidence: vec![Evidence { id: EvidenceId("T1".to_owned()), text: format!("3 lines fit {HOSTILE}."), source }],
        steps: vec![InvestigationStep {
            tool: "search_logs".to_owned(),
            arguments: "{}".to_owned(),
            outcome: StepResult::Answered,
            evidence: vec![EvidenceId("T1".to_owned())],
        }],
        dropped: vec![DroppedClaims { reason: "number".to_owned(), count: 2 }],
        tokens: (1200, 80),
        cost_usd: 0.0123,
    }
}

pub fn change(time: Timestamp, service: &str, kind: ChangeKind, title: &str) -> Change {
    Change { time, service: service.to_owned(), kind, title: title.to_owned(), version: Some("2.4.1".to_owned()) }
}

pub fn incidents(begin: Timestamp) -> Vec<Incident> {
    let after = |secs| begin.plus(Duration::from_secs(secs));
    let symptom = |name: &str, secs: u64, severity, y, upper| Symptom {
        labels: checkout(name),
        kind: AnomalyKind::Point,
        direction: Direction::Above,
        onset: after(secs),
        last_seen: after(240),
        ended_at: None,
        peak: Score {
            value: 7.4,
            is_ready: true,
            is_provisional: false,
            y,
            yhat: upper * 0.85,
            yhat_lower: upper * 0.7,
            yhat_upper: upper,
        },
        severity,
        explanation: String::new(),
    };
    let silent = Symptom {
        labels: Labels::new([("service", "cart")]),
        kind: AnomalyKind::MissingData,
        ..symptom("http_request_duration_seconds", 4, Severity::Warning, 0.0, 1.0)
    };
    let entry = |secs, text: &str| TimelineEntry { time: after(secs), text: text.to_owned() };
    let open = Incident {
        id: IncidentId(2),
        status: IncidentStatus::Open,
        severity: Severity::Critical,
        title: "checkout: http_request_duration_seconds 4.9 x above expected".to_owned(),
        services: vec!["checkout".to_owned(), "cart".to_owned(), HOSTILE.to_owned()],
        started_at: begin,
        detected_at: after(6),
        ended_at: None,
        symptoms: vec![
            symptom("http_request_duration_seconds", 0, Severity::Critical, 0.61, 0.142),
            symptom("db_pool_connections_in_use", 2, Severity::Warning, 132.0, 31.0),
            symptom("db_pool_wait_seconds", 3, Severity::Warning, 0.0192, 0.0047),
            silent,
        ],
        diagnosis: Some(diagnosis(begin)),
        plans: vec![PlanId(1)],
        timeline: vec![
            entry(0, "First symptom: http_request_duration_seconds of checkout."),
            entry(6, "Opened with severity critical."),
            entry(7, "Diagnosed: pool exhaustion in checkout, 86 %."),
            entry(8, "PLAN-1 proposed: recycle_pool on checkout."),
        ],
        feedback: None,
    };
    let earlier = |secs: u64| begin.minus(Duration::from_secs(secs));
    let mut over =
        Incident { id: IncidentId(1), status: IncidentStatus::Resolved, severity: Severity::Warning, ..open.clone() };
    over.title = format!("catalog: cache_hits below expected {HOSTILE}");
    over.services = vec!["catalog".to_owned()];
    (over.started_at, over.detected_at, over.ended_at) = (earlier(5400), earlier(5390), Some(earlier(4800)));
    over.symptoms.truncate(1);
    over.diagnosis =
        Some(Diagnosis { causes: vec![], evidence: vec![], no_cause_confidence: 0.9, ..diagnosis(earlier(5390)) });
    (over.plans, over.feedback) = (vec![], Some(Opinion::Noise));
    vec![open, over]
}

pub fn diagnosis(begin: Timestamp) -> Diagnosis {
    let range = TimeRange::new(begin, begin.plus(Duration::from_secs(60)));
    let evidence = |number: u32, text: &str, source| Evidence {
        id: EvidenceId(format!("E{number}")),
        text: text.to_owned(),
        source,
    };
    let cause = |service: &str, indicator: &str, fault, confidence, summary: &str, ids: &[&str]| Cause {
        service: service.to_owned(),
        indicator: indicator.to_owned(),
        fault,
        confidence,
        summary: summary.to_owned(),
        evidence: ids.iter().map(|it| EvidenceId((*it).to_owned())).collect(),
    };
    let pool = checkout("db_pool_connections_in_use");
    Diagnosis {
        time: begin.plus(Duration::from_secs(7)),
        causes: vec![
            cause(
                "checkout",
                &pool.to_string(),
                FaultClass::PoolExhaustion,
                0.86,
                "All 20 database connections of checkout are in use, and requests wait for one. Waiting began 2 s after the first symptom.",
                &["E1", "E2"],
            ),
            cause(
                "checkout",
                "release 2.4.1",
                FaultClass::BadDeploy,
                0.31,
                "Version 2.4.1 of checkout was deployed 95 s before the first symptom.",
                &["E4"],
            ),
            cause(
                "shop-1",
                "host_process_cpu_percent",
                FaultClass::CpuHog,
                0.06,
                "A process of shop-1 takes most of one core.",
                &["E3"],
            ),
        ],
        no_cause_confidence: 0.08,
        evidence: vec![
            evidence(
                1,
                "db_pool_connections_in_use of checkout rose from 27 to 132 (14.2 robust deviations).",
                EvidenceSource::SeriesWindow {
                    labels: pool.clone(),
                    range,
                    before: 27.0,
                    during: 132.0,
                    deviation: 14.2,
                    onset: begin,
                },
            ),
            evidence(
                2,
                "A new log template appeared 42 times per minute.",
                EvidenceSource::LogLines {
                    service: "checkout".to_owned(),
                    template: "pool exhausted after <*> ms".to_owned(),
                    range,
                    before_per_minute: 0.0,
                    during_per_minute: 42.0,
                    ids: vec![LogId(3)],
                    example: format!("\u{1b}[31mERROR\u{1b}[0m pool exhausted after 5000 ms, user={HOSTILE}"),
                },
            ),
            evidence(
                3,
                "Process 4711 took 93 % of one core.",
                EvidenceSource::Process {
                    host: "shop-1".to_owned(),
                    pid: 4711,
                    start_time: 1_700_000_000,
                    command: format!("/usr/bin/miner --pool {HOSTILE}"),
                    labels: pool,
                    range,
                    value: 93.0,
                },
            ),
            evidence(
                4,
                "checkout was deployed shortly before.",
                EvidenceSource::Change {
                    change: change(begin, "checkout", ChangeKind::Deploy, HOSTILE),
                    lead_secs: 95.0,
                },
            ),
        ],
        graph: signal::CausalGraph::default(),
        took_ms: 11.8,
    }
}

pub fn plan(begin: Timestamp) -> Plan {
    let recycle =
        ["/usr/local/bin/recycle-pool", "--service", "checkout", "--reason", HOSTILE].map(str::to_owned).to_vec();
    let url = "http://deployer.internal/v1/services/checkout/pool".to_owned();
    let webhook = |size: u32| StepKind::Webhook {
        method: "POST".to_owned(),
        url: url.clone(),
        body: format!("{{\"max_connections\":{size}}}"),
    };
    Plan {
        id: PlanId(1),
        incident: IncidentId(2),
        playbook: "recycle_pool".to_owned(),
        target: "checkout".to_owned(),
        fault: FaultClass::PoolExhaustion,
        steps: vec![
            PlannedStep { action: StepKind::Command { argv: recycle }, undo: None, outcome: None },
            PlannedStep { action: webhook(40), undo: Some(webhook(20)), outcome: None },
        ],
        verification: Verification {
            labels: checkout("http_request_duration_seconds"),
            direction: Direction::Above,
            threshold: 0.142,
            hold_secs: 30,
            timeout_secs: 300,
        },
        is_dry_run: true,
        state: PlanState::Proposed,
        reason: "Waits for approval.".to_owned(),
        digest: DIGEST.to_owned(),
        created_at: begin,
        expires_at: begin.plus(Duration::from_secs(3600)),
        approval: None,
    }
}

pub fn lines(begin: Timestamp) -> Vec<LogRecord> {
    let texts = [
        ("checkout", "error", "pool exhausted after 5000 ms"),
        ("checkout", "error", HOSTILE),
        ("cart", "warn", "\u{1b}[33mWARN\u{1b}[0m retry 3 of 5 for POST http://checkout/v1/orders took 1204 ms"),
        ("web", "info", "GET /cart 200 12ms \u{202e}gnirts desrever"),
        ("payments", "debug", "settled order=88123 amount=12.50"),
        (
            "search",
            "info",
            "averyveryverylongtokenwithoutanyspaceinitthatmustwrapsomewhereorthepagebecomestoowideforaphone0123456789abcdefghijklmnopqrstuvwxyz",
        ),
        (
            "accounts",
            "fatal",
            "panic: runtime error: index out of range [5] with length 3\n\tgoroutine 1 [running]:\n\tmain.main()",
        ),
    ];
    let record = |idx: usize| {
        let (service, level, line) = texts[idx % texts.len()];
        let time = begin.plus(Duration::from_secs(6 * idx as u64));
        LogRecord::new(time, Labels::new([("service_name", service), ("level", level)]), line)
    };
    (0..35).map(record).collect()
}
