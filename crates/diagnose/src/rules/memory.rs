//! Does memory grow without being given back?

use signal::{FaultClass, Role};

use super::Draft;
use crate::docket::Docket;
use crate::facts::{Facts, Owner};
use crate::movement::Movement;
use crate::phrase::{clock, number, plain, quoted, value};
use crate::rank::Hypothesis;

/// What runs out of memory says.
const WORDS: [&str; 6] = ["outofmemory", "out of memory", "oomkilled", "gc pause", "heap", "cannot allocate"];
/// A growth below this share of the level is no leak.
const MIN_GROWTH: f64 = 0.10;

pub(super) fn hypotheses(owner: &Owner, facts: &Facts, docket: &mut Docket<'_>) -> Vec<Hypothesis> {
    let grows = |it: &&Movement| it.ratio() >= 1.0 + MIN_GROWTH && it.climb > 0.5;
    let Some(it) = owner.rising(Role::Memory).find(grows) else { return vec![] };
    let mut draft = Draft::new(-3.2, it.onset);
    draft.weigh(1.8, (it.climb - 0.5) / 0.4);
    draft.weigh(1.0, (it.ratio() - 1.0) / 0.4);
    draft.weigh(0.6, facts.earliness(it.onset));
    draft.weigh(0.5, it.strength());
    draft.cite(docket.movement(it));
    let mut limit_text = String::new();
    let limit = owner.limits.iter().find(|(labels, limit)| Role::of(labels) == Role::Memory && *limit > it.before);
    if let Some((_, limit)) = limit {
        draft.weigh(0.8, (it.during / limit - 0.6) / 0.3);
        limit_text = format!(", {} % of the limit", number(100.0 * it.during / limit));
    }
    if let Some(template) = owner.template_with(&WORDS) {
        draft.weigh(1.6, 1.0);
        draft.cite(docket.template(template));
        limit_text = format!("{limit_text}; it says {}", quoted(&template.example));
    }
    let pauses = owner.moves.iter().find(|it| it.is_up() && it.labels.name().contains("gc_"));
    if let Some(pauses) = pauses {
        draft.weigh(0.4, pauses.strength());
        draft.cite(docket.movement(pauses));
    }
    let summary = format!(
        "Memory of {} grows steadily since {}, from {} to {}{limit_text}.",
        plain(&owner.name),
        clock(it.onset),
        value(&it.labels, it.before),
        value(&it.labels, it.during),
    );
    vec![draft.finish(&owner.name, FaultClass::MemoryLeak, it.labels.to_string(), summary)]
}
