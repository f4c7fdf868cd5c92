//! Nothing is done without a policy, an approval of exactly this plan, an entry in the ledger and a check afterwards.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

mod airflow;
mod fake_airflow;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use act::{Config, Desk, TerminateProcess};
use signal::{AnomalyKind, IncidentStatus, Labels, Meter, Plan, PlanDesk, PlanState, PortError, StepKind};

use world::{World, incident, simple};

fn propose(desk: &Desk) -> Plan {
    desk.consider(&simple(7, "pay")).unwrap().plans.remove(0)
}

fn state(desk: &Desk, plan: &Plan) -> PlanState {
    desk.plan(plan.id).unwrap().state
}

fn refusal(result: Result<Plan, PortError>) -> String {
    match result {
        Err(PortError::Refused(text)) => text,
        other => panic!("{other:?} is no refusal"),
    }
}

#[tokio::test]
async fn an_approved_plan_acts_and_succeeds_when_the_signal_recovers() {
    let world = World::new().await;
    let desk = world.open(world.config());
    let plan = propose(&desk);
    world.advance(&desk).await;
    assert_eq!(world.calls(), Vec::<String>::new(), "nothing happens before the approval");

    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    world.advance(&desk).await;
    assert_eq!(world.calls(), ["/drain/pay", "/restart/pay"]);
    assert_eq!(state(&desk, &plan), PlanState::Verifying);
    let first = world.receiver.requests.lock().unwrap()[0].clone();
    assert_eq!(first, format!("POST /drain/pay {}-0 {{\"id\":\"INC-7\"}}", plan.digest));

    world.pass(3, 95.0);
    world.pass(5, 10.0);
    world.advance(&desk).await;
    assert_eq!(state(&desk, &plan), PlanState::Verifying, "a bad point is still inside the hold time");
    world.pass(1, 10.0);
    world.advance(&desk).await;
    assert_eq!(state(&desk, &plan), PlanState::Succeeded);
    assert_eq!(
        world.actions(),
        [
            "sentinel plan.proposed PLAN-1",
            "ann plan.approved PLAN-1",
            "sentinel step.intent PLAN-1",
            "sentinel step.done PLAN-1",
            "sentinel step.intent PLAN-1",
            "sentinel step.done PLAN-1",
            "sentinel plan.verified PLAN-1",
        ]
    );
    let states: Vec<PlanState> = world.told.lock().unwrap().iter().map(|it| it.state).collect();
    assert_eq!(states.first().zip(states.last()), Some((&PlanState::Proposed, &PlanState::Succeeded)));
}

#[tokio::test]
async fn what_does_not_help_is_undone_in_reverse() {
    let world = World::new().await;
    let desk = world.open(world.config());
    let plan = propose(&desk);
    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    world.advance(&desk).await;
    world.pass(59, 95.0);
    world.advance(&desk).await;
    assert_eq!(state(&desk, &plan), PlanState::Verifying);
    world.pass(1, 95.0);
    world.advance(&desk).await;
    assert_eq!(world.calls(), ["/drain/pay", "/restart/pay", "/undo-restart/pay", "/undo-drain/pay"]);
    assert_eq!(state(&desk, &plan), PlanState::Undone);
    assert_eq!(world.actions().last().unwrap(), "sentinel plan.undone PLAN-1");
}

#[tokio::test]
async fn a_step_that_fails_stops_the_plan_and_is_undone() {
    let world = World::new().await;
    let desk = world.open(world.config());
    let plan = propose(&desk);
    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    for status in [302, 500] {
        world.receiver.status.store(status, Ordering::SeqCst);
        world.advance(&desk).await;
    }
    assert_eq!(world.calls(), ["/drain/pay", "/undo-drain/pay"], "no second step, no redirect followed");
    let plan = desk.plan(plan.id).unwrap();
    assert_eq!(plan.state, PlanState::Failed);
    assert!(plan.reason.starts_with("Step 1 failed: HTTP 302"), "{}", plan.reason);
}

#[tokio::test]
async fn dry_run_is_the_default_and_only_shows() {
    let world = World::new().await;
    let desk = world.open(Config { dry_run: Config::default().dry_run, ..world.config() });
    let plan = propose(&desk);
    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    world.advance(&desk).await;
    let plan = desk.plan(plan.id).unwrap();
    assert_eq!((plan.state, world.calls().len()), (PlanState::Succeeded, 0));
    assert_eq!(plan.reason, "Dry run: 2 steps were shown, none was carried out.");
    let outcome = plan.steps[0].outcome.as_ref().unwrap();
    assert!(outcome.detail.starts_with("Would POST http://127.0.0.1:"), "{outcome:?}");
    assert_eq!(world.actions()[2..], ["sentinel step.would PLAN-1", "sentinel step.would PLAN-1"]);
}

#[tokio::test]
async fn switched_off_means_off() {
    let world = World::new().await;
    let on = world.open(world.config());
    let plan = propose(&on);
    on.approve(plan.id, &plan.digest, "ann").unwrap();

    let off = world.open(Config { enabled: false, ..world.config() });
    assert!(off.consider(&simple(8, "shop")).unwrap().plans.is_empty());
    world.advance(&off).await;
    assert_eq!(off.plan(plan.id).unwrap().reason, "Not carried out: actions are off (act.enabled).");
    assert_eq!(world.calls().len(), 0);
}

#[tokio::test]
async fn a_restart_into_dry_run_carries_nothing_out() {
    let world = World::new().await;
    let desk = world.open(world.config());
    let plan = propose(&desk);
    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    let desk = world.open(Config { dry_run: true, ..world.config() });
    world.advance(&desk).await;
    assert_eq!((state(&desk, &plan), world.calls().len()), (PlanState::Failed, 0));
}

#[tokio::test]
async fn approvals_that_do_not_fit_are_refused_and_recorded() {
    let world = World::new().await;
    let desk = world.open(world.config());
    let plan = propose(&desk);
    let text = refusal(desk.approve(plan.id, &"0".repeat(64), "ann"));
    assert_eq!(text, "the digest is not that of PLAN-1 as it is now; look at the plan again");
    assert_eq!(world.actions().last().unwrap(), "ann plan.refused PLAN-1");
    for actor in ["", "  ", "a\nb", "policy", "sentinel"] {
        let error = desk.approve(plan.id, &plan.digest, actor).unwrap_err();
        assert!(error.to_string().starts_with("actor: "), "{actor:?}: {error}");
    }
    desk.reject(plan.id, "ann").unwrap();
    assert_eq!(refusal(desk.approve(plan.id, &plan.digest, "bob")), "PLAN-1 is already rejected");
    assert_eq!(refusal(desk.reject(plan.id, "bob")), "PLAN-1 is already rejected");
    let missing = desk.approve(signal::PlanId(99), &plan.digest, "ann").unwrap_err();
    assert_eq!(missing.to_string(), "PLAN-99 does not exist");
    world.advance(&desk).await;
    assert_eq!(world.calls().len(), 0);
    let refused: f64 =
        desk.metrics().iter().filter(|it| it.name == "sentinel_act_refusals_total").map(|it| it.value).sum();
    assert_eq!(3.0_f64, refused);
}

#[tokio::test]
async fn plans_expire_whether_or_not_they_were_approved() {
    let world = World::new().await;
    let desk = world.open(Config { approval_ttl_secs: 100, ..world.config() });
    let plan = propose(&desk);
    world.pass(100, 95.0);
    let text = refusal(desk.approve(plan.id, &plan.digest, "ann"));
    assert!(text.starts_with("PLAN-1 expired at "), "{text}");
    assert_eq!(state(&desk, &plan), PlanState::Expired);

    let again = propose(&desk);
    desk.approve(again.id, &again.digest, "ann").unwrap();
    world.pass(100, 95.0);
    world.advance(&desk).await;
    assert_eq!((state(&desk, &again), world.calls().len()), (PlanState::Expired, 0));
}

#[tokio::test]
async fn a_plan_altered_in_the_store_is_not_carried_out() {
    let world = World::new().await;
    let desk = world.open(world.config());
    let plan = propose(&desk);
    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    let alter = |edit: &dyn Fn(&mut Plan)| {
        let mut stored = world.store.0.lock().unwrap().get(&plan.id).unwrap().clone();
        edit(&mut stored);
        world.store.0.lock().unwrap().insert(plan.id, stored);
        world.open(world.config())
    };
    let other = StepKind::Webhook {
        method: "POST".to_owned(),
        url: format!("{}/delete/everything", world.receiver.address),
        body: String::new(),
    };

    let original = desk.plan(plan.id).unwrap();
    let altered = alter(&|it| it.steps[0].action = other.clone());
    world.advance(&altered).await;
    assert_eq!(
        altered.plan(plan.id).unwrap().reason,
        "Not carried out: the plan is not the one that was approved, or was not approved here."
    );
    assert_eq!(world.actions().last().unwrap(), "sentinel plan.refused PLAN-1");

    // The undo of an interrupted plan is guarded in the same way.
    let altered = alter(&|it| {
        *it = Plan { state: PlanState::Executing, ..original.clone() };
        it.steps[0].undo = Some(other.clone());
    });
    world.pass(100, 95.0);
    world.advance(&altered).await;
    assert_eq!(altered.plan(plan.id).unwrap().state, PlanState::Failed);
    // Marked as approved, without any approval.
    let unapproved = alter(&|it| *it = Plan { state: PlanState::Approved, approval: None, ..original.clone() });
    world.advance(&unapproved).await;
    assert_eq!(unapproved.plan(plan.id).unwrap().state, PlanState::Failed);
    assert_eq!(world.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_crash_during_a_step_leads_to_a_check_and_then_to_the_undo() {
    for is_recovered in [true, false] {
        let world = World::new().await;
        let desk = world.open(world.config());
        let plan = propose(&desk);
        desk.approve(plan.id, &plan.digest, "ann").unwrap();
        // What the store holds when the program dies between the intent and the outcome of step 1.
        world.store.0.lock().unwrap().get_mut(&plan.id).unwrap().state = PlanState::Executing;

        let desk = world.open(world.config());
        assert_eq!(state(&desk, &plan), PlanState::Verifying);
        world.advance(&desk).await;
        assert_eq!(world.calls(), Vec::<String>::new(), "no step is repeated");
        world.pass(60, if is_recovered { 10.0 } else { 95.0 });
        world.advance(&desk).await;
        let expected: (_, &[&str]) =
            if is_recovered { (PlanState::Succeeded, &[]) } else { (PlanState::Undone, &["/undo-drain/pay"]) };
        assert_eq!(
            (state(&desk, &plan), &world.calls()[..]),
            (expected.0, &expected.1.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()[..])
        );
    }
}

#[tokio::test]
async fn a_restart_during_verification_goes_on_with_it() {
    let world = World::new().await;
    let desk = world.open(world.config());
    let plan = propose(&desk);
    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    world.advance(&desk).await;
    let desk = world.open(world.config());
    world.pass(6, 10.0);
    world.advance(&desk).await;
    assert_eq!((state(&desk, &plan), world.calls().len()), (PlanState::Succeeded, 2));
}

#[tokio::test]
async fn a_service_that_was_silent_as_a_whole_has_recovered_when_any_of_its_series_comes() {
    for (owner, expected) in [("pay", PlanState::Succeeded), ("shop", PlanState::Verifying)] {
        let world = World::new().await;
        let desk = world.open(world.config());
        let mut incident = simple(7, "pay");
        for symptom in &mut incident.symptoms {
            (symptom.labels, symptom.kind) = (Labels::new([("service", owner)]), AnomalyKind::MissingData);
        }
        let plan = desk.consider(&incident).unwrap().plans.remove(0);
        desk.approve(plan.id, &plan.digest, "ann").unwrap();
        world.advance(&desk).await;
        world.pass(6, 10.0);
        world.advance(&desk).await;
        assert_eq!(state(&desk, &plan), expected, "{owner}");
    }
}

#[tokio::test]
async fn without_a_ledger_nothing_is_done() {
    let world = World::new().await;
    let desk = world.open(world.config());
    let plan = propose(&desk);
    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    world.ledger.is_broken.store(true, Ordering::SeqCst);
    world.advance(&desk).await;
    assert_eq!((state(&desk, &plan), world.calls().len()), (PlanState::Failed, 0));
    assert!(desk.consider(&simple(8, "shop")).is_err(), "and nothing is proposed");
}

#[tokio::test]
async fn one_plan_per_incident_and_playbook() {
    let world = World::new().await;
    let desk = world.open(world.config());
    let first = propose(&desk);
    assert!(desk.consider(&simple(7, "pay")).unwrap().plans.is_empty(), "the same again");
    let second = desk.consider(&simple(7, "shop")).unwrap().plans.remove(0);
    assert_eq!(desk.plan(first.id).unwrap().reason, "The diagnosis changed; PLAN-2 replaces it.");
    assert_eq!((state(&desk, &first), state(&desk, &second)), (PlanState::Expired, PlanState::Proposed));

    let mut ended = simple(7, "shop");
    ended.status = IncidentStatus::Resolved;
    desk.consider(&ended).unwrap();
    assert_eq!(state(&desk, &second), PlanState::Expired);
}

#[tokio::test]
async fn cool_down_and_rate_limit_are_kept_over_restarts() {
    let world = World::new().await;
    let config = Config { max_executions_per_hour: 2, ..world.config() };
    let desk = world.open(config.clone());
    let first = propose(&desk);
    let note = desk.consider(&simple(8, "pay")).unwrap().notes.remove(0).text;
    assert_eq!(
        note,
        "Playbook \"restart\" was not used: playbook \"restart\" was already used on pay by PLAN-1; the cool-down is 600 s."
    );
    assert_eq!(world.actions().last().unwrap(), "sentinel plan.refused INC-8");
    assert_eq!(desk.consider(&simple(8, "pay")).unwrap().notes, [], "recorded once");

    desk.approve(first.id, &first.digest, "ann").unwrap();
    world.advance(&desk).await;
    world.pass(10, 10.0);
    let desk = world.open(config);
    world.advance(&desk).await;
    assert_eq!(state(&desk, &first), PlanState::Succeeded);
    world.pass(500, 10.0);
    assert!(desk.consider(&simple(9, "pay")).unwrap().plans.is_empty(), "still cooling down");
    world.pass(100, 10.0);
    let second = desk.consider(&simple(9, "pay")).unwrap().plans.remove(0);
    desk.approve(second.id, &second.digest, "ann").unwrap();
    let note = desk.consider(&simple(10, "shop")).unwrap().notes.remove(0).text;
    assert!(note.contains("act.max_executions_per_hour is 2"), "{note}");
}

#[tokio::test]
async fn a_target_has_one_plan_at_a_time() {
    let world = World::new().await;
    let mut config = world.config();
    let mut other = config.playbooks[0].clone();
    other.name = "other".to_owned();
    config.playbooks.push(other);
    let desk = world.open(config);
    let plans = desk.consider(&simple(7, "pay")).unwrap().plans;
    for plan in &plans {
        desk.approve(plan.id, &plan.digest, "ann").unwrap();
    }
    world.advance(&desk).await;
    world.advance(&desk).await;
    assert_eq!((state(&desk, &plans[0]), state(&desk, &plans[1])), (PlanState::Verifying, PlanState::Approved));
    world.pass(6, 10.0);
    world.advance(&desk).await;
    world.advance(&desk).await;
    assert_eq!((state(&desk, &plans[0]), state(&desk, &plans[1])), (PlanState::Succeeded, PlanState::Verifying));
}

#[tokio::test]
async fn automatic_approval_needs_an_undo_for_every_step() {
    let world = World::new().await;
    let mut config = world.config();
    config.playbooks[0].approval = act::ApprovalMode::Automatic;
    let desk = world.open(config.clone());
    let plan = propose(&desk);
    assert_eq!(plan.approval.as_ref().unwrap().actor, "policy");
    world.advance(&desk).await;
    assert_eq!((state(&desk, &plan), world.calls().len()), (PlanState::Verifying, 2));

    config.playbooks[0].steps[1].undo = None;
    assert_eq!(config.validate().len(), 1, "{:?}", config.validate());
}

/// Guarantees: MUST 726 of docs/specs/agent.md.
#[tokio::test]
async fn what_is_suggested_waits_for_a_person_whatever_the_playbook_says() {
    let world = World::new().await;
    let mut config = world.config();
    config.playbooks[0].approval = act::ApprovalMode::Automatic;
    let desk = world.open(config.clone());
    let suggest = |playbook: Option<&str>| desk.suggest(&simple(1, "pay"), playbook, "mcp").unwrap().plans;
    assert_eq!(suggest(Some("no such playbook")), []);
    let plan = suggest(Some(&config.playbooks[0].name)).remove(0);
    assert_eq!((plan.state, plan.approval.as_ref()), (PlanState::Proposed, None));
    assert_eq!(suggest(None), [], "the same is not proposed twice");
    world.advance(&desk).await;
    assert_eq!((state(&desk, &plan), world.calls().len()), (PlanState::Proposed, 0));
}

#[tokio::test]
async fn hostile_names_never_reach_a_step() {
    let world = World::new().await;
    let desk = world.open(world.config());
    for (number, service) in
        ["../admin", "-rf", "a b", "a;id", "$(id)", "a\nb", "x\"}", "a/b", "%2e%2e", ""].iter().enumerate()
    {
        let result = desk.consider(&simple(number as u64 + 1, service)).unwrap();
        assert_eq!((result.plans.len(), result.notes.len()), (0, 1), "{service:?}: {result:?}");
    }
    assert_eq!(desk.plans(None).unwrap(), []);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hog_is_ended_by_pid_and_start_time_and_nobody_else() {
    let world = World::new().await;
    let mut config = world.config();
    config.host_name = "web-1".to_owned();
    config.playbooks[0].steps =
        vec![act::StepConfig { action: act::StepTemplate::TerminateProcess(TerminateProcess {}), undo: None }];
    let desk = world.open(config);
    let mut child = std::process::Command::new("/bin/sleep").arg("1000").spawn().unwrap();
    let start_time = start_time(child.id());

    // Evidence about another process that had this pid once.
    let stale = incident(1, "shop", "web-1", child.id(), start_time - 50, "/bin/sleep 1000");
    let right = incident(2, "pay", "web-1", child.id(), start_time, "/bin/sleep 1000");
    let elsewhere = incident(3, "pay", "web-2", child.id(), start_time, "/bin/sleep 1000");
    let approve = |it: &signal::Incident| {
        let plan = desk.consider(it).unwrap().plans.remove(0);
        desk.approve(plan.id, &plan.digest, "ann").unwrap()
    };
    let stale = approve(&stale);
    world.advance(&desk).await;
    let stale = desk.plan(stale.id).unwrap();
    assert_eq!(stale.state, PlanState::Failed);
    assert!(stale.reason.contains("is another process now"), "{}", stale.reason);
    assert!(child.try_wait().unwrap().is_none(), "left alone");

    assert!(desk.consider(&elsewhere).unwrap().notes[0].text.contains("which is not this machine"));
    let right = approve(&right);
    world.advance(&desk).await;
    assert_eq!(state(&desk, &right), PlanState::Verifying);
    assert!(!child.wait().unwrap().success(), "ended by a signal");
    world.pass(6, 10.0);
    world.advance(&desk).await;
    assert_eq!(state(&desk, &right), PlanState::Succeeded);
}

/// Start of a process as the kernel tells it, in seconds since the epoch (100 ticks per second on all our machines).
#[cfg(target_os = "linux")]
fn start_time(pid: u32) -> i64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let ticks: i64 = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap();
    let boot = std::fs::read_to_string("/proc/stat").unwrap();
    let boot: i64 = boot.lines().find_map(|it| it.strip_prefix("btime ")).unwrap().parse().unwrap();
    boot + ticks / 100
}

/// The loop that the program runs, under real time: an approval wakes it, and it ends when told to.
#[tokio::test]
async fn the_loop_carries_out_what_is_approved_and_ends() {
    let world = World::new().await;
    let desk = world.open(world.config());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(Arc::clone(&desk).run(world.history.clone(), stopped));
    let plan = propose(&desk);
    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    let wait_for = async |wanted: PlanState| {
        for _ in 0..12_000 {
            if state(&desk, &plan) == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{:?} instead of {wanted:?}", desk.plan(plan.id));
    };
    wait_for(PlanState::Verifying).await;
    world.pass(6, 10.0);
    wait_for(PlanState::Succeeded).await;
    stop.send(true).unwrap();
    running.await.unwrap();
}
