//! Does a disk fill?

use signal::{FaultClass, Role};

use super::Draft;
use crate::docket::Docket;
use crate::facts::{Facts, Owner};
use crate::movement::Movement;
use crate::phrase::{clock, plain, quoted, value};
use crate::rank::Hypothesis;

/// What somebody says who cannot write.
const WORDS: [&str; 5] = ["no space left", "disk full", "disk is full", "enospc", "quota exceeded"];

pub(super) fn hypotheses(owner: &Owner, facts: &Facts, docket: &mut Docket<'_>) -> Vec<Hypothesis> {
    let percent = |it: &&Movement| it.labels.name().contains("percent") || it.during <= 100.0 && it.during > 1.0;
    let Some(it) = owner.rising(Role::Disk).filter(percent).find(|it| it.during - it.before >= 2.0) else {
        return vec![];
    };
    let mut draft = Draft::new(-2.8, it.onset);
    draft.weigh(1.2, it.climb);
    draft.weigh(1.0, (it.during - it.before) / 10.0);
    draft.weigh(0.8, (it.during - 70.0) / 20.0);
    draft.weigh(0.5, facts.earliness(it.onset));
    draft.cite(docket.movement(it));
    // Who writes says so in the log of a service, not of the host.
    let neighbors = owner.neighbors.iter().filter_map(|name| facts.owners.get(name));
    let lines = neighbors.chain([owner]).find_map(|it| it.template_with(&WORDS));
    let mut said = String::new();
    if let Some(template) = lines {
        draft.weigh(1.6, 1.0);
        draft.cite(docket.template(template));
        said = format!("; {} says {}", quoted(&template.service), quoted(&template.example));
    }
    let written = owner.rising(Role::Traffic).find(|it| it.labels.name().contains("written"));
    if let Some(written) = written {
        draft.weigh(0.7, written.strength());
        draft.cite(docket.movement(written));
    }
    let loud = |it: &&Owner| it.rising_templates().any(|template| template.after_per_minute > 120.0);
    let writer = owner.neighbors.iter().filter_map(|name| facts.owners.get(name)).find(loud);
    if let Some(template) = writer.and_then(|it| it.rising_templates().find(|it| it.after_per_minute > 120.0)) {
        draft.cite(docket.template(template));
        said = format!("{said}; {} writes far more log lines than before", quoted(&template.service));
    }
    let mount = it.labels.get("mount").map_or_else(String::new, |it| format!(" {}", quoted(it)));
    let summary = format!(
        "Disk{mount} of {} fills since {}: from {} to {}{said}.",
        plain(&owner.name),
        clock(it.onset),
        value(&it.labels, it.before),
        value(&it.labels, it.during),
    );
    vec![draft.finish(&owner.name, FaultClass::DiskFilling, it.labels.to_string(), summary)]
}
