//! Does somebody that is called not answer? Blames the callee, and only the deepest of a chain.

use std::collections::BTreeMap;

use signal::{FaultClass, Role};

use super::Draft;
use crate::docket::Docket;
use crate::facts::{Facts, Owner};
use crate::movement::Movement;
use crate::phrase::{clock, plain, quoted, value};
use crate::rank::Hypothesis;

/// What somebody says who waits in vain.
const WORDS: [&str; 7] =
    ["timed out", "timeout", "deadline exceeded", "circuit breaker", "connection refused", "unreachable", "upstream"];
/// Those that tell of a call even if they do not name the callee.
const TIME_OUT_WORDS: [&str; 3] = ["timed out", "timeout", "deadline exceeded"];

/// Looks at the calls of one caller, one hypothesis per callee.
pub(super) fn hypotheses(caller: &Owner, facts: &Facts, docket: &mut Docket<'_>) -> Vec<Hypothesis> {
    let mut calls: BTreeMap<&str, Vec<&Movement>> = BTreeMap::new();
    for (peer, it) in caller.bad_calls().filter(|(peer, it)| *peer != caller.name && !it.is_old) {
        calls.entry(peer).or_default().push(it);
    }
    calls.into_iter().map(|(peer, moves)| hypothesis(caller, peer, &moves, facts, docket)).collect()
}

fn hypothesis(caller: &Owner, peer: &str, moves: &[&Movement], facts: &Facts, docket: &mut Docket<'_>) -> Hypothesis {
    let strength_of =
        |role: Role| moves.iter().filter(|it| it.role == role).map(|it| it.strength()).fold(0.0, f64::max);
    let onset = moves.iter().map(|it| it.onset).min().unwrap_or(facts.started);
    let callee = facts.owners.get(peer).filter(|it| it.n_series > 0);
    let mut draft = Draft::new(-2.4, onset);
    draft.weigh(1.3, strength_of(Role::Latency));
    draft.weigh(0.9, strength_of(Role::Errors));
    draft.weigh(0.5, facts.earliness(onset));
    for it in moves.iter().take(3) {
        draft.cite(docket.movement(it));
    }
    let naming = caller.rising_templates().find(|it| it.template.contains(peer) && has_word(&it.template));
    let mut said = String::new();
    if let Some(template) = naming.or_else(|| caller.template_with(&TIME_OUT_WORDS)) {
        draft.weigh(1.6, if naming.is_some() { 1.0 } else { 0.4 });
        draft.cite(docket.template(template));
        said = format!("; the caller says {}", quoted(&template.example));
    }
    let others = facts.owners.values().filter(|it| it.name != caller.name && it.bad_calls().any(|(to, _)| to == peer));
    draft.weigh(0.4, others.count() as f64 / 2.0);
    let state = match callee {
        // Nothing is known of it but what its callers see: it is as deep as one can look.
        None => {
            draft.weigh(0.6, 1.0);
            "of which nothing else is known"
        }
        Some(it) if it.bad_calls().any(|(_, it)| !it.is_old) => {
            draft.logit -= 2.5;
            "which itself waits for another"
        }
        Some(it) if it.own_trouble().any(|it| !it.is_old) => {
            draft.logit -= 0.8;
            "which is in trouble itself"
        }
        Some(_) => {
            draft.weigh(0.3, 1.0);
            "which looks healthy from inside, so the way to it may be at fault"
        }
    };
    let lead = moves.iter().max_by(|a, b| a.strength().total_cmp(&b.strength()));
    let indicator = lead.map_or_else(String::new, |it| it.labels.to_string());
    let seen = lead.map_or_else(String::new, |it| {
        format!(
            "{} from {} to {}",
            quoted(it.labels.name()),
            value(&it.labels, it.before),
            value(&it.labels, it.during)
        )
    });
    let (from, to) = (plain(&caller.name), plain(peer));
    let summary = format!("Calls from {from} to {to}, {state}, fail or wait since {}: {seen}{said}.", clock(onset));
    draft.finish(peer, FaultClass::DependencyTimeout, indicator, summary)
}

fn has_word(template: &str) -> bool {
    let text = template.to_lowercase();
    WORDS.iter().any(|it| text.contains(it))
}
