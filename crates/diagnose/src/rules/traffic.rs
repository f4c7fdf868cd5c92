//! Do more requests come than can be taken, or does the network lose them?

use signal::{FaultClass, Role};

use super::Draft;
use crate::docket::Docket;
use crate::facts::{Facts, Owner};
use crate::movement::Movement;
use crate::phrase::{clock, number, plain, quoted, value};
use crate::rank::Hypothesis;

/// Traffic below this ratio to the level before is no surge.
const MIN_RATIO: f64 = 1.4;
/// Words in the names of series about lost or delayed packets.
const LOSS_WORDS: [&str; 6] = ["dropped", "drops", "retransmits", "retrans", "loss", "rtt"];

pub(super) fn hypotheses(owner: &Owner, facts: &Facts, docket: &mut Docket<'_>) -> Vec<Hypothesis> {
    surge(owner, facts, docket).into_iter().chain(network(owner, facts, docket)).collect()
}

fn is_requests(it: &&Movement) -> bool {
    it.ratio() >= MIN_RATIO && !it.labels.name().contains("bytes") && !it.is_old
}

fn surge(owner: &Owner, facts: &Facts, docket: &mut Docket<'_>) -> Option<Hypothesis> {
    let it = owner.rising(Role::Traffic).find(is_requests)?;
    let busy = owner.moves.iter().find(|it| it.role.is_resource() && it.is_up() && !it.is_old)?;
    let mut draft = Draft::new(-3.0, it.onset);
    draft.weigh(1.2, it.strength());
    draft.weigh(0.8, (it.ratio() - 1.0) / 2.0);
    draft.weigh(0.8, busy.strength());
    draft.weigh(0.6, facts.earliness(it.onset));
    draft.cite(docket.movement(it));
    draft.cite(docket.movement(busy));
    let is_passed_on = facts
        .owners
        .values()
        .any(|other| other.callees.contains(&owner.name) && other.rising(Role::Traffic).any(|it| is_requests(&it)));
    if is_passed_on {
        // The rise comes from further up.
        draft.logit -= 1.0;
    }
    let summary = format!(
        "Traffic of {} rose to {} times since {}, from {} to {}, and {} rose with it.",
        plain(&owner.name),
        number(it.ratio()),
        clock(it.onset),
        value(&it.labels, it.before),
        value(&it.labels, it.during),
        quoted(busy.labels.name()),
    );
    Some(draft.finish(&owner.name, FaultClass::TrafficSurge, it.labels.to_string(), summary))
}

fn network(owner: &Owner, facts: &Facts, docket: &mut Docket<'_>) -> Option<Hypothesis> {
    let is_loss =
        |it: &&Movement| it.is_up() && !it.is_old && it.labels.name().split('_').any(|word| LOSS_WORDS.contains(&word));
    let it = owner.moves.iter().find(is_loss)?;
    let mut draft = Draft::new(-2.2, it.onset);
    draft.weigh(1.6, it.strength());
    draft.weigh(0.6, facts.earliness(it.onset));
    draft.cite(docket.movement(it));
    let summary = format!(
        "The network of {} loses or delays packets since {}: {} went from {} to {}.",
        plain(&owner.name),
        clock(it.onset),
        quoted(it.labels.name()),
        value(&it.labels, it.before),
        value(&it.labels, it.during),
    );
    Some(draft.finish(&owner.name, FaultClass::Network, it.labels.to_string(), summary))
}
