//! Which plan does a playbook make of an incident? Typed facts in, checked steps and a signal to verify by out.

use std::time::Duration;

use signal::{
    AnomalyKind, Cause, Diagnosis, Direction, EvidenceSource, Incident, Plan, PlanId, PlanState, PlannedStep, Severity,
    Symptom, Timestamp, Verification,
};

use crate::config::{Config, Match, Playbook};
use crate::glob;
use crate::placeholder::{Facts, Process};
use crate::refusal::{Refusal, RefusalReason};
use crate::seal::digest;

/// True if the playbook is meant for this cause. A cause that is less likely than "none of them" never matches.
pub fn matches(when: &Match, severity: Severity, cause: &Cause, diagnosis: &Diagnosis) -> bool {
    when.fault.contains(&cause.fault)
        && (when.services.is_empty() || when.services.iter().any(|it| glob::fits(it, &cause.service)))
        && cause.confidence >= when.min_confidence
        && cause.confidence >= diagnosis.no_cause_confidence
        && severity >= when.min_severity
}

/// The plan of a playbook for the top cause of an incident, without an approval.
pub fn plan(
    id: PlanId,
    incident: &Incident,
    cause: &Cause,
    playbook: &Playbook,
    config: &Config,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let facts = facts(incident, cause);
    // The target becomes the name of a lease and stands in the ledger, so it is checked like any other value.
    let target = facts.value(crate::placeholder::Placeholder::Service)?;
    let steps = playbook.steps.iter().map(|it| {
        let undo = it.undo.as_ref().map(|undo| undo.template().plan(&facts, config)).transpose()?;
        Ok(PlannedStep { action: it.action.template().plan(&facts, config)?, undo, outcome: None })
    });
    let mut plan = Plan {
        id,
        incident: incident.id,
        playbook: playbook.name.clone(),
        target,
        fault: cause.fault,
        steps: steps.collect::<Result<_, Refusal>>()?,
        verification: verification(incident, cause, playbook)?,
        is_dry_run: config.dry_run,
        state: PlanState::Proposed,
        reason: format!("Waits for approval: {}", cause.summary),
        digest: String::new(),
        created_at: now,
        expires_at: now.plus(Duration::from_secs(config.approval_ttl_secs)),
        approval: None,
    };
    plan.digest = digest(&plan);
    Ok(plan)
}

/// True if both plans would do the same. The threshold may differ, because it moves while an incident goes on.
pub fn is_same_act(one: &Plan, other: &Plan) -> bool {
    let steps = |it: &Plan| it.steps.iter().map(|step| (step.action.clone(), step.undo.clone())).collect::<Vec<_>>();
    one.incident == other.incident
        && one.playbook == other.playbook
        && one.target == other.target
        && one.is_dry_run == other.is_dry_run
        && steps(one) == steps(other)
}

fn facts(incident: &Incident, cause: &Cause) -> Facts {
    let cited: Vec<&EvidenceSource> =
        incident.diagnosis.iter().flat_map(|it| it.evidence_of(cause)).map(|it| &it.source).collect();
    let process = cited
        .iter()
        .filter_map(|it| match it {
            EvidenceSource::Process { host, pid, start_time, command, value, .. } => {
                let process =
                    Process { host: host.clone(), pid: *pid, start_time: *start_time, command: command.clone() };
                Some((*value, process))
            }
            _ => None,
        })
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, process)| process);
    let host_of_series = cited.iter().find_map(|it| match it {
        EvidenceSource::SeriesWindow { labels, .. } => labels.host().map(str::to_owned),
        _ => None,
    });
    let version = cited.iter().find_map(|it| match it {
        EvidenceSource::Change { change, .. } => change.version.clone(),
        _ => None,
    });
    let host = process.as_ref().map(|it| it.host.clone()).or(host_of_series);
    Facts { incident: incident.id, service: cause.service.clone(), host, process, version }
}

/// The symptom to watch: one of the blamed service, still going on, the worst of them.
fn main_symptom<'a>(incident: &'a Incident, cause: &Cause) -> Option<&'a Symptom> {
    let is_of_cause = |it: &Symptom| {
        let names = [it.labels.service(), it.labels.host(), Some(it.labels.owner())];
        names.contains(&Some(cause.service.as_str()))
    };
    let rank = |it: &Symptom| (is_of_cause(it), it.ended_at.is_none());
    incident.symptoms.iter().filter(|it| threshold(it).is_some()).max_by(|one, other| {
        let worst_first = one.peak.value.total_cmp(&other.peak.value);
        rank(one).cmp(&rank(other)).then(worst_first).then(other.onset.cmp(&one.onset))
    })
}

fn threshold(symptom: &Symptom) -> Option<f64> {
    if !symptom.kind.has_series() {
        // No series is stored that could show the success.
        return None;
    }
    if symptom.kind == AnomalyKind::MissingData {
        // Any point at all is a recovery.
        return Some(f64::MIN);
    }
    let edge = match symptom.direction {
        Direction::Above => symptom.peak.yhat_upper,
        Direction::Below => symptom.peak.yhat_lower,
    };
    edge.is_finite().then_some(edge)
}

fn verification(incident: &Incident, cause: &Cause, playbook: &Playbook) -> Result<Verification, Refusal> {
    let found = main_symptom(incident, cause).and_then(|it| Some((it, threshold(it)?)));
    let (symptom, threshold) = found.ok_or_else(|| {
        let text = format!("{} has no symptom by which success could be judged", incident.id);
        Refusal::new(RefusalReason::NothingToVerify, text)
    })?;
    let is_missing = symptom.kind == AnomalyKind::MissingData;
    Ok(Verification {
        labels: symptom.labels.clone(),
        direction: if is_missing { Direction::Below } else { symptom.direction },
        threshold,
        hold_secs: playbook.verify.hold_secs,
        timeout_secs: playbook.verify.timeout_secs,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use signal::{
        Change, ChangeKind, Evidence, EvidenceId, FaultClass, IncidentId, IncidentStatus, Labels, Score, StepKind,
        TimeRange,
    };

    /// An incident as diagnosis leaves it: one cause that cites a series, a process and a change.
    pub(crate) fn incident() -> Incident {
        let at = Timestamp::from_secs(1000);
        let labels = Labels::metric("service_cpu_percent", &[("service", "pay"), ("host", "web-1")]);
        let range = TimeRange::new(at, at);
        let window = EvidenceSource::SeriesWindow {
            labels: labels.clone(),
            range,
            before: 10.0,
            during: 95.0,
            deviation: 30.0,
            onset: at,
        };
        let process = |pid, value| EvidenceSource::Process {
            host: "web-1".to_owned(),
            pid,
            start_time: 900,
            command: "miner --all".to_owned(),
            labels: labels.clone(),
            range,
            value,
        };
        let change = EvidenceSource::Change {
            change: Change {
                time: at,
                service: "pay".to_owned(),
                kind: ChangeKind::Deploy,
                title: "pay 1.2".to_owned(),
                version: Some("1.2".to_owned()),
            },
            lead_secs: 3.0,
        };
        let sources = [window, process(40, 20.0), process(41, 180.0), change];
        let evidence = sources.into_iter().enumerate().map(|(idx, source)| Evidence {
            id: EvidenceId(format!("E{}", idx + 1)),
            text: "a fact".to_owned(),
            source,
        });
        let evidence: Vec<Evidence> = evidence.collect();
        let cause = Cause {
            service: "pay".to_owned(),
            indicator: labels.to_string(),
            fault: FaultClass::CpuHog,
            confidence: 0.9,
            summary: "Process 41 takes the CPU.".to_owned(),
            evidence: evidence.iter().map(|it| it.id.clone()).collect(),
        };
        Incident {
            id: IncidentId(7),
            status: IncidentStatus::Open,
            severity: Severity::Critical,
            title: "pay: CPU".to_owned(),
            services: vec!["pay".to_owned()],
            started_at: at,
            detected_at: at,
            ended_at: None,
            symptoms: vec![symptom("shop", 90.0), symptom("pay", 5.0)],
            diagnosis: Some(Diagnosis {
                time: at,
                causes: vec![cause],
                no_cause_confidence: 0.05,
                evidence,
                graph: signal::CausalGraph::default(),
                took_ms: 1.0,
            }),
            plans: vec![],
            timeline: vec![],
            feedback: None,
        }
    }

    fn symptom(service: &str, peak: f64) -> Symptom {
        Symptom {
            labels: Labels::metric("service_cpu_percent", &[("service", service), ("host", "web-1")]),
            kind: AnomalyKind::Point,
            direction: Direction::Above,
            onset: Timestamp::from_secs(1000),
            last_seen: Timestamp::from_secs(1000),
            ended_at: None,
            peak: Score {
                value: peak,
                is_ready: true,
                is_provisional: false,
                y: 95.0,
                yhat: 10.0,
                yhat_lower: 5.0,
                yhat_upper: 20.0,
            },
            severity: Severity::Critical,
            explanation: String::new(),
        }
    }

    fn playbook() -> Playbook {
        serde_json::from_str(
            r#"{"name":"restart","when":{"fault":["cpu_hog"],"services":["p*"]},"steps":[
                {"action":{"type":"command","argv":["/bin/act","{service}","{host}","{pid}","{start_time}","{version}"]},
                 "undo":{"type":"command","argv":["/bin/act","--undo","{incident}"]}}]}"#,
        )
        .unwrap()
    }

    /// A plan made of the two above.
    pub(crate) fn plan() -> Plan {
        let incident = incident();
        let config = Config { allowed_commands: vec!["/bin/act".to_owned()], ..Config::default() };
        let cause = &incident.diagnosis.as_ref().unwrap().causes[0];
        super::plan(PlanId(1), &incident, cause, &playbook(), &config, Timestamp::from_secs(1010)).unwrap()
    }

    #[test]
    fn the_steps_hold_the_facts_of_the_evidence() {
        let plan = plan();
        let argv = |words: &[&str]| StepKind::Command { argv: words.iter().map(|it| (*it).to_owned()).collect() };
        assert_eq!(plan.steps[0].action, argv(&["/bin/act", "pay", "web-1", "41", "900", "1.2"]));
        assert_eq!(plan.steps[0].undo, Some(argv(&["/bin/act", "--undo", "INC-7"])));
        assert_eq!((plan.state, plan.is_dry_run, plan.target.as_str()), (PlanState::Proposed, true, "pay"));
    }

    #[test]
    fn the_signal_of_the_blamed_service_is_watched() {
        let verification = plan().verification;
        assert_eq!(verification.labels.service(), Some("pay"), "not the one with the higher peak");
        assert_eq!((verification.threshold, verification.direction), (20.0, Direction::Above));
        let mut silent = incident();
        silent.symptoms.iter_mut().for_each(|it| it.kind = AnomalyKind::MissingData);
        let cause = silent.diagnosis.as_ref().unwrap().causes[0].clone();
        let verification = verification_of(&silent, &cause).unwrap();
        assert_eq!((verification.threshold, verification.direction), (f64::MIN, Direction::Below));
        silent.symptoms.clear();
        assert_eq!(verification_of(&silent, &cause).unwrap_err().reason, RefusalReason::NothingToVerify);
    }

    fn verification_of(incident: &Incident, cause: &Cause) -> Result<Verification, Refusal> {
        super::verification(incident, cause, &playbook())
    }

    #[test]
    fn every_condition_of_a_match_counts() {
        let incident = incident();
        let diagnosis = incident.diagnosis.as_ref().unwrap();
        let check = |edit: fn(&mut Match, &mut Cause, &mut Diagnosis)| {
            let (mut when, mut cause, mut diagnosis) =
                (playbook().when, diagnosis.causes[0].clone(), diagnosis.clone());
            edit(&mut when, &mut cause, &mut diagnosis);
            matches(&when, Severity::Warning, &cause, &diagnosis)
        };
        assert!(check(|_, _, _| ()));
        assert!(!check(|when, _, _| when.fault = vec![FaultClass::MemoryLeak]));
        assert!(!check(|when, _, _| when.services = vec!["shop".to_owned()]));
        assert!(!check(|when, _, _| when.min_severity = Severity::Critical));
        assert!(!check(|_, cause, _| cause.confidence = 0.5));
        assert!(!check(|_, cause, _| cause.confidence = f64::NAN));
        assert!(!check(|_, _, diagnosis| diagnosis.no_cause_confidence = 0.95));
    }
}
