//! Incidents for tests: a small one, one full of hostile text, and a very large one.

use expect_test::{ExpectFile, expect_file};

use signal::{
    AnomalyKind, Approval, Cause, Diagnosis, Direction, Evidence, EvidenceId, EvidenceSource, FaultClass, Incident,
    IncidentId, IncidentStatus, Labels, LedgerEntry, LogId, Plan, PlanId, PlanState, PlannedStep, Point, Score,
    Severity, StepKind, StepOutcome, Symptom, TimeRange, TimelineEntry, Timestamp, Verification,
};

use crate::{Chart, IncidentReport};

/// Text that tries to be HTML, a link, an image, a heading, code and a terminal command.
pub const HOSTILE: &str = "<script>alert(1)</script> [x](javascript:alert(1)) ![y](https://evil.example/a.png) \u{1b}[31m\
    red\u{1b}[0m\n# owned\n```\n` `` <img src=x onerror=alert(1)> </code></style><b> \u{202e} \" onload=\"x | cell";

pub fn expected_markdown() -> ExpectFile {
    expect_file!["testdata/small.md"]
}

/// What is left of Markdown without code spans, found as CommonMark does it: a span ends at a run of equal length.
pub fn without_code(text: &str) -> String {
    let mut outside = String::new();
    let mut rest = text;
    while let Some(idx) = rest.find(['`', '\\']) {
        let (before, from) = rest.split_at(idx);
        outside.push_str(before);
        if let Some(escaped) = from.strip_prefix('\\') {
            let length = escaped.chars().next().map_or(0, char::len_utf8);
            outside.push('\\');
            outside.push_str(&escaped[..length]);
            rest = &escaped[length..];
            continue;
        }
        let length = from.len() - from.trim_start_matches('`').len();
        let mut end = length;
        rest = loop {
            let Some(next) = from[end..].find('`').map(|it| end + it) else {
                outside.push_str(&from[..length]);
                break &from[length..];
            };
            let run = from[next..].len() - from[next..].trim_start_matches('`').len();
            end = next + run;
            if run == length {
                break &from[end..];
            }
        };
    }
    outside + rest
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

fn score(y: f64) -> Score {
    Score { value: 5.0, is_ready: true, is_provisional: false, y, yhat: 10.0, yhat_lower: 5.0, yhat_upper: 20.0 }
}

/// A small incident with everything in it, every text given.
// Long because it is one piece of data: an incident with one of everything.
fn with_text(text: impl Fn(&str) -> String) -> IncidentReport {
    let labels = Labels::metric("service_cpu_percent", &[("service", &text("pay"))]);
    let range = TimeRange::new(at(30), at(50));
    let sources = [
        EvidenceSource::SeriesWindow {
            labels: labels.clone(),
            range,
            before: 10.0,
            during: 95.0,
            deviation: 25.5,
            onset: at(30),
        },
        EvidenceSource::Process {
            host: text("web-1"),
            pid: 41,
            start_time: 1_700_000_029,
            command: text("miner --all"),
            labels: labels.clone(),
            range,
            value: 180.0,
        },
        EvidenceSource::LogLines {
            service: text("pay"),
            template: text("slow request <*>"),
            range,
            before_per_minute: 0.0,
            during_per_minute: 12.0,
            ids: Vec::<LogId>::new(),
            example: text("slow request 17"),
        },
    ];
    let evidence = sources.into_iter().enumerate().map(|(idx, source)| Evidence {
        id: EvidenceId(format!("E{}", idx + 1)),
        text: text("A fact."),
        source,
    });
    let diagnosis = Diagnosis {
        time: at(35),
        causes: vec![Cause {
            service: text("pay"),
            indicator: text("service_cpu_percent"),
            fault: FaultClass::CpuHog,
            confidence: 0.91,
            summary: text("Process 41 takes the CPU."),
            evidence: vec![EvidenceId("E1".to_owned()), EvidenceId("E2".to_owned())],
        }],
        no_cause_confidence: 0.04,
        evidence: evidence.collect(),
        graph: graph(),
        took_ms: 1.0,
    };
    let incident = Incident {
        id: IncidentId(7),
        status: IncidentStatus::Resolved,
        severity: Severity::Critical,
        title: text("pay: CPU above expected"),
        services: vec![text("pay")],
        started_at: at(30),
        detected_at: at(33),
        ended_at: Some(at(50)),
        symptoms: vec![Symptom {
            labels: labels.clone(),
            kind: AnomalyKind::Point,
            direction: Direction::Above,
            onset: at(30),
            last_seen: at(49),
            ended_at: Some(at(50)),
            peak: score(95.0),
            severity: Severity::Critical,
            explanation: String::new(),
        }],
        diagnosis: Some(diagnosis),
        plans: vec![PlanId(3)],
        timeline: vec![TimelineEntry { time: at(33), text: text("Opened.") }],
        feedback: None,
    };
    let points = (0..60).map(|it| Point { time: at(it), value: if (30..50).contains(&it) { 95.0 } else { 10.0 } });
    let chart = Chart {
        labels: labels.clone(),
        points: points.collect(),
        band: (0..60).map(|it| (at(it), score(10.0))).collect(),
        anomalous: vec![range],
    };
    let entry = LedgerEntry {
        sequence: 12,
        time: at(36),
        actor: text("ann"),
        action: text("plan.approved"),
        subject: text("PLAN-3"),
        detail: text("{}"),
        previous_hash: "0".repeat(64),
        hash: "abcdef0123456789".repeat(4),
    };
    IncidentReport {
        incident,
        plans: vec![plan(&labels, &text)],
        charts: vec![chart],
        ledger: vec![entry],
        generated_at: at(60),
        version: text("0.1.0"),
    }
}

fn plan(labels: &Labels, text: impl Fn(&str) -> String) -> Plan {
    Plan {
        id: PlanId(3),
        incident: IncidentId(7),
        playbook: text("stop-hog"),
        target: text("pay"),
        fault: FaultClass::CpuHog,
        steps: vec![PlannedStep {
            action: StepKind::TerminateProcess { pid: 41, start_time: 1_700_000_029, command: text("miner --all") },
            undo: None,
            outcome: Some(StepOutcome { time: at(37), is_ok: true, detail: text("process 41 ended after SIGTERM") }),
        }],
        verification: Verification {
            labels: labels.clone(),
            direction: Direction::Above,
            threshold: 20.0,
            hold_secs: 30,
            timeout_secs: 300,
        },
        is_dry_run: false,
        state: PlanState::Succeeded,
        reason: text("The signal has recovered."),
        digest: "d".repeat(64),
        created_at: at(35),
        expires_at: at(3635),
        approval: Some(Approval {
            actor: text("ann"),
            time: at(36),
            digest: "d".repeat(64),
            signature: "f".repeat(64),
        }),
    }
}

pub fn report() -> IncidentReport {
    with_text(str::to_owned)
}

pub fn hostile() -> IncidentReport {
    with_text(|_| HOSTILE.to_owned())
}

/// Far more of everything than a page can show.
pub fn large() -> IncidentReport {
    let mut report = with_text(|it| format!("{it} {}", "\"<&>".repeat(200)));
    let n_points = 86_400;
    let chart = &mut report.charts[0];
    chart.points = (0..n_points).map(|it| Point { time: at(it), value: (it as f64 / 50.0).sin() * 1e5 }).collect();
    chart.band = (0..n_points).map(|it| (at(it), score(10.0))).collect();
    let incident = &mut report.incident;
    incident.symptoms = vec![incident.symptoms[0].clone(); 2000];
    incident.timeline = vec![incident.timeline[0].clone(); 2000];
    let diagnosis = incident.diagnosis.as_mut().unwrap();
    diagnosis.causes = vec![diagnosis.causes[0].clone(); 50];
    diagnosis.evidence = vec![diagnosis.evidence[1].clone(); 500];
    report.charts = vec![report.charts[0].clone(); 40];
    report.plans[0].steps = vec![report.plans[0].steps[0].clone(); 20];
    report.plans = vec![report.plans[0].clone(); 100];
    report.ledger = vec![report.ledger[0].clone(); 5000];
    report
}

/// A process takes the processor, and requests wait.
fn graph() -> signal::CausalGraph {
    let node = |id: &str, what: &str, confidence: f64| signal::CausalNode {
        id: id.to_owned(),
        service: "pay".to_owned(),
        what: what.to_owned(),
        confidence,
        evidence: vec![signal::EvidenceId("E1".to_owned())],
        ..signal::CausalNode::default()
    };
    let edge = signal::CausalEdge { from: "N1".to_owned(), to: "N2".to_owned(), by: "within".to_owned() };
    signal::CausalGraph { nodes: vec![node("N1", "cpu hog", 0.91), node("N2", "latency up", 0.0)], edges: vec![edge] }
}
