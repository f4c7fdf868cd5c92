//! Does the runner accept what is right and refuse what is wrong? Tested with a small system that knows one threshold.

use std::collections::BTreeMap;

use signal::{
    AnomalyKind, Cause, Change, Diagnosis, Direction, EvidenceId, FaultClass, Incident, IncidentId, IncidentStatus,
    Inference, Label, Labels, LogRecord, Plan, PlanId, PlanState, Score, SeriesPoints, Severity, Span, Symptom,
    TimelineEntry, Timestamp, Verification,
};

use super::*;
use crate::System;

/// Opens one incident per series that is above a limit and resolves it when the series is below again.
struct Threshold {
    limit: f64,
    incidents: BTreeMap<String, Incident>,
    plans: Vec<Plan>,
    lines: Vec<LogRecord>,
    spans: Vec<(Timestamp, Span)>,
    deploys: Vec<Change>,
    advanced: Vec<Timestamp>,
    n_samples: usize,
    predictions: usize,
    labels: usize,
}

impl Threshold {
    fn new() -> Self {
        Self {
            limit: 0.7,
            incidents: BTreeMap::new(),
            plans: vec![],
            lines: vec![],
            spans: vec![],
            deploys: vec![],
            advanced: vec![],
            n_samples: 0,
            predictions: 0,
            labels: 0,
        }
    }

    fn open(&mut self, series: &SeriesPoints, time: Timestamp, value: f64) {
        let id = IncidentId(self.incidents.len() as u64 + 1);
        let service = series.labels.owner().to_owned();
        let fault = if self.deploys.is_empty() { FaultClass::PoolExhaustion } else { FaultClass::BadDeploy };
        let symptom = Symptom {
            labels: series.labels.clone(),
            kind: AnomalyKind::Point,
            direction: Direction::Above,
            onset: time,
            last_seen: time,
            ended_at: None,
            peak: Score::warming_up(value),
            severity: Severity::Critical,
            explanation: String::new(),
        };
        let cause = Cause {
            service: service.clone(),
            indicator: series.labels.to_string(),
            fault,
            confidence: 0.8,
            summary: String::new(),
            evidence: vec![EvidenceId("E1".to_owned())],
        };
        let incident = self.incidents.entry(series.labels.to_string()).or_insert(Incident {
            id,
            status: IncidentStatus::Open,
            severity: Severity::Critical,
            title: format!("{service} is above the limit"),
            services: vec![service.clone()],
            started_at: time,
            detected_at: time,
            ended_at: None,
            symptoms: vec![symptom],
            diagnosis: Some(Diagnosis {
                time,
                causes: vec![cause],
                no_cause_confidence: 0.1,
                evidence: vec![],
                graph: signal::CausalGraph::default(),
                took_ms: 0.0,
            }),
            plans: vec![PlanId(id.0)],
            timeline: vec![TimelineEntry { time, text: "Opened.".to_owned() }],
            feedback: None,
        });
        incident.status = IncidentStatus::Open;
        self.plans.push(Plan {
            id: PlanId(id.0),
            incident: id,
            playbook: "restart".to_owned(),
            target: service,
            fault,
            steps: vec![],
            verification: Verification {
                labels: series.labels.clone(),
                direction: Direction::Above,
                threshold: 0.7,
                hold_secs: 1,
                timeout_secs: 2,
            },
            is_dry_run: true,
            state: PlanState::Proposed,
            reason: "waits for approval".to_owned(),
            digest: String::new(),
            created_at: time,
            expires_at: time,
            approval: None,
        });
    }
}

impl System for Threshold {
    fn samples(&mut self, now: Timestamp, batch: Vec<SeriesPoints>) {
        for series in &batch {
            for point in &series.points {
                assert!(point.time <= now, "nothing comes from the future");
                self.n_samples += 1;
                let known = self.incidents.contains_key(&series.labels.to_string());
                if point.value > self.limit && !known {
                    self.open(series, point.time, point.value);
                } else if point.value <= self.limit
                    && let Some(incident) = self.incidents.get_mut(&series.labels.to_string())
                    && incident.is_open()
                {
                    incident.status = IncidentStatus::Resolved;
                    incident.ended_at = Some(point.time);
                }
            }
        }
    }

    fn logs(&mut self, _now: Timestamp, lines: Vec<LogRecord>) {
        self.lines.extend(lines);
    }

    fn spans(&mut self, now: Timestamp, spans: Vec<Span>) {
        self.spans.extend(spans.into_iter().map(|it| (now, it)));
    }

    fn predictions(&mut self, now: Timestamp, rows: Vec<Inference>, labels: Vec<Label>) {
        assert!(rows.iter().all(|it| it.time <= now) && labels.iter().all(|it| it.time <= now));
        self.predictions += rows.len();
        self.labels += labels.len();
    }

    fn changes(&mut self, _now: Timestamp, changes: Vec<Change>) {
        self.deploys.extend(changes);
    }

    fn advance(&mut self, now: Timestamp) {
        self.advanced.push(now);
    }

    fn incidents(&self) -> Vec<Incident> {
        self.incidents.values().cloned().collect()
    }

    fn plans(&self) -> Vec<Plan> {
        self.plans.clone()
    }

    fn lines(&self, words: &str) -> Vec<LogRecord> {
        self.lines.iter().filter(|it| it.line.contains(words)).cloned().collect()
    }

    fn series(&self, labels: &Labels) -> Vec<Labels> {
        if self.n_samples > 0 { vec![labels.clone()] } else { vec![] }
    }

    fn configure(&mut self, text: &str) -> Result<(), String> {
        let limit = text.trim().strip_prefix("limit: ").and_then(|it| it.parse().ok());
        self.limit = limit.ok_or("limit: is missing")?;
        Ok(())
    }
}

/// Signals in which `pay` is above the limit from 10 s on and below it again from 20 s on.
const STEP: &str = "load 1s latency{service=\"pay\"} 0.2x9 0.9x9 0.2x9\n\
    load 10s latency{service=\"cart\"} 0.3x3\n";

/// The failures of one expectation after `STEP`.
fn failure(expectation: &str) -> Option<String> {
    let script = parse("a.scn", &format!("{STEP}{expectation}")).unwrap_or_else(|it| panic!("{}", it[0]));
    let outcome = run(&script, &mut Threshold::new());
    assert_eq!(outcome.checks.len(), 1);
    assert_eq!(outcome.is_passed(), outcome.checks[0].failure.is_none());
    outcome.checks[0].failure.clone()
}

#[test]
fn right_expectations_hold_and_wrong_ones_fail() {
    let pairs = [
        ("incident within 5s of 10s: service=\"pay\"", "incident within 5s of 11s: service=\"pay\""),
        ("incident within 5s of 6s", "incident within 3s of 6s"),
        ("incident within 5s of 10s: service=\"cart|pay\"", "incident within 5s of 10s: service=\"cart\""),
        ("incident within 5s of 10s: severity=\"critical\"", "incident within 5s of 10s: severity=\"warning\""),
        ("incident within 5s of 10s: metric=\"latency\"", "incident within 5s of 10s: metric=\"late\""),
        ("incident within 5s of 10s: kind=\"point\"", "incident within 5s of 10s: kind=\"impossible\""),
        ("incident within 5s of 10s: title=\"limit\"", "incident within 5s of 10s: title=\"pool\""),
        ("no incident between 0 and 9s", "no incident between 0 and 10s"),
        ("no incident: service=\"cart\"", "no incident"),
        ("exactly 1 incident", "exactly 2 incidents"),
        ("exactly 0 incidents between 11s and 30s", "exactly 1 incident between 11s and 30s"),
        (
            "diagnosis top 1: service=\"pay\", fault=\"pool_exhaustion\"",
            "diagnosis top 1: service=\"pay\", fault=\"cpu_hog\"",
        ),
        ("diagnosis top 3: indicator=\"latency\"", "diagnosis top 3: service=\"cart\""),
        ("resolved within 5s of 20s", "resolved within 5s of 10s"),
        ("plan: playbook=\"restart\", target=\"pay\", state=\"proposed\"", "plan: playbook=\"roll_back\""),
        ("plan: fault=\"pool_exhaustion\"", "no plan"),
        ("exactly 1 incidents: service=\"pay\"", "no cause"),
    ];
    for (right, wrong) in pairs {
        assert_eq!(failure(&format!("expect {right}")), None, "{right}");
        assert!(failure(&format!("expect {wrong}")).is_some(), "{wrong} must fail");
    }
}

#[test]
fn nothing_found_satisfies_only_expectations_of_nothing() {
    let outcome = |expectation: &str| {
        let script = parse("a.scn", &format!("load 1s m 0x5\nexpect {expectation}")).unwrap();
        run(&script, &mut Threshold::new()).is_passed()
    };
    for silent in ["no incident", "no plan", "no cause", "exactly 0 incidents"] {
        assert!(outcome(silent), "{silent}");
    }
    for loud in ["incident within 1m of 0", "resolved within 1m of 0", "diagnosis top 9", "plan", "exactly 1 incident"]
    {
        assert!(!outcome(loud), "{loud}");
    }
}

#[test]
fn a_failure_tells_what_was_seen() {
    let seen = failure("expect diagnosis top 1: service=\"cart\"").unwrap();
    expect_test::expect![[r#"
        seen:
          INC-1 at 10s (onset 10s), critical, resolved at 20s: pay is above the limit
            services: pay
            symptom: latency{service="pay"} Point Above from 10s
            cause 1: pay pool_exhaustion 0.80"#]]
    .assert_eq(&seen);
    assert!(failure("expect plan: target=\"cart\"").unwrap().starts_with("seen:\n  PLAN-1: playbook restart"));
}

#[test]
fn expectations_are_checked_when_they_stand_after_a_detect() {
    let text = format!(
        "{STEP}detect until 9s\nexpect no incident\ndetect until 15s\nexpect exactly 1 incident\n\
         expect resolved within 1m of 10s\ndetect\nexpect resolved within 1m of 10s"
    );
    let outcome = run(&parse("a.scn", &text).unwrap(), &mut Threshold::new());
    let verdicts: Vec<bool> = outcome.checks.iter().map(|it| it.failure.is_none()).collect();
    assert_eq!(verdicts, [true, true, false, true]);
    assert_eq!(outcome.failures().next().unwrap().line, 7);
    assert!(outcome.to_string().contains("FAIL a.scn:7  expect resolved within 1m of 10s\n       seen:\n"));
}

#[test]
fn a_longer_tick_brings_all_inputs_in_fewer_steps() {
    let text = "tick 1m\nload 30s m 0x9\nlog 70s {service=\"a\"} \"once\"\nexpect no incident\ndetect until 330s";
    let mut system = Threshold::new();
    run(&parse("a.scn", text).unwrap(), &mut system);
    let seconds: Vec<u128> = system.advanced.iter().map(|it| it.since(EPOCH).as_millis() / 1000).collect();
    assert_eq!(seconds, [0, 60, 120, 180, 240, 300, 330], "the last one is cut at the end");
    assert_eq!((system.n_samples, system.lines.len()), (10, 1));
    let mistakes = |text: &str| parse("a.scn", text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>();
    for (text, expected) in [
        ("tick 500ms\nload 1s m 1\nexpect no incident", "a.scn:1:6: expected whole seconds"),
        ("shop for 1m\ntick 2s\nexpect no incident", "a.scn:2:6: expected `tick 1s`, because the shop"),
        ("load 1d m 1x40\nexpect no incident", "a.scn:1:1: expected `tick 1m` or longer"),
    ] {
        let mistakes = mistakes(text);
        assert!(mistakes.len() == 1 && mistakes[0].starts_with(expected), "{mistakes:?}");
    }
}

#[test]
fn every_second_is_advanced_once_and_every_input_arrives_once() {
    let text = "load 250ms m 0x7\nload 7s n 0 _ 0 NaN\nlog every 5s from 2s to 12s {service=\"a\"} \"line {n}\"\n\
        log 3s {service=\"b\"} \"once\"\nchange 4s deploy a \"a 2.0\"\nexpect no incident";
    let mut system = Threshold::new();
    let outcome = run(&parse("a.scn", text).unwrap(), &mut system);
    assert!(outcome.is_passed());
    let seconds: Vec<u128> = system.advanced.iter().map(|it| it.since(EPOCH).as_millis() / 1000).collect();
    assert_eq!(seconds, (0..=28).collect::<Vec<_>>());
    assert_eq!(system.n_samples, 8 + 3);
    let lines: Vec<&str> = system.lines.iter().map(|it| it.line.as_str()).collect();
    assert_eq!(lines, ["line 1", "once", "line 2", "line 3"]);
    assert_eq!(system.deploys.len(), 1);
}

#[test]
fn every_prediction_and_label_arrives_once() {
    let text = "predict every 2s from 1s to 9s m{a=\"1~0.1\"} answers \"0|1\" right 1 after 3s\nexpect no incident";
    let mut system = Threshold::new();
    run(&parse("a.scn", text).unwrap(), &mut system);
    assert_eq!((system.predictions, system.labels), (5, 5));
    assert_eq!(system.advanced.len(), 13, "the last label comes at 12 s");
}

#[test]
fn the_shop_runs_and_breaks_inside_a_scenario() {
    let text = "shop for 2m seed 3\nbreak pool_exhaustion on inventory at 30s for 40s\n\
        break bad_deploy on cart at 40s for 20s\nexpect incident within 40s of 30s: metric=\"db_pool_wait_seconds\"\n\
        expect incident within 40s of 30s: service=\"checkout\"\nexpect no incident between 0 and 30s";
    let mut system = Threshold::new();
    system.limit = f64::INFINITY;
    let script = parse("a.scn", text).unwrap();
    run(&script, &mut system);
    assert_eq!(system.deploys.len(), 2, "the end of a bad deploy is a rollback");
    assert!(system.lines.iter().any(|it| it.line.contains("Timeout acquiring connection")));
    assert!(system.n_samples > 2 * 60 * 180);
}

#[test]
fn a_config_block_reaches_the_system_or_fails_the_scenario() {
    let run_with = |config: &str| {
        let text = format!("config\n{config}\nend\n{STEP}expect no incident");
        run(&parse("a.scn", &text).unwrap(), &mut Threshold::new())
    };
    assert!(run_with("limit: 2.0").is_passed());
    let refused = run_with("limits: 2.0");
    assert_eq!(refused.checks[0].failure.as_deref(), Some("the configuration was refused: limit: is missing"));
}

/// Each mistake of a text, one per line.
fn mistakes(text: &str) -> String {
    let errors = parse("a.scn", text).expect_err("the text holds mistakes");
    errors.iter().map(|it| format!("{it}\n")).collect()
}

#[test]
fn all_mistakes_are_told_with_line_and_column() {
    expect_test::expect![[r#"
        a.scn:1:1: expected one of load, log, call, predict, tick, shop, break, change, config, detect, expect, ask, feedback, found "lod"
        a.scn:2:6: expected a time such as 90s, 1m30s or 250ms (at most 366d), found "soon"
        a.scn:3:13: expected a quoted value, found "1}"
        a.scn:4:11: expected a value such as 5, 0.2+0x60, 9-0.1x30, _x5, stale or NaN, found "2+y"
        a.scn:5:10: expected values such as 0.2+0x60, found the end of the line
        a.scn:6:16: expected a text in double quotes, found "text"
        a.scn:7:22: expected `to`, found "until"
        a.scn:8:7: expected one of cpu_miner, memory_leak, pool_exhaustion, bad_deploy, disk_filling, dependency_timeout, harmless_deploy, traffic_rise, found "coffee"
        a.scn:9:20: expected a host of the shop, found "checkout"
        a.scn:10:7: expected a statement such as `shop for 12m` somewhere, because only the shop can break, found "cpu_miner"
        a.scn:11:8: expected one of incident, no, exactly, diagnosis, resolved, plan, line, series, found "joy"
        a.scn:12:34: expected one of service, severity, metric, kind, title, found "color=\"red\""
        a.scn:13:28: expected `:` and fields, or the end of the line, found "please"
        a.scn:14:16: expected the end of the line, found ","
        a.scn:15:33: expected a closing quote, found the end of the line
        a.scn:16:11: expected one of deploy, config, flag, other, found "party"
    "#]]
    .assert_eq(&mistakes(
        "lod 1s m 1\n\
         load soon m 1\n\
         load 1s m{a=1} 1\n\
         load 1s m 2+y\n\
         load 1s m\n\
         log 5s {a=\"1\"} text\n\
         log every 5s from 1m until 2m {a=\"1\"} \"x\"\n\
         break coffee on cart at 1m\n\
         break cpu_miner on checkout at 1m\n\
         break cpu_miner on app-1 at 1m for 10s\n\
         expect joy\n\
         expect incident within 1m of 2m: color=\"red\"\n\
         expect exactly 3 incidents please\n\
         expect no cause, service=pay\n\
         expect no incident: service=\"pay\n\
         change 5s party cart \"x\"\n",
    ));
}

#[test]
fn a_scenario_must_be_able_to_fail_and_a_fault_must_be_able_to_begin() {
    assert!(mistakes("load 1s m 1\n").contains("at least one `expect`"));
    assert!(mistakes("").contains("a.scn:1:1: expected at least one `expect`"));
    assert!(
        mistakes("shop for 1m\nbreak traffic_rise on shop at 1m\nexpect no incident").contains("before the shop ends")
    );
    assert!(mistakes("config\nx: 1\nexpect no incident").contains("a line `end`"));
    assert!(mistakes("detect until 5m\ndetect until 4m\nexpect no incident").contains("a.scn:2:14"));
}

#[test]
fn mutilated_texts_are_refused_without_a_panic() {
    let good = format!(
        "{STEP}log every 5s from 2s to 12s {{service=\"\u{e4}\"}} \"line {{n}} \u{1f600}\"\nshop for 2m seed 3\n\
        break cpu_miner on app-1 at 3s for 4s\nchange 4s deploy a \"a 2.0\"\nexpect no incident: service=\"pay\"\n"
    );
    let chars: Vec<char> = good.chars().collect();
    let mut rng = fastrand::Rng::with_seed(11);
    for round in 0..3000 {
        let mut text = chars.clone();
        for _ in 0..rng.usize(1..6) {
            let at = rng.usize(..text.len().max(1));
            if text.is_empty() {
                break;
            }
            match rng.u8(..3) {
                0 => text[at] = *rng.choice(&['"', '{', '}', '\\', '#', 'x', '9', '\n', '~', '\u{e4}']).unwrap(),
                1 => drop(text.remove(at)),
                _ => text.truncate(at.max(1)),
            }
        }
        let text: String = text.into_iter().collect();
        if let Err(errors) = parse("a.scn", &text) {
            assert!(errors.iter().all(|it| it.line >= 1 && it.column >= 1), "round {round}: {text}");
        }
    }
}

/// A message is to be read: of what is no word it shows the beginning. Found by fuzzing.
#[test]
fn a_mistake_of_any_length_has_a_short_message() {
    let errors = parse("a.scn", &format!("{}\nexpect no incident", "\u{1}d".repeat(2000))).unwrap_err();
    let text = errors[0].to_string();
    assert!(text.len() < 600 && text.starts_with("a.scn:1:1: expected one of load"), "{} bytes: {text}", text.len());
}
