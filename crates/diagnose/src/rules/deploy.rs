//! Did a new version or configuration bring it? Only if something in that very service changed right after it.

use signal::{Change, ChangeKind, EvidenceId, FaultClass, LogLevel, Timestamp};

use super::Draft;
use crate::docket::Docket;
use crate::facts::{Facts, Owner};
use crate::movement::Movement;
use crate::phrase::{clock, number, plain, quoted, value};
use crate::rank::Hypothesis;

/// What begins later than this after a change is hardly its effect.
const EFFECT_SECS: f64 = 180.0;
/// Clocks of pipeline and service may differ by so much.
const SKEW_SECS: f64 = 5.0;

/// A change, or a version that appeared without one being told.
struct News<'a> {
    time: Timestamp,
    change: Option<&'a Change>,
    version: Option<&'a (signal::Labels, Timestamp)>,
}

pub(super) fn hypotheses(owner: &Owner, facts: &Facts, docket: &mut Docket<'_>) -> Vec<Hypothesis> {
    let told = owner.changes.iter().map(|it| News { time: it.time, change: Some(it), version: owner.versions.first() });
    let seen = owner.versions.iter().map(|it| News { time: it.1, change: None, version: Some(it) });
    let news: Vec<News<'_>> = if owner.changes.is_empty() { seen.collect() } else { told.collect() };
    let rated = news.into_iter().filter_map(|it| hypothesis(owner, &it, facts, docket));
    rated.max_by(|a, b| a.logit.total_cmp(&b.logit)).into_iter().collect()
}

fn hypothesis(owner: &Owner, news: &News<'_>, facts: &Facts, docket: &mut Docket<'_>) -> Option<Hypothesis> {
    let follows = |onset: Timestamp| (-SKEW_SECS..=EFFECT_SECS).contains(&onset.secs_since(news.time));
    let trouble = owner
        .own_trouble()
        .filter(|it| !it.is_old && follows(it.onset))
        .max_by(|a, b| a.strength().total_cmp(&b.strength()));
    let bad_lines = |it: &&signal::TemplateChange| it.level >= LogLevel::Warn && follows(it.onset);
    let template = owner.rising_templates().find(bad_lines);
    if trouble.is_none() && template.is_none() {
        return None;
    }
    let onset = trouble.map(|it| it.onset).into_iter().chain(template.map(|it| it.onset)).min().unwrap_or(news.time);
    let mut draft = Draft::new(-3.0, onset);
    draft.cite(citation(news, docket)?);
    draft.weigh(1.4, (-onset.secs_since(news.time).max(0.0) / 45.0).exp());
    draft.weigh(1.4, trouble.map_or(0.0, Movement::strength));
    draft.weigh(0.4, facts.earliness(onset));
    draft.weigh(0.4, f64::from(u8::from(news.version.is_some())));
    if let Some(it) = trouble {
        draft.cite(docket.movement(it));
    }
    if let Some(template) = template {
        draft.weigh(1.8, if template.level >= LogLevel::Error { 1.0 } else { 0.4 });
        draft.cite(docket.template(template));
    }
    if let (Some((labels, onset)), Some(_)) = (news.version, news.change) {
        draft.cite(docket.version(labels, *onset));
    }
    // A callee that got slow at the same time explains latency and time-outs, and the change is a coincidence.
    if owner.bad_calls().any(|(_, it)| it.strength() > 0.3 && it.onset.secs_since(onset) < SKEW_SECS) {
        draft.logit -= 1.5;
    }
    if news.change.is_some_and(|it| it.kind == ChangeKind::Other) {
        draft.logit -= 0.7;
    }
    let indicator = news.change.map_or_else(|| citation_text(news), |it| plain(&it.title));
    Some(draft.finish(&owner.name, FaultClass::BadDeploy, indicator, summary(owner, news, trouble, template, onset)))
}

fn citation(news: &News<'_>, docket: &mut Docket<'_>) -> Option<EvidenceId> {
    match (news.change, news.version) {
        (Some(change), _) => Some(docket.change(change)),
        (None, Some((labels, onset))) => Some(docket.version(labels, *onset)),
        (None, None) => None,
    }
}

fn citation_text(news: &News<'_>) -> String {
    news.version.map_or_else(String::new, |(labels, _)| labels.to_string())
}

fn summary(
    owner: &Owner,
    news: &News<'_>,
    trouble: Option<&Movement>,
    template: Option<&signal::TemplateChange>,
    onset: Timestamp,
) -> String {
    let what = news.change.map_or_else(
        || {
            let version = news.version.and_then(|(labels, _)| labels.get("version")).unwrap_or("");
            format!("version {} appeared", quoted(version))
        },
        |it| quoted(&it.title),
    );
    let moved = trouble.map_or_else(String::new, |it| {
        let name = quoted(it.labels.name());
        format!(": {name} went from {} to {}", value(&it.labels, it.before), value(&it.labels, it.during))
    });
    let said = template.map_or_else(String::new, |it| format!("; new lines say {}", quoted(&it.example)));
    format!(
        "{} was changed at {} ({what}), and {} s later its trouble began{moved}{said}.",
        plain(&owner.name),
        clock(news.time),
        number(onset.secs_since(news.time).max(0.0)),
    )
}
