//! Is it time for this plan? Cool-down and rate limit, counted from the plans themselves so that a restart forgets none.

use std::time::Duration;

use signal::{Plan, PlanState, Timestamp};

use crate::config::Config;
use crate::refusal::{Refusal, RefusalReason};

const HOUR: Duration = Duration::from_secs(3600);

/// Refuses a second plan of one playbook for one target while the first is alive or has just acted.
pub fn cool_down<'a>(
    plan: &Plan,
    others: impl Iterator<Item = &'a Plan>,
    config: &Config,
    now: Timestamp,
) -> Result<(), Refusal> {
    let cool_down = Duration::from_secs(config.cool_down_secs);
    let mut same = others.filter(|it| it.playbook == plan.playbook && it.target == plan.target && it.id != plan.id);
    let in_the_way = same.find(|it| match last_act(it) {
        _ if !it.state.is_final() => true,
        Some(time) => now.since(time) < cool_down,
        None => false,
    });
    let Some(other) = in_the_way else { return Ok(()) };
    let text = format!(
        "playbook {:?} was already used on {} by {}; the cool-down is {} s",
        plan.playbook, plan.target, other.id, config.cool_down_secs
    );
    Err(Refusal::new(RefusalReason::CoolDown, text))
}

/// Refuses when as many plans as allowed were carried out within the last hour or are about to be.
pub fn rate<'a>(others: impl Iterator<Item = &'a Plan>, config: &Config, now: Timestamp) -> Result<(), Refusal> {
    let counts = |it: &&Plan| {
        let is_under_way = matches!(it.state, PlanState::Approved | PlanState::Executing | PlanState::Verifying);
        is_under_way || last_act(it).is_some_and(|time| now.since(time) < HOUR)
    };
    let n_executions = others.filter(counts).count();
    if n_executions < config.max_executions_per_hour as usize {
        return Ok(());
    }
    let text = format!(
        "{n_executions} plans were carried out within an hour; act.max_executions_per_hour is {}",
        config.max_executions_per_hour
    );
    Err(Refusal::new(RefusalReason::RateLimit, text))
}

/// When the plan last did something; None if it never did.
pub fn last_act(plan: &Plan) -> Option<Timestamp> {
    plan.steps.iter().filter_map(|it| it.outcome.as_ref()).map(|it| it.time).max()
}
