//! Is a pool of connections or threads used up?

use signal::{FaultClass, Role};

use super::Draft;
use crate::docket::Docket;
use crate::facts::{Facts, Owner, is_of_pool};
use crate::movement::Movement;
use crate::phrase::{clock, number, plain, quoted, value};
use crate::rank::Hypothesis;

/// What somebody says who gets no connection.
const WORDS: [&str; 7] = [
    "from pool",
    "connection pool",
    "pool exhausted",
    "pool is",
    "no database connection",
    "acquire",
    "too many connections",
];
/// A slow callee keeps connections busy; if it began by then, the pool is a victim.
const CALL_TOLERANCE_SECS: f64 = 5.0;

pub(super) fn hypotheses(owner: &Owner, facts: &Facts, docket: &mut Docket<'_>) -> Vec<Hypothesis> {
    let in_use = owner.rising(Role::Pool).find(|it| peer_free(it));
    let wait = owner.rising(Role::Latency).find(|it| is_of_pool(&it.labels));
    let Some(lead) = in_use.or(wait) else { return vec![] };
    let template = owner.template_with(&WORDS);
    let size = in_use.and_then(|it| size(owner, it));
    let mut draft = Draft::new(-3.0, in_use.map_or(lead.onset, |it| it.onset.min(lead.onset)));
    draft.cite(docket.movement(lead));
    draft.weigh(0.8, in_use.map_or(0.0, Movement::strength));
    draft.weigh(0.9, wait.map_or(0.0, Movement::strength));
    draft.weigh(0.4, facts.earliness(lead.onset));
    if let (Some(it), Some(size)) = (in_use, size) {
        draft.weigh(1.5, (it.during / size - 0.6) / 0.35);
    }
    if let Some(wait) = wait {
        draft.cite(docket.movement(wait));
    }
    let mut said = String::new();
    if let Some(template) = template {
        draft.weigh(2.0, 1.0);
        draft.cite(docket.template(template));
        said = format!("; it says {}", quoted(&template.example));
    }
    let victim = |it: &Movement| it.strength() > 0.3 && it.onset.secs_since(lead.onset) < CALL_TOLERANCE_SECS;
    if owner.bad_calls().any(|(_, it)| victim(it)) {
        draft.logit -= if template.is_some() { 1.0 } else { 3.0 };
    }
    let of_size = size.map_or_else(String::new, |it| format!(" of {}", number(it)));
    let summary = format!(
        "The pool of {} is used up since {}: {} went from {} to {}{of_size}{said}.",
        plain(&owner.name),
        clock(lead.onset),
        quoted(lead.labels.name()),
        value(&lead.labels, lead.before),
        value(&lead.labels, lead.during),
    );
    vec![draft.finish(&owner.name, FaultClass::PoolExhaustion, lead.labels.to_string(), summary)]
}

fn peer_free(it: &Movement) -> bool {
    crate::facts::peer(&it.labels).is_none() && !it.labels.name().contains("idle")
}

/// The size of the pool: a limit whose name begins as that of the use.
fn size(owner: &Owner, in_use: &Movement) -> Option<f64> {
    let stem = |name: &str| name.split('_').take(2).collect::<Vec<_>>().join("_");
    let wanted = stem(in_use.labels.name());
    let found = owner.limits.iter().find(|(labels, value)| stem(labels.name()) == wanted && *value > 0.0);
    found.map(|(_, value)| *value)
}
